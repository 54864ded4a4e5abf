"""The floor of a whole command: what lies on its way and nothing else.

A bare FastAPI POST has the minimal workflow do a change, whose local activity is the bare transaction. Nobody signs in,
no rule is asked, nobody is told.

(`python -m operations.bench.floor_path PORT ENGINE` is the server; the worker is the engine floor's.)
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel
from temporalio.client import Client
from temporalio.service import GrpcCompression

from operations.bench.floor_database import DatabaseFloor
from operations.bench.floor_engine import TASK_QUEUE, FloorWorkflow
from operations.bench.load import Sample, closed_loop
from operations.bench.system import BenchError, child, free_ports, wait_until_ready


class Change(BaseModel):
    text: str
    status: str | None = None


class Changed(Change):
    number: int


class PathFloor:
    """A client of the bare server, and the rows and workflows behind it."""

    def __init__(self, session: aiohttp.ClientSession, port: int, engine: Client, database: DatabaseFloor) -> None:
        self._session = session
        self._address = f"http://127.0.0.1:{port}/changes"
        self._engine = engine
        self._database = database

    async def warmed_up(self, count: int) -> list[int]:
        """So many that run and have done a change each."""
        numbers = [await self._database.open() for _ in range(count)]
        for number in numbers:
            id = _workflow_id(number)
            await self._engine.start_workflow(FloorWorkflow.run, id, id=id, task_queue=TASK_QUEUE)
            await self.change(number, None)
        return numbers

    async def change(self, number: int, status: str | None) -> None:
        body = {"text": "Could you send us the model's name, please? It is on a label at the back.", "status": status}
        async with self._session.post(f"{self._address}/{number}", json=body) as response:
            if response.status != 201:
                raise BenchError(f"the bare server answered {response.status}: {(await response.text())[:500]}")
            await response.json()

    async def measure_change(
        self, numbers: Sequence[int], *, at_once: int, count: int, seconds: float, is_shown: bool = False
    ) -> Sample:
        """Changes, each lane on a row and a workflow of its own. Shown ones bring a status."""

        async def call(lane: int, turn: int) -> None:
            await self.change(numbers[lane], ("open" if turn % 2 else "on_hold") if is_shown else None)

        return await closed_loop(call, at_once=at_once, count=count, seconds=seconds)


@contextlib.asynccontextmanager
async def path_floor(
    session: aiohttp.ClientSession, engine: Client, address: str, database: DatabaseFloor, folder: Path
) -> AsyncIterator[PathFloor]:
    """The bare server, running. The engine floor's worker must run, too."""
    (port,) = free_ports(1)
    log = folder / "floor_path.log"
    async with child("operations.bench.floor_path", [str(port), address], log) as process:
        await wait_until_ready(f"http://127.0.0.1:{port}/ready", process, log)
        yield PathFloor(session, port, engine, database)


def _workflow_id(number: int) -> str:
    return f"path-{number}"


def _app(engine_address: str) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.engine = await Client.connect(engine_address, grpc_compression=GrpcCompression.NONE)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/ready")
    async def ready() -> bool:
        return True

    @app.post("/changes/{number}", status_code=201)
    async def change(request: Request, number: int, change: Change) -> Changed:
        engine: Client = request.app.state.engine
        handle = engine.get_workflow_handle(_workflow_id(number))
        await handle.execute_update(FloorWorkflow.keep, args=[number, change.status])
        return Changed(number=number, **change.model_dump())

    return app


async def _serve(port: int, engine_address: str) -> None:
    config = uvicorn.Config(
        _app(engine_address), host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False,
        log_level="warning",
    )  # fmt: skip
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
