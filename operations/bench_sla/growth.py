"""What open tickets cost: the worker's memory, and history and actions of the engine."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import mean

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from domain.ids import TicketNumber
from operations.bench.engine import Life, life_of
from operations.bench.figure import Figure
from operations.bench.ground import Ground
from workflows.ticket_client import workflow_id

SAMPLE = 50
"""Tickets whose histories are read."""
PATIENCE = timedelta(seconds=60)
_TIMERS = {
    EventType.EVENT_TYPE_TIMER_STARTED: 1,
    EventType.EVENT_TYPE_TIMER_FIRED: -1,
    EventType.EVENT_TYPE_TIMER_CANCELED: -1,
}


@dataclass(frozen=True)
class Sampled:
    """One ticket's history."""

    ticket: int
    life: Life
    most_timers: int


def most_timers(history: Iterable[HistoryEvent]) -> int:
    """How many timers ran at once when most did."""
    running = most = 0
    for event in history:
        running += _TIMERS.get(event.event_type, 0)
        most = max(most, running)
    return most


async def sample_lives(ground: Ground, numbers: Sequence[int]) -> list[Sampled]:
    """Of some of these tickets."""
    sampled = []
    for number in random.sample(numbers, min(SAMPLE, len(numbers))):
        handle = ground.engine.get_workflow_handle(workflow_id(TicketNumber(number)))
        events = list((await handle.fetch_history(rpc_timeout=PATIENCE)).events)
        sampled.append(Sampled(number, life_of(events), most_timers(events)))
    return sampled


def life_figures(name: str, sampled: Sequence[Sampled]) -> list[Figure]:
    return [
        Figure(name, "history events", mean(one.life.events for one in sampled)),
        Figure(name, "KiB of history", mean(one.life.bytes for one in sampled) / 1024),
        Figure(name, "engine actions", mean(one.life.actions for one in sampled)),
        Figure(name, "most timers at once", max(one.most_timers for one in sampled)),
    ]


def timer_faults(sampled: Iterable[Sampled]) -> list[str]:
    """The tickets that had more than one timer at a time."""
    return [f"{one.most_timers} timers at once: ticket {one.ticket}" for one in sampled if one.most_timers > 1]
