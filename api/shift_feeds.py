"""An agent's shifts as an iCalendar feed (RFC 5545), for the calendar on their phone.

Calendar apps cannot sign in, so the feed's address is a secret: whoever knows it may read one agent's shifts, and
nothing else. It is shown once, when it is made; a new one, or none, is a request away.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Path, Response, status
from icalendar import Calendar, Event
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk
from database.shifts import ShiftRecord
from domain.access import check_desk
from domain.errors import NotFoundError

router = AreaRouter(prefix="/shifts", tags=["shifts"])
PAST, AHEAD = timedelta(days=60), timedelta(days=366)
_FILE = re.compile(r"([A-Za-z0-9_-]{43})\.ics")


class ShiftFeedOut(BaseModel):
    """Where the feed is. The address is shown this once."""

    path: str = Field(description="Put it behind the address of this server, and subscribe to it.")


@router.post("/feed", status_code=status.HTTP_201_CREATED)
async def make_shift_feed(desk: InDesk, reader: AsReader) -> ShiftFeedOut:
    """Make an address for one's own feed; the former one stops to work."""
    check_desk(reader)
    return ShiftFeedOut(path=f"/api/shifts/feeds/{await desk.shift_feeds.make(reader.id)}.ics")


@router.delete("/feed", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_shift_feed(desk: InDesk, reader: AsReader) -> None:
    """Let the address of one's own feed stop to work."""
    check_desk(reader)
    await desk.shift_feeds.revoke(reader.id)


@router.get(
    "/feeds/{file}",
    response_class=Response,
    responses={200: {"content": {"text/calendar": {}}, "description": "The feed"}},
)
async def get_shift_feed(
    file: Annotated[str, Path(max_length=100, description="The secret token, and `.ics`.")], desk: InDesk
) -> Response:
    """The published shifts of whose address this is, from two months back to a year ahead. Needs no sign-in."""
    match = _FILE.fullmatch(file)
    owner = None if match is None else await desk.shift_feeds.owner(match[1])
    if owner is None:
        raise NotFoundError("There is no such feed.")
    agent, name = owner
    now = datetime.now(UTC)
    records = await desk.shift_feeds.shifts(agent, now - PAST, now + AHEAD)
    return Response(
        calendar_of(name, records),
        media_type="text/calendar",
        headers={"Cache-Control": "private, max-age=300", "Referrer-Policy": "no-referrer"},
    )


def calendar_of(name: str, records: Iterable[ShiftRecord]) -> bytes:
    """The feed's text: an event for each shift, and one for each of its breaks. All moments are in UTC, which every
    calendar shows in its own zone. The same shift keeps its UID; `SEQUENCE` counts its changes."""
    calendar = Calendar()
    calendar.add("prodid", "-//Smart Ticketing//Shifts//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"Shifts of {name}")
    for record in records:
        shift = record.shift
        title = "Shift" if shift.team is None else f"Shift: {shift.team}"
        calendar.add_component(
            _event(
                f"shift-{shift.id}",
                record,
                f"{title} (overtime)" if shift.kind == "overtime" else title,
                shift.starts_at,
                shift.ends_at,
            )
        )
        for taken in shift.breaks:
            spoken = taken.kind.replace("_", " ").capitalize()
            calendar.add_component(_event(f"break-{taken.id}", record, spoken, taken.starts_at, taken.ends_at))
    return bytes(calendar.to_ical())


def _event(uid: str, record: ShiftRecord, summary: str, starts_at: datetime, ends_at: datetime) -> Event:
    event = Event()
    event.add("uid", f"{uid}@smart-ticketing")
    event.add("dtstamp", record.updated_at)
    event.add("last-modified", record.updated_at)
    event.add("sequence", record.version)
    event.add("dtstart", starts_at.astimezone(UTC))
    event.add("dtend", ends_at.astimezone(UTC))
    event.add("summary", summary)
    event.add("status", "CANCELLED" if record.shift.status == "cancelled" else "CONFIRMED")
    if record.note:
        event.add("description", record.note)
    return event
