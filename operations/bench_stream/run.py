"""One run: so many clients listen while events happen; and the same against the bare floor."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import asyncpg

from operations.bench.figure import Figure, Floor
from operations.bench.load import Sample
from operations.bench.system import BenchError, free_ports
from operations.bench_stream.desk import ApiProcess, Audience, StreamDesk, api_processes, served
from operations.bench_stream.listeners import Client, Finish, Heard, Plan
from operations.bench_stream.senders import Send, send_events, to_the_database, to_the_floor
from settings import ROOT

Shape = Literal["targeted", "broadcast"]
SHAPES: tuple[Shape, ...] = ("targeted", "broadcast")
WATCHING = 20
"""How many of the connected a targeted event concerns."""
KEPT = 100_000
"""About so many latencies of a run are kept."""
WARMING = 5
"""Streams that are opened and closed first, so that what the first ones cost once is no client's memory."""
LATE_SECONDS = 20.0
LINE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    clients: int
    shape: Shape
    processes: int
    per_second: float
    seconds: float

    def __str__(self) -> str:
        served = "1 process" if self.processes == 1 else f"{self.processes} processes"
        return f"{self.clients:,} clients, {self.shape}, {served}"

    @property
    def keep_every(self) -> int:
        each = self.clients if self.shape == "broadcast" else min(self.clients, WATCHING)
        return max(1, round(each * self.per_second * self.seconds / KEPT))


@dataclass(frozen=True)
class Measured:
    """What one side of a run came to."""

    heard: Heard
    sample: Sample
    kib_per_client: float
    us_per_message: float
    """Microseconds of processor time of all serving processes, per event of a client."""
    sent_per_second: float


@dataclass(frozen=True)
class Outcome:
    figures: list[Figure]
    faults: list[str]


async def measure(desk: StreamDesk, audiences: Sequence[Audience], case: Case) -> Outcome:
    """Ours and the floor's, one after the other. A lost, doubled or early ended stream is a fault."""
    ours = await _measure_ours(desk, audiences, case)
    floor = await _measure_floor(desk, audiences, case)
    name = str(case)
    figures = [
        Figure(name, "ms p50", ours.sample.p50_ms, [Floor("bare ASGI", floor.sample.p50_ms)]),
        Figure(name, "ms p99", ours.sample.p99_ms, [Floor("bare ASGI", floor.sample.p99_ms)]),
        Figure(name, "us CPU/message", ours.us_per_message, [Floor("bare ASGI", floor.us_per_message)]),
        Figure(name, "KiB/client", ours.kib_per_client, [Floor("bare ASGI", floor.kib_per_client)]),
        Figure(name, "messages", ours.heard.events, [Floor("bare ASGI", floor.heard.events)]),
    ]
    faults = []
    for who, measured in (("ours", ours), ("the floor", floor)):
        heard = measured.heard
        if heard.lost or heard.doubled or heard.closed:
            faults.append(
                f"{name}: {who} lost {heard.lost}, doubled {heard.doubled}, and ended {heard.closed} streams early"
            )
        if measured.sent_per_second < case.per_second * 0.9:
            faults.append(f"{name}: only {measured.sent_per_second:.0f} events/s could be sent to {who}")
    return Outcome(figures, faults)


async def _measure_ours(desk: StreamDesk, audiences: Sequence[Audience], case: Case) -> Measured:
    await desk.forget_events()
    connection = await asyncpg.connect(desk.dsn)
    try:
        async with api_processes(desk, case.processes) as servers:

            def request(group: int, index: int) -> str:
                token = desk.tokens.make(*audiences[group].people[index])
                return f"GET /api/events HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {token}\r\n\r\n"

            return await _measure(case, servers, audiences, request, to_the_database(connection))
    finally:
        await connection.close()


async def _measure_floor(desk: StreamDesk, audiences: Sequence[Audience], case: Case) -> Measured:
    module = "operations.bench_stream.floor"
    async with contextlib.AsyncExitStack() as held:
        servers = [
            await served(module, [str(port)], port, desk.folder / f"floor-{port}.log", desk.environment, "/ready", held)
            for port in free_ports(case.processes)
        ]

        def request(group: int, _index: int) -> str:
            return f"GET /{group} HTTP/1.1\r\nHost: floor\r\n\r\n"

        send = await held.enter_async_context(to_the_floor([server.port for server in servers]))
        return await _measure(case, servers, audiences, request, send)


async def _measure(
    case: Case, servers: Sequence[ApiProcess], audiences: Sequence[Audience], request: Callable[[int, int], str],
    send: Send,
) -> Measured:  # fmt: skip
    clients = [
        Client(port=servers[index % len(servers)].port, request=request(group, index), group=group)
        for group, audience in enumerate(audiences)
        for index in range(len(audience.people))
    ][: case.clients]
    heard_by = {group: sum(client.group == group for client in clients) for group in range(len(audiences))}
    warming = [clients[turn % len(clients)] for turn in range(WARMING)]
    async with listeners(Plan(clients=warming)) as warm:
        await warm.finish(Finish(expected={}, seconds=0))
    await asyncio.sleep(0.5)
    before = [server.rss_bytes for server in servers]
    async with listeners(Plan(clients=clients, keep_every=case.keep_every)) as listening:
        connected = [server.rss_bytes for server in servers]
        cpu = sum(server.cpu_seconds for server in servers)
        sent = await send_events(
            send, [one for group, one in enumerate(audiences) if heard_by[group]], per_second=case.per_second,
            seconds=case.seconds,
        )  # fmt: skip
        heard = await listening.finish(Finish(expected=sent.events, seconds=LATE_SECONDS))
        cpu = sum(server.cpu_seconds for server in servers) - cpu
    grown = sum(connected) - sum(before)
    return Measured(
        heard, Sample(heard.latencies_s, sent.seconds), grown / 1024 / len(clients),
        cpu * 1e6 / max(heard.events, 1), sum(sent.events.values()) / sent.seconds,
    )  # fmt: skip


class Listening:
    """The process that listens."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def begin(self, plan: Plan) -> None:
        """Returns when all streams are open. Raises BenchError."""
        await self._tell(plan.model_dump_json())
        await self._hear()

    async def finish(self, finish: Finish) -> Heard:
        """All was sent. Raises BenchError when the process died."""
        await self._tell(finish.model_dump_json())
        return Heard.model_validate_json(await self._hear())

    async def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def _hear(self) -> bytes:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        line = await self._process.stdout.readline()
        if not line:
            raise BenchError(f"the listeners ended: {(await self._process.stderr.read()).decode()[-2000:]}")
        return line


@contextlib.asynccontextmanager
async def listeners(plan: Plan) -> AsyncIterator[Listening]:
    """A process with all these streams open."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "operations.bench_stream.listeners", cwd=ROOT, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=LINE_BYTES,
    )  # fmt: skip
    try:
        listening = Listening(process)
        await listening.begin(plan)
        yield listening
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
