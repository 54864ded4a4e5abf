"""What each team may expect, and whom it takes: the stored forecasts as the API tells them. `docs/forecast.md` defines
them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from api.state import Desk
from database.forecasts import Planned
from domain.access import Reader, teams_with_figures
from domain.errors import ForbiddenError
from domain.forecast import ForecastError, Method
from domain.predicted_hour import predicted_hours
from domain.staffing import ServiceTarget
from domain.stored_forecast import ForecastStatus, StoredForecast, forecast_status
from domain.ticket import Slug

NOTES: Mapping[ForecastStatus, str] = {
    "ready": "Forecast from the team's own history.",
    "outdated": "The last forecast is more than two days old: the nightly run has not come through since.",
    "not_enough_history": "There is not enough history: a forecast takes three whole days and twenty tickets.",
    "none": "No forecast was made yet. One is made every night; a supervisor can ask for one now.",
}


class ServiceTargetOut(BaseModel):
    """What the staffing need is computed for."""

    answer_share: float = Field(description="The share of tickets that somebody begins to work on in time.")
    answer_minutes: float
    shrinkage: float = Field(description="The share of a shift in which people are not at work.")

    @classmethod
    def of(cls, target: ServiceTarget) -> "ServiceTargetOut":
        return cls(answer_share=target.share, answer_minutes=target.within_minutes, shrinkage=target.shrinkage)


class TrainedOnOut(BaseModel):
    """The history [`from`, `to`) that the forecast was made of."""

    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    tickets: int


class PredictionErrorOut(BaseModel):
    """How far the method was off at the end of the history, each week forecast from those before it. Null: it cannot be
    said yet."""

    hours: int = Field(description="How many hours were forecast and compared.")
    wape: float | None = Field(description="All that it was off, by all that came; 0 is perfect.")
    mase: float | None = Field(description="Its mean error by that of last week's hours taken for this week's.")
    seasonal_naive_wape: float | None = Field(description="The WAPE of last week's hours taken for the same weeks.")
    seasonal_naive_mase: float | None
    coverage: float = Field(description="The share of hours that came out between `low` and `high`.")


class StaffOut(BaseModel):
    """The people on shift that `expected`, `low` and `high` arrivals take."""

    expected: int
    low: int
    high: int


class PredictedHourOut(BaseModel):
    """One hour to come."""

    starts_at: datetime
    hour_of_week: int = Field(description="On the wall clock of `zone`: 0 is Monday's first, 167 Sunday's last.")
    expected: float = Field(description="Tickets.")
    low: int = Field(description="One hour of ten has fewer.")
    high: int = Field(description="One hour of ten has more.")
    deviation: float = Field(description="The standard deviation of the hour's tickets.")
    load: float = Field(description="The expected work in Erlangs: people whom it keeps busy without a pause.")
    staff: StaffOut
    planned: float = Field(description="People on published shifts, on the average over the hour.")


class TeamForecastOut(BaseModel):
    """The forecast of one team: what it was made of, how, and how wrong its method was. `status` and `note` say why
    there is none."""

    team: Slug
    status: ForecastStatus
    note: str
    method: Method | None
    zone: str | None
    computed_at: datetime | None
    trained_on: TrainedOnOut | None
    error: PredictionErrorOut | None
    handling_minutes: float | None = Field(description="Mean minutes of work on a ticket of the history.")
    estimated_share: float | None = Field(
        description="The share of its tickets with an estimate; the others count with the team's usual minutes."
    )


class TeamPredictionOut(TeamForecastOut):
    """What is to come for one team. Without a forecast, `status` and `note` say why, and there are no hours."""

    hours: list[PredictedHourOut]


def service_target(
    answer_share: Annotated[float, Query(ge=0.01, le=0.999)] = 0.8,
    answer_minutes: Annotated[float, Query(ge=0, le=10_080)] = 30,
    shrinkage: Annotated[float, Query(ge=0, le=0.9)] = 0.125,
) -> ServiceTarget:
    return ServiceTarget(share=answer_share, within_minutes=answer_minutes, shrinkage=shrinkage)


AsServiceTarget = Annotated[ServiceTarget, Depends(service_target)]


async def forecast_teams(desk: Desk, reader: Reader, team: Slug | None) -> frozenset[Slug] | None:
    """The teams whose forecasts are asked for (None: all). Raises ForbiddenError for teams that are not the reader's,
    UnknownReferenceError for one that does not exist."""
    within = teams_with_figures(reader)
    if team is None:
        return within
    await desk.forecasts.check_known(team)
    if within is not None and team not in within:
        raise ForbiddenError("You see the predictions of your own teams.")
    return frozenset({team})


def team_predictions(
    found: Mapping[Slug, StoredForecast | None], planned: Planned, weeks: int, target: ServiceTarget, now: datetime
) -> list[TeamPredictionOut]:
    """In a thread of its own: a month of many teams takes a while."""
    return [
        TeamPredictionOut.model_validate(
            {**dict(team_forecast(team, stored, now)), "hours": _hours(team, stored, planned, weeks, target, now)}
        )
        for team, stored in found.items()
    ]


def team_forecast(team: Slug, stored: StoredForecast | None, now: datetime) -> TeamForecastOut:
    """What a team's forecast was made of, or why there is none."""
    status = forecast_status(stored, now)
    if stored is None:
        return TeamForecastOut(
            team=team, status=status, note=NOTES[status], method=None, zone=None, computed_at=None, trained_on=None,
            error=None, handling_minutes=None, estimated_share=None,
        )  # fmt: skip
    forecast, handling = stored.forecast, stored.handling
    return TeamForecastOut(
        team=team,
        status=status,
        note=NOTES[status],
        method=forecast.method,
        zone=forecast.zone,
        computed_at=stored.computed_at,
        trained_on=TrainedOnOut(since=forecast.since, until=forecast.until, tickets=forecast.tickets),
        error=None if forecast.error is None else _error(forecast.error),
        handling_minutes=handling.minutes,
        estimated_share=handling.estimated_share,
    )


def _hours(
    team: Slug, stored: StoredForecast | None, planned: Planned, weeks: int, target: ServiceTarget, now: datetime
) -> list[PredictedHourOut]:
    if stored is None:
        return []
    return [
        PredictedHourOut(
            **{**hour._asdict(), "staff": StaffOut(**hour.staff._asdict())},
            planned=planned.get((team, hour.starts_at), 0.0),
        )
        for hour in predicted_hours(stored.forecast, stored.handling.minutes, weeks, target, now)
    ]


def _error(error: ForecastError) -> PredictionErrorOut:
    return PredictionErrorOut(
        hours=error.hours,
        wape=error.wape,
        mase=error.mase,
        seasonal_naive_wape=error.naive_wape,
        seasonal_naive_mase=error.naive_mase,
        coverage=error.coverage,
    )
