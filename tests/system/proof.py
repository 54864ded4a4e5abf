"""What must be true of a desk after any number of faults: database, timeline, streams and engine against the ledger."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from uuid import UUID

import asyncpg

from database.pool import Pool
from database.tickets import TicketStore
from domain.ids import CommandId, PersonId, TicketNumber, command_id_for_key
from domain.lifecycle import rebuild
from domain.ticket import Ticket
from domain.ticket_events import TICKET_EVENT
from operations.replay.desk import Desk, Json, Person
from operations.replay.evidence import place_of
from operations.replay.stream import StreamReader
from tests.system.processes import eventually
from tests.system.writers import Change, Ledger
from workflows.client import WedgedWorkflowError
from workflows.ticket_client import TicketClient

Place = tuple[int, int]


def command_of(change: Change) -> CommandId:
    return command_id_for_key(PersonId(UUID(change.person.id)), change.key)


async def settled(pool: Pool) -> None:
    """Returns when all that moves by itself has come to rest: starts of workflows, and snoozes until a moment."""
    await eventually(
        "every opened ticket to run and every snooze to end",
        lambda: pool.fetchval(
            "select (select count(*) from start_requests) "
            "+ (select count(*) from tickets where snoozed_until is not null)"
        ),
        lambda waiting: waiting == 0,
    )


async def ledger_faults(pool: Pool, ledger: Ledger) -> list[str]:
    """Every acknowledged change is stored once, under its command; nothing else is, but what timers did."""
    commands = {
        row["id"]: row
        for row in await pool.fetch("select id, ticket_number, first_revision, revision from ticket_commands")
    }
    events = {
        (row["ticket_number"], row["revision"]): row
        for row in await pool.fetch(
            "select ticket_number, revision, type, actor_kind, actor_id from events where topic = 'tickets'"
        )
    }
    faults = [f"{name} was acknowledged twice" for name, times in _times(ledger.acknowledged) if times > 1]
    for change in ledger.acknowledged:
        row = commands.get(command_of(change))
        if row is None:
            faults.append(f"lost: {change}")
            continue
        made = [events.get((change.ticket, at)) for at in range(row["first_revision"], row["revision"] + 1)]
        if [change.event, UUID(change.person.id)] not in [
            [event["type"], event["actor_id"]] for event in made if event
        ]:
            faults.append(f"stored without its event: {change}, {made}")
    faults += [f"refused and yet done: {change}" for change in ledger.refused if command_of(change) in commands]
    by_timer = {place for place, event in events.items() if event["actor_kind"] == "timer"}
    known = {command_of(change) for change in ledger.acknowledged}
    faults += [
        f"nobody was told of: {row}"
        for id, row in commands.items()
        if id not in known and (row["ticket_number"], row["first_revision"]) not in by_timer
    ]
    return faults + list(_cover_faults(list(commands.values()), sorted(events)))


def _times(changes: Sequence[Change]) -> list[tuple[CommandId, int]]:
    return Counter(command_of(change) for change in changes).most_common()


def _cover_faults(commands: Sequence[asyncpg.Record], places: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Each event belongs to exactly one command: a change that was done twice would have events too many."""
    covered = Counter(
        (row["ticket_number"], revision)
        for row in commands
        for revision in range(row["first_revision"], row["revision"] + 1)
    )
    yield from (f"event {place} belongs to {times} commands" for place, times in covered.items() if times != 1)
    yield from (f"event {place} belongs to no command" for place in places if place not in covered)
    yield from (f"event {place} is missing" for place in sorted(covered.keys() - set(places)))


async def timeline_faults(desk: Desk, reader: Person, ledger: Ledger) -> list[str]:
    """Every text that was acknowledged stands in its ticket's timeline once, as the API tells it."""
    expected: dict[int, list[Change]] = defaultdict(list)
    for change in ledger.acknowledged:
        expected[change.ticket].append(change)
    faults = []
    for number, changes in expected.items():
        entries = await _timeline(desk, reader, number)
        if [entry["revision"] for entry in entries] != list(range(1, len(entries) + 1)):
            faults.append(f"ticket {number}: revisions {[entry['revision'] for entry in entries]}")
        told = Counter((entry["type"], entry[name]) for entry in entries for name in ("title", "body"))
        faults += [
            f"told {told[change.event, change.marker]} times: {change}"
            for change in changes
            if change.field is not None and told[change.event, change.marker] != 1
        ]
    return faults


async def _timeline(desk: Desk, reader: Person, number: int) -> list[Json]:
    entries: list[Json] = []
    cursor = ""
    while True:
        page = await desk.ask("timeline", "GET", f"/tickets/{number}/timeline?limit=200{cursor}", reader)
        entries += page["items"]
        if page["next_cursor"] is None:
            return entries
        cursor = f"&cursor={page['next_cursor']}"


async def row_faults(pool: Pool, tickets: TicketClient) -> list[str]:
    """Every row is the sum of its ticket's events, and what the ticket's workflow holds."""
    store = TicketStore(pool)
    histories = defaultdict(list)
    for row in await pool.fetch("select * from events where topic = 'tickets' order by ticket_number, revision"):
        histories[row["ticket_number"]].append(row)
    numbers = [row["number"] for row in await pool.fetch("select number from tickets order by number")]
    faults = [f"tickets {set(numbers) ^ histories.keys()} lack row or events"] if {*numbers} != {*histories} else []
    places = asyncio.Semaphore(8)

    async def check(number: TicketNumber) -> None:
        history = histories[number]
        row = await store.state(number)
        if [event["revision"] for event in history] != list(range(1, len(history) + 1)):
            faults.append(f"ticket {number}: event revisions {[event['revision'] for event in history]}")
        sum_ = rebuild(number, [(TICKET_EVENT.validate_json(event["data"]), event["at"]) for event in history])
        if sum_ != row:
            faults.append(f"ticket {number}: the row is {row}, the events add up to {sum_}")
        async with places:
            held = await _held(tickets, number, row)
        if held != row:
            faults.append(f"ticket {number}: the row is {row}, its workflow holds {held}")

    await asyncio.gather(*(check(TicketNumber(number)) for number in numbers))
    return faults


async def _held(tickets: TicketClient, number: TicketNumber, row: Ticket | None) -> Ticket | None:
    """What the ticket's workflow holds.

    One that the SDK cannot replay (decision 11) begins anew first, as with the next command or `make reconcile`: what
    then counts is that nothing is lost with it.
    """
    try:
        return await tickets.state(number)
    except WedgedWorkflowError:
        if row is None:
            raise
        await tickets.begin_anew(row)
        return await eventually(f"ticket {number} to run anew", lambda: tickets.state(number), lambda held: held == row)


async def stream_faults(pool: Pool, stream: StreamReader, since: str, requester: Person | None = None) -> list[str]:
    """The reader saw each event since a cursor that it may see (a requester: what is public of their own tickets, a
    supervisor: all of tickets, queues and presence; everybody: what they were notified of), once, in the order of the
    log."""
    rows = await pool.fetch(
        "select e.xid::text::bigint as xid, e.id, e.ticket_number, e.revision, e.type from events e "
        "left join tickets t on t.number = e.ticket_number "
        "where (e.xid, e.id) > ($1::text::xid8, $2) "
        "and (e.topic = 'notifications' and e.person_id = $4 or case when $3::uuid is null "
        "then t.number is not null or e.topic in ('queue', 'presence') "
        "else t.requester_id = $3 and not e.internal end) "
        "order by e.xid, e.id",
        str(place_of(since)[0]),
        place_of(since)[1],
        None if requester is None else UUID(requester.id),
        UUID(stream.person.id),
    )
    expected = [((row["xid"], row["id"]), row["ticket_number"], row["revision"], row["type"]) for row in rows]
    await stream.wait_for(lambda: not expected or _seen(stream)[-1:] == expected[-1:], 30)
    seen = _seen(stream)
    if seen == expected:
        return [] if stream.resets == 0 else [f"the stream was reset {stream.resets} times"]
    times = Counter(seen)
    faults = [f"streamed {times[event]} times: {event}" for event in expected if times[event] != 1]
    faults += [f"not for this reader: {event}" for event in times.keys() - set(expected)]
    return faults or ["the stream was out of order"]


def _seen(stream: StreamReader) -> list[tuple[Place, int, int, str]]:
    return [
        (place_of(message.cursor), message.data["ticket"], message.data["revision"], message.type)
        for message in stream.messages
    ]
