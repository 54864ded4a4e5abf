"""`python -m operations.bench_sla`: measures how late SLA moments are recorded, and proves that each came exactly once.

Every case runs on a stack of its own. Ends with 1 when a moment was lost or came twice, or nothing could be measured.
"""

import argparse
import json
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import uvloop
from rich.console import Console

from operations.bench.__main__ import TROUBLE
from operations.bench.figure import WIDTH, table
from operations.bench_sla.cases import ALL, FULL, QUICK, SUDDEN, USUAL
from operations.bench_sla.run import Outcome, run_case
from operations.ending import leave

MOST_FAULTS = 20
"""So many are told; the rest is counted."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all was measured and nothing was lost or doubled, else 1."""
    options = _parser().parse_args(arguments)
    console = Console(width=max(Console().width, WIDTH))
    try:
        outcomes = uvloop.run(_run(_names(options), console))
    except (*TROUBLE, ExceptionGroup) as error:
        told = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        console.print(f"The measurement could not be made: {told}", style="red", markup=False)
        return 1
    console.print(table(figure for outcome in outcomes.values() for figure in outcome.figures))
    if options.json is not None:
        options.json.write_text(json.dumps(_document(outcomes), indent=2) + "\n")
    for name, outcome in outcomes.items():
        _tell_faults(name, outcome.faults, console)
    return 1 if any(outcome.faults for outcome in outcomes.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations.bench_sla", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few tickets, steady and with kills: about six minutes")
    parser.add_argument("--same-second", action="store_true", help="also all due at one second")
    parser.add_argument("--full", action="store_true", help="also 50,000 open tickets: about half an hour more")
    parser.add_argument("--only", nargs="+", choices=list(ALL), help="some of the cases")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def _names(options: argparse.Namespace) -> list[str]:
    if options.only:
        return list(options.only)
    if options.quick:
        return list(QUICK)
    return [*USUAL, *(SUDDEN if options.same_second else ()), *(FULL if options.full else ())]


async def _run(names: Sequence[str], console: Console) -> dict[str, Outcome]:
    outcomes = {}
    with console.status("Starting") as status:
        for name in names:
            status.update(f"Measuring {name}")
            began = time.monotonic()
            outcomes[name] = await run_case(ALL[name])
            load = psutil.getloadavg()[0]
            console.print(f"{name}: measured in {time.monotonic() - began:.0f} s, load average {load:.1f}")
    return outcomes


def _document(outcomes: Mapping[str, Outcome]) -> dict[str, object]:
    return {
        "cores": psutil.cpu_count(),
        "load_average": psutil.getloadavg()[0],
        "python": platform.python_version(),
        "cases": {
            name: {"figures": [figure.as_json() for figure in outcome.figures], "faults": list(outcome.faults)}
            for name, outcome in outcomes.items()
        },
    }


def _tell_faults(name: str, faults: Sequence[str], console: Console) -> None:
    if not faults:
        console.print(f"{name}: nothing lost, nothing twice", style="green")
        return
    console.print(f"{name}: {len(faults)} faults", style="red")
    for fault in faults[:MOST_FAULTS]:
        console.print(f"  {fault}", markup=False)
    if len(faults) > MOST_FAULTS:
        console.print("  ...")


if __name__ == "__main__":
    leave(main())
