"""Agents: everybody of the desk, with what they can do, how much they carry and when they work."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from database.agent_rows import IS_DESK, LOADS, OWNED, SELECT, AgentRecord, agent_of, hours_of, loads_of
from database.audit import authored
from database.events import STREAM_CURSOR, StreamCursor, cursor_of
from database.idempotency import RequestKey, create_once
from database.people import change_person, check_owns_nothing, insert_person, lock_agent, tell_person_changed
from database.pool import Connection, Pool
from database.skills import replace_skills
from database.teams import check_team
from domain.agent import Capacity, Load, Presence
from domain.audit import Author
from domain.business_calendar import BusinessCalendar
from domain.errors import AlreadyExistsError, InvalidError, NotFoundError, StaleRevisionError
from domain.ids import PersonId, TicketNumber
from domain.people import Role
from domain.skill import SkillNeed, needed
from domain.ticket import Slug

NOT_OURS = "This cursor was not made by this list."
_KEEP = """
update agents set
    capacity_tickets = $2, capacity_minutes = $3, weights = $4::jsonb, seniority = coalesce($5, seniority),
    specialisations = coalesce($6, specialisations), working_hours = case when $7 then $8::jsonb else working_hours end
where person_id = $1
"""


class NewAgent(NamedTuple):
    """Who is to join the desk."""

    email: str
    name: str
    role: Role
    password_hash: str


class AgentChange(NamedTuple):
    """What is to be changed of an agent; None stays as it is."""

    name: str | None = None
    is_active: bool | None = None
    teams: tuple[Slug, ...] | None = None
    seniority: int | None = None
    specialisations: tuple[Slug, ...] | None = None
    capacity: Callable[[Capacity], Capacity] | None = None
    """What to make of the present capacity."""
    working_hours: BusinessCalendar | None = None
    clears_working_hours: bool = False
    leaves_tickets: bool = False
    """Whether somebody who leaves the desk may leave open tickets behind, for the caller to return to their queues."""


class AgentFilter(NamedTuple):
    """What a page is narrowed to; None and empty mean all."""

    team: Slug | None = None
    skill: SkillNeed | None = None
    presence: Sequence[Presence] = ()
    is_active: bool | None = True


class AgentPage(NamedTuple):
    """Some agents, and the stream's cursor from before they were read."""

    items: list[AgentRecord]
    next_cursor: str | None
    stream_cursor: StreamCursor


class AgentStore:
    """Agents in PostgreSQL. Presence is not changed here: that is their workflow's alone."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, agent: PersonId) -> AgentRecord:
        """Raises NotFoundError when the person is nobody of the desk."""
        return await _read(self._pool, agent)

    async def page(self, wanted: AgentFilter, limit: int, cursor: str | None) -> AgentPage:
        """Agents by name. Raises InvalidError for a foreign cursor, UnknownReferenceError for an unknown team."""
        if wanted.team is not None:
            await check_team(self._pool, wanted.team)
        after = (None, None) if cursor is None else _decode(cursor)
        skill, level = (None, None) if wanted.skill is None else needed(wanted.skill)
        stream_cursor = await self._pool.fetchval(f"select {STREAM_CURSOR}")
        rows = await self._pool.fetch(
            f"{SELECT} where {IS_DESK} and ($1::boolean is null or p.is_active = $1) "
            "and ($2::text is null or exists (select from team_members m where m.person_id = p.id and m.team = $2)) "
            "and ($3::text is null or exists "
            "(select from agent_skills s where s.person_id = p.id and s.skill = $3 and s.level >= $4)) "
            "and (cardinality($5::text[]) = 0 or a.presence = any($5)) "
            "and ($6::text is null or (p.name, p.id) > ($6, $7::uuid)) order by p.name, p.id limit $8",
            wanted.is_active,
            wanted.team,
            skill,
            level,
            list(wanted.presence),
            *after,
            limit + 1,
        )
        items = [agent_of(row) for row in rows[:limit]]
        return AgentPage(items, _encode(items[-1]) if len(rows) > limit else None, cursor_of(stream_cursor))

    async def of_team(self, team: Slug) -> list[AgentRecord]:
        """The active members of a team, by name."""
        rows = await self._pool.fetch(
            f"{SELECT} where {IS_DESK} and p.is_active "
            "and exists (select from team_members m where m.person_id = p.id and m.team = $1) order by p.name, p.id",
            team,
        )
        return [agent_of(row) for row in rows]

    async def loads(self, agents: Iterable[PersonId]) -> dict[PersonId, Load]:
        """What each of them carries now. Whoever never was of the desk is left out."""
        return loads_of(await self._pool.fetch(LOADS, list(agents)))

    async def owned(self, agent: PersonId) -> list[TicketNumber]:
        """The open tickets that they have, the waiting and snoozed ones too."""
        return [row["number"] for row in await self._pool.fetch(OWNED, agent)]

    async def check_owns_nothing(self, agent: PersonId) -> None:
        """Raises AgentOwnsTicketsError when they have open tickets."""
        async with self._pool.acquire() as connection:
            await check_owns_nothing(connection, agent)

    async def add(
        self, new: NewAgent, plan: AgentChange, skills: Mapping[Slug, int], by: Author, key: RequestKey | None = None
    ) -> AgentRecord:
        """Add a person to the desk with all that is planned for them.

        Harmless to repeat under a key: the person is added once. Raises AlreadyExistsError for a known address,
        UnknownReferenceError for an unknown team.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            agent = await insert_person(connection, *new, plan.teams or ())
            await _keep(connection, agent, Capacity(), plan)
            await replace_skills(connection, agent, skills)
            await tell_person_changed(connection, agent, by)
            return {"id": str(agent)}

        try:
            answer = await create_once(self._pool, key, create, by)
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExistsError("Somebody with this e-mail address exists already.") from error
        return await self.read(PersonId(UUID(answer["id"])))

    async def change(
        self, agent: PersonId, change: AgentChange, by: Author, expected: int | None = None
    ) -> AgentRecord:
        """Change what is given, all or nothing; `expected` is the version that the caller saw, None for any.

        Raises NotFoundError, StaleRevisionError, UnknownReferenceError for an unknown team, and AgentOwnsTicketsError
        when somebody with open tickets is to be deactivated.
        """
        async with authored(self._pool, by) as connection:
            await lock_agent(connection, agent)
            present = await _read(connection, agent)
            if expected is not None and expected != present.version:
                raise StaleRevisionError("Somebody else changed this agent meanwhile; look at them again.")
            await change_person(
                connection,
                agent,
                by,
                name=change.name,
                is_active=change.is_active,
                teams=change.teams,
                leaves_tickets=change.leaves_tickets,
            )
            await _keep(connection, agent, present.capacity, change)
            return await _read(connection, agent)


async def _read(connection: "Connection | Pool", agent: PersonId) -> AgentRecord:
    row = await connection.fetchrow(f"{SELECT} where {IS_DESK} and p.id = $1", agent)
    if row is None:
        raise NotFoundError("There is no such agent.")
    return agent_of(row)


async def _keep(connection: Connection, agent: PersonId, present: Capacity, change: AgentChange) -> None:
    capacity = present if change.capacity is None else change.capacity(present)
    await connection.execute(
        _KEEP,
        agent,
        capacity.tickets,
        capacity.minutes,
        capacity.weights.model_dump_json(),
        change.seniority,
        None if change.specialisations is None else list(dict.fromkeys(change.specialisations)),
        change.working_hours is not None or change.clears_working_hours,
        None if change.working_hours is None else hours_of(change.working_hours),
    )


def _encode(last: AgentRecord) -> str:
    return base64.urlsafe_b64encode(json.dumps([last.name, str(last.id)]).encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str, UUID]:
    try:
        name, id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(name, str) or "\0" in name:
            raise InvalidError(NOT_OURS)
        name.encode()
        return name, UUID(id)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidError(NOT_OURS) from error
