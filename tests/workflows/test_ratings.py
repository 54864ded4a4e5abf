"""Ratings through the engine: of tickets whose workflows run, and of those whose workflows are over."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus

from domain.errors import OwnWorkError, RatingWindowPassedError, TicketNotResolvedError
from domain.ticket import Status, Ticket
from domain.ticket_commands import ChangeStatus, RateTicket
from tests import factories
from tests.factories import AGENT, BY_REQUESTER
from tests.workflows.engine_desk import EngineDesk, add_text, eventually

OVER = "update tickets set status = 'closed', resolved_at = $2, closed_at = $2, resolver_id = $3, reopen_days = 1"


async def closed_days_ago(desk: EngineDesk, days: int) -> Ticket:
    """A ticket whose reopen window, of one day, has ended long ago, and with it its workflow."""
    moment = datetime.now(UTC) - timedelta(days=days)
    ticket = await desk.open(at=moment, team="support")
    await desk.pool.execute(f"{OVER} where number = $1", ticket.number, moment, AGENT)
    return await desk.row(ticket.number)


async def test_a_rating_goes_its_way_to_the_row(desk: EngineDesk, ticket: Ticket) -> None:
    with pytest.raises(TicketNotResolvedError):
        await desk.send(ticket, RateTicket(score=5), BY_REQUESTER)
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    comment = await add_text(desk.pool, ticket, "Five weeks for a toner.")

    receipt = await desk.send(ticket, RateTicket(score=2, text_id=comment), BY_REQUESTER)

    row = await desk.row(ticket.number)
    assert (row.rating, row.rating_text_id, row.resolver_id, row.revision) == (2, comment, AGENT, receipt.revision)
    assert await desk.state(ticket) == row


async def test_a_rating_sent_twice_has_one_effect_and_one_answer(desk: EngineDesk, ticket: Ticket) -> None:
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    envelope = factories.envelope(RateTicket(score=4), actor=BY_REQUESTER)

    answers = await asyncio.gather(*(desk.tickets.apply(ticket, envelope) for _ in range(3)))

    assert {answer.revision for answer in answers} == {3}
    assert [type for _, type in await desk.timeline(ticket)][2:] == ["ticket.rated"]


async def test_nobody_rates_their_own_work(desk: EngineDesk, ticket: Ticket) -> None:
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED), BY_REQUESTER)

    with pytest.raises(OwnWorkError):
        await desk.send(ticket, RateTicket(score=5), BY_REQUESTER)


async def test_a_ticket_whose_workflow_is_over_is_rated_and_rated_again(desk: EngineDesk) -> None:
    ticket = await closed_days_ago(desk, 20)

    for score in (1, 5):
        await desk.send(ticket, RateTicket(score=score), BY_REQUESTER)
        row = await desk.row(ticket.number)
        assert (row.status, row.rating, row.resolver_id) == (Status.CLOSED, score, AGENT)
        await eventually(lambda: desk.status(ticket), lambda status: status is WorkflowExecutionStatus.COMPLETED)

    assert [type for _, type in await desk.timeline(ticket)] == ["ticket.opened", "ticket.rated", "ticket.rated"]


async def test_after_thirty_days_nobody_is_asked_any_more(desk: EngineDesk) -> None:
    ticket = await closed_days_ago(desk, 31)

    with pytest.raises(RatingWindowPassedError):
        await desk.send(ticket, RateTicket(score=1), BY_REQUESTER)

    assert await desk.timeline(ticket) == [(1, "ticket.opened")]
