"""Sends what waits for one webhook, a bounded round at a time."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from domain.ids import WebhookDeliveryId, WebhookId
from domain.webhook import DeliveryState, WebhookAttempt

AT_ONCE = 4
"""How many lanes of one webhook are under way together."""
ROUND_DELIVERIES = 200
ROUND_LASTS = timedelta(seconds=20)
"""No new call begins after that; those under way end within the bounds of a call."""
log = logging.getLogger(__name__)


class Webhook(Protocol):
    """Where it leads, and what signs."""

    @property
    def id(self) -> WebhookId: ...
    @property
    def url(self) -> str: ...
    def secrets_at(self, now: datetime) -> Sequence[bytes]: ...


class Due(Protocol):
    """What is to be sent now; or when there is something."""

    @property
    def webhook(self) -> Webhook | None: ...
    @property
    def deliveries(self) -> Sequence[WebhookDeliveryId]: ...
    @property
    def is_probe(self) -> bool: ...
    @property
    def next_at(self) -> datetime | None: ...


class Verdict(Protocol):
    @property
    def state(self) -> DeliveryState: ...


class Waiting(Protocol):
    """Where deliveries wait."""

    async def due(self, id: WebhookId, limit: int, now: datetime) -> Due: ...
    async def note(self, id: WebhookDeliveryId, attempt: WebhookAttempt, now: datetime) -> Verdict | None: ...
    async def skip(self, id: WebhookDeliveryId, now: datetime) -> None: ...


class Payloads(Protocol):
    """What a delivery says; None when its event is not there any more."""

    async def write(self, id: WebhookDeliveryId) -> bytes | None: ...


class Sender(Protocol):
    """Carries it there. The other side's faults are told by the attempt; none is raised."""

    async def send(
        self, receiver: Webhook, delivery: WebhookDeliveryId, body: bytes, *, is_probe: bool = False
    ) -> WebhookAttempt: ...


class WebhookReport(BaseModel):
    """What a round came to. It stays in the workflow's history, so it names nobody."""

    model_config = ConfigDict(frozen=True)

    delivered: int = 0
    failed: int = 0
    """Attempts."""
    next_at: datetime | None = None
    """When there is something again; None: nothing waits."""


class WebhookActivities:
    """An attempt is noted after it was made: whoever dies in between makes it again, under the same id. So each event
    comes at least once."""

    def __init__(
        self,
        waiting: Waiting,
        payloads: Payloads,
        sender: Sender,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._waiting = waiting
        self._payloads = payloads
        self._sender = sender
        self._clock = clock

    @property
    def steps(self) -> Sequence[Callable[..., Any]]:
        return (self.deliver_round,)

    @activity.defn
    async def deliver_round(self, id: WebhookId) -> WebhookReport:
        """Send what is due, in the order of its lanes, until nothing is or the round has lasted long enough. Harmless
        to repeat: what was noted is not due any more."""
        until = asyncio.get_running_loop().time() + ROUND_LASTS.total_seconds()
        delivered = failed = 0
        while True:
            activity.heartbeat(delivered, failed)
            due = await self._waiting.due(id, AT_ONCE, self._clock())
            if due.webhook is None or not due.deliveries:
                return WebhookReport(delivered=delivered, failed=failed, next_at=due.next_at)
            is_over = asyncio.get_running_loop().time() > until or delivered + failed >= ROUND_DELIVERIES
            if is_over:
                return WebhookReport(delivered=delivered, failed=failed, next_at=self._clock())
            webhook, is_probe = due.webhook, due.is_probe
            sent = await asyncio.gather(
                *(self._deliver(webhook, one, is_probe=is_probe) for one in due.deliveries), return_exceptions=True
            )  # a fault of ours waits until the others have been noted: they would be sent twice otherwise
            for fault in sent:
                if isinstance(fault, BaseException):
                    raise fault
            delivered += sent.count(True)
            failed += sent.count(False)

    async def _deliver(self, webhook: Webhook, delivery: WebhookDeliveryId, *, is_probe: bool) -> bool:
        """Whether the receiver took it."""
        body = await self._payloads.write(delivery)
        if body is None:
            log.warning("the event of webhook delivery %s is gone; nothing is sent", delivery)
            await self._waiting.skip(delivery, self._clock())
            return False
        attempt = await self._sender.send(webhook, delivery, body, is_probe=is_probe)
        await self._waiting.note(delivery, attempt, self._clock())
        if attempt.result.error is not None:
            log.info("webhook %s did not take delivery %s: %s", webhook.id, delivery, attempt.result.error)
        return attempt.result.error is None
