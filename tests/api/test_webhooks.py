"""Webhooks as admins keep them, and the whole line from a ticket to a receiver and its log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from temporalio.client import Client

from database.bell import BELL, WEBHOOK_BELL, Bell
from database.pool import open_pool
from domain.webhook import MAX_WEBHOOKS
from integrations.outgoing import Allowed
from integrations.webhook_secrets import PREFIX
from senders import webhook_parts
from settings import Settings
from tests.api.desk_api import BASE, ApiDesk, assert_problem, do, opened, running_app
from tests.api.keys import a_key, with_key
from tests.api.staff import NOBODY
from tests.integrations.receiver import Receiver, fine, receiving, status
from tests.workflows.engine_desk import eventually

URL = "https://example.com/hook"


@pytest.fixture(autouse=True)
async def no_webhooks(api: ApiDesk) -> AsyncIterator[None]:
    """Nothing is sent but what a test asks for."""
    yield
    await api.parts.pool.execute("delete from webhooks")


async def added(client: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/api/webhooks", json={"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


async def test_a_webhook_is_added_read_changed_and_deleted(admin: httpx2.AsyncClient) -> None:
    webhook = await added(admin, description="wall", events=["ticket.opened"], teams=["support"], include_internal=True)
    secret = webhook.pop("secret")
    assert secret.startswith(PREFIX)
    assert (webhook["source"], webhook["enabled"], webhook["breaker"], webhook["pending"]) == (
        "desk", True, "closed", 0,
    )  # fmt: skip

    path = f"/api/webhooks/{webhook['id']}"
    assert (await admin.get(path)).json() == webhook
    listed = await admin.get("/api/webhooks")
    assert listed.json()["items"] == [webhook]
    assert secret not in listed.text

    edit = {"url": f"{URL}/2", "events": ["*"], "teams": None, "enabled": False}
    edited = (await admin.patch(path, json=edit)).json()
    assert {name: edited[name] for name in edit} == edit
    assert (edited["description"], edited["include_internal"], edited["disabled_reason"]) == ("wall", True, "by_hand")

    assert (await admin.delete(path)).status_code == 204
    assert_problem(await admin.get(path), 404, "not_found")
    assert_problem(await admin.delete(path), 404, "not_found")


@pytest.mark.parametrize(
    "bad",
    [
        {"url": "http://example.com/hook"},
        {"url": "https://example.com:22/hook"},
        {"url": "https://user:word@example.com/hook"},
        {"url": "https://@example.com/hook"},
        {"url": "https://127.0.0.1/hook"},
        {"url": "https://10.0.0.7/hook"},
        {"url": "https://[::1]/hook"},
        {"url": "https://[fd00::1]/hook"},
        {"url": "https://169.254.169.254/latest"},
        {"url": "https://2130706433/"},
        {"url": "https://0x7f.1/"},
        {"url": "https://localhost/hook"},
        {"url": "https://printer.local/hook"},
        {"url": "https://intranet/hook"},
        {"url": "https://example.com/hook#part"},
        {"url": "https://example.com/a hook"},
        {"url": "https://exämple.com/hook"},
        {"url": "https://[half/"},
        {"url": "https://example.com:99999/"},
        {"url": "ftp://example.com/"},
        {"url": "javascript:alert(1)"},
        {"url": "https://"},
        {"url": ""},
        {"url": f"https://example.com/{'x' * 2000}"},
        {"url": "https://example.com/\0"},
        {"events": []},
        {"events": ["ticket.exploded"]},
        {"events": ["webhook.ping"]},
        {"events": ["person.changed"]},
        {"teams": []},
        {"teams": ["nowhere"]},
        {"teams": ["No Team"]},
        {"description": "x" * 501},
        {"description": "a\0b"},
        {"secret": "whsec_mine"},
        {"enabled": None},
    ],
    ids=str,
)
async def test_what_is_no_webhook_is_refused(admin: httpx2.AsyncClient, bad: dict[str, Any]) -> None:
    webhook = await added(admin)
    assert_problem(await admin.post("/api/webhooks", json={"url": URL, **bad}), 422)
    assert_problem(await admin.patch(f"/api/webhooks/{webhook['id']}", json=bad), 422)
    assert len((await admin.get("/api/webhooks")).json()["items"]) == 1


async def test_a_secret_is_shown_once_and_lies_encrypted(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": f"key-{uuid4()}"}
    first = await admin.post("/api/webhooks", json={"url": URL}, headers=headers)
    again = await admin.post("/api/webhooks", json={"url": URL}, headers=headers)

    assert again.json() == first.json() | {"secret": None}
    row = await api.parts.pool.fetchrow("select to_jsonb(w)::text as text, secret from webhooks w")
    assert row is not None
    assert first.json()["secret"] not in row["text"]
    webhook = await api.parts.hooks.store.read(first.json()["id"])
    assert api.parts.hooks.secrets.decrypt(webhook.id, webhook.secret) == first.json()["secret"]


async def test_a_rotation_shows_the_new_secret_and_until_when_the_old_one_signs(admin: httpx2.AsyncClient) -> None:
    webhook = await added(admin)
    path = f"/api/webhooks/{webhook['id']}"
    rotated = (await admin.post(f"{path}/rotate", json={"grace_seconds": 60})).json()

    assert rotated["secret"] not in (None, webhook["secret"])
    left = datetime.fromisoformat(rotated["old_secret_until"]) - datetime.now(UTC)
    assert timedelta(seconds=30) < left <= timedelta(seconds=60)
    assert "secret" not in (await admin.get(path)).json()
    at_once = (await admin.post(f"{path}/rotate", json={"grace_seconds": 0})).json()
    assert at_once["old_secret_until"] is None
    for bad in ({"grace_seconds": -1}, {"grace_seconds": 10**9}, {"grace": 1}):
        assert_problem(await admin.post(f"{path}/rotate", json=bad), 422)


async def test_there_are_not_webhooks_without_end(admin: httpx2.AsyncClient) -> None:
    for _ in range(MAX_WEBHOOKS):
        await added(admin)
    assert_problem(await admin.post("/api/webhooks", json={"url": URL}), 409, "limit_reached")


async def test_admins_alone_keep_webhooks_and_keys_with_the_scope(
    api: ApiDesk,
    admin: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    requester: httpx2.AsyncClient,
    nobody: httpx2.AsyncClient,
) -> None:
    webhook = await added(admin)
    path = f"/api/webhooks/{webhook['id']}"
    ping = (await admin.post(f"{path}/test")).json()
    span = {"since": "2020-01-01T00:00:00Z", "until": "2040-01-01T00:00:00Z"}

    async def answers(client: httpx2.AsyncClient) -> tuple[list[httpx2.Response], list[httpx2.Response]]:
        reading = [
            await client.get("/api/webhooks"),
            await client.get(path),
            await client.get(f"{path}/deliveries"),
            await client.get(f"/api/webhooks/deliveries/{ping['id']}"),
        ]
        writing = [
            await client.post("/api/webhooks", json={"url": URL}),
            await client.patch(path, json={"description": "x"}),
            await client.post(f"{path}/rotate", json={}),
            await client.post(f"{path}/test"),
            await client.post(f"/api/webhooks/deliveries/{ping['id']}/redeliver"),
            await client.post(f"{path}/redeliver", json=span),
        ]
        return reading, writing

    for client in (supervisor, agent, requester):
        for answer in [*chain(*await answers(client)), await client.delete(path)]:
            assert_problem(answer, 403, "forbidden")
    for answer in chain(*await answers(nobody)):
        assert_problem(answer, 401)
    async with with_key(api, await a_key(admin, "webhooks:read")) as client:
        reading, writing = await answers(client)
        assert {answer.status_code for answer in reading} == {200}
        for answer in writing:
            assert_problem(answer, 403, "forbidden")
    async with with_key(api, await a_key(admin, "webhooks:write")) as client:
        reading, writing = await answers(client)
        for answer in reading:
            assert_problem(answer, 403, "forbidden")
        assert {answer.status_code for answer in writing} == {200, 201, 202}


async def test_what_is_not_there_is_not_there(admin: httpx2.AsyncClient) -> None:
    span = {"since": "2020-01-01T00:00:00Z", "until": "2040-01-01T00:00:00Z"}
    for answer in (
        await admin.get(f"/api/webhooks/{NOBODY}"),
        await admin.patch(f"/api/webhooks/{NOBODY}", json={}),
        await admin.post(f"/api/webhooks/{NOBODY}/rotate", json={}),
        await admin.post(f"/api/webhooks/{NOBODY}/test"),
        await admin.get(f"/api/webhooks/{NOBODY}/deliveries"),
        await admin.post(f"/api/webhooks/{NOBODY}/redeliver", json=span),
        await admin.get(f"/api/webhooks/deliveries/{NOBODY}"),
        await admin.post(f"/api/webhooks/deliveries/{NOBODY}/redeliver"),
    ):
        assert_problem(answer, 404, "not_found")
    assert_problem(await admin.get("/api/webhooks/no-id"), 422)


async def test_nothing_is_sent_to_who_is_disabled(admin: httpx2.AsyncClient) -> None:
    webhook = await added(admin)
    path = f"/api/webhooks/{webhook['id']}"
    ping = (await admin.post(f"{path}/test")).json()
    assert (ping["type"], ping["state"], ping["ticket"]) == ("webhook.ping", "pending", None)
    assert (await admin.get(path)).json()["pending"] == 1
    await admin.patch(path, json={"enabled": False})

    assert (await admin.get(f"/api/webhooks/deliveries/{ping['id']}")).json()["state"] == "skipped"
    assert_problem(await admin.post(f"{path}/test"), 409, "webhook_disabled")
    again = f"/api/webhooks/deliveries/{ping['id']}/redeliver"
    assert_problem(await admin.post(again), 409, "webhook_disabled")


async def test_the_address_of_a_ladder_is_the_ladders(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    webhook = await added(admin)
    await api.parts.pool.execute("update webhooks set source = 'sla_ladder' where id = $1", UUID(webhook["id"]))
    path = f"/api/webhooks/{webhook['id']}"

    for change in ({"url": f"{URL}/2"}, {"events": ["*"]}, {"teams": None}, {"include_internal": True}):
        assert_problem(await admin.patch(path, json=change), 409, "webhook_of_ladder")
    assert (await admin.patch(path, json={"description": "mine", "enabled": False})).json()["description"] == "mine"


@pytest.mark.parametrize(
    "query",
    ["state=gone", "limit=0", "limit=201", "cursor=x", "cursor=0", "from=yesterday", "until=2030-01-01", "ticket=0",
     "type="],
)  # fmt: skip
async def test_a_malformed_question_is_refused(admin: httpx2.AsyncClient, query: str) -> None:
    webhook = await added(admin)
    assert_problem(await admin.get(f"/api/webhooks/{webhook['id']}/deliveries?{query}"), 422)


@pytest.mark.parametrize(
    "span",
    [
        {},
        {"since": "2030-01-01T00:00:00Z"},
        {"since": "2030-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"},
        {"since": "2030-01-01T00:00:00", "until": "2030-01-02T00:00:00"},
        {"since": "2030-01-01T00:00:00Z", "until": "2030-01-02T00:00:00Z", "states": []},
        {"since": "2030-01-01T00:00:00Z", "until": "2030-01-02T00:00:00Z", "states": ["pending"]},
    ],
)
async def test_a_range_that_is_none_is_refused(admin: httpx2.AsyncClient, span: dict[str, Any]) -> None:
    webhook = await added(admin)
    assert_problem(await admin.post(f"/api/webhooks/{webhook['id']}/redeliver", json=span), 422)


# The whole line, as an operator who lets this machine be called would have it.


@asynccontextmanager
async def calling(api: ApiDesk, engine: Client) -> AsyncIterator[httpx2.AsyncClient]:
    """An admin of a desk that may call this machine, with what calls webhooks beside it."""
    settings: Settings = api.settings.model_copy(update={"outgoing_allow": ("127.0.0.1",)})
    pool = await open_pool(settings.database_dsn, 8)
    calls, relay = webhook_parts(settings, engine, pool)
    bell = Bell(settings.database_dsn, {BELL: relay.ring, WEBHOOK_BELL: relay.call})
    running = [asyncio.create_task(part.run()) for part in (relay, bell)]
    async with calls, running_app(settings) as app:
        assert app.state.desk.hooks.allowed == Allowed.of(["127.0.0.1"])
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url=BASE, headers=api.headers("admin")) as client:
            yield client
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await pool.close()


async def log_of(client: httpx2.AsyncClient, webhook: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/webhooks/{webhook['id']}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def calls_of(receiver: Receiver) -> int:
    return len(receiver.received)


async def test_a_ticket_is_told_and_the_log_shows_what_was_sent_and_answered(
    api: ApiDesk, engine: Client, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    async with calling(api, engine) as client, receiving() as receiver:
        webhook = await added(client, url=receiver.url, teams=["support"])
        receiver.secret = webhook["secret"]
        number = (await opened(requester, team="support"))["number"]
        await opened(requester, team="billing")
        await do(agent, number, "replies", {"body": "Nobody reads this."})
        await do(agent, number, "replies", {"body": "Nor this.", "internal": True})

        def is_whole(made: list[dict[str, Any]]) -> bool:
            return len(made) >= 3 and all(one["state"] == "delivered" for one in made)

        made = await eventually(lambda: log_of(client, webhook), is_whole)
        shown = (await client.get(f"/api/webhooks/deliveries/{made[-1]['id']}")).json()
        stands = (await client.get(f"/api/webhooks/{webhook['id']}")).json()
        narrowed = await log_of(client, webhook, type="ticket.replied", ticket=number, state="delivered")
        first = await client.get(f"/api/webhooks/{webhook['id']}/deliveries?limit=1")
        cursor = first.json()["next_cursor"]
        second = await client.get(f"/api/webhooks/{webhook['id']}/deliveries?limit=200&cursor={cursor}")

    types = [one.type for one in receiver.received]
    assert types[:2] == ["ticket.opened", "ticket.replied"]
    assert "ticket.noted" not in types
    assert {one.ticket for one in receiver.received} == {number}
    assert "reads this" not in str([one.payload for one in receiver.received])
    assert receiver.unsigned == 0
    (attempt,) = shown["log"]
    assert (attempt["status"], attempt["answer_body"], attempt["error"]) == (200, "thanks", None)
    assert attempt["request_sha256"] == shown["request_sha256"], "the body shown is the one that was sent"
    assert attempt["request_headers"]["webhook-id"] == shown["id"] == receiver.received[0].id
    assert (stands["pending"], stands["delivered"], stands["failed"]) == (0, len(made), 0)
    assert stands["last_success_at"] is not None
    assert [one["type"] for one in narrowed] == ["ticket.replied"]
    assert [one["id"] for one in first.json()["items"] + second.json()["items"]] == [one["id"] for one in made]


async def test_a_receiver_that_fails_is_seen_to_and_gets_again_what_is_asked_for(
    api: ApiDesk, engine: Client, requester: httpx2.AsyncClient
) -> None:
    async with calling(api, engine) as client, receiving() as receiver:
        receiver.answering = status(410)
        webhook = await added(client, url=receiver.url)
        path = f"/api/webhooks/{webhook['id']}"
        await client.post(f"{path}/test")

        async def shown() -> dict[str, Any]:
            found: dict[str, Any] = (await client.get(path)).json()
            return found

        stands = await eventually(shown, lambda found: not found["enabled"])
        assert (stands["disabled_reason"], stands["failed"], stands["pending"]) == ("gone", 1, 0)
        receiver.answering, receiver.secret = fine, webhook["secret"]
        await client.patch(path, json={"enabled": True})
        span = {"since": webhook["created_at"], "until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
        again = await client.post(f"{path}/redeliver", json=span)
        assert (again.status_code, again.json()) == (202, {"redelivered": 1})
        await eventually(lambda: calls_of(receiver), lambda calls: calls == 2)
        (ping,) = await eventually(lambda: log_of(client, webhook), lambda made: made[0]["state"] == "delivered")
        assert (await client.post(f"/api/webhooks/deliveries/{ping['id']}/redeliver")).status_code == 202
        await eventually(lambda: calls_of(receiver), lambda calls: calls == 3)

    assert {one.id for one in receiver.received} == {ping["id"]}
    assert receiver.received[0].payload["data"] == {"webhook": webhook["id"]}
