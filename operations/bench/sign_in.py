"""What checking a token or a key, and the permission, adds to a request."""

import functools
import tempfile
from pathlib import Path

from operations.bench.figure import Figure, Floor
from operations.bench.ground import Ground
from operations.bench.load import Call, Load, Sample, closed_loop, in_turns
from operations.bench.signed_web import PLAIN, SIGNED, signed_web

ROUNDS = 10


async def measure_sign_in(ground: Ground) -> list[Figure]:
    """A route that does nothing: with each credential, and beside it for everybody. One request at a time."""
    person = ground.people.agent
    key = await ground.api.make_key(person, "tickets:read")
    count, seconds = 4 * ground.size.reads[1] // ROUNDS, ground.size.seconds / ROUNDS
    with tempfile.TemporaryDirectory(prefix="smart-ticketing-signed-web-") as folder:
        async with signed_web(ground.stack.settings, Path(folder)) as address:

            def measure(path: str, headers: dict[str, str]) -> Load:
                async def get(_lane: int, _turn: int) -> None:
                    await ground.api.get(address + path, headers)

                call: Call = get
                return functools.partial(closed_loop, call, at_once=1, count=count, seconds=seconds)

            plain, token, keyed = await in_turns(
                [measure(PLAIN, {}), measure(SIGNED, person.headers), measure(SIGNED, key.headers)], rounds=ROUNDS
            )
    return [_added("token and permission check", token, plain), _added("API key and permission check", keyed, plain)]


def _added(name: str, checked: Sample, plain: Sample) -> Figure:
    """How much longer the request with the check takes, beside the whole request without it."""
    floor = Floor("request without", plain.p50_ms)
    return Figure(name, "ms p50 added", checked.p50_ms - plain.p50_ms, [floor])
