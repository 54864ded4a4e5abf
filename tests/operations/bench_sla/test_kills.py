from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from database.pool import Pool, open_pool
from operations.bench_sla.kills import AFTERMATH, silence_s
from tests import factories

KILLED = factories.NOW
SECOND = timedelta(seconds=1)


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    async with await open_pool(database_dsn, 1) as pool:
        yield pool


async def recorded(pool: Pool, *moments: datetime) -> None:
    await pool.executemany(
        "insert into events (topic, type, at, actor_kind, internal, data, recorded_at) "
        "values ('test', 'test', $1, 'timer', true, '{}', $1)",
        [(moment,) for moment in moments],
    )


async def test_silence_is_the_longest_gap_after_the_kill(pool: Pool) -> None:
    await recorded(pool, *(KILLED + seconds * SECOND for seconds in (-9, 0.25, 3, *range(4, 16))))

    assert await silence_s(pool, KILLED) == 2.75


async def test_a_desk_that_never_spoke_again_was_silent_all_the_time(pool: Pool) -> None:
    await recorded(pool, KILLED - SECOND, KILLED + 2 * AFTERMATH)

    assert await silence_s(pool, KILLED) == AFTERMATH.total_seconds()
