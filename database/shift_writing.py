"""How a plan is written: the agents' rows are locked, what they have then is read, and all hear of what changed.

Whoever writes an agent's shifts or time off locks the agent first, so two plans for one agent are decided one after the
other, and the second sees what the first one left. Several agents are locked in the order of their ids.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from database.agent_rows import IS_DESK
from database.bell import BELL, DISPATCH_BELL
from database.pool import Connection
from database.shifts import RECORD, SHIFT, ShiftRecord, record_of, shift_of
from domain.access import Reader
from domain.errors import AssigneeUnavailableError, NotFoundError, UnknownReferenceError
from domain.ids import PersonId, RotaId, ShiftId
from domain.notification import type_of
from domain.rota import Occurrence
from domain.shift import Break, Shift
from domain.shift_rules import Piece, PlannedBreak, ShiftPlan
from domain.ticket import Slug
from domain.time_off import ShiftCut, TimeOff

_AGENDA = f"""
select {SHIFT} from shifts s
where s.agent_id = $1 and s.status <> 'cancelled' and s.starts_at < $3 and s.ends_at > $2
order by s.starts_at, s.id
"""
_OFF = """
select id, agent_id, starts_at, ends_at, kind, state from time_off
where agent_id = $1 and state in ('asked', 'approved') and starts_at < $3 and ends_at > $2 order by starts_at
"""
_INSERT = """
insert into shifts (agent_id, team, starts_at, ends_at, kind, status, note, created_by, rota_id, rota_on, published_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, case when $6 = 'published' then now() end)
returning id
"""
_INSERT_BREAK = "insert into shift_breaks (shift_id, kind, starts_at, ends_at) values ($1, $2, $3, $4)"
_MEMBER = f"""
select p.is_active and {IS_DESK} as works,
    $2::text is null or p.role in ('supervisor', 'admin')
        or exists (select from team_members m where m.person_id = p.id and m.team = $2) as in_team,
    $2::text is null or exists (select from teams where slug = $2) as is_team
from people p where p.id = $1
"""
_TELL = """
insert into events (topic, type, at, actor_kind, actor_id, actor_role, internal, person_id, data)
select 'shifts', 'shift.changed', now(), $2, $3, $4, true, agent, $5::jsonb from unnest($1::uuid[]) as agent
"""
_CANCEL = """
update shifts set status = 'cancelled', note = coalesce($2, note), is_override = rota_id is not null and $3,
    version = version + 1, updated_at = now()
where id = any($1::bigint[])
"""
_WITHDRAW = """
update shift_requests set state = 'withdrawn', version = version + 1
where state in ('open', 'taken') and (shift_id = any($1::bigint[]) or wanted_shift_id = any($1::bigint[])
    or given_shift_id = any($1::bigint[]))
"""
_CALL = f"select pg_notify('{DISPATCH_BELL}', team) from team_members where person_id = any($1::uuid[])"
_NOTIFY = """
insert into notifications (person_id, kind, type, why, at, subject)
select distinct p.id, $2, $5, 'person', $3::timestamptz, $4 from people p where p.id = any($1::uuid[]) and p.is_active
on conflict do nothing
"""


class Agenda(NamedTuple):
    """What an agent has in some time: shifts, drafts too, and time off that was approved or asked for."""

    shifts: list[Shift]
    time_off: list[TimeOff]

    def but(self, *shifts: ShiftId) -> list[Shift]:
        """The other shifts."""
        return [one for one in self.shifts if one.id not in shifts]


async def lock_agents(connection: Connection, agents: Collection[PersonId]) -> None:
    """Nobody else plans for these agents until this transaction is over. Raises UnknownReferenceError."""
    locked = await connection.fetch(
        "select person_id from agents where person_id = any($1::uuid[]) order by person_id for no key update",
        list(agents),
    )
    if len(locked) < len(set(agents)):
        raise UnknownReferenceError("There is no such agent.")


async def check_works_in(connection: Connection, agent: PersonId, team: Slug | None) -> None:
    """Raises UnknownReferenceError for an unknown agent or team, AssigneeUnavailableError when the agent is not active
    or not of the team."""
    found = await connection.fetchrow(_MEMBER, agent, team)
    if found is None:
        raise UnknownReferenceError("There is no such agent.")
    if not found["is_team"]:
        raise UnknownReferenceError("There is no such team.")
    if not found["works"]:
        raise AssigneeUnavailableError("This person is no active agent.")
    if not found["in_team"]:
        raise AssigneeUnavailableError("This agent is not in that team.")


async def agenda_of(connection: Connection, agent: PersonId, since: datetime, until: datetime) -> Agenda:
    """What the agent has between two instants, also in part."""
    shifts = await connection.fetch(_AGENDA, agent, since, until)
    off = await connection.fetch(_OFF, agent, since, until)
    return Agenda([shift_of(row) for row in shifts], [TimeOff.model_validate(dict(row)) for row in off])


async def locked_shift(connection: Connection, id: ShiftId) -> ShiftRecord:
    """A shift whose agent nobody else plans for now. Raises NotFoundError."""
    agent = await connection.fetchval("select agent_id from shifts where id = $1", id)
    if agent is None:
        raise NotFoundError("There is no such shift.")
    await lock_agents(connection, [PersonId(agent)])
    return await read_shift(connection, id)


async def read_shift(connection: Connection, id: ShiftId) -> ShiftRecord:
    """A shift of any status. Raises NotFoundError."""
    row = await connection.fetchrow(
        f"select {RECORD} from shifts s join people p on p.id = s.agent_id where s.id = $1", id
    )
    if row is None:
        raise NotFoundError("There is no such shift.")
    return record_of(row)


async def insert_shift(
    connection: Connection,
    plan: ShiftPlan,
    by: PersonId | None,
    *,
    rota: RotaId | None = None,
    occurrence: Occurrence | None = None,
) -> ShiftId:
    """Write a shift with its breaks; what it may be was decided before."""
    id: int = await connection.fetchval(
        _INSERT,
        plan.agent_id,
        plan.team,
        plan.starts_at,
        plan.ends_at,
        plan.kind,
        plan.status,
        plan.note,
        by,
        rota,
        occurrence and occurrence.on,
    )
    await insert_breaks(connection, ShiftId(id), plan.breaks)
    return ShiftId(id)


async def insert_breaks(connection: Connection, shift: ShiftId, breaks: Sequence[PlannedBreak | Break]) -> None:
    await connection.executemany(_INSERT_BREAK, [(shift, one.kind, one.starts_at, one.ends_at) for one in breaks])


async def cancel_shifts(
    connection: Connection, shifts: Sequence[ShiftId], note: str | None = None, *, by_hand: bool = True
) -> None:
    """Cancel shifts, and withdraw what asks for them. `by_hand`: their rotas let them be from now on."""
    await connection.execute(_CANCEL, list(shifts), note, by_hand)
    await withdraw_requests(connection, shifts)


async def withdraw_requests(connection: Connection, shifts: Sequence[ShiftId]) -> None:
    """Nobody can take over these shifts any more, nor have them in exchange, until it is asked for again."""
    await connection.execute(_WITHDRAW, list(shifts))


async def take_out(connection: Connection, cut: ShiftCut, note: str) -> None:
    """Leave of a shift only these pieces: it becomes the first one, and each other one is a new shift beside it."""
    shift = cut.shift
    if not cut.pieces:
        await cancel_shifts(connection, [shift.id], note)
        return
    await set_times(connection, shift, cut.pieces[0], note)
    for piece in cut.pieces[1:]:
        rest = ShiftPlan(
            agent_id=shift.agent_id,
            team=shift.team,
            starts_at=piece.starts_at,
            ends_at=piece.ends_at,
            kind=shift.kind,
            status=shift.status,
            note=note,
            breaks=tuple(
                PlannedBreak(kind=one.kind, starts_at=one.starts_at, ends_at=one.ends_at)
                for one in piece.breaks
                if one.started_at is None
            ),
        )
        made = await insert_shift(connection, rest, None)
        await connection.execute(
            "update shifts set rota_id = o.rota_id, is_override = o.rota_id is not null, created_by = o.created_by "
            "from shifts o where shifts.id = $1 and o.id = $2",
            made,
            shift.id,
        )


async def set_times(connection: Connection, shift: Shift, piece: Piece, note: str | None = None) -> None:
    """Give a shift other times, and breaks at the times of `piece`; its other breaks are cancelled. What asks for a
    part of it that is not there any more is withdrawn."""
    await connection.execute(
        "update shifts set starts_at = $2, ends_at = $3, note = coalesce($4, note), version = version + 1, "
        "updated_at = now(), is_override = rota_id is not null where id = $1",
        shift.id,
        piece.starts_at,
        piece.ends_at,
        note,
    )
    await connection.execute(
        "update shift_breaks set is_cancelled = true where shift_id = $1 and started_at is null and id <> all($2)",
        shift.id,
        [one.id for one in piece.breaks],
    )
    await connection.executemany(
        "update shift_breaks set starts_at = $2, ends_at = $3 where id = $1",
        [(one.id, one.starts_at, one.ends_at) for one in piece.breaks],
    )
    await connection.execute(
        "update shift_requests set state = 'withdrawn', version = version + 1 where state in ('open', 'taken') "
        "and shift_id = $1 and (starts_at < $2 or ends_at > $3)",
        shift.id,
        piece.starts_at,
        piece.ends_at,
    )


async def tell(
    connection: Connection, agents: Collection[PersonId], by: Reader | None, shifts: Collection[ShiftId] = ()
) -> None:
    """Let everybody hear, when this transaction is over, that these agents' plans were changed: by a person, or (None)
    with the time."""
    who = ("timer", None, None) if by is None else (by.actor.kind, by.id, by.role)
    await connection.execute(_TELL, list(set(agents)), *who, json.dumps({"shifts": sorted(shifts)}))
    await connection.execute(f"select pg_notify('{BELL}', '')")
    await connection.execute(_CALL, list(set(agents)))


async def notify(connection: Connection, people: Collection[PersonId], kind: str, subject: str, at: datetime) -> None:
    """Put a notice into these people's inboxes, each once for a subject."""
    await connection.execute(_NOTIFY, list(people), kind, at, subject, type_of(kind))


async def supervisors(connection: Connection) -> list[PersonId]:
    """Whoever decides on what agents ask for."""
    rows = await connection.fetch("select id from people where is_active and kind = 'person' and role = 'supervisor'")
    return [PersonId(row["id"]) for row in rows]
