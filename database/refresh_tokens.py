"""Refresh tokens: the family of each session, of which one member at a time is good for use."""

import hashlib
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg

from database.credentials import CredentialId
from database.pool import Connection, Pool
from database.sessions import open_session, revoke_sessions
from domain.errors import RefreshInvalidError, RefreshReusedError
from domain.ids import PersonId
from domain.session import REFRESH_LIFETIME, RefreshOutcome, RefreshState, refresh_outcome, session_end

REUSED = "refresh_token_reused"
"""Why a session ended, as it is written down."""


class Refreshed(NamedTuple):
    """Whose session goes on, and until when."""

    person: PersonId
    session: CredentialId
    until: datetime


_LOCK = """
select from sessions where id = (select session_id from refresh_tokens where hash = $1) for no key update
"""
"""SQL: keeps the session of a token locked, so that uses of one family come one after the other."""
_FIND = """
select t.id, t.session_id, t.used_at, t.replaced_by, s.person_id, s.created_at as began,
    t.expires_at > $2 and s.expires_at > $2 and s.revoked_at is null and s.secret_hash is null and p.is_active
    as is_good
from refresh_tokens t join sessions s on s.id = t.session_id join people p on p.id = s.person_id
where t.hash = $1
"""
"""SQL: a token with its session. Asked after locking it, it sees what whoever was quicker has done."""
_TAKE = "update refresh_tokens set used_at = $2, replaced_by = $3 where id = $1 and used_at is null returning true"
"""SQL: decides who is first."""


class RefreshTokenStore:
    """Refresh tokens in PostgreSQL, as SHA-256: with 256 random bits each, nothing slower is needed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(
        self,
        person: PersonId,
        token: str,
        now: datetime,
        address: str = "",
        user_agent: str = "",
        version: int | None = None,
    ) -> CredentialId:
        """Begin a session with its first token, as `open_session` does."""
        async with self._pool.acquire() as connection, connection.transaction():
            session = await open_session(
                connection, person, now + REFRESH_LIFETIME, address, user_agent, version=version
            )
            await _insert(connection, uuid4(), session.id, token, now + REFRESH_LIFETIME)
        return session

    async def use(self, token: str, successor: str, now: datetime) -> Refreshed:
        """Exchange a token for its successor.

        Raises RefreshInvalidError for a token that is none or whose session is over, and RefreshReusedError for one
        that somebody else has used; its session is revoked then.
        """
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                await connection.execute(_LOCK, digest(token))
                found = await connection.fetchrow(_FIND, digest(token), now)
                if found is None or not found["is_good"]:
                    raise RefreshInvalidError("This refresh token is not valid any more; sign in again.")
                refreshed = await self._exchange(connection, found, successor, now)
            if refreshed is None:
                raise RefreshReusedError("This refresh token was used before; the session has ended. Sign in again.")
            return refreshed

    async def _exchange(
        self, connection: Connection, found: asyncpg.Record, successor: str, now: datetime
    ) -> Refreshed | None:
        """The session that goes on; None when it was ended, which is to be committed."""
        new, session, person = uuid4(), found["session_id"], PersonId(found["person_id"])
        until = session_end(found["began"], now)
        if await connection.fetchval(_TAKE, found["id"], now, new) is None:
            is_used: bool = await connection.fetchval(
                "select used_at is not null from refresh_tokens where id = $1", found["replaced_by"]
            )
            outcome = refresh_outcome(RefreshState(found["used_at"], is_used), now)
            if outcome is RefreshOutcome.THEFT:
                await end_stolen_session(connection, person, session)
                return None
            await connection.fetchval(_TAKE, found["replaced_by"], now, new)
            await connection.execute("update refresh_tokens set replaced_by = $2 where id = $1", found["id"], new)
        await _insert(connection, new, session, successor, until)
        await connection.execute(
            "update sessions set last_used_at = $2, expires_at = $3 where id = $1", session, now, until
        )
        return Refreshed(person, CredentialId("session", session), until)


async def end_stolen_session(connection: Connection, person: PersonId, session: UUID) -> None:
    """Somebody has a copy of a session's refresh token: the session ends within the caller's transaction."""
    await revoke_sessions(connection, person, REUSED, only=session)


async def _insert(connection: Connection, id: UUID, session: UUID, token: str, until: datetime) -> None:
    await connection.execute(
        "insert into refresh_tokens (id, session_id, hash, expires_at) values ($1, $2, $3, $4)",
        id,
        session,
        digest(token),
        until,
    )


def digest(token: str) -> bytes:
    """What is stored of a secret that was made by chance."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
