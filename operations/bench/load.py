"""The load: so many requests at once, each lane sending its next one when the last is answered."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from operations.replay.figures import percentile

Call = Callable[[int, int], Awaitable[object]]
"""Called with the lane and with the number of the call in its lane."""


async def wait_until(check: Callable[[], Awaitable[bool]], *, every_s: float, timeout_s: float) -> bool:
    """Whether the check came true in time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if await check():
            return True
        await asyncio.sleep(every_s)
    return False


@dataclass(frozen=True)
class Sample:
    """What a load measured."""

    latencies_s: Sequence[float]
    seconds: float

    @property
    def per_second(self) -> float:
        return len(self.latencies_s) / self.seconds

    @property
    def p50_ms(self) -> float:
        return percentile(self.latencies_s, 0.5) * 1000

    @property
    def p99_ms(self) -> float:
        return percentile(self.latencies_s, 0.99) * 1000


Load = Callable[[], Awaitable[Sample]]


async def in_turns(loads: Sequence[Load], *, rounds: int) -> list[Sample]:
    """Every load once in each round, what each measured put together.

    What is compared must be measured side by side: on a machine with neighbours a minute can be a third slower than
    the next one.
    """
    measured: list[list[Sample]] = [[] for _ in loads]
    for _ in range(rounds):
        for load, samples in zip(loads, measured, strict=True):
            samples.append(await load())
    return [
        Sample([latency for one in samples for latency in one.latencies_s], sum(one.seconds for one in samples))
        for samples in measured
    ]


async def closed_loop(call: Call, *, at_once: int, count: int, seconds: float) -> Sample:
    """`count` calls, `at_once` at a time, or as many as begin within `seconds`. A failing call ends the measure."""
    latencies: list[float] = []
    started = time.perf_counter()

    async def lane(number: int) -> None:
        for turn in range(number, count, at_once):
            sent = time.perf_counter()
            if sent - started > seconds:
                return
            await call(number, turn // at_once)
            latencies.append(time.perf_counter() - sent)

    async with asyncio.TaskGroup() as lanes:
        for number in range(at_once):
            lanes.create_task(lane(number))
    return Sample(latencies, time.perf_counter() - started)
