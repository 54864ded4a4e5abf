"""The engine as the measurement drives it: minimal workflows for the floor, and histories to be counted."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from operations.bench.floor_database import DatabaseFloor
from operations.bench.floor_engine import TASK_QUEUE, FloorWorkflow
from operations.bench.load import Sample, closed_loop, wait_until
from operations.bench.system import BenchError, child, end_of

BILLED = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    }
)
"""The events that count as one action each where actions are billed."""


@dataclass(frozen=True)
class Life:
    """What one workflow has cost: history events, their bytes, and billable actions."""

    events: int
    bytes: int
    actions: int


def life_of(history: Iterable[HistoryEvent]) -> Life:
    events = list(history)
    actions = sum(event.event_type in BILLED for event in events)
    # All local activities of one workflow task together are one action; each leaves a marker.
    tasks = {
        event.marker_recorded_event_attributes.workflow_task_completed_event_id
        for event in events
        if event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED
    }
    return Life(len(events), sum(event.ByteSize() for event in events), actions + len(tasks))


async def read_life(client: Client, workflow_id: str) -> Life:
    return life_of((await client.get_workflow_handle(workflow_id).fetch_history()).events)


class EngineFloor:
    """Minimal workflows on the product's own engine."""

    def __init__(self, client: Client, database: DatabaseFloor) -> None:
        self._client = client
        self._database = database
        self._numbers = itertools.count()

    async def start(self) -> str:
        """Start one; it runs when its line in the table of starts is gone."""
        name = f"floor-{next(self._numbers)}"
        await self._database.pool.execute("insert into bench_floor.starts (name) values ($1)", name)
        await self._client.start_workflow(FloorWorkflow.run, name, id=name, task_queue=TASK_QUEUE)
        return name

    async def change(self, name: str) -> None:
        """The round trip of a command: an update."""
        await self._client.get_workflow_handle(name).execute_update(FloorWorkflow.change, "a change")

    async def change_shown(self, name: str, text: str) -> None:
        """The same with a search attribute."""
        await self._client.get_workflow_handle(name).execute_update(FloorWorkflow.change_shown, text)

    async def _wait_for(self, names: str, every_s: float) -> None:
        """Until those whose name is like this run."""

        async def run() -> bool:
            left = await self._database.pool.fetchval(
                "select count(*) from bench_floor.starts where name like $1", names
            )
            return bool(left == 0)

        if not await wait_until(run, every_s=every_s, timeout_s=600):
            raise BenchError(f"minimal workflows {names} did not start")

    async def warmed_up(self, count: int) -> list[str]:
        """So many that run and have done a change each."""
        names = [await self.start() for _ in range(count)]
        for name in names:
            await self.change(name)
        return names

    async def measure_change(
        self, names: Sequence[str], *, at_once: int, count: int, seconds: float, is_shown: bool = False
    ) -> Sample:
        """Changes, each lane on a workflow of its own."""

        async def call(lane: int, turn: int) -> None:
            if is_shown:
                await self.change_shown(names[lane], "open" if turn % 2 else "on_hold")
            else:
                await self.change(names[lane])

        return await closed_loop(call, at_once=at_once, count=count, seconds=seconds)

    async def measure_running(self, count: int) -> Sample:
        """From the answer to a start until the workflow has done its first activity."""
        latencies = []
        began = time.perf_counter()
        for _ in range(count):
            name = await self.start()
            started = time.perf_counter()
            await self._wait_for(name, every_s=0.002)
            latencies.append(time.perf_counter() - started)
        return Sample(latencies, time.perf_counter() - began)

    async def measure_intake(self, *, at_once: int, count: int) -> float:
        """Starts per second, from the first until the last one runs."""
        began = time.perf_counter()

        async def call(_lane: int, _turn: int) -> None:
            await self.start()

        await closed_loop(call, at_once=at_once, count=count, seconds=600)
        await self._wait_for("floor-%", every_s=0.05)
        return count / (time.perf_counter() - began)

    async def live(self, changes: int) -> Life:
        """A whole life of the minimal workflow."""
        name = await self.start()
        for _ in range(changes):
            await self.change(name)
        return await read_life(self._client, name)


@contextlib.asynccontextmanager
async def engine_floor(
    client: Client, address: str, dsn: str, database: DatabaseFloor, folder: Path
) -> AsyncIterator[EngineFloor]:
    """With its worker running; the first workflow warms it up."""
    log = folder / "floor_engine.log"
    async with child("operations.bench.floor_engine", [address, dsn], log) as process:
        floor = EngineFloor(client, database)
        try:
            async with asyncio.timeout(30):
                await floor.change(await floor.start())
        except TimeoutError as error:
            raise BenchError(f"the bare worker ({process.returncode}) does not answer:\n{end_of(log)}") from error
        yield floor
