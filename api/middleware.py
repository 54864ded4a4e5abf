"""Around every request: a bound on its body, and metrics. Plain ASGI, so that streams pass untouched."""

import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.health import REQUESTS, SECONDS
from api.problems import problem

_UPLOAD = re.compile(r"/api/tickets/\d{1,20}/attachments")


class AnnouncedBodyLimit:
    """Answers 413 to a body that says it is over the bound; the framework counts those that do not say.

    Files of tickets may be larger than all other bodies.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_upload_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
            is_upload = scope["method"] == "POST" and _UPLOAD.fullmatch(scope["path"]) is not None
            bound = self._max_upload_bytes if is_upload else self._max_bytes
            if announced.isdigit() and int(announced) > bound:
                refusal = problem(413, "content_too_large", f"A body may have at most {bound} bytes.")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


class Metrics:
    """Counts and times requests by route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unmatched")
                SECONDS.labels(scope["method"], route).observe(time.perf_counter() - started)
                REQUESTS.labels(scope["method"], route, message["status"]).inc()
            await send(message)

        await self._app(scope, receive, measured)
