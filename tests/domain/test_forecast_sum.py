"""Sums of teams' hours: they hold what the counts of made-up desks come out as."""

import math
import random

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from activities.forecast_arithmetic import ForecastArithmetic
from domain.forecast import BAND
from domain.forecast_sum import Banded, band_of, deviation_of, summed, summed_staff
from domain.staffing import Staff


def banded(mean: float, dispersion: float) -> Banded:
    """As a forecast would tell it."""
    ((low, high),) = ForecastArithmetic().band([mean], [dispersion], BAND)
    return Banded(mean, low, high, math.sqrt(mean + dispersion * mean * mean))


@pytest.mark.parametrize("mean", [0.01, 0.3, 1.0, 4.0, 25.0, 900.0])
@pytest.mark.parametrize("dispersion", [0.0, 0.05, 0.5, 3.0])
def test_a_band_is_that_of_the_library(mean: float, dispersion: float) -> None:
    variance = mean + dispersion * mean * mean

    assert band_of(mean, variance) == ForecastArithmetic().band([mean], [dispersion], BAND)[0]


def test_a_band_leaves_a_tenth_on_each_side() -> None:
    low, high = band_of(7.5, 12.0)
    size = 7.5**2 / 4.5

    assert nbinom.cdf(low - 1, size, size / (size + 7.5)) < 0.1 <= nbinom.cdf(low, size, size / (size + 7.5))
    assert nbinom.cdf(high - 1, size, size / (size + 7.5)) < 0.9 <= nbinom.cdf(high, size, size / (size + 7.5))
    assert band_of(3.0, 3.0) == (int(poisson.ppf(0.1, 3)), int(poisson.ppf(0.9, 3)))
    assert band_of(0.0, 0.0) == (0, 0)


def test_one_team_is_told_as_it_is() -> None:
    assert summed([Banded(2.5, 1, 4, 9)]) == (2.5, 1, 4, 1, 4)
    assert summed([]) == (0, 0, 0, 0, 0)
    assert summed_staff([Staff(3, 1, 4)]) == Staff(3, 1, 4)


@pytest.mark.parametrize("desk", [[0.3] * 20, [4.0] * 5, [0.05, 0.3, 2.0, 9.0], [30.0, 25.0, 1.0], [0.02] * 3])
@pytest.mark.parametrize("dispersion", [0.0, 0.1, 0.4])
def test_the_band_of_a_sum_holds_four_of_five_hours_and_is_narrower_than_the_sum_of_the_bands(
    desk: list[float], dispersion: float
) -> None:
    chance = random.Random(3)  # noqa: S311  nothing secret

    told = summed([banded(mean, dispersion) for mean in desk])

    state = chance.randint(0, 2**31)
    counts = np.zeros(20_000)
    for place, mean in enumerate(desk):
        draw = nbinom(1 / dispersion, 1 / (1 + dispersion * mean)) if dispersion else poisson(mean)
        counts += draw.rvs(size=len(counts), random_state=state + place)
    inside = float(np.mean((counts >= told.low) & (counts <= told.high)))
    assert told.expected == pytest.approx(sum(desk))
    assert inside >= 0.79, (told, inside)
    assert told.high - told.low <= max(1, told.outer_high - told.outer_low)
    if len(desk) >= 5 and told.expected >= 6:
        assert inside <= 0.93, (told, inside)
        assert told.high - told.low < told.outer_high - told.outer_low


def test_a_band_tells_of_its_deviation_where_nothing_better_is_known() -> None:
    assert deviation_of(0.3, 0, 1) == math.sqrt(0.3)
    assert deviation_of(25.0, 10, 42) == pytest.approx(32 / (2 * 1.2816), abs=1e-3)


def test_staff_adds_up_in_the_middle_and_as_deviations_at_the_ends() -> None:
    assert summed_staff([Staff(5, 2, 8), Staff(7, 3, 11)]) == Staff(12, 7, 17)
    assert summed_staff([]) == Staff(0, 0, 0)
