"""Password hashing, off the event loop and a few at a time: one costs about 30 ms of a core."""

import asyncio
import os
from pathlib import Path

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from domain.password import check_password, normalized_password

_COMMON = Path(__file__).parent / "common_passwords.txt"


class Passwords:
    """Hashes and verifies. The parameters are OWASP's floor for argon2id: 19 MiB, two passes, one lane."""

    def __init__(self) -> None:
        self._hash = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
        self._places = asyncio.Semaphore(os.cpu_count() or 1)
        self._nobody = self._hash.hash("nobody has this password")
        self._common = frozenset(_COMMON.read_text().split())

    def check(self, password: str, email: str) -> None:
        """Raises PasswordRefusedError for a password that an account of this address may not have."""
        check_password(password, email, self._common)

    async def hash(self, password: str) -> str:
        async with self._places:
            return await asyncio.to_thread(self._hash.hash, _bytes_of(password))

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Whether it is right, and a fresh hash when the stored one is outdated. An unknown person costs the same."""
        async with self._places:
            is_right, fresh = await asyncio.to_thread(
                self._hash.verify_and_update, _bytes_of(password), hashed or self._nobody
            )
        return is_right and hashed is not None, fresh


def _bytes_of(password: str) -> bytes:
    """What is hashed. No valid Unicode is a wrong password, not a fault."""
    return normalized_password(password).encode("utf-8", "surrogatepass")
