"""What really came in each hour of the week, week after week: the measure of what is expected of it."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from domain.business_calendar import Zone, time_zone
from domain.forecast import HOURS_A_WEEK
from domain.period import Period

Week = Mapping[int, int]
"""Hour of the week -> tickets; an hour in which none came may lack."""


class HourHistory(NamedTuple):
    """The tickets of one hour of the week over some weeks: their mean, their standard deviation (None: of one week),
    and the least and the most of them."""

    mean: float
    deviation: float | None
    least: int
    most: int


def weeks_before(until: datetime, weeks: int, zone: Zone) -> list[Period]:
    """The weeks that end at a moment, the earliest first, each from and to the same time on the zone's clocks."""
    end = until.astimezone(time_zone(zone))
    ends = [(end - timedelta(weeks=back)).astimezone(UTC) for back in range(weeks, -1, -1)]
    return [Period(since, later) for since, later in pairwise(ends)]


def lived(weeks: Sequence[Week]) -> Sequence[Week]:
    """Without the weeks before the first ticket came, of which there is nothing to learn."""
    first = next((place for place, week in enumerate(weeks) if any(week.values())), len(weeks))
    return weeks[first:]


def hour_histories(weeks: Sequence[Week]) -> list[HourHistory | None]:
    """Of every hour of the week; None when there are no weeks."""
    return [_history([week.get(hour, 0) for week in weeks]) for hour in range(HOURS_A_WEEK)]


def _history(counts: Sequence[int]) -> HourHistory | None:
    if not counts:
        return None
    deviation = statistics.stdev(counts) if len(counts) > 1 else None
    return HourHistory(statistics.fmean(counts), deviation, min(counts), max(counts))
