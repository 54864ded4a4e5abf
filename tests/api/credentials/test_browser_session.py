"""A browser's session: what the cookie opens, and what has to come beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from tests.api.accounts import PASSWORD, bearer, new_email, signed_up
from tests.api.browser import PROGRAM, browser_at
from tests.api.desk_api import ApiDesk, assert_problem, opened
from tests.api.listening import stream_server


class Browser(NamedTuple):
    """What a browser holds after it signed in."""

    cookie: str
    csrf_token: str
    answer: httpx2.Response

    def headers(self, **more: str) -> dict[str, str]:
        return {"Cookie": f"__Host-session={self.cookie}", **more}

    @property
    def changing(self) -> dict[str, str]:
        return self.headers(**{"X-CSRF-Token": self.csrf_token})


async def browser_session(
    client: httpx2.AsyncClient, email: str = "requester@example.com", password: str = "smart-ticketing-demo"
) -> Browser:
    answer = await client.post("/api/auth/browser-session", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    client.cookies.clear()
    return Browser(cookies_of(answer)["__Host-session"].value, answer.json()["csrf_token"], answer)


def cookies_of(answer: httpx2.Response) -> SimpleCookie:
    cookies = SimpleCookie()
    for line in answer.headers.get_list("Set-Cookie"):
        cookies.load(line)
    return cookies


async def test_the_cookie_is_for_this_host_and_no_script(nobody: httpx2.AsyncClient) -> None:
    browser = await browser_session(nobody)

    cookies = cookies_of(browser.answer)
    session, csrf = cookies["__Host-session"], cookies["__Host-csrf"]
    for cookie in (session, csrf):
        assert (cookie["path"], cookie["domain"], cookie["secure"], cookie["samesite"]) == ("/", "", True, "lax")
    assert (session["httponly"], csrf["httponly"]) == (True, "")
    assert csrf.value == browser.csrf_token
    assert browser.cookie.partition(".")[2] not in browser.answer.text


async def test_the_cookie_signs_in_and_the_database_does_not_have_it(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    browser = await browser_session(nobody)

    me = await nobody.get("/api/auth/me", headers=browser.headers())

    assert me.json()["email"] == "requester@example.com"
    row = await api.parts.pool.fetchrow("select * from sessions order by created_at desc limit 1")
    assert row is not None
    assert browser.cookie.partition(".")[2] not in str(list(row.values()))


async def test_a_change_takes_the_token_that_belongs_to_the_session(nobody: httpx2.AsyncClient) -> None:
    browser, other = await browser_session(nobody), await browser_session(nobody)
    body = {"title": "The printer is on fire"}

    for headers in (
        browser.headers(),
        browser.headers(**{"X-CSRF-Token": ""}),
        browser.headers(**{"X-CSRF-Token": other.csrf_token}),
        {**browser.changing, "Sec-Fetch-Site": "cross-site"},
        {**browser.changing, "Sec-Fetch-Site": "same-site"},
        {**browser.changing, "Sec-Fetch-Site": "none"},
        {**browser.changing, "Origin": "https://evil.example"},
        {**browser.changing, "Origin": "null"},
    ):
        assert_problem(await nobody.post("/api/tickets", json=body, headers=headers), 403, "cross_site")
    for more in ({}, {"Sec-Fetch-Site": "same-origin", "Origin": "http://desk"}):
        made = await nobody.post("/api/tickets", json=body, headers=browser.changing | more)
        assert made.status_code == 201, made.text


async def test_another_site_signs_nobody_in(nobody: httpx2.AsyncClient) -> None:
    login = {"email": "requester@example.com", "password": "smart-ticketing-demo"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = await nobody.post("/api/auth/browser-session", json=login, headers=headers)
        assert_problem(answer, 403, "cross_site")
        assert "Set-Cookie" not in answer.headers


async def test_a_token_in_a_header_goes_before_the_cookie(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    browser = await browser_session(nobody)

    me = await nobody.get("/api/auth/me", headers=browser.headers() | api.headers("agent"))

    assert me.json()["email"] == "agent@example.com"
    wrong = await nobody.get("/api/auth/me", headers=browser.headers(Authorization="Bearer wrong"))
    assert_problem(wrong, 401, "unauthenticated")


async def test_only_a_cookie_of_ours_signs_in(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    browser = await browser_session(nobody)
    session, _, secret = browser.cookie.partition(".")
    token_session = api.sessions["admin"].id.hex
    for cookie in (
        "x", ".", f"{session}.", f".{secret}", f"{session}.{secret}x", f"{session}.{secret[:-1]}",
        f"{uuid4().hex}.{secret}", f"{token_session}.{secret}", f"{token_session}.", session, "a" * 5000,
    ):  # fmt: skip
        answer = await nobody.get("/api/auth/me", headers={"Cookie": f"__Host-session={cookie}"})
        assert_problem(answer, 401, "unauthenticated")


async def test_a_browsers_session_has_no_tokens(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    browser = await browser_session(nobody)
    session = browser.cookie.partition(".")[0]
    row = await api.parts.pool.fetchrow("select id, person_id from sessions where id = $1::uuid", session)
    assert row is not None

    forged = api.parts.tokens.make(row["person_id"], api.sessions["admin"]._replace(id=row["id"]))

    answer = await nobody.get("/api/auth/me", headers={"Authorization": f"Bearer {forged}"})
    assert_problem(answer, 401, "unauthenticated")


async def test_logging_out_takes_the_cookie_back(nobody: httpx2.AsyncClient) -> None:
    browser = await browser_session(nobody)

    gone = await nobody.post("/api/auth/logout", headers=browser.changing)

    assert gone.status_code == 204
    assert {cookie["max-age"] for cookie in cookies_of(gone).values()} == {"0"}
    assert_problem(await nobody.get("/api/auth/me", headers=browser.headers()), 401, "unauthenticated")


async def test_changing_the_password_keeps_this_browser_signed_in(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    email = new_email()
    elsewhere = await signed_up(api, nobody, email)
    browser = await browser_session(nobody, email, PASSWORD)

    body = {"old_password": PASSWORD, "password": "another unlikely sentence"}
    assert (await nobody.post("/api/auth/change-password", json=body, headers=browser.changing)).status_code == 204

    assert (await nobody.get("/api/auth/me", headers=browser.headers())).status_code == 200
    assert (await nobody.get("/api/auth/me", headers=bearer(elsewhere))).status_code == 401


PAGE = """<!doctype html><title>A page of the desk</title><script type="module">
const post = (path, body, headers) => fetch(path, {
  method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });
const report = (found) => post("/test/report", found);
const next = (events, type) => new Promise((resolve) => events.addEventListener(type, (event) => resolve(event.data)));
const robin = { email: "requester@example.com", password: "smart-ticketing-demo" };
try {
  const login = await post("/api/auth/browser-session", robin);
  const csrf = document.cookie.split("; ").find((one) => one.startsWith("__Host-csrf="))?.split("=")[1];
  const events = new EventSource("/api/events");
  const bye = next(events, "bye");
  await next(events, "hello");
  const heard = next(events, "ticket.opened");
  const bare = await post("/api/tickets", { title: "Without the token" });
  const made = await post("/api/tickets", { title: "From a browser" }, { "X-CSRF-Token": csrf });
  const number = (await made.json()).number;
  const { ticket } = JSON.parse(await heard);
  await post("/api/auth/logout", {}, { "X-CSRF-Token": csrf });
  const { reason } = JSON.parse(await bye);
  events.close();
  await report({ login: login.status, cookies: document.cookie.includes("__Host-session"), bare: bare.status,
    made: made.status, isHeard: ticket === number, reason, after: (await fetch("/api/auth/me")).status });
} catch (error) { await report({ error: String(error) }); }
</script>"""


@asynccontextmanager
async def page_of_ours(api: ApiDesk) -> AsyncIterator[tuple[str, "asyncio.Future[dict[str, Any]]"]]:
    """The desk on a port, with one page more; its address, and what its script reports."""
    reported: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE, headers={"Content-Security-Policy": "default-src 'self' 'unsafe-inline'"})

    async def report(found: dict[str, Any]) -> None:
        reported.set_result(found)

    async with stream_server(api.settings) as server:
        app = server.server.config.app
        assert isinstance(app, FastAPI)
        app.add_api_route("/test/page", page, response_class=HTMLResponse)
        app.add_api_route("/test/report", report, methods=["POST"])
        yield server.base.replace("127.0.0.1", "localhost") + "/test/page", reported


@pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium on this machine")
async def test_a_real_browser_signs_in_listens_changes_and_signs_out(api: ApiDesk) -> None:
    async with page_of_ours(api) as (address, reported), browser_at(address):
        async with asyncio.timeout(60):
            found = await reported

    assert found == {
        "login": 200,
        "cookies": False,
        "bare": 403,
        "made": 201,
        "isHeard": True,
        "reason": "signed out",
        "after": 401,
    }


async def test_a_stream_takes_the_cookie(api: ApiDesk, nobody: httpx2.AsyncClient) -> None:
    browser = await browser_session(nobody)
    async with stream_server(api.settings) as server, server.listen(browser.headers()) as stream:
        async with api.client("requester") as client:
            number = (await opened(client))["number"]
        async with asyncio.timeout(10):
            await stream.until_event("ticket.opened", number)
