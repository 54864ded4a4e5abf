"""Who may take a ticket, and by which rule somebody may not."""

from typing import Any

import pytest

from domain.agent import Capacity, Presence, Weights
from domain.assignment import Exclusion, exclusion, most_minutes
from domain.ticket import Priority
from tests.domain.staffing import MINUTE, MONDAY_NINE, candidate, person, waiting

FULL: dict[str, Any] = {"load": 5.0, "tickets_carried": 5}


def in_minutes(minutes: int) -> Any:
    return MONDAY_NINE + minutes * MINUTE


def test_somebody_who_is_there_with_room_may_take_a_ticket() -> None:
    assert exclusion(waiting(), candidate(), MONDAY_NINE) is None


@pytest.mark.parametrize(
    ("ticket", "agent", "rule", "sentence"),
    [
        ({"required_skills": ("vpn",)}, {}, "lacks_skill", "does not have skill vpn"),
        (
            {"required_skills": ("mail", "vpn:3")},
            {"skills": {"mail": 1, "vpn": 2}},
            "lacks_skill",
            "has vpn at level 2, the ticket needs 3",
        ),
        ({}, {"on_shift": False}, "off_shift", "is not on shift"),
        ({}, {"presence": Presence.OFFLINE}, "offline", "is offline"),
        ({}, {"presence": Presence.AWAY}, "away", "is away"),
        ({}, {"presence": Presence.ON_BREAK}, "on_break", "is on a break"),
        ({}, {"presence": Presence.BUSY}, "busy", "takes nothing new at the moment"),
        ({"passed_by": frozenset({person(1)})}, {}, "declined", "declined this ticket or let its offer pass"),
        ({}, FULL, "at_capacity", "carries 5 of 5 tickets"),
        (
            {"priority": Priority.URGENT},
            {"load": 3.5, "capacity": Capacity(tickets=5, weights=Weights(urgent=2))},
            "at_capacity",
            "carries 3.5 of 5 tickets, and this one weighs 2",
        ),
        (
            {"minutes": 31},
            {"load_minutes": 90, "capacity": Capacity(minutes=120)},
            "at_capacity",
            "carries 90 of 120 minutes of work, and this one takes 31",
        ),
        (
            {"minutes": 31},
            {"free_until": in_minutes(30)},
            "no_time_left",
            "has 30 minutes until a break or the end of the shift, 31 needed",
        ),
    ],
)
def test_every_rule_has_its_sentence(ticket: Any, agent: Any, rule: str, sentence: str) -> None:
    assert exclusion(waiting(**ticket), candidate(**agent), MONDAY_NINE) == Exclusion(rule, sentence)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ticket", "agent"),
    [
        ({"required_skills": ("vpn:3", "mail")}, {"skills": {"vpn": 3, "mail": 5}}),
        ({"passed_by": frozenset({person(2)})}, {}),
        ({}, {"load": 4.0}),
        ({"minutes": 30}, {"load_minutes": 90, "capacity": Capacity(minutes=120)}),
        ({"minutes": 30}, {"free_until": in_minutes(30)}),
        ({"priority": Priority.LOW}, {"load": 5.0, "capacity": Capacity(tickets=5, weights=Weights(low=0))}),
    ],
)
def test_just_enough_is_enough(ticket: Any, agent: Any) -> None:
    assert exclusion(waiting(**ticket), candidate(**agent), MONDAY_NINE) is None


def test_what_lasts_longest_is_told_first() -> None:
    absent = candidate(on_shift=False, presence=Presence.AWAY, **FULL)
    reason = exclusion(waiting(required_skills=("vpn",)), absent, MONDAY_NINE)

    assert reason is not None
    assert reason.rule == "lacks_skill"


def test_the_longest_work_is_begun_all_the_same_when_two_hours_are_left() -> None:
    two_days = waiting(minutes=16 * 60)

    assert exclusion(two_days, candidate(free_until=in_minutes(120)), MONDAY_NINE) is None
    assert exclusion(two_days, candidate(free_until=in_minutes(119)), MONDAY_NINE) is not None


def test_nobody_begins_after_their_shift() -> None:
    reason = exclusion(waiting(), candidate(free_until=in_minutes(-5)), MONDAY_NINE)

    assert reason == Exclusion("no_time_left", "has 0 minutes until a break or the end of the shift, 15 needed")


@pytest.mark.parametrize(
    "agent",
    [
        candidate(),
        candidate(free_until=in_minutes(30)),
        candidate(free_until=in_minutes(300)),
        candidate(load_minutes=90, capacity=Capacity(minutes=120)),
        candidate(load_minutes=90, capacity=Capacity(minutes=120), free_until=in_minutes(20)),
    ],
)
@pytest.mark.parametrize("minutes", [1, 20, 21, 30, 31, 200])
def test_the_most_minutes_are_those_that_no_rule_excludes(agent: Any, minutes: int) -> None:
    may = exclusion(waiting(minutes=minutes), agent, MONDAY_NINE) is None

    assert may == (minutes <= most_minutes(agent, MONDAY_NINE))


def test_a_ticket_that_was_given_counts_at_once() -> None:
    agent = candidate(capacity=Capacity(tickets=5, weights=Weights(high=1.5)))
    more = agent.with_ticket(waiting(priority=Priority.HIGH, minutes=40))

    assert (more.load, more.load_minutes, more.tickets_carried) == (1.5, 40, 1)
