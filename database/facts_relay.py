"""Keeps facts and spans current beside the worker, and the stream told of what that did to teams' queues: woken by the
bell of the tickets, and once a second anyway."""

import asyncio
import contextlib
import logging
from typing import Protocol

from database.report_log import BATCH, ReportStanding

LOOK_EVERY_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS = 0.5
"""Between two looks: under load it folds many events at once, instead of a few many times."""
MANY = BATCH // 2
"""Events folded in one look, after which it looks again at once: fewer are all that there was, or nearly."""
log = logging.getLogger(__name__)


class Figures(Protocol):
    """What follows the event log."""

    async def catch_up(self) -> int: ...

    async def standing(self) -> ReportStanding: ...


class Overview(Protocol):
    """What tells of counts that changed."""

    async def tell(self) -> int: ...


class FactsRelay:
    """Runs beside the worker. Several of them take turns."""

    def __init__(self, figures: Figures, overview: Overview) -> None:
        self._figures = figures
        self._overview = overview
        self._bell = asyncio.Event()

    def ring(self, _: str = "") -> None:
        """Something happened to a ticket."""
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. A fault is logged and tried again at the next look."""
        while True:
            try:
                while await self._has_more():
                    await self._overview.tell()
                await self._overview.tell()
            except Exception as error:  # noqa: BLE001  it outlives every fault of its parts
                log.warning("figures are not kept current: %s", error)
            await asyncio.sleep(SHORTEST_PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS - SHORTEST_PAUSE_SECONDS):
                    await self._bell.wait()
            self._bell.clear()

    async def _has_more(self) -> bool:
        """Fold some, and say whether it is worth it to look again at once."""
        folded = await self._figures.catch_up()
        return folded >= MANY or (folded > 0 and (await self._figures.standing()).is_rebuilding)
