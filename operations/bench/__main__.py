"""`python -m operations.bench`: starts a stack of its own, measures it beside its floors, and prints one table."""

import argparse
import json
import platform
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import uvloop
from rich.console import Console
from temporalio.service import RPCError

from operations.bench.changes import measure_changes
from operations.bench.figure import WIDTH, Figure, table
from operations.bench.ground import FULL, QUICK, Ground, Size, prepared_ground
from operations.bench.life import measure_life
from operations.bench.openings import measure_burst, measure_openings, measure_running
from operations.bench.payloads import measure_payloads
from operations.bench.reads import measure_reads
from operations.bench.sign_in import measure_sign_in
from operations.bench.streaming import measure_stream
from operations.bench.system import BenchError
from operations.ending import leave

MEASURES: dict[str, Callable[[Ground], Awaitable[list[Figure]]]] = {
    "openings": measure_openings,
    "running": measure_running,
    "sign-in": measure_sign_in,
    "life": measure_life,
    "changes": measure_changes,
    "stream": measure_stream,
    "burst": measure_burst,
    "payloads": measure_payloads,
    "reads": measure_reads,
}
"""In this order: memory is measured on a fresh worker, lists last, among the tickets of all others."""


TROUBLE = (BenchError, OSError, RuntimeError, aiohttp.ClientError, asyncpg.PostgresError, RPCError)
"""What ends a measurement with a sentence. Lanes that fail together are a group of it; its first tells why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything was measured, 1 when something could not be."""
    options = _parser().parse_args(arguments)
    terminal = Console()
    console = Console(width=max(terminal.width, WIDTH))
    size = QUICK if options.quick else FULL
    try:
        figures = uvloop.run(_bench(size, options.only or list(MEASURES), console))
    except (*TROUBLE, ExceptionGroup) as error:
        told = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        console.print(f"The measurement could not be made: {told}", style="red", markup=False)
        return 1
    console.print(table(figures))
    if options.json is not None:
        options.json.write_text(json.dumps(_document(options.quick, figures), indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer requests: a minute or two, rougher figures")
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), help="some of the measures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def _document(is_quick: bool, figures: Sequence[Figure]) -> dict[str, object]:
    return {
        "quick": is_quick,
        "cores": psutil.cpu_count(),
        "load_average": psutil.getloadavg()[0],
        "python": platform.python_version(),
        "figures": [figure.as_json() for figure in figures],
    }


async def _bench(size: Size, names: Sequence[str], console: Console) -> list[Figure]:
    figures: list[Figure] = []
    with console.status("Starting a stack") as status:
        async with prepared_ground(size) as ground:
            for name in names:
                status.update(f"Measuring {name}")
                began = time.monotonic()
                figures += await MEASURES[name](ground)
                await ground.settle()
                console.print(f"{name}: measured in {time.monotonic() - began:.0f} s")
            status.update("Stopping the stack")
    return figures


if __name__ == "__main__":
    leave(main())
