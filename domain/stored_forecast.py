"""A team's forecast as it was kept, and whether it is still worth something."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from domain.business_calendar import Zone
from domain.forecast import Forecast, HandlingTime

OUTDATED_AFTER = timedelta(days=2)
"""The forecast is made every night; one that is missed may be made up for during the day."""
ForecastStatus = Literal["ready", "outdated", "not_enough_history", "none"]


class StoredForecast(NamedTuple):
    """A forecast, and when it was made."""

    computed_at: datetime
    handling: HandlingTime
    forecast: Forecast


def forecast_status(stored: StoredForecast | None, now: datetime) -> ForecastStatus:
    """Whether a team has a forecast that is worth something, and why not."""
    if stored is None:
        return "none"
    if now - stored.computed_at > OUTDATED_AFTER:
        return "outdated"
    return "not_enough_history" if stored.forecast.method is None else "ready"


def usual_zone(found: Iterable[StoredForecast | None]) -> Zone:
    """The zone by which most of the tickets were forecast; of several alike the last by name; UTC without any."""
    tickets: Counter[Zone] = Counter()
    for stored in found:
        if stored is not None:
            tickets[stored.forecast.zone] += stored.forecast.tickets
    return max(tickets, key=lambda zone: (tickets[zone], zone), default="UTC")
