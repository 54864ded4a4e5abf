"""Calls the teams' dispatchers: whatever may make a ticket wait or an agent free rings with the team's name.

Bells that ring while nobody listens are made up for: whoever connects anew calls every team. A dispatcher that does not
run is started by its call.
"""

import asyncio
import contextlib
import logging
from typing import Protocol

from domain.ticket import Slug

REST_SECONDS = 0.15
"""How long a team that was called is not called again: a storm of bells is one call now and one behind it."""
RETRY_SECONDS = 1.0
log = logging.getLogger(__name__)


class Teams(Protocol):
    """Where teams are remembered."""

    async def teams(self) -> list[Slug]: ...


class Dispatchers(Protocol):
    """How dispatchers are called."""

    async def look(self, team: Slug) -> None: ...


class DispatchRelay:
    """Runs beside the worker."""

    def __init__(self, teams: Teams, dispatchers: Dispatchers) -> None:
        self._teams = teams
        self._dispatchers = dispatchers
        self._called: set[Slug] = set()
        self._rests_until: dict[Slug, float] = {}
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
            self._bell.clear()
            try:
                wait = await self.call()
            except Exception as error:  # noqa: BLE001  the relay outlives every fault of its parts
                log.warning("dispatchers were not called: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._bell.wait()

    async def call(self) -> float | None:
        """Call whoever is to be called and does not rest. Returns after how many seconds the next one of the others may
        be called; None when there is none.

        Who could not be reached stays to be called; raises EngineUnavailableError.
        """
        if self._everybody:
            self._called |= set(await self._teams.teams())
            self._everybody = False
        clock = asyncio.get_running_loop().time
        for team in sorted(self._called):
            if self._rests_until.get(team, 0) <= clock():
                self._called.discard(team)  # first: a bell during the call is about something that it may not have seen
                try:
                    await self._dispatchers.look(team)
                except Exception:
                    self._called.add(team)
                    raise
                self._rests_until[team] = clock() + REST_SECONDS
        rests = [self._rests_until.get(team, 0) - clock() for team in self._called]
        return max(min(rests), 0) if rests else None
