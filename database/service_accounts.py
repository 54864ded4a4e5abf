"""Accounts of services: rows of `people` that nobody is. They have a role, teams and keys, and no password."""

from typing import Any
from uuid import UUID, uuid4

from database.audit import authored
from database.idempotency import RequestKey, create_once
from database.people import PERSON, PersonRecord, change_person, insert_person, person_of
from database.pool import Connection, Pool
from domain.audit import Author
from domain.errors import NotFoundError
from domain.ids import PersonId
from domain.people import Role
from domain.ticket import Slug

DOMAIN = "service.invalid"
"""A domain that can never be (RFC 6761): nobody gets mail there, and nobody can register with such an address."""
_SELECT = f"select {PERSON} from people p where p.kind = 'service'"


class ServiceAccountStore:
    """Accounts of services in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(self, after: PersonId | None, limit: int) -> list[PersonRecord]:
        """Accounts in the order of their ids."""
        rows = await self._pool.fetch(
            f"{_SELECT} and ($1::uuid is null or p.id > $1) order by p.id limit $2", after, limit
        )
        return [person_of(row) for row in rows]

    async def read(self, account: PersonId) -> PersonRecord:
        """Raises NotFoundError."""
        return await _read(self._pool, account)

    async def add(
        self, name: str, role: Role, teams: tuple[Slug, ...], by: Author, key: RequestKey | None = None
    ) -> PersonRecord:
        """Add an account. Harmless to repeat under a key. Raises UnknownReferenceError for an unknown team."""

        async def create(connection: Connection) -> dict[str, Any]:
            id = PersonId(uuid4())
            await insert_person(connection, f"{id}@{DOMAIN}", name, role, None, teams, id=id, kind="service")
            return {"id": str(id)}

        answer = await create_once(self._pool, key, create, by)
        return await self.read(PersonId(UUID(answer["id"])))

    async def change(
        self,
        account: PersonId,
        by: Author,
        *,
        name: str | None = None,
        role: Role | None = None,
        teams: tuple[Slug, ...] | None = None,
        is_active: bool | None = None,
    ) -> PersonRecord:
        """Change what is given; it counts at once, on open streams too. Raises NotFoundError, and
        UnknownReferenceError for an unknown team."""
        async with authored(self._pool, by) as connection:
            await change_person(
                connection, account, by, name=name, role=role, teams=teams, is_active=is_active, kind="service"
            )
            return await _read(connection, account)


async def _read(connection: "Connection | Pool", account: PersonId) -> PersonRecord:
    row = await connection.fetchrow(f"{_SELECT} and p.id = $1", account)
    if row is None:
        raise NotFoundError("There is no such service account.")
    return person_of(row)
