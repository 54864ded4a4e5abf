"""One timer for all streams: each hears a comment every ten seconds, a few of them at a time.

All at once would hold up what happens at that moment; a timer for each would cost memory and a wake-up each.
"""

import asyncio
from collections.abc import Callable
from itertools import cycle
from typing import Generic, TypeVar

HEARTBEAT_SECONDS = 10.0
TURNS = 100
"""In one round of heartbeats."""
HEARTBEAT = b": here\n\n"
One = TypeVar("One")


class Heartbeat(Generic[One]):
    """Calls `beat` with everyone once in a round."""

    def __init__(self, beat: Callable[[One], None], seconds: float = HEARTBEAT_SECONDS) -> None:
        self._beat = beat
        self._pause = seconds / TURNS
        self._turns: list[set[One]] = [set() for _ in range(TURNS)]
        self._next_turn = cycle(self._turns)
        self._turn_of: dict[One, set[One]] = {}

    def add(self, one: One) -> None:
        """In the next turn that has been given to nobody for the longest time: so all are spread evenly."""
        turn = next(self._next_turn)
        turn.add(one)
        self._turn_of[one] = turn

    def remove(self, one: One) -> None:
        self._turn_of.pop(one).discard(one)

    async def run(self) -> None:
        """Until cancelled."""
        for turn in cycle(self._turns):
            await asyncio.sleep(self._pause)
            for one in turn:
                self._beat(one)
