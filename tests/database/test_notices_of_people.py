"""Who hears of what people do to a ticket (replies, notes, statuses, owners), as what, and what the stream tells."""

import json
from datetime import timedelta
from typing import Any

import pytest

from database.pool import Pool
from database.tickets import TicketStore
from domain.ids import PersonId, TicketNumber
from domain.people import DISPATCHER, TIMER, Actor, Role
from domain.ticket import Status, Ticket
from domain.ticket_commands import (
    AddReply,
    AssignTicket,
    AutoCloseTicket,
    ChangeStatus,
    TicketCommand,
    UnassignReason,
    UnassignTicket,
    UnwatchTicket,
    WatchTicket,
)
from domain.ticket_events import TicketNoted, TicketReplied, TicketSlaWarned, TicketStatusChanged
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.database.test_notices import WARNED
from tests.factories import (
    ADMIN,
    AGENT,
    BILLING_AGENT,
    BY_AGENT,
    BY_REQUESTER,
    BY_SUPERVISOR,
    INACTIVE_AGENT,
    NOW,
    OTHER_AGENT,
    OTHER_REQUESTER,
    PEOPLE,
    REQUESTER,
    change,
    opening_change,
    wording,
)

Heard = tuple[str, str, str]
"""Who, of which type, and why."""


@pytest.fixture
async def ticket(store: TicketStore) -> Ticket:
    """The requester's, which the agent has; an agent of another team and another requester watch it. It is open."""
    made = await stored_ticket(store, team="support")
    for command in (
        AssignTicket(assignee_id=AGENT), WatchTicket(person_id=BILLING_AGENT), WatchTicket(person_id=OTHER_REQUESTER),
        ChangeStatus(status=Status.OPEN),
    ):  # fmt: skip
        made = await recorded(store, made, command, by=BY_SUPERVISOR)
    return made


async def heard_of(pool: Pool, number: TicketNumber, after: int) -> list[Heard]:
    """Who heard of what happened after a revision."""
    rows = await pool.fetch(
        "select person_id, type, why from notifications where ticket_number = $1 and revision > $2 "
        "order by revision, person_id",
        number,
        after,
    )
    return sorted((PEOPLE[PersonId(row["person_id"])][0], row["type"], row["why"]) for row in rows)


async def does(
    store: TicketStore, pool: Pool, ticket: Ticket, command: TicketCommand, by: Actor = BY_AGENT, **more: Any
) -> list[Heard]:
    """Do something to the ticket; who heard of it."""
    await recorded(store, ticket, command, by=by, **more)
    return await heard_of(pool, ticket.number, ticket.revision)


async def reply(store: TicketStore, ticket: Ticket, *mentions: PersonId, internal: bool = False) -> AddReply:
    return AddReply(text_id=await stored_text(store, ticket.number), internal=internal, mention_ids=mentions)


async def test_for_whom_a_ticket_is_opened_hears_of_it(store: TicketStore, pool: Pool) -> None:
    for_them = await stored_ticket(store, by=BY_AGENT)

    assert await heard_of(pool, for_them.number, 0) == [("requester", "opened", "requester")]
    assert await stored_events(pool, for_them.number) == ["ticket.opened", "notification.created"]


async def test_of_what_they_opened_themselves_nobody_hears(store: TicketStore, pool: Pool) -> None:
    assert await heard_of(pool, (await stored_ticket(store)).number, 0) == []


async def test_an_opening_that_comes_again_tells_once(store: TicketStore, pool: Pool) -> None:
    made = opening_change(await store.next_number(), by=BY_AGENT)
    for _ in range(2):
        await store.open(made, wording(made))

    assert len(await heard_of(pool, made.number, 0)) == 1


async def stored_events(pool: Pool, number: TicketNumber) -> list[str]:
    """What the log says of a ticket, inboxes included."""
    rows = await pool.fetch(
        "select type from events where ticket_number = $1 or data -> 'notification' ->> 'ticket' = $1::text "
        "order by id",
        number,
    )
    return [row["type"] for row in rows]


async def test_of_the_desks_reply_requester_and_watchers_hear(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    assert await does(store, pool, ticket, await reply(store, ticket), BY_SUPERVISOR) == [
        ("agent", "replied", "assignee"),
        ("billing agent", "replied", "watcher"),
        ("other requester", "replied", "watcher"),
        ("requester", "replied", "requester"),
    ]


async def test_of_the_requesters_reply_assignee_and_watchers_hear(
    store: TicketStore, pool: Pool, ticket: Ticket
) -> None:
    assert await does(store, pool, ticket, await reply(store, ticket), BY_REQUESTER) == [
        ("agent", "replied", "assignee"),
        ("billing agent", "replied", "watcher"),
        ("other requester", "replied", "watcher"),
    ]


async def test_of_a_note_only_the_desk_hears_though_requesters_watch(
    store: TicketStore, pool: Pool, ticket: Ticket
) -> None:
    note = await reply(store, ticket, internal=True)

    assert await does(store, pool, ticket, note, BY_SUPERVISOR) == [
        ("agent", "replied", "assignee"),
        ("billing agent", "replied", "watcher"),
    ]
    internal = await pool.fetch("select internal from notifications where kind = 'ticket.noted'")
    assert [row["internal"] for row in internal] == [True, True]


async def test_no_internal_event_reaches_a_requester_also_when_it_names_them(
    store: TicketStore, pool: Pool, ticket: Ticket
) -> None:
    noted = TicketNoted(text_id=await stored_text(store, ticket.number), mention_ids=(REQUESTER, OTHER_REQUESTER))

    await store.record(change(ticket, noted, WARNED, actor=TIMER))

    assert {who for who, _, _ in await heard_of(pool, ticket.number, ticket.revision)} == {"agent", "billing agent"}


async def test_a_mention_comes_before_all_other_reasons(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    said = await reply(store, ticket, AGENT, BILLING_AGENT, ADMIN)

    assert await does(store, pool, ticket, said, BY_SUPERVISOR) == [
        ("admin", "mentioned", "mentioned"),
        ("agent", "mentioned", "mentioned"),
        ("billing agent", "mentioned", "mentioned"),
        ("other requester", "replied", "watcher"),
        ("requester", "replied", "requester"),
    ]


async def test_whoever_was_mentioned_hears_of_what_follows(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    said = await recorded(store, ticket, await reply(store, ticket, ADMIN, internal=True))

    assert ("admin", "replied", "watcher") in await does(store, pool, said, await reply(store, said, internal=True))
    now = await store.state(ticket.number)
    assert now is not None
    gone = await recorded(store, now, UnwatchTicket(person_id=ADMIN))
    assert "admin" not in {who for who, _, _ in await does(store, pool, gone, await reply(store, gone))}


async def test_of_a_status_set_by_hand_all_hear_whom_it_concerns(
    store: TicketStore, pool: Pool, ticket: Ticket
) -> None:
    assert await does(store, pool, ticket, ChangeStatus(status=Status.RESOLVED)) == [
        ("billing agent", "status_changed", "watcher"),
        ("other requester", "status_changed", "watcher"),
        ("requester", "status_changed", "requester"),
    ]


async def test_of_a_ticket_that_closes_by_itself_they_hear_too(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    resolved = await recorded(store, ticket, ChangeStatus(status=Status.RESOLVED))

    heard = await does(store, pool, resolved, AutoCloseTicket(), TIMER, at=NOW + timedelta(days=30))

    assert [who for who, _, _ in heard] == ["agent", "billing agent", "other requester", "requester"]
    rows = await pool.fetch(
        "select distinct actor_kind, actor_id from notifications where revision > $1", resolved.revision
    )
    assert [tuple(row) for row in rows] == [("timer", None)]


async def test_a_status_that_a_reply_brings_is_told_by_the_reply_alone(
    store: TicketStore, pool: Pool, ticket: Ticket
) -> None:
    pending = await recorded(store, ticket, ChangeStatus(status=Status.PENDING))
    heard = await does(store, pool, pending, await reply(store, pending), BY_REQUESTER)
    assert {type for _, type, _ in heard} == {"replied"}

    new = await stored_ticket(store, team="support")
    answered = await does(store, pool, new, await reply(store, new))
    assert answered == [("requester", "replied", "requester")]
    now = await store.state(new.number)
    assert now is not None
    assert now.status is Status.OPEN


async def test_of_a_new_assignee_both_hear(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    assert await does(store, pool, ticket, AssignTicket(assignee_id=OTHER_AGENT), BY_SUPERVISOR) == [
        ("agent", "reassigned", "person"),
        ("other agent", "assigned", "person"),
    ]


@pytest.mark.parametrize(
    ("reason", "by", "type"),
    [
        ("by_hand", BY_SUPERVISOR, "reassigned"),
        ("shift_ended", DISPATCHER, "hand_over"),
        ("away", DISPATCHER, "hand_over"),
        ("silent", DISPATCHER, "hand_over"),
        ("deactivated", DISPATCHER, "hand_over"),
    ],
)
async def test_whoever_had_it_hears_when_it_is_taken_back(
    store: TicketStore, pool: Pool, ticket: Ticket, reason: UnassignReason, by: Actor, type: str
) -> None:
    assert await does(store, pool, ticket, UnassignTicket(reason=reason), by) == [("agent", type, "person")]


async def test_who_returns_a_ticket_themselves_hears_nothing(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    assert await does(store, pool, ticket, UnassignTicket()) == []


async def test_of_what_their_own_team_has_as_owner_they_hear_as_team(store: TicketStore, pool: Pool) -> None:
    unowned = await stored_ticket(store, team="support")
    await store.record(change(unowned, WARNED, actor=TIMER))

    assert await heard_of(pool, unowned.number, 1) == [
        ("agent", "sla_warning", "team"),
        ("other agent", "sla_warning", "team"),
    ]
    assert isinstance(WARNED, TicketSlaWarned)


async def test_who_is_gone_hears_nothing(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    await pool.execute("update people set is_active = false where id = any($1::uuid[])", [REQUESTER, BILLING_AGENT])
    said = TicketReplied(
        text_id=await stored_text(store, ticket.number), by_desk=True, is_answer=True, first_responded_at=None,
        mention_ids=(INACTIVE_AGENT,),
    )  # fmt: skip
    await store.record(change(ticket, said, actor=Actor.person(AGENT, Role.AGENT)))

    assert await heard_of(pool, ticket.number, ticket.revision) == [("other requester", "replied", "watcher")]


async def test_each_event_of_one_change_is_heard_of_once_by_each(
    store: TicketStore, pool: Pool, ticket: Ticket
) -> None:
    said = TicketReplied(
        text_id=await stored_text(store, ticket.number), by_desk=True, is_answer=True, first_responded_at=None
    )
    resolved = TicketStatusChanged(
        status=Status.RESOLVED, previous=Status.OPEN, reason="by_hand", resolved_at=NOW, closed_at=None
    )
    made = change(ticket, said, resolved)

    await store.record(made)
    await store.record(made)

    rows = await pool.fetch(
        "select revision, type from notifications where person_id = $1 and ticket_number = $2 and revision > $3 "
        "order by id",
        REQUESTER,
        ticket.number,
        ticket.revision,
    )
    assert [tuple(row) for row in rows] == [
        (ticket.revision + 1, "replied"),
        (ticket.revision + 2, "status_changed"),
    ]


# What the stream tells of it.


async def told(pool: Pool, person: PersonId) -> list[dict[str, Any]]:
    rows = await pool.fetch(
        "select type, internal, actor_kind, actor_id, ticket_number, revision, data from events "
        "where topic = 'notifications' and person_id = $1 order by id",
        person,
    )
    return [dict(row) | {"data": json.loads(row["data"])["notification"]} for row in rows]


async def test_each_notification_is_told_to_its_receiver_with_ids_only(
    store: TicketStore, pool: Pool, ticket: Ticket
) -> None:
    await pool.execute("delete from events where topic = 'notifications'")
    await does(store, pool, ticket, await reply(store, ticket))

    (event,) = await told(pool, REQUESTER)

    row = await pool.fetchrow(
        "select id, type, kind, revision, why from notifications where person_id = $1 and kind = 'ticket.replied'",
        REQUESTER,
    )
    assert row is not None
    assert event["data"] == dict(row) | {"ticket": ticket.number, "subject": None}
    assert (event["type"], event["actor_kind"], event["actor_id"]) == ("notification.created", "person", AGENT)
    assert (event["ticket_number"], event["revision"], event["internal"]) == (None, None, False)
    assert [len(await told(pool, one)) for one in (BILLING_AGENT, OTHER_REQUESTER, AGENT)] == [1, 1, 0]


async def test_what_is_muted_is_kept_and_not_told(store: TicketStore, pool: Pool, ticket: Ticket) -> None:
    await pool.execute("delete from events where topic = 'notifications'")
    await pool.execute(
        "insert into notification_choices values "
        "($1, 'replied', false, 'now', 'now'), ($2, 'replied', true, 'off', 'off'), "
        "($3, 'status_changed', false, 'off', 'off')",
        REQUESTER, BILLING_AGENT, OTHER_REQUESTER,
    )  # fmt: skip

    await does(store, pool, ticket, await reply(store, ticket))

    rows = await pool.fetch("select person_id, in_app from notifications where kind = 'ticket.replied'")
    assert {row["person_id"]: row["in_app"] for row in rows} == {
        REQUESTER: False, BILLING_AGENT: True, OTHER_REQUESTER: True,
    }  # fmt: skip
    assert [len(await told(pool, one)) for one in (REQUESTER, BILLING_AGENT, OTHER_REQUESTER)] == [0, 1, 1]


async def test_many_in_one_statement_are_told_one_by_one(pool: Pool) -> None:
    await pool.execute(
        "insert into notifications (person_id, kind, type, at, subject) "
        "select $1, 'break.due', 'break_reminder', $2, n::text from generate_series(1, 5) n",
        AGENT,
        NOW,
    )

    events = await told(pool, AGENT)

    assert [event["data"]["subject"] for event in events] == ["1", "2", "3", "4", "5"]
    assert len({event["data"]["id"] for event in events}) == 5
