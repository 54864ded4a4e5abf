"""Second factors: time-based codes (RFC 6238), and recovery codes for whoever lost the device that makes them."""

import base64
import hmac
import secrets
from datetime import datetime
from typing import NamedTuple

import pyotp

from api.credentials.factor_cipher import FactorCipher
from database.refresh_tokens import digest
from database.second_factors import FactorRecord, SecondFactorStore
from domain.audit import Author
from domain.errors import ConflictError, SecondFactorInvalidError
from domain.ids import PersonId

ISSUER = "Smart Ticketing"
STEP_SECONDS = 30
DRIFT_STEPS = 1
"""A code is taken half a minute early or late, for clocks that go wrong."""
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
"""80 random bits: nobody guesses them, so that SHA-256 keeps them well enough."""


class NewFactor(NamedTuple):
    secret: str
    otpauth_uri: str


class SecondFactors:
    """Makes and checks second factors."""

    def __init__(self, store: SecondFactorStore, cipher: FactorCipher) -> None:
        self._store = store
        self._cipher = cipher

    async def read(self, person: PersonId) -> FactorRecord | None:
        return await self._store.read(person)

    async def begin(self, person: PersonId, email: str) -> NewFactor:
        """A secret that counts once it is confirmed. Raises ConflictError when a factor is in force."""
        secret = pyotp.random_base32()
        if not await self._store.begin(person, self._cipher.encrypt(person, secret)):
            raise ConflictError("There is a second factor already; remove it first.")
        return NewFactor(secret, pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER))

    async def confirm(self, person: PersonId, code: str, now: datetime, by: Author) -> list[str]:
        """Put the factor in force by its first code; its recovery codes, which are shown only now.

        Raises ConflictError when none waits, SecondFactorInvalidError for a wrong code.
        """
        factor = await self._store.read(person)
        if factor is None or factor.is_confirmed:
            raise ConflictError("No second factor waits to be confirmed.")
        step = matching_step(self._cipher.decrypt(person, factor.secret), code, now)
        if step is None:
            raise SecondFactorInvalidError("The code is wrong, or too old.")
        codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
        digests = [digest(_plain(one)) for one in codes]
        if not await self._store.confirm(person, factor.secret, step, digests, by):
            raise ConflictError("No second factor waits to be confirmed.")
        return codes

    async def use(self, person: PersonId, factor: FactorRecord, code: str, now: datetime) -> None:
        """Take a code, which works once. Raises SecondFactorInvalidError."""
        step = matching_step(self._cipher.decrypt(person, factor.secret), code, now)
        if step is not None:
            is_taken = await self._store.use_step(person, step)
        else:
            is_taken = await self._store.use_recovery_code(person, digest(_plain(code)))
        if not is_taken:
            raise SecondFactorInvalidError("The code is wrong, too old, or was used already.")

    async def remove(self, person: PersonId, by: Author) -> bool:
        """Whether there was one."""
        return await self._store.remove(person, by)


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The 30 seconds that a code is for, counted from 1970; None when it is for none around now."""
    given = "".join(code.split()).encode("utf-8", "surrogatepass")
    totp, this_step = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    for step in range(this_step - DRIFT_STEPS, this_step + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.at(step * STEP_SECONDS).encode(), given):
            return step
    return None


def _new_recovery_code() -> str:
    """Four groups of four letters and digits."""
    text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _plain(code: str) -> str:
    """A recovery code without what people add when they type."""
    return "".join(letter for letter in code.lower() if letter.isalnum())
