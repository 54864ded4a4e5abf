"""A listener on the event stream, over a real socket: in-process transports hold a stream back until it ends."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx2
import uvicorn

from api.__main__ import DrainingServer
from api.app import create_app
from api.http.http_protocol import BoundedHeadProtocol
from settings import Settings


class Message(NamedTuple):
    """One event as a browser would hand it on."""

    id: str | None
    event: str
    data: dict[str, Any]

    @property
    def what(self) -> tuple[str, int | None, int | None]:
        """Type, ticket and revision."""
        return self.event, self.data.get("ticket"), self.data.get("revision")


class Stream:
    """What arrives on one open stream."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.received: list[Message] = []

    async def next(self) -> Message:
        """The next message. Raises StopAsyncIteration at the stream's end."""
        fields: dict[str, str] = {}
        while True:
            line = await anext(self._lines)
            if line.startswith(":"):
                continue
            if line == "":
                if fields:
                    break
                continue
            name, _, value = line.partition(": ")
            assert name not in fields, f"{name} twice in one message"
            fields[name] = value
        message = Message(fields.get("id"), fields["event"], json.loads(fields["data"]))
        assert message.data["type"] == message.event
        self.received.append(message)
        return message

    async def until(self, is_it: Callable[[Message], bool]) -> list[Message]:
        """Everything up to and with the first message that fits."""
        seen = [await self.next()]
        while not is_it(seen[-1]):
            seen.append(await self.next())
        return seen

    async def until_event(self, event: str, ticket: int) -> list[Message]:
        return await self.until(lambda message: message.event == event and message.data.get("ticket") == ticket)

    async def until_end(self) -> list[Message]:
        return await self.until(lambda message: message.event == "bye")


class StreamServer:
    """The API on a port of its own."""

    def __init__(self, server: DrainingServer, base: str) -> None:
        self.server = server
        self.base = base

    @asynccontextmanager
    async def listen(self, headers: dict[str, str], query: str = "", **more: str) -> AsyncIterator[Stream]:
        """An open stream whose `hello` has arrived."""
        async with httpx2.AsyncClient(base_url=self.base, timeout=None) as client, client.stream(
            "GET", f"/api/events{query}", headers=headers | more
        ) as response:  # fmt: skip
            assert response.status_code == 200, await response.aread()
            stream = Stream(response)
            assert (await stream.next()).event == "hello"
            yield stream


@asynccontextmanager
async def stream_server(settings: Settings) -> AsyncIterator[StreamServer]:
    """Serve the API as its process does, on a free port and without taking over the test's signals."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = DrainingServer(
        uvicorn.Config(
            create_app(settings),
            http=BoundedHeadProtocol,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=10,
        )
    )
    serving = asyncio.create_task(server._serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield StreamServer(server, f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    await serving
