"""Calls the teams' dispatchers: whatever may make a ticket wait or an agent free rings with the team's name.

Bells that ring while nobody listens are made up for: whoever connects anew calls every team. A dispatcher that does not
run is started by its call.
"""

import asyncio
import logging
from typing import Protocol

from domain.ticket import Slug
from workflows.dispatch_client import DispatchClient

REST_SECONDS = 0.15
"""How long a team that was called is not called again: a storm of bells is one call now and one behind it."""
RETRY_SECONDS = 1.0
log = logging.getLogger(__name__)


class Teams(Protocol):
    """Where teams are remembered."""

    async def teams(self) -> list[Slug]: ...


class DispatchRelay:
    """Runs beside the worker."""

    def __init__(self, teams: Teams, dispatchers: DispatchClient) -> None:
        self._teams = teams
        self._dispatchers = dispatchers
        self._called: set[Slug] = set()
        self._everybody = False
        self._bell = asyncio.Event()

    def ring(self, team: Slug = "") -> None:
        """Call this team's dispatcher; without a name all of them."""
        if team:
            self._called.add(team)
        else:
            self._everybody = True
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. A fault is logged and the call made again."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                await self.call()
            except Exception as error:  # noqa: BLE001  the relay outlives every fault of its parts
                log.warning("dispatchers were not called: %s", error)
                self._bell.set()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(REST_SECONDS)

    async def call(self) -> None:
        """Call whoever is to be called. Who could not be reached stays to be called; raises EngineUnavailableError."""
        if self._everybody:
            self._called |= set(await self._teams.teams())
            self._everybody = False
        while self._called:
            team = self._called.pop()
            try:
                await self._dispatchers.look(team)
            except BaseException:
                self._called.add(team)
                raise
