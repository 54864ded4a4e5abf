"""What a ticket does by itself, on a server whose clock can be moved. Its one clock is shared by all these tickets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from domain.errors import TicketClosedError
from domain.ticket import Status
from domain.ticket_commands import (
    AddReply,
    ChangeStatus,
    EditTicket,
    EscalateTicket,
    SnoozeTicket,
)
from tests import factories
from tests.workflows.engine_desk import eventually
from tests.workflows.timed_desk import TimedDesk, timed_desk

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
AUTO_CLOSE = timedelta(days=factories.RULES.auto_close_days)
REOPEN_WINDOW = timedelta(days=factories.RULES.reopen_days)


@pytest.fixture
async def desk(time_skipping_env: WorkflowEnvironment) -> AsyncIterator[TimedDesk]:
    async with timed_desk(time_skipping_env) as desk:
        yield desk


async def test_a_resolved_ticket_closes_by_itself_after_its_days(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))

    await desk.passes(AUTO_CLOSE - HOUR)
    assert (await desk.settled(ticket)).status is Status.RESOLVED
    await desk.passes(2 * HOUR)

    row = await desk.becomes(ticket, Status.CLOSED)
    assert row.resolved_at is not None
    assert row.closed_at is not None
    assert AUTO_CLOSE <= row.closed_at - row.resolved_at < AUTO_CLOSE + HOUR


async def test_it_does_not_close_when_the_requester_wrote(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))

    await desk.passes(3 * DAY)
    await desk.send(ticket, AddReply(text_id=factories.text_id("still broken")), factories.BY_REQUESTER)
    await desk.passes(30 * DAY)

    assert (await desk.settled(ticket)).status is Status.OPEN


async def test_the_days_count_from_the_last_resolution(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    await desk.passes(5 * DAY)
    await desk.send(ticket, ChangeStatus(status=Status.OPEN))
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))

    await desk.passes(5 * DAY)
    assert (await desk.settled(ticket)).status is Status.RESOLVED
    await desk.passes(3 * DAY)

    await desk.becomes(ticket, Status.CLOSED)


async def test_the_end_of_the_reopen_window_is_the_end_of_the_workflow(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    await desk.send(ticket, ChangeStatus(status=Status.CLOSED))

    await desk.passes(REOPEN_WINDOW - HOUR)
    assert await desk.run_status(ticket) is WorkflowExecutionStatus.RUNNING
    with pytest.raises(TicketClosedError):
        await desk.send(ticket, EscalateTicket())
    await desk.passes(2 * HOUR)

    await eventually(lambda: desk.run_status(ticket), lambda status: status is WorkflowExecutionStatus.COMPLETED)
    assert desk.row(ticket).status is Status.CLOSED


async def test_a_ticket_reopened_in_its_window_lives_on(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    await desk.send(ticket, ChangeStatus(status=Status.CLOSED))

    await desk.passes(REOPEN_WINDOW - HOUR)
    await desk.send(ticket, ChangeStatus(status=Status.OPEN))
    await desk.passes(2 * REOPEN_WINDOW)

    assert (await desk.settled(ticket)).status is Status.OPEN
    assert await desk.run_status(ticket) is WorkflowExecutionStatus.RUNNING


async def test_a_reopening_that_waits_for_the_database_past_the_window_keeps_the_workflow_alive(
    desk: TimedDesk,
) -> None:
    ticket = await desk.running()
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    await desk.send(ticket, ChangeStatus(status=Status.CLOSED))
    await desk.passes(REOPEN_WINDOW - MINUTE)
    desk.records.is_down = True
    before = desk.records.attempts

    reopening = asyncio.create_task(desk.send(ticket, ChangeStatus(status=Status.OPEN)))
    await desk.records.attempted(before + 4)
    await desk.passes(2 * MINUTE)
    desk.records.is_down = False
    await reopening

    assert desk.row(ticket).status is Status.OPEN
    assert await desk.run_status(ticket) is WorkflowExecutionStatus.RUNNING


async def test_a_snoozed_ticket_wakes_at_its_moment(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, SnoozeTicket(until=await desk.at(2 * DAY)))

    await desk.passes(2 * DAY - HOUR)
    assert (await desk.settled(ticket)).snoozed
    await desk.passes(2 * HOUR)

    assert not (await desk.settled(ticket)).snoozed
    assert desk.types(ticket) == ["ticket.snoozed", "ticket.woken"]


async def test_a_ticket_snoozed_until_a_reply_sleeps_until_then(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, SnoozeTicket())

    await desk.passes(365 * DAY)
    assert (await desk.settled(ticket)).snoozed
    await desk.send(ticket, AddReply(text_id=factories.text_id("hello?")), factories.BY_REQUESTER)

    assert not desk.row(ticket).snoozed


async def test_a_moment_that_moves_later_is_kept_when_the_old_one_rings(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, SnoozeTicket(until=await desk.at(2 * DAY)))
    await desk.send(ticket, SnoozeTicket(until=await desk.at(5 * DAY)))

    await desk.passes(3 * DAY)
    assert (await desk.settled(ticket)).snoozed
    await desk.passes(3 * DAY)

    assert not (await desk.settled(ticket)).snoozed
    assert desk.types(ticket) == ["ticket.snoozed", "ticket.snoozed", "ticket.woken"]


async def test_a_moment_that_moves_earlier_comes_earlier(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, SnoozeTicket(until=await desk.at(5 * DAY)))
    await desk.send(ticket, SnoozeTicket(until=await desk.at(2 * DAY)))

    await desk.passes(3 * DAY)

    assert not (await desk.settled(ticket)).snoozed


async def test_a_timer_overtaken_by_a_person_does_nothing(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, SnoozeTicket(until=await desk.at(2 * DAY)))
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    await desk.send(ticket, ChangeStatus(status=Status.OPEN))

    await desk.passes(20 * DAY)

    assert (await desk.settled(ticket)).status is Status.OPEN
    assert desk.types(ticket).count("ticket.woken") == 1


async def test_a_timer_that_rings_while_the_database_is_away_is_done_when_it_is_back(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    desk.records.is_down = True
    before = desk.records.attempts

    await desk.passes(AUTO_CLOSE + MINUTE)
    await desk.records.attempted(before + 5)
    desk.records.is_down = False
    await desk.passes(HOUR)

    await desk.becomes(ticket, Status.CLOSED)
    assert desk.types(ticket) == ["ticket.status_changed", "ticket.status_changed"]


async def test_a_ticket_woken_by_a_timer_goes_on_answering(desk: TimedDesk) -> None:
    ticket = await desk.running()
    await desk.send(ticket, SnoozeTicket(until=await desk.at(DAY)))
    await desk.passes(2 * DAY)

    await desk.send(ticket, EditTicket(tags=("awake",)))

    assert desk.row(ticket).tags == ("awake",)
