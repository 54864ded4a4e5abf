"""How long a desk works between two instants, at the same cost for an hour and for a year.

What a clock has counted is asked for with each list that shows it. So the working time of a calendar is added up once,
month by month (of UTC), and a stretch is what lies between two places in these sums.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.business_calendar import BusinessCalendar, open_intervals

_NO_TIME = timedelta()
CALENDARS_KEPT = 256


def working_time(calendar: BusinessCalendar, start: datetime, end: datetime) -> timedelta:
    """How long the desk works between two instants; nothing when `end` is not after `start`."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start >= end:
        return _NO_TIME
    return end - start if calendar.always_open else _sums(calendar).between(start, end)


class _Month(NamedTuple):
    """The working time of one month: when each of its intervals begins and ends, and what was worked before it."""

    starts: list[datetime]
    ends: list[datetime]
    before: list[timedelta]
    worked: timedelta

    def by(self, at: datetime) -> timedelta:
        """What is worked by an instant of the month."""
        last = bisect_right(self.starts, at) - 1
        return _NO_TIME if last < 0 else self.before[last] + min(at, self.ends[last]) - self.starts[last]


class _Sums:
    """The months of one calendar that were asked for."""

    def __init__(self, calendar: BusinessCalendar) -> None:
        self._calendar = calendar
        self._months: dict[tuple[int, int], _Month] = {}

    def between(self, start: datetime, end: datetime) -> timedelta:
        worked = self._month(end.year, end.month).by(end) - self._month(start.year, start.month).by(start)
        year, month = start.year, start.month
        while (year, month) != (end.year, end.month):
            worked += self._month(year, month).worked
            year, month = _following(year, month)
        return worked

    def _month(self, year: int, month: int) -> _Month:
        found = self._months.get((year, month))
        if found is None:
            found = self._months[year, month] = _added_up(self._calendar, year, month)
        return found


_kept: dict[int, _Sums] = {}
"""By the identity of the calendar, which its sums hold on to: to compare calendars would cost more than to count."""


def _sums(calendar: BusinessCalendar) -> _Sums:
    found = _kept.get(id(calendar))
    if found is None:
        if len(_kept) >= CALENDARS_KEPT:
            _kept.clear()
        found = _kept[id(calendar)] = _Sums(calendar)
    return found


def _added_up(calendar: BusinessCalendar, year: int, month: int) -> _Month:
    found = _Month([], [], [], _NO_TIME)
    worked = _NO_TIME
    first, following = datetime(year, month, 1, tzinfo=UTC), datetime(*_following(year, month), 1, tzinfo=UTC)
    for part in open_intervals(calendar, first, following):
        found.starts.append(part.start)
        found.ends.append(part.end)
        found.before.append(worked)
        worked += part.end - part.start
    return found._replace(worked=worked)


def _following(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)
