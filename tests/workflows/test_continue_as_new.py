"""A long life: the history is begun anew while callers are at work, and nothing is lost or doubled."""

import asyncio
from uuid import uuid4

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.worker import Replayer

from database.pool import Pool
from domain.ticket import Priority, Ticket
from domain.ticket_commands import CommandEnvelope, EditTicket, EscalateTicket, Receipt
from tests import factories
from tests.workflows.engine_desk import EngineDesk
from worker import build_worker, sandbox
from workflows.guard import Guard
from workflows.payloads import DATA_CONVERTER
from workflows.ticket import MAX_HISTORY_EVENTS, TicketWorkflow

AT_ONCE = 6
"""Callers; the engine takes ten updates of one workflow at once."""
MOST_COMMANDS_EACH = 100


async def first_run_is_over(desk: EngineDesk, ticket: Ticket, first_run: str | None) -> bool:
    return (await desk.handle(ticket).describe()).run_id != first_run


async def test_nothing_is_lost_or_doubled_when_the_history_is_begun_anew(desk: EngineDesk) -> None:
    ticket = await desk.running()
    first_run = (await desk.handle(ticket).describe()).run_id
    early = factories.envelope(EscalateTicket(), expected_revision=1, fingerprint="early")
    early_receipt = await desk.tickets.apply(ticket, early)
    await desk.handle(ticket).signal("submit", {"type": "escalate", "id": "alarm-1"})
    done: list[tuple[CommandEnvelope, Receipt]] = []
    is_over = asyncio.Event()

    async def caller(mine: int) -> None:
        for turn in range(MOST_COMMANDS_EACH):
            if is_over.is_set():
                return
            priority = (Priority.HIGH, Priority.LOW)[turn % 2]
            envelope = factories.envelope(EditTicket(priority=priority, tags=(f"caller-{mine}", f"turn-{turn}")))
            done.append((envelope, await desk.tickets.apply(ticket, envelope)))
            if turn % 10 == 0 and await first_run_is_over(desk, ticket, first_run):
                is_over.set()

    await asyncio.gather(*(caller(mine) for mine in range(AT_ONCE)))

    assert is_over.is_set(), f"{len(done)} commands did not begin a new history"
    revisions = [receipt.revision for _, receipt in done]
    row = await desk.row(ticket.number)
    covered = sorted(at for _, one in done for at in range(one.first_revision, one.revision + 1))
    assert covered == list(range(4, row.revision + 1))
    assert len(revisions) == len(set(revisions))
    assert await desk.state(ticket) == row
    assert [revision for revision, _ in await desk.timeline(ticket)] == list(range(1, row.revision + 1))

    # What was done before is known after.
    for envelope, receipt in (done[0], done[len(done) // 2], done[-1], (early, early_receipt)):
        assert await desk.tickets.apply(ticket, envelope) == receipt
    await desk.handle(ticket).signal("submit", {"type": "escalate", "id": "alarm-1"})
    assert await desk.answers(ticket, factories.envelope(EscalateTicket()))
    assert (await desk.row(ticket.number)).escalation_level == 3

    # The old history is as long as it may be and no longer; it replays.
    first = desk.client.get_workflow_handle(desk.handle(ticket).id, run_id=first_run)
    assert (await first.describe()).status is WorkflowExecutionStatus.CONTINUED_AS_NEW
    history = await first.fetch_history()
    assert MAX_HISTORY_EVENTS < len(history.events) < MAX_HISTORY_EVENTS * 1.2
    replayer = Replayer(
        workflows=[TicketWorkflow],
        data_converter=DATA_CONVERTER,
        interceptors=[Guard()],
        workflow_runner=sandbox(),
    )
    await replayer.replay_workflow(history)


async def test_a_ticket_lives_on_when_its_worker_is_replaced(engine: Client, pool: Pool) -> None:
    task_queue = f"replaced-{uuid4()}"
    elsewhere = EngineDesk(engine, pool, task_queue)
    async with build_worker(engine, pool, task_queue=task_queue):
        ticket = await elsewhere.running()
        envelope = factories.envelope(EscalateTicket(), fingerprint="one")
        receipt = await elsewhere.tickets.apply(ticket, envelope)

    asked = asyncio.create_task(elsewhere.send(ticket, EscalateTicket()))
    async with build_worker(engine, pool, task_queue=task_queue):
        assert (await asked).revision == 3
        assert await elsewhere.tickets.apply(ticket, envelope) == receipt
        assert await elsewhere.state(ticket) == await elsewhere.row(ticket.number)
