"""Periods, and the days, weeks and months that they are cut into."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidError
from domain.period import (
    MAX_PERIOD,
    MAX_PIECES,
    IntervalKind,
    Period,
    Piece,
    asked_period,
    day_so_far,
    past_moment,
    pieces_of,
    same_hours_of_the_day_before,
)
from tests.factories import NOW

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)


def local(text: str, zone: str = "Europe/Berlin") -> datetime:
    """A moment by a zone's wall clock, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


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


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "Asia/Beirut"])


@given(
    since=st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  the zone comes apart
    length=st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=390)),
    interval=st.sampled_from(get_args(IntervalKind)),
    zone=ZONES,
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
        for moment in (piece.since, piece.until - timedelta(microseconds=1)):
            day = moment.astimezone(ZoneInfo(zone)).date()
            first = {"day": day, "week": day - day.weekday() * DAY, "month": day.replace(day=1)}[interval]
            assert first == piece.on


@given(
    now=st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  the zone comes apart
    zone=ZONES,
)
def test_today_is_of_one_date_and_so_are_the_same_hours_before_it(now: datetime, zone: str) -> None:
    today = day_so_far(now, zone)
    before = same_hours_of_the_day_before(today, zone)

    assert today.until == now
    assert before.since < before.until <= today.since < today.until
    for day in (today, before):
        dates = {
            moment.astimezone(ZoneInfo(zone)).date() for moment in (day.since, day.until - timedelta(microseconds=1))
        }
        assert len(dates) == 1


def test_the_same_hours_are_those_of_the_clock_also_when_it_changed() -> None:
    berlin = ZoneInfo("Europe/Berlin")
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
