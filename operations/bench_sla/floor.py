"""The floor: as many bare workflows that sleep until moments spread in the same way."""

import time
from datetime import timedelta

from operations.bench.floor_engine import TASK_QUEUE, FloorTimerWorkflow
from operations.bench.ground import Ground
from operations.bench.load import closed_loop, wait_until
from operations.bench.system import BenchError
from operations.bench_sla.cases import INTAKE_PER_S, Case

AT_ONCE = 8
PATIENCE = timedelta(seconds=60)
LONGEST_S = 180.0


async def floor_lateness_s(ground: Ground, case: Case) -> list[float]:
    """From the moment until the bare workflow's transaction, of each."""
    first = time.time() + case.due / INTAKE_PER_S + 20

    async def start(lane: int, turn: int) -> None:
        place = turn * AT_ONCE + lane
        due_at = first + case.spread_s * place / case.due
        name = f"floor-{case.name}-{place}"
        await ground.engine.start_workflow(
            FloorTimerWorkflow.run, args=[name, due_at], id=name, task_queue=TASK_QUEUE, rpc_timeout=PATIENCE
        )

    await closed_loop(start, at_once=AT_ONCE, count=case.due, seconds=600)
    if time.time() > first:
        raise BenchError("the bare workflows could not be started before their moments")

    async def all_rang() -> bool:
        rang: int = await ground.pool.fetchval("select count(*) from bench_floor.rings")
        return rang == case.due

    if not await wait_until(all_rang, every_s=1, timeout_s=case.spread_s + LONGEST_S):
        raise BenchError("not every bare workflow woke up")
    rows = await ground.pool.fetch(
        "select extract(epoch from recorded_at - due_at)::float8 as late from bench_floor.rings"
    )
    return [row["late"] for row in rows]
