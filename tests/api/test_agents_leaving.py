"""How agents leave the desk: their open tickets hold them, or go back to their queues."""

import dataclasses
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx2
import pytest
from temporalio.client import Client

from domain.ids import CommandId
from domain.people import INTEGRATION
from domain.ticket import Ticket
from domain.ticket_commands import CommandEnvelope, EditTicket, Receipt
from tests.api.desk_api import ApiDesk, assert_problem, do, ticket_of, timeline_of
from tests.api.staff import MakeAgent, given, signed_in
from workflows.client import CommandPendingError, EngineUnavailableError
from workflows.ticket_client import TicketClient


async def test_whoever_owns_open_tickets_is_deactivated_only_when_they_go_back(
    api: ApiDesk, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent()
    path = f"/api/agents/{made['id']}"
    mine = [await given(supervisor, made) for _ in range(3)]
    await do(supervisor, mine[1]["number"], "status", {"status": "pending"})
    await do(supervisor, mine[2]["number"], "snooze")
    done = await given(supervisor, made)
    await do(supervisor, done["number"], "status", {"status": "resolved"})

    problem = assert_problem(await admin.patch(path, json={"is_active": False}), 409, "agent_owns_tickets")
    assert "3 open tickets: " + ", ".join(str(one["number"]) for one in mine) in problem["detail"]
    assert (await admin.get(path)).json()["is_active"] is True
    assert_problem(await admin.patch(f"/api/users/{made['id']}", json={"is_active": False}), 409, "agent_owns_tickets")
    assert_problem(await admin.patch(f"{path}?tickets=keep", json={"is_active": False}), 422, "invalid")

    for _ in range(2):
        left = await admin.patch(f"{path}?tickets=return", json={"is_active": False})
        assert (left.status_code, left.json()["is_active"]) == (200, False)
        assert left.json()["load"]["tickets"] == 0
    for ticket in mine:
        now = await ticket_of(supervisor, ticket["number"])
        assert (now["assignee"], now["team"]) == (None, "support")
        last = (await timeline_of(supervisor, ticket["number"]))[-1]
        assert (last["type"], last["actor"]["name"]) == ("ticket.unassigned", "Ada Admin")
    assert (await ticket_of(supervisor, done["number"]))["assignee"]["id"] == made["id"], "who resolved it stays known"
    assert [entry["type"] for entry in await timeline_of(supervisor, mine[0]["number"])].count("ticket.unassigned") == 1
    assert_problem(
        await supervisor.post(f"/api/tickets/{mine[0]['number']}/assign", json={"assignee": made["id"]}), 409
    )
    async with api.client() as client:
        assert_problem(await client.get("/api/agents/me", headers=await signed_in(api, made)), 401)
    assert (await admin.patch(path, json={"is_active": True})).json()["is_active"] is True


async def test_without_leaving_tickets_is_without_effect(
    admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent()
    ticket = await given(supervisor, made)

    changed = await supervisor.patch(f"/api/agents/{made['id']}?tickets=return", json={"seniority": 2})

    assert (changed.status_code, changed.json()["load"]["tickets"]) == (200, 1)
    assert (await ticket_of(supervisor, ticket["number"]))["assignee"]["id"] == made["id"]


async def test_somebody_who_becomes_a_requester_leaves_the_desk_too(
    admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent()
    ticket = await given(supervisor, made)
    path = f"/api/users/{made['id']}"
    assert_problem(await admin.patch(path, json={"role": "requester"}), 409, "agent_owns_tickets")

    left = await admin.patch(f"{path}?tickets=return", json={"role": "requester"})

    assert (left.status_code, left.json()["role"]) == (200, "requester")
    assert (await ticket_of(supervisor, ticket["number"]))["assignee"] is None
    assert_problem(await admin.get(f"/api/agents/{made['id']}"), 404, "not_found")


def another_estimate(ticket: Ticket) -> CommandEnvelope:
    """A change that concerns nobody."""
    minutes = (ticket.estimated_minutes or 0) + 1
    return CommandEnvelope(id=CommandId(uuid4()), actor=INTEGRATION, command=EditTicket(estimated_minutes=minutes))


class Hurried(TicketClient):
    """Does what it is told, but does something else to the ticket first; or fails at once."""

    def __init__(self, client: Client, before: Callable[[Ticket], Awaitable[object]]) -> None:
        super().__init__(client, 30)
        self._before = before

    async def apply(self, ticket: Ticket, envelope: CommandEnvelope) -> Receipt:
        await self._before(ticket)
        return await super().apply(ticket, envelope)


async def test_a_ticket_that_somebody_else_was_given_meanwhile_is_left_to_them(
    api: ApiDesk, engine: Client, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent()
    taken, kept = await given(supervisor, made), await given(supervisor, made)
    other = str(api.people["agent2"].id)
    usual, meanwhile = api.parts, {taken["number"]: ("assign", {"assignee": other}), kept["number"]: ("escalate", None)}

    async def hand_on(ticket: Ticket) -> None:
        api.app.state.desk = usual
        if ticket.number in meanwhile:
            await do(supervisor, ticket.number, *meanwhile.pop(ticket.number))

    api.app.state.desk = dataclasses.replace(usual, workflows=Hurried(engine, hand_on))
    try:
        left = await admin.patch(f"/api/agents/{made['id']}?tickets=return", json={"is_active": False})
    finally:
        api.app.state.desk = usual

    assert left.status_code == 200, left.text
    assert (await ticket_of(supervisor, taken["number"]))["assignee"]["id"] == other
    back = await ticket_of(supervisor, kept["number"])
    assert (back["assignee"], back["escalation_level"]) == (None, 1)


async def test_a_ticket_that_changes_all_the_time_is_named(
    api: ApiDesk, engine: Client, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent()
    ticket = await given(supervisor, made)
    usual = api.parts

    async def change(ticket: Ticket) -> None:
        await usual.workflows.apply(ticket, another_estimate(ticket))

    api.app.state.desk = dataclasses.replace(usual, workflows=Hurried(engine, change))
    try:
        left = await admin.patch(f"/api/agents/{made['id']}?tickets=return", json={"is_active": False})
    finally:
        api.app.state.desk = usual

    assert str(ticket["number"]) in assert_problem(left, 409, "agent_owns_tickets")["detail"]
    again = await admin.patch(f"/api/agents/{made['id']}?tickets=return", json={"is_active": False})
    assert again.status_code == 200
    assert (await ticket_of(supervisor, ticket["number"]))["assignee"] is None


@pytest.mark.parametrize("fault", [CommandPendingError(CommandId(uuid4())), EngineUnavailableError("no answer")])
async def test_what_the_engine_could_not_return_is_returned_by_the_same_request_later(
    api: ApiDesk,
    engine: Client,
    admin: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    make_agent: MakeAgent,
    fault: Exception,
) -> None:
    made = await make_agent()
    tickets = [await given(supervisor, made) for _ in range(2)]
    path = f"/api/agents/{made['id']}?tickets=return"
    usual = api.parts

    async def fail(ticket: Ticket) -> None:
        if ticket.number == tickets[0]["number"]:
            raise fault

    api.app.state.desk = dataclasses.replace(usual, workflows=Hurried(engine, fail))
    try:
        assert_problem(await admin.patch(path, json={"is_active": False}), 503, "engine_unavailable")
    finally:
        api.app.state.desk = usual

    assert (await admin.get(f"/api/agents/{made['id']}")).json()["is_active"] is False, "nothing new comes to them"
    assert (await admin.patch(path, json={"is_active": False})).status_code == 200
    for ticket in tickets:
        assert (await ticket_of(supervisor, ticket["number"]))["assignee"] is None
