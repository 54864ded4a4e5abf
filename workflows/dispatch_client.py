"""How the teams' dispatchers are reached."""

import logging
from datetime import timedelta

from temporalio.client import Client

from activities.dispatch import RoundReport
from domain.ticket import Slug
from workflows.client import TASK_QUEUE, last_look, start_or_join
from workflows.dispatch import DispatchStart, DispatchWorkflow

_PREFIX = "dispatch-"
log = logging.getLogger(__name__)


def dispatcher_id(team: Slug) -> str:
    return f"{_PREFIX}{team}"


class DispatchClient:
    """Calls dispatchers, and starts those that do not run."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def look(self, team: Slug) -> None:
        """Have the team's dispatcher look again. Harmless to repeat. Raises EngineUnavailableError."""
        await start_or_join(
            self._client,
            DispatchWorkflow.run,
            DispatchStart(team=team),
            id=dispatcher_id(team),
            task_queue=self.task_queue,
            timeout=self._timeout,
            start_signal="look",
            static_summary=f"gives team {team} its tickets",
        )

    async def failing(self) -> list[Slug]:
        """The teams whose dispatchers' tasks keep failing: none, unless a release is broken."""
        query = (
            "WorkflowType = 'DispatchWorkflow' AND ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
        )
        return [one.id.removeprefix(_PREFIX) async for one in self._client.list_workflows(query)]

    async def mend(self) -> int:
        """Begin failing dispatchers anew. Nothing is lost with them: what waits is in the database.

        Returns how many there were. Raises RPCError and EngineUnavailableError.
        """
        failing = await self.failing()
        for team in failing:
            log.error("the dispatcher of team %s cannot go on; it begins anew", team)
            handle = self._client.get_workflow_handle(dispatcher_id(team))
            await handle.terminate(reason="could not go on; begun anew")
            await self.look(team)
        return len(failing)

    async def last_round(self, team: Slug) -> RoundReport | None:
        """What the dispatcher's last round came to; None when there was none."""
        return await last_look(self._client, dispatcher_id(team), "last_round", RoundReport, self._timeout)
