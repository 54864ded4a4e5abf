"""A whole life of a ticket, in which everything happens that can: for tests that look at what it leaves behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError

from database.pool import Pool
from database.tickets import TicketStore
from domain.errors import DomainError
from domain.ids import PersonId, TextId
from domain.people import Actor, Role
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import (
    AddReply,
    AssignTicket,
    ChangeStatus,
    ClaimTicket,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    RateTicket,
    SnoozeTicket,
    UnassignTicket,
    WakeTicket,
)
from tests import factories
from tests.workflows.engine_desk import EngineDesk, eventually, raw, tickets_worker
from tests.workflows.records import FaultyRecords
from workflows.ticket import TicketStart, TicketWorkflow
from workflows.ticket_client import workflow_id

PLANTED = (
    *("Plantedtitle", "Planteddescription", "Plantedreply", "Plantednote", "Plantedcomment"),
    *("Plantedname", "planted.person"),
)
"""Words that only people may read."""


@asynccontextmanager
async def forgetful_desk(engine: Client, pool: Pool) -> AsyncIterator[tuple[EngineDesk, FaultyRecords]]:
    """A desk whose worker keeps no workflow in memory: every task replays the whole history."""
    task_queue = f"life-{uuid4()}"
    records = FaultyRecords(TicketStore(pool))
    async with tickets_worker(engine, records, task_queue, max_cached_workflows=0):
        yield EngineDesk(engine, pool, task_queue), records


async def live(desk: EngineDesk, records: FaultyRecords) -> Ticket:
    """Lead a ticket through its life up to its closing and rating, and return it as it was opened."""
    person = await _planted_person(desk.pool)
    actor = Actor.person(person, Role.AGENT)
    opening = factories.opening_change(
        await desk.store.next_number(), at=datetime.now(UTC), requester_id=person, team="support", tags=("printer",)
    )
    wording = factories.wording(opening, "Plantedtitle", "Planteddescription")
    await desk.store.open(opening, wording)
    ticket = await desk.row(opening.number)

    await desk.send(ticket, AddReply(text_id=await _text(desk, ticket, "Plantedreply")), actor)
    await desk.send(ticket, AddReply(text_id=await _text(desk, ticket, "Plantednote"), internal=True), actor)
    await desk.send(ticket, EditTicket(wording_id=await _text(desk, ticket, "Planteddescription", "Plantedtitle II")))
    await desk.send(ticket, EditTicket(due_at=datetime.now(UTC) + timedelta(days=3), priority=Priority.URGENT))
    await desk.send(ticket, EditTicket(clear=("due_at",)))
    await desk.send(ticket, ClaimTicket(), actor)
    await desk.send(ticket, UnassignTicket())
    for refused in (
        ChangeStatus(status=Status.CLOSED),
        AssignTicket(assignee_id=factories.BILLING_AGENT),
        EditTicket(team="nowhere"),
        AddReply(text_id=factories.text_id("never stored")),
    ):
        with pytest.raises(DomainError):
            await desk.send(ticket, refused, actor)
    await desk.send(ticket, EscalateTicket())
    await desk.send(ticket, DeescalateTicket())
    await desk.send(ticket, SnoozeTicket(until=datetime.now(UTC) + timedelta(days=2)))
    await desk.send(ticket, SnoozeTicket(until=datetime.now(UTC) + timedelta(days=1)))
    await desk.send(ticket, WakeTicket())
    await desk.send(ticket, SnoozeTicket(until=datetime.now(UTC) + timedelta(seconds=1)))
    await eventually(lambda: desk.row(ticket.number), lambda row: not row.snoozed)
    await desk.handle(ticket).signal("submit", {"type": "escalate", "id": "alarm-1"})
    await desk.handle(ticket).signal("submit", {"type": "change_status", "status": "closed"})
    await desk.handle(ticket).signal("submit", {"type": "nonsense"})
    await desk.handle(ticket).signal("submit", {"type": "auto_close"})
    await desk.handle(ticket).signal("wake_up")
    with pytest.raises(WorkflowUpdateFailedError):
        await desk.send_raw(ticket, "apply", raw(b"{not json"))
    records.is_down = True
    before = records.attempts
    await desk.handle(ticket).signal("submit", {"type": "escalate", "id": "alarm-2"})
    await records.attempted(before + 5)
    records.is_down = False
    await eventually(lambda: desk.row(ticket.number), lambda row: row.escalation_level == 2)
    await desk.tickets.reload(ticket)
    for status in (Status.RESOLVED, Status.OPEN, Status.RESOLVED, Status.CLOSED):
        await desk.send(ticket, ChangeStatus(status=status))
    await desk.send(ticket, RateTicket(score=2, text_id=await _text(desk, ticket, "Plantedcomment")), actor)
    return ticket


async def last_days(desk: EngineDesk) -> Ticket:
    """A ticket carried over from an earlier run: it closes by itself in a moment, and ends at the next."""
    now = datetime.now(UTC)
    opening = factories.opening_change(await desk.store.next_number(), at=now - timedelta(days=9))
    await desk.store.open(opening, factories.wording(opening))
    await desk.pool.execute(
        "update tickets set status = 'resolved', resolved_at = $2, reopen_days = 0 where number = $1",
        opening.number,
        now - timedelta(days=factories.RULES.auto_close_days) + timedelta(seconds=1),
    )
    ticket = await desk.row(opening.number)
    handle = await desk.client.start_workflow(
        TicketWorkflow.run,
        TicketStart(number=ticket.number, ticket=ticket),
        id=workflow_id(ticket.number),
        task_queue=desk.task_queue,
    )
    assert await handle.result() == "over at revision 2"
    return ticket


async def _planted_person(pool: Pool) -> PersonId:
    person = PersonId(uuid4())
    await pool.execute(
        "insert into people (id, email, name, role, password_hash) values ($1, $2, 'Plantedname', 'agent', '')",
        person,
        f"planted.person.{person}@example.com",
    )
    await pool.execute("insert into team_members (person_id, team) values ($1, 'support')", person)
    return person


async def _text(desk: EngineDesk, ticket: Ticket, body: str, title: str | None = None) -> TextId:
    id = TextId(uuid4())
    await desk.store.add_text(id, ticket.number, ticket.requester_id, title, body)
    return id
