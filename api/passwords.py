"""Passwords, hashed with argon2id in a thread, as many at once as there are processors."""

import asyncio
import os

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher


class Passwords:
    """Hashes and verifies. The parameters are OWASP's floor for argon2id: 19 MiB, two passes, one lane."""

    def __init__(self) -> None:
        self._hash = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
        self._places = asyncio.Semaphore(os.cpu_count() or 1)
        self._nobody = self._hash.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        async with self._places:
            return await asyncio.to_thread(self._hash.hash, password.encode("utf-8", "surrogatepass"))

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Whether it is right, and a fresh hash when the stored one is outdated. An unknown person costs the same."""
        secret = password.encode("utf-8", "surrogatepass")  # no valid Unicode is a wrong password, not a fault
        async with self._places:
            is_right, fresh = await asyncio.to_thread(self._hash.verify_and_update, secret, hashed or self._nobody)
        return is_right and hashed is not None, fresh
