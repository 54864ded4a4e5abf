"""One reader of the event log per process, and everyone who listens to it.

The feed asks for what lies after its place whenever the bell rings, and each second anyway; it encodes each event
once and hands the same bytes to every subscriber who may see it (`audiences.py` finds the few who might). A subscriber
that falls too far behind is cut: it comes back with its cursor and reads from the table. Rights are those of now: who
may see an event is decided by the ticket's present team, requester and assignee, and a change of a person's role or
teams reaches their open streams as an event of the same log.
"""

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime
from typing import cast

from api.credentials.principals import Principals
from api.streaming.audiences import NOTIFICATIONS, PRESENCE, QUEUE, Audiences
from api.streaming.event_frames import frame
from api.streaming.event_pages import PAGE, EventPages, Log
from api.streaming.heartbeat import HEARTBEAT, Heartbeat
from api.streaming.stream_figures import ENDED, HANDED_OUT
from api.streaming.subscriber import EndReason, Subscriber
from database.events import EventRecord, StreamCursor
from database.pool import UNAVAILABLE
from domain.access import (
    HasAudience,
    Reader,
    TicketScope,
    check_permission,
    may_see_internal,
    may_see_presence,
    may_see_queue,
    ticket_scope,
)
from domain.errors import ForbiddenError
from domain.ids import PersonId

LOOK_EVERY_SECONDS = 1.0
MAX_STREAMS_PER_PERSON = 6
"""In one process. A browser needs one."""
SEND_SECONDS = 15.0
"""A client that has not read a piece for so long is too slow."""
FAREWELL_SECONDS = 5.0
"""In which a stream that ends has to be over; then its connection is dropped."""
TURN_SECONDS = 0.2
"""So long at most frames are queued without letting anybody send. What is queued together is sent together, and only so
does a process keep up that has to tell thousands of everything."""
PERSON_CHANGED = "person.changed"
OPERATION = "stream_events"
log = logging.getLogger(__name__)


def _may_listen(reader: Reader) -> bool:
    """Whether what they signed in with reaches to the stream."""
    try:
        check_permission(reader, OPERATION)
    except ForbiddenError:
        return False
    return True


def may_see(reader: Reader, event: EventRecord, scope: TicketScope | None = None) -> bool:
    """Whether a read of what the event is about by this person, now, would show what the event tells. `scope`: theirs,
    if it is at hand."""
    if event.topic == PRESENCE:
        return may_see_presence(reader)
    if event.topic == QUEUE:
        return may_see_queue(reader, event.team)
    if event.topic == NOTIFICATIONS:
        return reader.id == event.person
    if event.ticket is None or event.requester_id is None:
        return False
    audience = cast(HasAudience, event)  # an event of a ticket has all of its ticket's audience
    if event.internal:
        return may_see_internal(reader, audience)
    return (scope or ticket_scope(reader)).includes(audience)


def is_for(subscriber: Subscriber, event: EventRecord) -> bool:
    """Whether it is asked for, and one that a read by the same person would show."""
    return subscriber.asks_for(event) and may_see(subscriber.reader, event, subscriber.scope)


class Feed:
    """The process's reader of the log."""

    def __init__(self, events: Log, principals: Principals) -> None:
        self._events = events
        self._principals = principals
        self._bell = asyncio.Event()
        self._people: dict[PersonId, dict[Subscriber, None]] = {}
        """Everyone with an open stream, and their streams, the oldest first."""
        self.pages = EventPages(events)
        self._joined: Audiences[Subscriber] = Audiences()
        self._heartbeat = Heartbeat(self.beat)
        self._place: StreamCursor | None = None
        self._is_healed = False
        self._read_at = time.monotonic()
        self.farewell_seconds = FAREWELL_SECONDS
        self.subscribers = 0
        self.is_draining = False

    def ring(self, _: str = "") -> None:
        """Something was committed."""
        self._bell.set()

    @property
    def age_seconds(self) -> float:
        """Since when the log was last read to its end."""
        return time.monotonic() - self._read_at

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(self._heartbeat.run(), self._read())

    async def place(self) -> StreamCursor:
        """The cursor behind everything that was handed out."""
        if not self._is_healed:
            await self._events.heal_epoch()
            self._is_healed = True
        place = self._place or await self._events.now()
        self._place = self._place or place  # whoever was quicker has subscribers at that place already
        return self._place

    def attach(self, subscriber: Subscriber) -> None:
        """From now on it follows its person's rights, hears heartbeats, and ends with the process. Of a person with too
        many streams the oldest ends: it is most likely one whose client has left without a word."""
        streams = self._people.setdefault(subscriber.reader.id, {})
        streams[subscriber] = None
        self.subscribers += 1
        self._heartbeat.add(subscriber)
        live = [one for one in streams if one.end_reason is None]
        if len(live) > MAX_STREAMS_PER_PERSON:
            self.end(live[0], "too many streams")
        if self.is_draining:
            self.end(subscriber, "shutdown")

    async def join(self, subscriber: Subscriber, after: StreamCursor | None) -> StreamCursor:
        """Hand out to it, from now on, what comes after both the feed's place and `after`; returns that place."""
        place = await self.place()  # and from here to the end nobody else has a turn
        subscriber.after = after
        self._joined.put(subscriber)
        return place

    def detach(self, subscriber: Subscriber) -> None:
        """The stream is over."""
        self._joined.remove(subscriber)
        self._heartbeat.remove(subscriber)
        self.subscribers -= 1
        streams = self._people[subscriber.reader.id]
        del streams[subscriber]
        if not streams:
            del self._people[subscriber.reader.id]
        ENDED.labels(subscriber.end_reason or "failed").inc()

    def end(self, subscriber: Subscriber, reason: EndReason) -> None:
        """Let it say `bye`, if its client still listens."""
        if subscriber.end_reason is None:
            asyncio.get_running_loop().call_later(self.farewell_seconds, subscriber.line.cut)
        subscriber.end(reason, left_at=self._left_at(subscriber))

    def _left_at(self, subscriber: Subscriber) -> StreamCursor | None:
        """The cursor behind all that it was told, once its queue is sent."""
        if not subscriber.is_live or self._place is None:
            return None
        return self._place if subscriber.after is None else max(self._place, subscriber.after)

    async def refresh(self, subscriber: Subscriber) -> None:
        """Give the subscriber the rights of this moment, or end its stream if they are not signed in any more."""
        principal = await self._principals.read(subscriber.credential)
        if principal is None or not principal.is_good(datetime.now(UTC)) or not _may_listen(principal.reader):
            self.end(subscriber, "signed out")
        elif principal.reader != subscriber.reader:
            subscriber.take_rights(principal.reader)
            if subscriber in self._joined:
                self._joined.put(subscriber)

    def drain(self) -> None:
        """Let every stream end, for the process is about to stop."""
        self.is_draining = True
        for streams in self._people.values():
            for subscriber in streams:
                self.end(subscriber, "shutdown")

    def beat(self, subscriber: Subscriber) -> None:
        """Say that the stream still lives; or that it does not, to a client that reads no more."""
        busy_since = subscriber.line.busy_since
        if busy_since is not None and time.monotonic() - busy_since > SEND_SECONDS:
            self.end(subscriber, "too slow")
        elif subscriber.is_idle:
            subscriber.push(HEARTBEAT)

    async def _read(self) -> None:
        while True:
            try:
                await self._catch_up()
                self._read_at = time.monotonic()
            except UNAVAILABLE as error:
                log.warning("the stream waits for the database: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS):  # `wait_for` would make a task for each ring
                    await self._bell.wait()
            self._bell.clear()

    async def _catch_up(self) -> None:
        self._bell.clear()
        if not self.subscribers:
            self._place = None  # nobody listens: whoever comes begins at the log's end, or reads from it
            return
        place = await self.place()
        while True:
            events = await self._events.after(place, PAGE)
            turn_ends = time.monotonic() + TURN_SECONDS
            for event in events:
                if event.type == PERSON_CHANGED:
                    await self._follow_person(event)
                self._hand_out(event)
                self._place = place = event.cursor
                if time.monotonic() > turn_ends:
                    await asyncio.sleep(0)
                    turn_ends = time.monotonic() + TURN_SECONDS
            if len(events) < PAGE:
                return

    def _hand_out(self, event: EventRecord) -> None:
        block, queued = b"", 0
        for subscriber in self._joined.candidates(event):
            if is_for(subscriber, event):
                block = block or frame(event)
                if not subscriber.push(block):
                    self.end(subscriber, "too slow")
                queued += 1
        HANDED_OUT.inc(queued)

    async def _follow_person(self, event: EventRecord) -> None:
        if event.person is not None:
            for subscriber in list(self._people.get(event.person, ())):
                await self.refresh(subscriber)
