"""The ground that every measure stands on: the running stack, its people, the floors and the size of the run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
from temporalio.client import Client

from operations.bench.api import Api, SignedIn
from operations.bench.engine import EngineFloor
from operations.bench.floor_database import DatabaseFloor
from operations.bench.floor_web import WebFloor
from operations.bench.load import wait_until
from operations.bench.system import BenchError, Stack
from operations.replay.desk import Desk

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

    async def waiting(self) -> int:
        """How many tickets are open whose workflow has not yet taken them over."""
        count: int = await self.pool.fetchval("select count(*) from start_requests")
        return count

    async def settle(self) -> None:
        """Wait until every opened ticket runs, so that one measure does not run into the next."""

        async def settled() -> bool:
            return await self.waiting() == 0

        if not await wait_until(settled, every_s=0.05, timeout_s=SETTLE_SECONDS):
            raise BenchError(f"{await self.waiting()} tickets still wait for their workflow")

    async def running_tickets(self, count: int) -> Sequence[int]:
        """New tickets whose workflows run."""
        numbers = [await self.api.open(self.people.requester) for _ in range(count)]
        await self.settle()
        return numbers
