"""Opening tickets: how many are accepted, how soon each runs, and the worker's memory for them."""

import time
from functools import partial

from operations.bench import peers
from operations.bench.figure import Figure, Floor, rate_and_latencies
from operations.bench.ground import Ground
from operations.bench.load import Sample, closed_loop, wait_until
from operations.bench.system import BenchError

KIBIBYTE = 1024


async def measure_openings(ground: Ground) -> list[Figure]:
    """At each number at once, the engine having taken everything in before the next; then memory per open ticket."""
    figures: list[Figure] = []
    await ground.running_tickets(5)
    before = ground.stack.worker_rss_bytes()
    opened = 0
    for at_once, count in ground.size.openings.items():
        seconds = ground.size.seconds

        async def call(_lane: int, _turn: int) -> None:
            await ground.api.open(ground.people.requester)

        ours = await closed_loop(call, at_once=at_once, count=count, seconds=seconds)
        opened += len(ours.latencies_s)
        await ground.settle()
        database = await ground.database_floor.measure_opening(at_once=at_once, count=count, seconds=seconds)
        web = await ground.web_floor.measure(at_once=at_once, count=count, seconds=seconds)
        floors = [("bare transaction", database), ("bare POST", web)]
        figures += rate_and_latencies(f"opening, {at_once} at once", ours, floors, best_peer=peers.OPENING.get(at_once))
    memory = (ground.stack.worker_rss_bytes() - before) / opened / KIBIBYTE
    figures.append(Figure("worker memory per open ticket", "KiB", memory))
    return figures


async def measure_running(ground: Ground) -> list[Figure]:
    """From the answer to an opening until the ticket's workflow has loaded it, one ticket at a time."""
    latencies = []
    began = time.perf_counter()
    for _ in range(ground.size.singles):
        number = await ground.api.open(ground.people.requester)
        answered = time.perf_counter()
        if not await wait_until(partial(_runs, ground, number), every_s=0.002, timeout_s=60):
            raise BenchError(f"ticket {number} still waits for its workflow")
        latencies.append(time.perf_counter() - answered)
    ours = Sample(latencies, time.perf_counter() - began)
    floor = await ground.engine_floor.measure_running(ground.size.singles)
    name = "opened to workflow running"
    return [
        Figure(name, "ms p50", ours.p50_ms, [Floor("bare engine", floor.p50_ms)]),
        Figure(name, "ms p99", ours.p99_ms, [Floor("bare engine", floor.p99_ms)]),
    ]


async def _runs(ground: Ground, number: int) -> bool:
    """Whether its workflow has loaded the ticket: that ends the request to start it."""
    count: int = await ground.pool.fetchval("select count(*) from start_requests where ticket_number = $1", number)
    return count == 0


async def measure_burst(ground: Ground) -> list[Figure]:
    """Many tickets as fast as they are accepted; then until all of them run."""
    count = ground.size.burst
    began = time.perf_counter()

    async def call(_lane: int, _turn: int) -> None:
        await ground.api.open(ground.people.requester)

    accepted = await closed_loop(call, at_once=32, count=count, seconds=600)
    waiting = await ground.waiting()
    await ground.settle()
    seconds = time.perf_counter() - began
    floor = await ground.engine_floor.measure_intake(at_once=32, count=ground.size.engine_burst)
    name = f"burst of {count}"
    return [
        Figure(name, "accepted per s", accepted.per_second, best_peer=peers.OPENING[32]),
        Figure(name, "s until accepted", accepted.seconds),
        Figure(name, "waiting then", waiting),
        Figure(name, "s until all run", seconds, [Floor("bare engine", count / floor)]),
        Figure(
            "engine takes in", "per s", count / seconds, [Floor("bare engine", floor)], best_peer=peers.ENGINE_INTAKE
        ),
    ]
