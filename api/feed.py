"""One reader of the event log per process, and everyone who listens to it.

The feed asks for what lies after its place whenever the bell rings, and each second anyway; it encodes each event
once and hands the same bytes to every subscriber who may see it. A subscriber that falls too far behind is cut: it
comes back with its cursor and reads from the table. Rights are those of now: who may see an event is decided by the
ticket's present team, requester and assignee, and a change of a person's role or teams reaches their open streams as
an event of the same log.
"""

import asyncio
import contextlib
import logging
from collections import deque
from datetime import UTC, datetime

from api.event_frames import frame
from api.principals import Principals
from database.credentials import Principal
from database.events import EventLog, EventRecord, StreamCursor
from database.pool import UNAVAILABLE
from domain.access import (
    Reader,
    check_permission,
    may_see_internal,
    may_see_presence,
    may_see_queue,
    ticket_scope,
)
from domain.errors import ForbiddenError
from domain.ids import TicketNumber

LOOK_EVERY_SECONDS = 1.0
QUEUE_BOUND = 256
BATCH = 500
PERSON_CHANGED = "person.changed"
PRESENCE = "presence"
"""The topic of events that are about an agent."""
NOTIFICATIONS = "notifications"
"""The topic of events that are one person's alone."""
OPERATION = "stream_events"
QUEUE = "queue"
"""The topic of events that are about a team's queue."""
log = logging.getLogger(__name__)


class Subscriber:
    """One open stream: who reads, what they asked for, and the frames that wait to be sent."""

    def __init__(
        self,
        principal: Principal,
        topics: frozenset[str],
        ticket: TicketNumber | None,
        after: StreamCursor,
        joined_at: StreamCursor,
    ) -> None:
        self.reader = principal.reader
        self.credential = principal.credential
        self.joined_at = joined_at
        """The feed's place when it joined: it is handed what comes after, and reads the rest from the log."""
        self._topics = topics
        self._ticket = ticket
        self._after = after
        self._frames: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.end_reason: str | None = None

    def wants(self, event: EventRecord) -> bool:
        """Whether the event is asked for, not yet seen, and one that a read by the same person would show."""
        if event.cursor <= self._after:
            return False
        if self._topics and event.topic not in self._topics:
            return False
        if self._ticket is not None and event.ticket != self._ticket:
            return False
        return may_see(self.reader, event)

    def push(self, block: bytes) -> None:
        """Queue a frame; beyond the bound the subscriber is cut instead."""
        if self.end_reason is not None:
            return
        if len(self._frames) >= QUEUE_BOUND:
            self.end("too slow")
            return
        self._frames.append(block)
        self._news.set()

    def end(self, reason: str) -> None:
        """Let the stream end after a `bye`."""
        self.end_reason = self.end_reason or reason
        self._news.set()

    async def next(self) -> bytes:
        """All frames that wait, joined; empty when the stream is to end."""
        while not self._frames and self.end_reason is None:
            self._news.clear()
            await self._news.wait()
        if self.end_reason is not None:
            return b""
        block = b"".join(self._frames)
        self._frames.clear()
        return block


class _Audience:
    """An event's ticket as `domain.access` asks for it."""

    def __init__(self, event: EventRecord) -> None:
        assert event.requester_id is not None
        self.organisation = event.organisation
        self.watcher_ids = event.watcher_ids or ()
        self.team = event.team
        self.requester_id = event.requester_id
        self.assignee_id = event.assignee_id


def _may_listen(reader: Reader) -> bool:
    """Whether what they signed in with reaches to the stream."""
    try:
        check_permission(reader, OPERATION)
    except ForbiddenError:
        return False
    return True


def may_see(reader: Reader, event: EventRecord) -> bool:
    """Whether a read of what the event is about by this person, now, would show what the event tells."""
    if event.topic == PRESENCE:
        return may_see_presence(reader)
    if event.topic == QUEUE:
        return may_see_queue(reader, event.team)
    if event.topic == NOTIFICATIONS:
        return reader.id == event.person
    if event.ticket is None or event.requester_id is None:
        return False
    audience = _Audience(event)
    return may_see_internal(reader, audience) if event.internal else ticket_scope(reader).includes(audience)


class Feed:
    """The process's reader of the log."""

    def __init__(self, events: EventLog, principals: Principals) -> None:
        self._events = events
        self._principals = principals
        self._bell = asyncio.Event()
        self._subscribers: set[Subscriber] = set()
        self._place: StreamCursor | None = None
        self._is_healed = False
        self.is_draining = False

    def ring(self, _: str = "") -> None:
        """Something was committed."""
        self._bell.set()

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._catch_up()
            except UNAVAILABLE as error:
                log.warning("the stream waits for the database: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS):  # `wait_for` would make a task for each ring
                    await self._bell.wait()
            self._bell.clear()

    async def place(self) -> StreamCursor:
        """The cursor behind everything that was handed out."""
        if not self._is_healed:
            await self._events.heal_epoch()
            self._is_healed = True
        place = self._place or await self._events.now()
        self._place = self._place or place  # whoever was quicker has subscribers at that place already
        return self._place

    async def subscribe(
        self, principal: Principal, topics: frozenset[str], ticket: TicketNumber | None, after: StreamCursor | None
    ) -> Subscriber:
        """Hand out to this person, from now on, what comes after both the feed's place and `after`."""
        joined_at = await self.place()  # and from here to the next line nobody else has a turn
        subscriber = Subscriber(principal, topics, ticket, after or joined_at, joined_at=joined_at)
        self._subscribers.add(subscriber)
        if self.is_draining:
            subscriber.end("shutdown")
        return subscriber

    async def refresh(self, subscriber: Subscriber) -> None:
        """Give the subscriber the rights of this moment, or end its stream if they are not signed in any more."""
        principal = await self._principals.read(subscriber.credential)
        if principal is None or not principal.is_good(datetime.now(UTC)) or not _may_listen(principal.reader):
            subscriber.end("signed out")
        else:
            subscriber.reader = principal.reader

    def unsubscribe(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)

    def drain(self) -> None:
        """Let every stream end, for the process is about to stop."""
        self.is_draining = True
        for subscriber in self._subscribers:
            subscriber.end("shutdown")

    async def _catch_up(self) -> None:
        self._bell.clear()
        if not self._subscribers:
            self._place = None  # nobody listens: whoever comes begins at the log's end, or reads from it
            return
        place = await self.place()
        while True:
            events = await self._events.after(place, BATCH)
            for event in events:
                if event.type == PERSON_CHANGED:
                    await self._follow_person(event)
                self._hand_out(event)
                self._place = place = event.cursor
            if len(events) < BATCH:
                return

    def _hand_out(self, event: EventRecord) -> None:
        block: bytes | None = None
        for subscriber in self._subscribers:
            if subscriber.wants(event):
                block = block or frame(event)
                subscriber.push(block)

    async def _follow_person(self, event: EventRecord) -> None:
        for subscriber in [one for one in self._subscribers if one.reader.id == event.person]:
            await self.refresh(subscriber)
