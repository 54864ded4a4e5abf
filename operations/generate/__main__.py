"""`python -m operations.generate`: fills an empty, migrated database with a big desk of two years.

Its tickets lived by the product's own rules, with their clocks; many are copies of one another in other weeks. Facts
and spans are not made here: a worker, or `python -m operations.rebuild_reports`, folds them as always.
"""

import argparse
import sys
import time

import asyncpg

from operations.generate.desk import DeskError
from operations.generate.run import generate

USUAL = 50_000


def main() -> int:
    """0 when the desk is made; 1 when that database is not fit for it."""
    parser = argparse.ArgumentParser(prog="make generate", description=__doc__)
    parser.add_argument("--tickets", type=int, default=USUAL, help=f"how many (default {USUAL})")
    parser.add_argument("--database", required=True, metavar="URL", help="a database without a desk, to be thrown away")
    parser.add_argument("--processes", type=int, default=2, help="how many work at it (default 2)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes another desk")
    options = parser.parse_args()
    began = time.monotonic()

    def tell(tickets: int, events: int) -> None:
        print(f"\r{tickets:,} tickets, {events:,} events after {time.monotonic() - began:.0f} s", end="", flush=True)

    try:
        generate(options.database, options.tickets, options.processes, options.seed, tell)
    except (DeskError, OSError, asyncpg.PostgresError) as error:
        print(error, file=sys.stderr)
        return 1
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
