"""What one ticket's life costs the engine."""

from operations.bench.engine import read_life
from operations.bench.figure import Figure, Floor
from operations.bench.ground import Ground

CHANGES = 6
"""Assign, reply, pending, the requester's reply, resolve, close."""


async def measure_life(ground: Ground) -> list[Figure]:
    """A ticket from its opening to its closing, and a minimal workflow with as many changes."""
    api, people = ground.api, ground.people
    number = await api.open(people.requester)
    await ground.settle()
    await api.assign(people.admin, number, people.agent.id)
    await api.reply(people.agent, number)
    await api.set_status(people.agent, number, "pending")
    await api.reply(people.requester, number)
    await api.set_status(people.agent, number, "resolved")
    await api.set_status(people.agent, number, "closed")
    ours = await read_life(ground.engine, f"ticket-{number}")
    floor = await ground.engine_floor.live(CHANGES)
    name = "a ticket's life (opening to closing)"
    return [
        Figure(name, "history events", ours.events, [Floor("bare engine", floor.events)]),
        Figure(name, "KiB of history", ours.bytes / 1024, [Floor("bare engine", floor.bytes / 1024)]),
        Figure(name, "engine actions", ours.actions, [Floor("bare engine", floor.actions)]),
    ]
