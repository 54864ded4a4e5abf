"""How soon a reader of the stream hears of a change."""

import asyncio
from datetime import datetime

from operations.bench.figure import Figure, Floor
from operations.bench.ground import Ground
from operations.bench.load import Sample
from operations.replay.desk import Person
from operations.replay.stream import Message, StreamReader

PAUSE_S = 0.05
"""Between two openings: the latency of one event, not of a queue of them."""


def heard_after_s(message: Message) -> float:
    """From the moment that the event itself names, just before its transaction, until it was heard."""
    return message.seen_at - datetime.fromisoformat(message.data["at"]).timestamp()


async def measure_stream(ground: Ground) -> list[Figure]:
    """An admin hears openings, one at a time. The commit is counted in, here and in the floor."""
    count = ground.size.singles
    settings = ground.stack.settings
    reader_of = Person("admin@example.com", settings.demo_password.get_secret_value())
    await ground.desk.sign_in(reader_of)
    cursor = (await ground.api.page(ground.people.admin, 1))["stream_cursor"]
    latencies: list[float] = []

    def heard(message: Message) -> None:
        if message.type == "ticket.opened":
            latencies.append(heard_after_s(message))

    async with StreamReader(ground.desk, reader_of, cursor, heard) as reader:
        for _ in range(count):
            await ground.api.open(ground.people.requester)
            await asyncio.sleep(PAUSE_S)
        await reader.wait_for(lambda: len(latencies) >= count, timeout_s=30)
    ours = Sample(latencies, seconds=count * PAUSE_S)
    await ground.settle()
    bell = await ground.database_floor.measure_bell(count)
    name = "decided to heard in the stream"
    return [
        Figure(name, "ms p50", ours.p50_ms, [Floor("bare bell", bell.p50_ms)]),
        Figure(name, "ms p99", ours.p99_ms, [Floor("bare bell", bell.p99_ms)]),
    ]
