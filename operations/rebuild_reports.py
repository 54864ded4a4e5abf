"""Folds facts and spans of all tickets anew, and what each agent was: `make rebuild-reports`. Figures stay as they are
until theirs is replaced.

What was interrupted goes on where it was with `--resume`; a worker that runs takes it up by itself.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable

from database.pool import UNAVAILABLE, open_pool
from database.presence_spans import rebuild_presences
from database.report_log import ReportLog
from settings import Settings

BATCH = 5_000
"""Events in one transaction."""
TURN_SECONDS = 0.2
"""Before somebody is asked again who works at it just now."""


async def rebuild(reports: ReportLog, *, resume: bool, tell: Callable[[int], object], batch: int = BATCH) -> int:
    """Until nothing more is to be folded. `tell` hears how many events were. Returns how many."""
    if not resume:
        await reports.rebuild()
    count = 0
    while True:
        some = await reports.catch_up(batch)
        count += some
        tell(count)
        if some == 0:
            if not (await reports.standing()).is_rebuilding:
                return count
            await asyncio.sleep(TURN_SECONDS)


async def _run(settings: Settings, *, resume: bool) -> str:
    began = time.monotonic()

    def tell(count: int) -> None:
        print(f"\r{count:,} events", end="", flush=True)

    async with await open_pool(settings.database_dsn, 2) as pool:
        if not resume:
            await rebuild_presences(pool)
        count = await rebuild(ReportLog(pool), resume=resume, tell=tell)
    seconds = time.monotonic() - began
    return f"\nFolded {count:,} events in {seconds:.0f} s."


def main() -> int:
    parser = argparse.ArgumentParser(prog="make rebuild-reports", description=__doc__)
    parser.add_argument("--resume", action="store_true", help="go on with what was begun")
    arguments = parser.parse_args()
    try:
        print(asyncio.run(_run(Settings(), resume=arguments.resume)))
    except UNAVAILABLE as error:
        print(f"PostgreSQL does not answer: {error}. Is the system running (make up)?")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
