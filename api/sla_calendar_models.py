"""Calendars as they are spoken: the bodies that come in, what they come to, and the resources that go out."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from api.auth import Name
from api.country_holidays import check_country, check_subdivision, country_holidays
from api.http.texts import Text
from database.sla_calendars import CalendarDraft, CalendarRecord
from domain.business_calendar import (
    HORIZON,
    BusinessCalendar,
    Day,
    Zone,
    after_working_time,
    closing,
    next_opening,
    time_zone,
)
from domain.holiday import Holiday, HolidayCountry
from domain.ids import SlaCalendarId
from domain.ticket_commands import Moment

MAX_SPANS, MAX_DATES, MAX_COUNTRIES = 24, 1000, 20
FIRST_DATE, LAST_DATE = date(1970, 1, 1), date(2200, 12, 31)
MAX_WORKING_SECONDS = int(HORIZON.total_seconds())


def _written(value: object) -> object:
    """JSON knows no dates, and numbers would pass as seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and len(value) == len("2026-12-24")):
        return value
    raise ValueError("a date is written as 2026-12-24")


def _in_range(value: date) -> date:
    if not FIRST_DATE <= value <= LAST_DATE:
        raise ValueError("a date lies between 1970 and 2200")
    return value


Date = Annotated[date, BeforeValidator(_written), AfterValidator(_in_range)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SlaSpan(_Input):
    """Opening hours by the calendar's clock, as `09:00` to `17:00`. When `to` is before `from` it is the next day's;
    `24:00` is the end of the day."""

    since: Annotated[str, Field(alias="from", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    until: Annotated[str, Field(alias="to", pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]

    @model_validator(mode="after")
    def _has_length(self) -> "SlaSpan":
        if self.since == self.until:
            raise ValueError(f"a span needs some length, and one from {self.since} to {self.until} has none")
        return self


Spans = Annotated[list[SlaSpan], Field(max_length=MAX_SPANS)]


class SlaSpecialDay(_Input):
    """The hours of one date, instead of its weekday's and although it is a holiday. Without spans it is closed."""

    on: Date
    spans: Spans = []


class SlaHoliday(_Input):
    """A holiday of the desk's own."""

    on: Date
    name: Annotated[Text, Field(max_length=200)] = ""


class SlaHolidayCountry(_Input):
    """A country, by its ISO 3166 code, or a part of it, by the code of the `holidays` package: `DE`, `BY`."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    subdivision: Annotated[str, Field(max_length=40)] | None = None

    @field_validator("country")
    @classmethod
    def _is_known(cls, country: str) -> str:
        check_country(country)
        return country

    @field_validator("subdivision")
    @classmethod
    def _belongs(cls, subdivision: str | None, info: ValidationInfo) -> str | None:
        if subdivision is not None and "country" in info.data:
            check_subdivision(info.data["country"], subdivision)
        return subdivision


def _each_once(holidays: list[SlaHoliday]) -> list[SlaHoliday]:
    if len({one.on for one in holidays}) < len(holidays):
        raise ValueError("a date is a holiday once")
    return holidays


def _each_country_once(countries: list[SlaHolidayCountry]) -> list[SlaHolidayCountry]:
    if len({(one.country, one.subdivision) for one in countries}) < len(countries):
        raise ValueError("a country is named once")
    return countries


class SlaCalendarBody(_Input):
    """When a desk works: `week` holds the spans of seven days from Monday on, or else it is `always_open`.

    `holiday_countries` are taken over with their public holidays from last year to ten years ahead; a change of the
    calendar takes them over anew.
    """

    name: Name
    zone: Annotated[Zone, Field(description="A name of the IANA time-zone database.")]
    always_open: bool = False
    week: Annotated[list[Spans], Field(max_length=7)] = []
    holidays: Annotated[list[SlaHoliday], Field(max_length=MAX_DATES), AfterValidator(_each_once)] = []
    holiday_countries: Annotated[
        list[SlaHolidayCountry], Field(max_length=MAX_COUNTRIES), AfterValidator(_each_country_once)
    ] = []
    special_days: Annotated[list[SlaSpecialDay], Field(max_length=MAX_DATES)] = []


class SlaCalendarOut(BaseModel):
    """A calendar in its latest version. New tickets run on it; open ones on the version that they have."""

    id: SlaCalendarId
    name: str
    version: int = Field(description="Counts from 1; `If-Match` takes it.")
    version_id: int = Field(description="What a ticket's ledger names.")
    zone: str
    always_open: bool
    week: list[Spans]
    holidays: list[SlaHoliday]
    holiday_countries: list[HolidayCountry]
    country_holidays: list[Holiday]
    special_days: list[SlaSpecialDay]
    created_at: datetime
    updated_at: datetime


class SlaCalendarRef(BaseModel):
    """A calendar in a list."""

    id: SlaCalendarId
    name: str
    version: int
    zone: str
    always_open: bool
    holiday_countries: list[HolidayCountry]
    updated_at: datetime


class SlaCalendarsOut(BaseModel):
    items: list[SlaCalendarRef]


class SlaCalendarQuestion(_Input):
    at: Moment
    working_seconds: Annotated[int, Field(ge=0, le=MAX_WORKING_SECONDS)] | None = None


class SlaCalendarAnswer(BaseModel):
    """What a calendar says of a moment. What does not come within five years is null."""

    at: AwareDatetime
    local_time: str = Field(description="The same moment by the calendar's clock, with its offset from UTC.")
    is_open: bool
    closes_at: AwareDatetime | None = Field(description="Null also when it is closed.")
    next_opening: AwareDatetime | None = Field(description="`at` itself when it is open.")
    after_working_time: AwareDatetime | None = Field(description="By when `working_seconds` will have been worked.")
    reason: str | None = Field(description="Why `after_working_time` is null although it was asked for.")
    calendar_version: int
    zone_data: str = Field(description="The version of the time-zone data.")


def calendar_draft(body: SlaCalendarBody, today: date) -> CalendarDraft:
    """The calendar that a body describes, with the holidays of its countries.

    Raises RequestValidationError, which is answered with 422, for what makes no sense.
    """
    taken = [_taken_over(place, one, today) for place, one in enumerate(body.holiday_countries)]
    own = tuple(Holiday(on=one.on, name=one.name) for one in body.holidays)
    holidays = (*own, *(holiday for _, found in taken for holiday in found))
    calendar = working_calendar(body.zone, body.week, body.special_days, always_open=body.always_open)
    known = known_calendar(calendar | {"holidays": {holiday.on for holiday in holidays}})
    return CalendarDraft(known, holidays, tuple(country for country, _ in taken))


def working_calendar(
    zone: Zone, week: Iterable[Iterable[SlaSpan]], special_days: Iterable[SlaSpecialDay], *, always_open: bool
) -> dict[str, Any]:
    """The parts of a business calendar, not checked yet whether they make sense together."""
    return {
        "zone": zone,
        "always_open": always_open,
        "week": [_minutes(spans) for spans in week],
        "special_days": [{"on": day.on, "spans": _minutes(day.spans)} for day in special_days],
    }


def known_calendar(parts: dict[str, Any], *place: str) -> BusinessCalendar:
    """The calendar of these parts, which came at this place of the body.

    Raises RequestValidationError, which is answered with 422, for what makes no sense.
    """
    try:
        return BusinessCalendar.model_validate(parts)
    except ValidationError as error:
        wrong = [{**one, "loc": ("body", *place, *one["loc"])} for one in error.errors()]
        raise RequestValidationError(wrong) from error


def _taken_over(place: int, asked: SlaHolidayCountry, today: date) -> tuple[HolidayCountry, tuple[Holiday, ...]]:
    try:
        return country_holidays(asked.country, asked.subdivision, today.year)
    except ValueError as error:
        loc = ("body", "holiday_countries", place)
        raise RequestValidationError([{"type": "value_error", "loc": loc, "msg": str(error)}]) from error


def calendar_out(record: CalendarRecord) -> SlaCalendarOut:
    calendar = record.calendar
    return SlaCalendarOut(
        id=record.id,
        name=record.name,
        version=record.version,
        version_id=record.version_id,
        zone=calendar.zone,
        always_open=calendar.always_open,
        week=[spoken_spans(day) for day in calendar.week],
        holidays=[SlaHoliday(on=one.on, name=one.name) for one in record.holidays if one.country is None],
        holiday_countries=list(record.countries),
        country_holidays=[one for one in record.holidays if one.country is not None],
        special_days=[SlaSpecialDay(on=day.on, spans=spoken_spans(day.spans)) for day in calendar.special_days],
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def calendar_ref(record: CalendarRecord) -> SlaCalendarRef:
    return SlaCalendarRef(
        id=record.id,
        name=record.name,
        version=record.version,
        zone=record.calendar.zone,
        always_open=record.calendar.always_open,
        holiday_countries=list(record.countries),
        updated_at=record.updated_at,
    )


def calendar_answer(record: CalendarRecord, question: SlaCalendarQuestion, zone_data: str) -> SlaCalendarAnswer:
    """What the calendar says of the moment."""
    calendar, at, seconds = record.calendar, question.at, question.working_seconds
    opening = next_opening(calendar, at)
    after = None if seconds is None else after_working_time(calendar, at, timedelta(seconds=seconds))
    is_never = seconds is not None and after is None
    return SlaCalendarAnswer(
        at=at,
        local_time=at.astimezone(time_zone(calendar.zone)).isoformat(),
        is_open=opening == at,
        closes_at=closing(calendar, at),
        next_opening=opening,
        after_working_time=after,
        reason="The calendar has not as much working time within five years." if is_never else None,
        calendar_version=record.version,
        zone_data=zone_data,
    )


def _minutes(spans: Iterable[SlaSpan]) -> list[dict[str, Any]]:
    return [{"since": _minute(span.since), "until": _minute(span.until)} for span in spans]


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def spoken_spans(day: Day) -> list[SlaSpan]:
    """The opening hours of a day as they are written."""
    return [SlaSpan.model_validate({"from": _clock(span.since), "to": _clock(span.until)}) for span in day]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
