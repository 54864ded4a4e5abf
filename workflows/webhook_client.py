"""How the workflows that deliver to webhooks are called."""

import logging
from datetime import timedelta

from temporalio.client import Client, RPCError, RPCStatusCode

from domain.ids import WebhookId
from workflows.client import TASK_QUEUE, EngineUnavailableError, is_failing, start_or_join
from workflows.webhook import WebhookStart, WebhookWorkflow

CALLS_QUEUE = "webhook-calls"
"""Where calls are made: receivers that hang take no slot of what tickets need."""
log = logging.getLogger(__name__)


def webhook_workflow_id(webhook: WebhookId) -> str:
    return f"webhook-{webhook}"


class WebhookClient:
    """Calls them, and starts those that do not run."""

    def __init__(
        self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE, calls_queue: str = CALLS_QUEUE
    ) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue
        self.calls_queue = calls_queue

    async def look(self, webhook: WebhookId) -> None:
        """Have what waits for the webhook delivered. Harmless to repeat. Raises EngineUnavailableError."""
        await start_or_join(
            self._client,
            WebhookWorkflow.run,
            WebhookStart(webhook=webhook, calls=self.calls_queue),
            id=webhook_workflow_id(webhook),
            task_queue=self.task_queue,
            timeout=self._timeout,
            start_signal="look",
            static_summary="delivers to a webhook",
        )

    async def mend(self, webhook: WebhookId) -> None:
        """Have what waits delivered though nobody looked for a while: a workflow whose tasks keep failing begins anew.
        Nothing is lost with it: what waits is in the database. Raises EngineUnavailableError."""
        id = webhook_workflow_id(webhook)
        try:
            if await is_failing(self._client, id, self._timeout):
                log.error("the workflow of webhook %s cannot go on; it begins anew", webhook)
                await self._client.get_workflow_handle(id).terminate(
                    reason="could not go on; begun anew", rpc_timeout=self._timeout
                )
        except (RPCError, RuntimeError) as error:
            if not (isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND):
                raise EngineUnavailableError(str(error)) from error
        await self.look(webhook)
