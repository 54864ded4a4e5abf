"""`python -m operations.bench_reports`: makes a big desk, folds its facts, and measures what reports ask of them.

Everything happens in a database of the measurement's own, or in one that holds a made desk already (`--database`).
"""

import argparse
import asyncio
import json
import platform
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import asyncpg
import psutil
from rich.console import Console

from database.pool import open_pool
from database.report_log import ReportLog
from operations.bench.__main__ import TROUBLE
from operations.bench.figure import WIDTH, Figure, Floor, table
from operations.bench_reports.ground import empty_database
from operations.bench_reports.questions import PATIENCE_SECONDS, measure_questions
from operations.bench_reports.writes import measure_writes
from operations.generate.desk import DeskError
from operations.generate.run import generate
from operations.rebuild_reports import BATCH, rebuild

USUAL = 50_000
LIVES = 400
"""Tickets written in each round of the measure of writes."""
_READ = "select * from events where (xid, id) > ($1::text::xid8, $2) order by xid, id limit $3"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all was measured, else 1."""
    options = _parser().parse_args(arguments)
    console = Console(width=max(Console().width, WIDTH))
    try:
        figures = asyncio.run(_run(options, console))
    except (*TROUBLE, DeskError, ExceptionGroup) as error:
        told = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        console.print(f"The measurement could not be made: {told}", style="red", markup=False)
        return 1
    console.print(table(figures))
    if options.json is not None:
        document = {
            "tickets": options.tickets,
            "cores": psutil.cpu_count(),
            "load_average": psutil.getloadavg()[0],
            "python": platform.python_version(),
            "figures": [figure.as_json() for figure in figures],
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-reports", description=__doc__)
    parser.add_argument("--tickets", type=int, default=USUAL, help=f"of the made desk (default {USUAL})")
    parser.add_argument("--database", metavar="URL", help="a made desk, its facts folded: only its questions are asked")
    parser.add_argument("--questions-only", action="store_true", help="do not measure writes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


async def _run(options: argparse.Namespace, console: Console) -> list[Figure]:
    async with AsyncExitStack() as held:
        figures: list[Figure] = []
        dsn = options.database
        if dsn is None:
            dsn = await held.enter_async_context(empty_database())
            figures += await _make(dsn, options.tickets, console)
        pool = await held.enter_async_context(await open_pool(dsn, 8))
        figures += await measure_questions(pool, Random("questions"))
        console.print("the questions are asked")
        if options.questions_only:
            return figures
        return [*figures, *await measure_writes(dsn, pool, LIVES)]


async def _make(dsn: str, tickets: int, console: Console) -> list[Figure]:
    """The desk and its facts."""
    began = time.monotonic()
    events = await asyncio.to_thread(generate, dsn, tickets)
    made = time.monotonic() - began
    console.print(f"{tickets:,} tickets with {events:,} events were made in {made:.0f} s")
    floor = await _read_all(dsn)
    async with await open_pool(dsn, 2) as pool:
        began = time.monotonic()
        folded = await rebuild(ReportLog(pool), resume=False, tell=lambda _: None)
        seconds = time.monotonic() - began
        await pool.execute("vacuum analyze ticket_facts", timeout=PATIENCE_SECONDS)
        await pool.execute("vacuum analyze ended_spans", timeout=PATIENCE_SECONDS)
    console.print(f"they were folded in {seconds:.0f} s")
    return [Figure("events folded in a rebuild", "per s", folded / seconds, [Floor("only read", floor)])]


async def _read_all(dsn: str) -> float:
    """Events a second when they are read in the same portions and nothing is done with them."""
    connection = await asyncpg.connect(dsn)
    began, count, xid, id = time.monotonic(), 0, "0", 0
    try:
        while rows := await connection.fetch(_READ, xid, id, BATCH):
            count, xid, id = count + len(rows), str(rows[-1]["xid"]), rows[-1]["id"]
    finally:
        await connection.close()
    return count / (time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
