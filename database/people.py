"""People, and categories."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid4

import asyncpg

from database.agent_rows import OWNED
from database.audit import authored
from database.bell import ACCESS_BELL, BELL, CALL_DISPATCHERS
from database.idempotency import RequestKey, create_once
from database.pool import Connection, Pool
from domain.access import Reader
from domain.audit import Author
from domain.email_address import email_key
from domain.errors import AgentOwnsTicketsError, AlreadyExistsError, NotFoundError, UnknownReferenceError
from domain.ids import PersonId
from domain.people import Role
from domain.ticket import Slug

Kind = Literal["person", "service"]
DEFAULT_TIER: Slug = "standard"
NAMED_TICKETS = 20
"""How many tickets a refusal names at most."""


class PersonRecord(NamedTuple):
    id: PersonId
    email: str
    name: str
    role: Role
    teams: tuple[Slug, ...]
    is_active: bool
    password_hash: str | None
    """None: there is no password to sign in with."""
    tier: Slug
    kind: Kind
    organisation: Slug | None
    sees_organisation: bool
    email_verified_at: datetime | None
    credential_version: int = 0
    """How often the password was set."""

    @property
    def reader(self) -> Reader:
        return Reader(
            id=self.id,
            role=self.role,
            teams=frozenset(self.teams),
            organisation=self.organisation if self.sees_organisation else None,
            is_service=self.kind == "service",
        )


class NamedSlug(NamedTuple):
    """A category."""

    slug: Slug
    name: str


PERSON = """
p.id, p.email, p.name, p.role,
    array(select m.team from team_members m where m.person_id = p.id order by m.team) as teams,
    p.is_active, p.password_hash, p.tier, p.kind, p.organisation, p.sees_organisation, p.email_verified_at,
    p.credential_version
"""
"""SQL: the columns of a PersonRecord, of `people p`."""
_SELECT = f"select {PERSON} from people p"
_CHANGED = f"""
with event as (
    insert into events (topic, type, at, actor_kind, actor_id, actor_role, internal, person_id, data)
    values ('people', 'person.changed', now(), coalesce($4, (select case kind when 'service' then 'integration'
        else 'person' end from people where id = $2), 'integration'), $2, $3, true, $1, '{{}}')
)
select pg_notify('{BELL}', ''), pg_notify('{ACCESS_BELL}', $1::uuid::text), {CALL_DISPATCHERS}
"""


class PeopleStore:
    """People in PostgreSQL. A change of role, teams or activity is an event too: open streams follow it at once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, person: PersonId) -> PersonRecord | None:
        row = await self._pool.fetchrow(f"{_SELECT} where p.id = $1", person)
        return None if row is None else person_of(row)

    async def read_all(self, people: Sequence[PersonId]) -> list[PersonRecord]:
        """Those of the people that there are, by name."""
        rows = await self._pool.fetch(f"{_SELECT} where p.id = any($1::uuid[]) order by p.name, p.id", list(people))
        return [person_of(row) for row in rows]

    async def find_by_email(self, email: str) -> PersonRecord | None:
        """The person of this address; accounts of services have none to be found by."""
        row = await self._pool.fetchrow(f"{_SELECT} where p.email_key = $1 and p.kind = 'person'", email_key(email))
        return None if row is None else person_of(row)

    async def find_by_emails(self, emails: Sequence[str]) -> list[PersonRecord]:
        """The people of these addresses, as far as there are any, by name."""
        rows = await self._pool.fetch(
            f"{_SELECT} where p.email_key = any($1::text[]) and p.kind = 'person' order by p.name, p.id",
            [email_key(email) for email in emails],
        )
        return [person_of(row) for row in rows]

    async def page(self, after: PersonId | None, limit: int) -> list[PersonRecord]:
        """People in the order of their ids, without the accounts of services."""
        rows = await self._pool.fetch(
            f"{_SELECT} where p.kind = 'person' and ($1::uuid is null or p.id > $1) order by p.id limit $2",
            after,
            limit,
        )
        return [person_of(row) for row in rows]

    async def add(
        self,
        email: str,
        name: str,
        role: Role,
        password_hash: str,
        teams: tuple[Slug, ...] = (),
        key: RequestKey | None = None,
        *,
        tier: Slug = DEFAULT_TIER,
        organisation: Slug | None = None,
        sees_organisation: bool = False,
        by: Author | None = None,
    ) -> PersonRecord:
        """Add a person. Raises AlreadyExistsError for a known address, UnknownReferenceError for an unknown team or
        organisation."""

        async def create(connection: Connection) -> dict[str, Any]:
            person = await insert_person(connection, email, name, role, password_hash, teams, tier)
            await set_organisation(connection, person, organisation, sees_all=sees_organisation)
            return {"id": str(person)}

        try:
            answer = await create_once(self._pool, key, create, by)
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExistsError("Somebody with this e-mail address exists already.") from error
        found = await self.read(PersonId(UUID(answer["id"])))
        if found is None:
            raise NotFoundError("There is no such person any more.")
        return found

    async def change(
        self,
        person: PersonId,
        by: Author,
        *,
        name: str | None = None,
        role: Role | None = None,
        is_active: bool | None = None,
        teams: tuple[Slug, ...] | None = None,
        tier: Slug | None = None,
        organisation: Slug | None = None,
        leaves_organisation: bool = False,
        sees_organisation: bool | None = None,
        leaves_tickets: bool = False,
    ) -> PersonRecord:
        """Change what is given, as `change_person` does. Raises UnknownReferenceError for an unknown organisation."""
        async with authored(self._pool, by) as connection:
            await lock_agent(connection, person)
            await change_person(
                connection,
                person,
                by,
                name=name,
                role=role,
                is_active=is_active,
                teams=teams,
                tier=tier,
                leaves_tickets=leaves_tickets,
            )
            if organisation is not None or leaves_organisation or sees_organisation is not None:
                await set_organisation(
                    connection, person, organisation, sees_all=sees_organisation, leaves=leaves_organisation
                )
            row = await connection.fetchrow(f"{_SELECT} where p.id = $1", person)
        if row is None:
            raise NotFoundError("There is no such person.")
        return person_of(row)

    async def rehash(self, person: PersonId, known: str, fresh: str, by: Author) -> None:
        """Keep the same password under other parameters, unless another one was set meanwhile."""
        async with authored(self._pool, by) as connection:
            await connection.execute(
                "update people set password_hash = $3, updated_at = now() where id = $1 and password_hash = $2",
                person,
                known,
                fresh,
            )


class CategoryStore:
    """Categories: slugs with a name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> list[NamedSlug]:
        """The categories by slug."""
        rows = await self._pool.fetch("select slug, name from categories order by slug")
        return [NamedSlug(*row.values()) for row in rows]

    async def add(self, slug: Slug, name: str, by: Author, key: RequestKey | None = None) -> NamedSlug:
        """Raises AlreadyExistsError for a known slug."""

        async def create(connection: Connection) -> dict[str, Any]:
            await connection.execute("insert into categories (slug, name) values ($1, $2)", slug, name)
            return {"slug": slug}

        try:
            await create_once(self._pool, key, create, by)
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExistsError(f"{slug} exists already.") from error
        return NamedSlug(slug, name)


async def insert_person(
    connection: Connection,
    email: str,
    name: str,
    role: Role,
    password_hash: str | None,
    teams: tuple[Slug, ...],
    tier: Slug = DEFAULT_TIER,
    *,
    id: PersonId | None = None,
    kind: Kind = "person",
    is_verified: bool = True,
) -> PersonId:
    """Add a person, under this id or a new one, within the caller's transaction. An address that an admin gives counts
    as verified."""
    person = id or PersonId(uuid4())
    await connection.execute(
        "insert into people (id, email, email_key, name, role, password_hash, tier, kind, email_verified_at) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, case when $9 then now() end)",
        person,
        email,
        email_key(email),
        name,
        role,
        password_hash,
        tier,
        kind,
        is_verified,
    )
    await _set_teams(connection, person, teams)
    return person


async def set_organisation(
    connection: Connection, person: PersonId, slug: Slug | None, *, sees_all: bool | None, leaves: bool = False
) -> None:
    """Put somebody into an organisation (or out of it, with `leaves`), and say whether they see the tickets of all of
    it; None leaves either as it is. Raises UnknownReferenceError for an unknown organisation."""
    try:
        await connection.execute(
            "update people set organisation = case when $4 then null else coalesce($2, organisation) end, "
            "sees_organisation = coalesce($3, sees_organisation) where id = $1",
            person,
            slug,
            sees_all,
            leaves,
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise UnknownReferenceError(f"There is no organisation {slug}.") from error


async def lock_agent(connection: Connection, person: PersonId) -> None:
    """Wait for whoever changes the agent, or gives them a ticket, and keep the next one waiting until this transaction
    is over. It is the first lock that each of them takes, so that none waits for another one in a circle."""
    await connection.execute("select from agents where person_id = $1 for update", person)


async def change_person(
    connection: Connection,
    person: PersonId,
    by: Author,
    *,
    name: str | None = None,
    role: Role | None = None,
    is_active: bool | None = None,
    teams: tuple[Slug, ...] | None = None,
    tier: Slug | None = None,
    leaves_tickets: bool = False,
    kind: Kind = "person",
) -> None:
    """Change what is given within the caller's transaction, which has locked the agent.

    Raises NotFoundError when there is nobody of that kind, UnknownReferenceError for an unknown team, and
    AgentOwnsTicketsError when somebody with open tickets leaves the desk, unless they may leave them behind.
    """
    found = await connection.fetchval(
        "update people set name = coalesce($2, name), role = coalesce($3, role), "
        "is_active = coalesce($4, is_active), tier = coalesce($5, tier), updated_at = now() "
        "where id = $1 and kind = $6 returning id",
        person,
        name,
        role,
        is_active,
        tier,
        kind,
    )
    if found is None:
        raise NotFoundError("There is no such person.")
    if (is_active is False or role is Role.REQUESTER) and not leaves_tickets:
        await check_owns_nothing(connection, person)
    if teams is not None:
        await connection.execute(
            "delete from team_members where person_id = $1 and team <> all($2::text[])", person, list(teams)
        )
        await _set_teams(connection, person, teams)
    await tell_person_changed(connection, person, by)


async def tell_person_changed(connection: Connection, person: PersonId, by: Author | None) -> None:
    """Write down within the caller's transaction that somebody changed: open streams follow their rights, and whoever
    dispatches looks again. Without `by` the desk's own clockwork did it."""
    kind = "timer" if by is None else None
    by = by or Author()
    await connection.execute(_CHANGED, person, by.id, by.role, kind)


async def check_owns_nothing(connection: Connection, person: PersonId) -> None:
    """Raises AgentOwnsTicketsError when somebody has open tickets."""
    numbers = [row["number"] for row in await connection.fetch(OWNED, person)]
    if not numbers:
        return
    named = ", ".join(str(number) for number in numbers[:NAMED_TICKETS])
    more = f" and {len(numbers) - NAMED_TICKETS} more" if len(numbers) > NAMED_TICKETS else ""
    many = f"{len(numbers)} open ticket{'s' if len(numbers) > 1 else ''}"
    raise AgentOwnsTicketsError(
        f"They own {many}: {named}{more}. Hand them on first, or send `tickets=return` to return them to their queues."
    )


async def _set_teams(connection: Connection, person: PersonId, teams: tuple[Slug, ...]) -> None:
    try:
        await connection.executemany(
            "insert into team_members (person_id, team) values ($1, $2) on conflict do nothing",
            [(person, team) for team in sorted(set(teams))],
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise UnknownReferenceError("There is no such team.") from error


def person_of(row: asyncpg.Record) -> PersonRecord:
    """The person from a row that begins with PERSON; further columns are ignored."""
    record = PersonRecord._make(row[: len(PersonRecord._fields)])
    return record._replace(role=Role(record.role), teams=tuple(record.teams))
