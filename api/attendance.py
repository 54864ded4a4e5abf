"""Which agents this process holds streams for. It says so in the database, and tells the workflow of whoever comes.

A stream only counts here, in memory; the rest is done beside it. That somebody has gone is found by the worker, which
sees all processes, also those that were killed (`workflows/presence_watch.py`).
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID, uuid4

from database.agent_connections import REFRESH_SECONDS
from database.pool import UNAVAILABLE
from domain.access import Reader
from domain.ids import PersonId
from workflows.client import EngineUnavailableError

RETRY_SECONDS = 1.0
AT_ONCE = 8
log = logging.getLogger(__name__)


class Connections(Protocol):
    """Where all processes say whose streams they hold."""

    async def keep(self, process: UUID, streams: Mapping[PersonId, int]) -> None: ...


class AgentWorkflows(Protocol):
    """Who is to hear of it."""

    async def streams_changed(self, agent: PersonId, *, connected: bool) -> None: ...


class Attendance:
    """Counts the streams of the desk's people; requesters and services are not counted."""

    def __init__(self, connections: Connections, agents: AgentWorkflows) -> None:
        self._connections = connections
        self._agents = agents
        self._process = uuid4()
        self._streams: Counter[PersonId] = Counter()
        self._changed: set[PersonId] = set()
        self._come: set[PersonId] = set()
        self._news = asyncio.Event()
        self._arrivals = asyncio.Event()

    def opened(self, reader: Reader) -> None:
        """A stream of this reader's begins. For each there is a `closed`, later."""
        if not reader.is_agent:
            return
        self._streams[reader.id] += 1
        if self._streams[reader.id] == 1:
            self._changed.add(reader.id)
            self._come.add(reader.id)
            self._news.set()
            self._arrivals.set()

    def closed(self, reader: Reader) -> None:
        """A stream of this reader's is over."""
        if not reader.is_agent:
            return
        self._streams[reader.id] -= 1
        if self._streams[reader.id] <= 0:
            del self._streams[reader.id]
            self._changed.add(reader.id)
            self._come.discard(reader.id)
            self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(self._keep_rows(), self._tell_workflows())

    async def leave(self) -> None:
        """Say that no stream is open here any more, for the process is about to stop."""
        self._changed |= set(self._streams)
        self._streams.clear()
        await self._keep(self._changed)

    async def _keep_rows(self) -> None:
        loop = asyncio.get_running_loop()
        refresh_at = loop.time() + REFRESH_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(refresh_at):
                    await self._news.wait()
            self._news.clear()
            is_due = loop.time() >= refresh_at
            people = set(self._streams) if is_due else set()
            if is_due:
                refresh_at = loop.time() + REFRESH_SECONDS
            if not await self._keep(people | self._changed):
                refresh_at = loop.time() + RETRY_SECONDS

    async def _keep(self, people: set[PersonId]) -> bool:
        """Write how many streams these people have. Returns whether that worked."""
        if not people:
            return True
        written = {person: self._streams[person] for person in people}
        self._changed -= people
        try:
            await self._connections.keep(self._process, written)
        except UNAVAILABLE as error:
            self._changed |= people
            log.warning("who is connected was not written: %s", error)
            return False
        return True

    async def _tell_workflows(self) -> None:
        while True:
            await self._arrivals.wait()
            self._arrivals.clear()
            come, self._come = self._come, set()
            places = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(self._tell(person, places) for person in come))

    async def _tell(self, person: PersonId, places: asyncio.Semaphore) -> None:
        async with places:
            try:
                await self._agents.streams_changed(person, connected=True)
            except EngineUnavailableError as error:
                log.warning("an agent's workflow was not told that they have come; the worker will: %s", error)
