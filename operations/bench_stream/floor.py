"""The floor: a bare ASGI app that writes given bytes to the clients of a group.

No rights, no database, no framework; the same server, loop and parser as the product has. In a process of its own:
`python -m operations.bench_stream.floor PORT`.
"""

import asyncio
import gc
import sys
from collections import defaultdict

import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

GC_THRESHOLD = (100_000, 50, 100)
HELLO = b"retry: 1000\nevent: hello\ndata: {}\n\n"
STREAM_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


class Mailbox:
    """What waits for one client."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._news = asyncio.Event()

    def put(self, block: bytes) -> None:
        self._blocks.append(block)
        self._news.set()

    async def take(self) -> bytes:
        await self._news.wait()
        self._news.clear()
        block = b"".join(self._blocks)
        self._blocks.clear()
        return block


groups: dict[str, set[Mailbox]] = defaultdict(set)


async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """`GET /<group>` is a stream. The body of the one POST is what they are told, record by record."""
    if scope["type"] != "http":
        return
    group = scope["path"].removeprefix("/")
    if scope["method"] == "POST":
        await _hand_out(receive)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    elif group == "ready":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        await _stream(group, send)


def record(group: int, block: bytes) -> bytes:
    """What the body of the POST is made of."""
    return f"{group} {len(block)}\n".encode() + block


async def _hand_out(receive: ASGIReceiveCallable) -> None:
    """All that has come by now is told at once, as the product does with what was committed."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        body, more = body + message["body"], message["more_body"]
        while (head_end := body.find(b"\n")) >= 0:
            group, length = body[:head_end].split()
            end = head_end + 1 + int(length)
            if len(body) < end:
                break
            for mailbox in groups[group.decode()]:
                mailbox.put(body[head_end + 1 : end])
            body = body[end:]


async def _stream(group: str, send: ASGISendCallable) -> None:
    """Nobody leaves before the process ends, so nobody is waited for to leave."""
    mailbox = Mailbox()
    groups[group].add(mailbox)
    await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
    await send({"type": "http.response.body", "body": HELLO, "more_body": True})
    while True:
        await send({"type": "http.response.body", "body": await mailbox.take(), "more_body": True})


def main(port: int) -> None:
    gc.set_threshold(*GC_THRESHOLD)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="error",
        lifespan="off", timeout_graceful_shutdown=0,
    )  # fmt: skip
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
