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
