"""How people's notifiers are reached."""

import logging
from datetime import timedelta
from uuid import UUID

from temporalio.client import Client, RPCError

from activities.notifications import NotifierReport
from domain.ids import PersonId
from workflows.client import TASK_QUEUE, EngineUnavailableError, last_look, start_or_join
from workflows.notifier import NotifierStart, NotifierWorkflow

_PREFIX = "notify-"
log = logging.getLogger(__name__)


def notifier_id(person: PersonId) -> str:
    return f"{_PREFIX}{person}"


class NotifierClient:
    """Calls notifiers, and starts those that do not run."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def look(self, person: PersonId) -> None:
        """Have the person's notifier look again. Harmless to repeat. Raises EngineUnavailableError."""
        await self._reach(person, signal="look")

    async def ensure(self, person: PersonId) -> None:
        """Have the person's notifier run; one that does goes on undisturbed. Raises EngineUnavailableError."""
        await self._reach(person, signal=None)

    async def failing(self) -> list[PersonId]:
        """Those whose notifiers' tasks keep failing: nobody, unless a release is broken."""
        query = (
            "WorkflowType = 'NotifierWorkflow' AND ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
        )
        found = self._client.list_workflows(query)
        return [PersonId(UUID(one.id.removeprefix(_PREFIX))) async for one in found]

    async def mend(self) -> int:
        """Begin failing notifiers anew. Nothing is lost with them: what waits is in the database.

        Returns how many there were. Raises EngineUnavailableError.
        """
        try:
            failing = await self.failing()
            for person in failing:
                log.error("the notifier of %s cannot go on; it begins anew", person)
                handle = self._client.get_workflow_handle(notifier_id(person))
                await handle.terminate(reason="could not go on; begun anew")
                await self.look(person)
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailableError(str(error)) from error
        return len(failing)

    async def last_look(self, person: PersonId) -> NotifierReport | None:
        """What the notifier's last look came to; None when there was none."""
        return await last_look(self._client, notifier_id(person), "last_look", NotifierReport, self._timeout)

    async def _reach(self, person: PersonId, *, signal: str | None) -> None:
        await start_or_join(
            self._client,
            NotifierWorkflow.run,
            NotifierStart(person=person),
            id=notifier_id(person),
            task_queue=self.task_queue,
            timeout=self._timeout,
            start_signal=signal,
            static_summary="decides what goes out to one person",
        )
