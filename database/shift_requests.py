"""Requests to hand shifts over: the first who takes one gets it.

Whoever takes or decides on a request locks both agents first, in the order of their ids, then reads everything anew:
the second of two takers finds the request taken.
"""

from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from database.agent_rows import IS_DESK
from database.idempotency import RequestKey, create_once
from database.pool import Connection, Pool
from database.shift_writing import (
    agenda_of,
    check_works_in,
    insert_shift,
    lock_agents,
    locked_shift,
    notify,
    read_shift,
    supervisors,
    take_out,
    tell,
)
from database.sla_edition import check_expected
from domain.access import Reader
from domain.errors import AssigneeUnavailableError, InvalidError, NotFoundError, ShiftRequestStateError
from domain.ids import PersonId, ShiftId, ShiftRequestId
from domain.shift import Shift
from domain.shift_access import ShiftScope
from domain.shift_request import (
    RequestKind,
    ShiftRequest,
    check_askable,
    check_decidable,
    check_given,
    check_takeable,
    check_withdrawable,
    is_taken_so,
)
from domain.shift_rules import PlannedBreak, ShiftPlan, check_free, part_of, without
from domain.ticket import Slug
from domain.time_off import ShiftCut, check_works

_SELECT = """
select r.id, r.kind, r.shift_id, r.agent_id, r.team, r.starts_at, r.ends_at, r.to_agent_id, r.wanted_shift_id, r.state,
    r.taken_by, r.given_shift_id, p.name as agent_name, r.note, r.taken_at, r.decided_by, r.decided_at, r.created_at,
    r.version
from shift_requests r join people p on p.id = r.agent_id
"""
_SHARED = """
exists (select from team_members a join team_members b using (team)
    where a.person_id = r.agent_id and b.person_id = {person} and (r.team is null or a.team = r.team))
"""
_SEEN = f"""
($1 or r.agent_id = $2 or r.to_agent_id = $2 or r.taken_by = $2
    or r.to_agent_id is null and (r.team = any($3::text[]) or r.team is null and {_SHARED.format(person="$2")}))
"""
_PAGE = f"""
{_SELECT}
where {_SEEN} and (not $4 or r.state in ('open', 'taken') and r.starts_at > $5) and ($6::bigint is null or r.id < $6)
order by r.id desc limit $7
"""
_INSERT = """
insert into shift_requests (kind, shift_id, agent_id, team, starts_at, ends_at, to_agent_id, wanted_shift_id, note)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id
"""
_COLLEAGUES = f"""
select distinct p.id from people p join team_members m on m.person_id = p.id
where p.is_active and {IS_DESK} and p.id <> $1
    and (m.team = $2 or $2::text is null and m.team in (select team from team_members where person_id = $1))
"""
_APPROVES = """
select coalesce(bool_or(t.approves_swaps), false) from teams t
where t.slug = $2 or $2::text is null and t.slug in (select team from team_members where person_id = $1)
"""


class RequestPlan(NamedTuple):
    """What an agent asks: to hand over a shift, or (from `starts_at` to `ends_at`) a part of it."""

    kind: RequestKind
    shift: ShiftId
    starts_at: datetime | None
    ends_at: datetime | None
    to_agent: PersonId | None
    wanted_shift: ShiftId | None
    note: str


class RequestRecord(NamedTuple):
    """A request as it is stored."""

    request: ShiftRequest
    agent_name: str
    note: str
    taken_at: datetime | None
    decided_by: PersonId | None
    decided_at: datetime | None
    created_at: datetime
    version: int

    @property
    def agents(self) -> list[PersonId]:
        """Whose plans it changes."""
        return [one for one in (self.request.agent_id, self.request.taken_by) if one is not None]


class ShiftRequestStore:
    """Requests in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(
        self, scope: ShiftScope, now: datetime, after: ShiftRequestId | None, limit: int, *, pending: bool
    ) -> list[RequestRecord]:
        """The requests that this person may see: their own, those put to them or to their teams; newest first.
        `pending`: only those that can still be taken or decided on."""
        rows = await self._pool.fetch(
            _PAGE, scope.everything, scope.person, list(scope.teams), pending, now, after, limit
        )
        return [_record(row) for row in rows]

    async def read(self, id: ShiftRequestId, scope: ShiftScope) -> RequestRecord:
        """Raises NotFoundError when there is none that this person may see."""
        row = await self._pool.fetchrow(
            f"{_SELECT} where {_SEEN} and r.id = $4", scope.everything, scope.person, list(scope.teams), id
        )
        if row is None:
            raise NotFoundError("There is no such request.")
        return _record(row)

    async def ask(self, plan: RequestPlan, by: Reader, now: datetime, key: RequestKey | None = None) -> RequestRecord:
        """Ask others to take one's own shift, or a part of it. Raises what `check_askable` and `check_given` raise,
        NotFoundError for a shift that is somebody else's, ShiftRequestStateError when it is asked for already, and
        AssigneeUnavailableError when the named colleague cannot work in the shift's team.

        Harmless to repeat under a key.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            shift = (await locked_shift(connection, plan.shift)).shift
            if shift.agent_id != by.id:
                raise NotFoundError("You have no such shift.")
            starts_at, ends_at = plan.starts_at or shift.starts_at, plan.ends_at or shift.ends_at
            check_askable(shift, starts_at, ends_at, now)
            to_agent = await _asked_colleague(connection, plan, shift, now)
            try:
                async with connection.transaction():
                    id = await connection.fetchval(
                        _INSERT,
                        plan.kind,
                        shift.id,
                        by.id,
                        shift.team,
                        starts_at,
                        ends_at,
                        to_agent,
                        plan.wanted_shift,
                        plan.note,
                    )
            except asyncpg.UniqueViolationError as error:
                raise ShiftRequestStateError("There is a request for this shift already; withdraw it first.") from error
            hearers = [to_agent] if to_agent else await _colleagues(connection, by.id, shift.team)
            await notify(connection, hearers, f"shift.{plan.kind}_requested", f"request:{id}:asked", now)
            return {"id": id}

        answer = await create_once(self._pool, key, create)
        return await self._read(ShiftRequestId(answer["id"]))

    async def take(self, id: ShiftRequestId, given: ShiftId | None, by: Reader, now: datetime) -> RequestRecord:
        """Take a request. Where the team approves swaps it then waits for a supervisor, or else the shift is handed
        over at once. Raises NotFoundError, what `check_takeable` and `check_given` raise, and ShiftOverlapError or
        TimeOffError when one of the two cannot work then.

        Harmless to repeat: who has taken it so already is told how it stands."""
        async with self._pool.acquire() as connection, connection.transaction():
            record = await _locked(connection, id, by.id)
            request = record.request
            if is_taken_so(request, by.id, given):
                return record
            check_takeable(request, by.id, given, now)
            given = given or request.wanted_shift_id
            await check_works_in(connection, by.id, request.team)
            request = request.model_copy(update={"taken_by": by.id, "given_shift_id": given})
            handing = await _check_hand_over(connection, request, now)
            await connection.execute(
                "update shift_requests set state = 'taken', taken_by = $2, taken_at = $3, given_shift_id = $4, "
                "version = version + 1 where id = $1",
                id,
                by.id,
                now,
                given,
            )
            await notify(connection, [request.agent_id], "shift.request_taken", f"request:{id}:taken:{by.id}", now)
            if await connection.fetchval(_APPROVES, request.agent_id, request.team):
                hearers = await supervisors(connection)
                await notify(connection, hearers, "shift.approval_needed", f"request:{id}:approval:{by.id}", now)
            else:
                await _hand_over(connection, handing, by)
            return await _read(connection, id)

    async def decide(
        self, id: ShiftRequestId, by: Reader, now: datetime, *, approves: bool, expected: int | None
    ) -> RequestRecord:
        """Approve or reject a request that was taken. Raises NotFoundError, StaleRevisionError, ShiftRequestStateError,
        and ShiftOverlapError or TimeOffError when one of the two cannot work then any more."""
        async with self._pool.acquire() as connection, connection.transaction():
            record = await _locked(connection, id)
            check_expected(record.version, expected)
            check_decidable(record.request, now)
            if approves:
                await _hand_over(connection, await _check_hand_over(connection, record.request, now), by)
            state, kind = ("done", "approved") if approves else ("rejected", "rejected")
            await connection.execute(
                "update shift_requests set state = $2, decided_by = $3, decided_at = $4, version = version + 1 "
                "where id = $1",
                id,
                state,
                by.id,
                now,
            )
            await notify(connection, record.agents, f"shift.request_{kind}", f"request:{id}:{kind}", now)
            return await _read(connection, id)

    async def withdraw(self, id: ShiftRequestId, now: datetime) -> RequestRecord:
        """Take a request back that is not done. Raises NotFoundError, ShiftRequestStateError."""
        async with self._pool.acquire() as connection, connection.transaction():
            record = await _locked(connection, id)
            check_withdrawable(record.request, now)
            await connection.execute(
                "update shift_requests set state = 'withdrawn', version = version + 1 where id = $1", id
            )
            hearers = [one for one in (record.request.taken_by or record.request.to_agent_id,) if one]
            await notify(connection, hearers, "shift.request_withdrawn", f"request:{id}:withdrawn", now)
            return await _read(connection, id)

    async def _read(self, id: ShiftRequestId) -> RequestRecord:
        async with self._pool.acquire() as connection:
            return await _read(connection, id)


class _HandOver(NamedTuple):
    """What is handed over: the part of the asker's shift to the taker, and (to swap) another one to the asker."""

    request: ShiftRequest
    taker: PersonId
    shift: Shift
    given: Shift | None


async def _asked_colleague(connection: Connection, plan: RequestPlan, shift: Shift, now: datetime) -> PersonId | None:
    """Whom a request is put to: who is named, or whose shift is wanted."""
    if plan.kind == "cover" and plan.wanted_shift is not None:
        raise InvalidError("To have a shift covered nothing is wanted for it; ask for a swap.")
    to_agent = plan.to_agent
    if plan.wanted_shift is not None:
        wanted = (await read_shift(connection, plan.wanted_shift)).shift
        to_agent = to_agent or wanted.agent_id
        check_given(wanted, to_agent, now)
    if to_agent == shift.agent_id:
        raise InvalidError("A shift is handed over to somebody else.")
    if to_agent is not None:
        await check_works_in(connection, to_agent, shift.team)
        if shift.team is None and to_agent not in await _colleagues(connection, shift.agent_id, None):
            raise AssigneeUnavailableError("You have no team in common.")
    return to_agent


async def _colleagues(connection: Connection, agent: PersonId, team: Slug | None) -> list[PersonId]:
    return [PersonId(row["id"]) for row in await connection.fetch(_COLLEAGUES, agent, team)]


async def _check_hand_over(connection: Connection, request: ShiftRequest, now: datetime) -> _HandOver:
    """Whether both could work what they get, if it were handed over now."""
    assert request.taken_by is not None
    shift = (await read_shift(connection, request.shift_id)).shift
    check_askable(shift, request.starts_at, request.ends_at, now)
    given = None
    if request.given_shift_id is not None:
        given = (await read_shift(connection, request.given_shift_id)).shift
        check_given(given, request.taken_by, now)
        await check_works_in(connection, request.agent_id, given.team)
        back = await agenda_of(connection, request.agent_id, given.starts_at, given.ends_at)
        left = [
            shift.model_copy(update={"starts_at": piece.starts_at, "ends_at": piece.ends_at})
            for piece in without(shift, request.starts_at, request.ends_at)
        ]
        check_free(given.starts_at, given.ends_at, [*back.but(shift.id), *left])
        check_works(given.starts_at, given.ends_at, back.time_off)
    theirs = await agenda_of(connection, request.taken_by, request.starts_at, request.ends_at)
    others = theirs.shifts if given is None else theirs.but(given.id)
    check_free(request.starts_at, request.ends_at, others)
    check_works(request.starts_at, request.ends_at, theirs.time_off)
    return _HandOver(request, request.taken_by, shift, given)


async def _hand_over(connection: Connection, handing: _HandOver, by: Reader) -> None:
    """Cut the part out of the asker's shift and give it to the taker; likewise back, to swap."""
    request = handing.request
    # The request is taken out of the way first: what it asks for is about to be cut from under it.
    await connection.execute("update shift_requests set state = 'done' where id = $1", request.id)
    shifts = [await _give(connection, handing.shift, request.starts_at, request.ends_at, handing.taker, by)]
    if handing.given is not None:
        given = handing.given
        shifts.append(await _give(connection, given, given.starts_at, given.ends_at, request.agent_id, by))
    await tell(connection, [request.agent_id, handing.taker], by, [request.shift_id, *shifts])


async def _give(
    connection: Connection, shift: Shift, starts_at: datetime, ends_at: datetime, to: PersonId, by: Reader
) -> ShiftId:
    """The new shift, with the breaks that lie in the part."""
    part = part_of(shift, starts_at, ends_at)
    await take_out(connection, ShiftCut(shift, without(shift, starts_at, ends_at)), "handed over")
    plan = ShiftPlan(
        agent_id=to,
        team=shift.team,
        starts_at=starts_at,
        ends_at=ends_at,
        kind=shift.kind,
        status="published",
        note="taken over",
        breaks=tuple(PlannedBreak(kind=one.kind, starts_at=one.starts_at, ends_at=one.ends_at) for one in part.breaks),
    )
    return await insert_shift(connection, plan, by.id)


async def _locked(connection: Connection, id: ShiftRequestId, *more: PersonId) -> RequestRecord:
    """A request, with nobody else planning for those whom it concerns. Raises NotFoundError, and
    ShiftRequestStateError when somebody else took it in this very moment."""
    agents = {*(await _read(connection, id)).agents, *more}
    await lock_agents(connection, agents)
    record = await _read(connection, id)
    if not agents.issuperset(record.agents) and not more:
        raise ShiftRequestStateError("Somebody took this just now; look at it again.")
    return record


async def _read(connection: Connection, id: ShiftRequestId) -> RequestRecord:
    row = await connection.fetchrow(f"{_SELECT} where r.id = $1", id)
    if row is None:
        raise NotFoundError("There is no such request.")
    return _record(row)


def _record(row: asyncpg.Record) -> RequestRecord:
    values = dict(row)
    request = ShiftRequest.model_validate({name: values[name] for name in ShiftRequest.model_fields})
    rest = {name: values[name] for name in RequestRecord._fields if name != "request"}
    return RequestRecord(request, **rest)
