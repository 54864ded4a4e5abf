"""How many people an hour takes: from what is to come, how long one ticket takes, and how soon it should be begun.

Tickets are taken to come by chance (Poisson), to take some time each (exponential), and to be worked on one at a time
by any free person, first come, first served: Erlang's delay system M/M/N. Its formulas are A. K. Erlang's of 1917
("Solution of some problems in the theory of probabilities of significance in automatic telephone exchanges").
"""

import math
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

MINUTES_AN_HOUR = 60
_NEGLIGIBLE = 1e-18
_ROUNDING = 1e-9
"""What a whole number may miss itself by after a division."""


class ServiceTarget(BaseModel):
    """What a desk wants to keep: the share of tickets that somebody begins to work on within some minutes.

    `shrinkage` is the share of a shift in which people are not at work: a lunch of 30 minutes and two short breaks of
    15 make an eighth of eight hours.
    """

    model_config = ConfigDict(frozen=True)

    share: float = Field(default=0.8, gt=0, lt=1)
    within_minutes: float = Field(default=30, ge=0)
    shrinkage: float = Field(default=0.125, ge=0, lt=1)


class Staff(NamedTuple):
    """The people on shift that an hour takes: as expected, and at the two ends of the band."""

    expected: int
    low: int
    high: int


def load(arrivals: float, handling_minutes: float) -> float:
    """The work that comes in an hour, in Erlangs: the people whom it would keep busy without a pause.

    `arrivals` are tickets an hour. Raises ValueError for less than none.
    """
    if arrivals < 0 or handling_minutes <= 0:
        raise ValueError("tickets come or do not, and each takes some time")
    return arrivals * handling_minutes / MINUTES_AN_HOUR


def all_busy(people: int, erlangs: float) -> float:
    """Erlang C: the probability that a ticket finds nobody free and has to wait.

    With A Erlangs and N > A people it is B / (1 - (1 - B) A/N), where B is Erlang's loss formula (Erlang B), and
    1/B = 1 + N/A + N(N-1)/A^2 + ... + N!/A^N. Terms too small to count are left out, so that a huge desk takes no
    longer than the square root of its size. 1 when there are no more people than Erlangs: the queue grows without end.
    """
    if erlangs <= 0:
        return 0.0
    if people <= erlangs:
        return 1.0
    inverse, term = 1.0, 1.0
    for one in range(people, 0, -1):
        term *= one / erlangs
        inverse += term
        if one < erlangs and term < _NEGLIGIBLE * inverse:
            break
        if math.isinf(inverse):
            return 0.0
    blocked = 1 / inverse
    return blocked / (1 - (1 - blocked) * erlangs / people)


def begun_in_time(people: int, erlangs: float, handling_minutes: float, within_minutes: float) -> float:
    """The share of tickets that somebody begins within some minutes: 1 - C e^(-(N - A) t / h), with C of `all_busy`,
    t the minutes and h the handling time. 0 when there are no more people than Erlangs."""
    if erlangs <= 0:
        return 1.0
    if people <= erlangs:
        return 0.0
    return 1 - all_busy(people, erlangs) * math.exp(-(people - erlangs) * within_minutes / handling_minutes)


def people_needed(arrivals: float, handling_minutes: float, target: ServiceTarget) -> int:
    """The fewest people at work with whom the target is kept. Nobody, when nothing comes."""
    erlangs = load(arrivals, handling_minutes)
    if erlangs <= 0:
        return 0

    def is_kept(people: int) -> bool:
        return begun_in_time(people, erlangs, handling_minutes, target.within_minutes) >= target.share

    too_few, step = math.floor(erlangs), 1
    while not is_kept(too_few + step):
        too_few, step = too_few + step, step * 2
    enough = too_few + step
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if is_kept(middle) else (middle, enough)
    return enough


def staff_needed(arrivals: float, handling_minutes: float, target: ServiceTarget) -> int:
    """The fewest people on shift, some of whom are on a break at any time: `people_needed`, by 1 - shrinkage."""
    at_work = people_needed(arrivals, handling_minutes, target)
    return math.ceil(at_work / (1 - target.shrinkage) - _ROUNDING)


def staff_band(expected: float, low: float, high: float, handling_minutes: float, target: ServiceTarget) -> Staff:
    """The staff for an hour in which `expected` tickets come on the average, and mostly between `low` and `high`.

    An hour in which mostly nothing comes takes nobody, although its average is a little more than nothing: whoever sat
    there would mostly wait. So the average counts as far as it lies within the band.
    """
    likely = min(max(expected, low), high)
    return Staff(*(staff_needed(one, handling_minutes, target) for one in (likely, low, high)))
