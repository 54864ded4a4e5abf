"""Tallies are one for all processes, and a successful try is taken back from no more than itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from database.pool import Pool, open_pool
from database.throttles import ThrottleStore
from domain.throttle import Counted, Limit

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
LIMIT = Limit(3, timedelta(seconds=4), timedelta(minutes=1), timedelta(hours=1))
ADDRESS, PAIR = Counted(("login", "address", "192.0.2.1"), LIMIT), Counted(("login", "pair", "ada", "192.0.2.1"), LIMIT)
NO_WAIT = timedelta()


@pytest.fixture
async def throttles(pool: Pool) -> AsyncIterator[ThrottleStore]:
    await pool.execute("delete from throttles")
    yield ThrottleStore(pool)
    await pool.execute("delete from throttles")


async def test_processes_count_together(throttles: ThrottleStore, desk_dsn: str) -> None:
    async with await open_pool(desk_dsn, 4) as elsewhere:
        stores = (throttles, ThrottleStore(elsewhere))
        waits = await asyncio.gather(
            *(stores[turn % 2].take([PAIR, ADDRESS][:: 1 - turn % 2 * 2], NOW) for turn in range(20))
        )

    assert sorted(waits) == [NO_WAIT] * 3 + [timedelta(seconds=4)] * 17


async def test_what_waits_is_not_counted(throttles: ThrottleStore) -> None:
    for _ in range(10):
        await throttles.take([PAIR], NOW)

    assert await throttles.take([PAIR], NOW + timedelta(seconds=4)) == NO_WAIT
    assert await throttles.take([PAIR], NOW + timedelta(seconds=4)) == timedelta(seconds=8)


async def test_one_that_waits_keeps_the_others_from_counting(throttles: ThrottleStore) -> None:
    for _ in range(3):
        await throttles.take([PAIR], NOW)
    for _ in range(5):
        assert await throttles.take([PAIR, ADDRESS], NOW)

    assert [await throttles.take([ADDRESS], NOW) for _ in range(4)] == [NO_WAIT] * 3 + [timedelta(seconds=4)]


async def test_success_begins_the_account_anew_and_takes_one_try_back_from_the_address(
    throttles: ThrottleStore,
) -> None:
    for _ in range(2):
        await throttles.take([PAIR, ADDRESS], NOW)
    await throttles.take([PAIR, ADDRESS], NOW + timedelta(seconds=1))
    await throttles.forgive([PAIR, ADDRESS], NOW + timedelta(seconds=1))

    assert [await throttles.take([PAIR], NOW) for _ in range(3)] == [NO_WAIT] * 3
    later = NOW + timedelta(seconds=2)
    assert [await throttles.take([ADDRESS], later) for _ in range(2)] == [NO_WAIT, timedelta(seconds=4)]


async def test_success_lifts_no_wait_that_another_try_brought(throttles: ThrottleStore) -> None:
    for second in range(3):
        await throttles.take([ADDRESS], NOW + timedelta(seconds=second))
    await throttles.forgive([ADDRESS], NOW)

    assert await throttles.take([ADDRESS], NOW + timedelta(seconds=2)) == timedelta(seconds=4)


async def test_a_tally_names_nobody(throttles: ThrottleStore, pool: Pool) -> None:
    await throttles.take([PAIR], NOW)
    rows = await pool.fetch("select * from throttles")

    assert len(rows) == 1
    assert b"ada" not in rows[0]["bucket"]
    assert b"192.0.2.1" not in rows[0]["bucket"]


async def test_tries_and_successes_at_once_stand_in_nobodys_way(throttles: ThrottleStore) -> None:
    limit = LIMIT._replace(free=1000)
    counted = [Counted(("login", kind, "ada"), limit) for kind in ("address", "pair", "account")]

    async def sign_in() -> timedelta:
        wait = await throttles.take(counted, NOW)
        await throttles.forgive(counted, NOW)
        return wait

    assert set(await asyncio.gather(*(sign_in() for _ in range(60)))) == {NO_WAIT}
