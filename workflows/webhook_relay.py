"""Has events sent to webhooks: reads what is new in the event log, has deliveries made of it, and calls the workflows
of the webhooks that something waits for.

Nothing here is in the way of a change: the log is read after the fact. A workflow that could not be called stays to be
called; one that a crash or a lost engine left uncalled, or that cannot go on, is found by what is overdue.
"""

import asyncio
import contextlib
import logging
from typing import Protocol
from uuid import UUID

from domain.ids import WebhookId
from workflows.client import EngineUnavailableError

LOOK_EVERY_SECONDS = 1.0
"""A bell rings before its event may be read: an older transaction may still be open."""
REST_SECONDS = 0.1
"""Between two looks: a storm of bells is a look now and one behind it."""
CALL_REST_SECONDS = 0.5
"""How long a webhook that was called is not called again: its workflow takes all that waits."""
OVERDUE_EVERY_SECONDS = 10.0
log = logging.getLogger(__name__)


class Taken(Protocol):
    """What a look at the log came to."""

    @property
    def called(self) -> frozenset[WebhookId]: ...
    @property
    def has_more(self) -> bool: ...


class Outbox(Protocol):
    """The log, and what was made of it."""

    async def take(self) -> Taken: ...
    async def behind(self) -> list[WebhookId]: ...


class Webhooks(Protocol):
    """How webhooks' workflows are called."""

    async def look(self, webhook: WebhookId) -> None: ...
    async def mend(self, webhook: WebhookId) -> None: ...


class WebhookRelay:
    """Runs beside the worker."""

    def __init__(self, outbox: Outbox, webhooks: Webhooks) -> None:
        self._outbox = outbox
        self._webhooks = webhooks
        self._called: set[WebhookId] = set()
        self._overdue: set[WebhookId] = set()
        self._rests_until: dict[WebhookId, float] = {}
        self._overdue_at = 0.0
        self._bell = asyncio.Event()

    def ring(self, _: str = "") -> None:
        """Something happened."""
        self._bell.set()

    def call(self, webhook: str = "", /) -> None:
        """Something waits for this webhook; without an id: look around."""
        if webhook:
            self._called.add(WebhookId(UUID(webhook)))
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. A fault is logged and tried again a second later."""
        while True:
            self._bell.clear()
            wait = LOOK_EVERY_SECONDS
            try:
                while await self.look():
                    pass
                wait = CALL_REST_SECONDS if self._called else LOOK_EVERY_SECONDS
            except Exception as error:  # noqa: BLE001  the relay outlives every fault of its parts
                log.warning("webhooks wait: %s", error)
            await asyncio.sleep(REST_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._bell.wait()

    async def look(self) -> bool:
        """Make deliveries of what is new and call whom it waits for. Returns whether there is more; raises
        EngineUnavailableError when somebody could not be called."""
        taken = await self._outbox.take()
        self._called |= taken.called
        clock = asyncio.get_running_loop().time
        if clock() >= self._overdue_at:
            self._overdue |= set(await self._outbox.behind())
            self._overdue_at = clock() + OVERDUE_EVERY_SECONDS
        failure: EngineUnavailableError | None = None
        for webhook in sorted(self._called | self._overdue):
            is_overdue = webhook in self._overdue
            if self._rests_until.get(webhook, 0) > clock() and not is_overdue:
                continue
            self._called.discard(webhook)  # first: a bell during the call is about something that it may not have seen
            try:
                await (self._webhooks.mend if is_overdue else self._webhooks.look)(webhook)
            except EngineUnavailableError as error:
                self._called.add(webhook)
                failure = error
            else:
                self._overdue.discard(webhook)
                self._rests_until[webhook] = clock() + CALL_REST_SECONDS
        if failure is not None:
            raise failure
        return taken.has_more
