"""Clients of the stream as they are: they come back in the middle of things, read too slowly, and open too much."""

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import httpx2
import pytest

from api.streaming.feed import MAX_STREAMS_PER_PERSON, Feed
from database.bell import BELL
from database.events import StreamCursor
from settings import Settings
from tests.api.desk_api import ApiDesk, opened
from tests.api.listening import Stream, StreamServer, stream_server
from tests.workflows.engine_desk import eventually

HAPPENS = """
with one as (
    insert into events (topic, type, at, ticket_number, revision, actor_kind, internal, data)
    values ('tickets', 'ticket.escalated', now(), $1, $2, 'integration', false, $3)
)
select pg_notify($4, '')
"""
SLOW_FRAMES = 400
SLOW_BYTES = 50_000
IN_ONE_GO = 10
"""Of these: who reads keeps up, and it takes all of them to fill what stands between the desk and who does not."""


@pytest.fixture
async def server(api: ApiDesk, api_settings: Settings) -> AsyncIterator[StreamServer]:
    async with stream_server(api_settings) as server:
        yield server


def feed_of(server: StreamServer) -> Feed:
    return cast(Feed, cast(Any, server.server.config.app).state.desk.feed)


async def happen(api: ApiDesk, ticket: int, first: int, count: int, padding: int = 0) -> None:
    """Events of a ticket with these revisions, committed one by one."""
    data = json.dumps({"escalation_level": 1, "padding": "x" * padding})
    async with api.parts.pool.acquire() as connection:
        for revision in range(first, first + count):
            await connection.execute(HAPPENS, ticket, revision, data, BELL)


async def revisions_until(stream: Stream, last: int) -> list[int]:
    return [message.data["revision"] for message in await stream.until(lambda one: one.data.get("revision") == last)]


async def test_whoever_missed_thousands_while_more_happens_hears_each_once(
    api: ApiDesk, server: StreamServer, requester: httpx2.AsyncClient
) -> None:
    number = (await opened(requester, team="support"))["number"]
    await happen(api, number, 100, 1100)
    query = f"?ticket={number}&cursor=1.0-0"
    happening = asyncio.create_task(happen(api, number, 1200, 200))
    async with (
        server.listen(api.headers("agent"), query) as one,
        server.listen(api.headers("supervisor"), query) as other,
    ):
        for stream in (one, other):
            assert await revisions_until(stream, 1399) == [1, *range(100, 1400)]
    await happening


async def test_whoever_comes_back_again_and_again_hears_each_once(
    api: ApiDesk, server: StreamServer, requester: httpx2.AsyncClient
) -> None:
    number = (await opened(requester, team="support"))["number"]
    lengths = itertools.cycle([1, 30, 2, 17, 5, 40])
    cursor, seen = "1.0-0", list[int]()
    happening = asyncio.create_task(happen(api, number, 100, 300))
    while not seen or seen[-1] < 399:
        async with server.listen(api.headers("agent"), f"?ticket={number}", **{"Last-Event-ID": cursor}) as stream:
            for _ in range(next(lengths)):
                message = await stream.next()
                assert message.id is not None
                cursor = message.id
                seen.append(message.data["revision"])
                if seen[-1] == 399:
                    break
    await happening

    assert seen == [1, *range(100, 400)]


async def test_a_client_that_does_not_read_is_dropped_and_holds_up_nobody(
    api: ApiDesk, api_settings: Settings, requester: httpx2.AsyncClient
) -> None:
    number = (await opened(requester, team="support"))["number"]
    async with stream_server(api_settings) as server:
        feed = feed_of(server)
        feed.farewell_seconds = 0.5
        with not_reading(server, api.headers("agent")), not_reading(server, api.headers("agent2")):
            await eventually(lambda: subscribers(feed), lambda count: count == 2)
            async with server.listen(api.headers("supervisor"), f"?ticket={number}") as stream:
                for first in range(100, 100 + SLOW_FRAMES, IN_ONE_GO):
                    await happen(api, number, first, IN_ONE_GO, SLOW_BYTES)
                    read = await revisions_until(stream, first + IN_ONE_GO - 1)
                    assert read == [*range(first, first + IN_ONE_GO)]
                await eventually(lambda: subscribers(feed), lambda count: count == 1)
                async with httpx2.AsyncClient(base_url=server.base) as client:
                    metrics = (await client.get("/metrics")).text
            began = asyncio.get_running_loop().time()
            server.server.should_exit = True
            await eventually(lambda: subscribers(feed), lambda count: count == 0)
        took = asyncio.get_running_loop().time() - began

    assert 'event_streams_ended_total{reason="too slow"}' in metrics
    assert "event_stream_frames_total" in metrics
    assert "event_feed_age_seconds" in metrics
    assert took < 5


async def test_a_client_that_does_not_read_holds_no_shutdown(
    api: ApiDesk, api_settings: Settings, requester: httpx2.AsyncClient
) -> None:
    number = (await opened(requester, team="support"))["number"]
    began = 0.0
    async with stream_server(api_settings) as server:
        feed = feed_of(server)
        feed.farewell_seconds = 0.5
        with not_reading(server, api.headers("agent")):
            await eventually(lambda: subscribers(feed), lambda count: count == 1)
            await happen(api, number, 100, SLOW_FRAMES // 4, SLOW_BYTES)
            began = asyncio.get_running_loop().time()
            server.server.should_exit = True
            await eventually(lambda: subscribers(feed), lambda count: count == 0)

    assert asyncio.get_running_loop().time() - began < 5


@contextlib.contextmanager
def not_reading(server: StreamServer, headers: dict[str, str]) -> Iterator[None]:
    """A listener that asks and then reads nothing, over a socket that holds little."""
    url = httpx2.URL(server.base)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.connect((url.host, url.port))
        listener.sendall("\r\n".join(["GET /api/events HTTP/1.1", "Host: desk", *lines, "", ""]).encode())
        yield


async def subscribers(feed: Feed) -> int:
    return feed.subscribers


async def test_of_too_many_streams_the_oldest_says_bye(api: ApiDesk, server: StreamServer) -> None:
    async with contextlib.AsyncExitStack() as held:
        oldest = await held.enter_async_context(server.listen(api.headers("agent")))
        for _ in range(MAX_STREAMS_PER_PERSON):
            await held.enter_async_context(server.listen(api.headers("agent")))
        bye = (await oldest.until_end())[-1]

    assert bye.data["reason"] == "too many streams"
    assert bye.id is not None
    assert oldest.received[0].id is not None
    assert StreamCursor.parse(bye.id) >= StreamCursor.parse(oldest.received[0].id)
