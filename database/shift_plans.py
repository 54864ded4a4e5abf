"""Writes shifts and their breaks: what is decided by `domain/shift_rules.py` goes into one transaction, with an event
for each agent whose plan it changes."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from database.idempotency import RequestKey, create_once
from database.pool import Connection, Pool
from database.shift_writing import (
    agenda_of,
    cancel_shifts,
    check_works_in,
    insert_breaks,
    insert_shift,
    lock_agents,
    locked_shift,
    read_shift,
    set_times,
    tell,
    withdraw_requests,
)
from database.shifts import ShiftRecord
from database.sla_edition import check_expected
from domain.access import Reader
from domain.errors import NotFoundError
from domain.ids import BreakId, PersonId, ShiftId
from domain.shift import Break, ShiftKind
from domain.shift_rules import (
    Piece,
    PlannedBreak,
    ShiftPlan,
    check_break_waits,
    check_breaks,
    check_cancellable,
    check_free,
    check_open_to_change,
    check_reach,
    check_times,
    moved,
)
from domain.ticket import Slug
from domain.time_off import check_works

_PUBLISH = """
update shifts s set status = 'published', published_at = now(), version = version + 1, updated_at = now()
where s.status = 'draft' and s.agent_id = any($1::uuid[]) and s.starts_at >= $2 and s.starts_at < $3
    and ($4::text is null or s.team = $4)
returning s.id, s.agent_id
"""
_DRAFTS = """
select distinct s.agent_id from shifts s
where s.status = 'draft' and s.starts_at >= $1 and s.starts_at < $2 and ($3::text is null or s.team = $3)
    and ($4::uuid is null or s.agent_id = $4)
"""


class ShiftEdit(NamedTuple):
    """What to change of a shift; None: it stays."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    team: Slug | None = None
    for_all_teams: bool = False
    kind: ShiftKind | None = None
    note: str | None = None


class Published(NamedTuple):
    """What was published, and for whom."""

    shifts: list[ShiftId]
    agents: list[PersonId]


class ShiftPlanner:
    """Plans shifts in PostgreSQL. Each method is one transaction, and does all or nothing."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, plan: ShiftPlan, by: Reader, now: datetime, key: RequestKey | None = None) -> ShiftRecord:
        """Plan a shift. Raises what `check_times`, `check_breaks`, `check_free`, `check_works` and `check_works_in`
        raise.

        Harmless to repeat under a key: the first one's shift is answered.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            check_times(plan.starts_at, plan.ends_at, now)
            check_breaks(plan.starts_at, plan.ends_at, plan.breaks)
            await lock_agents(connection, [plan.agent_id])
            await check_works_in(connection, plan.agent_id, plan.team)
            agenda = await agenda_of(connection, plan.agent_id, plan.starts_at, plan.ends_at)
            check_free(plan.starts_at, plan.ends_at, agenda.shifts)
            check_works(plan.starts_at, plan.ends_at, agenda.time_off)
            id = await insert_shift(connection, plan, by.id)
            await tell(connection, [plan.agent_id], by, [id])
            return {"id": id}

        answer = await create_once(self._pool, key, create)
        return await self._read(ShiftId(answer["id"]))

    async def change(
        self, id: ShiftId, edit: ShiftEdit, by: Reader, now: datetime, expected: int | None
    ) -> ShiftRecord:
        """Change what is given; what is so already makes no new version. Raises NotFoundError, StaleRevisionError, what
        `moved` raises, and what a new shift of these times would."""
        async with self._pool.acquire() as connection, connection.transaction():
            record = await locked_shift(connection, id)
            check_expected(record.version, expected)
            shift = record.shift
            starts_at, ends_at = edit.starts_at or shift.starts_at, edit.ends_at or shift.ends_at
            breaks = moved(shift, starts_at, ends_at, now)
            team = None if edit.for_all_teams else edit.team or shift.team
            kind, note = edit.kind or shift.kind, record.note if edit.note is None else edit.note
            if (starts_at, ends_at, team, kind, note) == (
                shift.starts_at,
                shift.ends_at,
                shift.team,
                shift.kind,
                record.note,
            ):
                return record
            if team != shift.team:
                await check_works_in(connection, shift.agent_id, team)
                await withdraw_requests(connection, [id])
            if (starts_at, ends_at) != (shift.starts_at, shift.ends_at):
                agenda = await agenda_of(connection, shift.agent_id, starts_at, ends_at)
                check_free(starts_at, ends_at, agenda.but(id))
                check_works(starts_at, ends_at, agenda.time_off)
            await set_times(connection, shift, Piece(starts_at, ends_at, breaks), note)
            await connection.execute("update shifts set team = $2, kind = $3 where id = $1", id, team, kind)
            await tell(connection, [shift.agent_id], by, [id])
            return await read_shift(connection, id)

    async def cancel(self, id: ShiftId, by: Reader, now: datetime, expected: int | None) -> ShiftRecord:
        """Cancel a shift that was not started. Raises NotFoundError, StaleRevisionError, ShiftStateError."""
        async with self._pool.acquire() as connection, connection.transaction():
            record = await locked_shift(connection, id)
            check_expected(record.version, expected)
            check_cancellable(record.shift, now)
            await cancel_shifts(connection, [id])
            await tell(connection, [record.shift.agent_id], by, [id])
            return await read_shift(connection, id)

    async def publish(
        self, since: datetime, until: datetime, by: Reader, *, team: Slug | None = None, agent: PersonId | None = None
    ) -> Published:
        """Publish the drafts that begin in this time: of a team, of an agent, or all. To repeat it publishes nothing
        more."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_DRAFTS, since, until, team, agent)
            agents = [PersonId(row["agent_id"]) for row in rows]
            await lock_agents(connection, agents)
            published = await connection.fetch(_PUBLISH, agents, since, until, team)
            shifts = sorted(ShiftId(row["id"]) for row in published)
            told = sorted({PersonId(row["agent_id"]) for row in published})
            if told:
                await tell(connection, told, by, shifts)
            return Published(shifts, told)

    async def add_break(
        self, id: ShiftId, planned: PlannedBreak, by: Reader, now: datetime, key: RequestKey | None = None
    ) -> ShiftRecord:
        """Plan a break within a shift. Raises NotFoundError, ShiftStateError, MomentPassedError and what `check_breaks`
        raises.

        Harmless to repeat under a key.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            shift = (await locked_shift(connection, id)).shift
            check_open_to_change(shift, now)
            check_breaks(shift.starts_at, shift.ends_at, (*shift.breaks, planned))
            check_reach(planned.starts_at, planned.ends_at, now)
            await insert_breaks(connection, id, [planned])
            await _touched(connection, id, shift.agent_id, by)
            return {"id": id}

        await create_once(self._pool, key, create)
        return await self._read(id)

    async def move_break(
        self, id: ShiftId, taken: BreakId, planned: PlannedBreak, by: Reader, now: datetime
    ) -> ShiftRecord:
        """Plan a break otherwise. Raises NotFoundError, ShiftStateError and what `check_breaks` raises."""
        async with self._pool.acquire() as connection, connection.transaction():
            shift = (await locked_shift(connection, id)).shift
            check_open_to_change(shift, now)
            check_break_waits(_break(shift.breaks, taken))
            others = [one for one in shift.breaks if one.id != taken]
            check_breaks(shift.starts_at, shift.ends_at, (*others, planned))
            check_reach(planned.starts_at, planned.ends_at, now)
            await connection.execute(
                "update shift_breaks set kind = $2, starts_at = $3, ends_at = $4 where id = $1",
                taken,
                planned.kind,
                planned.starts_at,
                planned.ends_at,
            )
            await _touched(connection, id, shift.agent_id, by)
            return await read_shift(connection, id)

    async def cancel_break(self, id: ShiftId, taken: BreakId, by: Reader, now: datetime) -> ShiftRecord:
        """Cancel a break that was not started. Raises NotFoundError, ShiftStateError."""
        async with self._pool.acquire() as connection, connection.transaction():
            shift = (await locked_shift(connection, id)).shift
            check_open_to_change(shift, now)
            check_break_waits(_break(shift.breaks, taken))
            await connection.execute("update shift_breaks set is_cancelled = true where id = $1", taken)
            await _touched(connection, id, shift.agent_id, by)
            return await read_shift(connection, id)

    async def _read(self, id: ShiftId) -> ShiftRecord:
        async with self._pool.acquire() as connection:
            return await read_shift(connection, id)


def _break(breaks: Collection[Break], id: BreakId) -> Break:
    for one in breaks:
        if one.id == id:
            return one
    raise NotFoundError("This shift has no such break.")


async def _touched(connection: Connection, id: ShiftId, agent: PersonId, by: Reader) -> None:
    """The shift has other breaks: a new version, which its rota lets be."""
    await connection.execute(
        "update shifts set version = version + 1, updated_at = now(), is_override = rota_id is not null where id = $1",
        id,
    )
    await tell(connection, [agent], by, [id])
