"""For which tickets what is promised, and which promises make no sense."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.business_calendar import ALWAYS_OPEN
from domain.sla_policy import MAX_GOAL_MINUTES, Conditions, Goal, Goals, Pauses, SlaPolicy, Terms, first_match
from domain.ticket import Priority, Status
from tests.factories import ticket

HOUR = Goal(minutes=60)
HOUR_FOR_ALL = {priority: Goals(resolution=HOUR) for priority in Priority}


def terms(version: int, **conditions: Any) -> Terms:
    policy = SlaPolicy(conditions=Conditions(**conditions), goals=HOUR_FOR_ALL)
    return Terms(version, version, policy, 1, ALWAYS_OPEN, "test")


@pytest.mark.parametrize(
    ("conditions", "is_meant"),
    [
        ({}, True),
        ({"priorities": ("normal", "high")}, True),
        ({"priorities": ("low",)}, False),
        ({"categories": ("billing", "network")}, True),
        ({"categories": ("general",)}, False),
        ({"teams": ("support",)}, True),
        ({"teams": ("network",)}, False),
        ({"tiers": ("gold", "silver")}, True),
        ({"tiers": ("silver",)}, False),
        ({"tags": ("vip", "press")}, True),
        ({"tags": ("press",)}, False),
        ({"priorities": ("normal",), "categories": ("billing",), "teams": ("support",), "tags": ("vip",)}, True),
        ({"priorities": ("normal",), "tags": ("press",)}, False),
    ],
)
def test_a_ticket_is_meant_when_it_has_one_of_everything_that_is_named(
    conditions: dict[str, Any], is_meant: bool
) -> None:
    one = ticket(category="billing", team="support", tags=("urgent", "vip"))

    assert Conditions(**conditions).fit(one, "gold") is is_meant


@pytest.mark.parametrize("conditions", [{"teams": ("support",)}, {"tags": ("vip",)}])
def test_a_ticket_without_a_team_or_a_tag_is_not_meant_where_one_is_named(conditions: dict[str, Any]) -> None:
    assert not Conditions(**conditions).fit(ticket(), "standard")


@pytest.mark.parametrize(
    ("wider", "narrower", "covers"),
    [
        ({}, {}, True),
        ({}, {"teams": ("support",)}, True),
        ({"teams": ("support",)}, {}, False),
        ({"teams": ("support", "network")}, {"teams": ("support",)}, True),
        ({"teams": ("support",)}, {"teams": ("support", "network")}, False),
        ({"priorities": ("high",)}, {"priorities": ("high",), "tags": ("vip",)}, True),
        ({"priorities": ("high",), "tags": ("vip",)}, {"priorities": ("high",)}, False),
        ({"tiers": ("gold",)}, {"categories": ("billing",)}, False),
    ],
)
def test_conditions_cover_others_that_can_mean_nothing_else(
    wider: dict[str, Any], narrower: dict[str, Any], covers: bool
) -> None:
    assert bool(Conditions(**wider).cover(Conditions(**narrower))) is covers


def test_the_first_from_the_top_that_fits_counts() -> None:
    offered = [terms(1, teams=("network",)), terms(2, tags=("vip",)), terms(3), terms(4)]

    def found(**fields: Any) -> int | None:
        match = first_match(offered, ticket(**fields), "standard")
        return None if match is None else match.policy_id

    assert found(team="network", tags=("vip",)) == 1
    assert found(tags=("vip",)) == 2
    assert found() == 3


def test_a_ticket_may_fit_none() -> None:
    assert first_match([terms(1, teams=("network",))], ticket(), "standard") is None
    assert first_match([], ticket(), "standard") is None


def test_the_tier_is_the_requesters() -> None:
    offered = [terms(1, tiers=("gold",)), terms(2)]

    assert first_match(offered, ticket(), "gold") is offered[0]
    assert first_match(offered, ticket(), "standard") is offered[1]


@pytest.mark.parametrize("minutes", [0, -1, MAX_GOAL_MINUTES + 1])
def test_a_goal_is_at_least_a_minute_and_at_most_a_year(minutes: int) -> None:
    with pytest.raises(ValidationError):
        Goal(minutes=minutes)


@pytest.mark.parametrize("name", ["first_response", "next_response"])
def test_no_answer_may_be_due_after_the_resolution(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name} would be due after the resolution"):
        Goals.model_validate({name: {"minutes": 61}, "resolution": {"minutes": 60}})

    assert Goals.model_validate({name: {"minutes": 60}, "resolution": {"minutes": 60}}).of("resolution") == HOUR
    other_time = {name: {"minutes": 61, "time": "wall"}, "resolution": {"minutes": 60}}
    assert Goals.model_validate(other_time).resolution == HOUR, "an hour on the wall is not one of work"
    assert Goals.model_validate({name: {"minutes": 61}}).resolution is None


@pytest.mark.parametrize("warnings", [(0,), (100,), (150,), (-5,), (50, 50), tuple(range(1, 12))])
def test_shares_lie_below_the_goal_and_come_once(warnings: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError):
        SlaPolicy(goals=HOUR_FOR_ALL, warnings=warnings)


def test_shares_are_sorted() -> None:
    assert SlaPolicy(goals=HOUR_FOR_ALL, warnings=(90, 10, 50)).warnings == (10, 50, 90)


@pytest.mark.parametrize("status", ["resolved", "closed"])
def test_no_clock_pauses_in_a_status_that_ends_it(status: str) -> None:
    with pytest.raises(ValidationError):
        Pauses.model_validate({"resolution": [status]})


def test_waiting_for_others_pauses_the_resolution_by_default() -> None:
    paused = [(target, status) for target in ("first_response", "resolution") for status in Status
              if Pauses().include(target, status)]  # fmt: skip

    assert paused == [("resolution", Status.PENDING), ("resolution", Status.ON_HOLD)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"goals": {"normal": {}}},
        {"goals": {"low": {"resolution": {"minutes": 60}}}, "conditions": {"priorities": ["high"]}},
    ],
)
def test_a_policy_promises_something_to_those_that_it_is_for(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs a goal"):
        SlaPolicy.model_validate(fields)


def test_a_promise_to_the_team_alone_is_one() -> None:
    inside = SlaPolicy(team_goals={Priority.LOW: Goals(first_response=HOUR)})

    assert inside.goals_for("customer", Priority.LOW).is_empty
    assert inside.goals_for("team", Priority.LOW).of("first_response") == HOUR
    assert inside.goals_for("team", Priority.HIGH).is_empty
