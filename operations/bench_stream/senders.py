"""What happens while the listeners listen: so many events a second, committed one by one, or given to the floor."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import cycle
from typing import NamedTuple

import asyncpg

from api.streaming.event_frames import frame
from database.bell import BELL
from database.events import EventRecord, StreamCursor
from domain.ids import PersonId, TicketNumber
from operations.bench_stream.desk import Audience
from operations.bench_stream.floor import record

TYPE = "ticket.status_changed"
CHANGE = json.dumps(
    {
        "type": TYPE, "status": "pending", "previous": "open", "reason": "by_hand", "resolved_at": None,
        "closed_at": None,
    }
)  # fmt: skip
_COMMIT = """
with event as (
    insert into events (topic, type, at, ticket_number, revision, actor_kind, actor_id, actor_role, internal, data)
    values ('tickets', $6, $3, $1, $2, 'person', $4, 'requester', false, $5)
)
select pg_notify($7, '')
"""
Send = Callable[[Audience, int, int, datetime], Awaitable[None]]
"""Called with the audience, its place among all, the ticket's revision, and the moment before it is sent."""


class Sent(NamedTuple):
    seconds: float
    events: dict[int, int]
    """By the audience's place among all."""


async def send_events(send: Send, audiences: Sequence[Audience], *, per_second: float, seconds: float) -> Sent:
    """At a steady pace, to one audience after the other, each event once the last one is committed."""
    loop = asyncio.get_running_loop()
    revisions = dict.fromkeys(range(len(audiences)), 0)
    began = loop.time()
    for turn, group in zip(range(round(per_second * seconds)), cycle(revisions), strict=False):
        await asyncio.sleep(began + turn / per_second - loop.time())
        revisions[group] += 1
        await send(audiences[group], group, revisions[group], datetime.now(UTC))
    return Sent(loop.time() - began, revisions)


def to_the_database(connection: "asyncpg.Connection[asyncpg.Record]") -> Send:
    """As a change is recorded: the row and the bell in one transaction."""

    async def send(audience: Audience, _group: int, revision: int, at: datetime) -> None:
        await connection.execute(_COMMIT, audience.ticket, revision, at, audience.people[0].person, CHANGE, TYPE, BELL)

    return send


@contextlib.asynccontextmanager
async def to_the_floor(ports: Sequence[int]) -> AsyncIterator[Send]:
    """The very bytes that the product would send, to every process, in one request without an end."""
    async with contextlib.AsyncExitStack() as held:
        writers = []
        for port in ports:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nHost: floor\r\nTransfer-Encoding: chunked\r\n\r\n")
            writers.append(writer)
            held.callback(writer.close)

        async def send(audience: Audience, group: int, revision: int, at: datetime) -> None:
            part = record(group, bare_frame(audience.ticket, revision, at, audience.people[0].person))
            for writer in writers:
                writer.write(b"%x\r\n" % len(part) + part + b"\r\n")
                await writer.drain()

        yield send


def bare_frame(ticket: int, revision: int, at: datetime, actor: PersonId) -> bytes:
    return frame(
        EventRecord(
            cursor=StreamCursor(1, 100_000 + revision, revision), topic="tickets", type=TYPE, at=at,
            ticket=TicketNumber(ticket), revision=revision, actor_kind="person", actor_id=actor,
            actor_name="Listener 1", internal=False, data=CHANGE, assignee_name=None, requester_name=None, title=None,
            person=None, team=None, requester_id=actor, assignee_id=None, person_name=None, organisation=None,
            watcher_ids=None,
        )
    )  # fmt: skip
