"""Escalations, what a ticket waits for, and who is senior."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, do, opened, ticket_of, timeline_of
from tests.api.sla_desk import POLICIES, a_policy, added

NOWHERE = "00000000-0000-4000-8000-000000000000"


async def pending(client: httpx2.AsyncClient, number: int) -> dict[str, dict[str, Any]]:
    answer = await client.get(f"/api/tickets/{number}/pending")
    assert answer.status_code == 200, answer.text
    return {item["id"]: item for item in answer.json()["items"]}


async def types(client: httpx2.AsyncClient, number: int) -> list[str]:
    return [entry["type"] for entry in await timeline_of(client, number)]


async def test_what_a_ticket_waits_for_is_told_with_its_cause(
    agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    moments = await pending(agent, ticket["number"])

    due = {clock["target"]: clock["due_at"] for clock in ticket["sla"]}
    assert moments["sla_breach.customer.resolution.1"]["at"] == due["resolution"]
    assert moments["sla_breach.customer.resolution.1"]["cause"] == "resolution is due"
    assert moments["ladder_step.1.0"]["cause"] == "step 1 of the escalation ladder of first_response"
    assert len(moments) == 9


async def test_requesters_see_only_what_concerns_them(
    agent: httpx2.AsyncClient, requester: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    assert await pending(requester, ticket["number"]) == {}

    await do(agent, ticket["number"], "status", {"status": "resolved"})
    assert (await pending(requester, ticket["number"])).keys() == {"auto_close"}


async def test_a_supervisor_cancels_and_brings_forward(supervisor: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    number = ticket["number"]

    await do(supervisor, number, "pending/ladder_step.1.0/advance")
    after = await do(supervisor, number, "pending/sla_breach.customer.resolution.1/cancel")

    assert after["escalation_level"] == 1
    assert {clock["target"]: clock["state"] for clock in after["sla"]}["resolution"] == "cancelled"
    assert "sla_breach.customer.resolution.1" not in await pending(supervisor, number)
    struck = [entry for entry in await timeline_of(supervisor, number) if entry["type"] == "ticket.moment_cancelled"]
    assert struck[0]["change"]["moment"] == "sla_breach.customer.resolution.1"
    assert struck[0]["actor"]["kind"] == "person"


async def test_what_is_not_pending_cannot_be_cancelled(
    agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    path = f"/api/tickets/{ticket['number']}/pending"

    assert_problem(await supervisor.post(f"{path}/wake/cancel"), 409, "no_such_moment")
    assert_problem(await supervisor.post(f"{path}/Nonsense!/advance"), 422, "invalid")
    assert_problem(await agent.post(f"{path}/ladder_step.1.0/cancel"), 403, "forbidden")
    assert_problem(await supervisor.post("/api/tickets/1/pending/wake/cancel"), 404, "ticket_not_found")


async def test_an_escalation_is_acknowledged(agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    number = ticket["number"]

    await do(agent, number, "acknowledge")
    assert "ticket.acknowledged" not in await types(agent, number), "there is nothing to acknowledge yet"
    await do(agent, number, "escalate")
    await do(agent, number, "acknowledge")
    await do(agent, number, "acknowledge")

    assert (await types(agent, number)).count("ticket.acknowledged") == 1
    assert "ladder_step.1.0" not in await pending(agent, number)


async def test_skills_are_read_by_the_desk_and_set_by_supervisors(
    api: ApiDesk, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    path = f"/api/agents/{api.people['agent2'].id}/skills"
    wanted = {"items": [{"skill": "network", "level": 4}, {"skill": "printers", "level": 1}]}

    assert (await supervisor.put(path, json=wanted)).json() == wanted
    assert (await agent.get(path)).json() == wanted
    assert_problem(await agent.put(path, json=wanted), 403, "forbidden")
    assert_problem(await requester.get(path), 403, "forbidden")
    assert_problem(await supervisor.put(f"/api/agents/{NOWHERE}/skills", json=wanted), 404, "not_found")
    assert_problem(await supervisor.put(path, json={"items": [{"skill": "network", "level": 6}]}), 422, "invalid")
    twice = {"items": [{"skill": "network", "level": 4}, {"skill": "network", "level": 2}]}
    assert_problem(await supervisor.put(path, json=twice), 422, "invalid")


@pytest.fixture
async def senior(api: ApiDesk, supervisor: httpx2.AsyncClient) -> AsyncIterator[str]:
    """Blake of team `support`, who knows networks well."""
    id = str(api.people["agent2"].id)
    await supervisor.put(f"/api/agents/{id}/skills", json={"items": [{"skill": "network", "level": 5}]})
    yield id
    await supervisor.put(f"/api/agents/{id}/skills", json={"items": []})


async def test_a_step_can_give_the_ticket_to_a_senior_agent(
    api: ApiDesk,
    admin: httpx2.AsyncClient,
    requester: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    senior: str,
) -> None:
    actions = [{"type": "reassign_to_senior"}, {"type": "notify_role", "role": "supervisor"}]
    ladder = {"steps": [{"after_minutes": 5, "since": "start", "actions": actions}]}
    policy = await added(admin, POLICIES, a_policy(ladders={"normal": ladder}))
    tags = policy["conditions"]["tags"]
    ticket = await opened(requester, team="support", tags=tags, required_skills=["network"])

    await do(supervisor, ticket["number"], "pending/ladder_step.1.0/advance")

    assert (await ticket_of(supervisor, ticket["number"]))["assignee"]["id"] == senior
    told = await api.parts.pool.fetch(
        "select p.email, n.kind from notifications n join people p on p.id = n.person_id where ticket_number = $1",
        ticket["number"],
    )
    assert ("agent2@example.com", "ticket.assigned") in [tuple(row) for row in told]


async def test_a_ticket_whose_closing_was_cancelled_says_so(
    agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    number = ticket["number"]
    await do(agent, number, "status", {"status": "resolved"})

    await do(supervisor, number, "pending/auto_close/cancel")

    assert await pending(agent, number) == {}
    assert (await types(agent, number))[-1] == "ticket.moment_cancelled"
