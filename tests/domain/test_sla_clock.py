"""How a ticket's clocks read together, and what a moment that comes does to one."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.sla_clock import (
    Clock,
    ClockKey,
    PlannedWarning,
    TicketSla,
    breached,
    sla_due_at,
    sla_moments,
    sla_state,
    warned,
)
from tests.factories import NOW

HOUR = timedelta(hours=1)
FIRST = ClockKey("customer", "first_response", 1)
WARNINGS = (PlannedWarning(percent=50, at=NOW + HOUR / 2), PlannedWarning(percent=75, at=NOW + 3 * HOUR / 4))


def clock(**changes: Any) -> Clock:
    """An hour to answer, from now on."""
    usual = {
        "target": "first_response",
        "goal": HOUR,
        "policy_version": 1,
        "calendar_version": 1,
        "started_at": NOW,
        "since": NOW,
        "why": "opened",
        "due_at": NOW + HOUR,
        "warnings": WARNINGS,
    }
    return Clock(**{**usual, **changes})


def paused(**changes: Any) -> Clock:
    return clock(phase="paused", due_at=None, warnings=(), **changes)


def over(phase: str, **changes: Any) -> Clock:
    return clock(phase=phase, warnings=(), ended_at=NOW + HOUR, **changes)


def sla(*clocks: Clock) -> TicketSla:
    return TicketSla(policy_version=1, calendar_version=1, zone_data="test", clocks=clocks)


def other(**changes: Any) -> Clock:
    return clock(target="resolution", **changes)


@pytest.mark.parametrize(
    ("clocks", "state", "due"),
    [
        ((), "none", None),
        ((clock(),), "ok", NOW + HOUR),
        ((clock(), other(due_at=NOW + HOUR / 2)), "ok", NOW + HOUR / 2),
        ((clock(warned=50), other()), "at_risk", NOW + HOUR),
        ((paused(),), "paused", None),
        ((paused(), other()), "ok", NOW + HOUR),
        ((paused(warned=50),), "at_risk", None),
        ((clock(breached_at=NOW), other(due_at=NOW + 2 * HOUR)), "breached", NOW + 2 * HOUR),
        ((over("met", breached_at=NOW), other()), "ok", NOW + HOUR),
        ((over("met", breached_at=NOW), over("met", target="resolution")), "breached", None),
        ((over("met", warned=90), over("cancelled", target="resolution")), "ok", None),
        ((clock(due_at=None),), "ok", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_ticket_stands_as_its_worst_open_clock(clocks: tuple[Clock, ...], state: str, due: datetime | None) -> None:
    assert sla_state(sla(*clocks)) == state
    assert sla_due_at(sla(*clocks)) == due


def test_a_ticket_that_was_matched_with_no_policy_yet_stands_nowhere() -> None:
    assert sla_state(None) == "none"
    assert sla_due_at(None) is None


def test_a_clock_is_found_by_its_name_and_by_its_cycle() -> None:
    second = clock(cycle=2)
    clocks = sla(second, other(audience="team"))

    assert clocks.clock("customer", "first_response") is second
    assert clocks.clock("team", "first_response") is None
    assert clocks.at(FIRST) is None
    assert clocks.at(second.key) is second


def test_another_state_takes_the_place_of_its_clock() -> None:
    team, late = clock(audience="team"), clock(cycle=2)

    assert sla(team, other(), clock()).replacing(late).clocks == (late, other(), team)


def test_a_clock_waits_for_its_warnings_and_its_breach() -> None:
    assert [(moment.at - NOW, moment.percent) for moment in sla_moments(sla(clock()))] == [
        (HOUR / 2, 50),
        (3 * HOUR / 4, 75),
        (HOUR, None),
    ]
    for silent in (paused(), over("met"), clock(breached_at=NOW), clock(due_at=None)):
        assert list(sla_moments(sla(silent))) == []


def test_a_warning_is_given_once_at_its_moment() -> None:
    given = warned(sla(clock()), FIRST, 50, NOW + HOUR / 2)

    assert given is not None
    assert (given.clocks[0].warned, given.clocks[0].warnings) == (50, WARNINGS[1:])
    assert warned(given, FIRST, 50, NOW + HOUR) is None


@pytest.mark.parametrize(
    ("one", "at"),
    [
        (clock(), NOW + HOUR / 2 - timedelta(microseconds=1)),
        (clock(warnings=WARNINGS[1:]), NOW + HOUR),
        (clock(cycle=2), NOW + HOUR),
        (clock(breached_at=NOW), NOW + HOUR),
        (paused(), NOW + HOUR),
        (over("met"), NOW + HOUR),
    ],
    ids=["too early", "given", "another cycle", "breached", "paused", "over"],
)
def test_a_warning_that_was_overtaken_is_not_given(one: Clock, at: datetime) -> None:
    assert warned(sla(one), FIRST, 50, at) is None


def test_a_breach_keeps_its_moment_and_ends_the_warnings() -> None:
    found = breached(sla(clock()), FIRST, NOW + 5 * HOUR)

    assert found is not None
    assert (found.clocks[0].state, found.clocks[0].phase) == ("breached", "running")
    assert (found.clocks[0].breached_at, found.clocks[0].warnings) == (NOW + HOUR, ())
    assert found.clocks[0].is_open
    assert breached(found, FIRST, NOW + 6 * HOUR) is None


@pytest.mark.parametrize(
    ("one", "at"),
    [
        (clock(), NOW + HOUR - timedelta(microseconds=1)),
        (clock(due_at=None), NOW + HOUR),
        (clock(cycle=2), NOW + HOUR),
        (paused(), NOW + HOUR),
        (over("cancelled"), NOW + HOUR),
    ],
    ids=["too early", "never due", "another cycle", "paused", "over"],
)
def test_a_breach_that_was_overtaken_is_none(one: Clock, at: datetime) -> None:
    assert breached(sla(one), FIRST, at) is None


def test_only_what_was_met_has_a_moment_of_that() -> None:
    assert over("met").met_at == NOW + HOUR
    assert over("cancelled").met_at is None
    assert clock().met_at is None
