"""What happened to a ticket, and what happens next by itself."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.event_frames import timeline_entry
from api.requests import AsReader, InDesk, Number
from api.ticket_models import PendingMomentOut, PendingMomentsOut, TimelinePageOut
from api.tickets import visible
from domain.access import may_see_internal
from domain.errors import InvalidError
from domain.ticket_timers import TimerKind, pending_moments

_FOR_EVERYBODY: frozenset[TimerKind] = frozenset({"wake", "auto_close", "reopen_window_ends"})
router = APIRouter(prefix="/tickets/{number}", tags=["tickets"])


@router.get("/timeline")
async def get_timeline(
    number: Number,
    desk: InDesk,
    reader: AsReader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
) -> TimelinePageOut:
    """The ticket's events with their texts, oldest first; internal ones only for the desk."""
    record = await visible(desk, reader, number)
    if cursor is not None and (not cursor.isdecimal() or int(cursor) >= 2**31):
        raise InvalidError("This cursor was not made by this list.")
    stream_cursor = await desk.events.now()
    internal = may_see_internal(reader, record)
    rows = await desk.events.timeline(number, int(cursor or 0), limit + 1, internal)
    items = [timeline_entry(row) for row in rows[:limit]]
    next_cursor = str(items[-1].revision) if len(rows) > limit else None
    return TimelinePageOut(items=items, next_cursor=next_cursor, stream_cursor=str(stream_cursor))


@router.get("/pending")
async def get_pending(number: Number, desk: InDesk, reader: AsReader) -> PendingMomentsOut:
    """Every moment at which the ticket will act by itself, and why."""
    record = await visible(desk, reader, number)
    moments = pending_moments(record.ticket)
    if not may_see_internal(reader, record):
        moments = [moment for moment in moments if moment.kind in _FOR_EVERYBODY]
    items = [PendingMomentOut(id=one.id, at=one.at, kind=one.kind, cause=one.cause) for one in moments]
    return PendingMomentsOut(items=items)
