"""What is to come, and whom it takes: arrivals and staffing need, hour by hour. `docs/forecast.md` defines them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query, status
from pydantic import BaseModel, ConfigDict, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk
from api.team_forecasts import (
    AsServiceTarget,
    ServiceTargetOut,
    TeamPredictionOut,
    forecast_teams,
    team_predictions,
)
from domain.access import check_supervisor
from domain.ticket import Slug

router = AreaRouter(prefix="/workload", tags=["workload"])


class WorkloadPredictionsOut(BaseModel):
    """The coming weeks, from the hour that is going on now."""

    as_of: datetime
    weeks: int
    service_target: ServiceTargetOut
    items: list[TeamPredictionOut]


class PredictionRun(BaseModel):
    """Which team to forecast; all of them without one."""

    model_config = ConfigDict(extra="forbid")

    team: Slug | None = None


EVERY_TEAM = PredictionRun()


class PredictionRunOut(BaseModel):
    """A forecast is being made. It is there when the predictions' `computed_at` is not before `asked_at`."""

    status: str = Field(description="started")
    team: Slug | None
    asked_at: datetime
    location: str


@router.get("/predictions")
async def workload_predictions(
    desk: InDesk,
    reader: AsReader,
    target: AsServiceTarget,
    team: Annotated[Slug | None, Query(description="Without it, every team that you see.")] = None,
    weeks: Annotated[int, Query(ge=1, le=4)] = 1,
) -> WorkloadPredictionsOut:
    """Arrivals and staffing need of the coming weeks, hour by hour, with the error of the forecast.

    For the desk: supervisors and admins see every team, agents their own.
    """
    found = await desk.forecasts.read(await forecast_teams(desk, reader, team))
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    planned = await desk.forecasts.planned(found, hour, hour + timedelta(weeks=weeks))
    return WorkloadPredictionsOut(
        as_of=now,
        weeks=weeks,
        service_target=ServiceTargetOut.of(target),
        items=await asyncio.to_thread(team_predictions, found, planned, weeks, target, now),
    )


@router.post("/predictions", status_code=status.HTTP_202_ACCEPTED)
async def run_workload_predictions(
    desk: InDesk, reader: AsReader, body: PredictionRun = EVERY_TEAM
) -> PredictionRunOut:
    """Forecast now, without waiting for the night. Asking again while it is under way changes nothing. For supervisors
    and admins."""
    check_supervisor(reader)
    location = "/api/workload/predictions"
    if body.team is not None:
        await desk.forecasts.check_known(body.team)
        location += f"?team={body.team}"
    asked_at = datetime.now(UTC)
    await desk.forecasting.start(body.team)
    return PredictionRunOut(status="started", team=body.team, asked_at=asked_at, location=location)
