"""How forecasts are started by hand."""

from datetime import timedelta

from temporalio.client import Client

from domain.ticket import Slug
from workflows.client import TASK_QUEUE, start_or_join
from workflows.forecast import ForecastStart, ForecastWorkflow


class ForecastClient:
    """Starts forecasts."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def start(self, team: Slug | None) -> None:
        """Forecast a team now, or all of them. One that is under way is joined. Raises EngineUnavailableError."""
        await start_or_join(
            self._client,
            ForecastWorkflow.run,
            ForecastStart(team=team),
            id="forecast-by-hand" if team is None else f"forecast-by-hand-{team}",
            task_queue=self.task_queue,
            timeout=self._timeout,
        )
