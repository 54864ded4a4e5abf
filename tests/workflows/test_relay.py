"""Opened tickets get their workflow, whatever was away when they were opened."""

import asyncio
from contextlib import suppress

import pytest
from temporalio.client import WorkflowExecutionStatus

from database.starts import StartRequestStore
from domain.ids import TicketNumber
from domain.ticket import Ticket
from tests import factories
from tests.workflows.engine_desk import EngineDesk, eventually
from workflows.client import EngineUnavailableError, connect
from workflows.relay import BATCH, StartRelay
from workflows.ticket_client import TicketClient


class Requests:
    """Start requests in memory."""

    def __init__(self, *waiting: Ticket) -> None:
        self.waiting = {ticket.number: ticket for ticket in waiting}
        self.claimed: set[TicketNumber] = set()
        self.is_down = False

    async def claim(self, limit: int) -> list[Ticket]:
        if self.is_down:
            raise ConnectionError("the database is away")
        free = [ticket for number, ticket in self.waiting.items() if number not in self.claimed][:limit]
        self.claimed |= {ticket.number for ticket in free}
        return free

    async def release(self, numbers: list[TicketNumber]) -> None:
        self.claimed -= set(numbers)


async def has_request(desk: EngineDesk, ticket: Ticket) -> bool:
    return bool(
        await desk.pool.fetchval("select exists (select from start_requests where ticket_number = $1)", ticket.number)
    )


async def clear(desk: EngineDesk) -> None:
    """Forget what other tests left unstarted."""
    await desk.pool.execute("delete from start_requests")


async def test_what_an_api_that_died_left_requested_is_started(desk: EngineDesk) -> None:
    await clear(desk)
    tickets = [await desk.open() for _ in range(3)]
    relay = StartRelay(StartRequestStore(desk.pool), desk.tickets)

    assert await relay.start_waiting() == 3

    for ticket in tickets:
        await eventually(lambda ticket=ticket: has_request(desk, ticket), lambda requested: not requested)  # type: ignore[misc]
        assert await desk.state(ticket) == await desk.row(ticket.number)


async def test_a_ticket_that_runs_already_is_left_alone(desk: EngineDesk, ticket: Ticket) -> None:
    run = (await desk.handle(ticket).describe()).run_id

    await StartRelay(Requests(ticket), desk.tickets).start_waiting()

    assert (await desk.handle(ticket).describe()).run_id == run


async def test_claims_are_given_back_while_the_engine_is_away(free_port_target: str) -> None:
    away = TicketClient(await connect(free_port_target, "default", lazy=True), timeout_seconds=1)
    requests = Requests(*(factories.ticket(number=number) for number in (1, 2, 3)))

    with pytest.raises(EngineUnavailableError):
        await StartRelay(requests, away).start_waiting()

    assert requests.claimed == set()


async def test_the_relay_goes_on_after_a_fault_and_hears_its_bell(desk: EngineDesk) -> None:
    ticket = await desk.open()
    requests = Requests(ticket)
    requests.is_down = True
    relay = StartRelay(requests, desk.tickets)

    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0)
    requests.is_down = False
    relay.ring()
    await eventually(lambda: desk.state(ticket), lambda state: state is not None)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

    assert await desk.status(ticket) is WorkflowExecutionStatus.RUNNING


async def test_a_storm_is_started_in_batches(desk: EngineDesk) -> None:
    await clear(desk)
    tickets = [await desk.open() for _ in range(BATCH + 1)]
    relay = StartRelay(StartRequestStore(desk.pool), desk.tickets)

    assert [await relay.start_waiting(), await relay.start_waiting()] == [BATCH, 1]

    for ticket in tickets:
        await eventually(lambda ticket=ticket: has_request(desk, ticket), lambda requested: not requested)  # type: ignore[misc]
