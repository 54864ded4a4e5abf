"""Replies and changes of status on running tickets, each lane on a ticket of its own."""

import functools
import itertools
from collections.abc import Awaitable, Callable

from operations.bench import peers
from operations.bench.figure import Figure, rate_and_latencies
from operations.bench.ground import Ground
from operations.bench.load import Load, Sample, closed_loop, in_turns

ROUNDS = 10
Measure = Callable[..., Awaitable[Sample]]


async def measure_changes(ground: Ground) -> list[Figure]:
    """At each number at once: replies, changes of status, and the floors of both."""
    figures: list[Figure] = []
    for at_once, count in ground.size.changes.items():
        figures += await _measure(ground, at_once, count, ground.size.seconds)
    return figures


async def _measure(ground: Ground, at_once: int, count: int, seconds: float) -> list[Figure]:
    api, admin = ground.api, ground.people.admin
    numbers = await ground.running_tickets(at_once)
    for number in numbers:
        # From new to open; this also warms the ticket's workflow up, as the floor's is.
        await api.reply(admin, number)

    async def reply(lane: int, _turn: int) -> None:
        await api.reply(admin, numbers[lane])

    statuses = [itertools.cycle(["on_hold", "open"]) for _ in numbers]

    async def set_status(lane: int, _turn: int) -> None:
        await api.set_status(admin, numbers[lane], next(statuses[lane]))

    floor, path = ground.engine_floor, ground.path_floor
    # Workflows of their own for each measure: the engine keeps every update of a run, and gets slower with them.
    names, names_shown = await floor.warmed_up(at_once), await floor.warmed_up(at_once)
    rows, rows_shown = await path.warmed_up(at_once), await path.warmed_up(at_once)

    def measure(load: Measure) -> Load:
        return functools.partial(load, at_once=at_once, count=count // ROUNDS, seconds=seconds / ROUNDS)

    replied, changed, engine, shown, way, way_shown, database = await in_turns(
        [
            measure(functools.partial(closed_loop, reply)),
            measure(functools.partial(closed_loop, set_status)),
            measure(functools.partial(floor.measure_change, names)),
            measure(functools.partial(floor.measure_change, names_shown, is_shown=True)),
            measure(functools.partial(path.measure_change, rows)),
            measure(functools.partial(path.measure_change, rows_shown, is_shown=True)),
            measure(ground.database_floor.measure_change),
        ],
        rounds=ROUNDS,
    )
    return [
        *rate_and_latencies(
            f"reply, {at_once} at once",
            replied,
            [("bare engine", engine), ("bare path", way), ("bare transaction", database)],
            best_peer=peers.REPLY.get(at_once),
        ),
        *rate_and_latencies(
            f"status change, {at_once} at once",
            changed,
            [("bare engine", shown), ("bare path", way_shown), ("bare transaction", database)],
            best_peer=peers.STATUS_CHANGE.get(at_once),
        ),
    ]
