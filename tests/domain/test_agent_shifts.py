"""What shifts make of an agent's presence, by plan and by hand."""

import pytest

from domain.agent import BreakKind, Presence
from domain.agent_commands import (
    AgentCommand,
    EndPlannedBreak,
    EndPlannedShift,
    EndShift,
    RemindOfBreak,
    RemindOfShiftEnd,
    SetPresence,
    StartBreak,
    StartPlannedBreak,
    StartPlannedShift,
    StartShift,
    StreamsChanged,
)
from domain.agent_events import ShiftEnded
from domain.errors import (
    ShiftNotFoundError,
    ShiftNotOnError,
    ShiftOnError,
    ShiftOverError,
    ShiftTooEarlyError,
)
from domain.ids import ShiftId
from tests.agent_factories import NEXT_SHIFT, SHIFT, TEA, agent, at, lunch, plan, shift
from tests.domain.living import Day, on_shift
from tests.factories import BY_SUPERVISOR

ONLINE, BUSY, BREAK, AWAY, OFFLINE = Presence
GONE, BACK = StreamsChanged(connected=False), StreamsChanged(connected=True)


# Shifts by plan.


def test_a_shift_makes_online_and_its_end_offline() -> None:
    day = on_shift()

    day.until("23:59")

    assert day.told == [("9:00", ONLINE, "shift_started"), ("17:00", OFFLINE, "shift_ended")]


def test_a_shift_makes_away_until_the_app_shows_up() -> None:
    day = Day(agent(), plan(shift()))

    day.until("9:00")
    day.at("9:07", BACK)

    assert day.told == [("9:00", AWAY, "shift_started"), ("9:07", ONLINE, "reconnected")]


def test_a_shift_makes_away_until_a_hand_says_otherwise() -> None:
    day = Day(agent(), plan(shift()))

    day.at("9:07", SetPresence(presence=BUSY))
    day.until("16:00")

    assert day.told == [("9:00", AWAY, "shift_started"), ("9:07", BUSY, "by_hand")]


def test_who_is_busy_when_the_shift_begins_stays_so() -> None:
    day = Day(agent(BUSY, is_connected=True), plan(shift()))

    day.until("9:00")

    assert (day.told, day.state.shift is not None) == ([], True)


def test_the_end_of_a_shift_ends_its_break() -> None:
    day = on_shift()
    day.at("16:50", StartBreak(kind=BreakKind.MEETING))

    day.until("17:00")

    assert day.told[1:] == [("16:50", BREAK, "break_started"), ("17:00", OFFLINE, "shift_ended")]
    assert day.state.break_on is None


def test_a_shift_that_follows_at_once_lets_nobody_go() -> None:
    day = Day(agent(is_connected=True), plan(shift("9:00", "13:00"), shift("13:00", "17:00", id=NEXT_SHIFT)))
    day.at("10:00", SetPresence(presence=BUSY))

    day.until("16:00")

    assert day.told == [("9:00", ONLINE, "shift_started"), ("10:00", BUSY, "by_hand")]
    assert day.state.shift is not None
    assert day.state.shift.id == NEXT_SHIFT


def test_the_grace_time_goes_on_over_a_change_of_shifts() -> None:
    day = Day(agent(is_connected=True), plan(shift("9:00", "13:00"), shift("13:00", "17:00", id=NEXT_SHIFT)))

    day.at("12:59:30", GONE)
    day.until("14:00")

    assert day.told == [("9:00", ONLINE, "shift_started"), ("13:00", AWAY, "disconnected")]
    assert day.state.since == at("13:00:30")


def test_a_shift_that_was_cancelled_while_on_ends() -> None:
    day = on_shift()
    day.plan = plan(loaded="10:00")

    day.until("10:00")

    assert day.told[1:] == [("10:00", OFFLINE, "shift_ended")]


def test_a_shift_that_was_made_longer_ends_later() -> None:
    day = on_shift()
    day.plan = plan(shift("9:00", "19:00"), loaded="10:00")

    day.until("23:00")

    assert day.told[1:] == [("19:00", OFFLINE, "shift_ended")]


def test_a_shift_published_after_its_beginning_begins_then() -> None:
    day = Day(agent(is_connected=True), plan(shift(), loaded="10:00"))

    day.until("12:00")

    assert day.told == [("10:00", ONLINE, "shift_started")]


def test_a_shift_that_nobody_knew_of_until_it_was_over_is_left_alone() -> None:
    day = Day(agent(is_connected=True), plan(shift(), loaded="18:00"))

    day.until("23:00")

    assert day.events == []


@pytest.mark.parametrize(
    "command", [StartPlannedShift(shift_id=SHIFT), StartPlannedShift(shift_id=ShiftId(99)),
                EndPlannedShift(shift_id=NEXT_SHIFT), RemindOfShiftEnd(shift_id=NEXT_SHIFT),
                StartPlannedBreak(break_id=TEA), EndPlannedBreak(break_id=TEA), RemindOfBreak(break_id=TEA)],
)  # fmt: skip
def test_a_timer_that_was_overtaken_does_nothing(command: AgentCommand) -> None:
    assert on_shift(lunch()).at("10:00", command) == ()


# Shifts by hand.


def test_a_shift_may_be_started_an_hour_before_its_plan() -> None:
    day = Day(agent(), plan(shift()))

    day.at("8:00", StartShift(shift_id=SHIFT))
    day.until("12:00")

    assert day.told == [("8:00", ONLINE, "shift_started")]


def test_but_no_earlier() -> None:
    with pytest.raises(ShiftTooEarlyError, match="2030-01-07 09:00Z"):
        Day(agent(), plan(shift())).at("7:59", StartShift(shift_id=SHIFT))


def test_starting_a_shift_that_is_on_changes_nothing() -> None:
    assert on_shift().at("10:00", StartShift(shift_id=SHIFT)) == ()


def test_a_supervisor_who_starts_a_shift_does_not_make_its_agent_be_there() -> None:
    day = Day(agent(), plan(shift()))

    day.at("8:30", StartShift(shift_id=SHIFT), by=BY_SUPERVISOR)

    assert day.told == [("8:30", AWAY, "shift_started")]


def test_a_shift_that_was_ended_by_hand_does_not_begin_again() -> None:
    day = on_shift()

    day.at("12:00", EndShift(shift_id=SHIFT))
    day.until("23:59")

    assert day.told[1:] == [("12:00", OFFLINE, "shift_ended")]
    with pytest.raises(ShiftOverError):
        day.at("13:00", StartShift(shift_id=SHIFT))


def test_a_shift_whose_time_is_over_is_not_started() -> None:
    with pytest.raises(ShiftOverError):
        Day(agent(), plan(shift(), loaded="18:00")).at("18:00", StartShift(shift_id=SHIFT))


def test_a_shift_of_somebody_else_is_not_found() -> None:
    with pytest.raises(ShiftNotFoundError):
        on_shift().at("10:00", StartShift(shift_id=ShiftId(99)))


@pytest.mark.parametrize("id", [SHIFT, NEXT_SHIFT])
def test_only_the_shift_that_is_on_is_ended(id: ShiftId) -> None:
    with pytest.raises(ShiftNotOnError):
        Day(agent(), plan(shift())).at("8:00", EndShift(shift_id=id))


def test_there_is_one_shift_at_a_time() -> None:
    day = Day(agent(), plan(shift(), shift("17:00", "19:00", id=NEXT_SHIFT)))

    with pytest.raises(ShiftOnError):
        day.at("16:30", StartShift(shift_id=NEXT_SHIFT))


def test_overtime_begun_by_hand_goes_on_past_the_end_of_the_shift() -> None:
    overtime = shift("17:30", "20:00", id=NEXT_SHIFT, kind="overtime")
    day = Day(agent(is_connected=True), plan(shift(), overtime))

    day.at("16:55", StartShift(shift_id=NEXT_SHIFT))
    day.until("23:59")

    assert day.told == [("9:00", ONLINE, "shift_started"), ("20:00", OFFLINE, "shift_ended")]
    assert [event for event in day.events if isinstance(event, ShiftEnded)] == [
        ShiftEnded(shift_id=SHIFT, stays=True), ShiftEnded(shift_id=NEXT_SHIFT)
    ]  # fmt: skip
