"""The engine floor: the least workflow with the product's round trips, run by a worker process of its own.

It starts with one local activity and does each change as an update with one local activity, each activity being one
trip to the database: what a ticket costs the engine, and nothing of what makes it a ticket. It has whatever makes the
product's own worker quick: no sandbox, no compression, the same event loop.
(`python -m operations.bench.floor_engine ADDRESS DSN` is the worker.)
"""

import asyncio
import signal
import sys
from datetime import timedelta
from typing import TypeAlias

import asyncpg
import uvloop
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import GrpcCompression
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

from operations.bench.floor_database import change

TASK_QUEUE = "bench-floor"
TICKET_STATUS = SearchAttributeKey.for_keyword("TicketStatus")
QUICK = timedelta(seconds=2)
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


class FloorActivities:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @activity.defn
    async def begin(self, name: str) -> None:
        await self._pool.execute("delete from bench_floor.starts where name = $1", name)

    @activity.defn
    async def change(self, text: str) -> str:
        await self._pool.execute("select 1")
        return text

    @activity.defn
    async def keep(self, number: int) -> None:
        """The bare transaction of a change."""
        await change(self._pool, number)

    @activity.defn
    async def ring(self, name: str, due_at: float) -> None:
        await self._pool.execute(
            "insert into bench_floor.rings (name, due_at) values ($1, to_timestamp($2))", name, due_at
        )


@workflow.defn
class FloorWorkflow:
    @workflow.run
    async def run(self, name: str) -> None:
        await workflow.execute_local_activity_method(FloorActivities.begin, name, schedule_to_close_timeout=QUICK)
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def change(self, text: str) -> str:
        return await workflow.execute_local_activity_method(
            FloorActivities.change, text, schedule_to_close_timeout=QUICK
        )

    @workflow.update
    async def change_shown(self, text: str) -> str:
        """A change that operators can filter by: with one search attribute, as a change of status has."""
        changed = await workflow.execute_local_activity_method(
            FloorActivities.change, text, schedule_to_close_timeout=QUICK
        )
        workflow.upsert_search_attributes([TICKET_STATUS.value_set(text)])
        return changed

    @workflow.update
    async def keep(self, number: int, status: str | None) -> None:
        """A change whose activity is the bare transaction of one; shown where it brings a status."""
        await workflow.execute_local_activity_method(FloorActivities.keep, number, schedule_to_close_timeout=QUICK)
        if status is not None:
            workflow.upsert_search_attributes([TICKET_STATUS.value_set(status)])


@workflow.defn
class FloorTimerWorkflow:
    """The least that a moment needs: sleep until it comes (seconds since 1970), then one local activity with one
    transaction."""

    @workflow.run
    async def run(self, name: str, due_at: float) -> None:
        await workflow.sleep(max(due_at - workflow.time(), 0.0))
        await workflow.execute_local_activity_method(
            FloorActivities.ring, args=[name, due_at], schedule_to_close_timeout=QUICK
        )


async def _work(address: str, dsn: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(address, grpc_compression=GrpcCompression.NONE)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=16)
    activities = FloorActivities(pool)
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[FloorWorkflow, FloorTimerWorkflow],
        activities=[activities.begin, activities.change, activities.keep, activities.ring],
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    ):
        await stop.wait()
    await pool.close()


if __name__ == "__main__":
    uvloop.run(_work(*sys.argv[1:3]))
