"""The SSE stream: hello, what was missed, then what happens."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse
from starlette.responses import Response

from api.event_frames import control_frame, frame, rfc3339
from api.feed import BATCH, Subscriber
from api.requests import InDesk, Signed, SignedIn
from api.state import Desk
from database.events import StreamCursor
from domain.access import ticket_scope
from domain.errors import InvalidError, TicketNotFoundError
from domain.ids import TicketNumber

HEARTBEAT_SECONDS = 10
SEND_TIMEOUT_SECONDS = 15
LONGEST_SECONDS = (600, 900)
"""Streams end after ten to fifteen minutes: rights are renewed, load is spread anew, and clients resume."""

Topic = Literal["tickets", "notifications", "presence", "queue"]
TOPICS = frozenset({"tickets", "notifications", "presence", "queue"})
router = APIRouter(tags=["events"])


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/Event"}}}}},
)
async def stream_events(
    desk: InDesk,
    signed: Signed,
    ticket: Annotated[int | None, Query(ge=1, le=2**53, description="Only this ticket's events.")] = None,
    topics: Annotated[str | None, Query(description="Comma-separated; all when not given.", max_length=200)] = None,
    cursor: Annotated[str | None, Query(description="Go on after this event; `Last-Event-ID` wins.")] = None,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """Server-sent events, each once and in order, from the cursor on. First a `hello`; `reset` when the log no longer
    reaches back to the cursor; `bye` when the stream ends. A comment is sent at least every 15 seconds."""
    wanted = _topics(topics)
    number = TicketNumber(ticket) if ticket is not None else None
    if number is not None:
        record = await desk.tickets.read(number)
        if record is None or not ticket_scope(signed.reader).includes(record):
            raise TicketNotFoundError(f"There is no ticket {number}.")
    await desk.principals.read(signed.principal.credential)  # no stream begins while the database does not answer
    given = last_event_id or cursor
    asked = StreamCursor.parse(given) if given else None
    is_stale = asked is not None and await _is_stale(desk, asked)
    return EventSourceResponse(
        _blocks(desk, signed, wanted, number, None if is_stale else asked, reset=is_stale),
        ping=HEARTBEAT_SECONDS,
        send_timeout=SEND_TIMEOUT_SECONDS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _topics(given: str | None) -> frozenset[str]:
    wanted = frozenset(topic.strip() for topic in (given or "").split(",") if topic.strip())
    if unknown := wanted - TOPICS:
        raise InvalidError(f"There is no topic {', '.join(sorted(unknown))}; there are {', '.join(sorted(TOPICS))}.")
    return wanted


async def _is_stale(desk: Desk, asked: StreamCursor) -> bool:
    """Whether the log cannot go on after the cursor: of another epoch, not reached yet, or too old."""
    now = await desk.events.now()
    if asked.epoch != now.epoch or asked.xid > now.xid:
        return True
    return await desk.events.is_older_than(asked, desk.settings.event_retention_days)


async def _blocks(
    desk: Desk,
    signed: SignedIn,
    topics: frozenset[str],
    ticket: TicketNumber | None,
    asked: StreamCursor | None,
    *,
    reset: bool,
) -> AsyncIterator[bytes]:
    """The stream, block by block. It subscribes itself: who is gone before the first block leaves nothing behind."""
    subscriber = await desk.feed.subscribe(signed.principal, topics, ticket, asked)
    desk.attendance.opened(signed.reader)
    try:
        await desk.feed.refresh(subscriber)  # what changed between signing in and subscribing
        after = asked or subscriber.joined_at
        seconds = random.uniform(*LONGEST_SECONDS)
        ends_at = min(signed.until, datetime.now(UTC) + timedelta(seconds=seconds))
        yield control_frame(
            "hello", after, cursor=str(after), ends_at=rfc3339(ends_at), retry_ms=random.randint(1000, 5000)
        )
        if reset:
            yield control_frame("reset", after, reason="The log no longer reaches back to your cursor; read anew.")
        async for block in _missed(desk, subscriber, after):
            yield block
        while True:
            remaining = (ends_at - datetime.now(UTC)).total_seconds()
            try:
                block = await asyncio.wait_for(subscriber.next(), max(remaining, 0))
            except TimeoutError:
                subscriber.end("time to reconnect")
                block = b""
            if not block:
                reason = subscriber.end_reason or "end"
                yield control_frame("bye", None, reason=reason, retry_ms=random.randint(1000, 5000))
                return
            yield block
    finally:
        desk.attendance.closed(signed.reader)
        desk.feed.unsubscribe(subscriber)


async def _missed(desk: Desk, subscriber: Subscriber, after: StreamCursor) -> AsyncIterator[bytes]:
    """What was committed between the cursor and the feed's place: from there on the feed hands it out."""
    place = subscriber.joined_at
    while after < place:
        events = await desk.events.after(after, BATCH)
        blocks = [frame(event) for event in events if event.cursor <= place and subscriber.wants(event)]
        if blocks:
            yield b"".join(blocks)
        if len(events) < BATCH or events[-1].cursor >= place:
            return
        after = events[-1].cursor
