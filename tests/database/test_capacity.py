"""Capacity is a lease: what somebody carries weighs until it waits for others, and nobody gets more than they can."""

import asyncio
from typing import Any

import pytest

from database.pool import Pool
from database.tickets import TicketStore
from domain.errors import OverCapacityError
from domain.ids import PersonId
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import AssignTicket, ChangeStatus, SnoozeTicket, TicketCommand
from domain.ticket_events import TicketAssigned
from domain.ticket_rules import decide
from tests.database.storing import stored_ticket
from tests.factories import AGENT, OTHER_AGENT, change, envelope


async def carries(pool: Pool, tickets: float, minutes: int | None = None, **weights: float) -> None:
    await pool.execute(
        "update agents set capacity_tickets = $2, capacity_minutes = $3, weights = weights || $4::jsonb "
        "where person_id = $1",
        AGENT,
        tickets,
        minutes,
        "{" + ", ".join(f'"{name}": {weight}' for name, weight in weights.items()) + "}",
    )


async def do(store: TicketStore, ticket: Ticket, command: TicketCommand, **changes: Any) -> Ticket:
    await store.record(decide(ticket, envelope(command, **changes), ticket.updated_at))
    after = await store.state(ticket.number)
    assert after is not None
    return after


async def given(store: TicketStore, ticket: Ticket, to: PersonId = AGENT, *, override: bool = False) -> Ticket:
    return await do(store, ticket, AssignTicket(assignee_id=to, override=override))


async def test_nobody_gets_one_more_than_they_can_carry(pool: Pool, store: TicketStore) -> None:
    await carries(pool, 2)
    for _ in range(2):
        await given(store, await stored_ticket(store))
    third = await stored_ticket(store)

    with pytest.raises(OverCapacityError, match="carries 2 of 2 tickets"):
        await given(store, third)
    assert (await store.state(third.number)) == third


async def test_an_override_goes_over_and_is_on_record(pool: Pool, store: TicketStore) -> None:
    await carries(pool, 0)

    taken = await given(store, await stored_ticket(store), override=True)

    assert taken.assignee_id == AGENT
    assert (
        await pool.fetchval(
            "select data ->> 'override' from events where ticket_number = $1 and type = 'ticket.assigned'", taken.number
        )
        == "true"
    )


@pytest.mark.parametrize(
    "command", [ChangeStatus(status=Status.PENDING), ChangeStatus(status=Status.RESOLVED), SnoozeTicket()], ids=str
)
async def test_what_waits_or_is_over_makes_room_and_what_comes_back_takes_it(
    pool: Pool, store: TicketStore, command: TicketCommand
) -> None:
    await carries(pool, 1)
    first = await do(store, await given(store, await stored_ticket(store)), command)
    second = await given(store, await stored_ticket(store))
    assert second.assignee_id == AGENT

    if first.snoozed:
        await pool.execute("update tickets set snoozed = false where number = $1", first.number)
    else:
        await do(store, first, ChangeStatus(status=Status.OPEN))
    with pytest.raises(OverCapacityError, match="carries 2 of 1 tickets"):
        await given(store, await stored_ticket(store))


async def test_priorities_weigh_as_the_agent_was_told(pool: Pool, store: TicketStore) -> None:
    await carries(pool, 2, urgent=1.5, low=0.5)
    await given(store, await stored_ticket(store, priority=Priority.URGENT))

    with pytest.raises(OverCapacityError, match=r"carries 1\.5 of 2 tickets"):
        await given(store, await stored_ticket(store))
    assert (await given(store, await stored_ticket(store, priority=Priority.LOW))).assignee_id == AGENT


async def test_expected_minutes_are_a_limit_of_their_own(pool: Pool, store: TicketStore) -> None:
    """A ticket without an estimate counts as long as is usual in its team."""
    await carries(pool, 10, minutes=60)
    await pool.execute("update teams set usual_minutes = 25 where slug = 'support'")
    await given(store, await stored_ticket(store, team="support"))

    with pytest.raises(OverCapacityError, match="25 of 60 minutes of work already; this is 40 more"):
        await given(store, await stored_ticket(store, team="support", estimated_minutes=40))
    assert (await given(store, await stored_ticket(store, estimated_minutes=35))).assignee_id == AGENT


async def test_many_at_once_do_not_slip_through(pool: Pool, store: TicketStore) -> None:
    await carries(pool, 3)
    waiting = [await stored_ticket(store) for _ in range(8)]

    outcomes = await asyncio.gather(*(given(store, ticket) for ticket in waiting), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, OverCapacityError)]
    assert len(refused) == 5
    assert await pool.fetchval("select count(*) from tickets where assignee_id = $1", AGENT) == 3


async def test_what_is_stored_already_is_not_refused_again(pool: Pool, store: TicketStore) -> None:
    await carries(pool, 1)
    ticket = await stored_ticket(store)
    made = change(ticket, TicketAssigned(assignee_id=AGENT, previous_id=None))
    await store.record(made)
    await carries(pool, 0)

    assert (await store.record(made)).is_repeat


async def test_one_persons_load_is_no_other_ones(pool: Pool, store: TicketStore) -> None:
    await carries(pool, 0)

    assert (await given(store, await stored_ticket(store), OTHER_AGENT)).assignee_id == OTHER_AGENT
