"""Calls the notifiers of those who were told of something: whoever writes a notification has it wait for a plan in the
same transaction, and the database rings; the relay wakes, sees whose notifications no plan has looked at, and calls.

Every hour it also sees to it that a notifier runs for everybody for whom anything waits: that heals an engine that lost
its store.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from domain.ids import NotificationId, PersonId
from workflows.client import EngineUnavailableError

BATCH = 500
AT_ONCE = 8
LOOK_EVERY_SECONDS = 5.0
"""The bell rings for each notification; looking besides is for what a crash left behind."""
PACE_SECONDS = 0.2
"""A storm of bells is one look now and one behind it."""
RECALL_SECONDS, LONGEST_RECALL_SECONDS = 2.0, 600.0
"""Who was called and has not looked is called again after so long, ever less often."""
ENSURE_EVERY_SECONDS = 3600.0
log = logging.getLogger(__name__)


class Told(Protocol):
    """Somebody who was told of something that no plan has looked at, and the first of it."""

    @property
    def person(self) -> PersonId: ...
    @property
    def first(self) -> NotificationId: ...


class Notices(Protocol):
    """Where it is remembered who was told of what."""

    async def told(self, limit: int) -> Sequence[Told]: ...
    async def waiting(self, after: PersonId | None, limit: int) -> Sequence[PersonId]: ...


class Notifiers(Protocol):
    """How notifiers are reached."""

    async def look(self, person: PersonId) -> None: ...
    async def ensure(self, person: PersonId) -> None: ...
    async def mend(self) -> int: ...


class _Call(NamedTuple):
    """That somebody's notifier was called for what begins with this, and when that would be done again."""

    first: NotificationId
    again_at: float
    rest: float


class NoticeRelay:
    """Runs beside the worker."""

    def __init__(
        self,
        notices: Notices,
        notifiers: Notifiers,
        batch: int = BATCH,
        recall_seconds: float = RECALL_SECONDS,
    ) -> None:
        self._notices = notices
        self._notifiers = notifiers
        self._batch = batch
        self._recall_seconds = recall_seconds
        self._calls: dict[PersonId, _Call] = {}
        self._ensure_at = 0.0
        self._bell = asyncio.Event()

    def ring(self, _: str = "") -> None:
        """Somebody was told of something."""
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. A fault is logged and tried again seconds later."""
        clock = asyncio.get_running_loop().time
        while True:
            self._bell.clear()
            try:
                await self.call()
                if clock() >= self._ensure_at:
                    await self.ensure()
                    self._ensure_at = clock() + ENSURE_EVERY_SECONDS
            except Exception as error:  # noqa: BLE001  the relay outlives every fault of its parts
                log.warning("notifiers were not called: %s", error)
            await asyncio.sleep(PACE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._bell.wait()

    async def call(self) -> int:
        """Call the notifiers of those whose notifications no plan has looked at, but not again those who were called
        for the same just now. Returns how many were called.

        Raises EngineUnavailableError when some could not be reached; they stay to be called.
        """
        found = await self._notices.told(self._batch)
        now = asyncio.get_running_loop().time()
        waiting = {one.person: one.first for one in found}
        self._calls = {person: call for person, call in self._calls.items() if waiting.get(person) == call.first}
        to_call = [person for person in waiting if person not in self._calls or self._calls[person].again_at <= now]

        async def call(person: PersonId) -> None:
            await self._notifiers.look(person)
            before = self._calls.get(person)
            rest = self._recall_seconds if before is None else min(2 * before.rest, LONGEST_RECALL_SECONDS)
            self._calls[person] = _Call(waiting[person], now + rest, rest)

        await _each(to_call, call)
        return len(to_call)

    async def ensure(self) -> int:
        """See to it that everybody for whom anything waits has a notifier that runs and can go on. Returns how many
        they are. Raises EngineUnavailableError."""
        await self._notifiers.mend()
        count, last = 0, None
        while page := await self._notices.waiting(last, self._batch):
            await _each(page, self._notifiers.ensure)
            count, last = count + len(page), page[-1]
        return count


async def _each(people: Sequence[PersonId], do: Callable[[PersonId], Awaitable[None]]) -> None:
    """Some at once. All are tried; raises the last failure."""
    places = asyncio.Semaphore(AT_ONCE)
    failures: list[EngineUnavailableError] = []

    async def one(person: PersonId) -> None:
        async with places:
            try:
                await do(person)
            except EngineUnavailableError as error:
                failures.append(error)

    await asyncio.gather(*(one(person) for person in people))
    if failures:
        raise failures[-1]
