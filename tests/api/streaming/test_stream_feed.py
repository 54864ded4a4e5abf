"""The feed and its subscribers, on a log that a test writes: who is told, who is cut, and what a stream costs."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from starlette.types import Message

from api.credentials.principals import Principals
from api.http.http_protocol import ABORT
from api.streaming.event_pages import PAGE, EventPages
from api.streaming.event_stream_response import EventStreamResponse, Line
from api.streaming.feed import MAX_STREAMS_PER_PERSON, SEND_SECONDS, Feed
from api.streaming.heartbeat import HEARTBEAT, TURNS, Heartbeat
from api.streaming.subscriber import MAX_BYTES, MAX_FRAMES, PIECE_BYTES, Subscriber
from database.credentials import CredentialId, Principal
from database.events import EventRecord, StreamCursor
from database.people import PersonRecord
from domain.ids import PersonId, TicketNumber
from domain.people import Role
from domain.ticket import Slug
from tests.api.streaming.test_stream_audiences import event
from tests.factories import AGENT, OTHER_AGENT, REQUESTER, SUPERVISOR, person_id

START = StreamCursor(1, 1, 0)


class FakeLog:
    """A log in memory. Counts how often it was read."""

    def __init__(self) -> None:
        self.events: list[EventRecord] = []
        self.reads: list[StreamCursor] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def add(self, **changes: Any) -> EventRecord:
        self.events.append(event(cursor=StreamCursor(1, 1, len(self.events) + 1), **changes))
        return self.events[-1]

    @property
    def end(self) -> StreamCursor:
        return self.events[-1].cursor if self.events else START

    async def heal_epoch(self) -> int:
        return 1

    async def now(self) -> StreamCursor:
        return self.end

    async def after(self, cursor: StreamCursor, limit: int) -> list[EventRecord]:
        self.reads.append(cursor)
        found = [one for one in self.events if one.cursor > cursor][:limit]
        await self.may_answer.wait()
        return found


class FakePeople:
    """Who is signed in, by their credential."""

    def __init__(self) -> None:
        self._people: dict[CredentialId, Principal] = {}

    def is_there(
        self, id: PersonId, role: Role, *teams: Slug, credential: CredentialId | None = None, is_active: bool = True
    ) -> Principal:
        record = PersonRecord(
            id=id, email="", name="", role=role, teams=teams, is_active=is_active, password_hash=None, tier="standard",
            kind="person", organisation=None, sees_organisation=False, email_verified_at=None,
        )  # fmt: skip
        credential = credential or CredentialId("session", uuid4())
        until = datetime.now(UTC) + timedelta(days=1)
        self._people[credential] = Principal(credential, record, None, None, until, is_revoked=False)
        return self._people[credential]

    async def read(self, credential: CredentialId) -> Principal | None:
        return self._people.get(credential)


class FakeClient:
    """The far end of a stream: reads what is sent unless it is told to stop, until it leaves or is dropped."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.left = asyncio.Event()
        self.scope = {"type": "http", "extensions": {ABORT: {"drop": self.leave}}}

    def leave(self) -> None:
        self.left.set()
        self.reads.set()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.body" and not self.left.is_set():
            self.sent.append(message["body"])


class FakeDesk:
    """A feed on a log in memory, running, and its listeners."""

    def __init__(self) -> None:
        self.log = FakeLog()
        self.people = FakePeople()
        self.feed = Feed(self.log, Principals(self.people))

    async def listen(
        self, principal: Principal, *, topics: frozenset[str] = frozenset(), ticket: TicketNumber | None = None,
        client: FakeClient | None = None,
    ) -> Subscriber:  # fmt: skip
        client = client or FakeClient()
        subscriber = Subscriber(principal, topics, ticket, Line(client.scope, client.send))
        self.feed.attach(subscriber)
        await self.feed.join(subscriber, None)
        subscriber.is_live = True
        return subscriber

    async def happens(self, **changes: Any) -> EventRecord:
        """Returns when the feed has told it."""
        added = self.log.add(**changes)
        self.feed.ring()
        while await self.feed.place() < added.cursor:
            await asyncio.sleep(0)
        return added


@pytest.fixture
async def desk() -> AsyncIterator[FakeDesk]:
    desk = FakeDesk()
    running = asyncio.create_task(desk.feed.run())
    yield desk
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def heard(subscriber: Subscriber) -> bytes:
    return await asyncio.wait_for(subscriber.next(), 5)


async def test_all_who_see_an_event_are_given_the_same_bytes(desk: FakeDesk) -> None:
    one = await desk.listen(desk.people.is_there(AGENT, Role.AGENT, "support"))
    other = await desk.listen(desk.people.is_there(SUPERVISOR, Role.SUPERVISOR))
    owner = await desk.listen(desk.people.is_there(REQUESTER, Role.REQUESTER))
    stranger = await desk.listen(desk.people.is_there(person_id("stranger"), Role.REQUESTER))

    await desk.happens(team="support", internal=True, data='{"note": 1}')

    block = await heard(one)
    assert await heard(other) is block
    assert owner.is_idle
    assert stranger.is_idle


async def test_topics_and_a_ticket_narrow_what_is_told(desk: FakeDesk) -> None:
    supervisor = desk.people.is_there(SUPERVISOR, Role.SUPERVISOR)
    of_topic = await desk.listen(supervisor, topics=frozenset({"presence"}))
    of_ticket = await desk.listen(supervisor, ticket=TicketNumber(1002))

    await desk.happens(ticket=TicketNumber(1001))
    assert of_topic.is_idle
    assert of_ticket.is_idle
    await desk.happens(topic="presence", ticket=None, requester_id=None, person=AGENT)
    await desk.happens(ticket=TicketNumber(1002))
    assert b"event: ticket.opened" in await heard(of_ticket)
    assert b"ticket" in await heard(of_topic)


async def test_a_notification_is_for_its_person_alone(desk: FakeDesk) -> None:
    mine = await desk.listen(desk.people.is_there(AGENT, Role.AGENT, "support"))
    others = await desk.listen(desk.people.is_there(SUPERVISOR, Role.ADMIN))

    await desk.happens(topic="notifications", type="notification.created", ticket=None, requester_id=None, person=AGENT)

    assert b"event: notification.created" in await heard(mine)
    assert others.is_idle


async def test_the_index_follows_a_person_whose_team_changes(desk: FakeDesk) -> None:
    principal = desk.people.is_there(AGENT, Role.AGENT, "support")
    agent = await desk.listen(principal)

    desk.people.is_there(AGENT, Role.AGENT, "billing", credential=principal.credential)
    await desk.happens(type="person.changed", topic="people", ticket=None, requester_id=None, person=AGENT)
    await desk.happens(team="support")
    assert agent.is_idle
    await desk.happens(team="billing")
    assert not agent.is_idle


async def test_a_person_who_is_gone_hears_nothing_of_what_waited_for_them(desk: FakeDesk) -> None:
    principal = desk.people.is_there(AGENT, Role.AGENT, "support")
    agent = await desk.listen(principal)
    await desk.happens(team="support")

    desk.people.is_there(AGENT, Role.AGENT, credential=principal.credential, is_active=False)
    await desk.happens(type="person.changed", topic="people", ticket=None, requester_id=None, person=AGENT)

    assert agent.end_reason == "signed out"
    assert await heard(agent) == b""
    assert agent.left_at is None


# Bounds.


async def test_a_client_that_does_not_read_is_cut_and_others_hear_all(desk: FakeDesk) -> None:
    slow = await desk.listen(desk.people.is_there(AGENT, Role.AGENT, "support"))
    quick = await desk.listen(desk.people.is_there(OTHER_AGENT, Role.AGENT, "support"))
    blocks = []
    for _ in range(MAX_FRAMES + 1):
        await desk.happens(team="support")
        blocks.append(await heard(quick))

    assert len(blocks) == MAX_FRAMES + 1
    assert quick.end_reason is None
    assert slow.end_reason == "too slow"
    assert await heard(slow) == b""
    assert slow.left_at is None


async def test_a_queue_is_bounded_in_bytes_too(desk: FakeDesk) -> None:
    slow = await desk.listen(desk.people.is_there(AGENT, Role.AGENT, "support"))
    size = MAX_BYTES // 8
    for turn in range(7):
        await desk.happens(team="support", title=str(turn) * size)
    assert slow.end_reason is None
    await desk.happens(team="support", title="x" * size)

    assert slow.end_reason == "too slow"


async def test_a_full_queue_is_sent_in_pieces(desk: FakeDesk) -> None:
    reader = await desk.listen(desk.people.is_there(AGENT, Role.AGENT, "support"))
    told = [await desk.happens(team="support", title=str(turn) * 10_000) for turn in range(9)]
    pieces = []
    while not reader.is_idle:
        pieces.append(await heard(reader))

    assert len(pieces) == 2
    assert all(len(piece) < PIECE_BYTES + 11_000 for piece in pieces)
    assert [b"".join(pieces).count(f"id: {one.cursor}\n".encode()) for one in told] == [1] * 9


async def test_of_too_many_streams_of_a_person_the_oldest_ends(desk: FakeDesk) -> None:
    principal = desk.people.is_there(AGENT, Role.AGENT, "support")
    streams = [await desk.listen(principal) for _ in range(MAX_STREAMS_PER_PERSON + 2)]
    other = await desk.listen(desk.people.is_there(OTHER_AGENT, Role.AGENT, "support"))

    assert [one.end_reason for one in streams[:2]] == ["too many streams"] * 2
    assert {one.end_reason for one in (*streams[2:], other)} == {None}


async def test_a_stream_that_ends_in_order_says_where_to_go_on(desk: FakeDesk) -> None:
    agent = await desk.listen(desk.people.is_there(AGENT, Role.AGENT, "support"))
    told = await desk.happens(team="support")
    unseen = await desk.happens(team="billing")

    desk.feed.drain()
    later = await desk.happens(team="support")

    assert f"id: {told.cursor}\n".encode() in await heard(agent)
    assert await heard(agent) == b""
    assert agent.left_at == unseen.cursor < later.cursor


async def test_a_stream_that_has_not_read_all_that_it_missed_does_not_say_where(desk: FakeDesk) -> None:
    agent = await desk.listen(desk.people.is_there(AGENT, Role.AGENT, "support"))
    agent.is_live = False

    desk.feed.drain()

    assert agent.left_at is None


async def test_whoever_comes_while_the_process_stops_is_sent_on(desk: FakeDesk) -> None:
    desk.feed.drain()

    assert (await desk.listen(desk.people.is_there(AGENT, Role.AGENT))).end_reason == "shutdown"


async def test_a_client_that_has_not_read_for_long_is_too_slow(desk: FakeDesk) -> None:
    agent = await desk.listen(desk.people.is_there(AGENT, Role.AGENT, "support"))

    agent.line.busy_since = time.monotonic() - SEND_SECONDS + 1
    desk.feed.beat(agent)
    assert agent.end_reason is None
    agent.line.busy_since = time.monotonic() - SEND_SECONDS - 1
    desk.feed.beat(agent)

    assert agent.end_reason == "too slow"


# The log's pages.


async def test_what_many_ask_for_at_once_is_read_once() -> None:
    log = FakeLog()
    log.add()
    log.may_answer.clear()
    pages = EventPages(log)
    asking = [asyncio.create_task(pages.read_together(START)) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    log.may_answer.set()
    answers = await asyncio.gather(*asking[1:])

    assert len(log.reads) == 1
    assert all(answer is answers[0] for answer in answers)
    log.add()
    assert len(await pages.read_together(START)) == 2


async def test_few_pages_are_read_at_the_same_time() -> None:
    log = FakeLog()
    for _ in range(PAGE):
        log.add()
    log.may_answer.clear()
    pages = EventPages(log)
    asking = [asyncio.create_task(pages.read(one.cursor)) for one in log.events[:50]]
    for _ in range(10):
        await asyncio.sleep(0)

    assert len(log.reads) == 4
    log.may_answer.set()
    await asyncio.gather(*asking)
    assert len(log.reads) == 50


# The line and its heartbeat.


async def test_a_line_that_ended_in_order_is_not_dropped_any_more() -> None:
    client = FakeClient()
    lines: list[Line] = []

    async def tell(line: Line) -> None:
        lines.append(line)

    await EventStreamResponse(tell)(client.scope, client.receive, client.send)
    lines[0].cut()

    assert not client.left.is_set()


async def test_heartbeats_come_in_turns() -> None:
    beaten: list[int] = []
    heartbeat = Heartbeat(beaten.append, seconds=0)
    for one in range(TURNS * 2):
        heartbeat.add(one)
    heartbeat.remove(0)
    running = asyncio.create_task(heartbeat.run())
    while len(beaten) < 3:
        await asyncio.sleep(0)
    assert set(beaten[:3]) <= {1, 2, TURNS, TURNS + 1, TURNS + 2}
    while len(beaten) < TURNS * 2 - 1:
        await asyncio.sleep(0)
    running.cancel()

    assert sorted(beaten[: TURNS * 2 - 1]) == list(range(1, TURNS * 2))


async def test_a_stream_on_which_nothing_happens_hears_a_comment(desk: FakeDesk) -> None:
    agent = await desk.listen(desk.people.is_there(AGENT, Role.AGENT, "support"))
    busy = await desk.listen(desk.people.is_there(OTHER_AGENT, Role.AGENT, "support"))
    await desk.happens(team="support")
    await heard(agent)

    desk.feed.beat(agent)
    desk.feed.beat(busy)

    assert await heard(agent) == HEARTBEAT
    assert HEARTBEAT not in await heard(busy)
