"""The ticket's workflow on the real engine, with the real worker and the real database."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus

from domain.errors import (
    AssigneeUnavailableError,
    EscalationLimitError,
    IdempotencyKeyReusedError,
    IllegalTransitionError,
    StaleRevisionError,
    TicketNotFoundError,
    UnknownReferenceError,
)
from domain.lifecycle import LifecycleRules
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import (
    AddReply,
    AssignTicket,
    ChangeStatus,
    ClaimTicket,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    SnoozeTicket,
    UnassignTicket,
    WakeTicket,
)
from domain.ticket_events import TicketEscalated, TicketStatusChanged
from tests import factories
from tests.workflows.engine_desk import EngineDesk, add_text, eventually


async def test_a_command_is_answered_with_a_receipt_and_changes_row_and_state(desk: EngineDesk, ticket: Ticket) -> None:
    envelope = factories.envelope(ChangeStatus(status=Status.PENDING), fingerprint="digest")

    receipt = await desk.tickets.apply(ticket, envelope)

    assert (receipt.command_id, receipt.revision, receipt.fingerprint) == (envelope.id, 2, "digest")
    row = await desk.row(ticket.number)
    assert (row.status, row.revision) == (Status.PENDING, 2)
    assert await desk.state(ticket) == row
    assert await desk.timeline(ticket) == [(1, "ticket.opened"), (2, "ticket.status_changed")]


async def test_a_command_starts_the_workflow_of_a_ticket_that_has_none(desk: EngineDesk) -> None:
    ticket = await desk.open()

    receipt = await desk.send(ticket, EscalateTicket())

    assert receipt.revision == 2
    assert await desk.status(ticket) is WorkflowExecutionStatus.RUNNING
    assert not await desk.pool.fetchval(
        "select exists (select from start_requests where ticket_number = $1)", ticket.number
    )


async def test_every_command_goes_its_way_to_the_row(desk: EngineDesk) -> None:
    ticket = await desk.running(team="support")
    until = datetime.now(UTC) + timedelta(days=1)

    await desk.send(ticket, EditTicket(priority=Priority.HIGH, tags=("printer",)))
    await desk.send(ticket, AssignTicket(assignee_id=factories.OTHER_AGENT))
    await desk.send(ticket, UnassignTicket())
    await desk.send(ticket, ClaimTicket())
    await desk.send(ticket, EscalateTicket(level=2))
    await desk.send(ticket, DeescalateTicket())
    await desk.send(ticket, SnoozeTicket(until=until))
    await desk.send(ticket, WakeTicket())
    await desk.send(ticket, AddReply(text_id=await add_text(desk.pool, ticket)))
    await desk.send(ticket, AddReply(text_id=await add_text(desk.pool, ticket), internal=True))
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    await desk.send(ticket, ChangeStatus(status=Status.CLOSED))

    row = await desk.row(ticket.number)
    assert (row.priority, row.tags, row.assignee_id, row.status) == (
        Priority.HIGH, ("printer",), factories.AGENT, Status.CLOSED,
    )  # fmt: skip
    assert await desk.state(ticket) == row
    revisions = [revision for revision, _ in await desk.timeline(ticket)]
    assert revisions == list(range(1, row.revision + 1))


async def test_a_refusal_leaves_no_trace_in_the_history(desk: EngineDesk, ticket: Ticket) -> None:
    before = await desk.history_length(ticket)

    with pytest.raises(IllegalTransitionError):
        await desk.send(ticket, ChangeStatus(status=Status.CLOSED))
    with pytest.raises(StaleRevisionError):
        await desk.send(ticket, EscalateTicket(), expected_revision=7)

    assert await desk.history_length(ticket) == before
    assert await desk.timeline(ticket) == [(1, "ticket.opened")]


async def test_a_command_with_nothing_to_do_is_answered_with_the_present_revision(
    desk: EngineDesk, ticket: Ticket
) -> None:
    receipt = await desk.send(ticket, ChangeStatus(status=Status.NEW))

    assert receipt.revision == 1
    assert await desk.timeline(ticket) == [(1, "ticket.opened")]


async def test_the_same_command_twice_has_one_effect_and_one_answer(desk: EngineDesk, ticket: Ticket) -> None:
    envelope = factories.envelope(EscalateTicket(), expected_revision=1)

    first = await desk.tickets.apply(ticket, envelope)
    await desk.send(ticket, EscalateTicket())
    second = await desk.tickets.apply(ticket, envelope)

    assert first == second
    assert (await desk.row(ticket.number)).escalation_level == 2


async def test_an_id_that_comes_with_another_request_is_refused(desk: EngineDesk, ticket: Ticket) -> None:
    envelope = factories.envelope(EscalateTicket(), fingerprint="one")
    await desk.tickets.apply(ticket, envelope)

    with pytest.raises(IdempotencyKeyReusedError):
        await desk.tickets.apply(ticket, envelope.model_copy(update={"fingerprint": "another"}))


async def test_an_id_that_another_ticket_used_is_refused_and_harms_nobody(desk: EngineDesk, ticket: Ticket) -> None:
    envelope = factories.envelope(EscalateTicket(), fingerprint="one")
    await desk.tickets.apply(ticket, envelope)
    other = await desk.running()

    with pytest.raises(IdempotencyKeyReusedError):
        await desk.tickets.apply(other, envelope.model_copy(update={"fingerprint": "another"}))

    assert await desk.answers(other, factories.envelope(EscalateTicket()))


async def test_what_the_database_refuses_comes_back_by_its_code(desk: EngineDesk) -> None:
    ticket = await desk.running(team="support")

    for unfit in (
        factories.BILLING_AGENT,
        factories.INACTIVE_AGENT,
        factories.REQUESTER,
        factories.person_id("nobody"),
    ):
        with pytest.raises(AssigneeUnavailableError):
            await desk.send(ticket, AssignTicket(assignee_id=unfit))
    with pytest.raises(UnknownReferenceError):
        await desk.send(ticket, EditTicket(team="no-such-team"))
    with pytest.raises(UnknownReferenceError):
        await desk.send(ticket, AddReply(text_id=factories.text_id("never stored")))

    assert await desk.timeline(ticket) == [(1, "ticket.opened")]
    assert await desk.answers(ticket, factories.envelope(EscalateTicket()))


async def test_a_command_for_a_ticket_that_does_not_exist_leaves_no_running_workflow(desk: EngineDesk) -> None:
    stranger = factories.ticket(number=await desk.store.next_number())

    with pytest.raises(TicketNotFoundError):
        await desk.send(stranger, EscalateTicket())

    assert await eventually(
        lambda: desk.status(stranger), lambda status: status is not WorkflowExecutionStatus.RUNNING
    ) is WorkflowExecutionStatus.COMPLETED  # fmt: skip


async def test_the_workflow_of_a_ticket_closed_past_its_window_ends_at_once(desk: EngineDesk) -> None:
    opened_at = datetime.now(UTC) - timedelta(days=40)
    ticket = await desk.open(at=opened_at)
    for status in (Status.RESOLVED, Status.CLOSED):
        before = await desk.row(ticket.number)
        event = TicketStatusChanged(
            status=status,
            previous=before.status,
            reason="by_hand",
            resolved_at=opened_at,
            closed_at=opened_at if status is Status.CLOSED else None,
        )
        await desk.store.record(factories.change(before, event, at=opened_at))

    await desk.tickets.start(ticket)

    assert await desk.handle(ticket).result() == "over at revision 3"


async def test_a_change_behind_the_workflows_back_makes_it_load_the_ticket_again(
    desk: EngineDesk, ticket: Ticket
) -> None:
    await desk.store.record(factories.change(ticket, TicketEscalated(escalation_level=2)))

    receipt = await desk.send(ticket, EscalateTicket())

    assert receipt.revision == 3
    assert (await desk.row(ticket.number)).escalation_level == 3
    assert await desk.state(ticket) == await desk.row(ticket.number)


async def test_after_loading_again_the_rules_decide_anew(desk: EngineDesk, ticket: Ticket) -> None:
    await desk.store.record(factories.change(ticket, TicketEscalated(escalation_level=3)))

    with pytest.raises(EscalationLimitError):
        await desk.send(ticket, EscalateTicket())

    assert await desk.answers(ticket, factories.envelope(DeescalateTicket()))


async def test_reload_takes_over_what_the_database_says(desk: EngineDesk, ticket: Ticket) -> None:
    await desk.store.record(factories.change(ticket, TicketEscalated(escalation_level=2)))

    assert await desk.tickets.reload(ticket) == 2

    assert await desk.state(ticket) == await desk.row(ticket.number)


async def test_a_command_done_before_is_not_done_again_after_a_reload(desk: EngineDesk, ticket: Ticket) -> None:
    envelope = factories.envelope(EscalateTicket(), fingerprint="one")
    await desk.tickets.apply(ticket, envelope)
    await desk.tickets.reload(ticket)
    await desk.handle(ticket).terminate(reason="the engine lost it")

    receipt = await desk.tickets.apply(ticket, envelope)

    assert receipt.revision == 2
    assert (await desk.row(ticket.number)).escalation_level == 1
    assert await desk.answers(ticket, factories.envelope(EscalateTicket()))


def test_the_rules_of_the_tests_are_the_shipped_ones() -> None:
    assert LifecycleRules(auto_close_days=7, reopen_days=30) == factories.RULES
