"""The forecast of arrivals, as a durable workflow: team after team, every night and whenever somebody asks."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ConfigDict

    from activities.forecasts import ForecastActivities, ForecastStep
    from domain.ticket import Slug

TEAM_TAKES = timedelta(minutes=5)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
THREE_TIMES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3)
"""A team whose history makes the arithmetic fail does not keep the others from their forecasts."""


class ForecastStart(BaseModel):
    """What a run begins with: the only team to forecast; None for all."""

    model_config = ConfigDict(frozen=True)

    team: Slug | None = None


@workflow.defn(name="ForecastWorkflow")
class ForecastWorkflow:
    """One run of the forecast."""

    @workflow.run
    async def run(self, start: ForecastStart) -> dict[Slug, str]:
        """Team -> the method that it got. Fails in the end, when a team could not be forecast."""
        at, done = workflow.now(), dict[Slug, str]()
        teams = [start.team] if start.team is not None else await self._teams()
        failed: list[Slug] = []
        for team in teams:
            workflow.set_current_details(f"forecast {len(done)} of {len(teams)} teams; at work on {team}")
            try:
                done[team] = await workflow.execute_activity_method(
                    ForecastActivities.forecast_team,
                    ForecastStep(team=team, at=at),
                    start_to_close_timeout=TEAM_TAKES,
                    retry_policy=THREE_TIMES,
                    summary=team,
                )
            except ActivityError as error:
                workflow.logger.warning("team %s was not forecast: %s", team, error.cause)
                failed.append(team)
        workflow.set_current_details(f"forecast {len(done)} of {len(teams)} teams")
        if failed:
            raise ApplicationError(f"not forecast: {', '.join(failed)}", type="teams_not_forecast")
        return done

    @staticmethod
    async def _teams() -> list[Slug]:
        return await workflow.execute_activity_method(
            ForecastActivities.teams_to_forecast,
            start_to_close_timeout=TEAM_TAKES,
            retry_policy=PATIENT,
            summary="which teams",
        )
