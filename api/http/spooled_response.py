"""A file that is sent while it is made.

What makes it writes to a temporary file and never waits for the client: who reads slowly, or not at all, holds some
bytes of a disk and nothing of the database. A fault before the first byte is answered as any other; after it the
connection is dropped without its end, so that nobody takes what came for a whole file. A client that leaves ends the
making.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Self

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.http_protocol import ABORT

CHUNK_BYTES = 65_536
STALL_SECONDS = 60.0
"""A client that takes nothing for so long is dropped."""


class Spool:
    """A temporary file, written at its end and read from its beginning."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  closed with the spool
        self._ready = 0
        self._is_whole = False
        self._fault: BaseException | None = None
        self._news = asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def offer(self) -> None:
        """What has been written by now may be read."""
        self.file.flush()
        self._ready = self.file.tell()
        self._news.set()

    def end(self, making: "asyncio.Task[None]") -> None:
        """Nothing more comes: the file is whole, or there was a fault."""
        if making.cancelled():
            return
        self._fault = making.exception()
        if self.file.closed:
            return
        self._is_whole = self._fault is None
        self.offer()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What may be read, as it comes, to the end of the whole. Raises the fault of who makes it."""
        at = 0
        while True:
            while at < self._ready and self._fault is None:
                size = min(CHUNK_BYTES, self._ready - at)
                chunk = await asyncio.to_thread(os.pread, self.file.fileno(), size, at)
                at += len(chunk)
                yield chunk
            if self._fault is not None:
                raise self._fault
            if self._is_whole:
                return
            self._news.clear()
            await self._news.wait()


class SpooledResponse(Response):
    """`fill` writes the file, offers what it has written, and returns when it is whole."""

    def __init__(
        self,
        fill: Callable[[Spool], Awaitable[None]],
        media_type: str,
        headers: Mapping[str, str],
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._fill = fill
        self._stall_seconds = stall_seconds
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        drop: Callable[[], None] = scope.get("extensions", {}).get(ABORT, {}).get("drop", _cannot_drop)
        with Spool() as spool:
            making = asyncio.create_task(self._make(spool))
            making.add_done_callback(spool.end)
            sending = asyncio.create_task(self._send(spool, send, drop))
            leaving = asyncio.create_task(_left(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (making, sending, leaving):
                    task.cancel()
                await asyncio.gather(making, sending, leaving, return_exceptions=True)
        if not sending.cancelled():
            sending.result()

    async def _make(self, spool: Spool) -> None:
        await self._fill(spool)

    async def _send(self, spool: Spool, send: Send, drop: Callable[[], None]) -> None:
        is_begun = False
        try:
            async for chunk in spool.chunks():
                if not is_begun:
                    is_begun = True
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                if not await self._is_taken(send, chunk):
                    drop()
                    return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except Exception:
            if is_begun:
                drop()
            raise

    async def _is_taken(self, send: Send, chunk: bytes) -> bool:
        try:
            async with asyncio.timeout(self._stall_seconds):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError:
            return False
        return True


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _cannot_drop() -> None:
    """Servers other than ours close a connection whose answer has no end."""
