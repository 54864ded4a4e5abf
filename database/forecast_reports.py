"""The forecast beside the history, of the teams that somebody may see: for screens, files and mails alike."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from database.forecasts import ForecastStore
from database.report_catalogue import FIGURES
from database.reports import Reports
from domain.arrival_history import Week, lived, weeks_before
from domain.business_calendar import Zone
from domain.forecast_report import USUAL_WEEKS, ForecastHour, forecast_hours, week_to_come
from domain.period import Period
from domain.predicted_hour import PredictedHour, predicted_hours
from domain.report import Dimension, Question, ReportFilter
from domain.staffing import ServiceTarget
from domain.stored_forecast import StoredForecast, usual_zone
from domain.ticket import Slug

ARRIVED = "opened"
"""The figure that says what came."""


class ForecastQuestion(NamedTuple):
    """What is asked for. `now` may be a while ago: of what is known today, as if it were then."""

    now: datetime
    within: frozenset[Slug] | None
    """The teams that may be told of; None: all."""
    team: Sequence[Slug] = ()
    """Those of them that are asked for; empty: all."""
    target: ServiceTarget = ServiceTarget()
    weeks: int = USUAL_WEEKS
    zone: Zone | None = None
    """Whose hours; None: those of the forecast."""

    @property
    def period(self) -> Period:
        """The week to come. The history ends where it begins."""
        return week_to_come(self.now)


class ForecastReport(NamedTuple):
    """The answer. Of the weeks asked for, `history` has `weeks`: those since the first ticket."""

    question: ForecastQuestion
    zone: Zone
    history: Period
    weeks: int
    tickets: int
    teams: Mapping[Slug, StoredForecast | None]
    hours: Sequence[ForecastHour]


class ForecastReports:
    """Nothing is forecast here: the last forecasts of the teams are read and added up."""

    def __init__(self, forecasts: ForecastStore, reports: Reports) -> None:
        self._forecasts = forecasts
        self._reports = reports

    async def ask(self, question: ForecastQuestion) -> ForecastReport:
        """Teams that do not exist are left out."""
        hour = question.period.since
        found = await self._forecasts.read(frozenset(question.team) or question.within)
        planned = await self._forecasts.planned_together(found, *question.period)
        zone = question.zone or usual_zone(found.values())
        periods = weeks_before(hour, question.weeks, zone)
        came = await self._arrivals(periods, question, zone)
        kept = lived(came)
        return ForecastReport(
            question=question,
            zone=zone,
            history=Period(periods[len(came) - len(kept)].since if kept else hour, hour),
            weeks=len(kept),
            tickets=sum(sum(week.values()) for week in kept),
            teams=found,
            hours=await asyncio.to_thread(_hours, found.values(), planned, question, zone, kept),
        )

    async def _arrivals(self, periods: Iterable[Period], question: ForecastQuestion, zone: Zone) -> list[Week]:
        """What came in each week, asked for as every report does."""
        wanted = ReportFilter(team=question.team, within=question.within)
        weeks: list[Week] = []
        for period in periods:
            answer = await self._reports.ask(
                [FIGURES[ARRIVED]], Question(period, question.now, wanted, Dimension.HOUR_OF_WEEK, zone=zone)
            )
            counts = {group.key: group.values[ARRIVED] for group in answer.groups}
            weeks.append({int(key): count for key, count in counts.items() if key and isinstance(count, int)})
        return weeks


def _hours(
    found: Iterable[StoredForecast | None],
    planned: Mapping[datetime, float],
    question: ForecastQuestion,
    zone: Zone,
    weeks: Sequence[Week],
) -> list[ForecastHour]:
    """In a thread of its own: the bands of many teams take a while."""
    teams: list[list[PredictedHour]] = [
        list(predicted_hours(stored.forecast, stored.handling.minutes, 1, question.target, question.now))
        for stored in found
        if stored is not None
    ]
    return forecast_hours(teams, planned, question.period.since, zone, weeks)
