"""Business calendars: list, add, read, change, delete, and ask what one says of a moment."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Response, status

from api.http.area_router import AreaRouter
from api.requests import AsAuthor, AsReader, Expected, InDesk, Key
from api.sla_calendar_models import (
    SlaCalendarAnswer,
    SlaCalendarBody,
    SlaCalendarOut,
    SlaCalendarQuestion,
    SlaCalendarsOut,
    calendar_answer,
    calendar_draft,
    calendar_out,
    calendar_ref,
)
from database.sla_calendars import CalendarRecord
from domain.access import check_admin, check_desk
from domain.ids import SlaCalendarId

router = AreaRouter(prefix="/sla/calendars", tags=["sla"])
CalendarNumber = Annotated[SlaCalendarId, Path(ge=1, le=2**31 - 1, description="The calendar's id.")]


@router.get("")
async def list_sla_calendars(desk: InDesk, reader: AsReader) -> SlaCalendarsOut:
    """The calendars by name; for the desk."""
    check_desk(reader)
    return SlaCalendarsOut(items=[calendar_ref(record) for record in await desk.sla_calendars.all()])


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_sla_calendar(
    body: SlaCalendarBody, desk: InDesk, reader: AsReader, author: AsAuthor, key: Key, response: Response
) -> SlaCalendarOut:
    """Add a calendar; for admins."""
    check_admin(reader)
    draft = calendar_draft(body, datetime.now(UTC).date())
    record = await desk.sla_calendars.add(body.name, draft, author, key.request_key)
    response.headers["Location"] = f"/api/sla/calendars/{record.id}"
    return _answer(record, response)


@router.get("/{calendar}")
async def get_sla_calendar(
    calendar: CalendarNumber, desk: InDesk, reader: AsReader, response: Response
) -> SlaCalendarOut:
    """A calendar in its latest version; for the desk."""
    check_desk(reader)
    return _answer(await desk.sla_calendars.read(calendar), response)


@router.put("/{calendar}")
async def replace_sla_calendar(
    calendar: CalendarNumber,
    body: SlaCalendarBody,
    desk: InDesk,
    reader: AsReader,
    author: AsAuthor,
    expected: Expected,
    response: Response,
) -> SlaCalendarOut:
    """Make a new version of a calendar, for new tickets; for admins. Open tickets keep the version that they run on."""
    check_admin(reader)
    draft = calendar_draft(body, datetime.now(UTC).date())
    return _answer(await desk.sla_calendars.change(calendar, body.name, draft, author, expected), response)


@router.delete("/{calendar}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_sla_calendar(
    calendar: CalendarNumber, desk: InDesk, reader: AsReader, author: AsAuthor, expected: Expected
) -> None:
    """Delete a calendar by which no policy and no open ticket's clock counts; for admins."""
    check_admin(reader)
    await desk.sla_calendars.delete(calendar, author, expected)


@router.post("/{calendar}/test")
async def test_sla_calendar(
    calendar: CalendarNumber, body: SlaCalendarQuestion, desk: InDesk, reader: AsReader
) -> SlaCalendarAnswer:
    """What a calendar says of a moment: open or closed, the next opening, and when so much working time is over."""
    check_desk(reader)
    return calendar_answer(await desk.sla_calendars.read(calendar), body, desk.terms.zone_data)


def _answer(record: CalendarRecord, response: Response) -> SlaCalendarOut:
    response.headers["ETag"] = f'"{record.version}"'
    return calendar_out(record)
