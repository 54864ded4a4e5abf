"""Whoever does not read harms nobody, and whoever loses a right loses it in the middle of the stream."""
# ruff: noqa: S311 - chance from a seed

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import pytest

from database.pool import open_pool
from operations.replay.evidence import place_of
from tests.system.client_session import StreamRefusedError
from tests.system.listeners import seated
from tests.system.processes import RunningStack, choices_in, eventually
from tests.system.stream_evidence import Listener, visible_events
from tests.system.wire import connected
from tests.system.writers import Cast, Ledger, Writer, at_work, each_gets_on, patient_desk

pytestmark = pytest.mark.timeout(300)
BACKLOG = 5000
FILL = """
insert into events (topic, type, at, actor_kind, internal, data)
select 'queue', 'queue.changed', now(), 'dispatcher', true, jsonb_build_object('team', 'support', 'waiting', n,
    'offered', 0, 'there', 0, 'oldest_waiting_at', null, 'filler', repeat('x', 600)) from generate_series(1, $1) n
"""
LAST_CHANGE = """
select xid::text::bigint, id from events where type = 'person.changed' and person_id = $1
order by xid desc, id desc limit 1
"""
RIGHTS: tuple[dict[str, Any], ...] = (
    {"teams": ["support"]},
    {"teams": []},
    {"teams": ["billing", "support"]},
    {"role": "supervisor"},
    {"role": "agent", "teams": ["billing"]},
)


@pytest.fixture(scope="module")
async def running(make_folder: Callable[[], Path]) -> AsyncIterator[RunningStack]:
    """One stack for this file."""
    folder = make_folder()
    stack = RunningStack(choices_in(folder), folder)
    try:
        await stack.start()
        yield stack
        await stack.stop()
    finally:
        await stack.kill_everything()


async def test_a_client_that_never_reads_is_cut_and_nobody_else_notices(running: RunningStack, seed: int) -> None:
    async with AsyncExitStack() as exits:
        http = await exits.enter_async_context(aiohttp.ClientSession())
        pool = await exits.enter_async_context(await open_pool(running.settings.database_dsn, 4))
        desk = patient_desk(http, running.address)
        cast = await Cast.signed_in(desk)
        before = (await desk.ask("list", "GET", "/tickets", cast.admin))["stream_cursor"]
        await pool.execute(FILL, BACKLOG)
        seats = [
            await exits.enter_async_context(seated(running.address, Listener(name), random.Random(seed)))
            for name in ("admin", "agent", "requester")
        ]
        for seat in seats:
            seat.follow()
        await eventually("their streams", lambda: streams(running), lambda count: count == len(seats))
        deaf = await connected(running.settings.api_port)
        request = (
            f"GET /api/events HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {cast.supervisor.token}\r\n"
            f"Last-Event-ID: {before}\r\n\r\n"
        )
        await asyncio.get_running_loop().sock_sendall(deaf, request.encode())
        writers = [Writer(f"d{n}", desk, cast, Ledger(), [], random.Random(f"{seed}-{n}")) for n in range(2)]
        async with at_work(writers):
            await eventually("its stream", lambda: streams(running), lambda count: count == len(seats) + 1)
            await each_gets_on(writers)
            await eventually("it to be cut", lambda: streams(running), lambda count: count == len(seats))
            await each_gets_on(writers)
        deaf.close()
        faults = [fault for seat in seats for fault in await seat.faults(pool)]
        assert faults == []
        assert [seat.client.connections for seat in seats] == [1, 1, 1], "nobody else was cut"

        back = await exits.enter_async_context(seated(running.address, Listener("supervisor"), random.Random(seed)))
        back.since = back.client.cursor = before
        back.follow()
        assert await back.faults(pool) == []
        assert len(back.listener.heard) > BACKLOG


async def streams(running: RunningStack) -> int:
    async with httpx2.AsyncClient() as http:
        text = (await http.get(f"{running.address}/metrics")).text
    return int(float(next(line for line in text.splitlines() if line.startswith("event_streams ")).split()[1]))


async def test_a_change_of_role_or_teams_counts_from_its_event_on_and_a_disabled_account_hears_no_more(
    running: RunningStack, seed: int
) -> None:
    async with AsyncExitStack() as exits:
        http = await exits.enter_async_context(aiohttp.ClientSession())
        pool = await exits.enter_async_context(await open_pool(running.settings.database_dsn, 4))
        desk = patient_desk(http, running.address)
        cast = await Cast.signed_in(desk)
        seat = await exits.enter_async_context(seated(running.address, Listener("agent3"), random.Random(seed)))
        listener = seat.listener
        seat.follow()
        writers = [Writer(f"r{n}", desk, cast, Ledger(), [], random.Random(f"{seed}-{n}")) for n in range(3)]
        path = f"/users/{listener.person}"
        faults: list[str] = []
        async with at_work(writers):
            for rights in RIGHTS:
                changed = await desk.ask("edit", "PATCH", path, cast.admin, rights)
                listener.role, listener.teams = changed["role"], tuple(changed["teams"])
                [(xid, id_)] = await pool.fetch(LAST_CHANGE, changed["id"])
                await each_gets_on(writers)
                until = (await desk.ask("list", "GET", "/tickets?limit=1", cast.admin))["stream_cursor"]
                await each_gets_on(writers)  # and what came before `until` was heard

                def between(events: list[Any], since: Any = (xid, id_), until: str = until) -> list[Any]:
                    return [event for event in events if since < event[:2] <= place_of(until)]

                expected = between(await visible_events(pool, listener, f"1.{xid}-{id_}"))
                await eventually("all to be heard", _lacks(listener, expected, between), lambda lacks: lacks <= 0)
                heard = between(listener.heard)
                if heard != expected:
                    faults.append(f"{rights}: heard {heard}, expected {expected}")
            await desk.ask("edit", "PATCH", f"{path}?tickets=return", cast.admin, {"is_active": False})
            assert seat.task is not None
            with pytest.raises(StreamRefusedError):
                await asyncio.wait_for(seat.task, 60)
        assert faults == []


def _lacks(listener: Listener, expected: list[Any], between: Callable[[list[Any]], list[Any]]) -> Callable[[], Any]:
    async def count() -> int:
        return len(expected) - len(between(listener.heard))

    return count
