"""How everyone outside reaches the tickets' workflows: commands as updates, sent with start-if-missing."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from domain.ids import TicketNumber
from domain.ticket import Ticket
from domain.ticket_commands import CommandEnvelope, Receipt
from workflows.client import (
    TASK_QUEUE,
    TASK_TIMEOUT,
    is_available,
    is_failing,
    reload,
    start_or_join,
    state_of,
)
from workflows.search_attributes import search_attributes
from workflows.sending import send
from workflows.ticket import TicketStart, TicketWorkflow

_PREFIX = "ticket-"
PATIENCE = timedelta(seconds=10)
"""For what nobody waits for at a screen."""
log = logging.getLogger(__name__)


def workflow_id(number: TicketNumber) -> str:
    return f"{_PREFIX}{number}"


class TicketClient:
    """Starts tickets' workflows and sends them commands."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def apply(self, ticket: Ticket, envelope: CommandEnvelope) -> Receipt:
        """Have the ticket's workflow do a command; it is started if it does not run.

        Harmless to repeat: the command's id names the update.
        Raises the refusal of the rules, IdempotencyKeyReusedError when the id came with another request before,
        EngineUnavailableError and CommandPendingError.
        """
        return await send(
            self._client,
            workflow_id(ticket.number),
            envelope,
            start=lambda: self._starting(ticket),
            mend=lambda: self.mend(ticket),
            timeout=self._timeout,
        )

    def _starting(self, ticket: Ticket) -> WithStartWorkflowOperation[TicketWorkflow, Any]:
        return WithStartWorkflowOperation(
            TicketWorkflow.run,
            TicketStart(number=ticket.number),
            id=workflow_id(ticket.number),
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=TASK_TIMEOUT,
            static_summary=_summary(ticket),
            search_attributes=search_attributes(ticket),
        )

    async def start(self, ticket: Ticket) -> None:
        """Start the ticket's workflow if it does not run. Raises EngineUnavailableError."""
        await start_or_join(
            self._client,
            TicketWorkflow.run,
            TicketStart(number=ticket.number),
            id=workflow_id(ticket.number),
            task_queue=self.task_queue,
            timeout=PATIENCE,
            task_timeout=TASK_TIMEOUT,
            static_summary=_summary(ticket),
            search_attributes=search_attributes(ticket),
        )

    async def state(self, number: TicketNumber) -> Ticket | None:
        """The ticket as its workflow holds it; None when none runs.

        Raises WedgedWorkflowError and EngineUnavailableError.
        """
        return await state_of(self._client, workflow_id(number), Ticket, PATIENCE)

    async def reload(self, ticket: Ticket) -> int:
        """Make the ticket's workflow take over what the database says. Returns the revision it then has.

        Raises EngineUnavailableError.
        """
        return await reload(self._client, workflow_id(ticket.number), PATIENCE)

    async def running(self) -> AsyncIterator[TicketNumber]:
        """The numbers of all tickets whose workflow runs, as far as the engine's index has caught up."""
        query = "WorkflowType = 'TicketWorkflow' AND ExecutionStatus = 'Running'"
        async for execution in self._client.list_workflows(query, page_size=1000):
            yield TicketNumber(int(execution.id.removeprefix(_PREFIX)))

    async def reported_problems(self) -> list[TicketNumber]:
        """Tickets whose workflow tasks keep failing: none, unless a release is broken."""
        query = (
            "WorkflowType = 'TicketWorkflow' AND ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
        )
        found = [execution.id async for execution in self._client.list_workflows(query)]
        return [TicketNumber(int(id.removeprefix(_PREFIX))) for id in found]

    async def mend(self, ticket: Ticket) -> bool:
        """Begin the ticket's workflow anew if its tasks keep failing. Returns whether they did.

        Raises RPCError and EngineUnavailableError.
        """
        if not await is_failing(self._client, workflow_id(ticket.number), self._timeout):
            return False
        await self.begin_anew(ticket)
        return True

    async def begin_anew(self, ticket: Ticket) -> None:
        """End the ticket's workflow and start it anew from the database.

        Nothing is lost with it: state, commands and what the ticket waits for are all in the database. That is the way
        out of a history that cannot be replayed, through a release or, rarely, through the SDK itself. Raises RPCError
        and EngineUnavailableError.
        """
        log.error("the workflow of ticket %s cannot go on; it begins anew from the database", ticket.number)
        await self.terminate(ticket.number, "could not go on; begun anew from the database")
        await self.start(ticket)

    async def terminate(self, number: TicketNumber, reason: str) -> None:
        """End a workflow: one without a ticket, or one that cannot go on."""
        await self._client.get_workflow_handle(workflow_id(number)).terminate(reason=reason)

    async def is_available(self) -> bool:
        """Whether the engine answers within a second."""
        return await is_available(self._client)


def _summary(ticket: Ticket) -> str:
    return f"{ticket.priority} {ticket.category}, opened {ticket.created_at:%Y-%m-%d %H:%MZ}"
