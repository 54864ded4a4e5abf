"""Reports of how the desk kept its word, over HTTP: who sees them, what they say, and what is refused."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest

from database.report_log import ReportLog
from tests.api.desk_api import ApiDesk, assert_problem, do, opened
from tests.workflows.engine_desk import eventually

PATHS = ("/api/reports/sla", "/api/reports/escalations", "/api/reports/satisfaction")


@pytest.fixture
async def ours(admin: httpx2.AsyncClient) -> str:
    """A category of the test's own: the tickets of other tests count for nothing in it."""
    slug = f"c-{uuid4().hex[:30]}"
    answer = await admin.post("/api/categories", json={"slug": slug, "name": "Ours"})
    assert answer.status_code == 201, answer.text
    return slug


async def report(client: httpx2.AsyncClient, name: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/reports/{name}", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert [one["name"] for one in body["figures"]] == list(body["total"]["values"])
    return body


async def drilled(client: httpx2.AsyncClient, spoken: dict[str, Any], figure: str, **query: str) -> list[int]:
    """The numbers of the tickets behind a number of a report."""
    address = spoken["drill_down"].removesuffix("{&figure,key}")
    answer = await client.get(f"{address}&{httpx2.QueryParams({'figure': figure, **query})}")
    assert answer.status_code == 200, answer.text
    return [item["number"] for item in answer.json()["items"]]


# Promises.


async def answered(requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, **fields: Any) -> int:
    """A ticket that got its answer at once."""
    number = int((await opened(requester, **fields))["number"])
    await do(agent, number, "replies", {"body": "Have you tried turning it off and on again?"})
    return number


async def test_promises_are_told_as_the_sla_metrics_tell_them(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    numbers = [await answered(requester, agent, team="support", category=ours) for _ in range(2)]
    await answered(requester, agent, category=ours)

    spoken = await report(supervisor, "sla", category=ours, group_by="team", interval="day")
    period = {"from": spoken["from"], "to": spoken["to"]}
    metrics = (await supervisor.get("/api/sla/metrics", params={"category": ours, "group_by": "team", **period})).json()

    values = spoken["total"]["values"]
    assert (values["first_response_decided"], values["first_response_compliance"], values["sla_decided"]) == (3, 1, 3)
    for target in metrics["targets"]:
        for name in ("decided", "met_in_time", "breached", "met_late", "still_open", "cancelled", "compliance"):
            assert values[f"{target['target']}_{name}"] == target[name], name
    used = values["first_response_used"]
    assert used["size"] == 3
    assert used["median_seconds"] == pytest.approx(metrics["targets"][0]["used"]["median_seconds"])
    decided = [(group["key"], group["values"]["sla_decided"]) for group in spoken["groups"]]
    assert decided == [(group["key"], group["total"]["decided"]) for group in metrics["groups"]]
    assert sum(piece["values"]["sla_met_in_time"] for piece in spoken["pieces"]) == 3
    assert await drilled(supervisor, spoken, "first_response_met_in_time", key="support") == numbers[::-1]


async def test_the_teams_own_goals_are_another_promise(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    await answered(requester, agent, team="support", category=ours)

    spoken = await report(supervisor, "sla", category=ours, audience="team")

    assert spoken["report"] == "team_sla"
    assert spoken["total"]["values"]["team_first_response_decided"] == 0
    assert spoken["total"]["values"]["team_first_response_compliance"] is None
    assert "first_response_decided" not in spoken["total"]["values"]


# Escalations.


async def test_escalations_are_told_by_level_and_by_whom(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    """One ticket is raised twice before somebody takes it on; one never."""
    number = int((await opened(requester, team="support", category=ours))["number"])
    await opened(requester, team="support", category=ours)
    await do(agent, number, "escalate")
    await do(agent, number, "escalate", {"level": 3})
    await do(agent, number, "acknowledge")
    await do(agent, number, "status", {"status": "resolved"})

    async def asked() -> dict[str, Any]:
        await ReportLog(api.parts.pool).catch_up()
        return await report(supervisor, "escalations", category=ours, group_by="level")

    spoken = await eventually(asked, lambda one: one["total"]["values"]["escalation_to_resolution"] is not None)

    values = spoken["total"]["values"]
    assert (values["escalations"], values["escalations_by_people"], values["escalations_by_ladder"]) == (2, 2, 0)
    assert (values["escalated_tickets"], values["first_escalations"], values["escalated_share"]) == (1, 1, 0.5)
    assert (values["acknowledged"], values["de_escalations"]) == (1, 0)
    assert values["escalation_to_acknowledgement"]["size"] == values["escalation_to_resolution"]["size"] == 2
    raises = {one["key"]: one["values"]["escalations"] for one in spoken["groups"]}
    reached = {one["key"]: one["values"]["opened_and_escalated"] for one in spoken["groups"]}
    assert (raises, reached) == ({"1": 1, "3": 1}, {"1": 0, "3": 1})
    assert await drilled(supervisor, spoken, "escalations", key="3") == [number]
    assert await drilled(supervisor, spoken, "escalated_tickets") == [number, number]


# Satisfaction.


async def test_satisfaction_is_told_of_who_resolved_what_was_rated(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    """Three tickets are resolved, two of them rated, one of these twice."""
    numbers = []
    for scores in ([1, 4], [2], []):
        number = int((await opened(requester, team="support", category=ours))["number"])
        await do(agent, number, "claim")
        await do(agent, number, "status", {"status": "resolved"})
        for score in scores:
            await do(requester, number, "rating", {"score": score})
        numbers.append(number)

    async def asked() -> dict[str, Any]:
        await ReportLog(api.parts.pool).catch_up()
        return await report(supervisor, "satisfaction", category=ours, group_by="agent")

    spoken = await eventually(asked, lambda one: one["total"]["values"]["ratings"] == 2)

    values = spoken["total"]["values"]
    assert values == {
        "ratings": 2, "mean_score": 3, "csat": 0.5, "resolved_and_rated": 2, "response_rate": pytest.approx(2 / 3),
        "score_1": 0, "score_2": 1, "score_3": 0, "score_4": 1, "score_5": 0,
    }  # fmt: skip
    (mine,) = spoken["groups"]
    assert (mine["key"], mine["values"]["mean_score"]) == (str(api.people["agent"].id), 3)
    assert await drilled(supervisor, spoken, "csat") == numbers[:1]
    by_score = await report(supervisor, "satisfaction", category=ours, group_by="score")
    assert [(one["key"], one["values"]["ratings"]) for one in by_score["groups"]] == [("2", 1), ("4", 1)]


# Who sees what.


@pytest.mark.parametrize("path", PATHS)
async def test_reports_are_the_desks(nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient, path: str) -> None:
    assert_problem(await nobody.get(path), 401)
    assert_problem(await requester.get(path), 403, "forbidden")


@pytest.mark.parametrize("path", PATHS)
async def test_another_teams_report_is_refused_and_not_empty(agent: httpx2.AsyncClient, path: str) -> None:
    assert (await agent.get(path, params={"team": "support"})).status_code == 200
    assert_problem(await agent.get(path, params={"team": "billing"}), 403, "forbidden")


async def test_an_agent_sees_the_promises_of_their_teams(
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    ours: str,
) -> None:
    await answered(requester, agent, team="support", category=ours)
    await answered(requester, agent, category=ours)

    for client, teams in ((agent, ["support"]), (billing_agent, []), (supervisor, ["support", None])):
        spoken = await report(client, "sla", category=ours, group_by="team")
        assert [group["key"] for group in spoken["groups"]] == teams
        assert spoken["total"]["values"]["sla_decided"] == len(teams)


# Bad input.

BAD: dict[str, dict[str, Any]] = {
    "an unknown audience": {"audience": "everybody"},
    "an unknown group": {"group_by": "colour"},
    "a group that no promise knows": {"group_by": "score"},
    "an unknown team": {"team": "nowhere"},
    "ends before it begins": {"from": "2030-01-02T00:00:00Z", "to": "2030-01-01T00:00:00Z"},
    "too many pieces": {"from": "2021-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z", "interval": "week"},
    "no zone": {"zone": ""},
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_no_report_can_be_made_of_is_refused(supervisor: httpx2.AsyncClient, kind: str) -> None:
    assert_problem(await supervisor.get("/api/reports/sla", params=BAD[kind]), 422, "invalid", "unknown_reference")
