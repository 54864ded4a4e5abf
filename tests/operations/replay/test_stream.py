from collections.abc import AsyncIterator

import pytest

from operations.replay.desk import Desk, Person
from operations.replay.evidence import heard_event, place_of
from operations.replay.proof import HeardEvent
from operations.replay.stream import Message, StreamReader, blocks
from tests.operations.replay.fake_desk import FakeDesk

pytestmark = pytest.mark.asyncio


async def lines(text: str) -> AsyncIterator[bytes]:
    for line in text.splitlines(keepends=True):
        yield line.encode()


async def test_blocks_are_read_and_comments_left_out() -> None:
    text = ": ping\n\nid: 1.7-3\nevent: ticket.opened\ndata: {}\n\nretry: 5\n\nevent: bye\ndata: {}\n\n"

    read = [(block.id, block.event, block.data) async for block in blocks(lines(text))]

    assert read == [("1.7-3", "ticket.opened", ["{}"]), ("", "bye", ["{}"])]


async def test_the_reader_goes_on_from_the_last_event_when_the_connection_ends(desk: Desk, fake: FakeDesk) -> None:
    admin = Person("admin@example.com", "secret")
    fake.frames = [
        b'id: 1.7-3\nevent: ticket.opened\ndata: {"ticket": 1001, "revision": 1}\n\n',
        b'id: 1.8-4\nevent: ticket.assigned\ndata: {"ticket": 1001, "revision": 2}\n\n',
    ]

    async with StreamReader(desk, admin, cursor="1.7-2") as reader:
        assert await reader.wait_for(lambda: len(reader.messages) == 2, timeout_s=10)

    assert [message.cursor for message in reader.messages] == ["1.7-3", "1.8-4"]
    assert fake.asked_cursors[:2] == ["1.7-2", "1.7-3"]


async def test_a_cursor_tells_its_place_in_the_order_of_commits() -> None:
    assert place_of("2.700-41") == (700, 41)
    assert place_of("1.9-1") < place_of("1.10-1")


async def test_only_ticket_events_are_heard() -> None:
    opened = Message("1.7-3", "ticket.opened", {"ticket": 1001, "revision": 1}, seen_at=0)

    assert heard_event(opened) == HeardEvent((7, 3), 1001, 1, "ticket.opened")
    assert heard_event(Message("1.7-4", "queue.changed", {"ticket": None}, seen_at=0)) is None
