"""How rollouts are started and told how to go on."""

from datetime import timedelta
from typing import Literal

from temporalio.client import (
    Client,
    RPCError,
    RPCStatusCode,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)

from activities.failures import refusal_of
from domain.errors import PreviewOutdatedError
from domain.ids import PersonId
from workflows.client import TASK_QUEUE, EngineUnavailableError, start_or_join
from workflows.sla_rollout import RolloutStart, RolloutWorkflow


class RolloutClient:
    """Starts rollouts and tells them how to go on."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def start(self, id: int) -> None:
        """Begin the preview. Harmless to repeat. Raises EngineUnavailableError."""
        await start_or_join(
            self._client,
            RolloutWorkflow.run,
            RolloutStart(id=id),
            id=f"rollout-{id}",
            task_queue=self.task_queue,
            timeout=self._timeout,
        )

    async def tell(self, id: int, what: Literal["apply", "undo"], by: PersonId) -> None:
        """Have a rollout go on. Harmless to repeat.

        Raises RolloutStateError, PreviewOutdatedError and EngineUnavailableError.
        """
        handle = self._client.get_workflow_handle(f"rollout-{id}")
        try:
            await handle.execute_update(what, by, rpc_timeout=self._timeout)
        except WorkflowUpdateFailedError as failure:
            raise refusal_of(failure.cause) or failure from failure
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise PreviewOutdatedError("It is too late for that; make a new preview.") from error
            raise EngineUnavailableError(str(error)) from error
        except (RuntimeError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise EngineUnavailableError(str(error)) from error
