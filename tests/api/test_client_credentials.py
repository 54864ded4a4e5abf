"""A service account's key for a short access token: OAuth 2 client credentials (RFC 6749, 4.4)."""

import base64
import secrets
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx2
import pytest

from domain.api_key import SECRET_BYTES, parse
from tests.api.desk_api import ApiDesk, assert_problem, opened
from tests.api.keys import a_key, a_service

PATH = "/api/auth/token"


@pytest.fixture
async def service(admin: httpx2.AsyncClient) -> dict[str, Any]:
    return await a_service(admin)


@pytest.fixture
async def key(admin: httpx2.AsyncClient, service: dict[str, Any]) -> dict[str, Any]:
    return await a_key(admin, "tickets:read", "events:read", of=service)


def form(key: dict[str, Any], **changes: str | None) -> dict[str, str]:
    fields: dict[str, str | None] = {
        "grant_type": "client_credentials", "client_id": key["id"], "client_secret": key["key"], **changes,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def assert_refused(answer: httpx2.Response, status: int, error: str) -> None:
    """As RFC 6749, 5.2 has it, and as the contract has it."""
    problem = assert_problem(answer, status, error)
    assert (problem["error"], problem["error_description"]) == (error, problem["detail"])
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) is (status == 401)


async def test_a_key_is_changed_for_a_token_that_signs_in(
    nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient, key: dict[str, Any], service: dict[str, Any]
) -> None:
    number = (await opened(requester, team="support"))["number"]

    answer = await nobody.post(PATH, data=form(key))

    assert answer.status_code == 200, answer.text
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    token = answer.json()
    assert token == {
        "access_token": token["access_token"],
        "token_type": "bearer",
        "expires_in": 600,
        "scope": "events:read tickets:read",
    }
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await nobody.get("/api/auth/me", headers=headers)).json()["id"] == service["id"]
    assert (await nobody.get(f"/api/tickets/{number}", headers=headers)).status_code == 200
    reply = await nobody.post(f"/api/tickets/{number}/replies", json={"body": "Hello"}, headers=headers)
    assert "tickets:write" in assert_problem(reply, 403, "forbidden")["detail"]


async def test_a_client_may_say_who_it_is_in_every_usual_way(nobody: httpx2.AsyncClient, key: dict[str, Any]) -> None:
    secret = key["key"].split("_")[2]
    grant = {"grant_type": "client_credentials"}
    for data, headers in (
        (form(key), {}),
        (form(key, client_secret=secret), {}),
        (form(key, client_id=UUID(key["id"]).hex), {}),
        (form(key, scope="tickets:read"), {}),
        (grant, basic(key["id"], key["key"])),
        (grant, basic(quote(key["id"]), secret)),
        (grant | {"client_id": key["id"]}, basic(key["id"], secret)),
    ):
        answer = await nobody.post(PATH, data=data, headers=headers)
        assert answer.status_code == 200, (data, answer.text)


async def test_the_token_ends_with_its_key(
    nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient, key: dict[str, Any], service: dict[str, Any]
) -> None:
    token = (await nobody.post(PATH, data=form(key))).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await nobody.get("/api/auth/me", headers=headers)).status_code == 200

    await admin.delete(f"/api/service-accounts/{service['id']}/keys/{key['id']}")

    assert_problem(await nobody.get("/api/auth/me", headers=headers), 401, "unauthenticated")
    assert_refused(await nobody.post(PATH, data=form(key)), 401, "invalid_client")


async def test_a_token_says_that_it_ends_no_later_than_its_key(
    api: ApiDesk, nobody: httpx2.AsyncClient, key: dict[str, Any]
) -> None:
    soon = "update api_keys set expires_at = now() + interval '5 minutes' where id = $1"
    await api.parts.pool.execute(soon, UUID(key["id"]))

    token = (await nobody.post(PATH, data=form(key))).json()

    assert 280 <= token["expires_in"] <= 300


async def test_a_wrong_client_gets_the_same_answer_whatever_is_wrong(
    nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient, key: dict[str, Any], service: dict[str, Any]
) -> None:
    other = await a_key(admin, of=service)
    wrong = {
        "unknown id": form(key, client_id=str(uuid4()), client_secret=key["key"].split("_")[2]),
        "no id": form(key, client_id="monitoring"),
        "nul": form(key, client_id="\0", client_secret="\0"),
        "wrong secret": form(key, client_secret=secrets.token_hex(SECRET_BYTES)),
        "short secret": form(key, client_secret="00"),
        "anothers key": form(key, client_secret=other["key"]),
        "anothers secret": form(key, client_secret=parse(other["key"]).secret.hex()),
        "cut": form(key, client_secret=key["key"][:-1]),
    }
    answers = {kind: await nobody.post(PATH, data=data) for kind, data in wrong.items()}
    answers["basic"] = await nobody.post(
        PATH, data={"grant_type": "client_credentials"}, headers=basic(key["id"], "no secret")
    )

    for kind, answer in answers.items():
        assert answer.status_code == 401, (kind, answer.text)
        assert_refused(answer, 401, "invalid_client")
    assert len({answer.text for answer in answers.values()}) == 1


async def test_an_inactive_account_gets_no_token(
    nobody: httpx2.AsyncClient, admin: httpx2.AsyncClient, key: dict[str, Any], service: dict[str, Any]
) -> None:
    await admin.patch(f"/api/service-accounts/{service['id']}", json={"is_active": False})

    assert_refused(await nobody.post(PATH, data=form(key)), 401, "invalid_client")


async def test_what_is_no_request_of_this_grant_is_refused_as_the_rfc_says(
    nobody: httpx2.AsyncClient, agent: httpx2.AsyncClient, key: dict[str, Any]
) -> None:
    grant = {"grant_type": "client_credentials"}
    for data, headers, status, error in (
        (form(key, grant_type=None), {}, 400, "invalid_request"),
        (form(key, grant_type="password"), {}, 400, "unsupported_grant_type"),
        (form(key, client_id=None), {}, 400, "invalid_request"),
        (form(key, client_secret=None), {}, 400, "invalid_request"),
        (form(key, client_id="", client_secret=""), {}, 400, "invalid_request"),
        (form(key), basic(key["id"], key["key"]), 400, "invalid_request"),
        (form(key, scope="tickets:write"), {}, 400, "invalid_scope"),
        (form(key, scope="account"), {}, 400, "invalid_scope"),
        (form(await a_key(agent)), {}, 400, "unauthorized_client"),
        (grant, {"Authorization": "Basic ???"}, 401, "invalid_client"),
        (grant, {"Authorization": "Basic"}, 401, "invalid_client"),
    ):
        answer = await nobody.post(PATH, data=data, headers=headers)
        assert_refused(answer, status, error)


async def test_another_body_is_no_form(nobody: httpx2.AsyncClient, key: dict[str, Any]) -> None:
    assert_problem(await nobody.post(PATH, json=form(key)), 415, "unsupported_media_type")
    assert_refused(await nobody.post(PATH, content=b""), 400, "invalid_request")
    assert_problem(await nobody.post(PATH, data=form(key, client_id="x" * 1001)), 422, "invalid")
    broken = await nobody.post(PATH, content=b"--", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert broken.status_code in (400, 422)
