"""The event log: read in commit order, with nothing skipped however transactions overlap."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from database.events import EventLog, EventRecord, StreamCursor, cursor_of
from database.people import PeopleStore
from database.pool import Pool, open_pool
from database.tickets import TicketStore
from domain.errors import InvalidError
from domain.people import Role
from domain.ticket import Priority
from domain.ticket_commands import AddReply, AssignTicket, EditTicket
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.factories import ADMIN, AGENT, NOW, REQUESTER, author, store_desk

BEGINNING = StreamCursor(1, 0, 0)
NAIVE = "select type from events where id > $1 order by id"
"""The query that everybody writes first."""


async def write(connection: "asyncpg.Connection[asyncpg.Record]", type: str) -> int:
    """Write an event; returns the id that it drew."""
    return int(
        await connection.fetchval(
            "insert into events (topic, type, at, actor_kind, internal, data) "
            "values ('tickets', $1, now(), 'timer', false, '{}') returning id",
            type,
        )
    )


@asynccontextmanager
async def writers(dsn: str, count: int) -> AsyncIterator[list["asyncpg.Connection[asyncpg.Record]"]]:
    connections = [await asyncpg.connect(dsn) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            await connection.close()


def types_of(events: list[EventRecord]) -> list[str]:
    return [event.type for event in events]


# The cursor.


@pytest.mark.parametrize(
    "cursor", [BEGINNING, StreamCursor(7, 812, 3), StreamCursor(999_999_999, 2**63 - 1, 2**63 - 1)], ids=str
)
def test_a_cursor_is_read_back_as_it_was_written(cursor: StreamCursor) -> None:
    assert StreamCursor.parse(str(cursor)) == cursor
    assert cursor_of(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.2",
        "1-2",
        "1.2-",
        ".2-3",
        "1.2-3 ",
        " 1.2-3",
        "1.2-3\n",
        "1.2-3-4",
        "-1.2-3",
        "1.-2-3",
        "a.b-c",
        "1,2-3",
        "1.2-9223372036854775808",
        "1.9223372036854775808-3",
        "1.2-99999999999999999999",
        "1234567890.2-3",
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        StreamCursor.parse(text)


def test_cursors_are_ordered_as_the_log_is() -> None:
    cursors = [StreamCursor(2, 1, 1), StreamCursor(1, 10, 3), StreamCursor(1, 9, 5), StreamCursor(1, 10, 2), BEGINNING]

    assert [str(cursor) for cursor in sorted(cursors)] == ["1.0-0", "1.9-5", "1.10-2", "1.10-3", "2.1-1"]


# Overlapping transactions.


async def test_an_event_that_commits_late_is_never_skipped(log: EventLog, pool: Pool, desk_dsn: str) -> None:
    """The slow transaction draws the lower id and commits last. A reader who asks for `id > last` never meets it."""
    start = await log.now()
    async with writers(desk_dsn, 2) as (slow, quick):
        transaction = slow.transaction()
        await transaction.start()
        slow_id = await write(slow, "slow")
        quick_id = await write(quick, "quick")
        assert slow_id < quick_id

        naive_first = [row["type"] for row in await pool.fetch(NAIVE, slow_id - 1)]
        first = await log.after(start)
        await transaction.commit()
        naive_second = [row["type"] for row in await pool.fetch(NAIVE, quick_id)]
        second = await log.after(first[-1].cursor if first else start)

    assert naive_first + naive_second == ["quick"], "the naive reader has lost the slow event for ever"
    assert first == [], "nothing is shown that something might still get ahead of"
    assert types_of(second) == ["slow", "quick"]


async def test_a_transaction_that_began_earlier_but_wrote_later_is_never_skipped_either(
    log: EventLog, pool: Pool, desk_dsn: str
) -> None:
    """Here the ids are in the order of the commits, and those of the transactions are not."""
    start = await log.now()
    async with writers(desk_dsn, 2) as (slow, quick):
        transaction = slow.transaction()
        await transaction.start()
        await slow.fetchval("select pg_current_xact_id()")
        quick_id = await write(quick, "quick")
        first = await log.after(start)
        slow_id = await write(slow, "slow")
        await transaction.commit()
        second = await log.after(first[-1].cursor if first else start)

    assert quick_id < slow_id
    assert types_of([*first, *second]) == ["slow", "quick"]


async def test_what_was_rolled_back_was_never_there(log: EventLog, desk_dsn: str) -> None:
    start = await log.now()
    async with writers(desk_dsn, 2) as (undone, kept):
        transaction = undone.transaction()
        await transaction.start()
        await write(undone, "undone")
        await write(kept, "kept")
        await transaction.rollback()

    assert types_of(await log.after(start)) == ["kept"]


async def test_a_transaction_that_only_reads_holds_nobody_up(log: EventLog, desk_dsn: str) -> None:
    start = await log.now()
    async with writers(desk_dsn, 2) as (idle, writer):
        transaction = idle.transaction()
        await transaction.start()
        await idle.fetchval("select count(*) from events")
        await write(writer, "written")
        seen = await log.after(start)
        await transaction.rollback()

    assert types_of(seen) == ["written"]


@pytest.mark.parametrize("seed", range(5))
async def test_however_transactions_overlap_a_reader_gets_every_event_once_and_in_order(
    log: EventLog, desk_dsn: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  nothing secret
    start = await log.now()
    cursor = start
    seen: list[EventRecord] = []
    committed: set[str] = set()
    async with writers(desk_dsn, 4) as connections:
        open_transactions: dict[int, tuple[asyncpg.transaction.Transaction, list[str]]] = {}
        for step in range(120):
            place = chance.randrange(len(connections))
            if place not in open_transactions:
                transaction = connections[place].transaction()
                await transaction.start()
                open_transactions[place] = (transaction, [])
            elif chance.random() < 0.6:
                await write(connections[place], f"event {step}")
                open_transactions[place][1].append(f"event {step}")
            else:
                transaction, written = open_transactions.pop(place)
                if chance.random() < 0.2:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    committed.update(written)
            events = await log.after(cursor, limit=chance.randint(1, 5))
            seen += events
            cursor = events[-1].cursor if events else cursor
        for transaction, written in open_transactions.values():
            await transaction.commit()
            committed.update(written)
    while events := await log.after(cursor, limit=7):
        seen += events
        cursor = events[-1].cursor

    assert sorted(str(event.type) for event in seen) == sorted(committed)
    assert [event.cursor for event in seen] == sorted(event.cursor for event in seen)
    assert [event.type for event in await log.after(start)] == [event.type for event in seen]
    assert len(committed) > 20


# Reading.


async def test_the_cursor_of_now_lies_behind_all_that_is_committed(log: EventLog, store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    now = await log.now()

    nothing = await log.after(now)
    await recorded(store, ticket, EditTicket(tags=("vip",)))

    assert nothing == []
    assert types_of(await log.after(now)) == ["ticket.edited"]


async def test_a_limit_leaves_the_rest_for_the_next_time(log: EventLog, store: TicketStore) -> None:
    start = await log.now()
    ticket = await stored_ticket(store, team="support")
    assigned = await recorded(store, ticket, AssignTicket(assignee_id=AGENT))
    await recorded(store, assigned, EditTicket(team="billing", priority=Priority.HIGH))

    first = await log.after(start, limit=3)
    second = await log.after(first[-1].cursor, limit=3)

    assert types_of(first) == ["ticket.opened", "ticket.assigned", "ticket.edited"]
    assert types_of(second) == ["ticket.moved", "ticket.unassigned"], "a change may be cut in the middle"


async def test_an_event_carries_who_did_it_whom_it_names_and_who_may_see_it_today(
    log: EventLog, store: TicketStore
) -> None:
    start = await log.now()
    ticket = await stored_ticket(store, title="On fire", team="support", at=NOW)
    later = NOW + timedelta(hours=1)
    assigned = await recorded(store, ticket, AssignTicket(assignee_id=AGENT), at=later)
    note = AddReply(text_id=await stored_text(store, ticket.number), internal=True)
    noted_ticket = await recorded(store, assigned, note)
    await recorded(store, noted_ticket, EditTicket(clear=("team",)))

    opened, named, noted, *_ = await log.after(start)

    assert (opened.ticket, opened.revision, opened.type, opened.at) == (ticket.number, 1, "ticket.opened", NOW)
    assert (opened.actor_kind, opened.actor_id, opened.actor_name) == ("person", REQUESTER, "requester")
    assert (opened.title, opened.requester_name, opened.internal) == ("On fire", "requester", False)
    assert (named.assignee_name, named.at, named.title) == ("agent", later, None)
    assert (noted.type, noted.internal, noted.title) == ("ticket.noted", True, None)
    for event in (opened, named, noted):
        assert (event.team, event.requester_id, event.assignee_id) == (None, REQUESTER, None), "as of today"


async def test_a_persons_change_is_an_event_of_its_own_topic(log: EventLog, people: PeopleStore) -> None:
    start = await log.now()

    await people.change(AGENT, author(ADMIN), role=Role.SUPERVISOR)

    (event,) = await log.after(start)
    assert (event.topic, event.type, event.person, event.internal) == ("people", "person.changed", AGENT, True)
    assert (event.ticket, event.actor_id, event.actor_name) == (None, ADMIN, "admin")


# The timeline.


async def test_a_timeline_tells_a_tickets_events_in_their_order_with_their_texts(
    log: EventLog, store: TicketStore
) -> None:
    ticket, other = await stored_ticket(store, title="On fire", description="All of it."), await stored_ticket(store)
    text, note = (
        await stored_text(store, ticket.number, "Use water."),
        await stored_text(store, ticket.number, "Oh no."),
    )
    replied = await recorded(store, ticket, AddReply(text_id=text))
    noted = await recorded(store, replied, AddReply(text_id=note, internal=True))
    await recorded(store, other, EditTicket(tags=("vip",)))

    whole = await log.timeline(ticket.number, 0, 50, with_internal=True)
    public = await log.timeline(ticket.number, 0, 50, with_internal=False)
    middle = await log.timeline(ticket.number, 1, 2, with_internal=True)

    assert [(item.revision, item.type, item.title, item.body) for item in whole] == [
        (1, "ticket.opened", "On fire", "All of it."),
        (2, "ticket.replied", None, "Use water."),
        (3, "ticket.status_changed", None, None),
        (4, "ticket.noted", None, "Oh no."),
    ]
    assert noted.revision == 4
    assert public == whole[:3]
    assert middle == whole[1:3]
    assert (whole[1].actor_name, whole[0].requester_name) == ("agent", "requester")


# Retention, and a log from elsewhere.


async def test_a_cursor_is_too_old_when_what_follows_it_is(log: EventLog, pool: Pool, desk_dsn: str) -> None:
    async with writers(desk_dsn, 1) as (writer,):
        await write(writer, "long ago")
        await pool.execute("update events set recorded_at = now() - interval '20 days'")
        await write(writer, "today")
    old, young = await log.after(BEGINNING)

    assert await log.is_older_than(BEGINNING, days=14)
    assert not await log.is_older_than(BEGINNING, days=30)
    assert not await log.is_older_than(old.cursor, days=14)
    assert not await log.is_older_than(young.cursor, days=14), "nothing follows: nothing can be missing"


async def test_an_open_writer_shows_for_how_long_it_has_held_the_stream_back(log: EventLog, desk_dsn: str) -> None:
    async with writers(desk_dsn, 1) as (slow,):
        transaction = slow.transaction()
        await transaction.start()
        await write(slow, "slow")
        first = await log.horizon_age_seconds()
        second = await log.horizon_age_seconds()
        await transaction.rollback()

    assert 0 < first <= second


@pytest.fixture
async def own_pool(database_dsn: str) -> AsyncIterator[Pool]:
    """A database of the test's own, for what no other test should see."""
    pool = await open_pool(database_dsn, size=2)
    await store_desk(pool)
    yield pool
    await pool.close()


async def test_a_log_that_came_from_another_cluster_begins_a_new_epoch(own_pool: Pool) -> None:
    """A restored dump brings transaction ids that this server reaches only after years."""
    log, store = EventLog(own_pool), TicketStore(own_pool)
    ticket = await stored_ticket(store)
    for tags in (("vip",), ("beta",)):
        ticket = await recorded(store, ticket, EditTicket(tags=tags))
    before = [event.type for event in await log.after(BEGINNING)]
    own = await log.now()
    # Later rows have lower transaction ids: the order of such a log is that of its row ids.
    await own_pool.execute("update events set xid = (4000000000 - id)::text::xid8")
    ticket = await recorded(store, ticket, EditTicket(tags=()))
    stuck = await log.after(own)

    epoch = await log.heal_epoch()

    assert types_of(stuck) == ["ticket.edited"], "the restored ones are ahead of the horizon"
    assert len(before) == 3
    assert epoch == 2
    healed = await log.after(StreamCursor(2, 0, 0))
    assert [event.revision for event in healed] == [1, 2, 3, 4]
    assert all(event.cursor.epoch == 2 for event in healed)
    assert (await log.now()).epoch == 2
    after_healing = await log.now()
    await recorded(store, ticket, EditTicket(tags=("new",)))
    assert [event.revision for event in await log.after(after_healing)] == [5]
    assert await log.heal_epoch() == 2, "what is healed stays as it is"


async def test_a_log_of_this_servers_own_stays_as_it_is(own_pool: Pool) -> None:
    log = EventLog(own_pool)
    await stored_ticket(TicketStore(own_pool))
    before = await log.after(BEGINNING)

    assert await log.heal_epoch() == 1
    assert await log.after(BEGINNING) == before
