"""Requests to hand a shift over: who may take one, and until when."""

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import ForbiddenError, InvalidError, ShiftRequestStateError, ShiftStateError
from domain.ids import ShiftId, ShiftRequestId
from domain.shift_request import (
    ShiftRequest,
    check_askable,
    check_decidable,
    check_given,
    check_takeable,
    check_withdrawable,
    is_taken_so,
    state_of,
)
from tests.domain.planning import at, shift
from tests.factories import AGENT, BILLING_AGENT, NOW, OTHER_AGENT


def request(**changes: Any) -> ShiftRequest:
    """An agent asks anyone to cover a shift that begins in an hour."""
    return ShiftRequest(
        **{
            "id": ShiftRequestId(1),
            "kind": "cover",
            "shift_id": ShiftId(1),
            "agent_id": AGENT,
            "team": "support",
            "starts_at": at(1),
            "ends_at": at(8),
            **changes,
        }
    )


@pytest.mark.parametrize(("state", "then"), [("open", "expired"), ("taken", "expired"), ("done", "done")])
def test_a_request_expires_when_its_time_begins(state: str, then: str) -> None:
    one = request(state=state)

    assert state_of(one, at(1) - timedelta(seconds=1)) == state
    assert state_of(one, at(1)) == then


def test_what_is_published_and_to_come_can_be_handed_over() -> None:
    check_askable(shift(1, 8), at(2), at(4), NOW)
    check_askable(shift(-1, 8, started_at=at(-1)), at(2), at(8), NOW)
    for one in (shift(1, 8, status="draft"), shift(1, 8, status="cancelled"), shift(1, 8, ended_at=at(0))):
        with pytest.raises(ShiftStateError):
            check_askable(one, at(2), at(4), NOW)
    for since, until in ((4, 4), (0.5, 4), (2, 8.5)):
        with pytest.raises(InvalidError):
            check_askable(shift(1, 8), at(since), at(until), NOW)
    with pytest.raises(ShiftRequestStateError, match="has begun"):
        check_askable(shift(-1, 8), at(0), at(4), NOW)


def test_an_open_request_is_taken_by_somebody_else() -> None:
    check_takeable(request(), OTHER_AGENT, None, NOW)
    with pytest.raises(ForbiddenError, match="their own"):
        check_takeable(request(), AGENT, None, NOW)


def test_a_request_to_one_colleague_is_theirs_to_take() -> None:
    one = request(to_agent_id=OTHER_AGENT)

    check_takeable(one, OTHER_AGENT, None, NOW)
    with pytest.raises(ForbiddenError, match="somebody else"):
        check_takeable(one, BILLING_AGENT, None, NOW)


@pytest.mark.parametrize("state", ["taken", "done", "withdrawn", "rejected"])
def test_a_request_is_taken_once(state: str) -> None:
    with pytest.raises(ShiftRequestStateError):
        check_takeable(request(state=state), OTHER_AGENT, None, NOW)


def test_whoever_has_taken_a_request_may_ask_again() -> None:
    swapped = request(kind="swap", state="taken", taken_by=OTHER_AGENT, given_shift_id=ShiftId(7))

    assert is_taken_so(swapped, OTHER_AGENT, ShiftId(7))
    assert is_taken_so(swapped, OTHER_AGENT, None)
    assert not is_taken_so(swapped, OTHER_AGENT, ShiftId(8))
    assert not is_taken_so(swapped, BILLING_AGENT, ShiftId(7))
    assert not is_taken_so(request(), OTHER_AGENT, None)


def test_a_request_is_not_taken_too_late() -> None:
    with pytest.raises(ShiftRequestStateError, match="expired"):
        check_takeable(request(), OTHER_AGENT, None, at(1))


def test_to_swap_a_shift_is_given() -> None:
    swap, named = request(kind="swap"), request(kind="swap", wanted_shift_id=ShiftId(7))

    check_takeable(swap, OTHER_AGENT, ShiftId(7), NOW)
    check_takeable(named, OTHER_AGENT, None, NOW)
    check_takeable(named, OTHER_AGENT, ShiftId(7), NOW)
    for one, given in ((swap, None), (named, ShiftId(8)), (request(), ShiftId(7))):
        with pytest.raises(InvalidError):
            check_takeable(one, OTHER_AGENT, given, NOW)


def test_one_gives_ones_own_shift_that_has_not_begun() -> None:
    check_given(shift(1, 8), AGENT, NOW)
    with pytest.raises(InvalidError, match="somebody else's"):
        check_given(shift(1, 8), OTHER_AGENT, NOW)
    for one in (shift(0, 8), shift(1, 8, started_at=at(0)), shift(1, 8, status="draft")):
        with pytest.raises(ShiftStateError):
            check_given(one, AGENT, NOW)


def test_a_supervisor_decides_on_what_was_taken() -> None:
    check_decidable(request(state="taken"), NOW)
    for one in (request(), request(state="done"), request(state="rejected")):
        with pytest.raises(ShiftRequestStateError):
            check_decidable(one, NOW)
    with pytest.raises(ShiftRequestStateError, match="expired"):
        check_decidable(request(state="taken"), at(1))


def test_what_is_not_done_can_be_withdrawn() -> None:
    check_withdrawable(request(), NOW)
    check_withdrawable(request(state="taken"), NOW)
    with pytest.raises(ShiftRequestStateError):
        check_withdrawable(request(state="done"), NOW)
