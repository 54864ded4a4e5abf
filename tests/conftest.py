"""The real servers that the tests share: started once, in folders and on ports of their own."""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from settings import ROOT, Settings
from stack.postgres import Postgres
from stack.supervisor import Supervisor
from stack.temporal import installed_program
from workflows.client import ensure_search_attributes
from workflows.search_attributes import KEYS

START_UP = timedelta(seconds=60)
TEMPLATE = "template_smart_ticketing"


@pytest.fixture(scope="session", autouse=True)
def without_settings_of_this_machine() -> Iterator[None]:
    """Nobody's `.env` or environment decides how a test ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Settings.model_config, "env_file", None)
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        yield


@pytest.fixture(scope="session")
def make_folder() -> Iterator[Callable[[], Path]]:
    """Makes folders with short names: a unix socket's path may have 107 bytes only."""
    folders: list[Path] = []

    def make() -> Path:
        folders.append(Path(tempfile.mkdtemp(prefix="st-")))
        return folders[-1]

    yield make
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def data_dir(make_folder: Callable[[], Path]) -> Path:
    """An empty data folder."""
    return make_folder()


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a port that nobody listens on."""

    def give() -> int:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
            return port

    return give


@pytest.fixture(scope="session")
async def postgres(make_folder: Callable[[], Path]) -> AsyncIterator[Postgres]:
    """The embedded server, empty."""
    folder = make_folder()
    server = Postgres(folder / "data", folder / "run", is_durable=False)
    async with Supervisor(folder / "logs") as supervisor:
        await supervisor.start(server.part())
        yield server


@pytest.fixture(scope="session")
async def template_database(postgres: Postgres) -> str:
    """The name of a database built by the real migrations. Nobody connects to it, or it could not be copied."""
    await _execute(postgres, f'create database "{TEMPLATE}"')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head"),
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgres.dsn(TEMPLATE)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return TEMPLATE


@pytest.fixture
async def database_dsn(postgres: Postgres, template_database: str) -> AsyncIterator[str]:
    """The address of a database of the test's own, with all tables and no rows but those of the migrations."""
    name = f"test_{uuid.uuid4().hex}"
    await _execute(postgres, f'create database "{name}" template "{template_database}"')
    yield postgres.dsn(name)
    await _execute(postgres, f'drop database "{name}" with (force)')


@pytest.fixture(scope="session")
async def temporal_env() -> AsyncIterator[WorkflowEnvironment]:
    """The real dev server, with our search attributes and the virtual clock per workflow switched on."""
    async with await WorkflowEnvironment.start_local(
        data_converter=pydantic_data_converter,
        ip="127.0.0.1",
        search_attributes=KEYS,
        dev_server_existing_path=str(installed_program("temporal")),
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"],
        dev_server_log_level="error",
        dev_server_startup_timeout=START_UP,
    ) as environment:
        yield environment


@pytest.fixture
async def time_skipping_env() -> AsyncIterator[WorkflowEnvironment]:
    """A time-skipping test server of the test's own, with our search attributes.

    It has one clock for all, which keeps to the wall's pace while any task is under way. It does so for ever after a
    workflow was terminated in the midst of a task, after a child has ended later than its parent, and while a task
    waits for a worker that is gone: so no test may inherit it. One is there in a seventh of a second.
    """
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter,
        test_server_existing_path=str(installed_program("temporal-test-server")),
        test_server_startup_timeout=START_UP,
    ) as environment:
        await ensure_search_attributes(environment.client)
        yield environment


async def _execute(postgres: Postgres, sql: str) -> None:
    connection = await asyncpg.connect(postgres.dsn("postgres"))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
