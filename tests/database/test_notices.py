"""Notifications: written with the change that causes them, for those who are to hear of it at that moment."""

from typing import Any

import pytest

from database.pool import Pool
from database.tickets import TicketStore
from domain.ids import PersonId
from domain.people import TIMER
from domain.sla_clock import Clock, TicketSla
from domain.sla_ladder import AddWatcher, CallWebhook, NotifyPerson, NotifyRole, NotifyTeam
from domain.ticket import Ticket
from domain.ticket_commands import AssignTicket, ClaimTicket, EscalateTicket
from domain.ticket_events import (
    TicketEvent,
    TicketLadderClimbed,
    TicketSeniorMissing,
    TicketSlaBreached,
    TicketSlaWarned,
    TicketWatched,
)
from tests.database.storing import recorded, stored_ticket
from tests.factories import (
    ADMIN,
    AGENT,
    BILLING_AGENT,
    BY_SUPERVISOR,
    NOW,
    OTHER_AGENT,
    PEOPLE,
    REQUESTER,
    SUPERVISOR,
    change,
)

SLA = TicketSla(
    policy_version=1,
    calendar_version=1,
    zone_data="test",
    clocks=(
        Clock(
            target="resolution", goal=NOW - NOW.replace(hour=8), policy_version=1, calendar_version=1,
            started_at=NOW, since=NOW, why="opened",
        ),
    ),
)  # fmt: skip
CLOCK: dict[str, Any] = {"audience": "customer", "target": "resolution", "cycle": 1, "clock_due_at": NOW, "sla": SLA}
WARNED, BREACHED = TicketSlaWarned(**CLOCK, percent=75), TicketSlaBreached(**CLOCK)


def climbed(*actions: Any) -> TicketEvent:
    return TicketLadderClimbed(round=1, step=0, actions=actions, sla=SLA)


@pytest.fixture
async def ticket(store: TicketStore) -> Ticket:
    """In team `support`, of nobody."""
    return await stored_ticket(store, team="support")


async def told(pool: Pool, ticket: Ticket) -> list[tuple[str, int]]:
    """Who heard of the ticket, with the revision."""
    rows = await pool.fetch("select person_id, revision from notifications where ticket_number = $1", ticket.number)
    names = {person: name for person, (name, _, _) in PEOPLE.items()}
    return sorted((names[PersonId(row["person_id"])], row["revision"]) for row in rows)


async def happens(store: TicketStore, ticket: Ticket, *events: TicketEvent) -> None:
    await store.record(change(ticket, *events, actor=TIMER))


async def test_of_a_warning_the_assignee_hears_or_else_the_team(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    await happens(store, ticket, WARNED)
    assert await told(pool, ticket) == [("agent", 2), ("other agent", 2)], "not who is gone"

    other = await recorded(store, await stored_ticket(store, team="support"), ClaimTicket())
    await happens(store, other, WARNED)
    assert await told(pool, other) == [("agent", 3)]


async def test_of_a_breach_supervisors_and_watchers_hear_too(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    given = await recorded(store, ticket, ClaimTicket())
    await happens(store, given, TicketWatched(watcher_ids=(BILLING_AGENT, AGENT)))
    await happens(store, given.model_copy(update={"revision": 3}), BREACHED)

    assert await told(pool, ticket) == [("agent", 4), ("billing agent", 4), ("supervisor", 4)]


@pytest.mark.parametrize(
    ("action", "hearers"),
    [
        (NotifyRole(role="supervisor"), ["supervisor"]),
        (NotifyRole(role="admin"), ["admin"]),
        (NotifyRole(role="agent"), ["agent", "other agent"]),
        (NotifyPerson(person_id=BILLING_AGENT), ["billing agent"]),
        (NotifyTeam(), ["agent", "other agent"]),
        (NotifyTeam(team="billing"), ["billing agent"]),
        (CallWebhook(url="https://example.org/alarm"), []),
        (AddWatcher(person_id=ADMIN), []),
    ],
    ids=lambda value: value.type if hasattr(value, "type") else "",
)
async def test_of_a_step_of_the_ladder_hears_whom_it_names(
    store: TicketStore, pool: Pool, ticket: Ticket, action: Any, hearers: list[str]
) -> None:
    await happens(store, ticket, climbed(action))

    assert [who for who, _ in await told(pool, ticket)] == hearers


async def test_whoever_is_named_twice_hears_once(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    await happens(store, ticket, climbed(NotifyTeam(), NotifyPerson(person_id=AGENT), NotifyRole(role="agent")))

    assert await told(pool, ticket) == [("agent", 2), ("other agent", 2)]


async def test_when_no_senior_is_found_supervisors_hear(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    await happens(store, ticket, TicketSeniorMissing(skill=None, min_level=4))

    assert await told(pool, ticket) == [("supervisor", 2)]


async def test_whoever_does_it_does_not_hear_of_it(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    claimed = await recorded(store, ticket, ClaimTicket())
    given = await recorded(store, claimed, AssignTicket(assignee_id=OTHER_AGENT))
    await recorded(store, given, EscalateTicket(), by=BY_SUPERVISOR)

    assert await told(pool, ticket) == [("other agent", 3), ("other agent", 4)]


async def test_a_change_that_is_recorded_twice_is_heard_of_once(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    made = change(ticket, BREACHED, actor=TIMER)

    await store.record(made)
    await store.record(made)

    assert await told(pool, ticket) == [("agent", 2), ("other agent", 2), ("supervisor", 2)]


async def test_requesters_hear_nothing_of_the_desks_clocks(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    await happens(store, ticket, WARNED, BREACHED)

    assert PEOPLE[REQUESTER][0] not in [who for who, _ in await told(pool, ticket)]
    assert PEOPLE[SUPERVISOR][0] in [who for who, _ in await told(pool, ticket)]


async def test_of_those_on_shift_only_who_is_there_hears_or_all_when_nobody_is(
    store: TicketStore, pool: Pool, ticket: Ticket
) -> None:
    on_shift = climbed(NotifyRole(role="agent", on_shift=True))
    await happens(store, ticket, on_shift)
    assert await told(pool, ticket) == [("agent", 2), ("other agent", 2)]

    await pool.execute("update agents set presence = 'on_break' where person_id = $1", AGENT)
    await happens(store, ticket.model_copy(update={"revision": 2}), on_shift)
    assert await told(pool, ticket) == [("agent", 2), ("agent", 3), ("other agent", 2)]
