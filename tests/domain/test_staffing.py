"""Staffing: Erlang's formulas against published values and against brute force, and what they are used for."""

from fractions import Fraction
from math import exp, factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.staffing import ServiceTarget, all_busy, begun_in_time, load, people_needed, staff_band, staff_needed

SOME_ARRIVALS = st.floats(0, 300, allow_nan=False)
SOME_MINUTES = st.floats(0.5, 240)
TARGETS = st.builds(
    ServiceTarget, share=st.floats(0.05, 0.99), within_minutes=st.floats(0, 600), shrinkage=st.floats(0, 0.6)
)


def brute_force(people: int, erlangs: Fraction) -> float:
    """Erlang C as it is written down: the last term by the sum of all of them, in exact fractions."""
    waiting = erlangs**people / factorial(people) * people / (people - erlangs)
    return float(waiting / (sum(erlangs**one / factorial(one) for one in range(people)) + waiting))


@pytest.mark.parametrize(
    ("people", "erlangs", "waits"),
    [
        (14, 10, 0.1741),  # the worked example of call-centre textbooks: 200 calls an hour of 3 minutes
        (55, 48, 0.2387),  # another one: 360 calls in half an hour, of 4 minutes
        (1, 0.5, 0.5),  # M/M/1: what waits is what is busy
        (2, 1, 1 / 3),
        (5, 4, 0.5541),
        (8, 5, 0.1673),
    ],
)
def test_the_probability_of_waiting_is_what_the_tables_say(people: int, erlangs: float, waits: float) -> None:
    assert all_busy(people, erlangs) == pytest.approx(waits, abs=5e-5)


def test_the_textbook_desk_answers_as_many_in_time_as_the_textbook_says() -> None:
    """200 calls an hour of 3 minutes: with 14 people, 88.8 % are answered within 20 seconds; 14 are needed for 80 %."""
    erlangs = load(200, 3)

    assert erlangs == pytest.approx(10)
    assert begun_in_time(14, erlangs, 3, 20 / 60) == pytest.approx(0.888, abs=5e-4)
    target = ServiceTarget(share=0.8, within_minutes=20 / 60, shrinkage=0.3)
    assert people_needed(200, 3, target) == 14
    assert staff_needed(200, 3, target) == 20


@given(people=st.integers(1, 120), part=st.fractions(Fraction(1, 1000), Fraction(999, 1000), max_denominator=1000))
def test_the_probability_of_waiting_is_that_of_the_formula(people: int, part: Fraction) -> None:
    erlangs = part * people

    assert all_busy(people, float(erlangs)) == pytest.approx(brute_force(people, erlangs), rel=1e-9, abs=1e-15)


@given(SOME_ARRIVALS, SOME_MINUTES, TARGETS)
def test_as_many_as_needed_keep_the_target_and_one_fewer_do_not(
    arrivals: float, minutes: float, target: ServiceTarget
) -> None:
    people = people_needed(arrivals, minutes, target)

    def is_kept(people: int) -> bool:
        return begun_in_time(people, load(arrivals, minutes), minutes, target.within_minutes) >= target.share

    assert is_kept(people)
    assert people == 0 or not is_kept(people - 1)


@given(SOME_ARRIVALS, SOME_ARRIVALS, SOME_MINUTES, TARGETS)
def test_more_tickets_never_take_fewer_people(one: float, other: float, minutes: float, target: ServiceTarget) -> None:
    less, more = sorted((one, other))

    assert staff_needed(less, minutes, target) <= staff_needed(more, minutes, target)


@given(SOME_ARRIVALS, SOME_MINUTES, TARGETS)
def test_a_stricter_target_never_takes_fewer_people(arrivals: float, minutes: float, target: ServiceTarget) -> None:
    stricter = target.model_copy(
        update={
            "share": (target.share + 1) / 2,
            "within_minutes": target.within_minutes / 2,
            "shrinkage": (target.shrinkage + 1) / 2,
        }
    )

    assert staff_needed(arrivals, minutes, target) <= staff_needed(arrivals, minutes, stricter)


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 100), SOME_MINUTES, TARGETS)
def test_the_band_of_staff_is_in_order(
    low: int, width: int, expected: float, minutes: float, target: ServiceTarget
) -> None:
    staff = staff_band(expected, low, low + width, minutes, target)

    assert staff.low <= staff.expected <= staff.high
    assert (staff.low, staff.high) == tuple(staff_needed(one, minutes, target) for one in (low, low + width))
    if low <= expected <= low + width:
        assert staff.expected == staff_needed(expected, minutes, target)


def test_an_hour_in_which_mostly_nothing_comes_takes_nobody() -> None:
    assert staff_band(0.05, 0, 0, 15, ServiceTarget()) == (0, 0, 0)
    assert staff_band(0.15, 0, 1, 15, ServiceTarget()) == (2, 0, 2)


def test_an_hour_in_which_nothing_comes_takes_nobody() -> None:
    assert staff_needed(0, 15, ServiceTarget()) == 0
    assert begun_in_time(0, 0, 15, 0) == 1


def test_a_queue_with_no_more_people_than_work_grows_without_end() -> None:
    assert all_busy(10, 10) == 1
    assert begun_in_time(10, 10, 3, 600) == 0


def test_a_desk_of_a_hundred_thousand_is_computed_too() -> None:
    """What the square-root rule says of huge desks: about R + 0.5 sqrt(R) for a half that does not wait at all."""
    erlangs = 100_000.0
    people = people_needed(erlangs, 60, ServiceTarget(share=0.5, within_minutes=0, shrinkage=0))

    assert people == pytest.approx(erlangs + 0.506 * erlangs**0.5, abs=3)
    assert all_busy(people, erlangs) <= 0.5 < all_busy(people - 1, erlangs)
    assert all_busy(5_000, 10.0) < exp(-500)


@pytest.mark.parametrize(("arrivals", "minutes"), [(-1, 10), (1, 0), (1, -5)])
def test_there_is_no_work_of_less_than_nothing(arrivals: float, minutes: float) -> None:
    with pytest.raises(ValueError, match="each takes some time"):
        load(arrivals, minutes)
