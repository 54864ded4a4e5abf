"""What surrounds every request: headers for browsers, other origins, types and sizes, trusted proxies."""

import asyncio
import base64
import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Form, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.__main__ import server_config
from api.app import create_app
from api.http.content_types import accepted_body
from api.http.http_protocol import MAX_HEAD_BYTES, BoundedHeadProtocol
from api.http.security_headers import SecurityHeaders
from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem

JSON = {"Content-Type": "application/json"}
PAGE = "https://screen.example.org"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "Idempotency-Key,If-Match"}
ON_ALL = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


@asynccontextmanager
async def asking(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an app whose parts are not built: enough for what stands before them."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://desk") as client:
        yield client


@pytest.fixture
def settings(make_folder: Callable[[], Path]) -> Settings:
    return Settings(data_dir=make_folder())


@pytest.mark.parametrize(
    ("path", "status"), [("/health/live", 200), ("/openapi.json", 200), ("/nowhere", 404), ("/api/auth/me", 500)]
)
async def test_every_answer_has_the_headers_for_browsers(settings: Settings, path: str, status: int) -> None:
    async with asking(create_app(settings)) as client:
        answer = await client.get(path, headers={"Authorization": "Bearer x"})

    assert answer.status_code == status
    assert {name: answer.headers[name] for name in ON_ALL} == ON_ALL
    assert "permissions-policy" in answer.headers
    assert "strict-transport-security" not in answer.headers


async def test_a_refused_body_has_them_too(settings: Settings) -> None:
    async with asking(create_app(settings)) as client:
        answer = await client.post("/api/tickets", content=bytes(1_048_577), headers=JSON)

    assert_problem(answer, 413)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("url", "is_there"), [("https://desk.example.org", True), ("http://desk.example.org", False)])
async def test_browsers_are_held_to_tls_where_the_desk_has_it(settings: Settings, url: str, is_there: bool) -> None:
    async with asking(create_app(settings.model_copy(update={"public_url": url}))) as client:
        answer = await client.get("/health/live")

    assert ("strict-transport-security" in answer.headers) is is_there


async def test_a_header_that_a_route_has_set_stays() -> None:
    app = FastAPI()

    @app.get("/picture")
    async def picture(response: Response) -> None:
        response.headers["Cache-Control"] = "private, max-age=60"

    async with asking(SecurityHeaders(app, is_https=False)) as client:
        answer = await client.get("/picture")

    assert answer.headers.get_list("cache-control") == ["private, max-age=60"]


async def test_the_page_of_the_api_may_run_its_own_scripts_and_no_other(settings: Settings) -> None:
    async with asking(create_app(settings)) as client:
        page = await client.get("/docs")

    policy = page.headers["content-security-policy"]
    scripts = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert page.text.count("<script") == 2, "the bundle and the one that is hashed"


async def test_pages_of_other_origins_are_let_in_by_name(settings: Settings) -> None:
    async with asking(create_app(settings.model_copy(update={"cors_origins": (PAGE,)}))) as client:
        asked = await client.options("/api/tickets", headers={"Origin": PAGE, **PREFLIGHT})
        answer = await client.get("/health/live", headers={"Origin": PAGE})
        refused = await client.options("/api/tickets", headers={"Origin": "https://evil.example", **PREFLIGHT})
        other = await client.get("/health/live", headers={"Origin": "https://evil.example"})

    assert asked.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-expose-headers"] == "ETag, Location, Retry-After"
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    assert "access-control-allow-origin" not in other.headers


async def test_nobody_is_let_in_unless_named(settings: Settings) -> None:
    async with asking(create_app(settings)) as client:
        answer = await client.get("/health/live", headers={"Origin": PAGE})

    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "sent", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_a_body_that_is_not_json_is_refused(api: ApiDesk, sent: str) -> None:
    async with api.client("agent") as agent:
        answer = await agent.post("/api/tickets", content=b'{"title": "x"}', headers={"Content-Type": sent})

    assert_problem(answer, 415, "unsupported_media_type")


async def test_a_form_cannot_trigger_a_command_that_needs_no_body(api: ApiDesk) -> None:
    async with api.client("agent") as agent:
        answer = await agent.post("/api/tickets/1/claim", data={"x": "y"})

    assert_problem(answer, 415)


async def test_a_route_can_accept_another_type() -> None:
    router = APIRouter(dependencies=[Depends(accepted_body)])

    @router.post("/form")
    async def form(name: str = Form()) -> str:
        return name

    @router.post("/raw", openapi_extra={"requestBody": {"content": {"image/png": {}}}})
    async def raw(request: Request) -> int:
        return len(await request.body())

    app = FastAPI()
    app.include_router(router)
    async with asking(app) as client:
        assert (await client.post("/form", data={"name": "ada"})).json() == "ada"
        assert (await client.post("/form", json={"name": "ada"})).status_code == 415
        assert (await client.post("/raw", content=b"png", headers={"Content-Type": "image/png"})).json() == 3
        assert (await client.post("/raw", json=1)).status_code == 415


async def test_a_compressed_body_is_refused(api: ApiDesk) -> None:
    packed = gzip.compress(json.dumps({"title": "x"}).encode())
    async with api.client("agent") as agent:
        answer = await agent.post("/api/tickets", content=packed, headers={**JSON, "Content-Encoding": "gzip"})

    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000 + b"]" * 10_000,
        b'{"title": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
        b'{"title": "x", "estimated_minutes": ' + b"9" * 100_000 + b"}",
        b'{"title": "x", "title": 7}',
    ],
    ids=["a deep list", "a deep object", "a huge number", "a name twice, the last one wrong"],
)
async def test_json_made_to_hurt_is_malformed_and_no_fault(api: ApiDesk, body: bytes) -> None:
    async with api.client("agent") as agent:
        assert_problem(await agent.post("/api/tickets", content=body, headers=JSON), 422)


async def test_long_addresses_and_heads_are_refused(settings: Settings) -> None:
    async with asking(create_app(settings)) as client:
        assert_problem(await client.get("/health/live?" + "x" * 8200), 414)
        assert_problem(await client.get("/health/live", headers={"X-Long": "x" * 40_000}), 431)
        assert_problem(await client.get("/health/live", headers={f"X-{n}": "x" for n in range(101)}), 431)


async def who(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the address that the server says the client has, and the scheme."""
    text = f"{scope['client'][0]} {scope['scheme']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


@asynccontextmanager
async def serving(settings: Settings, protocol: type[asyncio.Protocol] = BoundedHeadProtocol) -> AsyncIterator[int]:
    """`who` as the API is served, on a port of loopback."""
    config = server_config(settings.model_copy(update={"api_port": 0}), who)
    config.http = protocol
    config.lifespan = "off"
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


@pytest.mark.parametrize(
    ("trusted", "forwarded", "seen"),
    [
        (("127.0.0.1",), "203.0.113.9", "203.0.113.9 https"),
        (("127.0.0.1",), "10.0.0.1, 203.0.113.9", "203.0.113.9 https"),
        (("127.0.0.0/8", "10.0.0.0/8"), "203.0.113.9, 10.0.0.1", "203.0.113.9 https"),
        (("10.0.0.1",), "203.0.113.9", "127.0.0.1 http"),
    ],
    ids=["from the proxy", "what the client claimed before the proxy", "through two proxies", "from anybody else"],
)
async def test_only_a_trusted_proxy_says_who_calls(
    settings: Settings, trusted: tuple[str, ...], forwarded: str, seen: str
) -> None:
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
    async with (
        serving(settings.model_copy(update={"trusted_proxies": trusted})) as port,
        httpx2.AsyncClient() as client,
    ):
        answer = await client.get(f"http://127.0.0.1:{port}/", headers=headers)

    assert answer.text == seen


async def test_a_head_without_end_is_cut_off(settings: Settings) -> None:
    async with serving(settings) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: desk\r\nX-Long: " + b"x" * MAX_HEAD_BYTES)
        assert (await reader.read()).startswith(b"HTTP/1.1 431")
        writer.close()


class HurriedProtocol(BoundedHeadProtocol):
    head_seconds = 0.1


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: desk\r\n"])
async def test_a_head_that_does_not_come_closes_the_connection(settings: Settings, begun: bytes) -> None:
    async with serving(settings, HurriedProtocol) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        assert await reader.read() == b""
        writer.close()


async def test_one_connection_carries_requests_in_turn(settings: Settings) -> None:
    """The time and size of a head count for each request anew."""
    async with serving(settings) as port, httpx2.AsyncClient() as client:
        for _ in range(5):
            answer = await client.get(f"http://127.0.0.1:{port}/", headers={"X-Long": "x" * (MAX_HEAD_BYTES // 4)})
            assert answer.status_code == 200
