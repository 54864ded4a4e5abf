"""What the generator of requests is told: half of the tickets that it asks for exist. Loaded by its own process."""

import os
from typing import Any

import schemathesis

TICKETS = [int(number) for number in os.environ.get("FUZZ_TICKETS", "").split(",") if number]


@schemathesis.hook
def map_path_parameters(_: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """A number that is even becomes one of the tickets that there are."""
    number = (path_parameters or {}).get("number")
    if path_parameters is not None and TICKETS and isinstance(number, int) and number % 2 == 0:
        return path_parameters | {"number": TICKETS[number // 2 % len(TICKETS)]}
    return path_parameters
