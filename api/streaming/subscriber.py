"""One open stream inside the process: who reads, what they asked for, and the frames that wait to be sent."""

import asyncio
from collections import deque
from typing import Literal

from api.streaming.event_stream_response import Line
from database.credentials import Principal
from database.events import EventRecord, StreamCursor
from domain.access import Reader, ticket_scope
from domain.ids import TicketNumber

MAX_FRAMES = 256
MAX_BYTES = 1_048_576
PIECE_BYTES = 65_536
"""No more is written at once, so that even a slow client finishes one piece in time."""
EndReason = Literal[
    "time to reconnect", "shutdown", "too many streams", "signed out", "too slow", "interrupted", "gone"
]
ABRUPT: frozenset[EndReason] = frozenset({"signed out", "too slow", "interrupted", "gone"})
"""Ends after which nothing that still waits is sent."""


class Subscriber:
    """A stream. It is handed out to from the moment that the feed `joins` it; before that it reads from the log."""

    __slots__ = (
        "_bytes", "_frames", "_news", "after", "credential", "end_reason", "is_live", "left_at", "line", "reader",
        "scope", "ticket", "topics",
    )  # fmt: skip

    def __init__(self, principal: Principal, topics: frozenset[str], ticket: TicketNumber | None, line: Line) -> None:
        self.take_rights(principal.reader)
        self.credential = principal.credential
        self.topics = topics
        """Empty: all."""
        self.ticket = ticket
        self.line = line
        self.after: StreamCursor | None = None
        """What it has read from the log itself, and is not handed out again."""
        self.is_live = False
        """Whether it has heard everything up to the feed's place, or has it in its queue."""
        self.end_reason: EndReason | None = None
        self.left_at: StreamCursor | None = None
        """The cursor behind everything that was queued for it, when it ended in order."""
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._news: asyncio.Future[None] | None = None

    def take_rights(self, reader: Reader) -> None:
        """From now on the person is this reader."""
        self.reader = reader
        self.scope = ticket_scope(reader)

    def asks_for(self, event: EventRecord) -> bool:
        """Whether it is of the wanted topics and ticket, and not yet read; of a stream that is to end, nothing is."""
        return (
            self.end_reason is None
            and (self.after is None or event.cursor > self.after)
            and (not self.topics or event.topic in self.topics)
            and (self.ticket is None or event.ticket == self.ticket)
        )

    def push(self, block: bytes) -> bool:
        """Queue a frame, unless the stream is to end. False: there is no room, so it has to."""
        if self.end_reason is not None:
            return True
        self._bytes += len(block)
        if len(self._frames) >= MAX_FRAMES or self._bytes > MAX_BYTES:
            return False
        self._frames.append(block)
        self._ring()
        return True

    @property
    def is_ending(self) -> bool:
        return self.end_reason is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, neither here nor for the client to read."""
        return not self._frames and self.line.busy_since is None

    def end(self, reason: EndReason, left_at: StreamCursor | None = None) -> None:
        """Let the stream end after a `bye`. The first reason counts, unless it was in order and this one is abrupt."""
        if self.end_reason is None:
            self.end_reason, self.left_at = reason, left_at
        if reason in ABRUPT:
            self.left_at = None
            self._frames.clear()
        self._ring()

    async def next(self) -> bytes:
        """What waits, up to a piece; empty when the stream is to end."""
        while not self._frames:
            if self.end_reason is not None:
                return b""
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        frames, size = self._frames, 0
        if len(frames) == 1:
            block = frames.popleft()
        else:
            taken = []
            while frames and size < PIECE_BYTES:
                taken.append(frames.popleft())
                size += len(taken[-1])
            block = b"".join(taken)
        self._bytes -= len(block)
        return block

    def _ring(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
