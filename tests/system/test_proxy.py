"""Several API processes behind a real proxy: any of them serves any client, and nothing is held back on the way."""
# ruff: noqa: S311, T201 - chance from a seed; figures are printed

import asyncio
import json
import random
import signal
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import httpx2
import pytest

from database.pool import open_pool
from operations.replay.desk import Json, Person
from tests.system.caddy import Proxy, running_caddy
from tests.system.client_session import Session
from tests.system.listeners import Seat, seated
from tests.system.node import node_program
from tests.system.processes import (
    PATIENCE_SECONDS,
    RunningStack,
    choices_in,
    eventually,
    quiet_port,
    readiness,
    running_module,
)
from tests.system.stream_evidence import Listener
from tests.system.writers import PASSWORD, Cast, Ledger, Writer, at_work, each_gets_on, patient_desk

pytestmark = pytest.mark.timeout(300)
NAMES = ("admin", "supervisor", "agent", "agent2", "agent3", "requester")
SMALL_CHANGES = 20
STREAMS_EACH = 2
HTTP_SECONDS = 30
DRAIN_SECONDS = 30


class TwoProcesses:
    """The stack's API, and a second one for the same desk."""

    def __init__(self, stack: RunningStack, choices: dict[str, str], folder: Path) -> None:
        self.stack = stack
        self.ports = (stack.settings.api_port, quiet_port())
        self._env = {**choices, "API_PORT": str(self.ports[1])}
        self._log = folder / "second-api.log"

    @asynccontextmanager
    async def second(self) -> AsyncIterator[asyncio.subprocess.Process]:
        async with running_module("api", env=self._env, log=self._log) as process, aiohttp.ClientSession() as session:
            address = f"http://127.0.0.1:{self.ports[1]}"
            await eventually("the second API", lambda: readiness(session, address), lambda answer: answer[0] == 200)
            yield process

    async def streams(self) -> list[int]:
        """How many streams each process holds; -1 of one that does not answer."""
        return [await _streams(port) for port in self.ports]


async def _streams(port: int) -> int:
    try:
        async with httpx2.AsyncClient() as http:
            text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    except httpx2.TransportError:
        return -1
    return int(float(next(line for line in text.splitlines() if line.startswith("event_streams ")).split()[1]))


@asynccontextmanager
async def everyone(proxy: Proxy, seed: int) -> AsyncIterator[list[Seat]]:
    """All follow through the proxy."""
    async with AsyncExitStack() as exits:
        seats = [
            await exits.enter_async_context(
                seated(proxy.address, Listener(name), random.Random(f"{seed}-{name}"), proxy.tls())
            )
            for name in NAMES
        ]
        for seat in seats:
            seat.follow()
        yield seats


@pytest.fixture(scope="module")
async def both(make_folder: Callable[[], Path]) -> AsyncIterator[TwoProcesses]:
    """One stack for this file: it takes longer to start than most of what is tried here."""
    folder = make_folder()
    choices = choices_in(folder)
    stack = RunningStack(choices, folder)
    try:
        await stack.start()
        yield TwoProcesses(stack, choices, folder)
        await stack.stop()
    finally:
        await stack.kill_everything()


async def test_small_events_and_heartbeats_pass_at_once_and_many_streams_share_a_connection(
    both: TwoProcesses, data_dir: Path
) -> None:
    async with both.second(), running_caddy(data_dir, both.ports) as proxy, aiohttp.ClientSession() as http:
        desk = patient_desk(http, both.stack.address)
        cast = await Cast.signed_in(desk)
        opened = await desk.ask("open", "POST", "/tickets", cast.requesters[0], {"title": "Small", "team": "support"})
        path = f"/tickets/{opened['number']}/replies"

        async def change() -> int:
            note = await desk.ask("note", "POST", path, cast.admin, {"body": "x", "internal": True})
            return int(note["revision"])

        await each_small_event_passes(proxy, change)
        await many_streams_share_a_connection(proxy, [cast.admin, cast.supervisor, *cast.agents], change)


async def test_clients_of_a_process_that_is_drained_or_killed_go_on_at_the_other_without_a_gap(
    both: TwoProcesses, data_dir: Path, seed: int
) -> None:
    stack = both.stack
    async with AsyncExitStack() as exits:
        proxy = await exits.enter_async_context(running_caddy(data_dir, both.ports))
        pool = await exits.enter_async_context(await open_pool(stack.settings.database_dsn, 4))
        http = await exits.enter_async_context(aiohttp.ClientSession())
        desk = patient_desk(http, stack.address)
        cast = await Cast.signed_in(desk)
        ledger, shared = Ledger(), list[int]()
        writers = [Writer(f"w{n}", desk, cast, ledger, shared, random.Random(f"{seed}-w{n}")) for n in range(2)]
        second = await exits.enter_async_context(both.second())
        seats = await exits.enter_async_context(everyone(proxy, seed))
        await eventually("streams at both", both.streams, lambda held: min(held) > 0 and sum(held) == len(NAMES))
        async with at_work(writers):
            await each_gets_on(writers)
            second.send_signal(signal.SIGTERM)
            await asyncio.wait_for(second.wait(), DRAIN_SECONDS)
            await eventually("all at the first", both.streams, lambda held: held == [len(NAMES), -1])
            await each_gets_on(writers)
            await exits.enter_async_context(both.second())
            await stack.kill("api")
            await eventually("all to be back", both.streams, lambda held: sum(held) >= len(NAMES))
            await stack.ready()
            await each_gets_on(writers)
        faults = [fault for seat in seats for fault in await seat.faults(pool)]
        print(f"{len(ledger.acknowledged)} changes; connections: {[seat.client.connections for seat in seats]}")
    assert faults == []
    assert all(seat.client.connections > 1 for seat in seats)


async def each_small_event_passes(proxy: Proxy, change: Callable[[], Awaitable[int]]) -> None:
    """The next change is made when the one before was heard: a proxy that collects would never let it through."""
    seconds: list[float] = []
    async with httpx2.AsyncClient(base_url=proxy.address, verify=proxy.tls(), timeout=HTTP_SECONDS) as http:
        session = Session(http, "agent@example.com", PASSWORD)
        await session.get("/api/auth/me")
        async with http.stream("GET", "/api/events", params={"topics": "tickets"}, headers=session.headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = aiter(answer.aiter_lines())
            await line_that(lines, "event: hello")
            for _ in range(SMALL_CHANGES):
                revision = await change()
                answered = time.perf_counter()
                await line_that(lines, f'"revision":{revision},')
                seconds.append(time.perf_counter() - answered)
            await line_that(lines, ":", at_its_beginning=True)  # a heartbeat
    print(f"from the answer to its event behind the proxy: p50 {statistics.median(seconds) * 1000:.0f} ms, ", end="")
    print(f"max {max(seconds) * 1000:.0f} ms (0: the event was quicker)")


async def line_that(lines: AsyncIterator[str], wanted: str, *, at_its_beginning: bool = False) -> None:
    """Returns at the first line that has it; a stream that stands still fails by the client's own patience."""
    async for line in lines:
        if line.startswith(wanted) if at_its_beginning else wanted in line:
            return
    raise AssertionError("the stream ended")


async def many_streams_share_a_connection(
    proxy: Proxy, people: Sequence[Person], change: Callable[[], Awaitable[int]]
) -> None:
    """More than a browser would open over HTTP/1.1, and requests are answered beside them."""
    tokens = [person.token for person in people for _ in range(STREAMS_EACH)]
    async with node_program("http2_streams.mjs", proxy.address, str(proxy.authority)) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(tokens).encode())
        process.stdin.close()
        said = [await next_said(process) for _ in range(3)]
        assert said == [{"connected": "h2"}, {"hello": len(tokens)}, {"answered": 200}]
        await change()
        heard: dict[int, str] = {}
        while len(heard) < len(tokens):
            event = await next_said(process)
            if event["event"] == "ticket.noted":
                assert event["stream"] not in heard, "each event once"
                heard[event["stream"]] = event["id"]
    assert len(set(heard.values())) == 1, "the same cursor at both processes"


async def next_said(process: asyncio.subprocess.Process) -> Json:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS)
    assert line, "it ended"
    said: Json = json.loads(line)
    return said
