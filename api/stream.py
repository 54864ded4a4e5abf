"""The SSE stream: hello, what was missed, then what happens."""

import asyncio
import logging
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NamedTuple

from fastapi import Header, Query
from starlette.responses import Response

from api.http.area_router import AreaRouter
from api.requests import InDesk, Signed, SignedIn
from api.state import Desk
from api.streaming.event_frames import control_frame, frame, rfc3339
from api.streaming.event_pages import PAGE
from api.streaming.event_stream_response import EventStreamResponse, Line
from api.streaming.feed import Feed, is_for
from api.streaming.subscriber import PIECE_BYTES, EndReason, Subscriber
from database.events import StreamCursor
from database.pool import UNAVAILABLE
from domain.access import ticket_scope
from domain.errors import InvalidError, TicketNotFoundError
from domain.ids import TicketNumber

LONGEST_SECONDS = (600, 900)
"""Streams end after ten to fifteen minutes: rights are renewed, load is spread anew, and clients resume."""
RETURNS_PER_SECOND = 300
"""How many clients one process takes back in a second, beside its other work."""
RETURN_SECONDS = (5, 30)
"""Over how long clients spread their return: of few, and of many at most."""
CROWDED_OUT_SECONDS = (30, 60)
"""When those return who had too many streams: a client that opens ever more would go round in circles."""

Topic = Literal["tickets", "notifications", "presence", "queue"]
TOPICS = frozenset({"tickets", "notifications", "presence", "queue"})
router = AreaRouter(tags=["events"])
log = logging.getLogger(__name__)


@router.get(
    "/events",
    response_class=EventStreamResponse,
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
    asking = _Asking(signed, wanted, number, None if is_stale else asked, is_stale)
    return EventStreamResponse(lambda line: _listen(desk, asking, line))


class _Asking(NamedTuple):
    """Who listens, and to what."""

    signed: SignedIn
    topics: frozenset[str]
    ticket: TicketNumber | None
    after: StreamCursor | None
    is_reset: bool
    """Whether they came with a cursor that cannot be gone on from."""


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


async def _listen(desk: Desk, asking: _Asking, line: Line) -> None:
    """A stream from its beginning to its end. It subscribes itself: who is gone before the first block leaves nothing
    behind."""
    feed, reader = desk.feed, asking.signed.reader
    subscriber = Subscriber(asking.signed.principal, asking.topics, asking.ticket, line)
    line.on_gone = lambda: feed.end(subscriber, "gone")
    longest = timedelta(seconds=random.uniform(*LONGEST_SECONDS))
    ends_at = min(asking.signed.until, datetime.now(UTC) + longest)
    left_seconds = (ends_at - datetime.now(UTC)).total_seconds()
    timer = asyncio.get_running_loop().call_later(left_seconds, feed.end, subscriber, "time to reconnect")
    feed.attach(subscriber)
    desk.attendance.opened(reader)
    try:
        await _tell(feed, subscriber, asking, ends_at)
    except UNAVAILABLE as error:
        log.warning("a stream ends, for the database does not answer: %s", error)
        feed.end(subscriber, "interrupted")
    finally:
        timer.cancel()
        desk.attendance.closed(reader)
        feed.detach(subscriber)
    reason = subscriber.end_reason
    if reason is not None and reason != "gone":
        retry_ms = _retry_ms(feed, reason)
        await line.write(control_frame("bye", subscriber.left_at, reason=reason, retry_ms=retry_ms))


async def _tell(feed: Feed, subscriber: Subscriber, asking: _Asking, ends_at: datetime) -> None:
    """All but the `bye`."""
    line = subscriber.line
    await feed.refresh(subscriber)  # what changed between signing in and subscribing
    after = asking.after or await feed.join(subscriber, None)
    place = None if asking.is_reset else after  # cut off before the reset, a client has to come back to a reset
    hello = control_frame("hello", place, cursor=str(after), ends_at=rfc3339(ends_at), retry_ms=_retry_ms(feed))
    await line.write(hello)
    if asking.is_reset:
        reason = "The log no longer reaches back to your cursor; read anew."
        await line.write(control_frame("reset", after, reason=reason))
    if asking.after is not None:
        await _replay(feed, subscriber, asking.after)
    subscriber.is_live = True
    while block := await subscriber.next():
        await line.write(block)


async def _replay(feed: Feed, subscriber: Subscriber, after: StreamCursor) -> None:
    """What was committed since the cursor, page by page. Only near the log's end it joins the feed, so that a queue
    need not hold what happens while a client reads a day; then comes the last page, of what happened in between."""
    joined_at = await feed.join(subscriber, after) if after >= await feed.place() else None
    while not subscriber.is_ending and (joined_at is None or after < joined_at):
        # What others asked a moment ago may end before the place where this one has joined.
        events = await (feed.pages.read_together(after) if joined_at is None else feed.pages.read(after))
        missed = (event for event in events if joined_at is None or event.cursor <= joined_at)
        for piece in _pieces(frame(event) for event in missed if is_for(subscriber, event)):
            await subscriber.line.write(piece)
        after = events[-1].cursor if events else after
        if len(events) < PAGE:
            if joined_at is not None:
                return
            joined_at = await feed.join(subscriber, after)


def _pieces(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Frames joined to pieces of the size that is written at once; each is made when it is asked for."""
    waiting: list[bytes] = []
    size = 0
    for one in frames:
        waiting.append(one)
        size += len(one)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _retry_ms(feed: Feed, reason: EndReason | None = None) -> int:
    """After how many milliseconds the client is to come back: by chance, so that not all come at once."""
    if reason == "too many streams":
        first, last = CROWDED_OUT_SECONDS
    else:
        few, many = RETURN_SECONDS
        first, last = 1, min(max(feed.subscribers // RETURNS_PER_SECOND, few), many)
    return random.randint(first * 1000, last * 1000)
