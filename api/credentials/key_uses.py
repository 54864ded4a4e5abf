"""When keys were used last: noted in memory, and written down beside the requests, at most once a minute."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from database.pool import UNAVAILABLE
from domain.ids import ApiKeyId

WRITE_EVERY_SECONDS = 60.0
log = logging.getLogger(__name__)


class Keys(Protocol):
    """Where uses are kept."""

    async def note_uses(self, uses: Mapping[ApiKeyId, datetime]) -> None: ...


class KeyUses:
    """The process's notes of who used their key."""

    def __init__(self, keys: Keys, write_every_seconds: float = WRITE_EVERY_SECONDS) -> None:
        self._keys = keys
        self._pause = write_every_seconds
        self._noted: dict[ApiKeyId, datetime] = {}
        self._news = asyncio.Event()

    def used(self, key: ApiKeyId) -> None:
        """Somebody has just signed in with it."""
        self._noted[key] = datetime.now(UTC)
        self._news.set()

    async def run(self) -> None:
        """Until cancelled. The first use after a quiet minute is written at once."""
        while True:
            await self._news.wait()
            await self.write()
            await asyncio.sleep(self._pause)

    async def write(self) -> None:
        """Write down what was noted; what cannot be written now stays noted, unless there is something newer."""
        self._news.clear()
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            await self._keys.note_uses(noted)
        except UNAVAILABLE as error:
            self._noted = noted | self._noted
            self._news.set()
            log.warning("when keys were used was not written: %s", error)
        except asyncio.CancelledError:
            self._noted = noted | self._noted  # whoever ends the process writes once more
            raise
