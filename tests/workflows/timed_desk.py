"""A desk whose records are in memory and whose days pass at once, on the server whose clock can be moved."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from activities.tickets import SlaTerms, Staff
from domain.people import Actor
from domain.ticket import Status, Ticket
from domain.ticket_commands import Receipt, TicketCommand
from domain.ticket_timers import PendingMoment
from tests import factories
from tests.workflows.engine_desk import eventually, tickets_worker
from tests.workflows.records import FaultyRecords, RecordsInMemory
from workflows.client import connect
from workflows.ticket_client import TicketClient, workflow_id


class TimedDesk:
    """A desk whose records are in memory and whose days pass at once."""

    def __init__(self, environment: WorkflowEnvironment, tickets: TicketClient) -> None:
        self._environment = environment
        self._tickets = tickets
        self.memory = RecordsInMemory()
        self.records = FaultyRecords(self.memory)

    async def running(self, **changes: Any) -> Ticket:
        """A ticket opened now, whose workflow runs."""
        now = await self._environment.get_current_time()
        number = uuid4().int % 2**40
        ticket = self.memory.put(factories.ticket(number=number, created_at=now, updated_at=now, **changes))
        await self._tickets.start(ticket)
        await eventually(lambda: self._tickets.state(ticket.number), lambda state: state is not None)
        return ticket

    async def send(
        self, ticket: Ticket, command: TicketCommand, actor: Actor = factories.BY_AGENT, **changes: Any
    ) -> Receipt:
        return await self._tickets.apply(ticket, factories.envelope(command, actor=actor, **changes))

    async def at(self, after: timedelta) -> Any:
        """The moment so long after now."""
        return await self._environment.get_current_time() + after

    async def passes(self, time: timedelta) -> None:
        await self._environment.sleep(time)

    def row(self, ticket: Ticket) -> Ticket:
        return self.memory.tickets[ticket.number]

    async def becomes(self, ticket: Ticket, status: Status) -> Ticket:
        """The ticket once it has this status."""

        async def row() -> Ticket:
            return self.row(ticket)

        return await eventually(row, lambda row: row.status is status)

    async def settled(self, ticket: Ticket) -> Ticket:
        """The ticket, when whatever was due has been done: it answers only after that."""
        await self._environment.client.get_workflow_handle(workflow_id(ticket.number)).execute_update("reload")
        return self.row(ticket)

    async def run_status(self, ticket: Ticket) -> WorkflowExecutionStatus | None:
        handle = self._environment.client.get_workflow_handle(workflow_id(ticket.number))
        return (await handle.describe()).status

    async def history(self, ticket: Ticket) -> list[HistoryEvent]:
        """The events of the ticket's run."""
        handle = self._environment.client.get_workflow_handle(workflow_id(ticket.number))
        return list((await handle.fetch_history()).events)

    async def timers(self, ticket: Ticket) -> list[str]:
        """What the timers were started for that the engine has not ended yet."""
        over = {
            event.timer_fired_event_attributes.started_event_id
            or event.timer_canceled_event_attributes.started_event_id
            for event in await self.history(ticket)
        }
        return [
            json.loads(event.user_metadata.summary.data)
            for event in await self.history(ticket)
            if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED and event.event_id not in over
        ]

    async def told_moments(self, ticket: Ticket) -> list[PendingMoment]:
        """The moments that the workflow tells it waits for."""
        handle = self._environment.client.get_workflow_handle(workflow_id(ticket.number))
        told: list[PendingMoment] = await handle.query("pending_timers", result_type=list[PendingMoment])
        return told

    def types(self, ticket: Ticket) -> list[str]:
        return [event.type for event in self.memory.events[ticket.number]]


@asynccontextmanager
async def timed_desk(
    environment: WorkflowEnvironment, terms: SlaTerms | None = None, seniors: Staff | None = None
) -> AsyncIterator[TimedDesk]:
    """One worker for all its tickets: the clock stands still while any ticket's task finds no worker."""
    queue = f"timers-{uuid4()}"
    client = await connect(environment.client.service_client.config.target_host, environment.client.namespace)
    desk = TimedDesk(environment, TicketClient(client, 30, queue))
    async with tickets_worker(client, desk.records, queue, terms, seniors):
        yield desk
