"""When tickets come to the made desk, and how long things take there.

The shapes are fitted by eye to summary figures of real service desks: busy office hours with a dip at noon, quiet
nights and weekends, a year that grows, and long tails of whatever people wait for.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

WEEKS = 104
"""Two years."""
WEEK = timedelta(weeks=1)
BEGIN = datetime(2027, 1, 4, tzinfo=UTC)
"""A Monday."""
END = BEGIN + WEEKS * WEEK
"""What would happen later has not happened."""
_WORKDAY = (10, 10, 7, 3, 4, 4, 5, 22, 85, 115, 97, 86, 53, 72, 89, 90, 84, 46, 21, 13, 8, 7, 5, 4)
_WEEKEND = (4, 8, 4, 4, 3, 3, 2, 3, 7, 5, 2, 1, 2, 4, 4, 1, 4, 1, 3, 3, 1, 2, 2, 2)
_DAYS = (1.2, 1.05, 1.15, 1.0, 0.9)
HOURS = tuple(weight * factor for factor in _DAYS for weight in _WORKDAY) + tuple(float(one) for one in 2 * _WEEKEND)
"""Weights of the hours of a week, from Monday's first on."""
GROWTH = 0.35
"""How much busier the last week is than the first."""
SWING = 0.15
"""How much busier the busiest season is than the mean one."""


class Lasting(NamedTuple):
    """A lognormal: its median, and how long its tail is."""

    median: timedelta
    sigma: float

    def drawn(self, chance: Random) -> timedelta:
        return self.median * math.exp(chance.gauss(0, self.sigma))


MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ASSIGNED = Lasting(18 * MINUTE, 1.4)
ANSWERED = Lasting(35 * MINUTE, 1.3)
REQUESTER_ANSWERED = Lasting(7 * HOUR, 1.5)
WORKED = Lasting(4 * HOUR, 1.6)
REOPENED = Lasting(2 * DAY, 0.7)
RATED = Lasting(9 * HOUR, 1.2)


def week_counts(tickets: int, chance: Random) -> list[int]:
    """How many tickets come in each week; they add up to `tickets`."""
    weights = [
        (1 + GROWTH * week / WEEKS) * (1 + SWING * math.sin(2 * math.pi * week / 52)) * chance.uniform(0.92, 1.08)
        for week in range(WEEKS)
    ]
    marks = [round(tickets * sum(weights[: week + 1]) / sum(weights)) for week in range(WEEKS)]
    return [mark - before for before, mark in zip([0, *marks], marks, strict=False)]


def moments_of_week(week: int, count: int, chance: Random) -> Iterator[datetime]:
    """When they come, in order."""
    hours = sorted(chance.choices(range(len(HOURS)), HOURS, k=count))
    monday = BEGIN + week * WEEK
    moments = [monday + hour * HOUR + timedelta(seconds=chance.random() * 3600) for hour in hours]
    yield from sorted(moments)
