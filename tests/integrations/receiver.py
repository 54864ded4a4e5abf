"""A receiver of webhooks on loopback: it checks every signature with the public package, keeps what came, and answers
as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Received(NamedTuple):
    """A call that came with a good signature."""

    id: str
    headers: Mapping[str, str]
    payload: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.payload["type"])

    @property
    def ticket(self) -> int | None:
        number: int | None = self.payload["data"].get("ticket")
        return number


class Receiver:
    """Answers every call alike, until it is told otherwise."""

    def __init__(self) -> None:
        self.secret = ""
        self.received: list[Received] = []
        self.calls = 0
        self.unsigned = 0
        self.port = 0
        self.answering: Answering = fine

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        body = await request.text()
        if self.secret:
            try:
                Webhook(self.secret).verify(body, dict(request.headers))
            except WebhookVerificationError:
                self.unsigned += 1
                return web.Response(status=401)
        answer = await self.answering(request)
        self.received.append(Received(request.headers["webhook-id"], dict(request.headers), json.loads(body)))
        return answer


async def fine(request: web.Request) -> web.StreamResponse:
    return web.Response(text="thanks", headers={"X-Request-Id": "abc", "Set-Cookie": "no=business-of-ours"})


def status(code: int, **headers: str) -> Answering:
    async def answering(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text="no", headers=headers)

    return answering


async def hanging(request: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    raise AssertionError("it waits for ever")


async def dripping(request: web.Request) -> web.StreamResponse:
    """Says yes, and then never comes to an end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b".")
        await asyncio.sleep(0.05)


async def endless(request: web.Request) -> web.StreamResponse:
    """Says yes, and then a gigabyte."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1024):
        await response.write(b"x" * 1_048_576)
    return response


async def breaking_off(request: web.Request) -> web.StreamResponse:
    """Announces more than it says."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"half")
    assert request.transport is not None
    request.transport.abort()
    return response


async def noise(request: web.Request) -> web.StreamResponse:
    """Says what is no text."""
    return web.Response(body=b"a\x00b\xff")


async def compressed(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"})


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that listens; it goes with the test."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        await runner.cleanup()
