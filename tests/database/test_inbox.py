"""The inbox: unread first, stable while it is read, by ticket, and counted; read and unread again."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.streaming.event_frames import event_of
from database.events import EventLog
from database.inbox import BATCH, MOST_IDS_TOLD, InboxFilter, InboxStore, Marking
from database.pool import Pool
from database.tickets import TicketStore
from domain.errors import InvalidError, NotificationNotFoundError
from domain.ids import NotificationId
from domain.notification import NotificationType
from domain.ticket import Priority, Status
from domain.ticket_commands import AddReply, AssignTicket, ChangeStatus
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.database.telling import ids_in, pages_of, told_of
from tests.factories import AGENT, BY_AGENT, BY_SUPERVISOR, NOW, OTHER_AGENT, REQUESTER
from tests.test_asyncapi import BY_TYPE, assert_fits

MINUTE = timedelta(minutes=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
T = NotificationType


@pytest.fixture
def inbox(pool: Pool) -> InboxStore:
    return InboxStore(pool)


async def events(pool: Pool, type: str) -> list[dict[str, Any]]:
    """What the stream tells of that type."""
    rows = await pool.fetch("select person_id, actor_id, data from events where type = $1 order by id", type)
    return [{"to": row["person_id"], "by": row["actor_id"], **json.loads(row["data"])} for row in rows]


async def test_unread_ones_come_first_then_the_newest(pool: Pool, inbox: InboxStore) -> None:
    old, middle, new = [await told_of(pool, str(n), at=NOW + n * MINUTE) for n in range(3)]
    read = await told_of(pool, "read", at=NOW + 5 * MINUTE, read_at=LONG_AGO)
    same_moment = await told_of(pool, "same", at=NOW + 2 * MINUTE)

    assert await ids_in(inbox) == [same_moment, new, middle, old, read]
    assert await ids_in(inbox, InboxFilter(unread=True)) == [same_moment, new, middle, old]
    assert await ids_in(inbox, InboxFilter(unread=False)) == [read]


async def test_nobody_finds_anothers_or_what_they_muted(pool: Pool, inbox: InboxStore) -> None:
    await pool.execute("insert into notification_choices values ($1, 'time_off', false, 'off', 'off')", AGENT)
    await told_of(pool, "muted", type="time_off", kind="time_off.asked")
    await told_of(pool, "hers", to=OTHER_AGENT)
    mine = await told_of(pool, "mine")

    assert await ids_in(inbox) == [mine]
    assert (await inbox.counts(AGENT)).by_type == {"break_reminder": 1}
    assert len((await inbox.groups(AGENT, InboxFilter(), 10, None)).items) == 1


async def test_it_is_narrowed_to_types_and_to_a_ticket(pool: Pool, inbox: InboxStore, store: TicketStore) -> None:
    ticket = await stored_ticket(store, team="support")
    given = await recorded(store, ticket, AssignTicket(assignee_id=AGENT), by=BY_SUPERVISOR)
    await recorded(store, given, ChangeStatus(status=Status.OPEN), by=BY_SUPERVISOR)
    of_break = await told_of(pool, "break")
    changed, assigned = await ids_in(inbox, InboxFilter(ticket=ticket.number))

    assert await ids_in(inbox, InboxFilter(types=[T.ASSIGNED])) == [assigned]
    assert await ids_in(inbox, InboxFilter(types=[T.ASSIGNED, T.BREAK_REMINDER])) == [of_break, assigned]
    assert await ids_in(inbox, InboxFilter(types=[T.STATUS_CHANGED], ticket=ticket.number)) == [changed]
    assert await ids_in(inbox, InboxFilter(types=[T.DIGEST])) == []


async def test_a_notification_comes_with_its_ticket_of_today_and_what_its_sentence_needs(
    store: TicketStore, inbox: InboxStore
) -> None:
    ticket = await stored_ticket(store, team="support", priority=Priority.HIGH)
    given = await recorded(store, ticket, AssignTicket(assignee_id=AGENT), by=BY_SUPERVISOR)
    await recorded(store, given, ChangeStatus(status=Status.PENDING), by=BY_SUPERVISOR)

    changed, assigned = (await inbox.page(AGENT, InboxFilter(), 10, None)).items

    assert (assigned.type, assigned.kind, assigned.why, assigned.details) == (
        "assigned",
        "ticket.assigned",
        "person",
        {},
    )
    assert (changed.details, changed.why, changed.revision) == ({"status": "pending"}, "assignee", 3)
    assert (changed.actor_kind, changed.actor_name, changed.title) == ("person", "supervisor", "The printer is on fire")
    assert (assigned.status, assigned.priority) == (Status.PENDING, Priority.HIGH)
    assert (assigned.team, assigned.requester_id, assigned.assignee_id) == ("support", REQUESTER, AGENT)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("unread", [None, True, False])
async def test_pages_add_up_to_the_list(pool: Pool, inbox: InboxStore, limit: int, unread: bool | None) -> None:
    for n in range(9):
        await told_of(pool, str(n), at=NOW + (n // 3) * MINUTE, read_at=LONG_AGO if n % 2 else None)
    wanted = InboxFilter(unread)

    pages = await pages_of(inbox, wanted, limit)

    assert [one.id for page in pages for one in page.items] == await ids_in(inbox, wanted)
    assert all(len(page.items) == limit for page in pages[:-1])


async def test_what_comes_and_what_is_read_between_two_pages_moves_nothing(pool: Pool, inbox: InboxStore) -> None:
    known = [await told_of(pool, str(n), at=NOW + n * MINUTE, read_at=LONG_AGO if n < 3 else None) for n in range(7)]
    before = await ids_in(inbox)

    first = await inbox.page(AGENT, InboxFilter(), 2, None)
    await inbox.mark(BY_AGENT, Marking(ids=[known[6], known[4], known[3]]), is_read=True)
    await told_of(pool, "new", at=NOW + 99 * MINUTE)
    second = await inbox.page(AGENT, InboxFilter(), 2, first.next_cursor)
    third = await inbox.page(AGENT, InboxFilter(), 50, second.next_cursor)

    assert [one.id for page in (first, second, third) for one in page.items] == before


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "{}",
        "W10",
        "bnVsbA",
        "WzEsMl0",
        "ééé",
        "WyIyMDMwIiwgdHJ1ZSwgIjIwMzAiLCA1XQ",
        "WzFlNDAwLDEsMSwxLDFd",
        "[" * 250,
    ],
)
async def test_a_cursor_of_nobodys_is_refused(inbox: InboxStore, cursor: str) -> None:
    with pytest.raises(InvalidError):
        await inbox.page(AGENT, InboxFilter(), 2, cursor)
    with pytest.raises(InvalidError):
        await inbox.groups(AGENT, InboxFilter(), 2, cursor)


async def test_a_cursor_belongs_to_one_list(pool: Pool, inbox: InboxStore) -> None:
    for n in range(3):
        await told_of(pool, str(n))
    of_all = (await inbox.page(AGENT, InboxFilter(), 1, None)).next_cursor
    of_groups = (await inbox.groups(AGENT, InboxFilter(), 1, None)).next_cursor

    assert of_groups is None, "all are of one type"
    for unread in (True, False):
        with pytest.raises(InvalidError):
            await inbox.page(AGENT, InboxFilter(unread), 1, of_all)


async def test_groups_are_tickets_and_types_newest_first(pool: Pool, inbox: InboxStore, store: TicketStore) -> None:
    one = await stored_ticket(store, team="support", title="One")
    other = await stored_ticket(store, team="support", title="Other")
    given = await recorded(store, one, AssignTicket(assignee_id=AGENT), by=BY_SUPERVISOR)
    await recorded(store, other, AssignTicket(assignee_id=AGENT), by=BY_SUPERVISOR, at=NOW + MINUTE)
    await recorded(store, given, ChangeStatus(status=Status.OPEN), by=BY_SUPERVISOR, at=NOW + 2 * MINUTE)
    await told_of(pool, "break", at=NOW - MINUTE, read_at=LONG_AGO)

    groups = (await inbox.groups(AGENT, InboxFilter(), 10, None)).items

    assert [(one.last.title, one.size, one.unread, one.types) for one in groups] == [
        ("One", 2, 2, ["assigned", "status_changed"]),
        ("Other", 1, 1, ["assigned"]),
        (None, 1, 0, ["break_reminder"]),
    ]
    assert groups[0].last.kind == "ticket.status_changed"
    unread = (await inbox.groups(AGENT, InboxFilter(unread=True), 10, None)).items
    assert [one.last.title for one in unread] == ["One", "Other"]
    read = (await inbox.groups(AGENT, InboxFilter(unread=False), 10, None)).items
    assert [one.last.subject for one in read] == ["break"]
    assigned = (await inbox.groups(AGENT, InboxFilter(types=[T.ASSIGNED]), 10, None)).items
    assert [(one.last.title, one.size) for one in assigned] == [("Other", 1), ("One", 1)]


async def test_pages_of_groups_are_stable_while_more_comes(pool: Pool, inbox: InboxStore, store: TicketStore) -> None:
    tickets = [await stored_ticket(store, team="support", title=str(n)) for n in range(4)]
    for n, ticket in enumerate(tickets):
        await told_of(
            pool, kind="ticket.replied", type="replied", ticket=ticket.number, revision=1, at=NOW + n * MINUTE
        )

    first = await inbox.groups(AGENT, InboxFilter(), 2, None)
    await told_of(pool, kind="ticket.noted", type="replied", ticket=tickets[0].number, revision=2, at=NOW + 9 * MINUTE)
    second = await inbox.groups(AGENT, InboxFilter(), 2, first.next_cursor)

    assert [(one.last.title, one.size) for one in (*first.items, *second.items)] == [
        ("3", 1), ("2", 1), ("1", 1), ("0", 1),
    ]  # fmt: skip
    assert second.next_cursor is None
    assert [one.last.title for one in (await inbox.groups(AGENT, InboxFilter(), 1, None)).items] == ["0"]


async def test_an_empty_inbox_has_a_place_on_the_stream_too(inbox: InboxStore, log: EventLog) -> None:
    now = await log.now()

    assert (await inbox.page(AGENT, InboxFilter(), 2, None)) == ([], None, now)
    assert (await inbox.groups(AGENT, InboxFilter(), 2, None)) == ([], None, now)
    assert (await inbox.counts(AGENT)) == ({}, now)


async def test_reading_is_told_to_the_readers_other_devices(pool: Pool, inbox: InboxStore) -> None:
    ids = [await told_of(pool, str(n)) for n in range(3)]

    changed, counts = await inbox.mark(BY_AGENT, Marking(ids=ids[:2]), is_read=True)

    assert (changed, counts.unread) == (2, 1)
    told = {"ids": ids[:2], "count": 2, "unread": 1, "by_type": {"break_reminder": 1}}
    assert await events(pool, "notification.read") == [{"to": AGENT, "by": AGENT, **told}]
    assert await ids_in(inbox, InboxFilter(unread=True)) == ids[2:]


async def test_what_is_read_already_is_told_to_nobody(pool: Pool, inbox: InboxStore) -> None:
    id = await told_of(pool)

    assert [(await inbox.mark_one(BY_AGENT, id, is_read=True))[0] for _ in range(3)] == [1, 0, 0]
    assert len(await events(pool, "notification.read")) == 1
    assert [(await inbox.mark_one(BY_AGENT, id, is_read=False))[0] for _ in range(2)] == [1, 0]
    assert [one["unread"] for one in await events(pool, "notification.unread")] == [1]


async def test_what_came_after_what_was_seen_stays_unread(pool: Pool, inbox: InboxStore) -> None:
    ids = [await told_of(pool, str(n), at=NOW + n * MINUTE) for n in range(4)]

    assert (await inbox.mark(BY_AGENT, Marking(up_to=ids[1]), is_read=True))[0] == 2
    assert await ids_in(inbox, InboxFilter(unread=True)) == [ids[3], ids[2]]
    assert (await inbox.mark(BY_AGENT, Marking(up_to_at=NOW + 2 * MINUTE), is_read=True))[0] == 1
    assert await ids_in(inbox, InboxFilter(unread=True)) == [ids[3]]


async def test_a_ticket_or_a_type_is_read_at_once(pool: Pool, inbox: InboxStore, store: TicketStore) -> None:
    one, other = await stored_ticket(store, team="support"), await stored_ticket(store, team="support")
    for ticket in (one, other):
        given = await recorded(store, ticket, AssignTicket(assignee_id=AGENT), by=BY_SUPERVISOR)
        await recorded(store, given, ChangeStatus(status=Status.OPEN), by=BY_SUPERVISOR)

    assert (await inbox.mark(BY_AGENT, Marking(ticket=one.number), is_read=True))[0] == 2
    assert (await inbox.mark(BY_AGENT, Marking(types=[T.ASSIGNED]), is_read=True))[0] == 1
    assert (await inbox.counts(AGENT)).by_type == {"status_changed": 1}


async def test_nobody_reads_for_others(pool: Pool, inbox: InboxStore) -> None:
    hers = await told_of(pool, "hers", to=OTHER_AGENT)
    muted = await told_of(pool, "muted")
    await pool.execute("update notifications set in_app = false where id = $1", muted)

    for id in (hers, muted, NotificationId(2**62)):
        for is_read in (True, False):
            with pytest.raises(NotificationNotFoundError):
                await inbox.mark_one(BY_AGENT, id, is_read=is_read)
    assert (await inbox.mark(BY_AGENT, Marking(ids=[hers, muted]), is_read=True))[0] == 0
    assert await ids_in(inbox, InboxFilter(unread=True), OTHER_AGENT) == [hers]


async def test_many_are_told_of_by_their_number(pool: Pool, inbox: InboxStore) -> None:
    ids = [await told_of(pool, str(n)) for n in range(MOST_IDS_TOLD + 1)]

    await inbox.mark(BY_AGENT, Marking(up_to=ids[-1]), is_read=True)

    (told,) = await events(pool, "notification.read")
    assert (told["ids"], told["count"], told["unread"], told["by_type"]) == (None, MOST_IDS_TOLD + 1, 0, {})


async def test_very_many_are_marked_a_batch_at_a_time(pool: Pool, inbox: InboxStore) -> None:
    await pool.execute(
        "insert into notifications (person_id, kind, type, at, subject) "
        "select $1, 'break.due', 'break_reminder', $2, n::text from generate_series(1, $3) n",
        AGENT,
        NOW,
        BATCH + 3,
    )

    changed, counts = await inbox.mark(BY_AGENT, Marking(types=[T.BREAK_REMINDER]), is_read=True)

    assert (changed, counts.unread) == (BATCH + 3, 0)
    assert [one["count"] for one in await events(pool, "notification.read")] == [BATCH, 3]


async def test_two_devices_that_read_at_once_count_one_after_the_other(pool: Pool, inbox: InboxStore) -> None:
    ids = [await told_of(pool, str(n)) for n in range(6)]

    await asyncio.gather(*(inbox.mark_one(BY_AGENT, id, is_read=True) for id in ids))

    assert sorted(one["unread"] for one in await events(pool, "notification.read")) == [0, 1, 2, 3, 4, 5]


async def test_why_finds_what_is_muted_and_tells_every_decision(pool: Pool, inbox: InboxStore) -> None:
    id = await told_of(pool)
    await pool.execute("update notifications set in_app = false where id = $1", id)
    message = await pool.fetchval(
        "insert into messages (person_id, channel, kind, sent_at) values ($1, 'email', 'bundle', $2) returning id",
        AGENT,
        NOW,
    )
    await pool.executemany(
        "insert into notification_decisions (notification_id, channel, at, outcome, reason, until, message_id) "
        "values ($1, $2, $3, $4, $5, $6, $7)",
        [
            (id, "email", NOW, "waits", "bundled", NOW + MINUTE, None),
            (id, "push", NOW, "skips", "chosen_off", None, None),
            (id, "email", NOW + MINUTE, "sends", "bundled", None, message),
        ],
    )

    explained = await inbox.explain(AGENT, id)

    assert (explained.record.id, explained.record.in_app) == (id, False)
    assert [(one.channel, one.outcome, one.sent_at) for one in explained.decisions] == [
        ("email", "waits", None), ("push", "skips", None), ("email", "sends", NOW),
    ]  # fmt: skip
    with pytest.raises(NotificationNotFoundError):
        await inbox.explain(OTHER_AGENT, id)


async def test_an_event_is_found_with_who_did_it_and_the_end_of_its_change(
    store: TicketStore, inbox: InboxStore
) -> None:
    ticket = await stored_ticket(store, team="support")
    text = await stored_text(store, ticket.number)
    replied = await recorded(store, ticket, AddReply(text_id=text))
    note = AddReply(text_id=await stored_text(store, ticket.number), internal=True)
    noted = await recorded(store, replied, note)

    event = await inbox.event(ticket.number, 2, with_internal=False)

    assert event is not None
    assert (event.event.type, event.change_revision, event.actor) == ("ticket.replied", 3, BY_AGENT)
    assert noted.revision == 4
    assert await inbox.event(ticket.number, 4, with_internal=False) is None
    last = await inbox.event(ticket.number, None, with_internal=True)
    assert last is not None
    assert last.event.type == "ticket.noted"
    last = await inbox.event(ticket.number, None, with_internal=False)
    assert last is not None
    assert last.event.type == "ticket.status_changed"
    assert await inbox.event(ticket.number, 5, with_internal=True) is None


async def test_what_the_stream_tells_fits_its_description(pool: Pool, inbox: InboxStore, store: TicketStore) -> None:
    before = await EventLog(pool).now()
    given = await recorded(
        store, await stored_ticket(store, team="support"), AssignTicket(assignee_id=AGENT), by=BY_SUPERVISOR
    )
    [one] = await ids_in(inbox)
    for is_read in (True, False):
        await inbox.mark_one(BY_AGENT, NotificationId(one), is_read=is_read)

    said = [event_of(event) for event in await EventLog(pool).after(before) if event.topic == "notifications"]

    assert [event.type for event in said] == ["notification.created", "notification.read", "notification.unread"]
    assert said[0].change["notification"]["ticket"] == given.number
    for event in said:
        assert_fits(BY_TYPE[event.type]["payload"], event.model_dump(mode="json"))
