"""The forecast beside the history: what each hour of the week may bring, whom it takes, who is planned, and what came
in the weeks before. `docs/metrics.md` defines every figure."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Response
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.report_files import FILES, forecast_file
from api.report_models import PeriodOut
from api.report_questions import DRILL_DOWN, AsFormat
from api.requests import AsReader, InDesk
from api.team_forecasts import (
    AsServiceTarget,
    ServiceTargetOut,
    StaffOut,
    TeamForecastOut,
    forecast_teams,
    team_forecast,
)
from database.forecast_reports import ARRIVED, ForecastQuestion, ForecastReport
from domain.business_calendar import Zone
from domain.forecast import HISTORY_WEEKS
from domain.forecast_report import USUAL_WEEKS, ExpectedHour, ForecastHour
from domain.period import Period
from domain.report import Dimension
from domain.ticket import Slug

router = AreaRouter(prefix="/reports", tags=["reports"], responses=FILES)


class CameOut(BaseModel):
    """The tickets that really came in an hour of the week, over the weeks of the history."""

    mean: float
    deviation: float | None = Field(description="Their standard deviation; null when there is only one week.")
    least: int
    most: int


class ForecastHourOut(BaseModel):
    """An hour of the coming week. What is expected is null where no team has a forecast; all but `came` is null in the
    hour that clocks skip."""

    hour_of_week: int = Field(description="On the wall clock of `zone`: 0 is Monday's first, 167 Sunday's last.")
    starts_at: datetime | None
    expected: float | None = Field(description="Tickets.")
    low: int | None = Field(description="One hour of ten has fewer; of several teams: if each is busy on its own.")
    high: int | None = Field(description="One hour of ten has more.")
    outer_low: int | None = Field(description="The sum of the teams' `low`: if their quiet hours came together.")
    outer_high: int | None = Field(description="The sum of the teams' `high`: if their busy hours came together.")
    load: float | None = Field(description="The expected work in Erlangs: people whom it keeps busy without a pause.")
    staff: StaffOut | None
    planned: float | None = Field(description="People on published shifts, on the average over the hour.")
    came: CameOut | None = Field(description="Null when nothing came in any of the weeks asked for.")


class ArrivalHistoryOut(PeriodOut):
    """The weeks that `came` is about: those since the first ticket came, at most as many as were asked for."""

    weeks: int
    tickets: int


class ForecastReportOut(BaseModel):
    """The hours of the coming week, in the order of the week, with what they are made of."""

    report: str = "forecast"
    as_of: datetime
    team: Slug | None = Field(description="Null: all teams that you see, together.")
    zone: str
    service_target: ServiceTargetOut
    history: ArrivalHistoryOut
    teams: list[TeamForecastOut] = Field(description="The forecasts that are summed up, with their methods and errors.")
    hours: list[ForecastHourOut]
    drill_down: str = Field(
        description="A URI template (RFC 6570) to the tickets that came in an hour: `key` is its `hour_of_week`."
    )


@router.get("/forecast", response_model=ForecastReportOut)
async def report_forecast(
    desk: InDesk,
    reader: AsReader,
    target: AsServiceTarget,
    team: Annotated[Slug | None, Query(description="Without it, all teams that you see, together.")] = None,
    weeks: Annotated[
        int, Query(ge=1, le=HISTORY_WEEKS, description="How many weeks of history stand beside it.")
    ] = USUAL_WEEKS,
    zone: Annotated[Zone | None, Query(description="Whose hours; without it, those of the forecast.")] = None,
    format: AsFormat = "json",
) -> ForecastReportOut | Response:
    """Arrivals and needed staff per hour of the week, with error bars, beside what came in the weeks before.

    For the desk: supervisors and admins see every team, agents their own. A file has a row for each hour.
    """
    within = await forecast_teams(desk, reader, team)
    asked = ForecastQuestion(datetime.now(UTC), within, () if team is None else (team,), target, weeks, zone)
    report = await desk.forecast_reports.ask(asked)
    if format != "json":
        return await forecast_file(report, format)
    return _spoken(report, team)


def _spoken(report: ForecastReport, team: Slug | None) -> ForecastReportOut:
    now = report.question.now
    return ForecastReportOut(
        as_of=now,
        team=team,
        zone=report.zone,
        service_target=ServiceTargetOut.of(report.question.target),
        history=ArrivalHistoryOut(
            since=report.history.since,
            until=report.history.until,
            weeks=report.weeks,
            tickets=report.tickets,
        ),
        teams=[team_forecast(one, stored, now) for one, stored in report.teams.items()],
        hours=[_spoken_hour(hour) for hour in report.hours],
        drill_down=_drill_down(report.history, team, report.zone),
    )


def _spoken_hour(hour: ForecastHour) -> ForecastHourOut:
    ahead = dict.fromkeys(ExpectedHour._fields) if hour.ahead is None else hour.ahead._asdict()
    return ForecastHourOut.model_validate(
        {
            **ahead,
            "hour_of_week": hour.hour_of_week,
            "starts_at": hour.starts_at,
            "staff": None if hour.ahead is None else hour.ahead.staff._asdict(),
            "planned": hour.planned,
            "came": None if hour.came is None else hour.came._asdict(),
        }
    )


def _drill_down(period: Period, team: Slug | None, zone: Zone) -> str:
    query = {"figure": ARRIVED, "from": period.since.isoformat(), "to": period.until.isoformat(), "zone": zone}
    narrowed = {} if team is None else {"team": team}
    return f"{DRILL_DOWN}?{urlencode({**query, **narrowed, 'group_by': Dimension.HOUR_OF_WEEK})}{{&key}}"
