"""`python -m operations.fuzz`: starts a stack of its own, throws requests at it as everybody, and prints one table."""

import argparse
import asyncio
from collections.abc import Sequence

import aiohttp
from rich.console import Console
from rich.table import Table

from operations.bench.api import Api
from operations.bench.system import BenchError, running_stack
from operations.ending import leave
from operations.fuzz.run import Fuzzed, FuzzError, fuzz

EVERYBODY = ("nobody", "requester", "agent", "supervisor", "admin")
TICKETS = 8


async def fuzz_everybody(who: Sequence[str], *, phases: Sequence[str], examples: int, seed: int) -> list[Fuzzed]:
    """A run as each of them, on a stack that goes away. Raises FuzzError, BenchError."""
    async with running_stack() as stack, aiohttp.ClientSession() as session:
        api = Api(session, stack.address)
        password = stack.settings.demo_password.get_secret_value()
        fuzzed = []
        for name in who:
            person = None if name == "nobody" else await api.sign_in(f"{name}@example.com", password)
            token, tickets = None, []
            if person is not None:
                token = person.headers["Authorization"].removeprefix("Bearer ")
                tickets = [await api.open(person, "support") for _ in range(TICKETS)]
            fuzzed.append(
                await fuzz(stack.address, name, token, phases=phases, examples=examples, seed=seed, tickets=tickets)
            )
            if person is not None:
                await api.page(person, 1)  # whoever was signed out on the way has asked for nothing since
        return fuzzed


def table(fuzzed: Sequence[Fuzzed]) -> Table:
    shown = Table("as", "operations", "requests", "failures", "seconds", title="Made-up requests")
    for one in fuzzed:
        shown.add_row(one.who, f"{one.operations}", f"{one.requests:,}", f"{one.failures}", f"{one.seconds:.0f}")
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when nothing failed, 1 when something did, 2 when a run could not be made."""
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        fuzzed = asyncio.run(
            fuzz_everybody(
                options.who or EVERYBODY,
                phases=("coverage", "fuzzing"),
                examples=options.examples,
                seed=options.seed,
            )
        )
    except (FuzzError, BenchError, OSError, aiohttp.ClientError) as error:
        console.print(f"The run could not be made: {error}", style="red", markup=False)
        return 2
    for one in fuzzed:
        if one.failures:
            console.print(one.told, markup=False, highlight=False)
    console.print(table(fuzzed))
    return 1 if any(one.failures for one in fuzzed) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--who", nargs="+", choices=EVERYBODY, help="as some of them only")
    parser.add_argument("--examples", type=int, default=40, help="requests per operation, beside those for each rule")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes up the same requests")
    return parser


if __name__ == "__main__":
    leave(main())
