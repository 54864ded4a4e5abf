"""Teams over HTTP: settings, members, and when a team may end."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.assignment_score import ScoreWeights
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, ticket_of
from tests.api.sla_desk import POLICIES, a_policy, added
from tests.api.staff import NOBODY

USUAL = {
    "is_active": True, "members": [], "strategy": "automatic", "offer_to": 1, "offer_seconds": 120,
    "take_back_minutes": None, "usual_minutes": 15, "hand_over_minutes": 30, "approves_swaps": False,
    "score": ScoreWeights().model_dump(),
}  # fmt: skip


@pytest.fixture
async def team(admin: httpx2.AsyncClient) -> str:
    """The path of a new team."""
    slug = f"t-{uuid4().hex[:12]}"
    assert (await admin.post("/api/teams", json={"slug": slug, "name": "New"})).status_code == 201
    return f"/api/teams/{slug}"


@pytest.fixture
async def member(admin: httpx2.AsyncClient, api: ApiDesk) -> AsyncIterator[str]:
    """An agent of team `billing`; their teams are the same again after the test."""
    id = str(api.people["agent3"].id)
    yield id
    await admin.patch(f"/api/agents/{id}", json={"teams": ["billing"]})


async def test_a_team_is_added_once_and_listed_for_everybody(
    admin: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    made = await admin.post("/api/teams", json={"slug": "facilities", "name": "Facilities"})
    assert (made.status_code, made.json()) == (201, {"slug": "facilities", "name": "Facilities", "is_active": True})
    assert_problem(await admin.post("/api/teams", json={"slug": "facilities", "name": "Again"}), 409, "already_exists")

    listed = (await requester.get("/api/teams")).json()["items"]
    assert made.json() in listed
    assert [one["slug"] for one in listed] == sorted(one["slug"] for one in listed)
    for slug in ("Upper", "with space", "", "-first", "x" * 41, "nul\0"):
        assert_problem(await admin.post("/api/teams", json={"slug": slug, "name": "x"}), 422, "invalid")


async def test_a_team_is_read_with_members_and_settings(
    agent: httpx2.AsyncClient, requester: httpx2.AsyncClient, team: str
) -> None:
    assert (await agent.get(team)).json() == USUAL | {"slug": team.removeprefix("/api/teams/"), "name": "New"}
    support = (await agent.get("/api/teams/support")).json()
    names = [one["name"] for one in support["members"]]
    assert names == sorted(names)
    assert {"Alex Agent", "Ana Agent", "Sam Supervisor"} <= set(names)
    assert {"id", "name", "role", "is_active"} == support["members"][0].keys()
    assert_problem(await requester.get(team), 403, "forbidden")
    assert_problem(await agent.get("/api/teams/nowhere"), 404, "not_found")
    assert_problem(await agent.get("/api/teams/No Where"), 422, "invalid")


async def test_a_supervisor_sets_how_tickets_are_dispatched(supervisor: httpx2.AsyncClient, team: str) -> None:
    settings = {
        "strategy": "offer", "offer_to": 3, "offer_seconds": 60, "take_back_minutes": 240, "usual_minutes": 25,
        "hand_over_minutes": 0, "approves_swaps": True,
    }  # fmt: skip
    before = (await supervisor.get(team)).json()

    changed = await supervisor.patch(team, json=settings)

    assert (changed.status_code, changed.json()) == (200, before | settings)
    never = (await supervisor.patch(team, json={"take_back_minutes": None, "strategy": "manual"})).json()
    assert never == before | settings | {"take_back_minutes": None, "strategy": "manual"}
    assert (await supervisor.patch(team, json={})).json() == never
    assert (await supervisor.get(team)).json() == never


@pytest.mark.parametrize(
    "edit",
    [
        {"strategy": "lottery"}, {"strategy": None}, {"offer_to": 0}, {"offer_to": 51}, {"offer_seconds": 4},
        {"offer_seconds": 86_401}, {"take_back_minutes": 0}, {"take_back_minutes": -5}, {"usual_minutes": 0},
        {"usual_minutes": 1.5}, {"usual_minutes": None}, {"hand_over_minutes": -1}, {"hand_over_minutes": 1_441},
        {"approves_swaps": "perhaps"}, {"score": {"fairness": -1}}, {"slug": "other"}, {"members": []},
    ],
    ids=str,
)  # fmt: skip
async def test_settings_that_make_no_sense_are_refused(admin: httpx2.AsyncClient, team: str, edit: Any) -> None:
    before = (await admin.get(team)).json()

    assert_problem(await admin.patch(team, json={"strategy": "offer"} | edit), 422, "invalid")

    assert (await admin.get(team)).json() == before


async def test_name_and_activity_are_the_admins_to_change(
    api: ApiDesk, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, team: str
) -> None:
    for edit in ({"name": "Mine"}, {"is_active": False}, {"is_active": False, "offer_to": 2}):
        assert_problem(await supervisor.patch(team, json=edit), 403, "forbidden")
    for name in ("agent", "requester"):
        async with api.client(name) as client:
            assert_problem(await client.patch(team, json={"offer_to": 2}), 403, "forbidden")
            assert_problem(await client.put(f"{team}/members/{NOBODY}"), 403, "forbidden")
            assert_problem(await client.delete(f"{team}/members/{NOBODY}"), 403, "forbidden")
    assert (await admin.get(team)).json()["offer_to"] == 1

    assert (await admin.patch(team, json={"name": "Renamed"})).json()["name"] == "Renamed"
    assert_problem(await admin.patch("/api/teams/nowhere", json={"name": "x"}), 404, "not_found")


async def test_an_agent_is_in_several_teams_and_sees_their_tickets_at_once(
    api: ApiDesk,
    supervisor: httpx2.AsyncClient,
    requester: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    member: str,
    team: str,
) -> None:
    ticket = await opened(requester, team=team.removeprefix("/api/teams/"))
    path = f"/api/tickets/{ticket['number']}"
    assert_problem(await billing_agent.get(path), 404, "ticket_not_found")

    for _ in range(2):
        joined = await supervisor.put(f"{team}/members/{member}")
        assert (joined.status_code, [one["id"] for one in joined.json()["members"]]) == (200, [member])
    assert (await billing_agent.get(path)).status_code == 200
    teams = (await billing_agent.get("/api/agents/me")).json()["teams"]
    assert teams == sorted(["billing", ticket["team"]])

    await do(billing_agent, ticket["number"], "claim")
    for _ in range(2):
        assert (await supervisor.delete(f"{team}/members/{member}")).json()["members"] == []
    assert (await billing_agent.get(path)).json()["assignee"]["id"] == member, "what they have they keep"


async def test_only_who_works_at_the_desk_joins(api: ApiDesk, supervisor: httpx2.AsyncClient, team: str) -> None:
    agent, requester = api.people["agent"].id, api.people["requester"].id
    for path in (f"{team}/members/{NOBODY}", f"{team}/members/{requester}", f"/api/teams/nowhere/members/{agent}"):
        assert_problem(await supervisor.put(path), 404, "not_found")
        assert_problem(await supervisor.delete(path), 404, "not_found")
    assert_problem(await supervisor.put(f"{team}/members/me"), 422, "invalid")


async def test_a_team_in_use_is_not_deactivated(
    admin: httpx2.AsyncClient, requester: httpx2.AsyncClient, shipped_terms: None, team: str
) -> None:
    slug = team.removeprefix("/api/teams/")
    ticket = await opened(requester, team=slug)
    policy = await added(admin, POLICIES, a_policy(conditions={"teams": [slug]}))

    problem = assert_problem(await admin.patch(team, json={"is_active": False, "name": "Gone"}), 409, "team_in_use")

    assert "1 open ticket" in problem["detail"]
    assert policy["name"] in problem["detail"]
    assert (await admin.get(team)).json() | {"members": []} == USUAL | {"slug": slug, "name": "New"}
    await do(requester, ticket["number"], "status", {"status": "resolved"})
    assert (await admin.delete(f"{POLICIES}/{policy['id']}")).status_code == 204
    assert (await admin.patch(team, json={"is_active": False})).json()["is_active"] is False
    assert {"slug": slug, "name": "New", "is_active": False} in (await requester.get("/api/teams")).json()["items"]
    assert (await admin.patch(team, json={"is_active": True})).json()["is_active"] is True


async def test_a_team_that_ended_its_work_takes_no_tickets(
    admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> None:
    slug = f"team-{uuid4().hex[:8]}"
    assert (await admin.post("/api/teams", json={"slug": slug, "name": "Short-lived"})).status_code == 201
    ticket = await opened(supervisor, team="support")
    assert (await admin.patch(f"/api/teams/{slug}", json={"is_active": False})).status_code == 200

    refused = await supervisor.post("/api/tickets", json={"title": "Too late", "team": slug})
    assert_problem(refused, 409, "team_inactive")
    moved = await supervisor.patch(f"/api/tickets/{ticket['number']}", json={"team": slug})
    assert_problem(moved, 409, "team_inactive")
    assert (await ticket_of(supervisor, ticket["number"]))["team"] == "support"


async def test_a_team_weighs_as_it_was_told(supervisor: httpx2.AsyncClient) -> None:
    told = await supervisor.patch("/api/teams/network", json={"score": {"fairness": 0}})
    assert told.json()["score"]["fairness"] == 0

    refused = await supervisor.patch("/api/teams/network", json={"score": {"fairness": -1}})
    assert_problem(refused, 422)
    assert (await supervisor.patch("/api/teams/network", json={"score": {}})).json()["score"]["fairness"] > 0
