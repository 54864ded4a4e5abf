"""Time off, and the shifts that it takes away."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
from pydantic import TypeAdapter

from database.idempotency import RequestKey, create_once
from database.pool import Connection, Pool
from database.shift_writing import agenda_of, lock_agents, notify, supervisors, take_out, tell
from database.sla_edition import check_expected
from domain.access import Reader
from domain.errors import NotFoundError
from domain.ids import PersonId, ShiftId, TimeOffId
from domain.time_off import (
    ShiftCut,
    TimeOff,
    TimeOffKind,
    TimeOffState,
    check_time_off,
    check_undecided,
    check_withdrawable,
    cuts,
)

_SELECT = """
select t.id, t.agent_id, t.starts_at, t.ends_at, t.kind, t.state, p.name as agent_name, t.note, t.asked_at,
    t.decided_by, t.decided_at, t.version
from time_off t join people p on p.id = t.agent_id
"""
_PAGE = f"""
{_SELECT}
where ($1::uuid is null or t.agent_id = $1) and ($2::text is null or t.state = $2) and ($3::bigint is null or t.id < $3)
order by t.id desc limit $4
"""
_DECIDE = """
update time_off set state = $2, decided_by = $3, decided_at = $4, version = version + 1 where id = $1
"""


class PieceLeft(NamedTuple):
    """A stretch that is left of a shift."""

    starts_at: datetime
    ends_at: datetime


class ShiftLoss(NamedTuple):
    """A shift that time off took something from: when it was to be, and what is left of it (nothing: cancelled)."""

    shift: ShiftId
    starts_at: datetime
    ends_at: datetime
    left: tuple[PieceLeft, ...]


class TimeOffRecord(NamedTuple):
    """Time off as it is stored."""

    time_off: TimeOff
    agent_name: str
    note: str
    asked_at: datetime
    decided_by: PersonId | None
    decided_at: datetime | None
    version: int


class TimeOffPlan(NamedTuple):
    """Time off that is asked for, or (by a supervisor) given at once."""

    agent_id: PersonId
    starts_at: datetime
    ends_at: datetime
    kind: TimeOffKind
    note: str
    is_approved: bool


class Decided(NamedTuple):
    """Time off after a decision, and the shifts that it took something from."""

    record: TimeOffRecord
    losses: tuple[ShiftLoss, ...] = ()


_LOSSES = TypeAdapter(tuple[ShiftLoss, ...])


class TimeOffStore:
    """Time off in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(
        self, agent: PersonId | None, state: TimeOffState | None, after: TimeOffId | None, limit: int
    ) -> list[TimeOffRecord]:
        """Time off of an agent (None: of all), newest first."""
        return [_record(row) for row in await self._pool.fetch(_PAGE, agent, state, after, limit)]

    async def read(self, id: TimeOffId) -> TimeOffRecord:
        """Raises NotFoundError."""
        return await _read(self._pool, id)

    async def add(self, plan: TimeOffPlan, by: Reader, now: datetime, key: RequestKey | None = None) -> Decided:
        """Ask for time off, or give it. Raises what `check_time_off` raises, and UnknownReferenceError.

        Harmless to repeat under a key: the first one's answer is kept.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            await lock_agents(connection, [plan.agent_id])
            agenda = await agenda_of(connection, plan.agent_id, plan.starts_at, plan.ends_at)
            check_time_off(plan.starts_at, plan.ends_at, agenda.time_off, now)
            id = TimeOffId(
                await connection.fetchval(
                    "insert into time_off (agent_id, starts_at, ends_at, kind, state, note, asked_by) "
                    "values ($1, $2, $3, $4, 'asked', $5, $6) returning id",
                    plan.agent_id,
                    plan.starts_at,
                    plan.ends_at,
                    plan.kind,
                    plan.note,
                    by.id,
                )
            )
            losses: Sequence[ShiftLoss] = ()
            if plan.is_approved:
                losses = await _approve(connection, id, by, now)
            else:
                await notify(connection, await supervisors(connection), "time_off.asked", f"time-off:{id}:asked", now)
            return {"id": id, "losses": _LOSSES.dump_python(tuple(losses), mode="json")}

        answer = await create_once(self._pool, key, create)
        return Decided(await self.read(TimeOffId(answer["id"])), _LOSSES.validate_python(answer["losses"]))

    async def approve(self, id: TimeOffId, by: Reader, now: datetime, expected: int | None) -> Decided:
        """Approve time off: it is taken out of the agent's shifts. Raises NotFoundError, StaleRevisionError,
        TimeOffError, MomentPassedError."""
        async with self._pool.acquire() as connection, connection.transaction():
            record = await _locked(connection, id, expected)
            check_undecided(record.time_off, now)
            losses = await _approve(connection, id, by, now)
            return Decided(await _read(connection, id), losses)

    async def reject(self, id: TimeOffId, by: Reader, now: datetime, expected: int | None) -> TimeOffRecord:
        """Refuse time off. Raises as `approve`."""
        async with self._pool.acquire() as connection, connection.transaction():
            record = await _locked(connection, id, expected)
            check_undecided(record.time_off, now)
            await connection.execute(_DECIDE, id, "rejected", by.id, now)
            agent = record.time_off.agent_id
            await notify(connection, [agent], "time_off.rejected", f"time-off:{id}:rejected", now)
            return await _read(connection, id)

    async def withdraw(self, id: TimeOffId, by: Reader, now: datetime, expected: int | None) -> TimeOffRecord:
        """Do without time off that has not begun. What it took from shifts stays taken: whoever is to work again is
        planned again. Raises NotFoundError, StaleRevisionError, TimeOffError."""
        async with self._pool.acquire() as connection, connection.transaction():
            record = await _locked(connection, id, expected)
            check_withdrawable(record.time_off, now)
            await connection.execute(_DECIDE, id, "withdrawn", by.id, now)
            await tell(connection, [record.time_off.agent_id], by)
            return await _read(connection, id)


async def _approve(connection: Connection, id: TimeOffId, by: Reader, now: datetime) -> tuple[ShiftLoss, ...]:
    """Within the caller's transaction, with the agent locked."""
    off = (await _read(connection, id)).time_off
    await connection.execute(_DECIDE, id, "approved", by.id, now)
    agenda = await agenda_of(connection, off.agent_id, off.starts_at, off.ends_at)
    taken = cuts(off.starts_at, off.ends_at, agenda.shifts, now)
    for cut in taken:
        await take_out(connection, cut, "time off")
    await tell(connection, [off.agent_id], by, [cut.shift.id for cut in taken])
    if off.agent_id != by.id:
        await notify(connection, [off.agent_id], "time_off.approved", f"time-off:{id}:approved", now)
    return tuple(map(_loss, taken))


def _loss(cut: ShiftCut) -> ShiftLoss:
    left = tuple(PieceLeft(piece.starts_at, piece.ends_at) for piece in cut.pieces)
    return ShiftLoss(cut.shift.id, cut.shift.starts_at, cut.shift.ends_at, left)


async def _locked(connection: Connection, id: TimeOffId, expected: int | None) -> TimeOffRecord:
    await lock_agents(connection, [(await _read(connection, id)).time_off.agent_id])
    record = await _read(connection, id)
    check_expected(record.version, expected)
    return record


async def _read(connection: "Connection | Pool", id: TimeOffId) -> TimeOffRecord:
    row = await connection.fetchrow(f"{_SELECT} where t.id = $1", id)
    if row is None:
        raise NotFoundError("There is no such time off.")
    return _record(row)


def _record(row: asyncpg.Record) -> TimeOffRecord:
    time_off = TimeOff(
        id=row["id"],
        agent_id=row["agent_id"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        kind=row["kind"],
        state=row["state"],
    )
    return TimeOffRecord(
        time_off,
        row["agent_name"],
        row["note"],
        row["asked_at"],
        row["decided_by"],
        row["decided_at"],
        row["version"],
    )
