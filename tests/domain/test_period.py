"""Periods, and the days, weeks and months that they are cut into."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.business_calendar import time_zone
from domain.errors import InvalidError
from domain.period import (
    MAX_PERIOD,
    MAX_PIECES,
    IntervalKind,
    Period,
    Piece,
    asked_period,
    day_so_far,
    offsets_of,
    past_moment,
    period_before,
    pieces_of,
    same_hours_of_the_day_before,
)
from tests.factories import NOW

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
ZONES = (
    "UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "Asia/Beirut", "Africa/Casablanca",
    "Australia/Lord_Howe", "America/Havana", "Antarctica/Troll",
)  # fmt: skip
MOMENTS = st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  the zone comes apart


def local(text: str, zone: str = "Europe/Berlin") -> datetime:
    """A moment by a zone's wall clock, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=time_zone(zone)).astimezone(UTC)


def days(zone: str, since: str, until: str) -> list[Piece]:
    return pieces_of(Period(local(since, zone), local(until, zone)), "day", zone)


def lengths(pieces: list[Piece]) -> list[timedelta]:
    return [piece.until - piece.since for piece in pieces]


def test_without_a_word_it_is_the_last_thirty_days() -> None:
    assert asked_period(None, None, NOW) == (NOW - 30 * DAY, NOW)
    assert asked_period(NOW - DAY, None, NOW) == (NOW - DAY, NOW)
    assert asked_period(None, NOW - DAY, NOW) == (NOW - 31 * DAY, NOW - DAY)
    assert asked_period(NOW - MAX_PERIOD, NOW, NOW) == (NOW - MAX_PERIOD, NOW)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (NOW, NOW),
        (NOW, NOW - SECOND),
        (NOW + DAY, None),
        (NOW - MAX_PERIOD - timedelta(microseconds=1), NOW),
    ],
)
def test_a_period_goes_forward_and_is_not_endless(since: datetime, until: datetime | None) -> None:
    with pytest.raises(InvalidError):
        asked_period(since, until, NOW)


def test_a_day_has_an_hour_less_or_more_when_the_clocks_change() -> None:
    spring = days("Europe/Berlin", "2030-03-30T00:00", "2030-04-02T00:00")
    autumn = days("Europe/Berlin", "2030-10-26T00:00", "2030-10-29T00:00")

    assert lengths(spring) == [24 * HOUR, 23 * HOUR, 24 * HOUR]
    assert lengths(autumn) == [24 * HOUR, 25 * HOUR, 24 * HOUR]
    assert [piece.on for piece in spring] == [date(2030, 3, 30), date(2030, 3, 31), date(2030, 4, 1)]


def test_a_date_begins_when_the_clocks_skip_its_midnight_and_at_the_first_one_when_they_repeat_it() -> None:
    skipped = days("Africa/Cairo", "2026-04-23T00:00", "2026-04-25T00:00")
    repeated = days("America/St_Johns", "2005-10-29T00:00", "2005-10-31T00:00")

    assert lengths(skipped) == [24 * HOUR, 23 * HOUR]
    assert lengths(repeated) == [24 * HOUR, 25 * HOUR]


def test_a_date_that_the_zone_skipped_has_no_piece() -> None:
    apia = days("Pacific/Apia", "2011-12-29T00:00", "2012-01-01T00:00")

    assert [piece.on for piece in apia] == [date(2011, 12, 29), date(2011, 12, 31)]
    assert lengths(apia) == [24 * HOUR, 24 * HOUR]


def test_the_first_and_the_last_piece_end_with_the_period() -> None:
    period = Period(local("2030-01-15T09:30"), local("2030-03-01T00:00:01"))

    weeks, months = pieces_of(period, "week", "Europe/Berlin"), pieces_of(period, "month", "Europe/Berlin")

    assert weeks[0] == Piece(date(2030, 1, 14), period.since, local("2030-01-21T00:00"))
    assert weeks[-1] == Piece(date(2030, 2, 25), local("2030-02-25T00:00"), period.until)
    assert [piece.on for piece in months] == [date(2030, 1, 1), date(2030, 2, 1), date(2030, 3, 1)]
    assert months[-1].until - months[-1].since == SECOND


def test_a_period_that_ends_at_midnight_has_nothing_of_the_day_after() -> None:
    assert [piece.on for piece in days("Europe/Berlin", "2030-01-01T00:00", "2030-01-02T00:00")] == [date(2030, 1, 1)]


def test_there_are_not_endlessly_many_pieces() -> None:
    start = datetime(2029, 1, 1, tzinfo=UTC)

    assert len(pieces_of(Period(start, start + MAX_PIECES * DAY), "day", "UTC")) == MAX_PIECES
    with pytest.raises(InvalidError, match="intervals"):
        pieces_of(Period(start, start + MAX_PIECES * DAY + SECOND), "day", "UTC")
    assert len(pieces_of(Period(start, start + MAX_PERIOD), "month", "UTC")) == 121


@given(
    since=MOMENTS,
    length=st.timedeltas(min_value=MICROSECOND, max_value=timedelta(days=390)),
    interval=st.sampled_from(get_args(IntervalKind)),
    zone=st.sampled_from(ZONES),
)
def test_pieces_are_the_period_without_gap_or_overlap_each_of_one_interval(
    since: datetime, length: timedelta, interval: IntervalKind, zone: str
) -> None:
    period = Period(since, since + length)

    pieces = pieces_of(period, interval, zone)

    assert (pieces[0].since, pieces[-1].until) == period
    assert all(piece.since < piece.until for piece in pieces)
    assert all(one.until == other.since and one.on < other.on for one, other in pairwise(pieces))
    for piece in pieces:
        for moment in (piece.since, piece.until - MICROSECOND):
            day = moment.astimezone(time_zone(zone)).date()
            first = {"day": day, "week": day - day.weekday() * DAY, "month": day.replace(day=1)}[interval]
            assert first == piece.on


# The period before.


def before(since: str, until: str, zone: str = "Europe/Berlin") -> tuple[str, str]:
    """Its ends by the zone's wall clock."""
    period = period_before(Period(local(since, zone), local(until, zone)), zone)
    return (wall(period.since, zone), wall(period.until, zone))


def wall(moment: datetime, zone: str) -> str:
    return moment.astimezone(time_zone(zone)).replace(tzinfo=None).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2030-03-01T00:00", "2030-04-01T00:00", "2030-02-01T00:00"),
        ("2030-01-01T00:00", "2030-04-01T00:00", "2029-10-01T00:00"),
        ("2028-02-01T00:00", "2028-03-01T00:00", "2028-01-01T00:00"),
        ("2029-01-01T00:00", "2030-01-01T00:00", "2028-01-01T00:00"),
        ("2030-01-01T00:00", "2030-02-01T00:00", "2029-12-01T00:00"),
    ],
)
def test_before_months_come_as_many_months(since: str, until: str, expected: str) -> None:
    assert before(since, until) == (expected, since)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2030-03-31T00:00", "2030-04-01T00:00", "2030-03-30T00:00"),
        ("2030-04-01T00:00", "2030-04-02T00:00", "2030-03-31T00:00"),
        ("2030-03-15T00:00", "2030-04-15T00:00", "2030-02-12T00:00"),
        ("2030-02-01T00:00", "2030-02-28T00:00", "2030-01-05T00:00"),
        ("2030-10-28T09:30", "2030-11-04T09:30", "2030-10-21T09:30"),
    ],
)
def test_before_days_come_as_many_days_though_the_clocks_change(since: str, until: str, expected: str) -> None:
    assert before(since, until) == (expected, since)


def test_before_anything_else_comes_as_much_time() -> None:
    assert before("2030-04-01T00:00", "2030-04-01T12:00") == ("2030-03-31T12:00", "2030-04-01T00:00")
    assert before("2030-03-31T04:00", "2030-03-31T10:30") == ("2030-03-30T20:30", "2030-03-31T04:00")
    assert before("2030-03-05T09:00", "2030-04-04T10:00") == ("2030-02-03T09:00", "2030-03-05T09:00")


def test_an_hour_that_the_clock_shows_twice_has_the_hour_before_it() -> None:
    first = local("2030-10-27T02:30")
    again = Period(first, first + HOUR)

    assert wall(again.since, "Europe/Berlin") == wall(again.until, "Europe/Berlin")
    assert period_before(again, "Europe/Berlin") == (first - HOUR, first)


def test_a_month_may_begin_at_a_midnight_that_the_clock_shows_twice() -> None:
    havana = "America/Havana"
    assert local("2020-11-01T00:00", havana) + HOUR == local("2020-11-01T01:00", havana) - HOUR

    assert before("2020-11-01T00:00", "2020-12-01T00:00", havana)[0] == "2020-10-01T00:00"
    assert before("2020-10-01T00:00", "2020-11-01T00:00", havana)[0] == "2020-09-01T00:00"


def test_a_date_that_the_zone_skipped_is_no_day_before() -> None:
    assert before("2011-12-31T00:00", "2012-01-01T00:00", "Pacific/Apia")[0] == "2011-12-29T00:00"
    assert before("2012-01-01T00:00", "2012-01-02T00:00", "Pacific/Apia")[0] == "2011-12-31T00:00"


@given(since=MOMENTS, length=st.timedeltas(min_value=MICROSECOND, max_value=MAX_PERIOD), zone=st.sampled_from(ZONES))
def test_the_period_before_ends_where_this_one_begins_and_is_about_as_long(
    since: datetime, length: timedelta, zone: str
) -> None:
    period = Period(since, since + length)

    found = period_before(period, zone)

    assert found.since < found.until == period.since
    assert found.since.tzinfo is UTC
    assert abs((found.until - found.since) - length) <= (DAY if zone == "Pacific/Apia" else 2 * HOUR)


def test_the_day_before_one_without_a_midnight_began_at_midnight() -> None:
    """In Havana the clocks skip from midnight to one in March."""
    skipped, next_day = local("2026-03-08T01:00", "America/Havana"), local("2026-03-09", "America/Havana")

    assert period_before(Period(skipped, next_day), "America/Havana").since == local("2026-03-07", "America/Havana")


@given(
    on=st.dates(min_value=date(1975, 1, 1), max_value=date(2090, 1, 1)),
    days=st.integers(min_value=1, max_value=400),
    zone=st.sampled_from([zone for zone in ZONES if zone != "Pacific/Apia"]),
)
def test_before_so_many_dates_come_as_many_dates(on: date, days: int, zone: str) -> None:
    def midnight(day: date) -> datetime:
        return local(day.isoformat(), zone)

    period = Period(midnight(on), midnight(on + days * DAY))
    is_months = on.day == (on + days * DAY).day == 1

    found = pieces_of(period_before(period, zone), "month" if is_months else "day", zone)

    assert len(found) == len(pieces_of(period, "month" if is_months else "day", zone))
    assert found[0].since == midnight(found[0].on)


# The zone's clocks.


def offsets(zone: str, since: str, until: str) -> list[tuple[str, float]]:
    """When they change, in UTC, and how far they are ahead from then on, in hours."""
    found = offsets_of(Period(local(since, "UTC"), local(until, "UTC")), zone)
    return [(one.since.replace(tzinfo=None).isoformat(timespec="minutes"), one.offset / HOUR) for one in found]


def test_the_clocks_of_a_year() -> None:
    assert offsets("Europe/Berlin", "2030-01-01", "2031-01-01") == [
        ("2030-01-01T00:00", 1), ("2030-03-31T01:00", 2), ("2030-10-27T01:00", 1),
    ]  # fmt: skip
    assert offsets("Australia/Lord_Howe", "2030-01-01", "2031-01-01") == [
        ("2030-01-01T00:00", 11), ("2030-04-06T15:00", 10.5), ("2030-10-05T15:30", 11),
    ]  # fmt: skip
    assert offsets("Africa/Casablanca", "2026-02-01", "2026-04-01") == [
        ("2026-02-01T00:00", 1), ("2026-02-15T02:00", 0), ("2026-03-22T02:00", 1),
    ]  # fmt: skip
    assert offsets("Pacific/Apia", "2011-12-01", "2012-01-31") == [("2011-12-01T00:00", -10), ("2011-12-30T10:00", 14)]
    assert offsets("Asia/Kathmandu", "2030-01-01", "2031-01-01") == [("2030-01-01T00:00", 5.75)]


def test_a_change_at_an_end_of_the_period() -> None:
    change = local("2030-03-31T01:00", "UTC")

    assert offsets_of(Period(change, change + HOUR), "Europe/Berlin") == [(change, 2 * HOUR)]
    assert offsets_of(Period(change - MICROSECOND, change + HOUR), "Europe/Berlin") == [
        (change - MICROSECOND, HOUR), (change, 2 * HOUR),
    ]  # fmt: skip
    assert offsets_of(Period(change - HOUR, change - MICROSECOND), "Europe/Berlin") == [(change - HOUR, HOUR)]


@given(
    since=MOMENTS,
    length=st.timedeltas(min_value=MICROSECOND, max_value=timedelta(days=800)),
    zone=st.sampled_from(ZONES),
    share=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_the_offset_of_any_moment_is_that_of_the_last_change_before_it(
    since: datetime, length: timedelta, zone: str, share: float
) -> None:
    found = offsets_of(Period(since, since + length), zone)

    assert found[0].since == since
    assert all(one.since < other.since and one.offset != other.offset for one, other in pairwise(found))
    changes = [moment for one in found for moment in (one.since, one.since - MICROSECOND)]
    for moment in (since + share * length, *changes):
        if since <= moment < since + length:
            (*_, last) = (one for one in found if one.since <= moment)
            assert last.offset == moment.astimezone(time_zone(zone)).utcoffset()


# Today, and what it is compared with.


@given(
    now=st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  the zone comes apart
    zone=st.sampled_from(ZONES),
)
def test_today_is_of_one_date_and_so_are_the_same_hours_before_it(now: datetime, zone: str) -> None:
    today = day_so_far(now, zone)
    before = same_hours_of_the_day_before(today, zone)

    assert today.until == now
    assert before.since < before.until <= today.since < today.until
    for day in (today, before):
        dates = {
            moment.astimezone(time_zone(zone)).date() for moment in (day.since, day.until - timedelta(microseconds=1))
        }
        assert len(dates) == 1


def test_the_same_hours_are_those_of_the_clock_also_when_it_changed() -> None:
    berlin = time_zone("Europe/Berlin")
    ten = datetime(2030, 3, 31, 10, tzinfo=berlin)  # this day has 23 hours, and the next one 24

    today = day_so_far((ten + DAY).astimezone(UTC), "Europe/Berlin")
    before = same_hours_of_the_day_before(today, "Europe/Berlin")

    assert today.until - today.since == timedelta(hours=10)
    assert before == Period(datetime(2030, 3, 31, tzinfo=berlin).astimezone(UTC), ten.astimezone(UTC))
    assert before.until - before.since == timedelta(hours=9)


def test_at_the_first_moment_of_a_day_today_is_the_day_before() -> None:
    midnight = datetime(2030, 5, 2, tzinfo=UTC)

    assert day_so_far(midnight, "UTC") == Period(midnight - DAY, midnight)


def test_a_moment_that_is_asked_about_is_past() -> None:
    assert past_moment(NOW, NOW) == NOW
    with pytest.raises(InvalidError, match="future"):
        past_moment(NOW + SECOND, NOW)
