"""Who may see and plan which shifts."""

import pytest

from domain.access import Reader
from domain.errors import ForbiddenError
from domain.shift_access import (
    ShiftScope,
    check_for_agent,
    check_plans_breaks,
    check_sees_team,
    is_supervisor,
    shift_scope,
)
from tests.domain.planning import shift
from tests.factories import ADMIN, AGENT, BILLING_AGENT, OTHER_AGENT, REQUESTER, SUPERVISOR, reader


@pytest.mark.parametrize("planner", [reader(SUPERVISOR), reader(ADMIN)], ids=["supervisor", "admin"])
def test_supervisors_and_admins_see_and_plan_everything(planner: Reader) -> None:
    assert is_supervisor(planner)
    assert shift_scope(planner).everything
    check_plans_breaks(planner, shift())
    check_for_agent(planner, AGENT)
    check_sees_team(planner, "network")
    check_sees_team(planner, None)


def test_agents_see_their_teams_and_plan_their_own_breaks() -> None:
    agent = reader(AGENT)

    assert shift_scope(agent) == ShiftScope(everything=False, person=AGENT, teams=frozenset(["support"]))
    check_plans_breaks(agent, shift())
    check_for_agent(agent, AGENT)
    check_sees_team(agent, "support")


@pytest.mark.parametrize("other", [reader(OTHER_AGENT), reader(BILLING_AGENT)], ids=["colleague", "another team"])
def test_agents_plan_nothing_for_others(other: Reader) -> None:
    with pytest.raises(ForbiddenError):
        check_plans_breaks(other, shift())
    with pytest.raises(ForbiddenError):
        check_for_agent(other, AGENT)


@pytest.mark.parametrize("team", ["billing", None])
def test_agents_do_not_see_the_coverage_of_other_teams(team: str | None) -> None:
    with pytest.raises(ForbiddenError, match="your own teams"):
        check_sees_team(reader(AGENT), team)


def test_requesters_see_no_shifts() -> None:
    requester = reader(REQUESTER)

    with pytest.raises(ForbiddenError):
        shift_scope(requester)
    with pytest.raises(ForbiddenError):
        check_for_agent(requester, REQUESTER)
    with pytest.raises(ForbiddenError):
        check_sees_team(requester, "support")
