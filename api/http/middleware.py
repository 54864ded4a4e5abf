"""Around every request: bounds on what is sent, and metrics. Plain ASGI, so that streams pass untouched."""

import re
import time

from prometheus_client import Counter, Histogram
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import problem

_UPLOAD = re.compile(r"/api/tickets/\d{1,20}/attachments")
REQUESTS = Counter("http_requests", "Requests answered.", ["method", "route", "status"], registry=None)
SECONDS = Histogram(
    "http_request_seconds",
    "Time to the first byte of the answer.",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
    registry=None,
)
REQUEST_FIGURES = (REQUESTS, SECONDS)
MAX_ADDRESS_BYTES = 8192
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768


class AnnouncedBodyLimit:
    """Answers 413 to a body that says it is over the bound; the framework counts those that do not say. Also 415 to a
    compressed body, whose size says nothing, and 414 and 431 to addresses and headers over their bounds.

    Files of tickets may be larger than all other bodies.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_upload_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        announced, encoding, size = b"0", b"", 0
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"content-length":
                announced = value
            elif name == b"content-encoding":
                encoding = value
        is_upload = scope["method"] == "POST" and _UPLOAD.fullmatch(scope["path"]) is not None
        bound = self._max_upload_bytes if is_upload else self._max_bytes
        if announced.isdigit() and int(announced) > bound:
            return problem(413, "content_too_large", f"A body may have at most {bound} bytes.")
        if encoding and encoding.strip().lower() != b"identity":
            return problem(415, "unsupported_media_type", "A body is sent as it is, not compressed.")
        if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > MAX_ADDRESS_BYTES:
            return problem(414, "uri_too_long", f"An address may have at most {MAX_ADDRESS_BYTES} bytes.")
        if size > MAX_HEADER_BYTES or len(scope["headers"]) > MAX_HEADERS:
            detail = f"At most {MAX_HEADERS} headers, of {MAX_HEADER_BYTES} bytes together."
            return problem(431, "request_header_fields_too_large", detail)
        return None


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
