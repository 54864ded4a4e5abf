"""Tells agents' workflows that their plans were changed, whoever changed them and whatever was down then.

It follows the event log: a place that it has told of is behind it only when every workflow heard.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from domain.ids import PersonId
from workflows.agent_client import AgentClient

LOOK_EVERY_SECONDS = 1.0
AT_ONCE = 8
log = logging.getLogger(__name__)


class Changes(Protocol):
    """Those whose plan was changed, and the place in the log behind them."""

    @property
    def people(self) -> Sequence[PersonId]: ...
    @property
    def place(self) -> str: ...


class ChangeLog(Protocol):
    """Where changes of plans are told."""

    async def after(self, place: str | None) -> Changes: ...


class PlanRelay:
    """Runs beside the worker."""

    def __init__(self, changes: ChangeLog, agents: AgentClient) -> None:
        self._changes = changes
        self._agents = agents
        self._place: str | None = None
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Until cancelled. A fault is logged and tried again at the next look."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001  it outlives every fault of its parts
                log.warning("agents were not told that their plans changed: %s", error)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self) -> int:
        """Tell everybody whose plan was changed since the last look. Returns how many there were.

        Raises EngineUnavailableError, and then tells all of them again the next time; and whatever a database that is
        down raises.
        """
        found = await self._changes.after(self._place)

        async def tell(agent: PersonId) -> None:
            async with self._places:
                await self._agents.plan_changed(agent)

        await asyncio.gather(*(tell(agent) for agent in found.people))
        self._place = found.place
        return len(found.people)
