"""The ground that every measure stands on: the running stack, its people, the floors and the size of the run."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import aiohttp
import asyncpg
from temporalio.client import Client

from operations.bench.api import Api, SignedIn
from operations.bench.engine import EngineFloor, engine_floor
from operations.bench.floor_database import DatabaseFloor, database_floor
from operations.bench.floor_path import PathFloor, path_floor
from operations.bench.floor_web import WebFloor, web_floor
from operations.bench.load import wait_until
from operations.bench.system import BenchError, Stack, running_stack
from operations.replay.desk import Desk
from operations.replay.figures import Figures
from workflows.client import connect
from workflows.encryption import encryption

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
SETTLE_SECONDS = 600.0


@dataclass(frozen=True)
class Size:
    """How much is measured. Every load ends after `seconds` at the latest."""

    seconds: float
    openings: dict[int, int]
    """Requests at once -> how many."""
    changes: dict[int, int]
    reads: dict[int, int]
    singles: int
    """Tickets opened one by one, for latencies."""
    burst: int
    engine_burst: int
    listed: int
    """Tickets in the database when lists are measured."""


FULL = Size(
    seconds=30, openings={1: 300, 8: 600, 32: 600}, changes={1: 600, 8: 2000}, reads={1: 500, 8: 1000},
    singles=50, burst=2000, engine_burst=400, listed=10_000,
)  # fmt: skip
QUICK = Size(
    seconds=10, openings={1: 50, 8: 100, 32: 100}, changes={1: 100, 8: 240}, reads={1: 100, 8: 200},
    singles=10, burst=100, engine_burst=50, listed=10_000,
)  # fmt: skip


@dataclass(frozen=True)
class People:
    admin: SignedIn
    agent: SignedIn
    requester: SignedIn


@dataclass(frozen=True)
class Ground:
    stack: Stack
    size: Size
    api: Api
    desk: Desk
    people: People
    pool: Pool
    engine: Client
    web_floor: WebFloor
    database_floor: DatabaseFloor
    engine_floor: EngineFloor
    path_floor: PathFloor

    async def waiting(self) -> int:
        """How many tickets are open whose workflow has not yet taken them over."""
        count: int = await self.pool.fetchval("select count(*) from start_requests")
        return count

    async def settle(self, timeout_s: float = SETTLE_SECONDS) -> None:
        """Wait until every opened ticket runs, so that one measure does not run into the next."""

        async def settled() -> bool:
            return await self.waiting() == 0

        if not await wait_until(settled, every_s=0.05, timeout_s=timeout_s):
            raise BenchError(f"{await self.waiting()} tickets still wait for their workflow")

    async def running_tickets(self, count: int) -> Sequence[int]:
        """New tickets whose workflows run."""
        numbers = [await self.api.open(self.people.requester) for _ in range(count)]
        await self.settle()
        return numbers


@contextlib.asynccontextmanager
async def prepared_ground(size: Size) -> AsyncIterator[Ground]:
    """A stack of its own with its floors beside it; nothing of it is left at the end."""
    async with contextlib.AsyncExitStack() as held:
        stack = await held.enter_async_context(running_stack())
        settings = stack.settings
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="smart-ticketing-floors-")))
        session = await held.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        api = Api(session, stack.address)
        pool = await asyncpg.create_pool(settings.database_dsn, min_size=1, max_size=4)
        held.push_async_callback(pool.close)
        engine = await connect(
            settings.temporal_target,
            settings.temporal_namespace,
            encryption=encryption(settings.payload_keys_file, settings.payload_keys),
        )
        database = await held.enter_async_context(database_floor(settings.database_dsn))
        web = await held.enter_async_context(web_floor(session, folder))
        floor = await held.enter_async_context(
            engine_floor(engine, settings.temporal_target, settings.database_dsn, database, folder)
        )
        path = await held.enter_async_context(path_floor(session, engine, settings.temporal_target, database, folder))
        password = settings.demo_password.get_secret_value()
        people = People(
            admin=await api.sign_in("admin@example.com", password),
            agent=await api.sign_in("agent@example.com", password),
            requester=await api.sign_in("requester@example.com", password),
        )
        yield Ground(
            stack=stack,
            size=size,
            api=api,
            desk=Desk(session, stack.address, Figures(), patience_s=30),
            people=people,
            pool=pool,
            engine=engine,
            web_floor=web,
            database_floor=database,
            engine_floor=floor,
            path_floor=path,
        )
