"""How soon a ticket has an owner on a calm desk: opened over HTTP, called, matched, told to its workflow, recorded."""

import asyncio
import time
from functools import partial

from operations.bench.figure import Figure, Floor
from operations.bench.floor_database import change
from operations.bench.ground import Ground
from operations.bench.load import wait_until
from operations.bench.system import BenchError
from operations.bench_dispatch.team import make_team
from operations.replay.figures import percentile

PAUSE_S = 0.5
"""Between two openings of a calm desk; without it the next one comes while the dispatcher still looks about."""
PATIENCE_S = 60.0
ROOM = 1_000
UNITS = {"ms p50": 0.5, "ms p99": 0.99, "ms max": 1.0}
_OPENED_AT = "select extract(epoch from at)::float8 from events where ticket_number = $1 and revision = 1"
_OWNER = "select assignee_id from tickets where number = $1"


async def measure_singles(ground: Ground, count: int) -> list[Figure]:
    """One ticket after the other, with pauses and without, and the floor in the same run."""
    team = await make_team(ground, "calm", agents=5, capacity=ROOM)
    await _opened_to_owned(ground, team.slug, 5, PAUSE_S)
    calm = await _opened_to_owned(ground, team.slug, count, PAUSE_S)
    floor = await _floor(ground, count)
    busy = await _opened_to_owned(ground, team.slug, count, 0)
    return [
        *latency_figures("opened to assigned, calm", calm, floor),
        *latency_figures("opened to assigned, the next at once", busy, floor),
    ]


def latency_figures(name: str, latencies_s: list[float], floor_s: list[float]) -> list[Figure]:
    """Milliseconds, beside the floor where there is one."""
    return [
        Figure(
            name,
            unit,
            percentile(latencies_s, share) * 1000,
            [Floor("update + transaction", percentile(floor_s, share) * 1000)] if floor_s else [],
        )
        for unit, share in UNITS.items()
    ]


async def _opened_to_owned(ground: Ground, team: str, count: int, pause_s: float) -> list[float]:
    """From the moment that the opening itself names, just before its transaction, until the row shows an owner."""
    latencies = []
    for _ in range(count):
        number = await ground.api.open(ground.people.admin, team)
        if not await wait_until(partial(_is_owned, ground, number), every_s=0.002, timeout_s=PATIENCE_S):
            raise BenchError(f"ticket {number} still waits for an owner")
        seen = time.time()
        latencies.append(seen - await ground.pool.fetchval(_OPENED_AT, number))
        await asyncio.sleep(pause_s)
    return latencies


async def _is_owned(ground: Ground, number: int) -> bool:
    return await ground.pool.fetchval(_OWNER, number) is not None


async def _floor(ground: Ground, count: int) -> list[float]:
    """The least that must happen: an update of a bare workflow, and a bare transaction."""
    (name,) = await ground.engine_floor.warmed_up(1)
    number = await ground.database_floor.open()
    latencies = []
    for _ in range(count):
        began = time.perf_counter()
        await ground.engine_floor.change(name)
        await change(ground.database_floor.pool, number)
        latencies.append(time.perf_counter() - began)
    return latencies
