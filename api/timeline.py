"""What happened to a ticket, and what happens next by itself."""

from typing import Annotated

from fastapi import Query

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk, Number
from api.state import Desk
from api.streaming.event_frames import RATED, WITH_MENTIONS, mention_ids, timeline_entry
from api.ticket_models import PendingMomentOut, PendingMomentsOut, TimelineEntry, TimelinePageOut
from api.tickets import visible
from database.events import TimelineRecord
from domain.access import may_see_internal, may_see_rating_comment
from domain.errors import InvalidError
from domain.ticket_timers import TimerKind, pending_moments

_FOR_EVERYBODY: frozenset[TimerKind] = frozenset({"wake", "auto_close", "reopen_window_ends"})
router = AreaRouter(prefix="/tickets/{number}", tags=["tickets"])


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
    if not may_see_rating_comment(reader, record):
        items = [item.model_copy(update={"body": None}) if item.type == RATED else item for item in items]
    await _name_mentions(desk, items, rows, with_desk=internal)
    next_cursor = str(items[-1].revision) if len(rows) > limit else None
    return TimelinePageOut(items=items, next_cursor=next_cursor, stream_cursor=str(stream_cursor))


async def _name_mentions(
    desk: Desk, items: list[TimelineEntry], rows: list[TimelineRecord], *, with_desk: bool
) -> None:
    """Say whom replies and notes mention: to those who see the ticket from outside only who is not of the desk, for
    whoever is mentioned watches it."""
    mentions = {row.revision: mention_ids(row) for row in rows}
    ids = {id for those in mentions.values() for id in those}
    people = {person.id: person for person in await desk.people.read_all(list(ids))} if ids else {}
    for item in items:
        if item.type in WITH_MENTIONS:
            named = [people[id] for id in mentions[item.revision] if id in people]
            seen = [one for one in named if with_desk or not one.role.is_desk]
            item.change["mentions"] = [{"id": one.id, "name": one.name} for one in seen]


@router.get("/pending")
async def get_pending(number: Number, desk: InDesk, reader: AsReader) -> PendingMomentsOut:
    """Every moment at which the ticket will act by itself, and why."""
    record = await visible(desk, reader, number)
    moments = pending_moments(record.ticket)
    if not may_see_internal(reader, record):
        moments = [moment for moment in moments if moment.kind in _FOR_EVERYBODY]
    items = [PendingMomentOut(id=one.id, at=one.at, kind=one.kind, cause=one.cause) for one in moments]
    return PendingMomentsOut(items=items)
