"""The steps of the nightly forecast: which teams there are, and the forecast of each."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from domain.forecast import Arithmetic, Forecast, HandlingTime, History, forecast
from domain.ticket import Slug


class Forecasts(Protocol):
    """Where arrivals and forecasts are remembered."""

    async def teams(self) -> list[Slug]: ...
    async def history(self, team: Slug, at: datetime) -> tuple[History, HandlingTime] | None: ...
    async def save(self, team: Slug, at: datetime, forecast: Forecast, handling: HandlingTime) -> None: ...


class ForecastStep(BaseModel):
    """Which team, and the moment of the run: what came before its day began (UTC) is the history."""

    model_config = ConfigDict(frozen=True)

    team: Slug
    at: datetime


class ForecastActivities:
    """All are harmless to retry: the same moment has the same history and so the same forecast, which takes the place
    of the one before."""

    def __init__(self, forecasts: Forecasts, arithmetic: Arithmetic) -> None:
        self._forecasts = forecasts
        self._arithmetic = arithmetic

    @property
    def steps(self) -> list[Callable[..., Coroutine[Any, Any, Any]]]:
        """All of them, for the worker."""
        return [self.teams_to_forecast, self.forecast_team]

    @activity.defn
    async def teams_to_forecast(self) -> list[Slug]:
        """The active teams."""
        return await self._forecasts.teams()

    @activity.defn
    async def forecast_team(self, step: ForecastStep) -> str:
        """Forecast a team's hours and store that. Returns the method; `none` when there is not enough history, or the
        team is gone."""
        found = await self._forecasts.history(step.team, step.at)
        if found is None:
            return "none"
        history, handling = found
        made = await asyncio.to_thread(forecast, history, self._arithmetic)
        await self._forecasts.save(step.team, step.at, made, handling)
        return made.method or "none"
