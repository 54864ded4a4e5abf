"""Reconciling: every kind of difference between engine and database is found, told and mended."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import WorkflowExecutionStatus

from domain.ids import TicketNumber
from operations.reconcile import Findings, Reconciler
from tests import factories
from tests.workflows.engine_desk import EngineDesk, eventually, wedged
from workflows.client import WedgedWorkflowError
from workflows.ticket import TicketStart, TicketWorkflow
from workflows.ticket_client import TicketClient, workflow_id


class OnlyOne(TicketClient):
    """A client that sees one running workflow: those of other tests' desks are no strays of this one."""

    def __init__(self, desk: EngineDesk, number: TicketNumber | None, task_queue: str | None = None) -> None:
        super().__init__(desk.client, 30, task_queue or desk.task_queue)
        self._number = number

    async def running(self) -> AsyncIterator[TicketNumber]:
        if self._number is not None:
            yield self._number

    async def reported_problems(self) -> list[TicketNumber]:
        return []


async def reconciled(desk: EngineDesk, *, dry_run: bool = False, task_queue: str | None = None) -> Findings:
    """What a run finds of this desk's tickets."""
    return await Reconciler(desk.store, OnlyOne(desk, None, task_queue), dry_run=dry_run).run()


async def test_a_desk_in_order_has_nothing_to_mend(desk: EngineDesk) -> None:
    await desk.running()

    findings = await reconciled(desk, dry_run=True)

    assert (findings.tickets, findings.missing, findings.different, findings.unmended) == (1, [], [], [])


async def test_a_ticket_whose_workflow_was_lost_gets_one_again(desk: EngineDesk) -> None:
    ticket = await desk.running()
    await desk.handle(ticket).terminate("lost")

    told = await reconciled(desk, dry_run=True)
    assert told.missing == [ticket.number]
    assert await desk.status(ticket) is WorkflowExecutionStatus.TERMINATED, "a dry run only tells"

    assert (await reconciled(desk)).missing == [ticket.number]
    assert await desk.state(ticket) == await desk.row(ticket.number)
    assert (await reconciled(desk, dry_run=True)).missing == []


async def test_a_workflow_takes_over_what_the_restored_database_says(desk: EngineDesk) -> None:
    ticket = await desk.running()
    await desk.pool.execute("update tickets set priority = 'urgent' where number = $1", ticket.number)

    assert (await reconciled(desk)).different == [ticket.number]

    state = await desk.state(ticket)
    assert state is not None
    assert state.priority == "urgent"


async def test_a_ticket_that_cannot_be_replayed_begins_anew(desk: EngineDesk) -> None:
    async with wedged(desk) as (ticket, tickets):
        told = await reconciled(desk, dry_run=True)
        assert told.wedged == [ticket.number]
        report = "\n".join(told.sentences(dry_run=True))
        assert "has a workflow that cannot be replayed; it would be begun anew." in report
        with pytest.raises(WedgedWorkflowError):
            await tickets.state(ticket.number)

        mended = await reconciled(desk, task_queue=tickets.task_queue)

        assert (mended.wedged, mended.unmended) == ([ticket.number], [])
        assert await tickets.state(ticket.number) == ticket


async def test_a_workflow_without_a_ticket_is_ended(desk: EngineDesk) -> None:
    stray = factories.ticket(number=await desk.store.next_number())
    held = TicketStart(number=stray.number, ticket=stray)
    await desk.client.start_workflow(TicketWorkflow.run, held, id=workflow_id(stray.number), task_queue=desk.task_queue)

    async def strays() -> list[TicketNumber]:
        return [number async for number in desk.tickets.running()]

    await eventually(strays, lambda numbers: stray.number in numbers)
    reconciler = Reconciler(desk.store, OnlyOne(desk, stray.number))

    assert (await reconciler.run()).strays == [stray.number]
    assert await desk.status(stray) is WorkflowExecutionStatus.TERMINATED


async def test_texts_that_no_command_used_are_removed_after_a_day(desk: EngineDesk) -> None:
    ticket = await desk.running()
    for name, age in (("old", "25 hours"), ("young", "23 hours")):
        await desk.store.add_text(factories.text_id(name), ticket.number, factories.REQUESTER, None, name)
        await desk.pool.execute(
            f"update ticket_texts set created_at = now() - interval '{age}' where id = $1",  # noqa: S608
            factories.text_id(name),
        )
    await desk.pool.execute("update ticket_texts set created_at = now() - interval '9 days' where title is not null")

    findings = await reconciled(desk)

    assert findings.unused_texts == 1
    bodies = [row["body"] for row in await desk.pool.fetch("select body from ticket_texts where title is null")]
    assert bodies == ["young"]


def test_the_report_says_what_was_found_and_done() -> None:
    number = TicketNumber(1042)
    findings = Findings(tickets=3, missing=[number], failing=[TicketNumber(1043)])

    assert findings.sentences(dry_run=False) == [
        "3 tickets ought to have a running workflow.",
        "Ticket 1042 has no running workflow; it was started.",
        "Ticket 1043 has a workflow whose tasks keep failing; see the worker's log.",
    ]
    assert Findings(tickets=3).sentences(dry_run=True)[-1] == "Engine and database agree."
