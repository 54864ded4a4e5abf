"""Creating something once under a caller's key."""

import asyncio
from typing import Any

import pytest

from database.idempotency import RequestKey, create_once
from database.people import CategoryStore, NamedSlug
from database.pool import Connection, Pool
from domain.audit import Author
from domain.errors import AlreadyExistsError, IdempotencyKeyReusedError
from tests.factories import command_id

KEY = RequestKey(command_id("create"), "digest")
REUSED = RequestKey(command_id("create"), "another digest")
OTHER = RequestKey(command_id("create another"), "digest")


class Maker:
    """Adds a team for each call, and waits first when it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.fails = False

    async def __call__(self, connection: Connection) -> dict[str, Any]:
        self.calls += 1
        call = self.calls
        await connection.execute("insert into teams (slug, name) values ($1, $1)", f"made-{call}")
        self.has_begun.set()
        await self.may_end.wait()
        if self.fails:
            raise AlreadyExistsError("no")
        return {"call": call, "list": [1, None, "ä"]}


@pytest.fixture
def make() -> Maker:
    return Maker()


async def teams_made(pool: Pool) -> list[str]:
    return [row[0] for row in await pool.fetch("select slug from teams where slug like 'made-%' order by slug")]


async def someone_waits(pool: Pool) -> None:
    """Until a connection of this database waits for another one's transaction."""
    while not await pool.fetchval(
        "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
    ):
        await asyncio.sleep(0)


async def test_a_repeated_request_gets_the_first_ones_answer(pool: Pool, make: Maker) -> None:
    first = await create_once(pool, KEY, make)
    second = await create_once(pool, KEY, make)

    assert first == second == {"call": 1, "list": [1, None, "ä"]}
    assert await teams_made(pool) == ["made-1"]


async def test_a_key_with_another_request_is_refused(pool: Pool, make: Maker) -> None:
    await create_once(pool, KEY, make)

    with pytest.raises(IdempotencyKeyReusedError):
        await create_once(pool, REUSED, make)

    assert make.calls == 1


async def test_another_key_and_no_key_create_anew(pool: Pool, make: Maker) -> None:
    for key in (KEY, OTHER, None, None):
        await create_once(pool, key, make)

    assert await teams_made(pool) == ["made-1", "made-2", "made-3", "made-4"]


async def test_what_failed_leaves_neither_key_nor_rows(pool: Pool, make: Maker) -> None:
    make.fails = True
    with pytest.raises(AlreadyExistsError):
        await create_once(pool, KEY, make)
    make.fails = False

    answer = await create_once(pool, REUSED, make)

    assert answer["call"] == 2
    assert await teams_made(pool) == ["made-2"]


async def test_of_two_requests_at_the_same_time_the_second_waits_and_gets_the_same_answer(
    pool: Pool, make: Maker
) -> None:
    make.may_end.clear()
    first = asyncio.create_task(create_once(pool, KEY, make))
    await make.has_begun.wait()
    second = asyncio.create_task(create_once(pool, KEY, make))
    await someone_waits(pool)
    make.may_end.set()

    assert await first == await second
    assert make.calls == 1


async def test_of_two_requests_at_the_same_time_the_second_creates_when_the_first_fails(
    pool: Pool, make: Maker
) -> None:
    make.may_end.clear()
    make.fails = True
    first = asyncio.create_task(create_once(pool, KEY, make))
    await make.has_begun.wait()
    second_make = Maker()
    second_make.calls = 1
    second = asyncio.create_task(create_once(pool, KEY, second_make))
    await someone_waits(pool)
    make.may_end.set()

    with pytest.raises(AlreadyExistsError):
        await first
    assert (await second)["call"] == 2
    assert await teams_made(pool) == ["made-2"]


async def test_a_category_is_added_once_under_a_key_and_its_slug_belongs_to_it(categories: CategoryStore) -> None:
    for _ in range(2):
        assert await categories.add("gardeners", "Gardeners", Author(), KEY) == NamedSlug("gardeners", "Gardeners")
    with pytest.raises(AlreadyExistsError):
        await categories.add("gardeners", "Gardeners", Author(), OTHER)
