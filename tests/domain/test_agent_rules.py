"""What hand and connection make of an agent's presence, and what holds whatever happens."""

from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import agent_life, agent_rules
from domain.agent import BreakKind, Presence
from domain.agent_commands import (
    AgentCommand,
    EndBreak,
    EndShift,
    MissAgent,
    SetPresence,
    StartBreak,
    StartShift,
    StreamsChanged,
)
from domain.agent_events import AgentConnected, AgentEvent, BreakStarted, ShiftEnded
from domain.agent_life import apply, follow
from domain.agent_rules import decide
from domain.errors import (
    ConflictError,
    ShiftNotFoundError,
)
from tests.agent_factories import LUNCH, NEXT_SHIFT, SHIFT, TEA, agent, at, envelope, lunch, plan, shift
from tests.domain.living import Day, connected

ONLINE, BUSY, BREAK, AWAY, OFFLINE = Presence
GONE, BACK = StreamsChanged(connected=False), StreamsChanged(connected=True)


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
