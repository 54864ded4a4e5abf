"""When a delivery is tried again and when it is given up, and when a receiver is left alone.

Two things fail: a delivery (its receiver does not like it) and a receiver (it likes nothing any more). A delivery that
fails is tried ever less often, for three days. A receiver that fails five times in a row is not called any more (its
breaker is open), but for one delivery at growing intervals that asks whether it is back (a probe). What waits meanwhile
uses up no tries, nor does a probe that comes before the delivery's own time; so nothing is given up because a receiver
was away for a day. Its first success lets everything go on at once. A receiver that has failed for five days without a
success is disabled.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from domain.ids import WebhookDeliveryId
from domain.webhook import DeliveryState, DisabledReason, SendResult

BACK_OFF = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""What lies between two tries of a delivery, as Standard Webhooks proposes: eleven tries within 76 hours."""
JITTER = 0.1
"""A wait is longer by up to this share, so that what failed together does not come back together."""
LONGEST_RETRY_AFTER = timedelta(hours=1)
OPENS_AFTER = 5
"""Failures in a row."""
PROBE_AFTER = (
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=4),
    timedelta(minutes=8),
    timedelta(minutes=15),
)
"""What lies between opening and the first probe, and so on; the last one again and again."""
DISABLED_AFTER = timedelta(days=5)

BreakerState = Literal["closed", "open", "half_open"]


class Breaker(NamedTuple):
    """What is known of how a receiver fares."""

    failures: int = 0
    """In a row, without those of attempts that were under way when it opened."""
    open_until: datetime | None = None
    """Until when the receiver is left alone. What comes then is a probe."""
    failing_since: datetime | None = None

    def state(self, now: datetime) -> BreakerState:
        if self.open_until is None:
            return "closed"
        return "open" if now < self.open_until else "half_open"

    def failed(self, now: datetime, retry_after: timedelta | None = None) -> "Breaker":
        """After a failure; one that asked for rest gets it."""
        rest = None if retry_after is None else now + min(retry_after, LONGEST_RETRY_AFTER)
        if self.state(now) == "open":
            return self._replace(open_until=max(filter(None, (self.open_until, rest))))
        failures = self.failures + 1
        until = rest
        if failures >= OPENS_AFTER:
            probed = now + PROBE_AFTER[min(failures - OPENS_AFTER, len(PROBE_AFTER) - 1)]
            until = max(filter(None, (probed, rest)))
        return Breaker(failures, until, self.failing_since or now)


class Standing(NamedTuple):
    """A delivery before an attempt's end is noted."""

    id: WebhookDeliveryId
    attempts: int
    """That are used up."""
    next_attempt_at: datetime
    """What comes earlier is a probe out of its turn, and uses up none."""


class Verdict(NamedTuple):
    """What an attempt's end makes of its delivery and its webhook."""

    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    breaker: Breaker
    disabled: DisabledReason | None = None


def judge(delivery: Standing, breaker: Breaker, result: SendResult, now: datetime) -> Verdict:
    """What comes of an attempt that ended now."""
    if result.error is None:
        return Verdict(DeliveryState.DELIVERED, delivery.attempts + 1, None, Breaker())
    after = breaker.failed(now, result.retry_after)
    attempts = delivery.attempts + (delivery.next_attempt_at <= now)
    if result.error == "gone":
        return Verdict(DeliveryState.FAILED, attempts, None, after, "gone")
    if after.failing_since is not None and now - after.failing_since >= DISABLED_AFTER:
        return Verdict(DeliveryState.FAILED, attempts, None, after, "failing")
    if attempts > len(BACK_OFF):
        return Verdict(DeliveryState.FAILED, attempts, None, after)
    is_early = attempts == delivery.attempts
    next_at = delivery.next_attempt_at if is_early else now + wait_before(delivery.id, attempts)
    return Verdict(DeliveryState.PENDING, attempts, next_at, after)


def wait_before(delivery: WebhookDeliveryId, attempts: int) -> timedelta:
    """What lies between a delivery's last try and the next, when so many are used up: the same each time one asks."""
    usual = BACK_OFF[attempts - 1]
    chance = hashlib.sha256(f"{delivery}:{attempts}".encode()).digest()
    return usual * (1 + JITTER * int.from_bytes(chance[:4]) / 2**32)
