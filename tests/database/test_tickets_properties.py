"""Whatever happened to a ticket, its row is the sum of its events."""

import random
from datetime import timedelta

import pytest

from database.pool import Pool
from database.tickets import TicketStore
from domain.errors import DomainError
from domain.lifecycle import rebuild
from domain.people import TIMER, Actor, Role
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import (
    AddReply,
    AssignTicket,
    AutoCloseTicket,
    ChangeStatus,
    ClaimTicket,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    RateTicket,
    SnoozeTicket,
    TicketCommand,
    UnassignTicket,
    WakeTicket,
)
from domain.ticket_events import TICKET_EVENT
from domain.ticket_rules import decide
from tests.database.storing import state_of, stored_text, stored_ticket
from tests.factories import ADMIN, AGENT, BILLING_AGENT, BY_AGENT, BY_REQUESTER, NOW, OTHER_AGENT, SUPERVISOR, envelope

STEPS = 60
PEOPLE = [AGENT, OTHER_AGENT, BILLING_AGENT, SUPERVISOR, ADMIN]
ACTORS = [BY_AGENT, BY_AGENT, BY_REQUESTER, TIMER, Actor.person(OTHER_AGENT, Role.AGENT)]


async def some_command(store: TicketStore, ticket: Ticket, chance: random.Random) -> TicketCommand:
    hours = timedelta(hours=chance.randint(1, 5_000))
    commands: list[TicketCommand] = [
        EditTicket(wording_id=await stored_text(store, ticket.number), priority=chance.choice(list(Priority))),
        EditTicket(team=chance.choice(["support", "billing", "network"]), category="technical"),
        EditTicket(due_at=NOW + hours, estimated_minutes=chance.randint(1, 99), tags=("vip", "beta")),
        EditTicket(required_skills=("dns",), tags=(), clear=("due_at", "team", "estimated_minutes")),
        AddReply(text_id=await stored_text(store, ticket.number)),
        AddReply(text_id=await stored_text(store, ticket.number), internal=True),
        ChangeStatus(status=chance.choice(list(Status))),
        ChangeStatus(status=chance.choice(list(Status))),
        AssignTicket(assignee_id=chance.choice(PEOPLE)),
        UnassignTicket(),
        ClaimTicket(),
        DeescalateTicket(),
        WakeTicket(),
        AutoCloseTicket(),
        RateTicket(score=chance.randint(1, 5)),
        RateTicket(score=chance.randint(1, 5), text_id=await stored_text(store, ticket.number)),
        EscalateTicket(),
        SnoozeTicket(until=chance.choice([None, NOW + hours])),
    ]
    return chance.choice(commands)


@pytest.mark.parametrize("seed", range(4))
async def test_the_row_is_the_sum_of_the_events(pool: Pool, store: TicketStore, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  nothing secret
    ticket = await stored_ticket(store, team="support", due_at=NOW + timedelta(days=1), tags=("vip",))
    now = NOW
    seen = {1: ticket}
    for _ in range(STEPS):
        now += timedelta(minutes=chance.randint(0, 600), microseconds=chance.randint(0, 999_999))
        command = await some_command(store, ticket, chance)
        try:
            change = decide(ticket, envelope(command, actor=chance.choice(ACTORS)), now)
            if change.events:  # nothing is recorded of a command that changes nothing
                await store.record(change)
        except DomainError:
            assert await state_of(store, ticket.number) == ticket
            continue
        ticket = await state_of(store, ticket.number)
        seen[ticket.revision] = ticket

    rows = await pool.fetch(
        "select data, at, revision from events where ticket_number = $1 order by revision", ticket.number
    )
    rebuilt = rebuild(ticket.number, [(TICKET_EVENT.validate_json(row["data"]), row["at"]) for row in rows])

    assert rebuilt == ticket
    assert [row["revision"] for row in rows] == list(range(1, ticket.revision + 1))
    for revision, state in seen.items():
        as_of = await store.read_as_of(ticket.number, revision)
        assert as_of is not None
        assert as_of.ticket == state
    assert ticket.revision > STEPS / 4, "the life was too dull to prove anything"
