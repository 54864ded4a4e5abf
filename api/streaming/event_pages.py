"""The event log, read page by page by those who come back: a few at a time, and what many ask for at once, once.

After a restart thousands come back within seconds. They may take neither the feed's turn at the database nor the
memory of thousands of copies of one page.
"""

import asyncio
from typing import Protocol

from database.events import EventRecord, StreamCursor

PAGE = 500
AT_ONCE = 4


class Log(Protocol):
    """The event log, as it is read."""

    async def heal_epoch(self) -> int: ...
    async def now(self) -> StreamCursor: ...
    async def after(self, cursor: StreamCursor, limit: int) -> list[EventRecord]: ...


class EventPages:
    """Pages of at most `PAGE` events."""

    def __init__(self, events: Log) -> None:
        self._events = events
        self._places = asyncio.Semaphore(AT_ONCE)
        self._being_read: dict[StreamCursor, asyncio.Task[list[EventRecord]]] = {}

    async def read(self, after: StreamCursor) -> list[EventRecord]:
        """What lies after the cursor now."""
        async with self._places:
            return await self._events.after(after, PAGE)

    async def read_together(self, after: StreamCursor) -> list[EventRecord]:
        """The same, or what it was when somebody else, who still waits for it, asked."""
        reading = self._being_read.get(after)
        if reading is None:
            self._being_read[after] = reading = asyncio.create_task(self.read(after))
            reading.add_done_callback(lambda _: self._being_read.pop(after))
        return await asyncio.shield(reading)
