"""The hours to come of one team: what its forecast expects of each, and whom that takes."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from domain.forecast import HOUR, HOURS_A_WEEK, Forecast, hours_of_week
from domain.forecast_sum import deviation_of
from domain.staffing import ServiceTarget, Staff, load, staff_band


class PredictedHour(NamedTuple):
    """Tickets that are expected, their band and standard deviation; the work in Erlangs; the people on shift."""

    starts_at: datetime
    hour_of_week: int
    """On the clocks of the forecast's zone."""
    expected: float
    low: int
    high: int
    deviation: float
    load: float
    staff: Staff


def predicted_hours(
    forecast: Forecast, handling_minutes: float, weeks: int, target: ServiceTarget, now: datetime
) -> Iterator[PredictedHour]:
    """From the present hour on, as far as was asked for and forecast."""
    first = max(0, (now - forecast.until) // HOUR)
    last = min(first + weeks * HOURS_A_WEEK, len(forecast.expected))
    places = hours_of_week(forecast.until + first * HOUR, max(0, last - first), forecast.zone)
    for hour, place in zip(range(first, last), places, strict=True):
        expected, low, high = forecast.expected[hour], forecast.low[hour], forecast.high[hour]
        yield PredictedHour(
            forecast.until + hour * HOUR,
            place,
            expected,
            low,
            high,
            forecast.deviation[hour] if forecast.deviation else round(deviation_of(expected, low, high), 4),
            round(load(expected, handling_minutes), 4),
            _staff(expected, low, high, handling_minutes, target),
        )


@lru_cache(maxsize=4096)
def _staff(expected: float, low: int, high: int, handling_minutes: float, target: ServiceTarget) -> Staff:
    """Weeks repeat each other."""
    return staff_band(expected, low, high, handling_minutes, target)
