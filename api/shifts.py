"""Shifts: who works when, planned, published, changed and cancelled; and the breaks within them."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, status
from pydantic import BaseModel

from api.http.area_router import AreaRouter
from api.requests import AsReader, Expected, InDesk, Key
from api.shift_models import (
    After,
    AskedTime,
    BreakBody,
    BreakNumber,
    ShiftAgent,
    ShiftBody,
    ShiftEditBody,
    ShiftNumber,
    ShiftOut,
    ShiftPageOut,
    ShiftPublication,
    ShiftPublished,
    Team,
    planned_break,
    shift_edit,
    shift_out,
    shift_page,
    shift_plan,
    window,
)
from database.shifts import ShiftFilter, ShiftRecord
from domain.access import check_supervisor
from domain.ids import PersonId, ShiftId
from domain.shift import ShiftStatus
from domain.shift_access import check_plans_breaks, shift_scope
from domain.ticket import Slug

router = AreaRouter(prefix="/shifts", tags=["shifts"])
Limit = Annotated[int, Query(ge=1, le=200)]
WithCancelled = Annotated[bool, Query(description="Whether cancelled shifts are listed too.")]


class OnShiftOut(BaseModel):
    """Somebody who is on shift now."""

    agent: ShiftAgent
    shift: int
    team: Slug | None
    on_break: bool
    free_until: datetime | None
    ends_at: datetime | None


class OnShiftsOut(BaseModel):
    at: datetime
    items: list[OnShiftOut]


@router.get("")
async def list_shifts(
    desk: InDesk,
    reader: AsReader,
    time: AskedTime,
    after: After,
    agent: UUID | None = None,
    team: Team = None,
    cancelled: WithCancelled = False,
    limit: Limit = 50,
) -> ShiftPageOut:
    """The shifts of a time, by their beginnings. Supervisors see drafts too, agents their teams' published ones."""
    asked = _asked(time, None if agent is None else PersonId(agent), team, cancelled=cancelled)
    return shift_page(await desk.shifts.page(shift_scope(reader), asked, after, limit + 1), limit)


@router.get("/mine")
async def list_my_shifts(
    desk: InDesk, reader: AsReader, time: AskedTime, after: After, cancelled: WithCancelled = False, limit: Limit = 50
) -> ShiftPageOut:
    """One's own published shifts, by their beginnings."""
    scope = shift_scope(reader)._replace(everything=False)
    asked = _asked(time, reader.id, None, cancelled=cancelled)
    return shift_page(await desk.shifts.page(scope, asked, after, limit + 1), limit)


@router.get("/current")
async def list_current_shifts(desk: InDesk, reader: AsReader, team: Team = None) -> OnShiftsOut:
    """Who is on now; for agents, of their teams."""
    now = datetime.now(UTC)
    return OnShiftsOut(
        at=now,
        items=[
            OnShiftOut(
                agent=ShiftAgent(id=one.shift.agent_id, name=one.agent_name),
                shift=one.shift.id,
                team=one.shift.team,
                on_break=one.duty.on_break,
                free_until=one.duty.free_until,
                ends_at=one.duty.shift_ends_at,
            )
            for one in await desk.shifts.current(shift_scope(reader), team, now)
        ],
    )


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_shift(body: ShiftBody, desk: InDesk, reader: AsReader, key: Key, response: Response) -> ShiftOut:
    """Plan a shift, as a draft unless it says `publish`; for supervisors."""
    check_supervisor(reader)
    record = await desk.shift_plans.add(shift_plan(body), reader, datetime.now(UTC), key.request_key)
    response.headers["Location"] = f"/api/shifts/{record.shift.id}"
    return _answer(record, response)


@router.post("/publish")
async def publish_shifts(body: ShiftPublication, desk: InDesk, reader: AsReader) -> ShiftPublished:
    """Publish the drafts that begin in a time, all at once; for supervisors. To repeat it publishes nothing more."""
    check_supervisor(reader)
    period = window(body.starts_at, body.ends_at, body.starts_at)
    agent = None if body.agent is None else PersonId(body.agent)
    published = await desk.shift_plans.publish(period.since, period.until, reader, team=body.team, agent=agent)
    return ShiftPublished(shifts=list(published.shifts), agents=published.agents)


@router.get("/{shift}")
async def get_shift(shift: ShiftNumber, desk: InDesk, reader: AsReader, response: Response) -> ShiftOut:
    """A shift, also one that was cancelled."""
    return _answer(await desk.shifts.read(shift, shift_scope(reader)), response)


@router.patch("/{shift}")
async def edit_shift(
    shift: ShiftNumber, body: ShiftEditBody, desk: InDesk, reader: AsReader, expected: Expected, response: Response
) -> ShiftOut:
    """Change what is named; for supervisors. A rota lets a shift be that was changed so."""
    check_supervisor(reader)
    record = await desk.shift_plans.change(shift, shift_edit(body), reader, datetime.now(UTC), expected)
    return _answer(record, response)


@router.delete("/{shift}")
async def cancel_shift(
    shift: ShiftNumber, desk: InDesk, reader: AsReader, expected: Expected, response: Response
) -> ShiftOut:
    """Cancel a shift that was not started; for supervisors."""
    check_supervisor(reader)
    record = await desk.shift_plans.cancel(shift, reader, datetime.now(UTC), expected)
    return _answer(record, response)


@router.post("/{shift}/breaks", status_code=status.HTTP_201_CREATED)
async def add_break(
    shift: ShiftNumber, body: BreakBody, desk: InDesk, reader: AsReader, key: Key, response: Response
) -> ShiftOut:
    """Plan a break within a shift; for its agent, and supervisors."""
    await _check_breaks(shift, desk, reader)
    planned = planned_break(body)
    record = await desk.shift_plans.add_break(shift, planned, reader, datetime.now(UTC), key.request_key)
    return _answer(record, response)


@router.put("/{shift}/breaks/{taken}")
async def move_break(
    shift: ShiftNumber, taken: BreakNumber, body: BreakBody, desk: InDesk, reader: AsReader, response: Response
) -> ShiftOut:
    """Plan a break otherwise that was not started; for its agent, and supervisors."""
    await _check_breaks(shift, desk, reader)
    record = await desk.shift_plans.move_break(shift, taken, planned_break(body), reader, datetime.now(UTC))
    return _answer(record, response)


@router.delete("/{shift}/breaks/{taken}")
async def cancel_break(
    shift: ShiftNumber, taken: BreakNumber, desk: InDesk, reader: AsReader, response: Response
) -> ShiftOut:
    """Cancel a break that was not started; for its agent, and supervisors."""
    await _check_breaks(shift, desk, reader)
    record = await desk.shift_plans.cancel_break(shift, taken, reader, datetime.now(UTC))
    return _answer(record, response)


async def _check_breaks(shift: ShiftId, desk: InDesk, reader: AsReader) -> None:
    check_plans_breaks(reader, (await desk.shifts.read(shift, shift_scope(reader))).shift)


def _asked(time: AskedTime, agent: PersonId | None, team: Slug | None, *, cancelled: bool) -> ShiftFilter:
    period = window(time.since, time.until, datetime.now(UTC))
    statuses: tuple[ShiftStatus, ...] = ("draft", "published", "cancelled") if cancelled else ("draft", "published")
    return ShiftFilter(period.since, period.until, agent, team, statuses)


def _answer(record: ShiftRecord, response: Response) -> ShiftOut:
    response.headers["ETag"] = f'"{record.version}"'
    return shift_out(record)
