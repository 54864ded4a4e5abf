"""The forecast beside the history: what each hour of the week may bring, whom it takes, who is planned, and what came
in the weeks before. `docs/metrics.md` defines every figure."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.report_models import PeriodOut
from api.report_questions import DRILL_DOWN
from api.requests import AsReader, InDesk
from api.state import Desk
from api.team_forecasts import (
    AsServiceTarget,
    PredictedHourOut,
    ServiceTargetOut,
    StaffOut,
    TeamForecastOut,
    TeamPredictionOut,
    forecast_teams,
    team_predictions,
)
from database.report_catalogue import FIGURES
from domain.arrival_history import Week, hour_histories, lived, weeks_before
from domain.business_calendar import Zone
from domain.forecast import HISTORY_WEEKS, HOUR, HOURS_A_WEEK, hours_of_week
from domain.forecast_sum import Banded, summed, summed_staff
from domain.period import Period
from domain.report import Dimension, Question, ReportFilter
from domain.staffing import Staff
from domain.ticket import Slug

router = APIRouter(prefix="/reports", tags=["reports"])


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


@router.get("/forecast")
async def report_forecast(
    desk: InDesk,
    reader: AsReader,
    target: AsServiceTarget,
    team: Annotated[Slug | None, Query(description="Without it, all teams that you see, together.")] = None,
    weeks: Annotated[int, Query(ge=1, le=HISTORY_WEEKS, description="How many weeks of history stand beside it.")] = 8,
    zone: Annotated[Zone | None, Query(description="Whose hours; without it, those of the forecast.")] = None,
) -> ForecastReportOut:
    """Arrivals and needed staff per hour of the week, with error bars, beside what came in the weeks before.

    For the desk: supervisors and admins see every team, agents their own.
    """
    within = await forecast_teams(desk, reader, team)
    found = await desk.forecasts.read(within)
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    each = await desk.forecasts.planned(found, hour, hour + HOURS_A_WEEK * HOUR)
    planned = await desk.forecasts.planned_together(found, hour, hour + HOURS_A_WEEK * HOUR)
    teams = await asyncio.to_thread(team_predictions, found, each, 1, target, now)
    place = zone or _usual_zone(teams)
    periods = weeks_before(hour, weeks, place)
    came = await _arrivals(desk, periods, ReportFilter(team=() if team is None else (team,), within=within), now, place)
    kept = lived(came)
    since = periods[len(came) - len(kept)].since if kept else hour
    return ForecastReportOut(
        as_of=now,
        team=team,
        zone=place,
        service_target=ServiceTargetOut.of(target),
        history=ArrivalHistoryOut(
            since=since,
            until=hour,
            weeks=len(kept),
            tickets=sum(sum(week.values()) for week in kept),
        ),
        teams=[TeamForecastOut.model_validate(one.model_dump(exclude={"hours"})) for one in teams],
        hours=await asyncio.to_thread(_hours, teams, planned, hour, place, kept),
        drill_down=_drill_down(Period(since, hour), team, place),
    )


def _drill_down(period: Period, team: Slug | None, zone: Zone) -> str:
    query = {"figure": "opened", "from": period.since.isoformat(), "to": period.until.isoformat(), "zone": zone}
    narrowed = {} if team is None else {"team": team}
    return f"{DRILL_DOWN}?{urlencode({**query, **narrowed, 'group_by': Dimension.HOUR_OF_WEEK})}{{&key}}"


async def _arrivals(
    desk: Desk, periods: Iterable[Period], wanted: ReportFilter, now: datetime, zone: Zone
) -> list[Week]:
    """What came in each week, asked for as every report does."""
    weeks: list[Week] = []
    for period in periods:
        question = Question(period, now, wanted, Dimension.HOUR_OF_WEEK, zone=zone)
        answer = await desk.reports.ask([FIGURES["opened"]], question)
        counts = {group.key: group.values["opened"] for group in answer.groups}
        weeks.append({int(key): count for key, count in counts.items() if key and isinstance(count, int)})
    return weeks


def _usual_zone(teams: Iterable[TeamPredictionOut]) -> Zone:
    """That by which most of the tickets were forecast."""
    tickets: Counter[Zone] = Counter()
    for one in teams:
        if one.zone is not None and one.trained_on is not None:
            tickets[one.zone] += one.trained_on.tickets
    return max(tickets, key=lambda zone: (tickets[zone], zone), default="UTC")


def _hours(
    teams: Sequence[TeamPredictionOut],
    planned: Mapping[datetime, float],
    hour: datetime,
    zone: Zone,
    weeks: Sequence[Week],
) -> list[ForecastHourOut]:
    """In a thread of its own: the bands of many teams take a while."""
    of_hour: dict[datetime, list[PredictedHourOut]] = {}
    for one in teams:
        for told in one.hours:
            of_hour.setdefault(told.starts_at, []).append(told)
    starts: dict[int, datetime] = {}
    for ahead, place in enumerate(hours_of_week(hour, HOURS_A_WEEK, zone)):
        starts.setdefault(place, hour + timedelta(hours=ahead))
    return [
        ForecastHourOut.model_validate(
            {
                "hour_of_week": place,
                "starts_at": starts.get(place),
                **_expected(of_hour.get(starts[place], []) if place in starts else []),
                "planned": planned.get(starts[place], 0.0) if place in starts else None,
                "came": None if history is None else history._asdict(),
            }
        )
        for place, history in enumerate(hour_histories(weeks))
    ]


def _expected(parts: Sequence[PredictedHourOut]) -> dict[str, object]:
    """What all teams with a forecast may expect of an hour."""
    if not parts:
        return dict.fromkeys(("expected", "low", "high", "outer_low", "outer_high", "load", "staff"))
    whole = summed([Banded(one.expected, one.low, one.high, one.deviation) for one in parts])
    staff = summed_staff([Staff(one.staff.expected, one.staff.low, one.staff.high) for one in parts])
    return {
        **whole._asdict(),
        "expected": round(whole.expected, 4),
        "load": round(sum(one.load for one in parts), 4),
        "staff": StaffOut(**staff._asdict()),
    }
