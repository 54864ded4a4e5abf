"""An activity that tells the engine that it lives: one whose worker is gone, or that was handed to a worker which was
just leaving, is then begun anew soon, and not only when its whole time is up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from temporalio import activity

BEAT_SECONDS = 5.0
"""How often, whatever the activity is at."""


@contextlib.asynccontextmanager
async def alive(beat_seconds: float = BEAT_SECONDS) -> AsyncIterator[None]:
    """Meanwhile the engine hears that this activity lives."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(beat_seconds)  # first: one that is quick tells by its end
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
