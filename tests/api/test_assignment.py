"""Why a ticket has its assignee or waits, over HTTP; claims, offers and overrides."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from temporalio.client import Client

from tests.api.desk_api import ApiDesk, assert_problem, do, numbers, opened, ticket_of, timeline_of
from tests.workflows.engine_desk import eventually
from workflows.dispatch_client import DispatchClient, dispatcher_id


@pytest.fixture
async def dispatcher(api: ApiDesk, engine: Client) -> AsyncIterator[DispatchClient]:
    """That of team `network`, to which agent2 belongs for the length of a test."""
    pool, agent = api.parts.pool, api.people["agent2"].id
    await pool.execute("insert into team_members (team, person_id) values ('network', $1)", agent)
    client = DispatchClient(engine, 30)
    await client.look("network")
    yield client
    await pool.execute("delete from team_members where team = 'network' and person_id = $1", agent)
    await pool.execute("update agents set presence = 'offline', capacity_tickets = 20")
    await pool.execute("update teams set strategy = 'automatic', offer_to = 1")
    await engine.get_workflow_handle(dispatcher_id("network")).terminate()


async def set_agent(api: ApiDesk, name: str, **fields: Any) -> None:
    for field, value in fields.items():
        await api.parts.pool.execute(
            f"update agents set {field} = $2 where person_id = $1",  # noqa: S608  our own names
            api.people[name].id,
            value,
        )


async def assignment_of(client: httpx2.AsyncClient, number: int) -> dict[str, Any]:
    answer = await client.get(f"/api/tickets/{number}/assignment")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_waiting_ticket_says_why_nobody_takes_it(
    api: ApiDesk, supervisor: httpx2.AsyncClient, dispatcher: DispatchClient
) -> None:
    ticket = await opened(supervisor, team="network", required_skills=["vpn:3"])
    why = (await assignment_of(supervisor, ticket["number"]))["waiting"]
    assert why["sentence"] == "Nobody of the team has skill vpn at level 3"
    assert (api.people["agent2"].name, "lacks_skill") in [
        (one["agent"]["name"], one["rule"]) for one in why["excluded"]
    ]


async def test_a_given_ticket_says_who_was_weighed_and_who_was_excluded(
    api: ApiDesk, supervisor: httpx2.AsyncClient, dispatcher: DispatchClient
) -> None:
    await set_agent(api, "agent2", presence="online")
    ticket = await opened(supervisor, team="network")
    await dispatcher.look("network")
    await eventually(lambda: ticket_of(supervisor, ticket["number"]), lambda one: one["assignee"] is not None)

    found = await assignment_of(supervisor, ticket["number"])

    assert found["assignee"]["name"] == api.people["agent2"].name
    assert (found["by"], found["override"], found["waiting"]) == ("dispatch", False, None)
    assert found["decision"]["sentence"] == "The only one who could take it"
    (weighed,) = found["decision"]["candidates"]
    assert sum(weighed["parts"].values()) == pytest.approx(weighed["total"], abs=0.01)
    assert (await timeline_of(supervisor, ticket["number"]))[-1]["actor"]["kind"] == "dispatcher"


async def test_an_offer_is_accepted_by_who_was_asked_and_by_nobody_else(
    api: ApiDesk, supervisor: httpx2.AsyncClient, dispatcher: DispatchClient
) -> None:
    await set_agent(api, "agent2", presence="online")
    await api.parts.pool.execute("update teams set strategy = 'offer' where slug = 'network'")
    ticket = await opened(supervisor, team="network")
    await dispatcher.look("network")
    offered = await eventually(lambda: ticket_of(supervisor, ticket["number"]), lambda one: one["offer"] is not None)
    assert offered["offer"]["to"] == [str(api.people["agent2"].id)]
    assert "offered to 1" in (await assignment_of(supervisor, ticket["number"]))["waiting"]["sentence"]

    refused = await supervisor.post(f"/api/tickets/{ticket['number']}/offer/accept")
    assert_problem(refused, 409, "offer_gone")
    async with api.client("agent2") as agent:
        taken = await do(agent, ticket["number"], "offer/accept")

    assert taken["assignee"]["name"] == api.people["agent2"].name
    assert taken["offer"] is None
    assert (await assignment_of(supervisor, ticket["number"]))["by"] == "offer"


async def test_an_offer_is_declined(api: ApiDesk, supervisor: httpx2.AsyncClient, dispatcher: DispatchClient) -> None:
    await set_agent(api, "agent2", presence="online")
    await api.parts.pool.execute("update teams set strategy = 'offer' where slug = 'network'")
    ticket = await opened(supervisor, team="network")
    await dispatcher.look("network")
    await eventually(lambda: ticket_of(supervisor, ticket["number"]), lambda one: one["offer"] is not None)
    async with api.client("agent2") as agent:
        declined = await do(agent, ticket["number"], "offer/decline")

    assert (declined["offer"], declined["assignee"]) == (None, None)
    why = (await assignment_of(supervisor, ticket["number"]))["waiting"]
    assert why["counts"]["declined"] == 1


async def test_going_over_somebodys_capacity_needs_an_override_that_is_on_record(
    api: ApiDesk, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> None:
    await set_agent(api, "agent", capacity_tickets=0)
    try:
        ticket = await opened(supervisor, team="support")
        path = f"/api/tickets/{ticket['number']}"
        whom = {"assignee": str(api.people["agent"].id)}

        assert_problem(await supervisor.post(f"{path}/assign", json=whom), 409, "over_capacity")
        assert_problem(await agent.post(f"{path}/claim"), 409, "over_capacity")
        over = await do(agent, ticket["number"], "claim", {"override": True})
        assert over["assignee"]["id"] == whom["assignee"]
        assert (await timeline_of(supervisor, ticket["number"]))[-1]["change"]["override"] is True

        async with api.client("agent2") as other:
            await do(supervisor, ticket["number"], "unassign")
            assert_problem(await other.post(f"{path}/assign", json={**whom, "override": True}), 403, "forbidden")
    finally:
        await set_agent(api, "agent", capacity_tickets=500)


async def test_the_reasons_are_the_desks(
    requester: httpx2.AsyncClient, stranger: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    path = f"/api/tickets/{ticket['number']}/assignment"
    assert_problem(await requester.get(path), 403, "forbidden")
    assert_problem(await stranger.get(path), 404, "ticket_not_found")


async def test_an_unrouted_ticket_is_in_no_queue(requester: httpx2.AsyncClient, supervisor: httpx2.AsyncClient) -> None:
    ticket = await opened(requester)

    assert (await assignment_of(supervisor, ticket["number"]))["waiting"]["sentence"] == "It is in no team's queue."


async def test_what_becomes_of_somebodys_tickets_at_the_end_of_their_shift(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, billing_agent: httpx2.AsyncClient
) -> None:
    person, now = str(api.people["agent3"].id), datetime.now(UTC)
    due = await opened(supervisor, team="billing", due_at=(now + timedelta(hours=2)).isoformat())
    await do(supervisor, due["number"], "assign", {"assignee": person})
    path = f"/api/agents/{person}/hand-over"
    unplanned = (await billing_agent.get(path)).json()
    assert (unplanned["on_shift"], unplanned["hands_over"]) == (False, [])
    for begins, ends in ((-1, 1), (16, 24)):
        await api.parts.pool.execute(
            "insert into shifts (agent_id, starts_at, ends_at, status) values ($1, $2, $3, 'published')",
            api.people["agent3"].id,
            now + timedelta(hours=begins),
            now + timedelta(hours=ends),
        )
    try:
        found = (await supervisor.get(path)).json()
        assert found["on_shift"]
        assert due["number"] in numbers(found["hands_over"])
        assert due["number"] not in numbers(found["keeps"])
        assert_problem(await agent.get(path), 403, "forbidden")
    finally:
        await api.parts.pool.execute("delete from shifts")
