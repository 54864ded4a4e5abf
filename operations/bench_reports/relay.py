"""`python -m operations.bench_reports.relay URL [listen]`: follows the event log as the worker does, in a process of
its own; or only listens to the bell, as a worker does in any case."""

import asyncio
import sys

import uvloop

from database.bell import BELL, Bell
from database.facts_relay import FactsRelay
from database.overview_log import OverviewLog
from database.pool import open_pool
from database.report_log import ReportLog


async def _follow(dsn: str) -> None:
    async with await open_pool(dsn, 2) as pool:
        relay = FactsRelay(ReportLog(pool), OverviewLog(pool))
        await asyncio.gather(relay.run(), Bell(dsn, {BELL: relay.ring}).run())


async def _listen(dsn: str) -> None:
    await Bell(dsn, {BELL: lambda _: None}).run()


if __name__ == "__main__":
    uvloop.run((_listen if sys.argv[2:] else _follow)(sys.argv[1]))
