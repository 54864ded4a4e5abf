"""The web floor: a bare FastAPI POST in a process of its own (`python -m operations.bench.floor_web PORT`)."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from operations.bench.load import Sample, closed_loop
from operations.bench.system import BenchError, child, free_ports, wait_until_ready

app = FastAPI()


class Note(BaseModel):
    title: str
    description: str


class Kept(Note):
    number: int


@app.get("/ready")
async def ready() -> bool:
    return True


@app.post("/notes", status_code=201)
async def keep(note: Note) -> Kept:
    return Kept(number=1, title=note.title, description=note.description)


class WebFloor:
    """A client of the bare server."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._address = f"http://127.0.0.1:{port}/notes"

    async def measure(self, *, at_once: int, count: int, seconds: float) -> Sample:
        body = {"title": "The printer jams", "description": "It takes two sheets at a time and stops."}

        async def post(_lane: int, _turn: int) -> None:
            async with self._session.post(self._address, json=body) as response:
                if response.status != 201:
                    raise BenchError(f"the bare server answered {response.status}")
                await response.json()

        return await closed_loop(post, at_once=at_once, count=count, seconds=seconds)


@contextlib.asynccontextmanager
async def web_floor(session: aiohttp.ClientSession, folder: Path) -> AsyncIterator[WebFloor]:
    """The bare server, running."""
    (port,) = free_ports(1)
    log = folder / "floor_web.log"
    async with child("operations.bench.floor_web", [str(port)], log) as process:
        await wait_until_ready(f"http://127.0.0.1:{port}/ready", process, log)
        yield WebFloor(session, port)


async def _serve(port: int) -> None:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
