"""`python -m operations.bench`: starts a stack of its own, measures it beside its floors, and prints one table."""

import argparse
import contextlib
import json
import platform
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import uvloop
from rich.console import Console
from temporalio.service import RPCError

from operations.bench.api import Api
from operations.bench.changes import measure_changes
from operations.bench.engine import engine_floor
from operations.bench.figure import WIDTH, Figure, table
from operations.bench.floor_database import database_floor
from operations.bench.floor_web import web_floor
from operations.bench.ground import FULL, QUICK, Ground, People, Size
from operations.bench.life import measure_life
from operations.bench.openings import measure_burst, measure_openings, measure_running
from operations.bench.reads import measure_reads
from operations.bench.streaming import measure_stream
from operations.bench.system import BenchError, running_stack
from operations.ending import leave
from operations.replay.desk import Desk
from operations.replay.figures import Figures
from workflows.client import connect

MEASURES: dict[str, Callable[[Ground], Awaitable[list[Figure]]]] = {
    "openings": measure_openings,
    "running": measure_running,
    "life": measure_life,
    "changes": measure_changes,
    "stream": measure_stream,
    "burst": measure_burst,
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
        async with _ground(size) as ground:
            for name in names:
                status.update(f"Measuring {name}")
                began = time.monotonic()
                figures += await MEASURES[name](ground)
                await ground.settle()
                console.print(f"{name}: measured in {time.monotonic() - began:.0f} s")
            status.update("Stopping the stack")
    return figures


@contextlib.asynccontextmanager
async def _ground(size: Size) -> AsyncIterator[Ground]:
    async with contextlib.AsyncExitStack() as held:
        stack = await held.enter_async_context(running_stack())
        settings = stack.settings
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="smart-ticketing-floors-")))
        session = await held.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        api = Api(session, stack.address)
        pool = await asyncpg.create_pool(settings.database_dsn, min_size=1, max_size=4)
        held.push_async_callback(pool.close)
        engine = await connect(settings.temporal_target, settings.temporal_namespace)
        database = await held.enter_async_context(database_floor(settings.database_dsn))
        web = await held.enter_async_context(web_floor(session, folder))
        floor = await held.enter_async_context(
            engine_floor(engine, settings.temporal_target, settings.database_dsn, database, folder)
        )
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
        )


if __name__ == "__main__":
    leave(main())
