"""Forecasts: the week that is found again, the error that is told truly, and what little history comes to."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from activities.forecast_arithmetic import FIRST_WEEKS, SMOOTHING, ForecastArithmetic
from domain.forecast import (
    AHEAD_WEEKS,
    HISTORY_WEEKS,
    HOURS_A_DAY,
    HOURS_A_WEEK,
    JUDGED_WEEKS,
    LEVEL_NEEDS_WEEKS,
    Forecast,
    History,
    Method,
    forecast,
    hours_of_week,
    mase,
    method_for,
    wape,
)
from tests.arrivals import BUSY, MONDAY, QUIET, SHAPE, by_chance, rates

ARITHMETIC = ForecastArithmetic()


def forecast_of(counts: Sequence[int], since: datetime = MONDAY, zone: str = "UTC") -> Forecast:
    return forecast(History(since, tuple(counts), zone), ARITHMETIC)


def weeks_of(counts: Sequence[int]) -> list[Sequence[int]]:
    return [counts[begin : begin + HOURS_A_WEEK] for begin in range(0, len(counts), HOURS_A_WEEK)]


def by_hand(weeks: Sequence[Sequence[int]]) -> list[float]:
    """The next week: the mean of every hour, times the smoothed total by the mean total."""
    totals = [sum(week) for week in weeks]
    level = sum(totals[:FIRST_WEEKS]) / FIRST_WEEKS
    for total in totals:
        level += SMOOTHING * (total - level)
    mean = sum(totals) / len(totals)
    return [sum(hour) / len(weeks) * level / mean for hour in zip(*weeks, strict=True)]


# What is found in enough history.


def test_the_week_is_found_again_far_better_than_by_a_mean() -> None:
    counts = by_chance(rates(12), seed=1)

    made = forecast_of(counts)

    mean = sum(counts) / len(counts)
    truth = SHAPE * AHEAD_WEEKS
    off, off_by_mean = wape(truth, made.expected), wape(truth, [mean] * len(truth))
    assert made.method == "week_shape_and_level"
    assert (made.since, made.until) == (MONDAY, MONDAY + timedelta(weeks=12))
    assert made.tickets == sum(counts)
    assert off is not None
    assert off_by_mean is not None
    assert off < 0.2
    assert off < off_by_mean / 4
    assert made.error is not None
    assert made.error.wape is not None
    assert made.error.naive_wape is not None
    assert made.error.wape < made.error.naive_wape
    assert made.expected[:HOURS_A_WEEK] == pytest.approx(by_hand(weeks_of(counts)), abs=1e-4)


@pytest.mark.parametrize("weeks", [6, 9, 14, 26])
def test_the_error_is_what_a_recount_by_hand_comes_to(weeks: int) -> None:
    counts = by_chance(rates(weeks), seed=weeks)
    error = forecast_of(counts).error

    all_weeks, judged = weeks_of(counts), range(max(LEVEL_NEEDS_WEEKS, weeks - JUDGED_WEEKS), weeks)
    came, told, naive, scaled, naive_scaled = 0, 0.0, 0.0, [], []
    for week in judged:
        before, actual = all_weeks[:week], all_weeks[week]
        off = [abs(one - other) for one, other in zip(actual, by_hand(before), strict=True)]
        off_naive = [abs(one - other) for one, other in zip(actual, before[-1], strict=True)]
        steps = [
            abs(one - other)
            for later, earlier in zip(before[1:], before, strict=False)
            for one, other in zip(later, earlier, strict=True)
        ]
        came, told, naive = came + sum(actual), told + sum(off), naive + sum(off_naive)
        scaled.append((sum(off) / len(off)) / (sum(steps) / len(steps)))
        naive_scaled.append((sum(off_naive) / len(off_naive)) / (sum(steps) / len(steps)))

    assert error is not None
    assert error.hours == len(judged) * HOURS_A_WEEK
    assert error.wape == pytest.approx(told / came)
    assert error.naive_wape == pytest.approx(naive / came)
    assert error.mase == pytest.approx(sum(scaled) / len(scaled))
    assert error.naive_mase == pytest.approx(sum(naive_scaled) / len(naive_scaled))


def test_of_ten_hours_to_come_about_eight_or_more_come_out_within_the_band() -> None:
    """Counts are whole, so that a band of whole numbers has at least its share, and quiet hours have far more."""
    made, later = forecast_of(by_chance(rates(26), seed=3)), by_chance(rates(AHEAD_WEEKS), seed=4)

    busy = [place for place, rate in enumerate(SHAPE * AHEAD_WEEKS) if rate == BUSY]
    inside = sum(made.low[hour] <= later[hour] <= made.high[hour] for hour in busy) / len(busy)
    assert 0.78 <= inside <= 0.95
    assert made.error is not None
    assert 0.8 <= made.error.coverage <= 1
    assert all(low <= one <= high for low, one, high in zip(made.low, made.expected, made.high, strict=True) if one > 1)


def test_counts_that_scatter_more_than_chance_get_a_wider_band_and_later_weeks_a_wider_one() -> None:
    calm = by_chance(rates(16), seed=5)
    wild = by_chance(
        [rate * (1.6 if place // HOURS_A_WEEK % 3 == 0 else 0.7) for place, rate in enumerate(rates(16))], seed=5
    )

    def width(made: Forecast, week: int) -> int:
        hours = slice(week * HOURS_A_WEEK, (week + 1) * HOURS_A_WEEK)
        return sum(made.high[hours]) - sum(made.low[hours])

    assert width(forecast_of(wild), 0) > width(forecast_of(calm), 0) * 1.2
    assert width(forecast_of(wild), AHEAD_WEEKS - 1) > width(forecast_of(wild), 0)


def test_a_desk_that_became_twice_as_busy_is_followed() -> None:
    counts = by_chance(rates(8), seed=6) + by_chance([2 * rate for rate in rates(6)], seed=7)

    made = forecast_of(counts)

    told = sum(made.expected[:HOURS_A_WEEK])
    assert told == pytest.approx(2 * sum(SHAPE), rel=0.15)
    assert told > 1.2 * sum(counts) / 14


def test_what_lies_longer_ago_than_half_a_year_does_not_count() -> None:
    lately = by_chance(rates(HISTORY_WEEKS), seed=8)

    made = forecast_of((*[50] * (10 * HOURS_A_WEEK), *lately))

    assert made.since == MONDAY + timedelta(weeks=10)
    assert made.tickets == sum(lately)
    assert made.expected == forecast_of(lately).expected


def test_office_hours_stay_at_their_time_on_the_wall_when_the_clocks_change() -> None:
    """In Berlin the clocks go forward on 25 March 2029 and back on 28 October."""
    for since in (datetime(2029, 1, 29, tzinfo=UTC), datetime(2029, 9, 3, tzinfo=UTC)):
        made = forecast_of(by_chance(rates(8, since, "Europe/Berlin"), seed=9), since, "Europe/Berlin")

        places = hours_of_week(made.until, len(made.expected), "Europe/Berlin")
        for place, expected in zip(places, made.expected, strict=True):
            is_busy = SHAPE[place] == BUSY
            assert (expected > BUSY / 2) is is_busy, place


def test_an_hour_in_which_nothing_ever_came_expects_nothing() -> None:
    made = forecast_of([1 if place % HOURS_A_DAY == 9 else 0 for place in range(8 * HOURS_A_WEEK)])

    assert made.expected[:10] == (0,) * 9 + (1,)
    assert (made.low[0], made.high[0]) == (0, 0)
    assert made.error is not None
    assert made.error.wape == pytest.approx(0)
    assert made.error.mase is None, "last week's hours were never wrong, so there is nothing to scale by"


def test_a_desk_at_which_nothing_comes_any_more_is_expected_to_stay_quiet() -> None:
    made = forecast_of((*by_chance(rates(2), seed=10), *[0] * (24 * HOURS_A_WEEK)))

    assert max(made.expected) < 0.1
    assert made.error is not None
    assert made.error.wape is None, "nothing came in the judged weeks"


def test_a_desk_at_which_nothing_came_for_long_is_judged_too() -> None:
    made = forecast_of((*[0] * (10 * HOURS_A_WEEK), *by_chance(rates(2), seed=13)))

    assert made.method == "week_shape_and_level"
    assert sum(made.expected[:HOURS_A_WEEK]) > 0.4 * sum(SHAPE)
    assert made.error is not None
    assert made.error.wape is not None
    assert made.error.wape > 0.5, "the first week of tickets came as a surprise"
    assert made.error.coverage < 0.95


# What little history comes to.


@pytest.mark.parametrize(
    ("hours", "tickets", "method"),
    [
        (0, 0, None),
        (3 * HOURS_A_DAY - 1, 1000, None),
        (26 * HOURS_A_WEEK, 19, None),
        (3 * HOURS_A_DAY, 20, "hour_of_day_mean"),
        (HOURS_A_WEEK - 1, 20, "hour_of_day_mean"),
        (HOURS_A_WEEK, 20, "hour_of_week_mean"),
        (6 * HOURS_A_WEEK - 1, 20, "hour_of_week_mean"),
        (6 * HOURS_A_WEEK, 20, "week_shape_and_level"),
    ],
)
def test_less_history_gets_a_plainer_method(hours: int, tickets: int, method: Method | None) -> None:
    assert method_for(hours, tickets) == method


@pytest.mark.parametrize("counts", [(), (0,) * 5, (30,) * 71, (0,) * 26 * HOURS_A_WEEK])
def test_too_little_history_gets_no_numbers(counts: tuple[int, ...]) -> None:
    made = forecast_of(counts)

    assert made.method is None
    assert made.error is None
    assert made.expected == made.low == made.high == ()


def test_days_forecast_days_and_their_error_is_measured_day_by_day() -> None:
    day = [3 if 9 <= hour < 17 else 0 for hour in range(HOURS_A_DAY)]

    made = forecast_of([7, 7, *day, *day, *(2 * one for one in day), *day], MONDAY - timedelta(hours=2))

    assert made.method == "hour_of_day_mean"
    assert (made.since, made.until) == (MONDAY, MONDAY + timedelta(days=4)), "the day that is not whole does not count"
    assert made.expected[10] == made.expected[10 + 6 * HOURS_A_DAY] != made.expected[0]
    assert made.error is not None
    assert made.error.hours == 2 * HOURS_A_DAY
    assert made.error.wape == pytest.approx((24 + 8) / (48 + 24)), "told 24 for 48 and then 32 for 24 tickets"
    assert made.error.mase is made.error.naive_wape is None, "there is no week before"


def test_one_week_forecasts_itself_and_nothing_can_be_said_of_its_error() -> None:
    week = by_chance(rates(1), seed=11)

    made = forecast_of(week)

    assert made.method == "hour_of_week_mean"
    assert made.expected == week * AHEAD_WEEKS
    assert made.error is None


def test_the_band_of_one_week_knows_that_it_is_only_one() -> None:
    inside, hours = 0, 0
    for seed in range(20, 30):
        made, later = forecast_of(by_chance(rates(1), seed)), by_chance(rates(1), seed + 100)
        busy = [place for place, rate in enumerate(SHAPE) if rate == BUSY]
        inside += sum(made.low[hour] <= later[hour] <= made.high[hour] for hour in busy)
        hours += len(busy)

    assert 0.8 <= inside / hours <= 0.97


def test_some_weeks_are_averaged_hour_by_hour() -> None:
    counts = by_chance(rates(3), seed=12)

    made = forecast_of(counts)

    first, second, third = weeks_of(counts)
    assert made.expected[:HOURS_A_WEEK] == pytest.approx(
        [sum(hour) / 3 for hour in zip(first, second, third, strict=True)], abs=1e-4
    )
    off: list[float] = [abs(one - other) for one, other in zip(second, first, strict=True)]
    off += [abs(one - (a + b) / 2) for one, a, b in zip(third, first, second, strict=True)]
    assert made.error is not None
    assert made.error.wape == pytest.approx(sum(off) / sum((*second, *third)))


def test_the_hours_of_the_week_are_those_on_the_wall() -> None:
    assert hours_of_week(MONDAY, 3, "UTC") == [0, 1, 2]
    assert hours_of_week(MONDAY, 2, "Asia/Kolkata") == [5, 6]
    assert hours_of_week(MONDAY, 2, "America/New_York") == [164, 165]
    back = datetime(2029, 10, 28, 0, tzinfo=UTC)
    assert hours_of_week(back, 3, "Europe/Berlin") == [146, 146, 147]


def test_the_measures_are_those_of_the_books() -> None:
    assert wape([10, 0, 10], [8, 1, 13]) == pytest.approx(6 / 20)
    assert wape([0, 0], [1, 2]) is None
    before = [0] * HOURS_A_WEEK + [2] * HOURS_A_WEEK
    assert mase([4, 4], [3, 5], before) == pytest.approx(1 / 2)
    assert mase([4], [3], before[:HOURS_A_WEEK]) is None
    assert mase([4], [3], [5] * 3 * HOURS_A_WEEK) is None


def test_a_quiet_hour_has_a_band_of_whole_tickets() -> None:
    (night,), (busy,), (wild,) = (ARITHMETIC.band([mean], [dispersion], 0.8) for mean, dispersion in (
        (QUIET, 0.0), (BUSY, 0.0), (BUSY, 0.5)))  # fmt: skip

    assert night == (0, 1)
    assert busy == (3, 9)
    assert wild[0] < busy[0]
    assert wild[1] > busy[1]
