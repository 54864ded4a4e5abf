"""The reports of agents and teams over HTTP: what they tell, whom, and what is refused."""

from typing import Any

import httpx2
import pytest

from database.report_log import ReportLog
from database.staff_figures import AGENT_FIGURES, TEAM_FIGURES
from tests.api.desk_api import ApiDesk, assert_problem, do
from tests.api.staff import MakeAgent, given, signed_in
from tests.workflows.engine_desk import eventually

REPORTS = ("agents", "teams")


async def asked(client: httpx2.AsyncClient, what: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/reports/{what}", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def of(report: dict[str, Any], key: str) -> dict[str, Any]:
    """The values of one group; nothing when it is not told."""
    return next((one["values"] for one in report["groups"] if one["key"] == key), {})


async def test_what_somebody_did_and_how_long_they_were_there(
    api: ApiDesk, supervisor: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    nina = await make_agent()
    headers = await signed_in(api, nina)
    async with api.client() as client:
        came = await client.put("/api/agents/me/presence", json={"presence": "online"}, headers=headers)
        assert came.status_code == 200, came.text
    ticket = await given(supervisor, nina)
    await do(supervisor, ticket["number"], "status", {"status": "resolved"})

    async def report() -> dict[str, Any]:
        await ReportLog(api.parts.pool).catch_up()
        return await asked(supervisor, "agents", agent=nina["id"], compare="previous", interval="day")

    told = await eventually(report, lambda report: of(report, nina["id"]).get("resolved") == 1)

    assert (told["report"], told["group_by"]) == ("agents", "agent")
    assert [one["name"] for one in told["figures"]] == [figure.name for figure in AGENT_FIGURES]
    (group,) = told["groups"]
    assert group["name"] == nina["name"]
    assert group["values"] == told["total"]["values"]
    assert group["previous"]["resolved"] == 0
    assert group["values"]["present_seconds"] > 0
    assert 0 < group["values"]["occupancy"] <= 1
    assert (group["values"]["planned_seconds"], group["values"]["adherence"]) == (0, None)
    assert sum(piece["values"]["present_seconds"] for piece in told["pieces"]) == pytest.approx(
        group["values"]["present_seconds"], rel=0.5
    )
    (counted,) = await tickets_behind(supervisor, told, figure="resolved", key=nina["id"])
    assert counted["number"] == ticket["number"]


async def tickets_behind(client: httpx2.AsyncClient, report: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    """What the report's own template leads to."""
    address = report["drill_down"].replace("{&figure,key}", "")
    answer = await client.get(address, params={**dict(httpx2.URL(address).params.multi_items()), **query})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_teams_have_fairness_beside_it(supervisor: httpx2.AsyncClient) -> None:
    told = await asked(supervisor, "teams")

    assert told["group_by"] == "team"
    assert [one["name"] for one in told["figures"]] == [figure.name for figure in TEAM_FIGURES]
    assert TEAM_FIGURES[-1].name == "fairness"
    assert {one["name"]: one["has_tickets"] for one in told["figures"]}.items() >= {
        "resolved": True, "occupancy": False, "late_starts": False, "fairness": False,
    }.items()  # fmt: skip


async def test_agents_see_their_own_figures_and_the_sums_of_their_teams(
    api: ApiDesk, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    nina, me = await make_agent(), str(api.people["agent"].id)
    for owner in (nina, {"id": me}):
        ticket = await given(supervisor, owner)
        await do(supervisor, ticket["number"], "status", {"status": "resolved"})

    async def everybodys() -> dict[str, Any]:
        await ReportLog(api.parts.pool).catch_up()
        return await asked(supervisor, "agents", team="support")

    whole = await eventually(everybodys, lambda report: bool(of(report, nina["id"]).get("resolved")))

    mine = await asked(agent, "agents")
    assert {one["key"] for one in mine["groups"]} <= {me, None}
    assert of(mine, me)["resolved"] >= 1
    assert mine["total"]["values"]["resolved"] >= whole["total"]["values"]["resolved"]
    assert {one["key"] for one in (await asked(agent, "teams"))["groups"]} == {"support"}
    own = await asked(agent, "agents", agent="me")
    assert own["total"]["values"] == of(own, me)
    for path in ("agents", "teams", "tickets"):
        assert_problem(await agent.get(f"/api/reports/{path}", params={"agent": nina["id"]}), 403, "forbidden")
    by_agent = await asked(agent, "tickets", group_by="agent")
    assert {one["key"] for one in by_agent["groups"]} <= {me, None}
    behind = {"figure": "resolved", "group_by": "agent", "key": nina["id"]}
    assert_problem(await agent.get("/api/reports/drill-down", params=behind), 403, "forbidden")


@pytest.mark.parametrize("what", REPORTS)
async def test_what_is_refused(
    what: str, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> None:
    path = f"/api/reports/{what}"
    assert_problem(await requester.get(path), 403, "forbidden")
    assert_problem(await agent.get(path, params={"team": "billing"}), 403, "forbidden")
    assert_problem(await supervisor.get(path, params={"group_by": "priority"}), 422, "invalid")
    drill_down = {"figure": "occupancy"}
    assert_problem(await supervisor.get("/api/reports/drill-down", params=drill_down), 422, "invalid")
    same = await supervisor.get(path, params={"group_by": what.removesuffix("s")})
    assert same.status_code == 200
