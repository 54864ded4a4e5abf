"""Nobody misses anything on the stream, whatever is cut or killed.

Writers are at work; admin, agent, requester and others follow through wires that are cut in the middle of a message,
or stop for a while; processes are killed. Then each has heard every event that they may see once and in order, and
what their client made of them is what the lists show.

`make soak ARGS="--minutes 30"` goes on for longer; `--seed` repeats a run's choices.
"""
# ruff: noqa: S311, T201 - chance from a seed, which is printed with what came of it

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest

from database.pool import open_pool
from operations.replay.desk import Json
from tests.system.listeners import Seat, seated, shaken
from tests.system.processes import PARTS, RunningStack
from tests.system.proof import settled
from tests.system.stream_evidence import Listener
from tests.system.wire import Wire
from tests.system.writers import Cast, Ledger, Writer, at_work, each_gets_on, patient_desk

WRITERS = 4
CALM_SECONDS = (0.5, 2.0)
QUICK_PARTS: tuple[str, ...] = ("api", "api", "postgres", "worker")
"""The engine takes half a minute to come back; `test_kills.py` ends it too."""
LONGEST_WAITS_SECONDS = 300.0
"""Beyond the minutes asked for: starting, the last kills, and catching up."""


async def kill_for(
    minutes: float,
    stack: RunningStack,
    writers: list[Writer],
    watch: Callable[[], Awaitable[Json]],
    chance: random.Random,
) -> int:
    """Those of `QUICK_PARTS`, in any order, then all parts until the time is over; each time until everybody
    gets on. Returns how often."""
    started = time.monotonic()
    kills, parts = 0, QUICK_PARTS
    while kills == 0 or time.monotonic() < started + minutes * 60:
        for part in chance.sample(parts, len(parts)):
            await asyncio.sleep(chance.uniform(*CALM_SECONDS))
            await stack.kill(part)
            await watch()
            await stack.ready()
            await each_gets_on(writers)
            kills += 1
            print(f"{time.monotonic() - started:.0f} s: killed {part}, all get on")
        parts = tuple(PARTS)
    return kills


@pytest.mark.timeout(0)  # it bounds itself, by the minutes that it was given
async def test_whatever_is_cut_or_killed_everyone_hears_each_event_once_and_knows_what_the_lists_show(
    stack: RunningStack, minutes: float, seed: int
) -> None:
    print(f"--seed {seed} --minutes {minutes}")
    chance = random.Random(seed)
    async with asyncio.timeout(minutes * 60 + LONGEST_WAITS_SECONDS), AsyncExitStack() as exits:
        await stack.start()
        session = await exits.enter_async_context(aiohttp.ClientSession())
        pool = await exits.enter_async_context(await open_pool(stack.settings.database_dsn, 4))
        desk = patient_desk(session, stack.address)
        cast = await Cast.signed_in(desk)
        body = {"title": "Watched by its number", "team": "support"}
        watched: int = (await desk.ask("open", "POST", "/tickets", cast.requesters[0], body))["number"]
        listeners = (
            Listener("admin"),
            Listener("agent"),
            Listener("agent3"),
            Listener("requester"),
            Listener("supervisor by topics", topics=("presence", "queue")),
            Listener("agent2 by ticket", ticket=watched),
            Listener("requester2 from home"),
        )
        wires = [await exits.enter_async_context(Wire(stack.settings.api_port)) for _ in listeners]
        seats = [
            await exits.enter_async_context(seated(wire.address, listener, random.Random(f"{seed}-{listener.name}")))
            for wire, listener in zip(wires, listeners, strict=True)
        ]

        async def note() -> Json:
            path = f"/tickets/{watched}/replies"
            return await desk.ask("note", "POST", path, cast.admin, {"body": "Still there", "internal": True})

        ledger, shared = Ledger(), list[int]()
        writers = [Writer(f"w{n}", desk, cast, ledger, shared, random.Random(f"{seed}-w{n}")) for n in range(WRITERS)]
        *present, away = seats
        for seat in present:
            seat.follow()
        started = time.monotonic()
        async with at_work(writers):
            async with shaken(wires[:-1], seed):
                kills = await kill_for(minutes, stack, writers, note, chance)
            await each_gets_on(writers)
        print(f"{time.monotonic() - started:.0f} s: the writers rest")
        await settled(pool)
        away.follow()
        faults = [fault for seat in seats for fault in await seat.faults(pool)]
        print(f"cut {sum(wire.cuts for wire in wires)} times")
        tell(seats, f"{kills} kills and {len(ledger.acknowledged)} changes in {time.monotonic() - started:.0f} s")
    assert faults == []
    assert all(seat.listener.heard for seat in seats)
    assert all(seat.client.connections > 1 for seat in present)
    await stack.stop()


def tell(seats: list[Seat], headline: str) -> None:
    print(headline)
    for seat in seats:
        print(
            f"{seat.listener.name}: {len(seat.listener.heard)} events, {len(seat.client.tickets)} tickets, "
            f"{seat.client.connections} connections"
        )
