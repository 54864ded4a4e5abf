"""Replies and changes of status on running tickets, each lane on a ticket of its own."""

from operations.bench import peers
from operations.bench.figure import Figure, rate_and_latencies
from operations.bench.ground import Ground
from operations.bench.load import closed_loop


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

    async def set_status(lane: int, turn: int) -> None:
        await api.set_status(admin, numbers[lane], "open" if turn % 2 else "on_hold")

    replies = await closed_loop(reply, at_once=at_once, count=count, seconds=seconds)
    statuses = await closed_loop(set_status, at_once=at_once, count=count, seconds=seconds)
    engine = await ground.engine_floor.measure_change(at_once=at_once, count=count, seconds=seconds)
    shown = await ground.engine_floor.measure_change(at_once=at_once, count=count, seconds=seconds, is_shown=True)
    database = await ground.database_floor.measure_change(at_once=at_once, count=count, seconds=seconds)
    return [
        *rate_and_latencies(
            f"reply, {at_once} at once",
            replies,
            [("bare engine", engine), ("bare transaction", database)],
            best_peer=peers.REPLY.get(at_once),
        ),
        *rate_and_latencies(
            f"status change, {at_once} at once",
            statuses,
            [("bare engine", shown), ("bare transaction", database)],
            best_peer=peers.STATUS_CHANGE.get(at_once),
        ),
    ]
