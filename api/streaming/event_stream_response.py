"""An open event stream as an ASGI response: one client's connection, and the blocks that go out on it.

Frameworks' own responses start several tasks and a timer for each client; with thousands of them that is most of what a
stream costs. Here the request's task sends, a second one waits for the client to leave, and nothing else is kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.http_protocol import ABORT

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # a proxy that gathers before it sends holds events back
}


class Line:
    """A client's connection."""

    __slots__ = ("_abort", "_send", "busy_since", "is_over", "on_gone")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._abort: Callable[[], None] | None = scope.get("extensions", {}).get(ABORT, {}).get("drop")
        self.is_over = False
        """Whether the stream has ended in order; the connection may serve another request by now."""
        self.busy_since: float | None = None
        """Since when (on the monotonic clock) a block waits for the client to read; None: none does."""
        self.on_gone: Callable[[], None] | None = None
        """Called once when the client has left."""

    async def write(self, block: bytes) -> None:
        """Returns when the block is with the network; to a client that has left, at once."""
        self.busy_since = time.monotonic()
        await self._send({"type": "http.response.body", "body": block, "more_body": True})
        self.busy_since = None

    def cut(self) -> None:
        """Drop the connection with all that waits in it: whoever is in `write` returns, and the client has left."""
        if self._abort is not None and not self.is_over:
            self._abort()


class EventStreamResponse(Response):
    """`tell` writes blocks to the line; when it returns the stream is over."""

    def __init__(self, tell: Callable[[Line], Awaitable[None]], status_code: int = 200) -> None:
        # `status_code` is read by FastAPI, which documents the class by its signature.
        self._tell = tell
        self.status_code = status_code
        self.background = None
        self.init_headers(HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = Line(scope, send)
        watching = asyncio.create_task(_watch(line, receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._tell(line)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            line.is_over = True
        finally:
            watching.cancel()


async def _watch(line: Line, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if line.on_gone is not None:
        line.on_gone()
