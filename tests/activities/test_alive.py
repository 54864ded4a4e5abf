"""An activity beats for as long as it is at work, and not after that."""

import asyncio

from temporalio.testing import ActivityEnvironment

from activities.alive import alive


async def test_it_beats_until_it_ends() -> None:
    beats, third = list[int](), asyncio.Event()

    def beaten(*_: object) -> None:
        beats.append(1)
        if len(beats) == 3:
            third.set()

    async def work() -> int:
        async with alive(0.001):
            await third.wait()
        at_the_end = len(beats)
        await asyncio.sleep(0.01)
        return at_the_end

    environment = ActivityEnvironment()
    environment.on_heartbeat = beaten

    assert await environment.run(work) == len(beats)


async def test_one_that_is_quick_does_not_beat() -> None:
    beats = list[int]()

    async def work() -> None:
        async with alive(3600):
            await asyncio.sleep(0)

    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *_: beats.append(1)
    await environment.run(work)

    assert beats == []
