"""A server that answers everything with one response, over a real socket, and clients that are slow."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import Response
from starlette.types import Receive, Scope, Send

from api.http.http_protocol import BoundedHeadProtocol


@asynccontextmanager
async def serving(answer: Callable[[], Response]) -> AsyncIterator[str]:
    """Its address. The protocol is the API's own."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer()(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=BoundedHeadProtocol, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@contextlib.contextmanager
def not_reading(base: str) -> Iterator[socket.socket]:
    """A client that has asked and reads nothing."""
    with socket.create_connection(("127.0.0.1", int(base.rsplit(":", 1)[1]))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: desk\r\n\r\n")
        yield client
