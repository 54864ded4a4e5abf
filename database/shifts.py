"""Shifts as they are planned and kept: what is read of them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import asyncpg
from pydantic import TypeAdapter

from database.agent_rows import IS_DESK
from database.pool import Pool
from domain.duty import PLAN_REACH, Duty, duty_of, is_on
from domain.errors import InvalidError, NotFoundError
from domain.ids import PersonId, RotaId, ShiftId
from domain.shift import Break, Shift, ShiftStatus
from domain.shift_access import ShiftScope
from domain.ticket import Slug

MAX_COVERING = 1_000
"""Each makes a few more stretches of a coverage, each of which names everybody who is on."""
_BREAKS = TypeAdapter(tuple[Break, ...])
SHIFT = """
s.id, s.agent_id, s.team, s.starts_at, s.ends_at, s.kind, s.status, s.started_at, s.ended_at,
coalesce((
    select jsonb_agg(jsonb_build_object('id', b.id, 'kind', b.kind, 'starts_at', b.starts_at, 'ends_at', b.ends_at,
        'started_at', b.started_at, 'ended_at', b.ended_at) order by b.starts_at, b.id)
    from shift_breaks b where b.shift_id = s.id and not b.is_cancelled), '[]') as breaks
"""
"""The columns that `shift_of` reads, of `shifts s`."""
RECORD = f"""
{SHIFT}, p.name as agent_name, s.rota_id, s.rota_on, s.is_override, s.note, s.version, s.published_at, s.updated_at
"""
"""The columns that `record_of` reads, of `shifts s join people p`."""
_FROM = "from shifts s join people p on p.id = s.agent_id"
_NOT_OVER = "s.ends_at > {at} and s.starts_at > {at} - interval '1 day'"
"""No shift lasts a day; the second half lets an index find the few."""
_IN_TEAM = """
(s.team = {team} or s.team is null
    and exists (select from team_members m where m.person_id = s.agent_id and m.team = {team}))
"""
_SEEN = f"""
($1 or s.published_at is not null and (s.agent_id = $2 or {_IN_TEAM.format(team="any($3::text[])")}))
"""
_PAGE = f"""
select {RECORD} {_FROM}
where {_SEEN} and s.starts_at < $5 and {_NOT_OVER.format(at="$4")}
    and ($6::uuid is null or s.agent_id = $6) and ($7::text is null or {_IN_TEAM.format(team="$7")})
    and s.status = any($8::text[]) and ($9::timestamptz is null or (s.starts_at, s.id) > ($9, $10))
order by s.starts_at, s.id limit $11
"""
_COVERING = f"""
select {SHIFT} {_FROM}
where p.is_active and s.starts_at < $2 and {_NOT_OVER.format(at="$1")}
    and (s.status = 'published' or s.status = 'draft' and $4) and ($3::text is null or {_IN_TEAM.format(team="$3")})
order by s.starts_at, s.id limit $5
"""
_MEMBERS = f"""
select p.id, p.name from people p
where p.is_active and {IS_DESK}
    and ($1::text is null or exists (select from team_members m where m.person_id = p.id and m.team = $1))
    and ($2::uuid[] is null or p.id = any($2))
order by p.name, p.id
"""
_SKILLS = "select person_id, skill, level from agent_skills where person_id = any($1::uuid[])"
_WITHIN = "(s.starts_at < $3 and s.ends_at > $2 or s.started_at < $3 and s.ended_at is null)"
_OF = f"""
select {SHIFT} from shifts s
where s.agent_id = any($1::uuid[]) and (s.status = 'published' or s.status = 'draft' and $4) and {_WITHIN}
order by s.starts_at, s.id
"""
_DECIDING = f"""
select {SHIFT} from unnest($1::uuid[]) as agent cross join lateral (
    (select * from shifts n where n.agent_id = agent and n.status = 'published' and n.ends_at > $2 and n.starts_at < $4
        order by n.ends_at limit 4)
    union
    (select * from shifts l where l.agent_id = agent and l.status = 'published' and l.ends_at <= $2 and l.ends_at > $3
        order by l.ends_at desc limit 1)
    union
    select * from shifts u where u.agent_id = agent and u.status = 'published' and u.started_at <= $2
        and u.ended_at is null
) s
"""
"""The few shifts that decide how agents stand: the one that is on, the next ones, the last one."""
_ON = f"""
select {SHIFT}, p.name as agent_name {_FROM}
where {_SEEN} and p.is_active and s.status = 'published' and s.starts_at < $6
    and ({_NOT_OVER.format(at="$5")} or s.started_at <= $5 and s.ended_at is null)
    and ($4::text is null or {_IN_TEAM.format(team="$4")})
order by p.name, s.starts_at, s.id
"""


class ShiftRecord(NamedTuple):
    """A shift as it is stored. `rota_on` names the occurrence of its rota, if it has one."""

    shift: Shift
    agent_name: str
    rota_id: RotaId | None
    rota_on: date | None
    is_override: bool
    note: str
    version: int
    published_at: datetime | None
    updated_at: datetime


class ShiftFilter(NamedTuple):
    """Which shifts are asked for: those that lie between two instants, also in part."""

    since: datetime
    until: datetime
    agent: PersonId | None = None
    team: Slug | None = None
    statuses: tuple[ShiftStatus, ...] = ("draft", "published")


class OnShift(NamedTuple):
    """Somebody who is on, by which shift, and how they stand to it."""

    agent_name: str
    shift: Shift
    duty: Duty


class ShiftPlace(NamedTuple):
    """Where a page of shifts ended."""

    starts_at: datetime
    id: ShiftId


class ShiftStore:
    """Reads shifts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, agent: PersonId, since: datetime, until: datetime, *, drafts: bool = False) -> list[Shift]:
        """An agent's published shifts that lie between two instants, also in part, earliest first; and one that was
        started before and has not been ended, whatever its plan says. Cancelled ones, and cancelled breaks, are left
        out; drafts too, unless they are asked for."""
        return [shift_of(row) for row in await self._pool.fetch(_OF, [agent], since, until, drafts)]

    async def coming(self, agents: Sequence[PersonId], since: datetime, until: datetime) -> dict[PersonId, list[Shift]]:
        """As `of`, for several agents at once; also of those who have none."""
        planned: dict[PersonId, list[Shift]] = {agent: [] for agent in agents}
        for row in await self._pool.fetch(_OF, list(agents), since, until, False):
            planned[PersonId(row["agent_id"])].append(shift_of(row))
        return planned

    async def duties(self, agents: Sequence[PersonId], now: datetime) -> dict[PersonId, Duty]:
        """How each of these agents stands to their shifts now; also of those who have none."""
        rows = await self._pool.fetch(_DECIDING, list(agents), now, now - PLAN_REACH, now + PLAN_REACH)
        planned: dict[PersonId, list[Shift]] = {agent: [] for agent in agents}
        for row in rows:
            planned[PersonId(row["agent_id"])].append(shift_of(row))
        return {agent: duty_of(shifts, now) for agent, shifts in planned.items()}

    async def read(self, id: ShiftId, scope: ShiftScope) -> ShiftRecord:
        """A shift, of any status. Raises NotFoundError when there is none that this person may see."""
        row = await self._pool.fetchrow(
            f"select {RECORD} {_FROM} where {_SEEN} and s.id = $4",
            scope.everything,
            scope.person,
            list(scope.teams),
            id,
        )
        if row is None:
            raise NotFoundError("There is no such shift.")
        return record_of(row)

    async def page(
        self, scope: ShiftScope, asked: ShiftFilter, after: ShiftPlace | None, limit: int
    ) -> list[ShiftRecord]:
        """What this person may see of the shifts that are asked for, by their beginnings."""
        rows = await self._pool.fetch(
            _PAGE,
            scope.everything,
            scope.person,
            list(scope.teams),
            asked.since,
            asked.until,
            asked.agent,
            asked.team,
            list(asked.statuses),
            after and after.starts_at,
            after and after.id,
            limit,
        )
        return [record_of(row) for row in rows]

    async def current(self, scope: ShiftScope, team: Slug | None, now: datetime) -> list[OnShift]:
        """Who is on now, of those whose shifts this person may see, by name."""
        rows = await self._pool.fetch(
            _ON, scope.everything, scope.person, list(scope.teams), team, now, now + timedelta(days=1)
        )
        found = dict[PersonId, tuple[str, list[Shift]]]()
        for row in rows:
            found.setdefault(PersonId(row["agent_id"]), (row["agent_name"], []))[1].append(shift_of(row))
        return [
            OnShift(name, shift, duty_of(shifts, now))
            for name, shifts in found.values()
            if (shift := next((one for one in shifts if is_on(one, now)), None)) is not None
        ]

    async def covering(self, team: Slug | None, since: datetime, until: datetime, *, drafts: bool) -> list[Shift]:
        """The shifts of a team's active agents (None: of all) that lie between two instants, also in part.

        Raises InvalidError for more than MAX_COVERING.
        """
        rows = await self._pool.fetch(_COVERING, since, until, team, drafts, MAX_COVERING + 1)
        if len(rows) > MAX_COVERING:
            raise InvalidError(f"These are more than {MAX_COVERING} shifts: ask for a shorter time, or for one team.")
        return [shift_of(row) for row in rows]

    async def names(self, team: Slug | None, agents: Sequence[PersonId] | None = None) -> dict[PersonId, str]:
        """Active people of the desk by name: of a team (None: of all), or of these."""
        rows = await self._pool.fetch(_MEMBERS, team, None if agents is None else list(agents))
        return {PersonId(row["id"]): row["name"] for row in rows}

    async def skills(self, agents: Sequence[PersonId]) -> dict[PersonId, dict[Slug, int]]:
        """Skill -> level of each of these agents."""
        found: dict[PersonId, dict[Slug, int]] = {agent: {} for agent in agents}
        for row in await self._pool.fetch(_SKILLS, list(agents)):
            found[PersonId(row["person_id"])][row["skill"]] = row["level"]
        return found


def record_of(row: asyncpg.Record) -> ShiftRecord:
    """The record of a row with the columns of RECORD."""
    return ShiftRecord(
        shift=shift_of(row),
        agent_name=row["agent_name"],
        rota_id=row["rota_id"],
        rota_on=row["rota_on"],
        is_override=row["is_override"],
        note=row["note"],
        version=row["version"],
        published_at=row["published_at"],
        updated_at=row["updated_at"],
    )


def shift_of(row: asyncpg.Record) -> Shift:
    """The shift of a row with the columns of SHIFT."""
    return Shift(
        id=ShiftId(row["id"]),
        agent_id=PersonId(row["agent_id"]),
        team=row["team"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        kind=row["kind"],
        status=row["status"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        breaks=_BREAKS.validate_json(row["breaks"]),
    )
