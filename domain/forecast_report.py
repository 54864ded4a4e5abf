"""The forecast beside the history: each hour of the coming week, of some teams together, and what came in it before."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from domain.arrival_history import HourHistory, Week, hour_histories
from domain.business_calendar import Zone
from domain.forecast import HOUR, HOURS_A_WEEK, hours_of_week
from domain.forecast_sum import Banded, summed, summed_staff
from domain.period import Period
from domain.predicted_hour import PredictedHour
from domain.staffing import Staff

FORECAST = "forecast"
"""What the report is called among the others."""
USUAL_WEEKS = 8
"""How many weeks of history stand beside a forecast when nothing is said."""


class ExpectedHour(NamedTuple):
    """What all teams with a forecast may expect of an hour; `docs/metrics.md` defines each."""

    expected: float
    low: int
    high: int
    outer_low: int
    outer_high: int
    load: float
    staff: Staff


class ForecastHour(NamedTuple):
    """An hour of the coming week. `ahead` is None where no team has a forecast, `came` where there are no weeks. In the
    hour that clocks skip, there is only what came."""

    hour_of_week: int
    starts_at: datetime | None
    ahead: ExpectedHour | None
    planned: float | None
    came: HourHistory | None


def week_to_come(moment: datetime) -> Period:
    """Seven times 24 hours, from the hour that is going on."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return Period(hour, hour + HOURS_A_WEEK * HOUR)


def forecast_hours(
    teams: Iterable[Iterable[PredictedHour]],
    planned: Mapping[datetime, float],
    hour: datetime,
    zone: Zone,
    weeks: Sequence[Week],
) -> list[ForecastHour]:
    """The 168 hours from this one on, in the order of the week. Takes a while: bands of many teams are computed."""
    of_hour: dict[datetime, list[PredictedHour]] = {}
    for predicted in teams:
        for one in predicted:
            of_hour.setdefault(one.starts_at, []).append(one)
    starts: dict[int, datetime] = {}
    for ahead, place in enumerate(hours_of_week(hour, HOURS_A_WEEK, zone)):
        starts.setdefault(place, hour + ahead * HOUR)
    return [
        ForecastHour(
            place,
            starts.get(place),
            _expected(of_hour.get(starts[place], [])) if place in starts else None,
            planned.get(starts[place], 0.0) if place in starts else None,
            came,
        )
        for place, came in enumerate(hour_histories(weeks))
    ]


def _expected(parts: Sequence[PredictedHour]) -> ExpectedHour | None:
    if not parts:
        return None
    whole = summed([Banded(one.expected, one.low, one.high, one.deviation) for one in parts])
    return ExpectedHour(
        round(whole.expected, 4),
        *whole[1:],
        load=round(sum(one.load for one in parts), 4),
        staff=summed_staff([one.staff for one in parts]),
    )
