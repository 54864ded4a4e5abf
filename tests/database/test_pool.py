"""What a database that is away looks like, so that everybody tries again."""

import asyncpg
import pytest

from database.pool import UNAVAILABLE, Pool, open_pool


async def test_a_pool_opens_while_there_is_no_database_and_each_use_says_so() -> None:
    pool = await open_pool("postgresql://postgres@127.0.0.1:1/nowhere", size=2)
    for _ in range(2):
        with pytest.raises(UNAVAILABLE):
            await pool.fetchval("select 1")
    await pool.close()


async def test_a_connection_that_the_server_ended_is_unavailable_and_the_next_one_is_not(pool: Pool) -> None:
    with pytest.raises(UNAVAILABLE):
        await pool.fetchval("select pg_terminate_backend(pg_backend_pid())")

    assert await pool.fetchval("select 1") == 1


async def test_a_transaction_that_was_left_open_is_not_the_next_users(pool: Pool) -> None:
    connection = await pool.acquire()
    pid = await connection.fetchval("select pg_backend_pid()")
    await connection.execute("begin")
    await connection.execute("insert into teams (slug, name) values ('left-open', '')")
    await pool.release(connection)

    async with pool.acquire() as next_one:
        assert await next_one.fetchval("select pg_backend_pid()") == pid
        assert not next_one.is_in_transaction()
        assert not await next_one.fetchval("select exists (select from teams where slug = 'left-open')")


async def test_a_question_that_cannot_be_asked_is_no_outage(pool: Pool) -> None:
    """It would be tried again for ever."""
    with pytest.raises(Exception, match="out of") as fault:
        await pool.fetchval("select $1::int", 2**40)

    assert not isinstance(fault.value, UNAVAILABLE)
    assert not issubclass(asyncpg.UniqueViolationError, UNAVAILABLE)
