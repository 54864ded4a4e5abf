"""Sign-ins at identity providers that are under way, in rows, so that every API process can end what another began.

Each row is good for one use: it is deleted as it is read. Secrets are kept as their SHA-256.
"""

import hashlib
from datetime import datetime
from typing import NamedTuple

from database.pool import Pool
from domain.ids import PersonId


class Attempt(NamedTuple):
    """A sign-in that was begun in a browser."""

    provider: str
    state: str
    nonce: str
    code_verifier: str
    """Ours, for the provider (PKCE)."""
    return_to: str
    code_challenge: str
    """The app's, for us: SHA-256 of what it shows when it fetches its tokens. Empty for a browser: it gets cookies."""


class SignInCode(NamedTuple):
    """What an app exchanges for tokens."""

    person: PersonId
    code_challenge: str


class OidcSignInStore:
    """Sign-ins under way in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(self, secret: str, attempt: Attempt, now: datetime, until: datetime) -> None:
        """Remember an attempt by the secret that its browser has; forget those whose time is over."""
        await self._pool.execute("delete from oidc_attempts where expires_at <= $1", now)
        await self._pool.execute(
            "insert into oidc_attempts (secret_hash, provider, state, nonce, code_verifier, return_to, code_challenge, "
            "expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
            _hash(secret),
            *attempt,
            until,
        )

    async def take(self, secret: str, now: datetime) -> Attempt | None:
        """The attempt of that browser, once."""
        row = await self._pool.fetchrow(
            "delete from oidc_attempts where secret_hash = $1 returning provider, state, nonce, code_verifier, "
            "return_to, code_challenge, expires_at",
            _hash(secret),
        )
        return None if row is None or row["expires_at"] <= now else Attempt(*tuple(row)[:-1])

    async def put_code(self, code: str, sign_in: SignInCode, now: datetime, until: datetime) -> None:
        """Remember what a code is good for; forget those whose time is over."""
        await self._pool.execute("delete from oidc_codes where expires_at <= $1", now)
        await self._pool.execute(
            "insert into oidc_codes (code_hash, person_id, code_challenge, expires_at) values ($1, $2, $3, $4)",
            _hash(code),
            *sign_in,
            until,
        )

    async def take_code(self, code: str, now: datetime) -> SignInCode | None:
        """What the code is good for, once."""
        row = await self._pool.fetchrow(
            "delete from oidc_codes where code_hash = $1 returning person_id, code_challenge, expires_at", _hash(code)
        )
        if row is None or row["expires_at"] <= now:
            return None
        return SignInCode(PersonId(row["person_id"]), row["code_challenge"])


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
