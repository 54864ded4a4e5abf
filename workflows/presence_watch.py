"""Tells agents' workflows of connections that came and went, whoever should have told them and could not.

An API process tells of the streams that it opens; that the last one is gone nobody can tell who was killed. So the
worker compares what is recorded of each agent with the connections that are fresh, and tells where they differ. What
could not be told, for the engine was away, differs still the next time.

Now and then it also calls the roll: an agent whose workflow does not run, or is behind its row, is helped up.
"""

import asyncio
import itertools
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.ids import PersonId
from domain.presence import PresenceRules
from workflows.agent_client import AgentClient
from workflows.client import EngineUnavailableError, WedgedWorkflowError

LOOK_EVERY_SECONDS = 2.0
LONGEST_SETTLING_SECONDS = 6.0
"""Clients whose stream ended reconnect within one to five seconds."""
LOOKS_PER_ROLL = 300
AT_ONCE = 8
log = logging.getLogger(__name__)


class Differing(Protocol):
    """An agent whose recorded life does not say what their connections do."""

    @property
    def agent(self) -> PersonId: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def seen_at(self) -> datetime | None: ...


class Connections(Protocol):
    """Where API processes say whose streams they hold."""

    async def differing(self, settle_seconds: float) -> Sequence[Differing]: ...
    async def forget_old(self) -> None: ...


class Roll(Protocol):
    """Where agents are remembered."""

    async def revisions(self) -> Mapping[PersonId, int]: ...


class PresenceWatch:
    """Runs beside the worker."""

    def __init__(self, connections: Connections, roll: Roll, agents: AgentClient, rules: PresenceRules) -> None:
        self._connections = connections
        self._roll = roll
        self._agents = agents
        self._settle_seconds = min(LONGEST_SETTLING_SECONDS, rules.grace.total_seconds() / 2)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Until cancelled. A fault is logged and tried again at the next look."""
        for look in itertools.count():
            try:
                await self.look()
                if look % LOOKS_PER_ROLL == 0:
                    await self._connections.forget_old()
                    await self.call_the_roll()
            except Exception as error:  # noqa: BLE001  it outlives every fault of its parts
                log.warning("the look for agents' connections failed: %s", error)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def look(self) -> int:
        """Tell every agent's workflow that does not know how they are connected. Returns how many there were.

        Raises EngineUnavailableError, after all were tried, and whatever a database that is down raises.
        """
        found = await self._connections.differing(self._settle_seconds)

        async def tell(one: Differing) -> None:
            async with self._places:
                at = None if one.is_open else one.seen_at
                await self._agents.streams_changed(one.agent, connected=one.is_open, at=at)

        _raise_first(await asyncio.gather(*(tell(one) for one in found), return_exceptions=True))
        return len(found)

    async def call_the_roll(self) -> int:
        """Start the workflows that ought to run and do not, and have those load their row that are behind it.

        Returns how many there were. Raises EngineUnavailableError, after all were tried, and whatever a database that
        is down raises.
        """

        async def call(agent: PersonId, revision: int) -> int:
            async with self._places:
                try:
                    state = await self._agents.state(agent)
                except WedgedWorkflowError as error:
                    log.error("%s", error)
                    await self._agents.begin_anew(agent)
                    return 1
                if state is None:
                    await self._agents.start(agent)
                elif state.revision < revision:
                    await self._agents.reload(agent)
                return int(state is None or state.revision < revision)

        expected = await self._roll.revisions()
        answers = await asyncio.gather(*(call(*one) for one in expected.items()), return_exceptions=True)
        _raise_first(answers)
        return sum(one for one in answers if isinstance(one, int))


def _raise_first(answers: Sequence[object]) -> None:
    """Raise a fault rather than the engine's silence, which is expected now and then."""
    faults = [one for one in answers if isinstance(one, BaseException)]
    faults.sort(key=lambda fault: isinstance(fault, EngineUnavailableError))
    if faults:
        raise faults[0]
