"""Duty: whether an agent is to work at a moment, and for how long."""

import pytest

from domain.duty import Duty, duty_of
from domain.ids import ShiftId
from tests.domain.planning import a_break, at, shift


def test_without_any_shift_an_agent_is_not_bound_to_shifts() -> None:
    assert duty_of([], at(0)) == Duty(is_planned=False)


@pytest.mark.parametrize(
    ("hours", "is_planned"), [(24 * 13, True), (24 * 15, False), (-24 * 13, True), (-24 * 15, False)]
)
def test_a_shift_within_two_weeks_is_a_plan(hours: float, is_planned: bool) -> None:
    duty = duty_of([shift(hours, hours + 8)], at(0))

    assert (duty.is_planned, duty.on_shift) == (is_planned, False)


def test_during_a_shift_an_agent_is_free_until_the_next_break() -> None:
    one = shift(0, 8, a_break(2, 2.25), a_break(4, 4.5, 2))

    assert duty_of([one], at(1)) == Duty(True, True, False, free_until=at(2), shift_ends_at=at(8))
    assert duty_of([one], at(3)) == Duty(True, True, False, free_until=at(4), shift_ends_at=at(8))
    assert duty_of([one], at(5)) == Duty(True, True, False, free_until=at(8), shift_ends_at=at(8))


def test_a_shift_begins_at_its_first_instant_and_ends_before_its_last() -> None:
    one = shift(0, 8)

    assert [duty_of([one], at(hours)).on_shift for hours in (-0.01, 0, 7.99, 8)] == [False, True, True, False]


def test_a_break_that_is_on_is_told() -> None:
    one = shift(0, 8, a_break(4, 4.5))

    assert [duty_of([one], at(hours)).on_break for hours in (3.99, 4, 4.49, 4.5)] == [False, True, True, False]


def test_a_break_that_was_started_by_hand_is_on_until_it_is_ended() -> None:
    early = a_break(4, 4.5, started_at=at(3))
    ended = a_break(4, 4.5, started_at=at(3), ended_at=at(3.5))

    assert duty_of([shift(0, 8, early)], at(3.2)).on_break
    assert duty_of([shift(0, 8, early)], at(5)).on_break
    assert not duty_of([shift(0, 8, ended)], at(4.2)).on_break
    assert duty_of([shift(0, 8, ended)], at(3.6)).free_until == at(8)


def test_shifts_that_follow_without_a_gap_are_one_duty() -> None:
    plan = [shift(0, 4), shift(4, 8, a_break(6, 6.5), id=ShiftId(2)), shift(24, 32, id=ShiftId(3))]

    assert duty_of(plan, at(1)) == Duty(True, True, False, free_until=at(6), shift_ends_at=at(8), next_on_at=at(24))


def test_before_a_shift_the_next_one_is_told() -> None:
    assert duty_of([shift(24, 32), shift(8, 16, id=ShiftId(2))], at(0)) == Duty(True, next_on_at=at(8))


def test_drafts_and_cancelled_shifts_do_not_count() -> None:
    assert duty_of([shift(status="draft"), shift(status="cancelled")], at(1)) == Duty(is_planned=False)


def test_a_shift_that_was_started_early_is_on() -> None:
    duty = duty_of([shift(1, 9, started_at=at(0))], at(0.5))

    assert (duty.on_shift, duty.shift_ends_at) == (True, at(9))


def test_a_shift_that_was_ended_early_is_off() -> None:
    assert duty_of([shift(0, 8, started_at=at(0), ended_at=at(3))], at(4)) == Duty(is_planned=True)


def test_a_shift_that_was_not_ended_goes_on_without_an_end() -> None:
    tomorrow = shift(24, 32, a_break(28, 29), id=ShiftId(2))

    duty = duty_of([shift(0, 8, started_at=at(0)), tomorrow], at(9))

    assert duty == Duty(True, True, False, free_until=None, shift_ends_at=None, next_on_at=at(24))


def test_a_shift_that_goes_on_beyond_its_end_has_the_next_ones_end_once_that_begins() -> None:
    plan = [shift(0, 8, started_at=at(0)), shift(10, 16, a_break(12, 13), id=ShiftId(2))]

    assert duty_of(plan, at(10)) == Duty(True, True, False, free_until=at(12), shift_ends_at=at(16))
