"""A change that was stored, but that worker or engine did not live to tell, becomes known without anybody's command."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from domain.ids import TicketNumber
from domain.ticket import Ticket
from domain.ticket_commands import SnoozeTicket
from domain.ticket_rules import decide
from tests import factories
from tests.workflows.engine_desk import EngineDesk, eventually, wedged
from workflows.client import EngineUnavailableError, WedgedWorkflowError
from workflows.dispatch_client import DispatchClient
from workflows.recovery import Recovery
from workflows.ticket_client import TicketClient


async def snoozed(desk: EngineDesk, ticket: Ticket) -> Ticket:
    """The ticket's row after a snooze that was stored and no more."""
    now = datetime.now(UTC)
    snooze = factories.envelope(SnoozeTicket(until=now + timedelta(days=1)), actor=factories.BY_AGENT)
    await desk.store.record(decide(ticket, snooze, now))
    return await desk.row(ticket.number)


def dispatchers(desk: EngineDesk) -> DispatchClient:
    return DispatchClient(desk.client, 30, desk.task_queue)


async def stored_unheard(desk: EngineDesk, ticket: Ticket) -> Ticket:
    """The ticket's row after a snooze that its workflow knows nothing of."""
    row = await snoozed(desk, ticket)
    assert row.snoozed
    assert await desk.state(ticket) == ticket
    return row


async def test_a_sweep_tells_a_workflow_of_a_change_it_has_not_heard_of(desk: EngineDesk, ticket: Ticket) -> None:
    row = await stored_unheard(desk, ticket)

    rows = RowsOf(desk, ticket)

    assert await Recovery(rows, desk.tickets, dispatchers(desk)).sweep() == (1, 0)

    assert await desk.state(ticket) == row
    assert await Recovery(rows, desk.tickets, dispatchers(desk)).sweep() == (0, 0)


async def test_one_ticket_that_does_not_answer_keeps_no_other_from_hearing(desk: EngineDesk, ticket: Ticket) -> None:
    row = await stored_unheard(desk, ticket)
    silent = await desk.running()
    await stored_unheard(desk, silent)

    sweep = await Recovery(
        RowsOf(desk, silent, ticket), EngineThatKnowsNot(desk, silent.number), dispatchers(desk)
    ).sweep()

    assert sweep == (1, 1)
    assert await desk.state(ticket) == row


async def test_what_lies_long_before_the_last_change_is_left_alone(desk: EngineDesk) -> None:
    early, late = await desk.running(), await desk.running()
    await stored_unheard(desk, early)
    await stored_unheard(desk, late)
    await desk.pool.execute(
        "update events set recorded_at = recorded_at - interval '31 seconds' where ticket_number = $1", early.number
    )

    changed = [ticket.number for ticket in await desk.store.changed_lately(30)]

    assert late.number in changed
    assert early.number not in changed


async def test_a_sweep_begins_a_ticket_anew_that_cannot_be_replayed(desk: EngineDesk) -> None:
    async with wedged(desk) as (ticket, tickets):
        with pytest.raises(WedgedWorkflowError):
            await tickets.state(ticket.number)
        row = await snoozed(desk, ticket)

        assert await Recovery(RowsOf(desk, ticket), tickets, dispatchers(desk)).sweep() == (1, 0)

        await eventually(lambda: tickets.state(ticket.number), lambda state: state == row)


class RowsOf:
    """The rows of some tickets: the database is shared with tests that leave tickets without a worker behind."""

    def __init__(self, desk: EngineDesk, *tickets: Ticket) -> None:
        self._desk = desk
        self._numbers = {ticket.number for ticket in tickets}

    async def changed_lately(self, seconds: int) -> list[Ticket]:
        return [row for row in await self._desk.store.changed_lately(seconds) if row.number in self._numbers]

    async def state(self, number: TicketNumber) -> Ticket | None:
        return await self._desk.store.state(number)


class EngineThatKnowsNot(TicketClient):
    """An engine that does not answer about one ticket."""

    def __init__(self, desk: EngineDesk, silent: TicketNumber) -> None:
        super().__init__(desk.client, 30, desk.task_queue)
        self._silent = silent

    async def state(self, number: TicketNumber) -> Ticket | None:
        if number == self._silent:
            raise EngineUnavailableError("no answer")
        return await super().state(number)


async def heard(desk: EngineDesk, row: Ticket) -> None:
    """Until the ticket's workflow holds what its row says."""
    await eventually(lambda: desk.state(row), lambda state: state == row)


class EngineThatComesBack(TicketClient):
    """An engine that is away until the test says otherwise, and that counts how often it was found away."""

    is_there = False
    found_away = 0

    async def is_available(self) -> bool:
        self.found_away += not self.is_there
        return self.is_there


async def test_it_looks_at_its_start_and_whenever_the_engine_comes_back(desk: EngineDesk) -> None:
    tickets = EngineThatComesBack(desk.client, 30, desk.task_queue)
    ours = [await desk.running(), await desk.running()]
    running = asyncio.create_task(Recovery(RowsOf(desk, *ours), tickets, dispatchers(desk)).run())
    try:
        for ticket in ours:
            tickets.is_there = False
            seen = tickets.found_away
            while tickets.found_away == seen:
                await asyncio.sleep(0.02)
            row = await stored_unheard(desk, ticket)

            tickets.is_there = True

            await heard(desk, row)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_breach_recorded_just_now_is_heard_of_although_it_is_dated_days_ago(
    desk: EngineDesk, ticket: Ticket
) -> None:
    """As after an outage: what a timer brings is dated at the moment at which it was due."""
    row = await stored_unheard(desk, ticket)
    await desk.pool.execute(
        "update events set at = at - interval '3 days' where ticket_number = $1 and revision > 1", ticket.number
    )

    assert row.number in [found.number for found in await desk.store.changed_lately(30)]
