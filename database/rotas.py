"""Rotas, and the shifts that they lay out.

A rota's shifts are rows like all others, laid out HORIZON ahead: so they have ids, breaks and versions, are refused
when they overlap, and are read in one way. As the days go by, `extend` lays out the next ones. An occurrence has one
row for ever, known by its date: to lay it out twice changes nothing, and one that was changed or cancelled by itself
(an override) is let be.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple

import asyncpg
from pydantic import TypeAdapter

from database.idempotency import RequestKey, create_once
from database.pool import Connection, Pool
from database.shift_writing import (
    agenda_of,
    cancel_shifts,
    check_works_in,
    insert_breaks,
    insert_shift,
    lock_agents,
    take_out,
    tell,
)
from database.shifts import RECORD, ShiftRecord, record_of
from database.sla_edition import check_expected
from domain.access import Reader
from domain.business_calendar import time_zone
from domain.errors import NotFoundError, ShiftOverlapError, ShiftStateError
from domain.ids import PersonId, RotaId, ShiftId
from domain.rota import HORIZON, BreakPattern, Occurrence, Rota, check_rota, occurrences
from domain.shift_rules import ShiftPlan, check_free
from domain.ticket import Slug
from domain.time_off import cuts

RotaStatus = Literal["draft", "published", "ended"]
BATCH = 200
_PATTERNS = TypeAdapter(tuple[BreakPattern, ...])
_SELECT = """
select r.id, r.agent_id, p.name as agent_name, r.team, r.name, r.rule, r.zone, r.begins_on, r.starts, r.minutes,
    r.breaks, r.exdates, r.kind, r.status, r.laid_until, r.created_at, r.version
from rotas r join people p on p.id = r.agent_id
"""
_INSERT = """
insert into rotas (agent_id, team, name, rule, zone, begins_on, starts, minutes, breaks, exdates, kind, status,
    laid_until, created_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::date[], $11, $12, $13, $14)
returning id
"""
_UPDATE = """
update rotas set team = $2, name = $3, rule = $4, zone = $5, begins_on = $6, starts = $7, minutes = $8,
    breaks = $9::jsonb, exdates = $10::date[], kind = $11, status = $12, laid_until = $13, version = version + 1
where id = $1
"""
_LAID = f"""
select {RECORD} from shifts s join people p on p.id = s.agent_id
where s.rota_id = $1 and s.rota_on is not null and s.rota_on >= $2 order by s.rota_on
"""
_RELAY = """
update shifts set team = $2, starts_at = $3, ends_at = $4, kind = $5, status = $6, note = '', version = version + 1,
    updated_at = now(), published_at = case when $6 = 'published' then coalesce(published_at, now()) end
where id = $1
"""
_PUBLISH = """
update shifts set status = 'published', published_at = now(), version = version + 1, updated_at = now()
where rota_id = $1 and status = 'draft' returning id
"""
_TO_EXTEND = "select id from rotas where status <> 'ended' and laid_until < $1 order by laid_until, id limit $2"


class RotaDraft(NamedTuple):
    """A rota as it is to be stored, with its name and whether its shifts are published as they are laid out."""

    name: str
    rota: Rota
    status: RotaStatus


class RotaRecord(NamedTuple):
    """A rota as it is stored. Its shifts are laid out on all dates before `laid_until`."""

    id: RotaId
    name: str
    agent_name: str
    rota: Rota
    status: RotaStatus
    laid_until: date
    created_at: datetime
    version: int


class _Laying(NamedTuple):
    """A rota under way, who lays it out, and when."""

    id: RotaId
    draft: RotaDraft
    by: Reader | None
    now: datetime


class RotaStore:
    """Rotas in PostgreSQL. Each change is one transaction with the shifts that it makes, moves and cancels."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self, agent: PersonId | None, team: Slug | None) -> list[RotaRecord]:
        """The rotas that have not ended, by agent and name."""
        rows = await self._pool.fetch(
            f"{_SELECT} where r.status <> 'ended' and ($1::uuid is null or r.agent_id = $1) "
            "and ($2::text is null or r.team = $2) order by p.name, r.name, r.id",
            agent,
            team,
        )
        return [_record(row) for row in rows]

    async def read(self, id: RotaId) -> RotaRecord:
        """Raises NotFoundError."""
        return await _read(self._pool, id)

    async def add(self, draft: RotaDraft, by: Reader, now: datetime, key: RequestKey | None = None) -> RotaRecord:
        """Add a rota and lay out its first shifts. Raises what `check_rota` and `check_works_in` raise, and
        ShiftOverlapError when one of them overlaps another shift of the agent.

        Harmless to repeat under a key: the first one's rota is answered.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            rota = draft.rota
            check_rota(rota)
            await lock_agents(connection, [rota.agent_id])
            await check_works_in(connection, rota.agent_id, rota.team)
            until = horizon(rota, now)
            id = RotaId(await connection.fetchval(_INSERT, rota.agent_id, *_values(draft), until, by.id))
            laying = _Laying(id, draft, by, now)
            made = await _lay_out(connection, laying, _to_come(laying, _today(rota, now), until), refuses=True)
            await tell(connection, [rota.agent_id], by, made)
            return {"id": id}

        answer = await create_once(self._pool, key, create)
        return await self.read(RotaId(answer["id"]))

    async def change(self, id: RotaId, draft: RotaDraft, by: Reader, now: datetime, expected: int | None) -> RotaRecord:
        """Change a rota from now on. Its shifts that have not begun follow it, but for overrides: they move, appear or
        are cancelled. Raises as `add`, and NotFoundError, StaleRevisionError, ShiftStateError for one that ended."""
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_agents(connection, [draft.rota.agent_id])
            present = await _read(connection, id)
            check_expected(present.version, expected)
            _check_goes_on(present)
            check_rota(draft.rota)
            await check_works_in(connection, draft.rota.agent_id, draft.rota.team)
            until = horizon(draft.rota, now)
            await connection.execute(_UPDATE, id, *_values(draft), until)
            touched = await _follow(connection, _Laying(id, draft, by, now), until)
            await tell(connection, [draft.rota.agent_id], by, touched)
            return await _read(connection, id)

    async def end(self, id: RotaId, by: Reader, now: datetime, expected: int | None) -> None:
        """End a rota: its shifts that have not begun are cancelled, overrides too. Raises NotFoundError,
        StaleRevisionError, ShiftStateError."""
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_agents(connection, [(await _read(connection, id)).rota.agent_id])
            present = await _read(connection, id)
            check_expected(present.version, expected)
            _check_goes_on(present)
            await connection.execute("update rotas set status = 'ended', version = version + 1 where id = $1", id)
            rows = await connection.fetch(
                "select id from shifts where rota_id = $1 and status <> 'cancelled' and starts_at > $2 "
                "and started_at is null",
                id,
                now,
            )
            shifts = [ShiftId(row["id"]) for row in rows]
            await cancel_shifts(connection, shifts, by_hand=False)
            await tell(connection, [present.rota.agent_id], by, shifts)

    async def extend(self, now: datetime) -> int:
        """Lay out the days that have come within the horizon, of all rotas. Returns how many rotas that concerned.

        A shift that would overlap another one is stored as cancelled, with a note that says why. Harmless to repeat:
        what is laid out is not laid out again.
        """
        count = 0
        while True:
            rows = await self._pool.fetch(_TO_EXTEND, now.astimezone(UTC).date() + HORIZON, BATCH)
            for row in rows:
                await self._extend(RotaId(row["id"]), now)
            count += len(rows)
            if len(rows) < BATCH:
                return count

    async def _extend(self, id: RotaId, now: datetime) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await lock_agents(connection, [(await _read(connection, id)).rota.agent_id])
            present = await _read(connection, id)
            if present.status == "ended":
                return
            # Not less than what was asked for, where the zone's today is still yesterday: or it came up again at once.
            until = max(horizon(present.rota, now), now.astimezone(UTC).date() + HORIZON, present.laid_until)
            laying = _Laying(id, RotaDraft(present.name, present.rota, present.status), None, now)
            wanted = _to_come(laying, present.laid_until, until)
            made = await _lay_out(connection, laying, wanted, refuses=False)
            await connection.execute("update rotas set laid_until = $2 where id = $1", id, until)
            if made:
                await tell(connection, [present.rota.agent_id], None, made)


def horizon(rota: Rota, now: datetime) -> date:
    """The date before which the rota's shifts are laid out."""
    return _today(rota, now) + HORIZON


def _today(rota: Rota, now: datetime) -> date:
    return now.astimezone(time_zone(rota.zone)).date()


def _to_come(laying: _Laying, since: date, until: date) -> list[Occurrence]:
    """What begins between two dates, and not before now."""
    return [one for one in occurrences(laying.draft.rota, since, until) if one.starts_at > laying.now]


async def _follow(connection: Connection, laying: _Laying, until: date) -> list[ShiftId]:
    """Make the rota's shifts that have not begun what the rota says now. Returns those that were touched."""
    today = _today(laying.draft.rota, laying.now)
    wanted = {one.on: one for one in _to_come(laying, today, until)}
    laid = [record_of(row) for row in await connection.fetch(_LAID, laying.id, today - timedelta(days=1))]
    outdated = dict[date, ShiftId]()
    for record in laid:
        assert record.rota_on is not None
        has_begun = record.shift.started_at is not None or record.shift.starts_at <= laying.now
        occurrence = wanted.get(record.rota_on)
        if record.is_override or has_begun or (occurrence and _is_so(record, occurrence, laying.draft)):
            wanted.pop(record.rota_on, None)
        elif occurrence or record.shift.status != "cancelled":
            outdated[record.rota_on] = record.shift.id
    # First all step aside, so that none is in the way of another one that moves.
    await cancel_shifts(connection, list(outdated.values()), by_hand=False)
    made = await _lay_out(connection, laying, wanted.values(), refuses=True, known=outdated)
    published = await connection.fetch(_PUBLISH, laying.id) if laying.draft.status == "published" else []
    return sorted({*outdated.values(), *made, *(ShiftId(row["id"]) for row in published)})


def _is_so(record: ShiftRecord, occurrence: Occurrence, draft: RotaDraft) -> bool:
    shift = record.shift
    return (shift.starts_at, shift.ends_at, shift.team, shift.kind, shift.status) == (
        occurrence.starts_at, occurrence.ends_at, draft.rota.team, draft.rota.kind, draft.status,
    ) and [(one.kind, one.starts_at, one.ends_at) for one in shift.breaks] == [
        (one.kind, one.starts_at, one.ends_at) for one in occurrence.breaks
    ]  # fmt: skip


async def _lay_out(
    connection: Connection,
    laying: _Laying,
    wanted: Iterable[Occurrence],
    *,
    refuses: bool,
    known: dict[date, ShiftId] | None = None,
) -> list[ShiftId]:
    """Write the shifts of these occurrences: into the row that is `known` for a date, or else into a new one. Approved
    time off is taken out. One that overlaps is refused, or else stored as cancelled."""
    in_order = sorted(wanted)
    if not in_order:
        return []
    rota = laying.draft.rota
    agenda = await agenda_of(connection, rota.agent_id, in_order[0].starts_at, max(one.ends_at for one in in_order))
    off = [one for one in agenda.time_off if one.state == "approved"]
    made = list[ShiftId]()
    for one in in_order:
        plan = ShiftPlan(
            agent_id=rota.agent_id,
            team=rota.team,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            kind=rota.kind,
            status="published" if laying.draft.status == "published" else "draft",
            breaks=one.breaks,
        )
        try:
            check_free(one.starts_at, one.ends_at, agenda.shifts)
        except ShiftOverlapError as error:
            if refuses:
                raise ShiftOverlapError(f"On {one.on}: {error.detail}") from error
            plan = plan.model_copy(update={"status": "cancelled", "note": error.detail, "breaks": ()})
        id = await _write(connection, laying, plan, one, (known or {}).get(one.on))
        made.append(id)
        for away in off if plan.status != "cancelled" else ():
            present = await agenda_of(connection, rota.agent_id, one.starts_at, one.ends_at)
            for cut in cuts(away.starts_at, away.ends_at, present.shifts, laying.now):
                await take_out(connection, cut, "time off")
    return made


async def _write(
    connection: Connection, laying: _Laying, plan: ShiftPlan, occurrence: Occurrence, known: ShiftId | None
) -> ShiftId:
    by = None if laying.by is None else laying.by.id
    if known is None:
        return await insert_shift(connection, plan, by, rota=laying.id, occurrence=occurrence)
    await connection.execute(_RELAY, known, plan.team, plan.starts_at, plan.ends_at, plan.kind, plan.status)
    await connection.execute("update shift_breaks set is_cancelled = true where shift_id = $1", known)
    await insert_breaks(connection, known, plan.breaks)
    return known


def _check_goes_on(record: RotaRecord) -> None:
    if record.status == "ended":
        raise ShiftStateError("This rota has ended.")


async def _read(connection: "Connection | Pool", id: RotaId) -> RotaRecord:
    row = await connection.fetchrow(f"{_SELECT} where r.id = $1", id)
    if row is None:
        raise NotFoundError("There is no such rota.")
    return _record(row)


def _values(draft: RotaDraft) -> tuple[Any, ...]:
    rota = draft.rota
    return (
        rota.team, draft.name, rota.rule, rota.zone, rota.begins_on, rota.starts, rota.minutes,
        _PATTERNS.dump_json(rota.breaks).decode(), sorted(rota.exdates), rota.kind, draft.status,
    )  # fmt: skip


def _record(row: asyncpg.Record) -> RotaRecord:
    rota = Rota(
        agent_id=PersonId(row["agent_id"]),
        team=row["team"],
        rule=row["rule"],
        zone=row["zone"],
        begins_on=row["begins_on"],
        starts=row["starts"],
        minutes=row["minutes"],
        breaks=_PATTERNS.validate_json(row["breaks"]),
        exdates=frozenset(row["exdates"]),
        kind=row["kind"],
    )
    return RotaRecord(
        id=RotaId(row["id"]),
        name=row["name"],
        agent_name=row["agent_name"],
        rota=rota,
        status=row["status"],
        laid_until=row["laid_until"],
        created_at=row["created_at"],
        version=row["version"],
    )
