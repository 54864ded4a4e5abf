"""The codec endpoint: payloads in the clear for admins, from the Web UI's own pages too, and for nobody else."""

import base64
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload

from api.app import MAX_BODY_BYTES
from api.codec import MAX_METADATA, MAX_PAYLOADS
from tests.api.credentials.test_browser_session import browser_session
from tests.api.desk_api import ApiDesk, assert_problem, running_app
from tests.workflows.engine_desk import raw
from tests.workflows.payload_rings import NEW, OLD, codec, ring
from workflows.encryption import ENCODING

UI = "http://127.0.0.1:8233"
SECRET = b'"a planted word"'
PATHS = ("/api/codec/decode", "/api/codec/encode")


@pytest.fixture(scope="module")
async def keeper(api: ApiDesk) -> AsyncIterator[ApiDesk]:
    """The same desk, by an app that has keys."""
    keys = SecretStr(ring(OLD, NEW).model_dump_json())
    settings = api.settings.model_copy(update={"payload_keys": keys})
    async with running_app(settings) as app:
        yield ApiDesk(app, settings, api.people, api.sessions)


@pytest.fixture
async def admin(keeper: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    async with keeper.client("admin") as client:
        yield client


def spoken(*payloads: Payload) -> dict[str, Any]:
    """As protobuf's JSON has them."""
    return {
        "payloads": [
            {
                "metadata": {name: base64.b64encode(value).decode() for name, value in one.metadata.items()},
                "data": base64.b64encode(one.data).decode(),
            }
            for one in payloads
        ]
    }


async def sealed(*ids: str) -> list[Payload]:
    """The secret, under each of these keys."""
    return [one for id in ids for one in await codec(id).encode([raw(SECRET)])]


async def asked(client: httpx2.AsyncClient, what: str, payloads: Sequence[Payload], **headers: str) -> Any:
    answer = await client.post(f"/api/codec/{what}", json=spoken(*payloads), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_the_api_sends_to_the_engine_is_encrypted(keeper: ApiDesk) -> None:
    (payload,) = await keeper.parts.workflows._client.data_converter.encode(["a word"])

    assert payload.metadata["kid"] == NEW.encode()


async def test_an_admin_reads_what_any_key_of_the_ring_encrypted(admin: httpx2.AsyncClient) -> None:
    clear = await asked(admin, "decode", await sealed(OLD, NEW))

    assert clear == spoken(raw(SECRET), raw(SECRET))


async def test_what_was_not_encrypted_comes_back_as_it_is(admin: httpx2.AsyncClient) -> None:
    assert await asked(admin, "decode", [raw(b"1")]) == spoken(raw(b"1"))
    assert await asked(admin, "decode", []) == spoken()


async def test_what_is_encoded_is_encrypted_with_the_current_key(admin: httpx2.AsyncClient) -> None:
    encoded = await asked(admin, "encode", [raw(SECRET)])

    (payload,) = encoded["payloads"]
    assert base64.b64decode(payload["metadata"]["encoding"]) == ENCODING
    assert base64.b64decode(payload["metadata"]["kid"]) == NEW.encode()
    assert SECRET not in base64.b64decode(payload["data"])
    answer = await admin.post("/api/codec/decode", json=encoded)
    assert answer.json() == spoken(raw(SECRET))


@pytest.mark.parametrize("path", PATHS)
async def test_only_admins_may(keeper: ApiDesk, path: str) -> None:
    for name in ("supervisor", "agent", "requester"):
        async with keeper.client(name) as client:
            assert_problem(await client.post(path, json=spoken(raw(SECRET))), 403, "forbidden")
    async with keeper.client() as nobody:
        assert_problem(await nobody.post(path, json=spoken(raw(SECRET))), 401, "unauthenticated")


async def test_the_namespace_is_ours_or_not_named(keeper: ApiDesk, admin: httpx2.AsyncClient) -> None:
    ours = keeper.settings.temporal_namespace
    assert await asked(admin, "decode", await sealed(NEW), **{"X-Namespace": ours}) == spoken(raw(SECRET))

    answer = await admin.post("/api/codec/decode", json=spoken(*await sealed(NEW)), headers={"X-Namespace": "other"})

    assert ours in assert_problem(answer, 422, "invalid")["detail"]


async def test_what_cannot_be_read_is_refused_with_its_reason(admin: httpx2.AsyncClient) -> None:
    (one,) = await sealed(NEW)
    changed = Payload(metadata=one.metadata, data=one.data[:-1])
    unknown = Payload(metadata={**one.metadata, "kid": b"2001-01"}, data=one.data)

    refusals = [await admin.post("/api/codec/decode", json=spoken(each)) for each in (changed, unknown)]

    details = [assert_problem(refusal, 422, "payload_unreadable")["detail"] for refusal in refusals]
    assert ("was changed" in details[0], "2001-01" in details[1]) == (True, True)


@pytest.mark.parametrize(
    "body",
    [
        {"payloads": [{"data": "no base64!"}]},
        {"payloads": [{"metadata": {"encoding": "ä"}, "data": ""}]},
        {"payloads": [{"metadata": ["encoding"], "data": ""}]},
        {"payloads": [{"metadata": dict.fromkeys(map(str, range(MAX_METADATA + 1)), ""), "data": ""}]},
        {"payloads": [{"data": ""}] * (MAX_PAYLOADS + 1)},
        {"payloads": "none"},
        [],
    ],
)
async def test_malformed_and_endless_payloads_are_refused(admin: httpx2.AsyncClient, body: Any) -> None:
    for path in PATHS:
        assert_problem(await admin.post(path, json=body), 422, "invalid")


async def test_a_body_over_the_bound_is_refused(admin: httpx2.AsyncClient) -> None:
    answer = await admin.post("/api/codec/decode", json=spoken(raw(b"x" * MAX_BODY_BYTES)))

    assert_problem(answer, 413, "content_too_large")


async def test_without_keys_there_is_nothing_to_decode(api: ApiDesk) -> None:
    async with api.client("admin") as client:
        for path in PATHS:
            assert_problem(await client.post(path, json=spoken(raw(SECRET))), 404, "not_found")


def preflight(origin: str) -> dict[str, str]:
    """What a browser asks before a page of that origin may post."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
    }


def allowances(answer: httpx2.Response) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-allow-")}


@pytest.mark.parametrize("origin", [UI, "http://localhost:8233"])
async def test_pages_of_the_web_ui_may_call_with_credentials(keeper: ApiDesk, origin: str) -> None:
    async with keeper.client() as browser:
        asked_before = await browser.options("/api/codec/decode", headers=preflight(origin))
        refused = await browser.post("/api/codec/decode", json={}, headers={"Origin": origin})

    assert asked_before.status_code == 200
    for answer in (asked_before, refused):
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "origin" in answer.headers["vary"].lower()
    assert_problem(refused, 401, "unauthenticated")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8234", "https://127.0.0.1:8233"])
async def test_pages_of_other_origins_may_not(keeper: ApiDesk, origin: str) -> None:
    async with keeper.client("admin") as browser:
        asked_before = await browser.options("/api/codec/decode", headers=preflight(origin))
        answer = await browser.post("/api/codec/decode", json=spoken(raw(SECRET)), headers={"Origin": origin})

    assert asked_before.status_code == 400
    for each in (asked_before, answer):
        assert "access-control-allow-origin" not in each.headers


async def test_an_operator_who_is_signed_in_by_cookie_reads_payloads_in_the_web_ui(keeper: ApiDesk) -> None:
    """From there no header of ours comes along; what changes something is still refused."""
    async with keeper.client() as nobody:
        browser = await browser_session(nobody, "admin@example.com")
        from_the_ui = browser.headers(**{"Origin": UI, "Sec-Fetch-Site": "same-site"})
        sealed_secret = spoken(*await sealed(NEW))

        answer = await nobody.post("/api/codec/decode", json=sealed_secret, headers=from_the_ui)
        assert answer.json() == spoken(raw(SECRET))
        assert answer.headers["access-control-allow-origin"] == UI
        assert answer.headers["access-control-allow-credentials"] == "true"
        opening = await nobody.post("/api/tickets", json={"title": "x"}, headers=from_the_ui)
        assert_problem(opening, 403, "cross_site")


@pytest.mark.parametrize("path", ["/api/tickets", "/api/codecs", "/api/auth/me", "/health/live", "/api/codec"])
async def test_no_other_path_is_opened_to_the_web_ui(keeper: ApiDesk, path: str) -> None:
    async with keeper.client("admin") as browser:
        assert not allowances(await browser.options(path, headers=preflight(UI)))
        assert not allowances(await browser.get(path, headers={"Origin": UI}))


async def test_another_origin_may_be_set(keeper: ApiDesk) -> None:
    settings = keeper.settings.model_copy(update={"temporal_ui_origin": "https://temporal.example"})
    async with running_app(settings) as app, ApiDesk(app, settings, keeper.people, keeper.sessions).client() as browser:
        theirs = await browser.options("/api/codec/decode", headers=preflight("https://temporal.example"))
        usual = await browser.options("/api/codec/decode", headers=preflight(UI))

    assert theirs.headers["access-control-allow-origin"] == "https://temporal.example"
    assert usual.status_code == 400
