"""What breaks make of an agent's presence, and of what agents are reminded."""

import pytest
from pydantic import ValidationError

from domain.agent import BreakKind, Presence
from domain.agent_commands import (
    AgentCommand,
    EndBreak,
    RemindOfBreak,
    RemindOfShiftEnd,
    SetPresence,
    StartBreak,
    StreamsChanged,
)
from domain.agent_events import AgentReminded, BreakSkipped, BreakStarted
from domain.errors import (
    BreakNotOnError,
    BreakOnError,
    BreakOverError,
    NotAtWorkError,
)
from domain.ids import BreakId
from tests.agent_factories import LUNCH, SHIFT, TEA, agent, lunch, plan, shift
from tests.domain.living import Day, connected, on_shift

ONLINE, BUSY, BREAK, AWAY, OFFLINE = Presence
GONE, BACK = StreamsChanged(connected=False), StreamsChanged(connected=True)


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
    with pytest.raises(NotAtWorkError):
        Day(agent(ONLINE), plan(shift(breaks=[lunch()]))).at("8:30", StartBreak(break_id=id))


def test_whoever_is_offline_takes_no_break() -> None:
    with pytest.raises(NotAtWorkError):
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
