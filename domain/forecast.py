"""How many tickets will come: the rule that forecasts a team's hours from those behind it, and judges itself.

**The shape of the week times its level.** Each hour of the week has its mean over the history (the shape); the weeks'
totals are smoothed exponentially (the level, the later a week the more it counts), and the shape is lifted to it. Less
history gets a plainer method, and too little gets none. `docs/forecast.md` has what was measured against what.

Hours of the week are those of the wall clock of a zone. The level and the quantiles are computed by whoever knows
statistics (`Arithmetic`); all else is here.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from domain.business_calendar import Zone, time_zone

HOUR = timedelta(hours=1)
HOURS_A_DAY = 24
HOURS_A_WEEK = 7 * HOURS_A_DAY
HISTORY_WEEKS = 26
"""What lies longer ago says little about next week."""
AHEAD_WEEKS = 5
"""How far is forecast: four weeks from any moment until the next night, and some."""
JUDGED_WEEKS = 8
"""The weeks at the end of the history that are forecast from those before them, to know the error."""
LEVEL_WEEKS = 6
"""With fewer, the level of the weeks is anybody's guess, and their mean is taken."""
LEVEL_NEEDS_WEEKS = 4
"""The least that a level is smoothed from when the method is judged."""
UNKNOWN_DISPERSION = 0.1
"""What a single week is taken to scatter, which cannot be compared with another: by a third, besides chance."""
LEAST_DAYS = 3
LEAST_TICKETS = 20
BAND = 0.8
"""How many of the hours are to come out between `low` and `high`."""

Method = Literal["week_shape_and_level", "hour_of_week_mean", "hour_of_day_mean"]


class Level(NamedTuple):
    """Weekly totals, smoothed: what is expected of the next week, what was expected of each before it came, and the
    weight of the last week in the level (0 to 1)."""

    next: float
    expected: tuple[float, ...]
    smoothing: float


class Arithmetic(Protocol):
    """The statistics that the rule needs."""

    def level(self, totals: Sequence[float]) -> Level:
        """The level of weekly totals, earliest first."""

    def band(self, means: Sequence[float], dispersions: Sequence[float], share: float) -> list[tuple[int, int]]:
        """Around each mean, the counts that leave as much above as below and have at least this share between them,
        both included. The variance of a count is its mean, and the dispersion times the square of the mean."""


class History(NamedTuple):
    """How many tickets came in each hour from `since` on (a whole hour, UTC), without a gap."""

    since: datetime
    counts: tuple[int, ...]
    zone: Zone = "UTC"


class HandlingTime(NamedTuple):
    """How long a team's tickets take: the mean minutes of work on one, and the share of them that somebody estimated.
    The others count with the team's usual minutes."""

    minutes: float
    estimated_share: float


class ForecastError(BaseModel):
    """How far the method was off in the weeks (or days) at the end of the history, each forecast from those before it.

    `wape`: all that it was off, by all that came. `mase`: its mean error by that of last week's hours taken for this
    week's, within the history that it had (below 1: better than that). `naive_*`: the same of last week's hours taken
    for the judged weeks. `coverage`: the share of hours that came out within the band. None: it cannot be said.
    """

    model_config = ConfigDict(frozen=True)

    hours: int
    wape: float | None
    mase: float | None
    naive_wape: float | None
    naive_mase: float | None
    coverage: float


class Forecast(BaseModel):
    """The hours from `until` on: how many tickets are expected, the band of them, and their standard deviation.

    It was made from the `tickets` of [`since`, `until`). Without a method there was not enough history, and there are
    no hours. The error is None when no week came yet that could have been forecast. A forecast from before deviations
    were kept has none.
    """

    model_config = ConfigDict(frozen=True)

    method: Method | None
    zone: Zone
    since: datetime
    until: datetime
    tickets: int
    error: ForecastError | None = None
    expected: tuple[float, ...] = ()
    low: tuple[int, ...] = ()
    high: tuple[int, ...] = ()
    deviation: tuple[float, ...] = ()


class _Fit(NamedTuple):
    """What a method expects of each hour of a week, from how many counts of such an hour, how far counts scatter around
    it (as in `Arithmetic.band`), and what is added to that with each further week."""

    by_hour: tuple[float, ...]
    rounds: int
    dispersion: float
    drift: float = 0.0

    def scatter(self, expected: Sequence[float]) -> tuple[list[float], list[float]]:
        """How the hours after the history scatter: their means and dispersions, as `Arithmetic.band` takes them.

        A mean of few counts is itself uncertain. With k of them, Jeffreys' prior and nothing but chance, the next count
        is negative binomial with size k mean + 1/2 and mean (k mean + 1/2) / k; how far counts scatter beyond chance
        comes on top of that.
        """
        sizes = [self.rounds * one + 0.5 for one in expected]
        means = [size / self.rounds for size in sizes]
        dispersions = [
            1 / size + (self.dispersion + hour // HOURS_A_WEEK * self.drift) * (1 + 1 / self.rounds)
            for hour, size in enumerate(sizes)
        ]
        return means, dispersions

    def band(self, expected: Sequence[float], arithmetic: Arithmetic) -> list[tuple[int, int]]:
        """The band of the hours after the history."""
        return arithmetic.band(*self.scatter(expected), BAND)


def method_for(hours: int, tickets: int) -> Method | None:
    """The method for so much history; None when it is not enough for any."""
    if hours < LEAST_DAYS * HOURS_A_DAY or tickets < LEAST_TICKETS:
        return None
    if hours < HOURS_A_WEEK:
        return "hour_of_day_mean"
    return "hour_of_week_mean" if hours < LEVEL_WEEKS * HOURS_A_WEEK else "week_shape_and_level"


def forecast(history: History, arithmetic: Arithmetic) -> Forecast:
    """The weeks after a history. Of the history whole weeks count, or whole days when there is no whole week."""
    total = min(len(history.counts), HISTORY_WEEKS * HOURS_A_WEEK)
    whole = HOURS_A_WEEK if total >= HOURS_A_WEEK else HOURS_A_DAY
    used = total - total % whole
    counts = history.counts[len(history.counts) - used :]
    until = history.since + len(history.counts) * HOUR
    since = until - used * HOUR
    method = method_for(used, sum(counts))
    if method is None:
        return Forecast(method=None, zone=history.zone, since=since, until=until, tickets=sum(counts))
    places = hours_of_week(since, used + AHEAD_WEEKS * HOURS_A_WEEK, history.zone)
    fit = _fit(method, counts, places[:used], arithmetic)
    ahead = range(AHEAD_WEEKS * HOURS_A_WEEK)
    expected = [fit.by_hour[places[used + hour]] for hour in ahead]
    band = fit.band(expected, arithmetic)
    return Forecast(
        method=method,
        zone=history.zone,
        since=since,
        until=until,
        tickets=sum(counts),
        error=_judged(method, counts, places, arithmetic),
        expected=tuple(round(one, 4) for one in expected),
        low=tuple(low for low, _ in band),
        high=tuple(high for _, high in band),
        deviation=tuple(
            round(math.sqrt(mean + dispersion * mean * mean), 4)
            for mean, dispersion in zip(*fit.scatter(expected), strict=True)
        ),
    )


def hours_of_week(since: datetime, hours: int, zone: Zone) -> list[int]:
    """The hour of the week that the wall clock of the zone shows in each hour from `since` on: 0 is Monday's first."""
    local = (((since + hour * HOUR).astimezone(time_zone(zone))) for hour in range(hours))
    return [at.weekday() * HOURS_A_DAY + at.hour for at in local]


def wape(actual: Sequence[float], expected: Sequence[float]) -> float | None:
    """Weighted absolute percentage error, as a share: sum of |actual - expected| by the sum of actual. None: nothing
    came."""
    came = sum(actual)
    return _off(actual, expected) / came if came else None


def mase(actual: Sequence[float], expected: Sequence[float], before: Sequence[float]) -> float | None:
    """Mean absolute scaled error of a forecast from the counts `before`, with a season of a week: R. J. Hyndman and
    A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of Forecasting 22 (2006).
    None when there are no two weeks before, or they were the same."""
    scale = _off(before[HOURS_A_WEEK:], before[:-HOURS_A_WEEK])
    if not scale:
        return None
    return (_off(actual, expected) / len(actual)) / (scale / (len(before) - HOURS_A_WEEK))


def _off(actual: Sequence[float], expected: Sequence[float]) -> float:
    return sum(abs(one - other) for one, other in zip(actual, expected, strict=True))


def _fit(method: Method, counts: Sequence[int], places: Sequence[int], arithmetic: Arithmetic) -> _Fit:
    if method == "hour_of_day_mean":
        day, days = _means(counts, [place % HOURS_A_DAY for place in places], HOURS_A_DAY), len(counts) // HOURS_A_DAY
        shape = day * (HOURS_A_WEEK // HOURS_A_DAY)
        return _Fit(shape, days, _dispersion(counts, [shape[place] for place in places], days))
    shape, weeks = _means(counts, places, HOURS_A_WEEK), len(counts) // HOURS_A_WEEK
    if method == "hour_of_week_mean":
        return _Fit(shape, weeks, _dispersion(counts, [shape[place] for place in places], weeks))
    totals = [sum(counts[week * HOURS_A_WEEK :][:HOURS_A_WEEK]) for week in range(weeks)]
    mean = sum(totals) / weeks
    if not mean:
        return _Fit(shape, weeks, 0.0)
    level = arithmetic.level(totals)
    # What was expected of every hour of the history a week before it came:
    lifted = [shape[place] * level.expected[hour // HOURS_A_WEEK] / mean for hour, place in enumerate(places)]
    missed = sum((total - told) ** 2 for total, told in zip(totals, level.expected, strict=True)) / weeks
    return _Fit(
        tuple(one * level.next / mean for one in shape),
        weeks,
        _dispersion(counts, lifted, weeks),
        level.smoothing**2 * missed / level.next**2 if level.next else 0.0,
    )


def _means(counts: Sequence[int], places: Sequence[int], number: int) -> tuple[float, ...]:
    """The mean count of each place; that of all counts for a place that never was (an hour that clocks skipped)."""
    sums, times = [0] * number, [0] * number
    for count, place in zip(counts, places, strict=True):
        sums[place] += count
        times[place] += 1
    mean = sum(counts) / len(counts)
    return tuple(one / often if often else mean for one, often in zip(sums, times, strict=True))


def _dispersion(counts: Sequence[int], expected: Sequence[float], rounds: int) -> float:
    """By moments: how much more than chance alone counts scatter around what was expected, by the square of that.

    What is expected was taken from the same counts, `rounds` of them for each hour, and so lies too near to them.
    """
    squares = sum(one * one for one in expected)
    if rounds < 2:
        return UNKNOWN_DISPERSION
    if not squares:
        return 0.0
    scatter = sum((count - one) ** 2 for count, one in zip(counts, expected, strict=True)) * rounds / (rounds - 1)
    return max(0.0, scatter - sum(expected)) / squares


def _judged(
    method: Method, counts: Sequence[int], places: Sequence[int], arithmetic: Arithmetic
) -> ForecastError | None:
    """The error of the method at the end of the history, forecast after forecast from what was known before it."""
    actual: list[int] = []
    expected: list[float] = []
    naive: list[int] = []
    scaled: list[float | None] = []
    naive_scaled: list[float | None] = []
    inside = 0
    for begin, end in _tests(method, len(counts)):
        before, came = counts[:begin], counts[begin:end]
        fit = _fit(method, before, places[:begin], arithmetic)
        told = [fit.by_hour[place] for place in places[begin:end]]
        band = fit.band(told, arithmetic)
        inside += sum(low <= count <= high for count, (low, high) in zip(came, band, strict=True))
        actual += came
        expected += told
        if method != "hour_of_day_mean":
            last_week = before[-HOURS_A_WEEK:]
            naive += last_week
            scaled.append(mase(came, told, before))
            naive_scaled.append(mase(came, last_week, before))
    if not actual:
        return None
    return ForecastError(
        hours=len(actual),
        wape=wape(actual, expected),
        mase=_mean(scaled),
        naive_wape=wape(actual, naive) if naive else None,
        naive_mase=_mean(naive_scaled),
        coverage=inside / len(actual),
    )


def _tests(method: Method, hours: int) -> list[tuple[int, int]]:
    """From which hour to which each forecast is judged: the last weeks, or days, that have enough before them."""
    if method == "hour_of_day_mean":
        step, least = HOURS_A_DAY, LEAST_DAYS - 1
    else:
        step, least = HOURS_A_WEEK, LEVEL_NEEDS_WEEKS if method == "week_shape_and_level" else 1
    steps = hours // step
    first = max(least, steps - JUDGED_WEEKS)
    return list(pairwise(step * number for number in range(first, steps + 1)))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
