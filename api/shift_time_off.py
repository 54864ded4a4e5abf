"""Time off: agents ask for it, supervisors decide, and what was planned gives way."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Response, status
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, Expected, InDesk, Key
from api.shift_models import MAX_ID, Input, Note, ShiftAgent
from database.time_off import Decided, TimeOffPlan, TimeOffRecord
from domain.access import check_supervisor
from domain.errors import NotFoundError
from domain.ids import PersonId, TimeOffId
from domain.shift_access import check_for_agent, is_supervisor
from domain.ticket_commands import Moment
from domain.time_off import TimeOffKind, TimeOffState

router = AreaRouter(prefix="/shifts/time-off", tags=["shifts"])
TimeOffNumber = Annotated[TimeOffId, Path(ge=1, le=MAX_ID, description="The time off's id.")]


class TimeOffBody(Input):
    """Time off that is asked for; for oneself, unless a supervisor names somebody. Theirs is approved at once."""

    agent: UUID | None = None
    starts_at: Moment
    ends_at: Moment
    kind: TimeOffKind = "holiday"
    note: Note = ""


class PieceOut(BaseModel):
    starts_at: datetime
    ends_at: datetime


class ShiftLossOut(BaseModel):
    """A shift that time off took something from."""

    shift: int
    starts_at: datetime = Field(description="When it was to begin.")
    ends_at: datetime
    left: list[PieceOut] = Field(description="What is left of it; nothing when it is cancelled.")


class TimeOffOut(BaseModel):
    """Time off. `version` is its ETag."""

    id: int
    agent: ShiftAgent
    starts_at: datetime
    ends_at: datetime
    kind: TimeOffKind
    state: TimeOffState
    note: str
    asked_at: datetime
    decided_by: PersonId | None
    decided_at: datetime | None
    version: int
    shifts: list[ShiftLossOut] = Field(description="In the answer to an approval: what it did to shifts.")


class TimeOffPageOut(BaseModel):
    items: list[TimeOffOut]
    next_cursor: str | None


@router.get("")
async def list_time_off(
    desk: InDesk,
    reader: AsReader,
    agent: UUID | None = None,
    state: TimeOffState | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(pattern=r"^\d{1,15}$")] = None,
) -> TimeOffPageOut:
    """Time off, newest first: one's own, or, for supervisors, everybody's."""
    whose = None if agent is None else PersonId(agent)
    if whose is None and not is_supervisor(reader):
        whose = reader.id
    check_for_agent(reader, whose or reader.id)
    after = None if cursor is None else TimeOffId(int(cursor))
    records = await desk.time_off.page(whose, state, after, limit + 1)
    return TimeOffPageOut(
        items=[time_off_out(Decided(record)) for record in records[:limit]],
        next_cursor=str(records[limit - 1].time_off.id) if len(records) > limit else None,
    )


@router.post("", status_code=status.HTTP_201_CREATED)
async def ask_time_off(body: TimeOffBody, desk: InDesk, reader: AsReader, key: Key, response: Response) -> TimeOffOut:
    """Ask for time off. A supervisor's word is an approval: it is taken out of the agent's shifts at once."""
    agent = reader.id if body.agent is None else PersonId(body.agent)
    check_for_agent(reader, agent)
    plan = TimeOffPlan(agent, body.starts_at, body.ends_at, body.kind, body.note, is_approved=is_supervisor(reader))
    decided = await desk.time_off.add(plan, reader, datetime.now(UTC), key.request_key)
    return _answer(decided, response)


@router.get("/{time_off}")
async def get_time_off(time_off: TimeOffNumber, desk: InDesk, reader: AsReader, response: Response) -> TimeOffOut:
    """Time off: one's own, or, for supervisors, anybody's."""
    return _answer(Decided(await _visible(time_off, desk, reader)), response)


@router.post("/{time_off}/approve")
async def approve_time_off(
    time_off: TimeOffNumber, desk: InDesk, reader: AsReader, expected: Expected, response: Response
) -> TimeOffOut:
    """Approve time off: shifts under it are cancelled or cut, and the answer says which. For supervisors."""
    check_supervisor(reader)
    decided = await desk.time_off.approve(time_off, reader, datetime.now(UTC), expected)
    return _answer(decided, response)


@router.post("/{time_off}/reject")
async def reject_time_off(
    time_off: TimeOffNumber, desk: InDesk, reader: AsReader, expected: Expected, response: Response
) -> TimeOffOut:
    """Refuse time off; for supervisors."""
    check_supervisor(reader)
    return _answer(Decided(await desk.time_off.reject(time_off, reader, datetime.now(UTC), expected)), response)


@router.delete("/{time_off}")
async def withdraw_time_off(
    time_off: TimeOffNumber, desk: InDesk, reader: AsReader, expected: Expected, response: Response
) -> TimeOffOut:
    """Do without time off that has not begun. Shifts that gave way to it stay away, until they are planned again."""
    await _visible(time_off, desk, reader)
    record = await desk.time_off.withdraw(time_off, reader, datetime.now(UTC), expected)
    return _answer(Decided(record), response)


async def _visible(id: TimeOffId, desk: InDesk, reader: AsReader) -> TimeOffRecord:
    check_for_agent(reader, reader.id)
    record = await desk.time_off.read(id)
    if record.time_off.agent_id != reader.id and not is_supervisor(reader):
        raise NotFoundError("There is no such time off.")
    return record


def time_off_out(decided: Decided) -> TimeOffOut:
    record, off = decided.record, decided.record.time_off
    return TimeOffOut(
        id=off.id,
        agent=ShiftAgent(id=off.agent_id, name=record.agent_name),
        starts_at=off.starts_at,
        ends_at=off.ends_at,
        kind=off.kind,
        state=off.state,
        note=record.note,
        asked_at=record.asked_at,
        decided_by=record.decided_by,
        decided_at=record.decided_at,
        version=record.version,
        shifts=[
            ShiftLossOut(
                shift=loss.shift,
                starts_at=loss.starts_at,
                ends_at=loss.ends_at,
                left=[PieceOut(starts_at=piece.starts_at, ends_at=piece.ends_at) for piece in loss.left],
            )
            for loss in decided.losses
        ],
    )


def _answer(decided: Decided, response: Response) -> TimeOffOut:
    response.headers["ETag"] = f'"{decided.record.version}"'
    return time_off_out(decided)
