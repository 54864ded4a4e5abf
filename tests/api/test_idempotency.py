"""The same `Idempotency-Key` and body: the same answer and one effect, however often and whatever came between."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, RPCError, RPCStatusCode

from domain.ids import TicketNumber
from tests.api.accounts import mails_to, verify
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, ticket_of, timeline_of
from tests.workflows.engine_desk import eventually
from workflows.ticket_client import workflow_id


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


async def count(api: ApiDesk, table: str) -> int:
    return int(await api.parts.pool.fetchval(f"select count(*) from {table}"))  # noqa: S608


async def test_an_opening_sent_again_is_answered_with_the_first_ticket(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    headers, body = key(), {"title": "Once", "description": "only"}
    first = await requester.post("/api/tickets", json=body, headers=headers)
    await do(agent, first.json()["number"], "escalate")
    await requester.patch(f"/api/tickets/{first.json()['number']}", json={"title": "Twice"})
    before = await count(api, "tickets")

    second = await requester.post("/api/tickets", json=body, headers=headers)

    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["Location"] == first.headers["Location"]
    assert await count(api, "tickets") == before


async def test_many_at_once_open_one_ticket(api: ApiDesk, requester: httpx2.AsyncClient) -> None:
    headers, before = key(), await count(api, "tickets")

    answers = await asyncio.gather(
        *(requester.post("/api/tickets", json={"title": "Once"}, headers=headers) for _ in range(8))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await count(api, "tickets") == before + 1


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("replies", {"body": "Hello"}),
        ("replies", {"body": "A note", "internal": True}),
        ("status", {"status": "pending"}),
        ("claim", {}),
        ("escalate", {}),
        ("snooze", {}),
    ],
)
async def test_a_command_sent_again_has_one_effect(
    agent: httpx2.AsyncClient, ticket: dict[str, Any], what: str, body: Any
) -> None:
    headers, path = key(), f"/api/tickets/{ticket['number']}/{what}"
    first = await agent.post(path, json=body, headers=headers)
    revision = (await ticket_of(agent, ticket["number"]))["revision"]

    second = await agent.post(path, json=body, headers=headers)
    at_once = await asyncio.gather(*(agent.post(path, json=body, headers=headers) for _ in range(4)))

    assert first.status_code in (200, 201)
    assert [again.json() for again in (second, *at_once)] == [first.json()] * 5
    assert (await ticket_of(agent, ticket["number"]))["revision"] == revision


async def test_many_at_once_are_one_reply(agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    headers, path = key(), f"/api/tickets/{ticket['number']}/replies"

    answers = await asyncio.gather(*(agent.post(path, json={"body": "Hello"}, headers=headers) for _ in range(6)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    types = [entry["type"] for entry in await timeline_of(agent, ticket["number"])]
    assert types.count("ticket.replied") == 1


async def test_an_edit_sent_again_has_one_effect(agent: httpx2.AsyncClient, ticket: dict[str, Any]) -> None:
    headers, path = key(), f"/api/tickets/{ticket['number']}"
    body = {"title": "New", "tags": ["new"]}
    first = await agent.patch(path, json=body, headers=headers)

    second = await agent.patch(path, json=body, headers=headers)

    assert (second.status_code, second.json()) == (200, first.json())


async def test_a_key_with_another_body_is_refused(requester: httpx2.AsyncClient, agent: httpx2.AsyncClient) -> None:
    headers = key()
    ticket = await requester.post("/api/tickets", json={"title": "Once", "team": "support"}, headers=headers)
    number = ticket.json()["number"]
    assert_problem(
        await requester.post("/api/tickets", json={"title": "Another"}, headers=headers), 422, "idempotency_key_reused"
    )
    reply = key()
    await do(agent, number, "replies", {"body": "Hello"}, **reply)

    for what, body in (
        ("replies", {"body": "Another"}),
        ("replies", {"body": "Hello", "internal": True}),
        ("claim", {}),
    ):
        answer = await agent.post(f"/api/tickets/{number}/{what}", json=body, headers=reply)
        assert_problem(answer, 422, "idempotency_key_reused")

    entries = await timeline_of(agent, number)
    assert [entry["body"] for entry in entries if entry["type"] == "ticket.replied"] == ["Hello"]


async def test_a_key_used_on_one_ticket_is_refused_on_another(
    agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    first, second = await opened(requester, team="support"), await opened(requester, team="support")
    headers = key()
    await do(agent, first["number"], "escalate", **headers)

    for what, body in (("escalate", {}), ("replies", {"body": "Hello"})):
        answer = await agent.post(f"/api/tickets/{second['number']}/{what}", json=body, headers=headers)
        assert_problem(answer, 422, "idempotency_key_reused")

    assert (await do(agent, second["number"], "claim"))["revision"] == 2


async def test_the_same_key_of_two_people_is_two_keys(
    requester: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    headers = key()

    mine, theirs = await opened_with(requester, headers), await opened_with(stranger, headers)

    assert mine["number"] != theirs["number"]


async def opened_with(client: httpx2.AsyncClient, headers: dict[str, str]) -> dict[str, Any]:
    answer = await client.post("/api/tickets", json={"title": "Once"}, headers=headers)
    assert answer.status_code == 201
    body: dict[str, Any] = answer.json()
    return body


async def test_a_key_whose_command_was_refused_may_bring_another(
    agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    headers, path = key(), f"/api/tickets/{ticket['number']}/replies"
    await do(agent, ticket["number"], "claim")
    assert_problem(await agent.post(path, json={"body": "First"}, headers=headers | {"If-Match": '"9"'}), 412)

    answer = await agent.post(path, json={"body": "Second"}, headers=headers)

    assert answer.status_code == 201, answer.text
    assert answer.json()["body"] == "Second"
    assert [entry["body"] for entry in await timeline_of(agent, ticket["number"]) if entry["body"]] == ["Second"]


async def lose_workflow(engine: Client, number: int) -> None:
    """As when the engine's store was lost, or its retention has passed."""
    id = workflow_id(TicketNumber(number))
    execution = WorkflowExecution(workflow_id=id)
    await engine.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=engine.namespace, workflow_execution=execution)
    )

    async def is_gone() -> bool:
        try:
            await engine.get_workflow_handle(id).describe()
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        return False

    await eventually(is_gone, bool)


@pytest.mark.parametrize("if_match", [False, True])
async def test_a_command_done_before_the_engine_forgot_it_is_answered_all_the_same(
    engine: Client, agent: httpx2.AsyncClient, ticket: dict[str, Any], if_match: bool
) -> None:
    headers, path = key(), f"/api/tickets/{ticket['number']}/escalate"
    if if_match:
        headers["If-Match"] = '"1"'
    first = await agent.post(path, json={"level": 2}, headers=headers)
    await lose_workflow(engine, ticket["number"])

    second = await agent.post(path, json={"level": 2}, headers=headers)

    assert (second.status_code, second.json()) == (first.status_code, first.json())


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/api/teams", {"slug": "once", "name": "Once"}, {"slug": "other", "name": "Other"}),
        ("/api/categories", {"slug": "once", "name": "Once"}, {"slug": "other", "name": "Other"}),
        (
            "/api/users",
            {"email": "once@example.com", "name": "Once", "role": "agent", "password": "long enough"},
            {"email": "other@example.com", "name": "Other", "role": "agent", "password": "long enough"},
        ),
    ],
)
async def test_what_an_admin_creates_is_created_once(
    admin: httpx2.AsyncClient, path: str, body: Any, other: Any
) -> None:
    headers = key()

    answers = await asyncio.gather(*(admin.post(path, json=body, headers=headers) for _ in range(4)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert_problem(await admin.post(path, json=other, headers=headers), 422, "idempotency_key_reused")
    assert_problem(await admin.post(path, json=body, headers=key()), 409, "already_exists")


async def test_whoever_registers_twice_with_one_key_has_one_account(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    new = {"email": "twice@example.com", "name": "Twice", "password": "long enough"}
    headers = key()

    first = await nobody.post("/api/auth/register", json=new, headers=headers)
    again = await nobody.post("/api/auth/register", json=new, headers=headers)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    other = new | {"name": "Another"}
    assert_problem(await nobody.post("/api/auth/register", json=other, headers=headers), 422, "idempotency_key_reused")
    assert await mails_to(api, new["email"]) == ["verify_email"]
    assert (await nobody.post("/api/auth/register", json=new, headers=key())).json() == first.json()
    assert await mails_to(api, new["email"]) == ["verify_email", "verify_email"]


async def test_the_digest_of_a_request_tells_nothing_of_its_password(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    """Whoever reads the database could try passwords against a plain digest a million times a second."""
    new = {"email": "digest@example.com", "name": "Digest", "password": "long enough"}
    headers = key()
    await nobody.post("/api/auth/register", json=new, headers=headers)

    again = await nobody.post("/api/auth/register", json=new | {"password": "quite another"}, headers=headers)

    assert again.status_code == 202, "the password is no part of what is compared"
    await verify(api, nobody, new["email"])
    signed_in = await nobody.post("/api/auth/login", json={"email": new["email"], "password": new["password"]})
    assert signed_in.status_code == 200
