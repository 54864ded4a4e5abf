"""A real push service on this machine, and browsers that subscribed at it: it checks who sends (RFC 8292), they alone
can read what was sent (RFC 8291)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import http_ece
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from domain.ids import PushSubscriptionId
from domain.push import PushKeys

HOST = "127.0.0.1"
DAY = timedelta(days=1)


def spelled(data: bytes) -> str:
    """As base64url, without padding, as browsers do."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """Somebody's browser with a subscription of its own."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._key = generate_private_key(SECP256R1())
        self._auth = uuid4().bytes
        self.p256dh = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def keys(self) -> PushKeys:
        return PushKeys(PushSubscriptionId(uuid4()), self.endpoint, self.p256dh, self._auth)

    @property
    def auth(self) -> bytes:
        return self._auth

    def to_json(self) -> dict[str, Any]:
        """What `PushSubscription.toJSON()` gives."""
        keys = {"p256dh": spelled(self.p256dh), "auth": spelled(self._auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    def reads(self, body: bytes) -> dict[str, Any]:
        """What its service worker is shown."""
        text = http_ece.decrypt(body, private_key=self._key, auth_secret=self._auth, version="aes128gcm")
        shown: dict[str, Any] = json.loads(text)
        return shown


class Came(NamedTuple):
    """A push, as the service has it."""

    path: str
    headers: dict[str, str]
    claims: dict[str, Any]
    key: str
    """The sender's public key."""
    body: bytes


class PushService:
    """What came, and what is answered: the next answers first, then what is said of an address, then yes."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.answers: list[web.StreamResponse] = []
        self.of_path: dict[str, int] = {}
        self.origin = ""
        self.gigabytes = False
        self.hangs = False
        self.let_go = asyncio.Event()

    def browser(self) -> Browser:
        return Browser(f"{self.origin}/push/{uuid4().hex}")

    def at(self, browser: Browser) -> list[Came]:
        """What came for a browser, refused or taken."""
        return [one for one in self.came if browser.endpoint.endswith(one.path)]

    async def take(self, request: web.Request) -> web.StreamResponse:
        claims, key = checked(request.headers["Authorization"], self.origin)
        self.came.append(Came(request.path, dict(request.headers), claims, key, await request.read()))
        if self.hangs:
            await self.let_go.wait()
        if self.answers:
            return self.answers.pop(0)
        if self.gigabytes:
            return await self._endless(request)
        return web.Response(status=self.of_path.get(request.path, 201))

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=201)
        await answer.prepare(request)
        try:
            for _ in range(1024):
                await answer.write(b"x" * 2**20)
        except ConnectionError:
            pass  # it had enough
        return answer


def checked(header: str, origin: str) -> tuple[dict[str, Any], str]:
    """What the sender says of itself. Fails where a push service would say 401 or 403."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "vapid"
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), read(parts["k"]))
    pem = point.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = jwt.decode(parts["t"], ECKey.import_key(pem), algorithms=["ES256"])
    claims = dict(token.claims)
    assert claims["aud"] == origin
    assert claims["sub"].startswith(("mailto:", "https:"))
    now = datetime.now(UTC)
    assert now < datetime.fromtimestamp(claims["exp"], UTC) <= now + DAY
    return claims, parts["k"]


@asynccontextmanager
async def push_service(port: int = 0) -> AsyncIterator[PushService]:
    """A service that listens, over HTTP; whoever calls it has to be allowed to."""
    service = PushService()
    app = web.Application(client_max_size=2**20)
    app.router.add_post("/push/{device}", service.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, HOST, port)
    await site.start()
    service.origin = f"http://{HOST}:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        service.let_go.set()
        await runner.cleanup()
