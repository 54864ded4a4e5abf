"""The hours of a week to come, added up over teams, in the order of the week and on its clocks."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from domain.forecast import HOUR, HOURS_A_WEEK, Forecast
from domain.forecast_report import forecast_hours, week_to_come
from domain.predicted_hour import PredictedHour, predicted_hours
from domain.staffing import ServiceTarget, staff_band

MIDNIGHT = datetime(2026, 3, 23, tzinfo=UTC)
"""A Monday. In Berlin the clocks go forward on its Sunday, from 2 to 3 o'clock."""
TARGET = ServiceTarget()


def a_forecast(expected: Sequence[float], deviation: Sequence[float] = (), zone: str = "UTC") -> Forecast:
    return Forecast(
        method="hour_of_week_mean",
        zone=zone,
        since=MIDNIGHT - timedelta(weeks=1),
        until=MIDNIGHT,
        tickets=100,
        expected=tuple(expected),
        low=tuple(int(one / 2) for one in expected),
        high=tuple(int(one * 2) for one in expected),
        deviation=tuple(deviation),
    )


def predicted(forecast: Forecast, now: datetime = MIDNIGHT) -> list[PredictedHour]:
    return list(predicted_hours(forecast, 30.0, 1, TARGET, now))


def test_hours_are_told_from_the_present_one_on() -> None:
    forecast = a_forecast([float(one) for one in range(HOURS_A_WEEK + 9)], [2.5] * (HOURS_A_WEEK + 9), "Europe/Berlin")

    first, *rest = predicted(forecast, MIDNIGHT + timedelta(hours=3, minutes=59))

    assert (first.starts_at, first.hour_of_week, first.expected) == (MIDNIGHT + timedelta(hours=3), 4, 3.0)
    assert (first.low, first.high, first.deviation, first.load) == (1, 6, 2.5, 1.5)
    assert first.staff == staff_band(3.0, 1, 6, 30.0, TARGET)
    assert len(rest) == HOURS_A_WEEK - 1


def test_a_week_is_as_long_as_it_was_forecast() -> None:
    forecast = a_forecast([1.0] * 5)

    assert len(predicted(forecast, MIDNIGHT + 3 * HOUR)) == 2
    assert not predicted(forecast, MIDNIGHT + 6 * HOUR)
    assert len(predicted(forecast, MIDNIGHT - 6 * HOUR)) == 5
    assert not predicted(a_forecast([]))


def test_a_forecast_without_deviations_has_those_of_its_band() -> None:
    (hour,) = predicted(a_forecast([4.0]))

    assert hour.deviation == pytest.approx((8 - 2) / (2 * 1.2816), abs=1e-3)


def test_teams_are_added_up_in_the_order_of_the_week() -> None:
    teams = [predicted(a_forecast([one] * HOURS_A_WEEK, [1.0] * HOURS_A_WEEK)) for one in (4.0, 2.25)]
    start = MIDNIGHT + timedelta(days=3)

    hours = forecast_hours(teams, {start: 1.5}, start, "UTC", [])

    assert [hour.hour_of_week for hour in hours] == list(range(HOURS_A_WEEK))
    assert hours[72].starts_at == start
    assert hours[71].starts_at == start + timedelta(days=7) - HOUR
    ahead = hours[72].ahead
    assert ahead is not None
    assert (ahead.expected, ahead.load, ahead.outer_low, ahead.outer_high) == (6.25, 3.125, 3, 12)
    assert ahead.outer_low <= ahead.low < ahead.expected < ahead.high < ahead.outer_high
    assert ahead.staff.expected == sum(team[72].staff.expected for team in teams)
    assert (hours[72].planned, hours[73].planned) == (1.5, 0.0)
    assert hours[0].ahead is None, "it lies after the forecast's end"
    assert {hour.came for hour in hours} == {None}


def test_an_hour_that_clocks_skip_has_only_what_came() -> None:
    hours = forecast_hours([predicted(a_forecast([2.0] * HOURS_A_WEEK))], {}, MIDNIGHT, "Europe/Berlin", [{146: 3}])

    skipped = hours[6 * 24 + 2]
    assert (skipped.starts_at, skipped.ahead, skipped.planned) == (None, None, None)
    assert skipped.came is not None
    assert skipped.came.mean == 3
    assert [hour.hour_of_week for hour in hours if hour.starts_at is None] == [146]


def test_an_hour_that_clocks_show_twice_is_the_first_of_them() -> None:
    monday = datetime(2026, 10, 19, tzinfo=UTC)

    hours = forecast_hours([], {}, monday, "Europe/Berlin", [])

    assert hours[6 * 24 + 2].starts_at == datetime(2026, 10, 25, 0, tzinfo=UTC)
    assert hours[6 * 24 + 3].starts_at == datetime(2026, 10, 25, 2, tzinfo=UTC)


def test_the_week_to_come_is_168_hours() -> None:
    assert week_to_come(MIDNIGHT + timedelta(minutes=59)) == (MIDNIGHT, MIDNIGHT + timedelta(days=7))
