"""The database floor: bare transactions with the statements of an opening and of a change, on tables of their own."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg

from operations.bench.load import Sample, closed_loop

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

BELL = "bench_floor"
MOST_AT_ONCE = 32
PREPARE = (
    "drop schema if exists bench_floor cascade",
    "create schema bench_floor",
    "create table bench_floor.tickets (number bigint primary key, revision int not null, status text not null)",
    "create table bench_floor.texts (id uuid primary key, number bigint not null, title text, body text not null)",
    "create table bench_floor.commands (id uuid primary key, number bigint not null, revision int not null)",
    """create table bench_floor.events (id bigint generated always as identity, xid xid8 default pg_current_xact_id(),
        number bigint not null, revision int not null, data jsonb not null, primary key (xid, id))""",
    "create table bench_floor.starts (name text primary key, requested_at timestamptz not null default now())",
    """create table bench_floor.rings (name text primary key, due_at timestamptz not null,
        recorded_at timestamptz not null default clock_timestamp())""",
)
OPEN = f"""
with command as (insert into bench_floor.commands values ($1, $2, 1)),
    ticket as (insert into bench_floor.tickets values ($2, 1, 'new')),
    wording as (insert into bench_floor.texts values ($3, $2, $4, $5)),
    event as (insert into bench_floor.events (number, revision, data) values ($2, 1, '{{"status": "new"}}')),
    start as (insert into bench_floor.starts (name) values ('opened ' || $2::bigint))
select pg_notify('{BELL}', '')
"""  # noqa: S608 - our own constant
LOCK = "select revision, status from bench_floor.tickets where number = $1 for update"
CHANGE = f"""
with command as (insert into bench_floor.commands values ($1, $2, $3)),
    event as (insert into bench_floor.events (number, revision, data) values ($2, $3, '{{"status": "open"}}')),
    ticket as (update bench_floor.tickets set revision = $3, status = 'open' where number = $2)
select pg_notify('{BELL}', '')
"""  # noqa: S608 - our own constant


async def change(pool: Pool, number: int) -> None:
    """One transaction: lock the row, then command, event, row and bell."""
    async with pool.acquire() as connection, connection.transaction():
        revision = await connection.fetchval(LOCK, number)
        await connection.fetch(CHANGE, uuid.uuid4(), number, revision + 1)


class DatabaseFloor:
    """Bare transactions on the product's own database server."""

    def __init__(self, pool: Pool, dsn: str) -> None:
        self.pool = pool
        self._dsn = dsn
        self._last = 0

    async def open(self) -> int:
        """One transaction: ticket, text, command, event, request to start, bell."""
        self._last += 1
        number = self._last
        await self.pool.fetch(OPEN, uuid.uuid4(), number, uuid.uuid4(), "The printer jams", "It takes two sheets.")
        return number

    async def measure_opening(self, *, at_once: int, count: int, seconds: float) -> Sample:
        async def call(_lane: int, _turn: int) -> None:
            await self.open()

        return await closed_loop(call, at_once=at_once, count=count, seconds=seconds)

    async def measure_change(self, *, at_once: int, count: int, seconds: float) -> Sample:
        numbers = [await self.open() for _ in range(at_once)]

        async def call(lane: int, _turn: int) -> None:
            await change(self.pool, numbers[lane])

        return await closed_loop(call, at_once=at_once, count=count, seconds=seconds)

    async def measure_bell(self, count: int) -> Sample:
        """From just before an opening's transaction until another connection hears its bell."""
        heard = asyncio.Event()
        listener = await asyncpg.connect(self._dsn)
        latencies = []
        started = time.perf_counter()
        try:
            await listener.add_listener(BELL, lambda *_: heard.set())
            for _ in range(count):
                heard.clear()
                sent = time.perf_counter()
                await self.open()
                await heard.wait()
                latencies.append(time.perf_counter() - sent)
        finally:
            await listener.close()
        return Sample(latencies, time.perf_counter() - started)


@contextlib.asynccontextmanager
async def database_floor(dsn: str) -> AsyncIterator[DatabaseFloor]:
    """With its tables made, and gone at the end."""
    pool = await asyncpg.create_pool(dsn, min_size=MOST_AT_ONCE, max_size=MOST_AT_ONCE)
    try:
        for statement in PREPARE:
            await pool.execute(statement)
        yield DatabaseFloor(pool, dsn)
        await pool.execute("drop schema bench_floor cascade")
    finally:
        await pool.close()
