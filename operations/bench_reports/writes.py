"""What it costs those who write tickets that somebody follows the log, and how soon what they wrote is folded."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple, cast

from database.pool import Pool
from database.report_log import ReportLog
from database.ticket_rows import NewWording
from database.tickets import TicketStore
from domain.ids import CommandId, PersonId, TextId
from domain.lifecycle import apply, open_ticket, opened, opening
from domain.people import Actor, Role
from domain.ticket import Status, Ticket
from domain.ticket_commands import AddReply, ChangeStatus, CommandEnvelope, OpenTicket, TicketCommand
from domain.ticket_events import TicketOpened
from domain.ticket_rules import decide
from operations.bench.figure import Figure, Floor
from operations.bench.load import Sample, closed_loop, in_turns, wait_until
from operations.bench.system import BenchError, child
from operations.generate.desk import new_id
from operations.generate.life import RULES
from operations.replay.figures import percentile

AT_ONCE = 4
LIVES_A_SECOND = 10
ROUNDS = 5
CHANGES = ((Status.OPEN, 1), (Status.PENDING, 2), (Status.OPEN, 3), (Status.RESOLVED, 4))
"""What follows each opening; every other one with a reply."""
WRITES_A_TICKET = 1 + len(CHANGES) + len(CHANGES) // 2


START_SECONDS = 1.0
"""After which a process beside the writes surely listens."""
Load = Callable[[list[float]], Awaitable[Sample]]


class Writer:
    """Opens tickets and changes them, as fast as the database takes it: by the store alone, without an engine."""

    def __init__(self, pool: Pool, requester: PersonId, agent: PersonId, chance: Random) -> None:
        self._store = TicketStore(pool)
        self._requester = Actor.person(requester, Role.REQUESTER)
        self._agent = Actor.person(agent, Role.AGENT)
        self._chance = chance
        self.seconds: list[float] = []

    async def life(self, *_: int) -> None:
        """One ticket."""
        ticket = await self._timed(self._open())
        for status, place in CHANGES:
            if place % 2:
                ticket = await self._timed(self._change(ticket, AddReply(text_id=ticket.wording_id)))
            ticket = await self._timed(self._change(ticket, ChangeStatus(status=status)))

    async def _timed(self, write: Awaitable[Ticket]) -> Ticket:
        began = time.perf_counter()
        ticket = await write
        self.seconds.append(time.perf_counter() - began)
        return ticket

    async def _open(self) -> Ticket:
        words, now = TextId(new_id(self._chance)), datetime.now(UTC)
        requester = cast(PersonId, self._requester.id)
        event = open_ticket(OpenTicket(wording_id=words, requester_id=requester, category="general"), RULES, now)
        number, command = await self._store.next_number(), CommandId(new_id(self._chance))
        change = opening(number, command, "", self._requester, event, now)
        await self._store.open(change, NewWording(words, requester, "Written", "To see how fast."))
        return opened(number, cast(TicketOpened, change.events[0]), now)

    async def _change(self, ticket: Ticket, command: TicketCommand) -> Ticket:
        envelope = CommandEnvelope(id=CommandId(new_id(self._chance)), actor=self._agent, command=command)
        change = decide(ticket, envelope, datetime.now(UTC))
        if change.events:
            await self._store.record(change)
        return apply(ticket, change)


class _Told(NamedTuple):
    """Seconds that each write took: alone, and with somebody who follows."""

    alone: list[float]
    followed: list[float]

    def figures(self, name: str) -> list[Figure]:
        return [
            Figure(name, unit, percentile(self.followed, share) * 1000,
                   [Floor("nobody follows", percentile(self.alone, share) * 1000)])
            for unit, share in (("ms p50", 0.5), ("ms p99", 0.99))
        ]  # fmt: skip


async def measure_writes(dsn: str, pool: Pool, lives: int) -> list[Figure]:
    """Writes at a desk's busy hour, and as many as the machine can; with somebody who follows and without, in turns.

    Where the processors are busy with writes alone, whoever follows takes a share of them: that is the second measure.
    """
    requester = await pool.fetchval("select id from people where role = 'requester' limit 1")
    agent = await pool.fetchval("select id from people where role = 'agent' limit 1")
    reports, chance, late = ReportLog(pool), Random(), list[float]()
    busy, most = _Told([], []), _Told([], [])

    async def paced(seconds: list[float]) -> Sample:
        writer = Writer(pool, requester, agent, chance)
        sample = await _paced(writer.life, lives // 4)
        seconds += writer.seconds
        return sample

    async def as_fast_as_can_be(seconds: list[float]) -> Sample:
        writer = Writer(pool, requester, agent, chance)
        sample = await closed_loop(writer.life, at_once=AT_ONCE, count=lives, seconds=600)
        seconds += writer.seconds
        return sample

    async def unfollowed(load: Load, seconds: list[float]) -> Sample:
        async with _beside(dsn, "listen"):
            return await load(seconds)

    async def followed(load: Load, seconds: list[float]) -> Sample:
        async with _beside(dsn):
            await _caught_up(reports)
            watching = asyncio.create_task(_watch(reports, late))
            sample = await load(seconds)
            watching.cancel()
            await _caught_up(reports)
        return sample

    _, _, alone, with_follower = await in_turns(
        [
            lambda: unfollowed(paced, busy.alone),
            lambda: followed(paced, busy.followed),
            lambda: unfollowed(as_fast_as_can_be, most.alone),
            lambda: followed(as_fast_as_can_be, most.followed),
        ],
        rounds=ROUNDS,
    )
    floor = Floor("nobody follows", alone.per_second * WRITES_A_TICKET)
    return [
        *busy.figures(f"writes, {LIVES_A_SECOND * WRITES_A_TICKET} a second"),
        Figure("writes, as many as can be", "per s", with_follower.per_second * WRITES_A_TICKET, [floor]),
        *most.figures("writes, as many as can be"),
        *(Figure("facts behind the log", f"s p{share}", percentile(late, share / 100)) for share in (50, 99) if late),
    ]


@contextlib.asynccontextmanager
async def _beside(dsn: str, *role: str) -> AsyncIterator[None]:
    """A process of its own that follows the log, or only listens."""
    with tempfile.TemporaryDirectory() as folder:
        async with child("operations.bench_reports.relay", [dsn, *role], Path(folder) / "relay.log"):
            await asyncio.sleep(START_SECONDS)
            yield


async def _paced(call: Callable[[], Awaitable[object]], count: int) -> Sample:
    """`count` calls, each begun in its turn, however long the others take."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as calls:
        for turn in range(count):
            await asyncio.sleep(began + turn / LIVES_A_SECOND - time.perf_counter())
            calls.create_task(_whole(call))
    return Sample([], time.perf_counter() - began)


async def _whole(call: Callable[[], Awaitable[object]]) -> None:
    await call()


async def _caught_up(reports: ReportLog) -> None:
    async def is_there() -> bool:
        return (await reports.standing()).behind_seconds == 0

    if not await wait_until(is_there, every_s=0.05, timeout_s=120):
        raise BenchError("the follower of the log did not catch up")


async def _watch(reports: ReportLog, late: list[float]) -> None:
    while True:
        late.append((await reports.standing()).behind_seconds)
        await asyncio.sleep(0.5)
