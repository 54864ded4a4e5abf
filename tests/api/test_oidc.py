"""Sign-in at a certified identity provider, as a browser and its app go through it."""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
import pytest

from settings import Settings
from tests.api.desk_api import BASE, ApiDesk, assert_problem, do, opened, seeded_desk, ticket_of
from tests.oidc_provider.running import (
    CLIENT_ID,
    CLIENT_SECRET,
    RunningProvider,
    running_provider,
    through_the_pages,
)

CALLBACK = f"{BASE}/api/auth/oidc/corp/callback"
LOGIN = "/api/auth/oidc/corp/login"
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="session")
async def provider() -> AsyncIterator[RunningProvider]:
    async with running_provider(CALLBACK, f"{BASE}/") as running:
        yield running


@pytest.fixture(scope="module")
async def desk(
    provider: RunningProvider,
    api: ApiDesk,
    api_settings: Settings,
    make_folder: Callable[[], Path],
    free_port: Callable[[], int],
) -> AsyncIterator[ApiDesk]:
    """An API with that provider, and with one that is down."""
    corp = {
        "slug": "corp",
        "name": "Corp",
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "claims": {
            "trust_email": ["corp.example", "example.com"],
            "roles_claim": "groups",
            "roles": {"desk": "agent", "leads": "supervisor"},
            "teams_claim": "groups",
            "teams": {"it-support": "support"},
        },
    }
    down = {"slug": "down", "name": "Down", "issuer": f"http://127.0.0.1:{free_port()}", "client_id": "x"}
    file = make_folder() / "providers.json"
    file.write_text(json.dumps({"providers": [corp, down]}))
    settings = api_settings.model_copy(
        update={"oidc_providers_file": file, "public_url": BASE, "outgoing_allow": ("127.0.0.1",)}
    )
    async with seeded_desk(settings) as desk:
        yield desk


@asynccontextmanager
async def browsing(desk: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser with one jar of cookies, for the desk and the provider."""
    async with httpx2.AsyncClient(mounts={BASE: httpx2.ASGITransport(desk.app)}, trust_env=False) as browser:
        yield browser


@pytest.fixture
async def browser(desk: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    async with browsing(desk) as browser:
        yield browser


def somebody(**claims: Any) -> dict[str, Any]:
    """Claims of somebody who was never here."""
    subject = uuid4().hex[:12]
    return {"sub": subject, "email": f"{subject}@corp.example", "email_verified": True, "name": "Ada", **claims}


async def callback_of(
    browser: httpx2.AsyncClient, claims: dict[str, Any], return_to: str = "/", refuses: str | None = None
) -> str:
    """Begin a sign-in; the address at which the provider sends the browser back to us."""
    begun = await browser.get(f"{BASE}{LOGIN}", params={"code_challenge": CHALLENGE, "return_to": return_to})
    assert begun.status_code == 302, begun.text
    return await through_the_pages(browser, begun.headers["location"], claims, CALLBACK, refuses=refuses)


async def returned(browser: httpx2.AsyncClient, claims: dict[str, Any], **options: Any) -> dict[str, str]:
    """What the browser brings back to the app."""
    return said(await browser.get(await callback_of(browser, claims, **options)))


def said(answer: httpx2.Response) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def exchange(browser: httpx2.AsyncClient, code: str, verifier: str = VERIFIER) -> httpx2.Response:
    return await browser.post(f"{BASE}/api/auth/oidc/exchange", json={"code": code, "code_verifier": verifier})


async def signed_in(desk: ApiDesk, claims: dict[str, Any]) -> dict[str, Any]:
    """Sign in from a new browser; the app's tokens."""
    async with browsing(desk) as browser:
        answer = await exchange(browser, (await returned(browser, claims))["code"])
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


async def test_the_providers_are_listed_for_everybody(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get(f"{BASE}/api/auth/oidc")

    assert [item["slug"] for item in answer.json()["items"]] == ["corp", "down"]
    assert answer.json()["items"][0] == {"slug": "corp", "name": "Corp", "login_path": LOGIN}
    assert CLIENT_SECRET not in answer.text


async def test_whoever_signs_in_there_has_an_account_here(desk: ApiDesk, browser: httpx2.AsyncClient) -> None:
    claims = somebody(groups=["desk", "it-support", "choir"])

    location = (await browser.get(await callback_of(browser, claims, "/tickets?mine=1#top"))).headers["location"]
    assert location.startswith("/tickets?mine=1&code=")
    assert location.endswith("#top")
    tokens = (await exchange(browser, parse_qs(urlsplit(location).query)["code"][0])).json()

    person = (
        await browser.get(f"{BASE}/api/auth/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    ).json()
    assert person == tokens["person"]
    assert (person["email"], person["name"]) == (claims["email"], "Ada")
    assert (person["role"], person["teams"]) == ("agent", ["support"])
    assert (await signed_in(desk, claims))["person"]["id"] == person["id"]


async def test_a_browser_comes_back_with_a_session_of_its_own(desk: ApiDesk, browser: httpx2.AsyncClient) -> None:
    begun = await browser.get(f"{BASE}{LOGIN}", params={"return_to": "/tickets"})
    callback = await through_the_pages(browser, begun.headers["location"], somebody(), CALLBACK)

    answer = await browser.get(callback)

    assert (answer.status_code, answer.headers["location"]) == (302, "/tickets")
    cookies = [one.split(";")[0].split("=") for one in answer.headers.get_list("set-cookie")]
    held = {name: value for name, value in cookies if name.startswith("__Host-")}
    assert held.keys() == {"__Host-session", "__Host-csrf"}
    cookie = "; ".join(f"{name}={value}" for name, value in held.items())
    async with browsing(desk) as own:
        me = await own.get(f"{BASE}/api/auth/me", headers={"Cookie": cookie})
    assert me.json()["name"] == "Ada"


async def test_the_provider_is_asked_with_pkce_state_and_nonce(browser: httpx2.AsyncClient) -> None:
    begun = await browser.get(f"{BASE}{LOGIN}", params={"code_challenge": CHALLENGE})

    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [CALLBACK]
    assert asked["code_challenge"] != [CHALLENGE]
    assert all(len(asked[name][0]) >= 43 for name in ("state", "nonce"))
    cookie = begun.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "Max-Age=600", "Path=/api/auth/oidc", "SameSite=lax"))


async def test_roles_follow_the_claims_down_and_tickets_go_back(desk: ApiDesk, admin: httpx2.AsyncClient) -> None:
    claims = somebody(groups=["leads", "it-support"])
    lead = (await signed_in(desk, claims))["person"]
    assert lead["role"] == "supervisor"
    number = (await opened(admin, team="support"))["number"]
    await do(admin, number, "assign", {"assignee": lead["id"]})

    person = (await signed_in(desk, claims | {"groups": ["it-support", "admin"]}))["person"]

    assert (person["role"], person["teams"]) == ("requester", [])
    assert (await ticket_of(admin, number))["assignee"] is None


async def test_an_unverified_address_takes_over_nobody(desk: ApiDesk, browser: httpx2.AsyncClient) -> None:
    victim = "agent@example.com"
    for claims in (
        somebody(email=victim, email_verified=False),
        {"sub": uuid4().hex, "email": victim},
        somebody(email="AGENT@example.com", email_verified=False),
    ):
        assert await returned(browser, claims) == {"sign_in_error": "address_not_trusted"}
    assert not await desk.parts.pool.fetchval(
        "select count(*) from identities where person_id = $1", desk.people["agent"].id
    )


async def test_a_verified_address_of_a_trusted_domain_is_linked(desk: ApiDesk) -> None:
    claims = somebody(email="Requester@example.com")

    assert (await signed_in(desk, claims))["person"]["id"] == str(desk.people["requester"].id)
    moved = claims | {"email": "elsewhere@nowhere.example", "email_verified": False}
    assert (await signed_in(desk, moved))["person"]["id"] == str(desk.people["requester"].id)


async def test_whoever_is_deactivated_stays_out(
    desk: ApiDesk, browser: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    claims = somebody()
    code = (await returned(browser, claims))["code"]
    person = (await signed_in(desk, claims))["person"]
    await admin.patch(f"/api/users/{person['id']}", json={"is_active": False})

    assert_problem(await exchange(browser, code), 403, "account_inactive")
    assert await returned(browser, claims) == {"sign_in_error": "account_inactive"}


@pytest.mark.parametrize("page", ["login", "consent"])
async def test_whoever_says_no_there_is_told_so_here(browser: httpx2.AsyncClient, page: str) -> None:
    assert await returned(browser, somebody(), refuses=page) == {"sign_in_error": "sign_in_denied"}


async def test_a_callback_counts_once_and_in_its_own_browser(desk: ApiDesk, browser: httpx2.AsyncClient) -> None:
    url = await callback_of(browser, somebody())
    cookies = {"Cookie": f"oidc_state={browser.cookies['oidc_state']}"}
    async with browsing(desk) as other:
        assert_problem(await other.get(url), 401, "sign_in_expired")

        assert "code" in said(await browser.get(url))
        assert_problem(await browser.get(url), 401, "sign_in_expired")
        assert_problem(await other.get(url, headers=cookies), 401, "sign_in_expired")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": "forged"}, "sign_in_expired"),
        ({"state": "\u00e4"}, "sign_in_expired"),
        ({"code": "forged"}, "provider_answer"),
        ({"iss": "https://evil.example"}, "provider_answer"),
        ({"error": "server_error"}, "sign_in_denied"),
    ],
)
async def test_a_forged_callback_signs_nobody_in(
    browser: httpx2.AsyncClient, changes: dict[str, str], code: str
) -> None:
    url = urlsplit(await callback_of(browser, somebody()))
    given = {name: values[0] for name, values in parse_qs(url.query).items()}

    answer = await browser.get(CALLBACK, params=given | changes)

    if answer.status_code == 302:
        assert said(answer) == {"sign_in_error": code}
    else:
        assert_problem(answer, 401, code)


async def test_a_callback_of_another_provider_ends_no_attempt(browser: httpx2.AsyncClient) -> None:
    url = await callback_of(browser, somebody())

    assert_problem(await browser.get(url.replace("/corp/", "/down/")), 401, "sign_in_expired")


async def test_a_code_is_exchanged_once_and_by_its_app(browser: httpx2.AsyncClient) -> None:
    stolen = (await returned(browser, somebody()))["code"]
    assert_problem(await exchange(browser, stolen, secrets.token_urlsafe(48)), 401, "sign_in_expired")
    assert_problem(await exchange(browser, stolen), 401, "sign_in_expired")

    code = (await returned(browser, somebody()))["code"]
    answers = await asyncio.gather(*(exchange(browser, code) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]


@pytest.mark.parametrize(
    "path",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\evil", "evil", "/a\nb", "/ä", "", "/\t/evil"],
)
async def test_the_browser_comes_back_to_us_only(browser: httpx2.AsyncClient, path: str) -> None:
    asked = {"return_to": path, "code_challenge": CHALLENGE}

    assert_problem(await browser.get(f"{BASE}{LOGIN}", params=asked), 422, "invalid")
    assert_problem(await browser.get(f"{BASE}/api/auth/oidc/corp/logout", params=asked), 422, "invalid")


async def test_a_provider_that_is_down_harms_nobody_else(desk: ApiDesk, browser: httpx2.AsyncClient) -> None:
    asked = {"return_to": "/tickets", "code_challenge": CHALLENGE}

    answer = await browser.get(f"{BASE}/api/auth/oidc/down/login", params=asked)

    assert said(answer) == {"sign_in_error": "provider_down"}
    assert answer.headers["location"].startswith("/tickets?")
    assert (await signed_in(desk, somebody()))["person"]["role"] == "requester"


async def test_an_unknown_provider_is_not_there(browser: httpx2.AsyncClient) -> None:
    for what in ("login", "callback", "logout"):
        answer = await browser.get(f"{BASE}/api/auth/oidc/nobody/{what}", params={"code_challenge": CHALLENGE})
        assert_problem(answer, 404, "not_found")


async def test_the_session_there_is_ended_there(browser: httpx2.AsyncClient) -> None:
    await returned(browser, somebody())

    answer = await browser.get(f"{BASE}/api/auth/oidc/corp/logout")

    page = await browser.get(answer.headers["location"])
    assert page.status_code == 200
    assert "logout" in page.text.lower() or "sign-out" in page.text.lower()
    assert said(await browser.get(f"{BASE}/api/auth/oidc/down/logout")) == {}
