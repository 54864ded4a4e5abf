"""What an operator sees of a ticket in the engine's own user interface."""

from datetime import UTC, datetime, timedelta

from temporalio.api.sdk.v1 import WorkflowMetadata

from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import AssignTicket, ChangeStatus, EditTicket, SnoozeTicket
from domain.ticket_timers import PendingMoment
from tests import factories
from tests.workflows.engine_desk import EngineDesk, eventually
from workflows.search_attributes import (
    KEYS,
    NEXT_DUE_AT,
    NOBODY,
    SLA_STATE,
    TICKET_ASSIGNEE,
    TICKET_PRIORITY,
    TICKET_STATUS,
    TICKET_TEAM,
)
from workflows.ticket import TicketWorkflow


async def attributes(desk: EngineDesk, ticket: Ticket) -> dict[str, object]:
    found = (await desk.handle(ticket).describe()).typed_search_attributes
    return {key.name: found.get(key) for key in KEYS}


async def current_details(desk: EngineDesk, ticket: Ticket) -> str:
    metadata: WorkflowMetadata = await desk.handle(ticket).query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    return metadata.current_details


async def test_a_new_ticket_is_searchable_from_its_start(desk: EngineDesk) -> None:
    ticket = await desk.running(team="support", priority=Priority.HIGH)

    assert await attributes(desk, ticket) == {
        TICKET_STATUS.name: "new",
        TICKET_PRIORITY.name: "high",
        TICKET_TEAM.name: "support",
        TICKET_ASSIGNEE.name: NOBODY,
        SLA_STATE.name: NOBODY,
        NEXT_DUE_AT.name: None,
    }


async def test_the_attributes_follow_the_ticket(desk: EngineDesk, ticket: Ticket) -> None:
    due_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=30)
    await desk.send(ticket, AssignTicket(assignee_id=factories.AGENT))
    await desk.send(ticket, EditTicket(due_at=due_at, priority=Priority.URGENT))
    with_due_date = await attributes(desk, ticket)
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    resolved = await attributes(desk, ticket)

    assert (with_due_date["NextDueAt"], with_due_date["TicketPriority"]) == (due_at, "urgent")
    assert with_due_date["SlaState"] == "ok", "its clocks began with the priority that a policy knows"
    assert with_due_date["TicketAssignee"] == str(factories.AGENT)
    assert (resolved["NextDueAt"], resolved["TicketStatus"], resolved["TicketTeam"]) == (None, "resolved", NOBODY)


async def test_operators_find_tickets_by_them(desk: EngineDesk) -> None:
    ticket = await desk.running(priority=Priority.LOW, team="network")
    query = f"TicketTeam = 'network' AND TicketPriority = 'low' AND WorkflowId = '{desk.handle(ticket).id}'"

    async def found() -> list[str]:
        return [execution.id async for execution in desk.client.list_workflows(query)]

    assert await eventually(found, bool) == [f"ticket-{ticket.number}"]


async def test_the_summary_says_what_kind_of_ticket_it_is(desk: EngineDesk, ticket: Ticket) -> None:
    description = await desk.handle(ticket).describe()

    assert await description.static_summary() == f"normal general, opened {ticket.created_at:%Y-%m-%d %H:%MZ}"


async def test_the_details_say_what_the_ticket_waits_for(desk: EngineDesk, ticket: Ticket) -> None:
    assert await current_details(desk, ticket) == "waiting for a first answer (revision 1)"

    await desk.send(ticket, ChangeStatus(status=Status.PENDING))
    assert await current_details(desk, ticket) == "waiting for the requester (revision 2)"

    until = datetime.now(UTC) + timedelta(days=1)
    await desk.send(ticket, SnoozeTicket(until=until))
    assert await current_details(desk, ticket) == f"snoozed, next: wake at {until:%Y-%m-%d %H:%M:%SZ} (revision 3)"


async def test_the_pending_timers_can_be_asked_for(desk: EngineDesk, ticket: Ticket) -> None:
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    row = await desk.row(ticket.number)
    assert row.resolved_at is not None

    timers = await desk.handle(ticket).query(TicketWorkflow.pending_timers)

    assert [(timer.kind, timer.at) for timer in timers] == [("auto_close", row.resolved_at + timedelta(days=7))]
    assert isinstance(timers[0], PendingMoment)


async def test_the_workflow_describes_its_messages(desk: EngineDesk, ticket: Ticket) -> None:
    metadata = await desk.handle(ticket).query("__temporal_workflow_metadata", result_type=WorkflowMetadata)

    described = {
        item.name: item.description
        for items in (
            metadata.definition.update_definitions,
            metadata.definition.signal_definitions,
            metadata.definition.query_definitions,
        )
        for item in items
    }
    for name in ("apply", "reload", "submit", "wake_up", "state", "pending_timers"):
        assert described[name], name
