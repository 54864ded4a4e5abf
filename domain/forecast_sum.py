"""The hours of several teams taken together: what the whole desk may expect, and how far that may be off.

What is expected adds up. Ends of bands do not: that every team has its busy hour at once is far rarer than one of ten.
So the variances are added, which is right as far as teams' arrivals do not depend on each other, and a band of the same
share is drawn around the sum. Where a storm hits several teams at once they do: the sums of the ends are the outer
band.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from domain.forecast import BAND
from domain.staffing import Staff

_TAIL = (1 - BAND) / 2
_REACH = NormalDist().inv_cdf(1 - _TAIL)
"""How many standard deviations a band of this share reaches to each side."""
_CHANCE_ALONE = 1e-9
"""Beyond a variance that is the mean: counts scatter as a Poisson distribution does."""


class Banded(NamedTuple):
    """What is expected of an hour: so many tickets on the average, mostly from `low` to `high`, with this standard
    deviation."""

    expected: float
    low: int
    high: int
    deviation: float


class BandedSum(NamedTuple):
    """The same of several teams. `outer_low` and `outer_high`: if the teams' quiet, or busy, hours came together."""

    expected: float
    low: int
    high: int
    outer_low: int
    outer_high: int


def summed(parts: Sequence[Banded]) -> BandedSum:
    """The hour of all of them; of one it is its own."""
    expected = sum(one.expected for one in parts)
    outer = sum(one.low for one in parts), sum(one.high for one in parts)
    if len(parts) <= 1:
        return BandedSum(expected, *outer, *outer)
    return BandedSum(expected, *band_of(expected, sum(one.deviation**2 for one in parts)), *outer)


def summed_staff(parts: Sequence[Staff]) -> Staff:
    """The people of all teams, each of which needs its own. What the ends differ from the middle is added as standard
    deviations are, and rounded outwards."""
    expected = sum(one.expected for one in parts)
    below = math.hypot(*(one.expected - one.low for one in parts))
    above = math.hypot(*(one.high - one.expected for one in parts))
    return Staff(expected, math.floor(expected - below), math.ceil(expected + above))


def deviation_of(expected: float, low: int, high: int) -> float:
    """The standard deviation that a band tells of, where nothing better is known: its half, by how far it reaches, and
    never less than chance alone gives (the root of the mean)."""
    return max(math.sqrt(expected), (high - low) / (2 * _REACH))


def band_of(mean: float, variance: float) -> tuple[int, int]:
    """The band of a count with this mean and variance: the least counts that are not exceeded with a probability of at
    least a tenth, and of nine tenths. Negative binomial, and Poisson when the variance is the mean."""
    if mean <= 0:
        return 0, 0
    excess = variance - mean
    size = math.inf if excess <= _CHANCE_ALONE * mean else mean * mean / excess
    log_probability = -mean if math.isinf(size) else -size * math.log1p(mean / size)
    ratio = math.log(mean) if math.isinf(size) else math.log(mean) - math.log(size + mean)
    count, reached, low = 0, math.exp(log_probability), None
    while True:
        if low is None and reached >= _TAIL:
            low = count
        if low is not None and reached >= 1 - _TAIL:
            return low, count
        more = 0.0 if math.isinf(size) else math.log(size + count)
        count += 1
        log_probability += ratio + more - math.log(count)
        reached += math.exp(log_probability)
