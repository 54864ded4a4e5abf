"""The database fails for a while: the ticket stays responsive and every change is recorded once."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from temporalio.client import Client

from database.pool import Pool
from database.tickets import TicketStore
from domain.errors import EscalationLimitError
from domain.ticket import Priority
from domain.ticket_commands import EditTicket, EscalateTicket
from tests import factories
from tests.workflows.engine_desk import EngineDesk, eventually, tickets_worker
from tests.workflows.records import FaultyRecords
from workflows.client import CommandPendingError
from workflows.ticket_client import TicketClient

BEYOND_THE_QUICK_WAY = 5
"""Attempts: three as a local activity, and some as a regular one."""


@pytest.fixture
async def records(pool: Pool) -> FaultyRecords:
    return FaultyRecords(TicketStore(pool))


@pytest.fixture
async def faulty_desk(engine: Client, pool: Pool, records: FaultyRecords) -> AsyncIterator[EngineDesk]:
    """A desk whose database fails when the test says so."""
    task_queue = f"faulty-{uuid4()}"
    async with tickets_worker(engine, records, task_queue):
        yield EngineDesk(engine, pool, task_queue)


async def test_a_ticket_answers_questions_while_its_change_waits_for_the_database(
    faulty_desk: EngineDesk, records: FaultyRecords
) -> None:
    ticket = await faulty_desk.running()
    records.is_down = True
    before = records.attempts

    waiting = asyncio.create_task(faulty_desk.send(ticket, EscalateTicket()))
    await records.attempted(before + BEYOND_THE_QUICK_WAY)
    queued = asyncio.create_task(faulty_desk.send(ticket, EditTicket(priority=Priority.HIGH)))
    state = await faulty_desk.state(ticket)

    assert state is not None
    assert state.revision == 1
    records.is_down = False
    assert [(await waiting).revision, (await queued).revision] == [2, 3]
    assert await faulty_desk.timeline(ticket) == [(1, "ticket.opened"), (2, "ticket.escalated"), (3, "ticket.edited")]


async def test_a_caller_who_gave_up_gets_the_same_answer_when_they_come_again(
    faulty_desk: EngineDesk, records: FaultyRecords
) -> None:
    ticket = await faulty_desk.running()
    records.is_down = True
    envelope = factories.envelope(EscalateTicket(), fingerprint="one")
    impatient = TicketClient(faulty_desk.client, 0.5, faulty_desk.task_queue)

    with pytest.raises(CommandPendingError) as pending:
        await impatient.apply(ticket, envelope)
    records.is_down = False
    receipt = await faulty_desk.tickets.apply(ticket, envelope)

    assert pending.value.command == envelope.id
    assert receipt.revision == 2
    assert (await faulty_desk.row(ticket.number)).escalation_level == 1


async def test_a_change_whose_answer_was_lost_is_recorded_once(faulty_desk: EngineDesk, records: FaultyRecords) -> None:
    ticket = await faulty_desk.running()
    records.answers_to_lose = BEYOND_THE_QUICK_WAY

    receipt = await faulty_desk.send(ticket, EscalateTicket())

    assert receipt.revision == 2
    assert await faulty_desk.timeline(ticket) == [(1, "ticket.opened"), (2, "ticket.escalated")]
    assert await faulty_desk.state(ticket) == await faulty_desk.row(ticket.number)


async def test_a_workflow_that_starts_while_the_database_is_away_waits_for_it(
    faulty_desk: EngineDesk, records: FaultyRecords
) -> None:
    ticket = await faulty_desk.open()
    records.is_down = True

    waiting = asyncio.create_task(faulty_desk.send(ticket, EscalateTicket()))
    await records.attempted(BEYOND_THE_QUICK_WAY)
    assert await faulty_desk.state(ticket) is None
    records.is_down = False

    assert (await waiting).revision == 2


async def test_a_signal_that_meets_a_fault_is_done_when_the_database_is_back(
    faulty_desk: EngineDesk, records: FaultyRecords
) -> None:
    ticket = await faulty_desk.running()
    records.is_down = True
    before = records.attempts

    await faulty_desk.handle(ticket).signal("submit", {"type": "escalate", "level": 3})
    await records.attempted(before + BEYOND_THE_QUICK_WAY)
    records.is_down = False

    await eventually(lambda: faulty_desk.row(ticket.number), lambda row: row.escalation_level == 3)
    with pytest.raises(EscalationLimitError):
        await faulty_desk.send(ticket, EscalateTicket())
