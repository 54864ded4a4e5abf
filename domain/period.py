"""The stretch of time that figures are asked for, and the days, weeks or months that it is cut into."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

from domain.business_calendar import Zone, time_zone
from domain.errors import InvalidError

IntervalKind = Literal["day", "week", "month"]
"""A calendar day, a week from Monday on, a calendar month."""
USUAL_PERIOD = timedelta(days=30)
MAX_PERIOD = timedelta(days=3_660)
"""Ten years."""
MAX_PIECES = 400
_LOOK = timedelta(days=1)
"""How often one looks for a change of the clocks: since 1970 no zone has changed them twice within three days."""


class Period(NamedTuple):
    """From an instant to before another, later one, both in UTC."""

    since: datetime
    until: datetime


class Piece(NamedTuple):
    """The part of a period that lies in one day, week or month, whose first date is `on`."""

    on: date
    since: datetime
    until: datetime


def asked_period(since: datetime | None, until: datetime | None, now: datetime) -> Period:
    """The period that was asked for: when nothing else is said it ends now, and is thirty days long.

    Raises InvalidError when it does not go forward, or is longer than MAX_PERIOD.
    """
    end = now if until is None else until
    start = end - USUAL_PERIOD if since is None else since
    if start >= end:
        raise InvalidError("A period begins before it ends; without `to` it ends now.")
    if end - start > MAX_PERIOD:
        raise InvalidError(f"A period has at most {MAX_PERIOD.days} days.")
    return Period(start, end)


def pieces_of(period: Period, interval: IntervalKind, zone: Zone) -> list[Piece]:
    """The period cut at the zone's midnights, Mondays or first days of the month, earliest first, without a gap.

    The first and the last piece end with the period. A day has 23 or 25 hours when the clocks change, and a date that
    the zone skipped has no piece. Raises InvalidError when there would be more than MAX_PIECES.
    """
    pieces = list[Piece]()
    on = _first_date(period.since.astimezone(time_zone(zone)).date(), interval)
    since = period.since
    while since < period.until:
        following = _next(on, interval)
        until = min(_begin(following, zone), period.until)
        if since < until:
            if len(pieces) == MAX_PIECES:
                raise InvalidError(f"That would be more than {MAX_PIECES} intervals: ask for longer ones.")
            pieces.append(Piece(on, since, until))
            since = until
        on = following
    return pieces


def _first_date(day: date, interval: IntervalKind) -> date:
    if interval == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if interval == "month" else day


def _next(on: date, interval: IntervalKind) -> date:
    if interval == "month":
        return (on + timedelta(days=31)).replace(day=1)
    return on + timedelta(days=7 if interval == "week" else 1)


def _begin(day: date, zone: Zone) -> datetime:
    """The instant at which a date begins: the first midnight when the clocks show it twice, and when they skip it, the
    moment of the skip."""
    return datetime(day.year, day.month, day.day, tzinfo=time_zone(zone)).astimezone(UTC)


def period_before(period: Period, zone: Zone) -> Period:
    """The period that ends where this one begins and is as long by the zone's calendar: as many months when both ends
    are first moments of months, as many days when both show the same time of the day, else as many seconds."""
    return Period(_start_before(period, zone), period.since)


def _start_before(period: Period, zone: Zone) -> datetime:
    since, until = (end.astimezone(time_zone(zone)) for end in period)
    # In UTC: Python holds no moment that a wall clock shows twice for equal to one of another zone.
    if all(end == _begin(shown.date().replace(day=1), zone) for end, shown in zip(period, (since, until), strict=True)):
        month = 2 * (since.year * 12 + since.month) - (until.year * 12 + until.month) - 1
        return _begin(date(month // 12, month % 12 + 1, 1), zone)
    days = until.date() - since.date()
    if all(end == _begin(shown.date(), zone) for end, shown in zip(period, (since, until), strict=True)):
        start = _begin(since.date() - days, zone)  # also where a date began later, for the clocks skipped its midnight
        if start < period.since:
            return start
    if since.time() == until.time():
        start = (since - days).replace(fold=0).astimezone(UTC)
        if start < period.since:
            return start
    return period.since - (period.until - period.since)


def day_so_far(now: datetime, zone: Zone) -> Period:
    """The zone's day up to now; at its very first moment, the whole day before."""
    last = now - timedelta(microseconds=1)
    return Period(_begin(last.astimezone(time_zone(zone)).date(), zone), now)


def same_hours_of_the_day_before(day: Period, zone: Zone) -> Period:
    """What `day_so_far` was the day before, when the zone's clocks showed the same."""
    last = (day.since - timedelta(microseconds=1)).astimezone(time_zone(zone))
    before = _begin(last.date(), zone)
    wall = day.until.astimezone(time_zone(zone)) - timedelta(days=1)  # the hands of the clock, not the time that passes
    return Period(before, min(max(wall.astimezone(UTC), before + timedelta(microseconds=1)), day.since))


def past_moment(as_of: datetime, now: datetime) -> datetime:
    """A moment that is asked about. Raises InvalidError for one that is still to come."""
    if as_of > now:
        raise InvalidError("`as_of` lies in the future; without it, you are told of now.")
    return as_of


class ZoneOffset(NamedTuple):
    """From `since` on, a zone's clocks are ahead of UTC by `offset`."""

    since: datetime
    offset: timedelta


def offsets_of(period: Period, zone: Zone) -> list[ZoneOffset]:
    """How a zone's clocks run in a period: the offset that it begins with, and each change of it."""
    offsets = [ZoneOffset(period.since, _offset_at(period.since, zone))]
    unchanged = period.since
    while unchanged < period.until:
        following = min(unchanged + _LOOK, period.until)
        if _offset_at(following, zone) != offsets[-1].offset:
            offsets.append(_change(unchanged, following, zone))
        unchanged = following
    return offsets


def _change(unchanged: datetime, changed: datetime, zone: Zone) -> ZoneOffset:
    """The change of the offset between two moments; it comes at a full second."""
    former = _offset_at(unchanged, zone)
    while changed - unchanged > timedelta(seconds=1):
        middle = unchanged + (changed - unchanged) / 2
        if _offset_at(middle, zone) == former:
            unchanged = middle
        else:
            changed = middle
    at = changed.replace(microsecond=0)
    return ZoneOffset(at, _offset_at(at, zone))


def _offset_at(moment: datetime, zone: Zone) -> timedelta:
    return moment.astimezone(time_zone(zone)).utcoffset() or timedelta()
