"""`python -m operations.bench_dispatch`: how soon tickets have an owner, a storm of tickets, and one huge round.

Each measure runs on a stack of its own. Ends with 1 when somebody was given more than they can carry, a ticket had two
owners, or nothing could be measured.
"""

import argparse
import json
import platform
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop
from rich.console import Console

from operations.bench.__main__ import TROUBLE
from operations.bench.figure import WIDTH, table
from operations.bench.ground import QUICK, Ground, prepared_ground
from operations.bench_dispatch.crowd import measure_crowd
from operations.bench_dispatch.matching import matching_figures
from operations.bench_dispatch.singles import measure_singles
from operations.bench_dispatch.storm import Outcome, measure_storm
from operations.ending import leave


@dataclass(frozen=True)
class Size:
    singles: int
    storm: tuple[int, int, int]
    """Tickets, agents, and what each of them carries."""
    crowd: tuple[int, int, int]


USUAL = Size(singles=100, storm=(1_000, 50, 5), crowd=(10_000, 500, 5))
SMALL = Size(singles=20, storm=(100, 10, 3), crowd=(1_000, 50, 5))


async def _singles(ground: Ground, size: Size) -> Outcome:
    return Outcome(await measure_singles(ground, size.singles))


async def _storm(ground: Ground, size: Size) -> Outcome:
    return await measure_storm(ground, *size.storm)


async def _crowd(ground: Ground, size: Size) -> Outcome:
    return Outcome(await measure_crowd(ground, *size.crowd))


async def _matching(_: Ground, size: Size) -> Outcome:
    """Without a desk: only the solver, on a backlog and a team with skills."""
    tickets, agents, capacity = size.crowd
    return Outcome(matching_figures(tickets, agents, capacity=capacity))


MEASURES: dict[str, Callable[[Ground, Size], Awaitable[Outcome]]] = {
    "singles": _singles,
    "storm": _storm,
    "crowd": _crowd,
    "matching": _matching,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all was measured and nobody had too much, else 1."""
    options = _parser().parse_args(arguments)
    console = Console(width=max(Console().width, WIDTH))
    try:
        outcomes = uvloop.run(_run(options.only or list(MEASURES), SMALL if options.quick else USUAL, console))
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
    parser = argparse.ArgumentParser(prog="python -m operations.bench_dispatch", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few tickets and agents: about a minute")
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), help="some of the measures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


async def _run(names: Sequence[str], size: Size, console: Console) -> list[Outcome]:
    outcomes = []
    with console.status("Starting") as status:
        for name in names:
            status.update(f"Measuring {name}")
            began = time.monotonic()
            async with prepared_ground(QUICK) as ground:
                outcomes.append(await MEASURES[name](ground, size))
            load = psutil.getloadavg()[0]
            console.print(f"{name}: measured in {time.monotonic() - began:.0f} s, load average {load:.1f}")
    return outcomes


if __name__ == "__main__":
    leave(main())
