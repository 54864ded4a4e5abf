"""What an agent's life waits for."""

from datetime import timedelta

from domain.agent import Presence
from domain.agent_timers import AgentMoment, describe_agent, pending_moments
from domain.presence import PresenceRules
from tests.agent_factories import NEXT_SHIFT, TEA, agent, at, lunch, plan, shift
from tests.domain.living import Day


def test_without_a_plan_only_the_plan_is_looked_at_a_day_later() -> None:
    assert pending_moments(agent(), plan()) == [AgentMoment(at=at("8:00") + timedelta(days=1), kind="reload")]


def test_before_a_shift_the_beginnings_of_all_shifts_are_to_come() -> None:
    day = Day(agent(), plan(shift(breaks=[lunch()]), shift("18:00", "20:00", id=NEXT_SHIFT)))

    assert day.to_come() == [("9:00", "shift_starts.12"), ("18:00", "shift_starts.13")]


def test_in_a_shift_its_breaks_and_its_end_are_to_come_and_the_reminders_of_both() -> None:
    day = Day(agent(), plan(shift(breaks=[lunch(), lunch("15:00", "15:10", id=TEA)])))
    day.until("9:00")

    assert day.to_come() == [
        ("11:55", "break_reminder.7"),
        ("12:00", "break_starts.7"),
        ("14:55", "break_reminder.8"),
        ("15:00", "break_starts.8"),
        ("16:45", "shift_reminder.12"),
        ("17:00", "shift_ends.12"),
    ]


def test_in_a_break_its_end_is_to_come() -> None:
    day = Day(agent(), plan(shift(breaks=[lunch()])))
    day.until("12:00")

    assert day.to_come()[0] == ("12:30", "break_ends.7")


def test_a_break_that_ends_with_the_shift_ends_by_it() -> None:
    day = Day(agent(), plan(shift(breaks=[lunch("16:30", "17:00")])))
    day.until("16:45")

    assert day.to_come() == [("17:00", "shift_ends.12"), ("17:00", "break_ends.7")]


def test_without_the_time_for_it_there_is_no_reminder() -> None:
    rules = PresenceRules(shift_reminder=timedelta(), break_reminder=timedelta())
    day = Day(agent(), plan(shift(breaks=[lunch()]), rules=rules))
    day.until("9:00")

    assert day.to_come() == [("12:00", "break_starts.7"), ("17:00", "shift_ends.12")]


def test_who_begins_minutes_before_a_break_is_not_reminded_of_it() -> None:
    day = Day(agent(), plan(shift(breaks=[lunch("9:03", "9:10")])))
    day.until("9:00")

    assert day.to_come()[0] == ("9:03", "break_starts.7")


def test_a_break_planned_minutes_before_is_reminded_of_at_once() -> None:
    day = Day(agent(), plan(shift()))
    day.until("9:00")
    day.plan = plan(shift(breaks=[lunch()], started_at=at("9:00")), loaded="11:58")

    assert day.to_come()[:2] == [("11:58", "break_reminder.7"), ("12:00", "break_starts.7")]


def test_an_absence_ends_with_the_grace_time() -> None:
    rules = PresenceRules(grace=timedelta(minutes=3))
    state = agent(Presence.ONLINE, disconnected_at=at("10:00"))

    assert Day(state, plan(rules=rules)).to_come() == [("10:03", "missed")]


def test_the_line_for_operators_says_how_the_agent_is_and_what_comes() -> None:
    day = Day(agent(is_connected=True), plan(shift()))
    assert describe_agent(day.state, day.plan) == (
        "offline since 2030-01-07 08:00:00Z (by_hand), next: shift_starts.12 at 2030-01-07 09:00:00Z (revision 0)"
    )

    day.until("9:00")

    assert describe_agent(day.state, day.plan) == (
        "online since 2030-01-07 09:00:00Z (shift_started), shift 12 until 2030-01-07 17:00Z, "
        "next: shift_reminder.12 at 2030-01-07 16:45:00Z (revision 1)"
    )
