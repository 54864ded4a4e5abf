"""The rules of a plan: times, overlaps, breaks, moving and cutting."""

from datetime import timedelta

import pytest

from domain.agent import BreakKind
from domain.errors import (
    BreakOutsideShiftError,
    BreakOverlapError,
    InvalidError,
    LimitReachedError,
    MomentPassedError,
    ShiftOverlapError,
    ShiftStateError,
)
from domain.ids import ShiftId
from domain.shift import Shift
from domain.shift_rules import (
    PlannedBreak,
    check_break_waits,
    check_breaks,
    check_cancellable,
    check_free,
    check_open_to_change,
    check_times,
    moved,
    part_of,
    span_of,
    spoken,
    without,
)
from tests.domain.planning import a_break, at, shift
from tests.factories import NOW


def test_a_shift_ends_after_it_starts() -> None:
    for until in (1, 0.5):
        with pytest.raises(InvalidError, match="ends after it starts"):
            check_times(at(1), at(until), NOW)
    check_times(at(1), at(1.01), NOW)


def test_a_shift_has_at_most_sixteen_hours() -> None:
    check_times(at(0), at(16), NOW)
    with pytest.raises(InvalidError, match="at most 16 hours"):
        check_times(at(0), at(16.01), NOW)


def test_only_what_is_to_come_is_planned() -> None:
    check_times(at(-1), at(1), NOW)
    with pytest.raises(MomentPassedError):
        check_times(at(-2), at(0), NOW)
    with pytest.raises(InvalidError, match="five years"):
        check_times(at(24 * 2_000), at(24 * 2_000 + 8), NOW)


@pytest.mark.parametrize(("since", "until"), [(-1, 1), (7, 9), (2, 3), (-1, 9), (0, 8)])
def test_shifts_that_overlap_are_refused(since: float, until: float) -> None:
    with pytest.raises(ShiftOverlapError, match=r"overlaps shift 1 .* 2030-01-07 09:00 to 17:00 UTC"):
        check_free(at(since), at(until), [shift(0, 8)])


def test_shifts_may_touch_and_what_is_off_is_not_in_the_way() -> None:
    check_free(at(8), at(16), [shift(0, 8), shift(16, 24)])
    check_free(at(0), at(8), [shift(status="cancelled"), shift(ended_at=at(-1))])
    with pytest.raises(ShiftOverlapError):
        check_free(at(0), at(8), [shift(status="draft")])


@pytest.mark.parametrize(("since", "until"), [(-1, 1), (7.5, 8.5), (9, 10), (-2, -1), (-1, 9)])
def test_a_break_outside_its_shift_is_refused(since: float, until: float) -> None:
    with pytest.raises(BreakOutsideShiftError, match="lunch"):
        check_breaks(at(0), at(8), [a_break(since, until)])


def test_breaks_do_not_overlap() -> None:
    check_breaks(at(0), at(8), [a_break(4, 4.5), a_break(4.5, 5), a_break(0, 1), a_break(7, 8)])
    coffee = PlannedBreak(kind=BreakKind.SHORT_BREAK, starts_at=at(4.25), ends_at=at(4.75))
    with pytest.raises(BreakOverlapError, match=r"short break .* overlaps the lunch"):
        check_breaks(at(0), at(8), [coffee, a_break(4, 4.5)])


def test_a_break_ends_after_it_starts_and_there_are_not_too_many() -> None:
    with pytest.raises(InvalidError, match="ends after it starts"):
        check_breaks(at(0), at(8), [a_break(4, 4)])
    with pytest.raises(LimitReachedError):
        check_breaks(at(0), at(8), [a_break(count / 4, count / 4 + 0.1) for count in range(21)])


@pytest.mark.parametrize(
    "over", [shift(status="cancelled"), shift(ended_at=at(1), started_at=at(0)), shift(-8, 0)], ids=["1", "2", "3"]
)
def test_what_is_over_is_not_changed(over: Shift) -> None:
    for check in (check_open_to_change, check_cancellable):
        with pytest.raises(ShiftStateError):
            check(over, at(0))


def test_a_shift_that_was_started_is_ended_and_not_cancelled() -> None:
    check_cancellable(shift(0, 8), at(1))
    with pytest.raises(ShiftStateError, match="end it instead"):
        check_cancellable(shift(0, 8, started_at=at(0)), at(1))
    check_open_to_change(shift(-8, 0, started_at=at(-8)), at(1))
    check_break_waits(a_break(1, 2))
    with pytest.raises(ShiftStateError, match="end it instead"):
        check_break_waits(a_break(1, 2, started_at=at(1)))


def test_breaks_go_along_with_a_shift_that_keeps_its_length() -> None:
    one = shift(0, 8, a_break(4, 4.5))

    assert moved(one, at(2), at(10), NOW) == (a_break(6, 6.5),)
    assert moved(one, at(2), at(9), NOW) == (a_break(4, 4.5),)
    with pytest.raises(BreakOutsideShiftError):
        moved(one, at(0), at(4), NOW)


def test_of_a_shift_that_was_started_only_the_end_moves() -> None:
    one = shift(0, 8, started_at=at(0))

    assert moved(one, at(0), at(9), at(1)) == ()
    with pytest.raises(ShiftStateError, match="only its end"):
        moved(one, at(1), at(8), at(1))


def test_a_part_has_the_breaks_that_lie_in_it_whole() -> None:
    one = shift(0, 8, a_break(1, 2), a_break(4, 5, 2))

    assert part_of(one, at(0.5), at(4.5)) == (at(0.5), at(4.5), (a_break(1, 2),))
    assert part_of(one, at(-3), at(30)) == (at(0), at(8), one.breaks)


def test_what_is_taken_out_of_a_shift_leaves_its_ends() -> None:
    one = shift(0, 8, a_break(1, 2), a_break(6, 7, 2))

    assert without(one, at(3), at(5)) == ((at(0), at(3), (a_break(1, 2),)), (at(5), at(8), (a_break(6, 7, 2),)))
    assert without(one, at(-1), at(1.5)) == ((at(1.5), at(8), (a_break(6, 7, 2),)),)
    assert without(one, at(5), at(8)) == ((at(0), at(5), (a_break(1, 2),)),)
    assert without(one, at(-1), at(9)) == ()


def test_a_shift_counts_until_it_was_ended() -> None:
    assert span_of(shift(0, 8)) == (at(0), at(8))
    assert span_of(shift(0, 8, started_at=at(0), ended_at=at(3))) == (at(0), at(3))
    assert span_of(shift(1, 8, started_at=at(0), ended_at=at(0.5))) == (at(1), at(1))


def test_times_are_spoken_in_utc() -> None:
    assert spoken(at(0), at(8)) == "2030-01-07 09:00 to 17:00 UTC"
    assert spoken(at(12), at(12) + timedelta(hours=8)) == "2030-01-07 21:00 to 2030-01-08 05:00 UTC"
    assert shift(id=ShiftId(4)).is_over is False
