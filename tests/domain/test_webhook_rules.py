"""When a delivery comes again or is given up, and when its receiver is left alone."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from domain.ids import WebhookDeliveryId
from domain.webhook import DeliveryState, SendResult
from domain.webhook_rules import (
    BACK_OFF,
    DISABLED_AFTER,
    JITTER,
    LONGEST_RETRY_AFTER,
    OPENS_AFTER,
    PROBE_AFTER,
    Breaker,
    Standing,
    Verdict,
    judge,
    wait_before,
)
from tests.factories import NOW

ID = WebhookDeliveryId(UUID(int=7))
REFUSED = SendResult("status", 500)
TAKEN = SendResult(None, 200)
SECOND = timedelta(seconds=1)


def judged(
    result: SendResult = REFUSED,
    breaker: Breaker = Breaker(),  # noqa: B008 - immutable
    *,
    attempts: int = 0,
    due_at: datetime | None = None,
    now: datetime = NOW,
) -> Verdict:
    return judge(Standing(ID, attempts, due_at or now), breaker, result, now)


def opened(failures: int = OPENS_AFTER, now: datetime = NOW) -> Breaker:
    """After so many failures, each of which came when the breaker let it."""
    breaker = Breaker()
    for _ in range(failures):
        breaker = breaker.failed(breaker.open_until or now)
    return breaker


def test_what_is_taken_is_delivered_and_closes_the_breaker() -> None:
    assert judged(TAKEN, opened(), attempts=2) == Verdict(DeliveryState.DELIVERED, 3, None, Breaker())


def test_what_fails_comes_again_ever_later_and_is_given_up_after_three_days() -> None:
    now, attempts, tries = NOW, 0, 0
    while True:
        verdict = judged(attempts=attempts, now=now)  # others succeed meanwhile: the breaker is closed
        attempts, tries = verdict.attempts, tries + 1
        if verdict.next_attempt_at is None:
            break
        wait = verdict.next_attempt_at - now
        assert BACK_OFF[attempts - 1] <= wait <= BACK_OFF[attempts - 1] * (1 + JITTER)
        now = verdict.next_attempt_at

    assert (verdict.state, tries) == (DeliveryState.FAILED, len(BACK_OFF) + 1)
    assert timedelta(days=3) < now - NOW < timedelta(days=4)


def test_the_wait_hangs_on_the_delivery_and_not_on_when_one_asks() -> None:
    others = {wait_before(WebhookDeliveryId(UUID(int=number)), 3) for number in range(20)}

    assert wait_before(ID, 3) == wait_before(ID, 3)
    assert len(others) == 20


def test_a_breaker_opens_after_failures_in_a_row() -> None:
    assert opened(OPENS_AFTER - 1).state(NOW) == "closed"
    breaker = opened()
    assert breaker.state(NOW) == "open"
    assert breaker.state(NOW + PROBE_AFTER[0] - SECOND) == "open"
    assert breaker.state(NOW + PROBE_AFTER[0]) == "half_open"


def test_probes_come_ever_more_rarely_up_to_a_bound() -> None:
    breaker, now, waits = opened(), NOW, []
    for _ in range(8):
        assert breaker.open_until is not None
        waits.append(breaker.open_until - now)
        now = breaker.open_until
        breaker = breaker.failed(now)

    assert waits == [*PROBE_AFTER, PROBE_AFTER[-1], PROBE_AFTER[-1]]


def test_what_was_under_way_when_it_opened_counts_no_more() -> None:
    breaker = opened()
    assert breaker.failed(NOW) == breaker


def test_a_probe_out_of_turn_uses_up_no_try_and_moves_nothing() -> None:
    now, later = NOW + PROBE_AFTER[0], NOW + timedelta(hours=2)
    early = judged(breaker=opened(), attempts=4, due_at=later, now=now)
    in_turn = judged(breaker=opened(), attempts=4, due_at=now, now=now)

    assert (early.state, early.attempts, early.next_attempt_at) == (DeliveryState.PENDING, 4, later)
    assert in_turn.attempts == 5
    assert judged(TAKEN, opened(), attempts=4, due_at=later, now=now).state is DeliveryState.DELIVERED


@pytest.mark.parametrize(
    ("asked", "given"), [(timedelta(minutes=10), timedelta(minutes=10)), (timedelta(days=9), LONGEST_RETRY_AFTER)]
)
def test_who_asks_for_rest_gets_it_within_bounds(asked: timedelta, given: timedelta) -> None:
    first = Breaker().failed(NOW, asked)
    assert first.open_until == NOW + given
    assert first.failed(NOW, asked + SECOND).open_until == min(NOW + asked + SECOND, NOW + LONGEST_RETRY_AFTER)
    assert opened().failed(NOW, SECOND).open_until == opened().open_until, "no shorter than it has to be"
    assert opened(OPENS_AFTER - 1).failed(NOW, asked).open_until == NOW + given


def test_gone_is_gone() -> None:
    verdict = judged(SendResult("gone", 410))
    assert (verdict.state, verdict.disabled) == (DeliveryState.FAILED, "gone")


def test_five_days_without_a_success_disable_it() -> None:
    breaker = opened()
    almost = judged(breaker=breaker, now=NOW + DISABLED_AFTER - SECOND)
    over = judged(breaker=breaker, now=NOW + DISABLED_AFTER)

    assert (almost.disabled, almost.state) == (None, DeliveryState.PENDING)
    assert (over.disabled, over.state) == ("failing", DeliveryState.FAILED)
    assert judged(TAKEN, breaker, now=NOW + DISABLED_AFTER).disabled is None
