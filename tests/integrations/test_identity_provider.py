"""What a provider may answer, and what comes of it. Its good days are in `tests/api/test_oidc.py`."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from domain.errors import ProviderAnswerError, ProviderDownError
from integrations.identity_provider import FAILURE_LIFETIME, METADATA_LIFETIME, Begun, IdentityProvider
from integrations.outgoing import Allowed, Bounds, GuardedTransport
from integrations.provider_settings import ProviderSettings

ISSUER = "https://id.example.org"
SETTINGS = ProviderSettings(slug="corp", name="Corp", issuer=ISSUER, client_id="desk")
BEGUN = Begun("state", "nonce", "verifier")
KEY = RSAKey.generate_key(2048, {"kid": "first"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "second"})
BACK = "https://desk.example.org/api/auth/oidc/corp/callback"


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class FakeProvider(httpx2.AsyncBaseTransport):
    """A provider on a fake wire, which says what the test wants."""

    def __init__(self) -> None:
        self.key = KEY
        self.published = KEY
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "first"}
        self.claims: dict[str, Any] = {}
        self.id_token: Any = None
        self.instead: dict[str, httpx2.Response] = {}
        self.metadata: dict[str, Any] = {}
        self.userinfo: Any = {"sub": "ada", "email": "ada@example.org"}
        self.asked: list[str] = []
        self.is_down = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked.append(path)
        if self.is_down:
            raise httpx2.ConnectError("down", request=request)
        if path in self.instead:
            return self.instead[path]
        return httpx2.Response(200, json=self._answers()[path]())

    def _answers(self) -> dict[str, Callable[[], Any]]:
        return {
            "/.well-known/openid-configuration": lambda: {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/auth",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
                "userinfo_endpoint": f"{ISSUER}/userinfo",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                "transport": "never an argument of ours",
                "client_id": "somebody else's",
                **self.metadata,
            },
            "/keys": lambda: {"keys": [self.published.as_dict(private=False)]},
            "/token": lambda: {
                "access_token": "opaque",
                "token_type": "Bearer",
                "id_token": self.id_token if self.id_token is not None else self.signed(),
            },
            "/userinfo": lambda: self.userinfo,
        }

    def signed(self) -> str:
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": ISSUER, "aud": "desk", "sub": "ada", "nonce": "nonce", "iat": now, "exp": now + 60}
        said = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        return jwt.encode(self.header, said, self.key)


@pytest.fixture
def wire() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(wire: FakeProvider, clock: Clock) -> IdentityProvider:
    return IdentityProvider(SETTINGS, wire, clock)


async def test_claims_are_those_of_the_id_token_and_then_of_userinfo(
    provider: IdentityProvider, wire: FakeProvider
) -> None:
    wire.claims = {"name": "Ada"}
    wire.userinfo |= {"name": "Eve", "iss": "https://evil.example"}

    claims = await provider.finish(BEGUN, "code", BACK)

    assert (claims["sub"], claims["name"], claims["email"], claims["iss"]) == ("ada", "Ada", "ada@example.org", ISSUER)


async def test_no_provider_is_asked_before_somebody_signs_in(provider: IdentityProvider, wire: FakeProvider) -> None:
    assert wire.asked == []

    url, begun = await provider.begin(BACK)

    asked = parse_qs(urlsplit(url).query)
    assert (asked["client_id"], asked["state"], asked["nonce"]) == (["desk"], [begun.state], [begun.nonce])
    assert asked["code_challenge_method"] == ["S256"]


PAST = int((datetime.now(UTC) - timedelta(minutes=5)).timestamp())


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"exp": PAST},
        {"exp": None},
        {"exp": "soon"},
        {"aud": "somebody"},
        {"aud": ["desk", "somebody"]},
        {"aud": ["desk", "somebody"], "azp": "somebody"},
        {"aud": "somebody", "azp": "desk"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"sub": "eve"},
        {"iat": None},
        {"at_hash": "wrong"},
    ],
)
async def test_an_id_token_with_other_claims_proves_nothing(
    provider: IdentityProvider, wire: FakeProvider, claims: dict[str, Any]
) -> None:
    wire.claims = claims

    with pytest.raises(ProviderAnswerError):
        await provider.finish(BEGUN, "code", BACK)


@pytest.mark.parametrize(
    "token", ["", "a.b.c", "...", "x" * 10_000, 7, ["a"], {"a": 1}, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."]
)
async def test_what_is_no_signed_token_proves_nothing(
    provider: IdentityProvider, wire: FakeProvider, token: Any
) -> None:
    wire.id_token = token

    with pytest.raises(ProviderAnswerError):
        await provider.finish(BEGUN, "code", BACK)


async def test_a_shared_secret_signs_nothing(provider: IdentityProvider, wire: FakeProvider) -> None:
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": ISSUER, "aud": "desk", "sub": "ada", "nonce": "nonce", "iat": now, "exp": now + 60}
    public = OctKey.import_key(json.dumps(KEY.as_dict(private=False)))
    wire.id_token = jwt.encode({"alg": "HS256", "kid": "first"}, claims, public, algorithms=["HS256"])

    with pytest.raises(ProviderAnswerError):
        await provider.finish(BEGUN, "code", BACK)


async def test_a_new_key_is_fetched_and_an_unknown_one_proves_nothing(
    provider: IdentityProvider, wire: FakeProvider
) -> None:
    await provider.finish(BEGUN, "code", BACK)
    wire.key, wire.header = OTHER_KEY, {"alg": "RS256", "kid": "second"}

    with pytest.raises(ProviderAnswerError):
        await provider.finish(BEGUN, "code", BACK)

    wire.published = OTHER_KEY
    assert (await provider.finish(BEGUN, "code", BACK))["sub"] == "ada"


async def test_a_key_that_only_bears_the_name_proves_nothing(provider: IdentityProvider, wire: FakeProvider) -> None:
    wire.key = OTHER_KEY

    with pytest.raises(ProviderAnswerError):
        await provider.finish(BEGUN, "code", BACK)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/userinfo", "/token"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(500),
        httpx2.Response(404, text="no"),
        httpx2.Response(302, headers={"location": "http://127.0.0.1/"}),
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, json=[]),
        httpx2.Response(200, json={}),
        httpx2.Response(200, content=b"[" * 100_000),
        httpx2.Response(200, content=b"\xff\xfe"),
        httpx2.Response(200, content=b'{"access_token": "a", "expires_in": 1e999}'),
        httpx2.Response(400, json={"error": "invalid_grant", "error_description": "used"}),
    ],
)
async def test_whatever_a_provider_answers_is_one_of_two_refusals(
    provider: IdentityProvider, wire: FakeProvider, path: str, answer: httpx2.Response
) -> None:
    wire.instead[path] = httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    with pytest.raises((ProviderAnswerError, ProviderDownError)):
        await provider.finish(BEGUN, "code", BACK)


async def test_another_issuer_is_not_believed(provider: IdentityProvider, wire: FakeProvider) -> None:
    wire.metadata = {"issuer": "https://evil.example"}

    with pytest.raises(ProviderDownError):
        await provider.begin(BACK)


async def test_a_provider_that_comes_back_is_used_again(
    provider: IdentityProvider, wire: FakeProvider, clock: Clock
) -> None:
    wire.is_down = True
    for _ in range(3):
        with pytest.raises(ProviderDownError):
            await provider.begin(BACK)
    assert len(wire.asked) == 1

    wire.is_down = False
    clock.now += FAILURE_LIFETIME
    await provider.begin(BACK)
    await provider.begin(BACK)
    assert len(wire.asked) == 2

    clock.now += METADATA_LIFETIME
    await provider.begin(BACK)
    assert len(wire.asked) == 3


@asynccontextmanager
async def listening(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[str]:
    """A server on loopback that answers everybody in this way; its address. It ends once everybody has hung up."""
    serving: set[asyncio.Task[Any]] = set()  # nobody else holds them

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*serving)


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" " * 65_536)
        await writer.drain()


@pytest.mark.parametrize("answer", [_silent, _endless])
async def test_neither_silence_nor_a_flood_holds_us(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any], clock: Clock
) -> None:
    async with listening(answer) as issuer:
        transport = GuardedTransport(Allowed.of(["127.0.0.1"]), bounds=Bounds(seconds=0.5, bytes=100_000))
        settings = ProviderSettings(slug="corp", name="Corp", issuer=issuer, client_id="desk")

        with pytest.raises(ProviderDownError):
            await IdentityProvider(settings, transport, clock).begin(BACK)
        await transport.aclose()
