"""When a kept forecast is worth something."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.forecast import Forecast, HandlingTime, Method
from domain.stored_forecast import OUTDATED_AFTER, ForecastStatus, StoredForecast, forecast_status, usual_zone

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)


def stored(method: Method | None, age: timedelta) -> StoredForecast:
    forecast = Forecast(method=method, zone="UTC", since=NOW, until=NOW, tickets=0)
    return StoredForecast(NOW - age, HandlingTime(30.0, 0.0), forecast)


@pytest.mark.parametrize(
    ("kept", "status"),
    [
        (None, "none"),
        (stored("hour_of_week_mean", OUTDATED_AFTER), "ready"),
        (stored("hour_of_week_mean", OUTDATED_AFTER + timedelta(seconds=1)), "outdated"),
        (stored(None, timedelta()), "not_enough_history"),
        (stored(None, OUTDATED_AFTER + timedelta(seconds=1)), "outdated"),
    ],
    ids=["none", "just in time", "too old", "no method", "old without a method"],
)
def test_a_forecast_is_worth_something_for_two_days(kept: StoredForecast | None, status: ForecastStatus) -> None:
    assert forecast_status(kept, NOW) == status


def of_zone(zone: str, tickets: int) -> StoredForecast:
    forecast = Forecast(method=None, zone=zone, since=NOW, until=NOW, tickets=tickets)
    return StoredForecast(NOW, HandlingTime(30.0, 0.0), forecast)


@pytest.mark.parametrize(
    ("found", "zone"),
    [
        ([], "UTC"),
        ([None], "UTC"),
        ([of_zone("Europe/Berlin", 3), None, of_zone("Asia/Tokyo", 2), of_zone("Asia/Tokyo", 2)], "Asia/Tokyo"),
        ([of_zone("Europe/Berlin", 3), of_zone("Asia/Tokyo", 3)], "Europe/Berlin"),
    ],
    ids=["no team", "no forecast", "most tickets in two teams", "as many: by name"],
)
def test_hours_are_told_in_the_zone_of_most_tickets(found: list[StoredForecast | None], zone: str) -> None:
    assert usual_zone(found) == zone
