"""What hand, plan, connection and time make of an agent's presence."""

from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain import agent_life, agent_rules
from domain.agent import BreakKind, Presence
from domain.agent_commands import (
    AgentCommand,
    EndBreak,
    EndPlannedBreak,
    EndPlannedShift,
    EndShift,
    MissAgent,
    RemindOfBreak,
    RemindOfShiftEnd,
    SetPresence,
    StartBreak,
    StartPlannedBreak,
    StartPlannedShift,
    StartShift,
    StreamsChanged,
)
from domain.agent_events import AgentConnected, AgentEvent, AgentReminded, BreakSkipped, BreakStarted, ShiftEnded
from domain.agent_life import apply, follow
from domain.agent_rules import decide
from domain.errors import (
    BreakNotOnError,
    BreakOnError,
    BreakOutsideShiftError,
    BreakOverError,
    ConflictError,
    ShiftNotFoundError,
    ShiftNotOnError,
    ShiftOnError,
    ShiftOverError,
    ShiftTooEarlyError,
)
from domain.ids import BreakId, ShiftId
from tests.agent_factories import LUNCH, NEXT_SHIFT, SHIFT, TEA, agent, at, envelope, lunch, plan, shift
from tests.domain.living import Day
from tests.factories import BY_SUPERVISOR

ONLINE, BUSY, BREAK, AWAY, OFFLINE = Presence
GONE, BACK = StreamsChanged(connected=False), StreamsChanged(connected=True)


def connected(presence: Presence = ONLINE, **changes: object) -> Day:
    """Somebody whose app is there, without any shift."""
    return Day(agent(presence, is_connected=True, **changes), plan())


def on_shift(*breaks: object, **changes: object) -> Day:
    """Somebody whose app is there and whose shift, from nine to five, has begun."""
    day = Day(agent(is_connected=True), plan(shift(breaks=breaks, **changes)))  # type: ignore[arg-type]  # a test names what differs
    day.until("9:00")
    return day


# By hand.


@pytest.mark.parametrize("chosen", [ONLINE, BUSY, AWAY])
def test_without_a_shift_an_agent_is_what_they_say(chosen: Presence) -> None:
    day = Day(agent(), plan())

    day.at("10:00", SetPresence(presence=chosen))
    day.until("23:59")

    assert day.told == [("10:00", chosen, "by_hand")]


def test_being_set_to_what_one_is_changes_nothing() -> None:
    assert connected(BUSY).at("10:00", SetPresence(presence=BUSY)) == ()


def test_who_is_away_and_says_so_stays_away_when_the_app_comes_back() -> None:
    day = connected()
    day.at("10:00", GONE)
    day.at("10:05", SetPresence(presence=AWAY))
    day.at("10:10", BACK)

    assert day.told == [("10:01", AWAY, "disconnected")]


# The connection.


def test_a_short_absence_of_the_app_is_not_told() -> None:
    day = connected()

    day.at("10:00:00", GONE)
    day.at("10:00:59", BACK)
    day.until("23:59")

    assert day.told == []


@pytest.mark.parametrize("presence", [ONLINE, BUSY])
def test_an_absent_app_makes_away_and_its_return_makes_what_was_before(presence: Presence) -> None:
    day = connected(presence)

    day.at("10:00", GONE)
    day.at("11:00", BACK)

    assert day.told == [("10:01", AWAY, "disconnected"), ("11:00", presence, "reconnected")]


@pytest.mark.parametrize("presence", [AWAY, OFFLINE])
def test_who_is_not_there_anyway_is_not_missed(presence: Presence) -> None:
    day = connected(presence)

    day.at("10:00", GONE)
    day.until("23:59")
    day.at("23:59", BACK)

    assert day.told == []


def test_who_never_had_a_stream_stays_as_set_by_hand() -> None:
    day = Day(agent(ONLINE), plan())

    assert day.at("10:00", GONE) == ()
    day.until("23:59")

    assert day.state.presence is ONLINE


def test_a_second_stream_changes_nothing() -> None:
    assert connected().at("10:00", BACK) == ()


def test_a_hand_without_a_stream_counts_until_a_stream_comes_and_goes() -> None:
    day = connected()
    day.at("10:00", GONE)
    day.at("10:30", SetPresence(presence=ONLINE))
    day.until("11:59")
    assert day.state.presence is ONLINE

    day.at("12:00", BACK)
    day.at("13:00", GONE)
    day.until("14:00")

    assert day.told == [
        ("10:01", AWAY, "disconnected"), ("10:30", ONLINE, "by_hand"), ("13:01", AWAY, "disconnected")
    ]  # fmt: skip


def test_being_missed_after_having_come_back_does_nothing() -> None:
    assert connected().at("10:00", MissAgent()) == ()


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


# Breaks.


def test_a_break_comes_and_goes_by_plan() -> None:
    day = on_shift(lunch())

    day.until("16:00")

    assert day.told[1:] == [("12:00", BREAK, "break_started"), ("12:30", ONLINE, "break_ended")]


def test_after_a_break_an_agent_is_what_they_were_before() -> None:
    day = on_shift(lunch())
    day.at("11:00", SetPresence(presence=BUSY))

    day.until("16:00")

    assert day.state.presence is BUSY


def test_who_left_during_a_break_is_away_after_it() -> None:
    day = on_shift(lunch())
    day.at("12:10", GONE)

    day.until("16:00")

    assert day.told[1:] == [("12:00", BREAK, "break_started"), ("12:30", AWAY, "break_ended")]


def test_who_is_offline_skips_the_break() -> None:
    day = on_shift(lunch())
    day.at("11:00", SetPresence(presence=OFFLINE))

    day.until("12:10")
    day.at("12:10", SetPresence(presence=ONLINE))
    day.until("16:00")

    assert BreakSkipped(break_id=LUNCH) in day.events
    assert day.told[1:] == [("11:00", OFFLINE, "by_hand"), ("12:10", ONLINE, "by_hand")]


def test_a_skipped_break_may_still_be_taken() -> None:
    day = on_shift(lunch())
    day.at("11:00", SetPresence(presence=OFFLINE))
    day.at("12:20", SetPresence(presence=ONLINE))

    day.at("13:00", StartBreak(break_id=LUNCH))
    day.until("16:00")

    assert day.told[3:] == [("13:00", BREAK, "break_started"), ("13:30", ONLINE, "break_ended")]


def test_a_break_that_nobody_knew_of_until_it_was_over_is_skipped() -> None:
    day = on_shift()
    day.plan = plan(shift(breaks=[lunch()]), loaded="13:00")

    day.until("16:00")

    assert BreakSkipped(break_id=LUNCH) in day.events


def test_a_break_begun_early_takes_as_long_as_planned() -> None:
    day = on_shift(lunch())

    day.at("11:30", StartBreak(break_id=LUNCH))
    day.until("16:00")

    assert day.told[1:] == [("11:30", BREAK, "break_started"), ("12:00", ONLINE, "break_ended")]


def test_a_break_ends_early_by_hand() -> None:
    day = on_shift(lunch())

    day.at("12:05", EndBreak(break_id=LUNCH))
    day.until("16:00")

    assert day.told[1:] == [("12:00", BREAK, "break_started"), ("12:05", ONLINE, "break_ended")]
    with pytest.raises(BreakOverError):
        day.at("16:00", StartBreak(break_id=LUNCH))


@pytest.mark.parametrize("presence", [ONLINE, BUSY, AWAY, OFFLINE])
def test_whoever_says_what_they_are_is_on_no_break_any_more(presence: Presence) -> None:
    day = on_shift(lunch())

    day.at("12:05", SetPresence(presence=presence))

    assert (day.state.presence, day.state.break_on) == (presence, None)


def test_on_break_by_hand_is_a_short_break_without_an_end() -> None:
    day = connected()

    started, _ = day.at("10:00", SetPresence(presence=BREAK))
    assert day.at("11:00", SetPresence(presence=BREAK)) == ()
    day.until("23:00")
    day.at("23:00", EndBreak())

    assert started == BreakStarted(break_id=None, kind=BreakKind.SHORT_BREAK)
    assert day.told == [("10:00", BREAK, "break_started"), ("23:00", ONLINE, "break_ended")]


def test_a_planned_break_takes_the_place_of_an_unplanned_one() -> None:
    day = on_shift(lunch())
    day.at("11:50", SetPresence(presence=BREAK))

    day.until("16:00")

    assert day.told[1:] == [("11:50", BREAK, "break_started"), ("12:30", ONLINE, "break_ended")]


def test_breaks_do_not_overlap() -> None:
    day = on_shift(lunch(), lunch("15:00", "15:10", id=TEA))
    day.at("11:00", StartBreak(break_id=LUNCH))

    assert day.at("11:05", StartBreak(break_id=LUNCH)) == ()
    for other in (StartBreak(break_id=TEA), StartBreak(kind=BreakKind.TRAINING)):
        with pytest.raises(BreakOnError):
            day.at("11:10", other)


@pytest.mark.parametrize("id", [LUNCH, BreakId(99)])
def test_a_break_belongs_to_the_shift_that_is_on(id: BreakId) -> None:
    with pytest.raises(BreakOutsideShiftError):
        Day(agent(ONLINE), plan(shift(breaks=[lunch()]))).at("8:30", StartBreak(break_id=id))


def test_whoever_is_offline_takes_no_break() -> None:
    with pytest.raises(BreakOutsideShiftError):
        Day(agent(), plan()).at("8:30", SetPresence(presence=BREAK))


@pytest.mark.parametrize("command", [EndBreak(), EndBreak(break_id=LUNCH)])
def test_only_the_break_that_is_on_is_ended(command: EndBreak) -> None:
    with pytest.raises(BreakNotOnError):
        connected().at("10:00", command)


@pytest.mark.parametrize("given", [{}, {"break_id": 7, "kind": "lunch"}])
def test_a_break_is_named_or_has_a_kind(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StartBreak.model_validate(given)


# Reminders.


def test_an_agent_is_reminded_once_before_the_shift_ends_and_before_a_break() -> None:
    day = on_shift(lunch())

    day.until("11:54")
    assert not day.state.reminded
    day.until("16:44")
    assert [event for event in day.events if isinstance(event, AgentReminded)] == [
        AgentReminded(kind="break.due", subject="break:7:due")
    ]
    day.until("23:00")

    assert [event.subject for event in day.events if isinstance(event, AgentReminded)] == [
        "break:7:due", "shift:12:ending"
    ]  # fmt: skip
    assert day.state.reminded == ()


def test_who_is_offline_is_not_reminded() -> None:
    day = on_shift(lunch())
    day.at("11:00", SetPresence(presence=OFFLINE))

    day.until("23:00")

    assert not any(isinstance(event, AgentReminded) for event in day.events)


@pytest.mark.parametrize("command", [RemindOfShiftEnd(shift_id=SHIFT), RemindOfBreak(break_id=LUNCH)])
def test_nobody_is_reminded_twice(command: AgentCommand) -> None:
    day = on_shift(lunch())
    day.at("10:00", command)

    assert day.at("10:01", command) == ()


# All of it.


def test_every_command_and_every_event_has_its_rule() -> None:
    assert set(agent_rules._RULES) == set(get_args(get_args(AgentCommand)[0]))
    assert set(agent_life._EVOLVE) == set(get_args(get_args(AgentEvent)[0]))


def test_the_plan_passes_by_what_is_not_of_it() -> None:
    empty = plan()
    foreign: list[AgentEvent] = [
        ShiftEnded(shift_id=SHIFT), BreakStarted(break_id=LUNCH, kind=BreakKind.LUNCH), AgentConnected()
    ]  # fmt: skip

    assert follow(empty, foreign, at("9:00")) == empty


def test_a_change_without_events_leaves_the_agent_as_they_are() -> None:
    state = agent(ONLINE)
    change = decide(state, plan(), envelope(SetPresence(presence=ONLINE)), at("9:00"))

    assert (change.revision, apply(state, change)) == (state.revision, state)


COMMANDS = st.one_of(
    st.builds(SetPresence, presence=st.sampled_from(Presence)),
    st.builds(StreamsChanged, connected=st.booleans()),
    st.builds(StartShift, shift_id=st.sampled_from([SHIFT, NEXT_SHIFT])),
    st.builds(EndShift, shift_id=st.sampled_from([SHIFT, NEXT_SHIFT])),
    st.builds(StartBreak, break_id=st.sampled_from([LUNCH, TEA])),
    st.builds(StartBreak, kind=st.sampled_from(BreakKind)),
    st.builds(EndBreak),
)


@given(asked=st.lists(st.tuples(st.integers(0, 180), COMMANDS), max_size=25))
def test_whatever_is_asked_in_a_day_the_presence_is_told_and_every_moment_passes(
    asked: list[tuple[int, AgentCommand]],
) -> None:
    """`Day` itself holds that each moment that comes is gone afterwards, and that presence follows from the facts."""
    overtime = shift("17:00", "20:00", id=NEXT_SHIFT, kind="overtime")
    day = Day(agent(), plan(shift(breaks=[lunch(), lunch("15:00", "15:10", id=TEA)]), overtime))
    now = at("8:00")
    for minutes, command in asked:
        now = min(now + timedelta(minutes=minutes), at("23:00"))
        try:
            day.at(f"{now:%H:%M}", command)
        except (ConflictError, ShiftNotFoundError):
            continue
    day.until("23:59")

    assert day.state.shift is None
    assert [shift.is_over for shift in day.plan.shifts] == [True, True]
    seen = [event for event in day.events if event.type == "agent.presence_changed"]
    assert len(seen) == len(day.told)
