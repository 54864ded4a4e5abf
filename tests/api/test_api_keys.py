"""One's own API keys: what they open, how they end, and that nothing of them leaks."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from domain.api_key import MAX_KEYS, SECRET_BYTES, ApiKey, digest_of, parse
from domain.ids import ApiKeyId
from domain.permissions import GRANTABLE
from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem, opened
from tests.api.keys import a_key, with_key
from tests.api.listening import stream_server
from tests.api.staff import NOBODY

HOUR = timedelta(hours=1)


async def test_a_key_signs_in_as_its_owner(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    key = await a_key(agent, "tickets:read")

    async with with_key(api, key) as client:
        me = await client.get("/api/auth/me")

    assert me.json() == (await agent.get("/api/auth/me")).json()


async def test_a_key_reaches_no_further_than_its_scopes_and_its_owner(
    api: ApiDesk, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    number = (await opened(requester, team="support"))["number"]
    reading, all_of_requester = await a_key(agent, "tickets:read"), await a_key(requester, *sorted(GRANTABLE))

    async with with_key(api, reading) as client:
        assert (await client.get(f"/api/tickets/{number}")).status_code == 200
        refused = await client.post(f"/api/tickets/{number}/replies", json={"body": "Hello"})
        assert "tickets:write" in assert_problem(refused, 403, "forbidden")["detail"]
        assert_problem(await client.get("/api/events"), 403, "forbidden")
    async with with_key(api, all_of_requester) as client:
        assert_problem(await client.get("/api/agents"), 403, "forbidden")
        assert_problem(await client.get("/api/users"), 403, "forbidden")


async def test_a_key_makes_no_key_and_sees_none(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    key = await a_key(admin, *sorted(GRANTABLE))

    async with with_key(api, key) as client:
        for answer in (
            await client.get("/api/auth/api-keys"),
            await client.post("/api/auth/api-keys", json={"name": "more", "scopes": ["tickets:read"]}),
            await client.post(f"/api/auth/api-keys/{key['id']}/rotate", json={}),
            await client.delete(f"/api/auth/api-keys/{key['id']}"),
        ):
            assert_problem(answer, 403, "forbidden")


async def test_a_key_is_shown_once_and_its_secret_is_nowhere_kept(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    key = await a_key(agent, "tickets:read", "events:read", name="once")
    secret = parse(key["key"]).secret

    listed = await agent.get("/api/auth/api-keys")
    (shown,) = [item for item in listed.json()["items"] if item["id"] == key["id"]]
    assert shown == {name: value for name, value in key.items() if name != "key"}
    assert secret.hex() not in listed.text
    assert key["key"].startswith(shown["prefix"])
    assert (shown["scopes"], shown["is_good"], shown["last_used_at"]) == (["events:read", "tickets:read"], True, None)
    row = await api.parts.pool.fetchrow(
        "select to_jsonb(k)::text as text, secret_hash from api_keys k where id = $1", UUID(key["id"])
    )
    assert row is not None
    assert secret.hex() not in row["text"]
    assert row["secret_hash"] == digest_of(secret)


@pytest.mark.parametrize(
    "bad",
    [
        {"scopes": []},
        {"scopes": ["account"]},
        {"scopes": ["tickets:read", "account"]},
        {"scopes": ["everything"]},
        {"scopes": ["tickets:read"], "name": ""},
        {"scopes": ["tickets:read"], "expires_at": "2020-01-01T00:00:00Z"},
        {"scopes": ["tickets:read"], "expires_at": "2199-01-01T00:00:00Z"},
        {"scopes": ["tickets:read"], "expires_at": "tomorrow"},
        {"scopes": ["tickets:read"], "person_id": NOBODY},
    ],
)
async def test_what_no_key_can_be_is_refused(agent: httpx2.AsyncClient, bad: dict[str, Any]) -> None:
    assert_problem(await agent.post("/api/auth/api-keys", json={"name": "bad", **bad}), 422)


async def test_a_key_is_good_for_ninety_days_or_as_asked(agent: httpx2.AsyncClient) -> None:
    usual = await a_key(agent)
    asked = await a_key(agent, expires_at=(datetime.now(UTC) + HOUR).isoformat())

    assert _life(usual) == timedelta(days=90)
    assert timedelta(minutes=59) < _life(asked) <= HOUR


def _life(key: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])


async def test_a_bad_key_is_refused_whatever_is_wrong_with_it(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    good = await a_key(agent)
    revoked, expired = await a_key(agent), await a_key(agent)
    assert (await agent.delete(f"/api/auth/api-keys/{revoked['id']}")).status_code == 204
    await api.parts.pool.execute("update api_keys set expires_at = now() where id = $1", UUID(expired["id"]))
    id = ApiKeyId(UUID(good["id"]))
    text = good["key"]

    bad = {
        "nothing": "",
        "garbage": "garbage",
        "cut": text[:-1],
        "mistyped": text[:-12] + ("0" if text[-12] != "0" else "1") + text[-11:],
        "another secret": ApiKey(id, secrets.token_bytes(SECRET_BYTES)).text,
        "of nobody": ApiKey(ApiKeyId(uuid4()), parse(text).secret).text,
        "revoked": revoked["key"],
        "expired": expired["key"],
        "very long": text * 150,
        "bytes": "\xe9\xff",
    }

    for kind, key in bad.items():
        async with api.client() as client:
            answer = await client.get("/api/auth/me", headers=[(b"x-api-key", key.encode("latin-1"))])
            assert answer.status_code == 401, kind
            assert_problem(answer, 401, "unauthenticated")
            answer = await client.get("/api/auth/me", headers=[(b"authorization", b"Bearer " + key.encode("latin-1"))])
            assert answer.status_code == 401, f"{kind} as a token"
    async with api.client() as client:
        answer = await client.get("/api/auth/me", headers={"Authorization": f"Bearer {text}"})
        assert_problem(answer, 401, "unauthenticated")


async def test_an_access_token_comes_before_a_key(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    key = await a_key(agent)

    async with with_key(api, key) as client:
        both = await client.get("/api/auth/me", headers=api.headers("requester"))
        wrong = await client.get("/api/auth/me", headers={"Authorization": "Bearer nonsense"})

    assert both.json()["email"] == "requester@example.com"
    assert_problem(wrong, 401, "unauthenticated")


async def test_a_revoked_key_ends_at_once_and_may_be_revoked_again(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    key = await a_key(agent)
    async with with_key(api, key) as client:
        assert (await client.get("/api/auth/me")).status_code == 200

        for _ in range(2):
            assert (await agent.delete(f"/api/auth/api-keys/{key['id']}")).status_code == 204

        assert_problem(await client.get("/api/auth/me"), 401, "unauthenticated")
    (shown,) = [one for one in (await agent.get("/api/auth/api-keys")).json()["items"] if one["id"] == key["id"]]
    assert shown["is_good"] is False
    assert shown["revoked_at"] is not None


async def test_a_stream_of_another_process_ends_with_the_key_that_opened_it(
    api_settings: Settings, agent: httpx2.AsyncClient
) -> None:
    key, other = await a_key(agent, "events:read"), await a_key(agent, "events:read")
    async with (
        stream_server(api_settings) as server,
        server.listen({"X-API-Key": key["key"]}) as stream,
        server.listen({"X-API-Key": other["key"]}) as kept,
    ):
        await agent.delete(f"/api/auth/api-keys/{key['id']}")

        assert (await stream.until_end())[-1].data["reason"] == "signed out"
        assert [message.event for message in kept.received] == ["hello"]


async def test_a_key_is_rotated_without_a_moment_without_one(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    old = await a_key(
        agent, "tickets:read", "events:read", name="rotated", expires_at=(datetime.now(UTC) + HOUR).isoformat()
    )

    answer = await agent.post(f"/api/auth/api-keys/{old['id']}/rotate", json={"grace_seconds": 60})

    assert answer.status_code == 201
    new = answer.json()
    assert (new["name"], new["scopes"], new["replaces"]) == (old["name"], old["scopes"], old["id"])
    assert _life(new) == _life(old)
    for key in (old, new):
        async with with_key(api, key) as client:
            assert (await client.get("/api/auth/me")).status_code == 200
    listed = {one["id"]: one for one in (await agent.get("/api/auth/api-keys")).json()["items"]}
    left = datetime.fromisoformat(listed[old["id"]]["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=30) < left <= timedelta(seconds=60)


async def test_without_grace_the_old_key_ends_with_the_rotation(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    old = await a_key(agent)
    async with with_key(api, old) as client:
        assert (await client.get("/api/auth/me")).status_code == 200

        new = (await agent.post(f"/api/auth/api-keys/{old['id']}/rotate", json={"grace_seconds": 0})).json()

        assert_problem(await client.get("/api/auth/me"), 401, "unauthenticated")
    async with with_key(api, new) as client:
        assert (await client.get("/api/auth/me")).status_code == 200
    assert_problem(await agent.post(f"/api/auth/api-keys/{old['id']}/rotate", json={}), 409, "key_over")


async def test_a_rotation_never_lengthens_the_old_keys_life(agent: httpx2.AsyncClient) -> None:
    old = await a_key(agent, expires_at=(datetime.now(UTC) + HOUR).isoformat())

    await agent.post(f"/api/auth/api-keys/{old['id']}/rotate", json={})

    (shown,) = [one for one in (await agent.get("/api/auth/api-keys")).json()["items"] if one["id"] == old["id"]]
    assert shown["expires_at"] == old["expires_at"]


async def test_anothers_key_is_not_there(agent: httpx2.AsyncClient, admin: httpx2.AsyncClient) -> None:
    key = await a_key(agent)

    for id in (key["id"], NOBODY):
        assert_problem(await admin.delete(f"/api/auth/api-keys/{id}"), 404, "not_found")
        assert_problem(await admin.post(f"/api/auth/api-keys/{id}/rotate", json={}), 404, "not_found")
    assert key["id"] not in (await admin.get("/api/auth/api-keys")).text


async def test_a_repeated_request_makes_one_key_and_shows_it_once(agent: httpx2.AsyncClient) -> None:
    body, headers = {"name": "again", "scopes": ["tickets:read"]}, {"Idempotency-Key": f"key-{uuid4()}"}

    first = await agent.post("/api/auth/api-keys", json=body, headers=headers)
    second = await agent.post("/api/auth/api-keys", json=body, headers=headers)
    other = await agent.post("/api/auth/api-keys", json=body | {"name": "other"}, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json() | {"key": None}
    assert_problem(other, 422, "idempotency_key_reused")


async def test_nobody_has_keys_without_end(stranger: httpx2.AsyncClient) -> None:
    key = [await a_key(stranger, name=f"number {number}") for number in range(MAX_KEYS)][-1]

    body = {"name": "one more", "scopes": ["tickets:read"]}
    assert_problem(await stranger.post("/api/auth/api-keys", json=body), 409, "limit_reached")
    await stranger.delete(f"/api/auth/api-keys/{key['id']}")
    assert (await stranger.post("/api/auth/api-keys", json=body)).status_code == 201


async def test_a_use_is_written_down_beside_the_requests(api: ApiDesk, agent: httpx2.AsyncClient) -> None:
    key = await a_key(agent)
    before = datetime.now(UTC)
    async with with_key(api, key) as client:
        assert (await client.get("/api/auth/me")).status_code == 200

    await api.parts.key_uses.write()

    used: datetime | None = await api.parts.pool.fetchval(
        "select last_used_at from api_keys where id = $1", UUID(key["id"])
    )
    assert used is not None
    assert before <= used <= datetime.now(UTC)


async def test_the_right_of_a_key_ends_with_its_owners(
    api: ApiDesk, admin: httpx2.AsyncClient, nobody: httpx2.AsyncClient
) -> None:
    new = {"email": f"{uuid4().hex[:8]}@example.com", "name": "Leaving", "role": "agent", "password": "long enough"}
    person = (await admin.post("/api/users", json=new)).json()
    headers = {"Authorization": f"Bearer {await api.token_of(person['id'])}"}
    made = await nobody.post("/api/auth/api-keys", json={"name": "mine", "scopes": ["staff:read"]}, headers=headers)
    async with with_key(api, made.json()) as client:
        assert (await client.get("/api/agents")).status_code == 200

        await admin.patch(f"/api/users/{person['id']}", json={"role": "requester"})
        assert_problem(await client.get("/api/agents"), 403, "forbidden")
        await admin.patch(f"/api/users/{person['id']}", json={"is_active": False})
        assert_problem(await client.get("/api/agents"), 401, "unauthenticated")
