"""Reads the event stream as a client does: from a cursor, again from the last one when the connection ends."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

from operations.replay.desk import Desk, DeskError, Json, Person

NOT_EVENTS = frozenset({"hello", "bye"})
RECONNECT_PAUSE_S = 0.5
SILENCE_S = 60.0
"""Longer than any heartbeat: the connection is dead."""
HELLO_TIMEOUT_S = 30.0
LONGEST_LINE = 2**20


@dataclass(frozen=True)
class Message:
    """One event of the stream, `seen_at` by the wall clock in seconds."""

    cursor: str
    type: str
    data: Json
    seen_at: float


@dataclass
class Block:
    """The lines of one message while they come in."""

    id: str = ""
    event: str = "message"
    data: list[str] = field(default_factory=list)


async def blocks(lines: AsyncIterator[bytes]) -> AsyncIterator[Block]:
    """The messages of a `text/event-stream`; comments and `retry` are left out."""
    block = Block()
    async for raw in lines:
        line = raw.decode().rstrip("\r\n")
        if not line:
            if block.data or block.event != "message":
                yield block
            block = Block()
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            block.id = value
        elif name == "event":
            block.event = value
        elif name == "data":
            block.data.append(value)


class StreamReader:
    """Collects every event after a cursor in the background, while it is entered.

    `resets` counts how often the desk said that the cursor is too old: then events were missed.
    """

    def __init__(self, desk: Desk, person: Person, cursor: str, heard: Callable[[Message], None] | None = None) -> None:
        self.messages: list[Message] = []
        self.resets = 0
        self.connections = 0
        self._desk = desk
        self.person = person
        self._cursor = cursor
        self._heard = heard
        self._said_hello = asyncio.Event()
        self._trouble = "no answer"
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read_for_ever())
        if not await self.wait_for(self._said_hello.is_set, HELLO_TIMEOUT_S):
            await self.__aexit__(None, None, None)
            raise DeskError(f"the event stream said no hello in {HELLO_TIMEOUT_S:.0f} s: {self._trouble}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def wait_for(self, is_enough: Callable[[], bool], timeout_s: float) -> bool:
        """Whether `is_enough` came true in time."""
        end = time.monotonic() + timeout_s
        while not is_enough():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.05)
        return True

    async def _read_for_ever(self) -> None:
        while True:
            try:
                await self._read_one_connection()
            except (aiohttp.ClientError, TimeoutError, DeskError) as error:
                self._trouble = repr(error)
            await asyncio.sleep(RECONNECT_PAUSE_S)

    async def _read_one_connection(self) -> None:
        headers = {"Authorization": f"Bearer {self.person.token}", "Last-Event-ID": self._cursor}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_S)
        address = f"{self._desk.address}/api/events"
        get = self._desk.session.get(address, headers=headers, timeout=timeout, read_bufsize=LONGEST_LINE)
        async with get as response:
            if response.status == 401:
                await self._desk.sign_in(self.person)
                return
            response.raise_for_status()
            self.connections += 1
            async for block in blocks(aiter(response.content)):
                self._take(block)

    def _take(self, block: Block) -> None:
        if block.event == "hello":
            self._said_hello.set()
        if block.event == "reset":
            self.resets += 1
        if block.event in NOT_EVENTS or block.event == "reset":
            # These carry the cursor to go on from, if they carry one.
            self._cursor = block.id or self._cursor
            return
        message = Message(block.id, block.event, json.loads("\n".join(block.data)), time.time())
        self._cursor = block.id or self._cursor
        self.messages.append(message)
        if self._heard is not None:
            self._heard(message)
