"""`python -m operations.bench_stream`: how soon thousands of clients hear of a commit, and what each of them costs.

Beside each figure stands that of a bare server that writes the same bytes to the same clients.

Targeted events concern 20 of the connected, broadcast ones all. The clock starts before the insert. Ends with 1 when an
event was lost or doubled, or nothing could be measured.
"""

import argparse
import json
import platform
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import uvloop
from rich.console import Console

from operations.bench.__main__ import TROUBLE
from operations.bench.figure import WIDTH, table
from operations.bench_stream.desk import EVERYBODY, Audience, StreamDesk, stream_desk
from operations.bench_stream.run import SHAPES, WATCHING, Case, Outcome, Shape, measure
from operations.ending import leave

CLIENTS = (100, 1_000, 5_000)
PROCESSES = (1, 2)
PER_SECOND = 50.0
SECONDS = 6.0


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all was measured and every event came once to everybody whom it concerns, else 1."""
    options = _parser().parse_args(arguments)
    console = Console(width=max(Console().width, WIDTH))
    cases = [
        Case(clients, shape, processes, options.rate, options.seconds)
        for processes in options.processes
        for shape in options.shape
        for clients in options.clients
    ]
    _allow_files(max(options.clients) + 200)
    try:
        outcomes = uvloop.run(_run(cases, console))
    except (*TROUBLE, ExceptionGroup) as error:
        told = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        console.print(f"The measurement could not be made: {told}", style="red", markup=False)
        return 1
    figures = [figure for outcome in outcomes for figure in outcome.figures]
    faults = [fault for outcome in outcomes for fault in outcome.faults]
    console.print(table(figures))
    if options.json is not None:
        document = {
            "cores": psutil.cpu_count(),
            "load_average": psutil.getloadavg()[0],
            "python": platform.python_version(),
            "figures": [figure.as_json() for figure in figures],
            "faults": faults,
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    for fault in faults:
        console.print(fault, style="red", markup=False)
    return 1 if faults else 0


def _parser() -> argparse.ArgumentParser:
    def numbers(text: str) -> list[int]:
        return [int(one) for one in text.split(",")]

    def shapes(text: str) -> list[Shape]:
        return [shape for shape in SHAPES if shape in text.split(",")]

    parser = argparse.ArgumentParser(prog="python -m operations.bench_stream", description=__doc__)
    parser.add_argument("--clients", type=numbers, default=CLIENTS, help="connected clients, comma-separated")
    parser.add_argument("--shape", type=shapes, default=SHAPES, help="targeted, broadcast or both")
    parser.add_argument("--processes", type=numbers, default=PROCESSES, help="API processes, comma-separated")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of events in each run")
    parser.add_argument("--rate", type=float, default=PER_SECOND, help="events per second")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def _allow_files(count: int) -> None:
    """A file descriptor for each client, here and in every child."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _run(cases: Sequence[Case], console: Console) -> list[Outcome]:
    outcomes = []
    with console.status("Making a database and its people") as status:
        async with stream_desk() as desk:
            most = max(case.clients for case in cases)
            audiences: dict[Shape, list[Audience]] = {}
            for shape in {case.shape for case in cases}:
                audiences[shape] = await _audiences(desk, shape, most)
            for case in cases:
                status.update(f"Measuring {case}")
                began = time.monotonic()
                outcomes.append(await measure(desk, audiences[case.shape], case))
                load = psutil.getloadavg()[0]
                console.print(f"{case}: measured in {time.monotonic() - began:.0f} s, load average {load:.1f}")
    return outcomes


async def _audiences(desk: StreamDesk, shape: Shape, people: int) -> list[Audience]:
    if shape == "broadcast":
        return [await desk.make_audience(EVERYBODY, people)]
    sizes = [min(WATCHING, people - first) for first in range(0, people, WATCHING)]
    return [await desk.make_audience(f"customer-{place}", size) for place, size in enumerate(sizes)]


if __name__ == "__main__":
    leave(main())
