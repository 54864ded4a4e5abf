"""Business calendars: when a desk works, and the arithmetic of working time.

One rule decides everything: **a desk is open at an instant when the wall clock of its zone then shows a time within one
of that date's spans.** So an hour that the clocks skip is never worked, and one that they repeat is worked twice. A
span belongs to the date on which it begins, also when it ends after
midnight: a holiday takes away the spans that begin on it, and leaves the evening before whole.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MINUTES_A_DAY = 24 * 60
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY = timedelta(days=1)
HORIZON = timedelta(days=5 * 366)
"""How far ahead is looked for working time; a calendar that has none within five years has none."""
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}")
_PROBE = timedelta(hours=6)
"""Zones never change their offset twice within less."""


@lru_cache
def time_zone(name: str) -> ZoneInfo:
    """A zone of the pinned `tzdata` package, on every machine the same. Raises ValueError for an unknown name."""
    file = files("tzdata").joinpath("zoneinfo", name)
    if not _ZONE_NAME.fullmatch(name) or not file.is_file():
        raise ValueError(f"there is no time zone {name!r}")
    with file.open("rb") as data:
        try:
            return ZoneInfo.from_file(data, key=name)
        except ValueError as error:
            raise ValueError(f"there is no time zone {name!r}") from error


def zone_data_version() -> str:
    """The version of the time-zone data that all moments are computed with, as `2026.1`."""
    return version("tzdata")


def _known_zone(name: str) -> str:
    time_zone(name)
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
"""A name of the IANA time-zone database."""
Minute = Annotated[int, Field(ge=0, le=MINUTES_A_DAY)]


class Span(BaseModel):
    """From a minute of the day to another one. When `until` is not after `since`, it is the next day's."""

    model_config = ConfigDict(frozen=True)

    since: Annotated[int, Field(ge=0, lt=MINUTES_A_DAY)]
    until: Minute

    @property
    def end(self) -> int:
        """`until`, counted from the midnight before `since`."""
        return self.until if self.until > self.since else self.until + MINUTES_A_DAY


def _week_apart(week: tuple[tuple[Span, ...], ...]) -> tuple[tuple[Span, ...], ...]:
    if week and len(week) != len(_WEEKDAYS):
        raise ValueError("a week has seven days")
    _refuse_overlaps(_laid_out(week, round_and_round=True), _WEEKDAYS)
    return week


Day = Annotated[tuple[Span, ...], Field(max_length=24)]
Week = Annotated[tuple[Day, ...], Field(max_length=7), AfterValidator(_week_apart)]


class SpecialDay(BaseModel):
    """The hours of one date, instead of its weekday's; they count on a holiday too. Without spans it is closed."""

    model_config = ConfigDict(frozen=True)

    on: date
    spans: Day = ()


def _days_apart(days: tuple[SpecialDay, ...]) -> tuple[SpecialDay, ...]:
    if len({day.on for day in days}) < len(days):
        raise ValueError("a date has one set of special hours")
    for day in days:
        _refuse_overlaps(_laid_out((day.spans,), round_and_round=False), (f"{day.on}", "the next day"))
    return days


class BusinessCalendar(BaseModel):
    """When a desk works. `week` holds seven days from Monday on; `always_open` is 24x7 and needs nothing else.

    Refuses spans of a week that overlap, also across midnight, a calendar without any hours, two special days for one
    date, and unknown zones.
    """

    model_config = ConfigDict(frozen=True)

    zone: Zone
    week: Week = ()
    holidays: frozenset[date] = frozenset()
    special_days: Annotated[tuple[SpecialDay, ...], AfterValidator(_days_apart)] = ()
    always_open: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.always_open:
            if self.week or self.holidays or self.special_days:
                raise ValueError("a calendar that is always open has no hours, holidays or special days")
            return self
        if not self.week:
            raise ValueError("a week has seven days")
        if not any(self.week) and not any(day.spans for day in self.special_days):
            raise ValueError("a calendar needs some hours")
        return self


ALWAYS_OPEN = BusinessCalendar(zone="UTC", always_open=True)
"""What wall-clock time is counted by."""


class Interval(NamedTuple):
    """From an instant to before another one, both in UTC."""

    start: datetime
    end: datetime


def instant_of(wall: datetime, zone: Zone) -> datetime:
    """The first instant at which the zone's clock shows this time (`wall`, without a zone); the moment at which the
    clocks are put forward when they skip it."""
    there = wall.replace(tzinfo=time_zone(zone), fold=0)
    found = there.astimezone(UTC)
    if found.astimezone(time_zone(zone)).replace(tzinfo=None) == wall:
        return found
    after_skip = there.replace(fold=1).astimezone(UTC)
    return next(
        change
        for year in (after_skip.year, found.year)
        for change in _changes(zone, year)
        if after_skip <= change <= found
    )


def is_open(calendar: BusinessCalendar, at: datetime) -> bool:
    """Whether the desk works at this instant."""
    return any(True for _ in open_intervals(calendar, at, at + timedelta(microseconds=1)))


def next_opening(calendar: BusinessCalendar, at: datetime) -> datetime | None:
    """The first instant from `at` on at which the desk works: `at` itself when it is open. None within HORIZON."""
    first = next(open_intervals(calendar, at, at + HORIZON), None)
    return None if first is None else first.start


def closing(calendar: BusinessCalendar, at: datetime) -> datetime | None:
    """When the desk that works at this instant stops to. None when it does not work, or goes on beyond HORIZON."""
    first = next(open_intervals(calendar, at, at + HORIZON), None)
    return None if first is None or first.start > at or first.end >= at + HORIZON else first.end


def after_working_time(calendar: BusinessCalendar, start: datetime, duration: timedelta) -> datetime | None:
    """The first instant from `start` on by which the desk has worked for `duration`. None when not within HORIZON.

    Raises ValueError for a negative duration.
    """
    if duration < timedelta():
        raise ValueError("working time goes forward")
    if not duration:
        return start
    left = duration
    for part in open_intervals(calendar, start, start + HORIZON):
        if left <= part.end - part.start:
            return part.start + left
        left -= part.end - part.start
    return None


def open_intervals(calendar: BusinessCalendar, start: datetime, end: datetime) -> Iterator[Interval]:
    """The working time between two instants: disjoint intervals, earliest first, none touching the next."""
    present: Interval | None = None
    for part in _parts(calendar, start.astimezone(UTC), end.astimezone(UTC)):
        if present is None:
            present = part
        elif part.start <= present.end:
            present = Interval(present.start, max(present.end, part.end))
        else:
            yield present
            present = part
    if present is not None:
        yield present


def _parts(calendar: BusinessCalendar, start: datetime, end: datetime) -> Iterator[Interval]:
    """The same in pieces that may touch or overlap, by their beginnings."""
    if calendar.always_open:
        if start < end:
            yield Interval(start, end)
        return
    special = {day.on: day.spans for day in calendar.special_days}
    for since, until, offset in _steady(calendar.zone, start, end):
        clock = timezone(offset)
        day, last = since.astimezone(clock).date() - DAY, until.astimezone(clock).date()  # an evening may run over
        while day <= last:
            midnight = datetime(day.year, day.month, day.day, tzinfo=clock)
            for span in _spans_on(calendar, special, day):
                part = Interval(
                    max(since, (midnight + timedelta(minutes=span.since)).astimezone(UTC)),
                    min(until, (midnight + timedelta(minutes=span.end)).astimezone(UTC)),
                )
                if part.start < part.end:
                    yield part
            day += DAY


def _spans_on(calendar: BusinessCalendar, special: dict[date, Day], day: date) -> Day:
    usual = () if day in calendar.holidays else calendar.week[day.weekday()]
    return tuple(sorted(special.get(day, usual), key=lambda span: span.since))


def _steady(zone: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The stretches between two instants in which the zone's clock runs steadily, each with its offset from UTC."""
    while start < end:
        changes = _changes(zone, start.year)
        following = next((change for change in changes if change > start), datetime(start.year + 1, 1, 1, tzinfo=UTC))
        until = min(following, end)
        yield start, until, _offset(zone, start)
        start = until


@lru_cache(maxsize=1024)
def _changes(zone: str, year: int) -> tuple[datetime, ...]:
    """The instants of a (UTC) year at which the zone's clock is put forward or back."""
    first, last = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    probes = [first + _PROBE * count for count in range((last - first) // _PROBE + 1)]
    found = []
    for before, after in pairwise(probes):
        low, high = before, after
        if _offset(zone, low) == _offset(zone, high):
            continue
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
            low, high = (middle, high) if _offset(zone, middle) == _offset(zone, low) else (low, middle)
        found.append(high)
    return tuple(found)


def _offset(zone: str, at: datetime) -> timedelta:
    return at.astimezone(time_zone(zone)).utcoffset() or timedelta()


def _laid_out(days: tuple[Day, ...], *, round_and_round: bool) -> list[tuple[int, int]]:
    """The spans in minutes from the first day's midnight on; a week's first one follows its last one again."""
    laid = sorted(
        (count * MINUTES_A_DAY + span.since, count * MINUTES_A_DAY + span.end)
        for count, day in enumerate(days)
        for span in day
    )
    if laid and round_and_round:
        first, length = laid[0], len(days) * MINUTES_A_DAY
        laid.append((first[0] + length, first[1] + length))
    return laid


def _refuse_overlaps(spans: list[tuple[int, int]], days: tuple[str, ...]) -> None:
    def spoken(minute: int) -> str:
        day, of_day = divmod(minute, MINUTES_A_DAY)
        return f"{days[day % len(days)]} {of_day // 60:02}:{of_day % 60:02}"

    for one, other in pairwise(spans):
        if one[1] > other[0]:
            end, begin = spoken(one[1]), spoken(other[0])
            raise ValueError(f"spans must not overlap: one goes on until {end}, the next begins at {begin}")
