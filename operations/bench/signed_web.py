"""The product's app with two routes more, which do nothing: one for everybody, one for whoever is signed in.

In a process of its own beside the stack (`python -m operations.bench.signed_web PORT`), on the same database and the
same signing key.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.requests import AsReader
from operations.bench.system import child, free_ports, wait_until_ready
from settings import Settings

PLAIN, SIGNED = "/bench/plain", "/bench/signed"


async def plain() -> bool:
    return True


async def signed(reader: AsReader) -> bool:
    return reader.is_service


def app(settings: Settings) -> FastAPI:
    """With our routes first: how long it takes to find a route is none of the question."""
    made = create_app(settings)
    before = len(made.router.routes)
    made.add_api_route(PLAIN, plain)
    made.add_api_route(SIGNED, signed, name="me")  # the door asks its table by the operation's name
    routes = made.router.routes
    routes[:] = [*routes[before:], *routes[:before]]
    return made


@contextlib.asynccontextmanager
async def signed_web(settings: Settings, folder: Path) -> AsyncIterator[str]:
    """The app, running beside the stack of these settings; its address."""
    (port,) = free_ports(1)
    log = folder / "signed_web.log"
    there = {"DATA_DIR": str(settings.data_dir), "TEMPORAL_PORT": str(settings.temporal_port)}
    async with child("operations.bench.signed_web", [str(port)], log, {**os.environ, **there}) as process:
        await wait_until_ready(f"http://127.0.0.1:{port}{PLAIN}", process, log)
        yield f"http://127.0.0.1:{port}"


async def _serve(port: int) -> None:
    config = uvicorn.Config(
        app(Settings()), host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False,
        log_level="warning",
    )  # fmt: skip
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
