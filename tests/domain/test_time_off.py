"""Time off: what may be asked for, and what it takes from shifts."""

from typing import Any

import pytest

from domain.errors import InvalidError, MomentPassedError, TimeOffError
from domain.ids import ShiftId, TimeOffId
from domain.time_off import TimeOff, check_time_off, check_undecided, check_withdrawable, check_works, cuts
from tests.domain.planning import a_break, at, shift
from tests.factories import AGENT, NOW


def off(since: float, until: float, **changes: Any) -> TimeOff:
    return TimeOff(
        **{
            "id": TimeOffId(1),
            "agent_id": AGENT,
            "starts_at": at(since),
            "ends_at": at(until),
            "kind": "holiday",
            "state": "approved",
            **changes,
        }
    )


def test_time_off_goes_forward_and_is_to_come() -> None:
    for since, until, kind in ((2, 2, InvalidError), (-5, -1, MomentPassedError), (0, 24 * 367, InvalidError)):
        with pytest.raises(kind):
            check_time_off(at(since), at(until), [], NOW)
    check_time_off(at(-5), at(1), [], NOW)


@pytest.mark.parametrize(("state", "is_refused"), [("asked", True), ("approved", True), ("rejected", False)])
def test_other_time_off_is_in_the_way(state: str, is_refused: bool) -> None:
    others = [off(0, 24, state=state)]
    if is_refused:
        with pytest.raises(TimeOffError, match="overlaps other time off"):
            check_time_off(at(23), at(48), others, NOW)
    else:
        check_time_off(at(23), at(48), others, NOW)
    check_time_off(at(24), at(48), others, NOW)


def test_what_was_decided_is_not_decided_again() -> None:
    check_undecided(off(1, 2, state="asked"), NOW)
    with pytest.raises(TimeOffError, match="approved already"):
        check_undecided(off(1, 2), NOW)
    with pytest.raises(MomentPassedError):
        check_undecided(off(-2, -1, state="asked"), NOW)


def test_time_off_is_withdrawn_before_it_begins() -> None:
    check_withdrawable(off(1, 2), NOW)
    check_withdrawable(off(-1, 2, state="asked"), NOW)
    for one in (off(0, 2), off(1, 2, state="rejected"), off(1, 2, state="withdrawn")):
        with pytest.raises(TimeOffError):
            check_withdrawable(one, NOW)


def test_nobody_works_in_their_approved_time_off() -> None:
    check_works(at(0), at(8), [off(8, 9), off(-1, 0), off(0, 8, state="asked")])
    with pytest.raises(TimeOffError, match="has time off then"):
        check_works(at(0), at(8), [off(7, 9)])


def test_time_off_takes_its_time_out_of_shifts() -> None:
    under, reaches_in, around, beside = (
        shift(24, 32),
        shift(40, 50, a_break(41, 42), id=ShiftId(2)),
        shift(10, 25, id=ShiftId(3)),
        shift(50, 55, id=ShiftId(4)),
    )

    found = cuts(at(24), at(48), [under, reaches_in, around, beside], NOW)

    assert [(cut.shift.id, [(piece.starts_at, piece.ends_at) for piece in cut.pieces]) for cut in found] == [
        (1, []),
        (2, [(at(48), at(50))]),
        (3, [(at(10), at(24))]),
    ]


def test_an_hour_off_splits_a_shift() -> None:
    (cut,) = cuts(at(3), at(4), [shift(0, 8, a_break(1, 1.5), a_break(5, 6, 2))], at(-1))

    assert cut.pieces == ((at(0), at(3), (a_break(1, 1.5),)), (at(4), at(8), (a_break(5, 6, 2),)))


def test_what_was_worked_stays() -> None:
    (cut,) = cuts(at(-5), at(24), [shift(0, 8, started_at=at(0))], at(2))

    assert cut.pieces == ((at(0), at(2), ()),)
    assert (
        cuts(at(-5), at(24), [shift(0, 8, status="cancelled"), shift(0, 8, ended_at=at(1)), shift(-8, 0)], at(2)) == []
    )
    assert cuts(at(-5), at(1), [shift(0, 8)], at(2)) == []
