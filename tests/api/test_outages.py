"""A part is down: what can go on goes on, and the rest says so and can be tried again."""

import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from temporalio.client import Client

from settings import Settings
from tests.api.desk_api import BASE, ApiDesk, assert_problem, opened, running_app, still, ticket_of
from tests.workflows.engine_desk import eventually
from worker import build_worker
from workflows.client import connect
from workflows.ticket_client import TicketClient

COMMANDS: dict[str, Any] = {"replies": {"body": "hello"}, "status": {"status": "open"}, "claim": {}, "escalate": {}}


@pytest.fixture
async def without_engine(
    api: ApiDesk, api_settings: Settings, free_port: Callable[[], int]
) -> AsyncIterator[httpx2.AsyncClient]:
    """An agent at an API that never reached its engine."""
    settings = api_settings.model_copy(update={"temporal_address": f"127.0.0.1:{free_port()}"})
    async with running_app(settings) as app, httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url=BASE, headers=api.headers("agent")
    ) as client:  # fmt: skip
        yield client


async def test_without_the_engine_tickets_are_opened_and_read(without_engine: httpx2.AsyncClient) -> None:
    ticket = await opened(without_engine, team="support")

    assert still(await ticket_of(without_engine, ticket["number"])) == still(ticket)
    for path in (
        "/api/tickets",
        f"/api/tickets/{ticket['number']}/timeline",
        f"/api/tickets/{ticket['number']}/pending",
    ):
        assert (await without_engine.get(path)).status_code == 200


async def test_without_the_engine_a_change_is_to_be_tried_again(
    api: ApiDesk, without_engine: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    ticket = await opened(without_engine, team="support")
    path = f"/api/tickets/{ticket['number']}"
    key = {"Idempotency-Key": str(uuid4())}

    for what, body in COMMANDS.items():
        answer = await without_engine.post(f"{path}/{what}", json=body, headers=key if what == "replies" else {})
        assert_problem(answer, 503, "engine_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    assert_problem(await without_engine.patch(path, json={"title": "x"}), 503, "engine_unavailable")

    assert still(await ticket_of(agent, ticket["number"])) == still(ticket)
    again = await agent.post(f"{path}/replies", json=COMMANDS["replies"], headers=key)
    assert (again.status_code, again.json()["body"]) == (201, "hello")


async def test_without_the_engine_readiness_says_why(without_engine: httpx2.AsyncClient) -> None:
    answer = await without_engine.get("/health/ready")

    body = answer.json()
    assert (answer.status_code, body["status"]) == (503, "degraded")
    assert (body["database"]["ok"], body["engine"]["ok"]) == (True, False)
    assert "Temporal" in body["engine"]["reason"]
    assert (await without_engine.get("/health/live")).status_code == 200


@pytest.fixture(params=["refused", "no folder"])
async def without_database(
    request: pytest.FixtureRequest, api: ApiDesk, api_settings: Settings, free_port: Callable[[], int], tmp_path: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody with a token at an API that never reached its database."""
    dsn = {
        "refused": f"postgresql://postgres@127.0.0.1:{free_port()}/desk",
        "no folder": f"postgresql://postgres@/desk?host={tmp_path}",
    }[request.param]
    async with running_app(api_settings.model_copy(update={"database_url": dsn})) as app, httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url=BASE, headers=api.headers("agent")
    ) as client:  # fmt: skip
        yield client


async def test_without_the_database_everything_is_to_be_tried_again(without_database: httpx2.AsyncClient) -> None:
    login = {"email": "agent@example.com", "password": "smart-ticketing-demo"}
    answers = [
        await without_database.post("/api/tickets", json={"title": "x"}),
        await without_database.get("/api/tickets"),
        await without_database.get("/api/tickets/1"),
        await without_database.post("/api/tickets/1/claim"),
        await without_database.get("/api/auth/me"),
        await without_database.post("/api/auth/login", json=login),
        await without_database.get("/api/teams"),
        await without_database.get("/api/events"),
    ]

    for answer in answers:
        assert_problem(answer, 503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1


async def test_without_the_database_readiness_says_why(without_database: httpx2.AsyncClient) -> None:
    answer = await without_database.get("/health/ready")

    body = answer.json()
    assert (answer.status_code, body["status"], body["database"]["ok"]) == (503, "down", False)
    assert body["database"]["reason"]
    assert "postgres@" not in answer.text
    assert (await without_database.get("/health/live")).status_code == 200
    assert (await without_database.get("/metrics")).status_code == 200


async def test_without_a_worker_a_change_is_accepted_and_done_later(
    api: ApiDesk, api_settings: Settings, engine: Client
) -> None:
    task_queue = f"no-worker-{uuid4()}"
    async with running_app(api_settings) as app:
        client = await connect(api_settings.temporal_target, api_settings.temporal_namespace)
        app.state.desk = dataclasses.replace(app.state.desk, workflows=TicketClient(client, 0.5, task_queue))
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url=BASE, headers=api.headers("agent")
        ) as agent:
            ticket = await opened(agent, team="support")
            key = {"Idempotency-Key": str(uuid4())}
            path = f"/api/tickets/{ticket['number']}/replies"

            answer = await agent.post(path, json={"body": "hello"}, headers=key)

            accepted = answer.json()
            assert answer.status_code == 202
            assert answer.headers["Location"] == accepted["location"]
            assert int(answer.headers["Retry-After"]) >= 1
            assert accepted["status"] == "pending"
            assert accepted["location"] == f"/api/tickets/{ticket['number']}/commands/{accepted['command_id']}"
            assert (await agent.get(accepted["location"])).json()["status"] == "unknown"
            async with build_worker(engine, app.state.desk.pool, task_queue=task_queue):

                async def outcome() -> Any:
                    return (await agent.get(accepted["location"])).json()

                done = await eventually(outcome, lambda outcome: outcome["status"] == "done")
                again = await agent.post(path, json={"body": "hello"}, headers=key)

            assert done["command_id"] == accepted["command_id"]
            assert (again.status_code, again.json()["body"]) == (201, "hello")
            types = [entry["type"] for entry in (await agent.get(f"{path[:-8]}/timeline")).json()["items"]]
            assert types == ["ticket.opened", "ticket.replied"]
