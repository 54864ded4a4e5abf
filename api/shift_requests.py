"""Requests to hand shifts over: to have one covered, or to swap it for another one. The first who takes one gets it."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Response, status
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, Expected, InDesk, Key
from api.shift_models import MAX_ID, Id, Input, Note, ShiftAgent
from database.shift_requests import RequestPlan, RequestRecord
from domain.access import check_supervisor
from domain.ids import PersonId, ShiftId, ShiftRequestId
from domain.shift_access import check_for_agent, shift_scope
from domain.shift_request import RequestKind, RequestState, state_of
from domain.ticket import Slug
from domain.ticket_commands import Moment

router = AreaRouter(prefix="/shifts/requests", tags=["shifts"])
RequestNumber = Annotated[ShiftRequestId, Path(ge=1, le=MAX_ID, description="The request's id.")]


class ShiftRequestBody(Input):
    """What an agent asks: that a colleague covers their shift, or swaps it for one of theirs."""

    kind: RequestKind = "cover"
    shift: Id
    starts_at: Moment | None = Field(default=None, description="The part's beginning; without it, the shift's.")
    ends_at: Moment | None = Field(default=None, description="The part's end; without it, the shift's.")
    to: UUID | None = Field(default=None, description="Whom it is put to; without it, anyone of the team.")
    wanted_shift: Id | None = Field(
        default=None, description="To swap: the shift of theirs that is wanted; without it, the one who takes it says."
    )
    note: Note = ""


class ShiftTaking(Input):
    """How a request is taken."""

    gives: Id | None = Field(default=None, description="To swap: one's own shift that is given for it.")


class ShiftRequestOut(BaseModel):
    """A request. `version` is its ETag."""

    id: int
    kind: RequestKind
    agent: ShiftAgent = Field(description="Who asks.")
    shift: int
    team: Slug | None
    starts_at: datetime = Field(description="The part that is to be handed over.")
    ends_at: datetime
    to: PersonId | None
    wanted_shift: int | None
    state: RequestState = Field(description="`taken`: it waits for a supervisor.")
    taken_by: PersonId | None
    taken_at: datetime | None
    given_shift: int | None
    decided_by: PersonId | None
    decided_at: datetime | None
    note: str
    created_at: datetime
    version: int


class ShiftRequestPageOut(BaseModel):
    items: list[ShiftRequestOut]
    next_cursor: str | None


@router.get("")
async def list_shift_requests(
    desk: InDesk,
    reader: AsReader,
    pending: Annotated[bool, Query(description="Only those that can still be taken or decided on.")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(pattern=r"^\d{1,15}$")] = None,
) -> ShiftRequestPageOut:
    """One's own requests and those put to oneself or one's teams, newest first; supervisors see all."""
    now = datetime.now(UTC)
    after = None if cursor is None else ShiftRequestId(int(cursor))
    records = await desk.shift_requests.page(shift_scope(reader), now, after, limit + 1, pending=pending)
    return ShiftRequestPageOut(
        items=[request_out(record, now) for record in records[:limit]],
        next_cursor=str(records[limit - 1].request.id) if len(records) > limit else None,
    )


@router.post("", status_code=status.HTTP_201_CREATED)
async def ask_shift_request(
    body: ShiftRequestBody, desk: InDesk, reader: AsReader, key: Key, response: Response
) -> ShiftRequestOut:
    """Ask others to take one's own shift, or a part of it. Whom it is put to is told."""
    check_for_agent(reader, reader.id)
    plan = RequestPlan(
        kind=body.kind,
        shift=ShiftId(body.shift),
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        to_agent=None if body.to is None else PersonId(body.to),
        wanted_shift=None if body.wanted_shift is None else ShiftId(body.wanted_shift),
        note=body.note,
    )
    now = datetime.now(UTC)
    record = await desk.shift_requests.ask(plan, reader, now, key.request_key)
    response.headers["Location"] = f"/api/shifts/requests/{record.request.id}"
    return _answer(record, now, response)


@router.get("/{request_id}")
async def get_shift_request(
    request_id: RequestNumber, desk: InDesk, reader: AsReader, response: Response
) -> ShiftRequestOut:
    """A request that one may see."""
    return _answer(await desk.shift_requests.read(request_id, shift_scope(reader)), datetime.now(UTC), response)


@router.post("/{request_id}/take")
async def take_shift_request(
    request_id: RequestNumber, body: ShiftTaking, desk: InDesk, reader: AsReader, response: Response
) -> ShiftRequestOut:
    """Take what a colleague asks for. The first gets it; where the team approves swaps, a supervisor has the last
    word."""
    await desk.shift_requests.read(request_id, shift_scope(reader))
    now = datetime.now(UTC)
    given = None if body.gives is None else ShiftId(body.gives)
    record = await desk.shift_requests.take(request_id, given, reader, now)
    return _answer(record, now, response)


@router.post("/{request_id}/approve")
async def approve_shift_request(
    request_id: RequestNumber, desk: InDesk, reader: AsReader, expected: Expected, response: Response
) -> ShiftRequestOut:
    """Approve a request that was taken: the shift is handed over. For supervisors."""
    return await _decide(request_id, desk, reader, expected, response, approves=True)


@router.post("/{request_id}/reject")
async def reject_shift_request(
    request_id: RequestNumber, desk: InDesk, reader: AsReader, expected: Expected, response: Response
) -> ShiftRequestOut:
    """Reject a request that was taken; nothing is moved. For supervisors."""
    return await _decide(request_id, desk, reader, expected, response, approves=False)


@router.delete("/{request_id}")
async def withdraw_shift_request(
    request_id: RequestNumber, desk: InDesk, reader: AsReader, response: Response
) -> ShiftRequestOut:
    """Take a request back that is not done; for who asked, and supervisors."""
    record = await desk.shift_requests.read(request_id, shift_scope(reader))
    check_for_agent(reader, record.request.agent_id)
    now = datetime.now(UTC)
    return _answer(await desk.shift_requests.withdraw(request_id, now), now, response)


async def _decide(
    id: ShiftRequestId, desk: InDesk, reader: AsReader, expected: Expected, response: Response, *, approves: bool
) -> ShiftRequestOut:
    check_supervisor(reader)
    now = datetime.now(UTC)
    record = await desk.shift_requests.decide(id, reader, now, approves=approves, expected=expected)
    return _answer(record, now, response)


def request_out(record: RequestRecord, now: datetime) -> ShiftRequestOut:
    request = record.request
    return ShiftRequestOut(
        id=request.id,
        kind=request.kind,
        agent=ShiftAgent(id=request.agent_id, name=record.agent_name),
        shift=request.shift_id,
        team=request.team,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
        to=request.to_agent_id,
        wanted_shift=request.wanted_shift_id,
        state=state_of(request, now),
        taken_by=request.taken_by,
        taken_at=record.taken_at,
        given_shift=request.given_shift_id,
        decided_by=record.decided_by,
        decided_at=record.decided_at,
        note=record.note,
        created_at=record.created_at,
        version=record.version,
    )


def _answer(record: RequestRecord, now: datetime, response: Response) -> ShiftRequestOut:
    response.headers["ETag"] = f'"{record.version}"'
    return request_out(record, now)
