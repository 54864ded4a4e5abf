"""The server's HTTP, with bounds on what comes before a request begins: the server itself has none.

Somebody who sends a head without end, or a byte of it now and then, would hold memory or a connection for ever.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536
"""Of the request line and the headers, as they come from the wire."""
HEAD_SECONDS = 20.0
"""From the connection, or the first byte of a later request, to the end of the headers."""
ABORT = "desk.abort"
"""The extension of a request's scope that drops its connection at once, with all that waits to be sent."""
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class BoundedHeadProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not begin within the bounds, and lets a response drop its own."""

    head_seconds = HEAD_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        self._is_in_head = True
        self._too_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._is_in_head:
            self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        self.scope["extensions"] = {ABORT: {"drop": self.transport.abort}}
        super().on_headers_complete()

    def _begin_head(self) -> None:
        self._is_in_head, self._head_bytes = True, 0
        self._too_late = self.loop.call_later(self.head_seconds, self.transport.close)

    def _end_head(self) -> None:
        self._is_in_head = False
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
