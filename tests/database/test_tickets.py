"""Opening, recording and reading tickets: row and event together or not at all, and everything once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from database.bell import BELL, START_BELL
from database.pool import Pool
from database.ticket_statements import RECEIPTS_LOADED
from database.tickets import TicketStore
from domain.errors import (
    AssigneeUnavailableError,
    DomainError,
    IdempotencyKeyReusedError,
    RevisionMismatchError,
    UnknownReferenceError,
)
from domain.ids import PersonId, TextId, TicketNumber
from domain.sla_clock import Clock, TicketSla
from domain.ticket import Priority, Status
from domain.ticket_commands import AddReply, AssignTicket, ChangeStatus, ClaimTicket, EditTicket, Receipt
from domain.ticket_events import (
    TicketAssigned,
    TicketEdited,
    TicketEvent,
    TicketMoved,
    TicketNoted,
    TicketSlaChanged,
)
from domain.ticket_rules import decide
from tests.database.storing import recorded, rows_in, state_of, stored_text, stored_ticket
from tests.factories import (
    ADMIN,
    AGENT,
    BILLING_AGENT,
    BY_REQUESTER,
    INACTIVE_AGENT,
    NOW,
    OTHER_AGENT,
    OTHER_REQUESTER,
    REQUESTER,
    SUPERVISOR,
    change,
    command_id,
    envelope,
    opening_change,
    person_id,
    text_id,
    wording,
)

LATER = NOW + timedelta(hours=1)
NOBODY = person_id("nobody")


# Opening.


async def test_numbers_begin_at_1001_and_none_is_given_twice(store: TicketStore) -> None:
    numbers = await asyncio.gather(*(store.next_number() for _ in range(8)))

    assert sorted(numbers) == list(range(1001, 1009))


async def test_an_opening_stores_row_wording_event_and_start_request(pool: Pool, store: TicketStore) -> None:
    made = opening_change(1001, command_id=command_id("open"), fingerprint="digest", team="support", tags=("vip",))

    answer = await store.open(made, wording(made, "On fire", "All of it."))

    assert answer == (1001, "digest", True)
    record = await store.read(TicketNumber(1001))
    assert record is not None
    assert (record.title, record.description, record.requester_name) == ("On fire", "All of it.", "requester")
    assert (record.ticket.team, record.ticket.tags, record.ticket.revision) == ("support", ("vip",), 1)
    event = await pool.fetchrow("select type, revision, at, internal, actor_kind, actor_id, actor_role from events")
    assert event is not None
    assert tuple(event) == ("ticket.opened", 1, NOW, False, "person", REQUESTER, "requester")
    assert await pool.fetchval("select ticket_number from start_requests") == 1001


async def test_an_opening_rings_for_the_stream_and_for_the_relay(pool: Pool, store: TicketStore, desk_dsn: str) -> None:
    rung: set[str] = set()
    heard = asyncio.Event()

    def ring(_connection: object, _pid: int, channel: str, _payload: object) -> None:
        rung.add(channel)
        if rung == {BELL, START_BELL}:
            heard.set()

    listener = await asyncpg.connect(desk_dsn)
    for channel in (BELL, START_BELL):
        await listener.add_listener(channel, ring)
    await stored_ticket(store)

    await heard.wait()
    await listener.close()


async def test_an_opening_that_is_repeated_returns_the_first_ones_ticket(pool: Pool, store: TicketStore) -> None:
    first = opening_change(1001, command_id=command_id("open"), fingerprint="digest")
    again = opening_change(1002, command_id=command_id("open"), fingerprint="digest")
    await store.open(first, wording(first))
    before = await rows_in(pool)

    answer = await store.open(again, wording(again))

    assert answer == (1001, "digest", False)
    assert await rows_in(pool) == before


async def test_an_opening_under_a_known_id_tells_the_fingerprint_that_came_first(store: TicketStore) -> None:
    first = opening_change(1001, command_id=command_id("open"), fingerprint="digest")
    other = opening_change(1002, command_id=command_id("open"), fingerprint="another digest")
    await store.open(first, wording(first))

    assert await store.open(other, wording(other)) == (1001, "digest", False)


async def test_openings_under_one_id_at_the_same_time_make_one_ticket(pool: Pool, store: TicketStore) -> None:
    changes = [opening_change(1001 + place, command_id=command_id("open")) for place in range(5)]

    answers = await asyncio.gather(*(store.open(made, wording(made)) for made in changes))

    assert sorted(answer.is_new for answer in answers) == [False, False, False, False, True]
    assert len({answer.number for answer in answers}) == 1
    assert await rows_in(pool) == {
        "tickets": 1,
        "ticket_texts": 1,
        "ticket_commands": 1,
        "events": 1,
        "start_requests": 1,
    }


@pytest.mark.parametrize(
    ("unknown", "sentence"),
    [
        ({"category": "gardening"}, "no such category"),
        ({"team": "gardeners"}, "no such team"),
        ({"requester_id": NOBODY}, "no such requester"),
    ],
    ids=str,
)
async def test_an_opening_that_names_something_unknown_is_refused_and_leaves_nothing(
    pool: Pool, store: TicketStore, unknown: dict[str, Any], sentence: str
) -> None:
    made = opening_change(1001, **unknown)

    with pytest.raises(UnknownReferenceError, match=sentence):
        await store.open(made, wording(made))

    assert set((await rows_in(pool)).values()) == {0}


async def test_a_refused_opening_may_be_sent_again_under_its_id(store: TicketStore) -> None:
    refused = opening_change(1001, command_id=command_id("open"), category="gardening")
    mended = opening_change(1002, command_id=command_id("open"), category="billing")
    with pytest.raises(UnknownReferenceError):
        await store.open(refused, wording(refused))

    assert await store.open(mended, wording(mended)) == (1002, "", True)


# Recording.


async def test_a_change_is_recorded_in_row_and_events(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    text = await stored_text(store, ticket.number)
    made = decide(ticket, envelope(AddReply(text_id=text), id=command_id("reply"), fingerprint="digest"), LATER)

    receipt = await store.record(made)

    assert receipt == Receipt(command_id=made.command_id, first_revision=2, revision=3, fingerprint="digest", at=LATER)
    state = await state_of(store, ticket.number)
    assert (state.status, state.revision, state.first_responded_at, state.updated_at) == (Status.OPEN, 3, LATER, LATER)
    rows = await pool.fetch(
        "select revision, type, at, text_id, internal, actor_id, actor_role from events where revision > 1 order by 1"
    )
    assert [tuple(row) for row in rows] == [
        (2, "ticket.replied", LATER, text, False, AGENT, "agent"),
        (3, "ticket.status_changed", LATER, None, False, AGENT, "agent"),
    ]


async def test_the_events_of_one_change_lie_in_one_transaction_in_their_order(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store, team="support")
    assigned = await recorded(store, ticket, AssignTicket(assignee_id=AGENT))
    await recorded(store, assigned, EditTicket(team="billing", priority=Priority.HIGH))

    rows = await pool.fetch("select xid::text, revision from events order by xid, id")

    assert [row["revision"] for row in rows] == [1, 2, 3, 4, 5]
    assert len({row["xid"] for row in rows[2:]}) == 1


async def test_a_note_is_recorded_as_internal(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    text = await stored_text(store, ticket.number)

    await recorded(store, ticket, AddReply(text_id=text, internal=True))

    assert await pool.fetchval("select internal from events where revision = 2")


async def test_a_change_that_is_recorded_again_gives_the_first_receipt(pool: Pool, store: TicketStore) -> None:
    """An activity may be tried again after its answer was lost."""
    ticket = await stored_ticket(store)
    made = decide(ticket, envelope(ClaimTicket(), fingerprint="digest"), NOW)
    first = await store.record(made)
    moved_on = await recorded(store, await state_of(store, ticket.number), EditTicket(tags=("vip",)))
    before = await rows_in(pool)

    again = await store.record(made)

    assert again == first.model_copy(update={"is_repeat": True})
    assert await rows_in(pool) == before
    assert await state_of(store, ticket.number) == moved_on


async def test_a_change_under_a_known_id_gives_the_receipt_that_came_first(store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    first = await store.record(
        change(ticket, TicketEdited(tags=("vip",)), command_id=command_id("a"), fingerprint="one")
    )
    changed = await state_of(store, ticket.number)

    again = await store.record(
        change(changed, TicketEdited(tags=("beta",)), command_id=command_id("a"), fingerprint="two", at=LATER)
    )

    assert again == first.model_copy(update={"is_repeat": True})
    assert again.fingerprint == "one"
    assert await state_of(store, ticket.number) == changed


async def test_a_change_recorded_many_times_at_once_is_stored_once(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    made = decide(ticket, envelope(ClaimTicket()), NOW)

    receipts = await asyncio.gather(*(store.record(made) for _ in range(5)))

    assert sorted(receipt.is_repeat for receipt in receipts) == [False, True, True, True, True]
    assert len({receipt.model_copy(update={"is_repeat": False}) for receipt in receipts}) == 1
    assert (await state_of(store, ticket.number)).revision == 2
    assert (await rows_in(pool))["events"] == 2


async def test_of_two_changes_of_one_revision_the_second_is_told_to_look_again(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    changes = [change(ticket, TicketEdited(tags=(tag,))) for tag in ("vip", "beta")]

    answers = await asyncio.gather(*(store.record(made) for made in changes), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["Receipt", "RevisionMismatchError"]
    assert (await rows_in(pool))["events"] == 2


@pytest.mark.parametrize("first_revision", [1, 2, 4])
async def test_a_change_of_another_revision_is_refused(pool: Pool, store: TicketStore, first_revision: int) -> None:
    ticket = await recorded(store, await stored_ticket(store), ClaimTicket())
    before = await rows_in(pool)

    with pytest.raises(RevisionMismatchError, match=f"not at revision {first_revision - 1}"):
        await store.record(change(ticket, TicketEdited(tags=("vip",)), first_revision=first_revision))

    assert await rows_in(pool) == before


async def test_a_change_of_a_ticket_that_is_not_there_is_refused(store: TicketStore) -> None:
    with pytest.raises(RevisionMismatchError, match="not in the database"):
        await store.record(change((await stored_ticket(store)).model_copy(update={"number": 4711}), TicketEdited()))


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        pytest.param(TicketEdited(category="gardening"), "no such category", id="category"),
        pytest.param(TicketMoved(team="gardeners", previous=None), "no such team", id="team"),
        pytest.param(TicketNoted(text_id=text_id("unknown")), "no such text", id="text"),
        pytest.param(TicketEdited(wording_id=text_id("unknown")), "no such text", id="wording"),
    ],
)
async def test_a_change_that_names_something_unknown_is_refused_and_leaves_nothing(
    pool: Pool, store: TicketStore, event: TicketEvent, sentence: str
) -> None:
    ticket = await stored_ticket(store)
    before = await rows_in(pool)

    with pytest.raises(UnknownReferenceError, match=sentence):
        await store.record(change(ticket, event))

    assert await rows_in(pool) == before
    assert await state_of(store, ticket.number) == ticket


async def test_a_text_of_another_ticket_is_no_text_of_this_one(store: TicketStore) -> None:
    ticket, other = await stored_ticket(store), await stored_ticket(store)
    text = await stored_text(store, other.number)

    with pytest.raises(UnknownReferenceError, match="no such text of this ticket"):
        await store.record(decide(ticket, envelope(AddReply(text_id=text)), NOW))


async def test_an_id_that_belongs_to_another_tickets_command_is_a_reused_key(store: TicketStore) -> None:
    """Any other error would be retried for ever, and hold up the ticket's workflow all the while."""
    ticket, other = await stored_ticket(store), await stored_ticket(store)
    await store.record(decide(other, envelope(ClaimTicket(), id=command_id("claim")), NOW))

    with pytest.raises(IdempotencyKeyReusedError):
        await store.record(decide(ticket, envelope(ClaimTicket(), id=command_id("claim")), NOW))

    assert await state_of(store, ticket.number) == ticket


# Assignees.


@pytest.mark.parametrize(
    ("person", "team", "is_fit"),
    [
        pytest.param(AGENT, "support", True, id="an agent of the team"),
        pytest.param(BILLING_AGENT, "support", False, id="an agent of another team"),
        pytest.param(BILLING_AGENT, None, True, id="any agent, where there is no team"),
        pytest.param(SUPERVISOR, "support", True, id="a supervisor, in every team"),
        pytest.param(ADMIN, "billing", True, id="an admin, in every team"),
        pytest.param(OTHER_REQUESTER, None, False, id="a requester"),
        pytest.param(INACTIVE_AGENT, "support", False, id="an agent who left"),
        pytest.param(NOBODY, None, False, id="nobody we know"),
    ],
)
async def test_who_may_be_assigned(
    pool: Pool, store: TicketStore, person: PersonId, team: str | None, is_fit: bool
) -> None:
    ticket = await stored_ticket(store, team=team)
    made = decide(ticket, envelope(AssignTicket(assignee_id=person)), NOW)
    before = await rows_in(pool)
    if is_fit:
        await store.record(made)
        assert (await state_of(store, ticket.number)).assignee_id == person
    else:
        with pytest.raises(AssigneeUnavailableError, match=str(person)):
            await store.record(made)
        assert await rows_in(pool) == before
        assert (await state_of(store, ticket.number)).assignee_id is None


async def test_an_assignee_must_fit_the_team_that_the_change_ends_in(store: TicketStore) -> None:
    ticket = await stored_ticket(store, team="support")
    move = TicketMoved(team="billing", previous="support")

    with pytest.raises(AssigneeUnavailableError, match="not in team billing"):
        await store.record(change(ticket, move, TicketAssigned(assignee_id=AGENT, previous_id=None)))
    await store.record(change(ticket, move, TicketAssigned(assignee_id=BILLING_AGENT, previous_id=None)))


# Loading and reading.


async def test_loading_gives_the_state_and_ends_the_start_request(pool: Pool, store: TicketStore) -> None:
    ticket, other = await stored_ticket(store), await stored_ticket(store)

    assert await store.load(ticket.number) == (ticket, [])
    assert await store.load(ticket.number) == (ticket, [])
    assert [row[0] for row in await pool.fetch("select ticket_number from start_requests")] == [other.number]


async def test_there_is_nothing_to_load_or_read_of_a_ticket_that_was_never_opened(store: TicketStore) -> None:
    never = TicketNumber(4711)

    assert await store.load(never) is None
    assert await store.state(never) is None
    assert await store.read(never) is None
    assert await store.read_as_of(never, 1) is None
    assert await store.receipt(never, command_id("claim"), AGENT) is None


async def test_a_text_is_stored_once(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    for body in ("first", "second"):
        await store.add_text(text_id("reply"), ticket.number, AGENT, None, body)

    assert await pool.fetchval("select body from ticket_texts where id = $1", text_id("reply")) == "first"


async def test_readers_see_the_present_wording_and_the_names(store: TicketStore) -> None:
    ticket = await stored_ticket(store, title="Old", description="Old words.")
    new = TextId(uuid4())
    await store.add_text(new, ticket.number, REQUESTER, "New", "New words.")
    reworded = await recorded(store, ticket, EditTicket(wording_id=new), by=BY_REQUESTER)
    await recorded(store, reworded, AssignTicket(assignee_id=OTHER_AGENT))

    record = await store.read(ticket.number)

    assert record is not None
    assert (record.title, record.description) == ("New", "New words.")
    assert (record.requester_name, record.assignee_name) == ("requester", "other agent")


async def test_a_ticket_can_be_read_as_it_was_after_each_of_its_events(store: TicketStore) -> None:
    first = await stored_ticket(store, title="Old", team="support")
    second = await recorded(store, first, AssignTicket(assignee_id=AGENT), at=LATER)
    new = TextId(uuid4())
    await store.add_text(new, first.number, AGENT, "New", "New words.")
    third = await recorded(store, second, EditTicket(wording_id=new), at=LATER)
    last = await recorded(store, third, EditTicket(team="billing"), at=LATER)

    as_of = [await store.read_as_of(first.number, revision) for revision in range(1, 7)]

    seen = [(record.ticket, record.title, record.assignee_name) for record in as_of if record is not None]
    assert seen[:3] == [(first, "Old", None), (second, "Old", "agent"), (third, "New", "agent")]
    assert (seen[3][0].team, seen[3][0].assignee_id, seen[3][2]) == ("billing", AGENT, "agent")
    assert seen[4:] == [(last, "New", None), (last, "New", None)]
    assert await store.read_as_of(first.number, 0) is None


async def test_what_a_command_came_to_is_told_at_its_own_ticket_to_who_sent_it(store: TicketStore) -> None:
    ticket, other = await stored_ticket(store), await stored_ticket(store)
    receipt = await store.record(decide(ticket, envelope(ClaimTicket(), id=command_id("claim")), LATER))

    assert await store.receipt(ticket.number, command_id("claim"), AGENT) == receipt
    assert await store.receipt(ticket.number, command_id("claim"), OTHER_AGENT) is None
    assert await store.receipt(other.number, command_id("claim"), AGENT) is None
    assert await store.receipt(ticket.number, command_id("wake"), AGENT) is None


async def test_a_workflow_ought_to_run_until_the_reopen_window_has_ended(store: TicketStore) -> None:
    now = datetime.now(UTC)
    states = {"open": now, "just closed": now, "closed long ago": now - timedelta(days=31)}
    numbers = {}
    for name, at in states.items():
        ticket = await stored_ticket(store, at=at)
        numbers[name] = ticket.number
        if name != "open":
            resolved = await recorded(store, ticket, ChangeStatus(status=Status.RESOLVED), at=at)
            await recorded(store, resolved, ChangeStatus(status=Status.CLOSED), at=at)

    expected = [await state_of(store, numbers[name]) for name in ("open", "just closed")]
    assert await store.running() == {ticket.number: ticket for ticket in expected}


async def test_texts_whose_command_never_came_to_be_are_forgotten_after_a_day(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    used, unused = await stored_text(store, ticket.number), await stored_text(store, ticket.number)
    await recorded(store, ticket, AddReply(text_id=used))
    await pool.execute("update ticket_texts set created_at = now() - interval '25 hours'")
    fresh = await stored_text(store, ticket.number)

    assert await store.forget_unused_texts() == 1
    assert await store.forget_unused_texts() == 0
    left = {row[0] for row in await pool.fetch("select id from ticket_texts")}
    assert left == {ticket.wording_id, used, fresh}
    assert unused not in left


# The sum of the events.


async def test_nothing_of_a_refused_change_stays_behind_also_when_only_the_commit_refuses_it(
    pool: Pool, store: TicketStore
) -> None:
    """The wording's reference is checked at the commit, when all has been written."""
    ticket = await stored_ticket(store)
    made = change(ticket, TicketEdited(wording_id=text_id("unknown")), command_id=command_id("edit"))

    with pytest.raises(DomainError):
        await store.record(made)

    assert await store.receipt(ticket.number, command_id("edit"), AGENT) is None
    assert await pool.fetchval("select count(*) from events where revision > 1") == 0


async def test_a_cycle_that_ended_as_the_next_began_is_not_left_running(pool: Pool, store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    policy = await pool.fetchval("select min(id) from sla_policy_versions")
    calendar = await pool.fetchval("select min(id) from sla_calendar_versions")
    first = Clock(
        audience="team",
        target="resolution",
        goal=timedelta(hours=1),
        why="came to the team",
        policy_version=policy,
        calendar_version=calendar,
        started_at=NOW,
        since=NOW,
    )
    ended = first.model_copy(update={"phase": "cancelled", "since": LATER, "ended_at": LATER, "used": LATER - NOW})
    second = first.model_copy(update={"cycle": 2, "started_at": LATER, "since": LATER})
    terms = {"policy_version": policy, "calendar_version": calendar, "zone_data": "test"}

    began = change(ticket, TicketSlaChanged(sla=TicketSla(**terms, clocks=(first,))))
    await store.record(began)
    moved = TicketSlaChanged(sla=TicketSla(**terms, clocks=(second,)), over=(ended,))
    await store.record(change(await state_of(store, ticket.number), moved, at=LATER))

    rows = await pool.fetch("select cycle, phase, used_seconds, ended_at from sla_clocks order by cycle")
    assert [tuple(row) for row in rows] == [(1, "cancelled", 3600, LATER), (2, "running", 0, None)]


async def test_a_ticket_is_loaded_with_the_receipts_of_its_last_commands(store: TicketStore) -> None:
    ticket = await stored_ticket(store)
    receipts = []
    for number in range(RECEIPTS_LOADED + 3):
        made = decide(ticket, envelope(EditTicket(tags=(f"tag-{number}",)), fingerprint=f"digest {number}"), NOW)
        receipts.append(await store.record(made))
        ticket = await state_of(store, ticket.number)

    assert await store.load(ticket.number) == (ticket, receipts[3:])
