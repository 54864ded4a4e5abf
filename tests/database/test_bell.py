"""The bell hears what rings, and hears again after its connection was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from database.bell import BELL, START_BELL, Bell
from database.pool import Pool
from database.tickets import TicketStore
from tests.database.storing import stored_ticket

LISTENERS = "from pg_stat_activity where datname = current_database() and query like 'LISTEN%'"


class Ears:
    """Counts what it hears."""

    def __init__(self) -> None:
        self.heard = 0
        self._more = asyncio.Event()

    def ring(self, _: str = "") -> None:
        self.heard += 1
        self._more.set()

    async def more_than(self, count: int) -> None:
        """Wait until it has rung more often than that."""
        while self.heard <= count:
            self._more.clear()
            await self._more.wait()


@asynccontextmanager
async def listening(bell: Bell) -> AsyncIterator[None]:
    task = asyncio.create_task(bell.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def tickets() -> Ears:
    return Ears()


@pytest.fixture
def starts() -> Ears:
    return Ears()


@pytest.fixture
def bell(desk_dsn: str, tickets: Ears, starts: Ears) -> Bell:
    return Bell(desk_dsn, {BELL: tickets.ring, START_BELL: starts.ring})


async def test_everyone_looks_once_when_the_bell_begins_to_listen(
    pool: Pool, bell: Bell, tickets: Ears, starts: Ears
) -> None:
    """For what rang before."""
    connected = [bell.is_connected]
    async with listening(bell):
        await tickets.more_than(0)
        await starts.more_than(0)
        connected.append(bell.is_connected)
    connected.append(bell.is_connected)

    assert connected == [False, True, False]


async def test_a_channel_rings_for_its_own_listener(pool: Pool, bell: Bell, tickets: Ears, starts: Ears) -> None:
    async with listening(bell):
        await starts.more_than(0)
        before = starts.heard
        await pool.execute(f"select pg_notify('{BELL}', '')")
        await tickets.more_than(1)

        assert starts.heard == before


async def test_an_opening_is_heard_by_the_stream_and_by_the_relay(
    store: TicketStore, bell: Bell, tickets: Ears, starts: Ears
) -> None:
    async with listening(bell):
        await starts.more_than(0)
        await stored_ticket(store)
        await tickets.more_than(1)
        await starts.more_than(1)


async def test_a_bell_that_lost_its_connection_makes_another_and_has_everyone_look(
    pool: Pool, bell: Bell, tickets: Ears, starts: Ears
) -> None:
    async with listening(bell):
        await starts.more_than(0)
        before = tickets.heard

        assert await pool.fetchval(f"select count(pg_terminate_backend(pid)) {LISTENERS}") == 1
        await tickets.more_than(before)
        await starts.more_than(1)

        assert bell.is_connected
        heard = tickets.heard
        await pool.execute(f"select pg_notify('{BELL}', '')")
        await tickets.more_than(heard)


async def test_a_bell_keeps_trying_while_there_is_no_database(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logged = asyncio.Event()
    bell = Bell("postgresql://postgres@127.0.0.1:1/nowhere", {BELL: lambda _: logged.set()})
    async with listening(bell):
        while "reconnecting" not in caplog.text:
            await asyncio.sleep(0)

    assert not logged.is_set()
    assert not bell.is_connected
