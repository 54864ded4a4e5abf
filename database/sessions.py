"""Sessions: what somebody who signed in holds until they sign out, or are signed out.

A session ends in one transaction with what tells every process: the bell of rights, which makes them ask anew, and an
event, by which open streams end.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from database.credentials import CredentialId
from database.people import tell_person_changed
from database.pool import Connection, Pool
from domain.audit import Author
from domain.errors import InvalidCredentialsError
from domain.ids import PersonId
from domain.people import Role

LONGEST_USER_AGENT = 300
_VERSION = "select credential_version from people where id = $1 for share"


class SessionRecord(NamedTuple):
    """A session in force, as its owner sees it."""

    id: UUID
    created_at: datetime
    last_used_at: datetime | None
    """When it was refreshed last; None for one that never was."""
    expires_at: datetime
    address: str
    user_agent: str
    is_browser: bool


class SessionStore:
    """Sessions in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(
        self,
        person: PersonId,
        until: datetime,
        address: str = "",
        user_agent: str = "",
        secret_hash: bytes | None = None,
        version: int | None = None,
    ) -> CredentialId:
        """Begin a session as `open_session` does. With a secret it is a browser's."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await open_session(connection, person, until, address, user_agent, secret_hash, version)

    async def all_of(self, person: PersonId) -> list[SessionRecord]:
        """The sessions in force, the newest first."""
        rows = await self._pool.fetch(
            "select id, created_at, last_used_at, expires_at, address, user_agent, secret_hash is not null "
            "from sessions where person_id = $1 and revoked_at is null and expires_at > now() order by created_at desc",
            person,
        )
        return [SessionRecord(*row.values()) for row in rows]

    async def revoke(self, person: PersonId, session: UUID, because: str) -> bool:
        """End one session of theirs; False when there is none in force. Repeating it changes nothing."""
        async with self._pool.acquire() as connection, connection.transaction():
            return bool(await revoke_sessions(connection, person, because, only=session))

    async def revoke_all(self, person: PersonId, because: str) -> int:
        """End all sessions of theirs; how many there were."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await revoke_sessions(connection, person, because)

    async def is_known_from(self, person: PersonId | None, address: str) -> bool:
        """Whether they signed in from this address in the last 90 days."""
        is_known: bool = await self._pool.fetchval(
            "select exists(select from sessions where person_id = $1 and address = $2 "
            "and created_at > now() - interval '90 days')",
            person,
            address,
        )
        return is_known


async def open_session(
    connection: Connection,
    person: PersonId,
    until: datetime,
    address: str,
    user_agent: str,
    secret_hash: bytes | None = None,
    version: int | None = None,
) -> CredentialId:
    """Begin a session of somebody who has just proven who they are, within the caller's transaction.

    With the credential version of that proof: whoever changes the password at this moment either ends this session too,
    or keeps it from beginning. Raises InvalidCredentialsError then.
    """
    if version is not None and version != await connection.fetchval(_VERSION, person):
        raise InvalidCredentialsError("The password was changed in this moment; sign in again.")
    session = CredentialId("session", uuid4())
    await connection.execute(
        "insert into sessions (id, person_id, expires_at, address, user_agent, secret_hash) "
        "values ($1, $2, $3, $4, $5, $6)",
        session.id,
        person,
        until,
        address,
        user_agent[:LONGEST_USER_AGENT],
        secret_hash,
    )
    return session


async def revoke_sessions(
    connection: Connection, person: PersonId, because: str, *, only: UUID | None = None, but: UUID | None = None
) -> int:
    """End sessions within the caller's transaction: all of them, only one, or all but one; how many there were."""
    rows = await connection.fetch(
        "update sessions set revoked_at = now(), revoked_because = $4 where person_id = $1 and revoked_at is null "
        "and ($2::uuid is null or id = $2) and ($3::uuid is null or id <> $3) returning id",
        person,
        only,
        but,
        because,
    )
    if rows:
        await tell_account_changed(connection, person)
    return len(rows)


async def tell_account_changed(connection: Connection, person: PersonId) -> None:
    """Tell every process within the caller's transaction that somebody's account changed by their own hand."""
    role = Role(await connection.fetchval("select role from people where id = $1", person))
    await tell_person_changed(connection, person, Author(person, role))
