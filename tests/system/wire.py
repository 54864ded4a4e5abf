"""A network that can fail: a port of loopback that leads to another one, and can be cut or stopped at will."""

import asyncio
import contextlib
import socket
from types import TracebackType
from typing import Self

CHUNK = 2048
SMALL_BUFFER = 4096
SMALL_SEGMENT = 536


async def connected(port: int) -> socket.socket:
    """A connection that takes little before its far side notices that nobody reads. Raises OSError."""
    one = socket.socket()
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
    try:
        await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", port))
    except OSError:
        one.close()
        raise
    return one


class Wire:
    """Leads to a port of this machine. What comes back from there can be cut in the middle of a message."""

    def __init__(self, port: int) -> None:
        self.cuts = 0
        self._port = port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self._cut_after: int | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._lead, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    @property
    def address(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self, after_bytes: int | None = None) -> None:
        """Reset every connection: now, or when so many more bytes have come from the far side."""
        if after_bytes is not None:
            self._cut_after = after_bytes
            return
        self._cut_after = None
        self.cuts += 1
        for end in self._ends:
            end.transport.abort()

    def stop(self) -> None:
        """Nothing comes back any more, and nobody is told."""
        self._may_pass.clear()

    def go_on(self) -> None:
        self._may_pass.set()

    async def _lead(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self._ends.add(near)
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection(sock=await connected(self._port), limit=CHUNK)
            self._ends.add(far)
            there = asyncio.create_task(self._pass(near_reader, far))
            back = asyncio.create_task(self._pass(far_reader, near, is_back=True))
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            there.cancel()
            back.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        except OSError:
            pass  # nobody is there: the near side is closed below
        finally:
            for end in (near, far):
                if end is not None:
                    self._ends.discard(end)
                    end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_back: bool = False) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if is_back:
                    await self._may_pass.wait()
                    if self._cut_after is not None and len(chunk) > self._cut_after:
                        writer.write(chunk[: self._cut_after])
                        await writer.drain()
                        self.cut()
                        return
                    self._cut_after = None if self._cut_after is None else self._cut_after - len(chunk)
                writer.write(chunk)
                await writer.drain()
