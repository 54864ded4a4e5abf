import asyncio
from functools import partial

import pytest

from operations.bench.load import Sample, closed_loop, in_turns


async def test_every_call_is_made_once_and_each_lane_counts_its_own() -> None:
    calls: list[tuple[int, int]] = []

    async def call(lane: int, turn: int) -> None:
        calls.append((lane, turn))

    sample = await closed_loop(call, at_once=3, count=8, seconds=60)

    assert sorted(calls) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    assert len(sample.latencies_s) == 8


async def test_no_more_than_so_many_are_under_way_at_once() -> None:
    under_way = most = 0

    async def call(_lane: int, _turn: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    await closed_loop(call, at_once=4, count=40, seconds=60)

    assert most == 4


async def test_time_is_a_bound_too() -> None:
    calls = 0

    async def call(_lane: int, _turn: int) -> None:
        nonlocal calls
        calls += 1

    await closed_loop(call, at_once=1, count=10, seconds=-1)

    assert calls == 0


async def test_a_failing_call_ends_the_measure() -> None:
    async def call(_lane: int, _turn: int) -> None:
        raise LookupError("no ticket")

    with pytest.raises(ExceptionGroup) as failure:
        await closed_loop(call, at_once=2, count=10, seconds=60)

    assert failure.group_contains(LookupError)


def test_a_sample_tells_rate_and_percentiles() -> None:
    sample = Sample([0.010, 0.020, 0.030, 0.040], seconds=2)

    assert (sample.per_second, sample.p50_ms, sample.p99_ms) == (2, 20, 40)


async def test_what_is_compared_takes_turns() -> None:
    order: list[str] = []

    async def load(name: str, latency: float) -> Sample:
        order.append(name)
        return Sample([latency], seconds=latency)

    ours, floor = await in_turns([partial(load, "ours", 2.0), partial(load, "floor", 1.0)], rounds=3)

    assert order == ["ours", "floor"] * 3
    assert (ours, floor) == (Sample([2.0] * 3, 6.0), Sample([1.0] * 3, 3.0))
