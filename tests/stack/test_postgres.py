import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from stack.errors import StackError
from stack.postgres import Postgres
from stack.supervisor import BackOff, Part, Supervisor


def server_in(folder: Path) -> Postgres:
    return Postgres(folder / "postgres", folder / "run", database="desk", is_durable=False, say=lambda _: None)


@asynccontextmanager
async def running(server: Postgres, folder: Path, say: Callable[[str], None] = print) -> AsyncIterator[Supervisor]:
    async with Supervisor(folder / "logs", say=say, back_off=BackOff(first=0.05)) as supervisor:
        await supervisor.start(server.part())
        yield supervisor


def orphan(part: Part) -> subprocess.Popen[bytes]:
    """The part as a process that no supervisor knows."""
    who = (part.user.uid, part.user.gid) if part.user else (None, None)
    return subprocess.Popen(part.command, user=who[0], group=who[1], cwd=part.cwd, stderr=subprocess.DEVNULL)


async def execute(server: Postgres, sql: str) -> None:
    connection = await asyncpg.connect(server.dsn("desk"))
    await connection.execute(sql)
    await connection.close()


async def ask(server: Postgres, sql: str) -> object:
    connection = await asyncpg.connect(server.dsn("desk"))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_data_is_found_again_and_nothing_is_left_running(data_dir: Path) -> None:
    server = server_in(data_dir)
    async with running(server, data_dir) as supervisor:
        await execute(server, "create table notes as select 'kept' as body")
        pid = supervisor.pid("postgres")

    assert not psutil.pid_exists(pid)
    async with running(server_in(data_dir), data_dir):
        assert await ask(server, "select body from notes") == "kept"
        assert str(await ask(server, "show server_version")).startswith("16.")


async def test_a_killed_server_comes_back_with_what_was_committed(data_dir: Path) -> None:
    server = server_in(data_dir)
    said: list[str] = []
    async with running(server, data_dir, said.append) as supervisor:
        await execute(server, "create table notes as select 'kept' as body")
        os.kill(supervisor.pid("postgres"), signal.SIGKILL)
        async with asyncio.timeout(60):
            while "PostgreSQL 16 is ready again." not in said:
                await asyncio.sleep(0.05)

        assert await ask(server, "select body from notes") == "kept"


async def test_a_server_left_over_by_a_killed_run_is_replaced(data_dir: Path) -> None:
    server = server_in(data_dir)
    part = server.part()
    async with running(server, data_dir):
        await execute(server, "create table notes as select 'kept' as body")
    with orphan(part) as left_over:
        async with asyncio.timeout(60):
            while not await part.is_ready(left_over.pid):
                await asyncio.sleep(0.05)

        async with running(server_in(data_dir), data_dir):
            assert left_over.wait(0) == 0
            assert await ask(server, "select body from notes") == "kept"


async def test_marks_that_name_a_strangers_process_do_not_stop_a_start(data_dir: Path) -> None:
    server = server_in(data_dir)
    async with running(server, data_dir):
        pass
    stranger = os.getppid()
    mark = f"{stranger}\n{data_dir / 'postgres'}\n1\n5432\n{data_dir / 'run'}\n\n\nready\n"
    (data_dir / "postgres" / "postmaster.pid").write_text(mark)
    (data_dir / "run" / ".s.PGSQL.5432.lock").write_text(mark)

    async with running(server_in(data_dir), data_dir):
        assert await ask(server, "select 1") == 1
    assert psutil.pid_exists(stranger)


async def test_an_interrupted_first_start_is_begun_anew(data_dir: Path) -> None:
    (data_dir / "postgres.unfinished").mkdir()
    (data_dir / "postgres.unfinished" / "PG_VERSION").write_text("16\n")
    server = server_in(data_dir)

    async with running(server, data_dir):
        assert await ask(server, "select 1") == 1


@pytest.mark.parametrize(
    ("version", "sentence"),
    [("18\n", r"is of PostgreSQL 18, and this is 16"), (None, r"is not a PostgreSQL data folder")],
)
async def test_foreign_data_is_left_alone(data_dir: Path, version: str | None, sentence: str) -> None:
    (data_dir / "postgres").mkdir()
    if version:
        (data_dir / "postgres" / "PG_VERSION").write_text(version)

    with pytest.raises(StackError, match=sentence):
        async with running(server_in(data_dir), data_dir):
            pass


async def test_a_folder_with_odd_letters_works(data_dir: Path) -> None:
    folder = data_dir / 'a "b" c&d %20'
    folder.mkdir()
    server = server_in(folder)

    async with running(server, folder):
        assert await ask(server, "select 1") == 1


async def test_names_are_compared_in_all_alphabets(postgres: Postgres) -> None:
    connection = await asyncpg.connect(postgres.dsn("postgres"))
    assert await connection.fetchval("select lower('ÄÖŁ')") == "äöł"
    await connection.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends PostgreSQL another user")
async def test_as_root_only_the_way_to_the_data_is_opened_and_the_data_is_private(data_dir: Path) -> None:
    server = server_in(data_dir)
    async with running(server, data_dir) as supervisor:
        assert psutil.Process(supervisor.pid("postgres")).uids().effective != 0

    assert data_dir.stat().st_mode & 0o777 == 0o701
    assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700
    assert (data_dir / "run").stat().st_mode & 0o777 == 0o700
