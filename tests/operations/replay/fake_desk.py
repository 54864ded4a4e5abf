"""A desk over real HTTP that keeps what it was told, and can be told to be busy."""

import json
from collections import Counter

from aiohttp import web

from operations.replay.desk import Json


class FakeDesk:
    """Remembers every effect; `busy` are the statuses that the next requests get instead of an answer.

    A busy answer of 202 comes after the effect, all others before it.
    """

    def __init__(self) -> None:
        self.busy: list[int] = []
        self.effects: list[tuple[str, str, Json]] = []
        self.sign_ins: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self.frames: list[bytes] = []
        self.asked_cursors: list[str] = []
        self._answers: dict[str, Json] = {}
        self._numbers = 1000

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/auth/login", self._login)
        app.router.add_get("/api/events", self._events)
        app.router.add_route("*", "/api/{path:.*}", self._any)
        return app

    async def _login(self, request: web.Request) -> web.Response:
        email = (await request.json())["email"]
        self.sign_ins[email] += 1
        token = f"{email}#{self.sign_ins[email]}"
        self.tokens.add(token)
        return web.json_response({"access_token": token, "person": {"id": f"id of {email}"}})

    async def _any(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"].removeprefix("Bearer ") not in self.tokens:
            return web.json_response({"code": "not_signed_in"}, status=401)
        busy = self.busy.pop(0) if self.busy else None
        if busy not in (None, 202):
            return web.Response(status=busy, headers={"Retry-After": "0"})
        path = "/" + request.match_info["path"]
        if path == "/refused":
            return web.json_response({"code": "illegal_transition"}, status=409)
        answer = self._effect(request, path, json.loads(await request.text() or "{}"))
        return web.json_response(answer, status=202 if busy else 201)

    def _effect(self, request: web.Request, path: str, body: Json) -> Json:
        key = request.headers.get("Idempotency-Key")
        if key in self._answers:
            return self._answers[key]
        self._numbers += path == "/tickets"
        self.effects.append((request.method, path, body))
        answer: Json = {"number": self._numbers}
        if key is not None:
            self._answers[key] = answer
        return answer

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """One frame per connection, then the connection ends; the last one stays open."""
        self.asked_cursors.append(request.headers["Last-Event-ID"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": hello\nretry: 1000\nevent: hello\ndata: {}\n\n")
        if self.frames:
            await response.write(self.frames.pop(0))
        return response
