"""What people and services sign in with, as it is checked at each request: sessions and keys, with whose they are."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from database.people import PERSON, PersonRecord, person_of
from database.pool import Pool
from domain.access import Reader
from domain.permissions import Scope


class CredentialId(NamedTuple):
    """Names what somebody signed in with."""

    kind: Literal["session", "key"]
    id: UUID

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> "CredentialId":
        """Raises ValueError for a text that names none."""
        kind, _, id = text.partition(":")
        if kind == "session":
            return cls("session", UUID(id))
        if kind == "key":
            return cls("key", UUID(id))
        raise ValueError(f"no credential is of the kind {kind!r}")


class Principal(NamedTuple):
    """Somebody, as one of their credentials makes them known."""

    credential: CredentialId
    person: PersonRecord
    scopes: frozenset[Scope] | None
    secret_hash: bytes | None
    """SHA-256 of the secret that has to come with the credential; None: it comes in a token that we signed."""
    expires_at: datetime | None
    is_revoked: bool

    @property
    def reader(self) -> Reader:
        return self.person.reader.model_copy(update={"scopes": self.scopes})

    def is_good(self, now: datetime) -> bool:
        """Whether one can sign in with it at that moment."""
        is_over = self.expires_at is not None and self.expires_at <= now
        return self.person.is_active and not self.is_revoked and not is_over


_READ = {
    "session": f"""
    select {PERSON}, null::text[] as scopes, c.secret_hash, c.expires_at, c.revoked_at is not null as is_revoked
    from sessions c join people p on p.id = c.person_id where c.id = $1
    """,
    "key": f"""
    select {PERSON}, c.scopes, c.secret_hash, c.expires_at, c.revoked_at is not null as is_revoked
    from api_keys c join people p on p.id = c.person_id where c.id = $1
    """,
}


class CredentialStore:
    """Reads credentials in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, credential: CredentialId) -> Principal | None:
        """Whom a credential makes known, in one trip; None when there is no such credential."""
        row = await self._pool.fetchrow(_READ[credential.kind], credential.id)
        if row is None:
            return None
        scopes = None if row["scopes"] is None else frozenset(map(Scope, row["scopes"]))
        return Principal(
            credential, person_of(row), scopes, row["secret_hash"], row["expires_at"], is_revoked=row["is_revoked"]
        )
