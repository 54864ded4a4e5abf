"""A database server of the measurement's own, with all tables; nothing of it is left at the end."""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from operations.bench.system import BenchError
from settings import ROOT
from stack.postgres import Postgres
from stack.supervisor import Supervisor

DATABASE = "reports"


@contextlib.asynccontextmanager
async def empty_database() -> AsyncIterator[str]:
    """The address of a migrated database without a desk. It is as durable as the product's own."""
    folder = _new_folder()
    try:
        server = Postgres(folder / "data", folder / "run", database=DATABASE)
        async with Supervisor(folder / "logs") as supervisor:
            await supervisor.start(server.part())
            dsn = server.dsn(DATABASE)
            await migrate(dsn)
            yield dsn
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="st-figures-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user when we are root
    return folder


async def migrate(dsn: str) -> None:
    """Raises BenchError with what the migrations said when they failed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head"),
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": dsn},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise BenchError(f"the tables could not be made:\n{output.decode(errors='replace')[-2000:]}")
