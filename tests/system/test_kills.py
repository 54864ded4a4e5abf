"""The whole system, killed part by part while people work: nothing that was acknowledged is lost, nothing is doubled.

`KILL_ROUNDS=10` makes a soak of it, `KILL_SEED=...` repeats a run's choices (its timing is the machine's).
"""
# ruff: noqa: S311, T201 - chance from a seed, which is printed with what came of it

import asyncio
import os
import random
import time

import aiohttp
import pytest

from database.pool import open_pool
from operations.replay.desk import Desk
from operations.replay.stream import StreamReader
from tests.system.processes import PARTS, RunningStack, run_module
from tests.system.proof import ledger_faults, row_faults, settled, stream_faults, timeline_faults
from tests.system.writers import Cast, Ledger, Writer, at_work, each_gets_on, patient_desk
from workflows.client import connect
from workflows.ticket_client import TicketClient

ROUNDS = int(os.environ.get("KILL_ROUNDS", "1"))
SEED = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
WRITERS = 6
CALM_SECONDS = (0.2, 2.0)


async def kill_in_turn(stack: RunningStack, writers: list[Writer], chance: random.Random) -> None:
    """Each part by itself, two at once, and everything with the supervisor; each time until everybody gets on again."""
    steps = [(part,) for part in chance.sample(list(PARTS), len(PARTS))]
    for victims in (*steps, tuple(chance.sample(list(PARTS), 2)), ("everything",)):
        await asyncio.sleep(chance.uniform(*CALM_SECONDS))
        killed_at = time.monotonic()
        if victims == ("everything",):
            await stack.kill_everything()
            await stack.start()
        for part in set(victims) & PARTS.keys():
            await stack.kill(part)
        await stack.ready()
        await each_gets_on(writers)
        print(f"killed {' and '.join(victims)}; all went on after {time.monotonic() - killed_at:.1f} s")


async def faults_of(
    stack: RunningStack, desk: Desk, cast: Cast, ledger: Ledger, streams: list[StreamReader], since: str
) -> list[str]:
    settings = stack.settings
    pool = await open_pool(settings.database_dsn, 4)
    try:
        await settled(pool)
        engine = await connect(settings.temporal_target, settings.temporal_namespace)
        faults = await ledger_faults(pool, ledger)
        faults += await timeline_faults(desk, cast.admin, ledger)
        faults += await row_faults(pool, TicketClient(engine, 10))
        faults += await stream_faults(pool, streams[0], since)
        return faults + await stream_faults(pool, streams[1], since, requester=cast.requesters[0])
    finally:
        await pool.close()


@pytest.mark.timeout(300 + 120 * ROUNDS)
async def test_whatever_is_killed_no_acknowledged_change_is_lost_or_doubled(
    stack: RunningStack, choices: dict[str, str]
) -> None:
    print(f"KILL_SEED={SEED} KILL_ROUNDS={ROUNDS}")
    chance = random.Random(SEED)
    await stack.start()
    async with aiohttp.ClientSession() as session:
        desk = patient_desk(session, stack.address)
        cast = await Cast.signed_in(desk)
        since = (await desk.ask("list", "GET", "/tickets", cast.admin))["stream_cursor"]
        ledger, shared = Ledger(), list[int]()
        writers = [
            Writer(f"writer{n}", desk, cast, ledger, shared, random.Random(f"{SEED}-{n}")) for n in range(WRITERS)
        ]
        async with (
            StreamReader(desk, cast.admin, since) as all_events,
            StreamReader(desk, cast.requesters[0], since) as own_events,
        ):
            async with at_work(writers):
                await each_gets_on(writers)
                for _ in range(ROUNDS):
                    await kill_in_turn(stack, writers, chance)
            faults = await faults_of(stack, desk, cast, ledger, [all_events, own_events], since)
            code, report = await run_module("operations.reconcile", "--dry-run", env=choices)

        print(f"acknowledged {len(ledger.acknowledged)} changes on {len(shared)} tickets: {ledger.kinds()}")
        print(f"refused {len(ledger.refused)}; repeated because of {desk.figures.retries}")
        for name, stream in (("admin", all_events), ("requester", own_events)):
            print(f"the {name} saw {len(stream.messages)} events over {stream.connections} connections")
        assert faults == []
        assert code == 0, report
        assert "Engine and database agree." in report
        assert {change.ticket for change in ledger.acknowledged} == set(shared)
    await stack.stop()
