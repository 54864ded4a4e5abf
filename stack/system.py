"""What runs on one machine, in which order, and what the operator is told about it."""

import asyncio
import http.client
import os
import sys
from collections.abc import Callable, Coroutine
from urllib.parse import urlsplit

import asyncpg

from settings import ROOT, Settings
from stack.errors import StackError
from stack.ports import Port, require_free
from stack.postgres import Postgres
from stack.supervisor import Part, Supervisor
from stack.temporal import HOST, NICE, Temporal
from workflows.client import TASK_QUEUE
from workflows.payload_keys import PayloadKeysError, payload_keys
from workflows.search_attributes import SEARCH_ATTRIBUTES

MIGRATION_SECONDS = 600.0
SEED_SECONDS = 60.0
CONNECT_SECONDS = 5.0
ALIVE_SECONDS = 3.0
"""How long a worker of a foreign engine must live to count as ready."""


class System:
    """The parts of one stack, from the settings."""

    def __init__(self, settings: Settings, supervisor: Supervisor, *, say: Callable[[str], None] = print) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._say = say
        # Whatever folder a child starts in, it finds the same data.
        self._env = {**os.environ, "DATA_DIR": str(settings.data_dir.resolve())}
        self._temporal = self._embedded_temporal() if settings.is_temporal_embedded else None

    async def start(self) -> None:
        """Returns when all is ready. Raises `StackError` at the first part that is not."""
        require_free(self._ports())
        await self._start_engine_and_database()
        await self._python("migrations", "The migration", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head")
        if await self._wants_demo():
            await self._python("seed", "Seeding the demo organisation", "operations.seed")
        await _together(self._start(self._worker()), self._start(self._api()))

    async def summary(self) -> str:
        """Where everything is, for a person at a terminal."""
        settings = self._settings
        api = self._address()
        rows = [("API", f"{api}/api"), ("OpenAPI docs", f"{api}/docs")]
        if settings.is_temporal_embedded:
            rows.append(("Temporal Web UI", f"http://{HOST}:{settings.temporal_ui_port}"))
        rows.append(("Logs", str(settings.data_dir.resolve() / "logs")))
        if settings.smtp_host is None:
            rows.append(("Mails, unsent", str(settings.mail_dir)))
        lines = ["", "Smart Ticketing is running.", ""]
        lines += [f"  {name:<17}{value}" for name, value in rows]
        if logins := await self._demo_logins():
            lines += ["", f"  Demo logins, password {self._password()}:"]
            lines += [f"    {email:<28}{role}" for email, role in logins]
        return "\n".join([*lines, "", "Ctrl-C stops it; the data stays."])

    def _ports(self) -> list[Port]:
        settings = self._settings
        ports = [Port("the API", "API_PORT", settings.api_host, settings.api_port, "API_HOST")]
        if settings.is_temporal_embedded:
            ports.append(Port("Temporal", "TEMPORAL_PORT", HOST, settings.temporal_port))
            ports.append(Port("the Temporal Web UI", "TEMPORAL_UI_PORT", HOST, settings.temporal_ui_port))
        return ports

    def _embedded_temporal(self) -> Temporal:
        settings = self._settings
        return Temporal(
            settings.data_dir.resolve() / "temporal.db",
            port=settings.temporal_port,
            ui_port=settings.temporal_ui_port,
            search_attributes=SEARCH_ATTRIBUTES,
            namespace=settings.temporal_namespace,
            codec_endpoint=f"{self._address()}/api/codec" if self._encrypts() else None,
        )

    def _address(self) -> str:
        return f"http://{_reachable(self._settings.api_host)}:{self._settings.api_port}"

    def _encrypts(self) -> bool:
        """Raises StackError when the keys cannot be used."""
        try:
            return payload_keys(self._settings.payload_keys_file, self._settings.payload_keys) is not None
        except PayloadKeysError as error:
            raise StackError(str(error)) from error

    async def _start_engine_and_database(self) -> None:
        settings = self._settings
        starts = []
        if settings.is_database_embedded:
            postgres = Postgres(
                settings.postgres_dir, settings.postgres_socket_dir, database="smart_ticketing", say=self._say
            )
            starts.append(self._start(postgres.part()))
        else:
            starts.append(self._require_database())
        if self._temporal is not None:
            starts.append(self._start(self._temporal.part()))
        await _together(*starts)

    async def _start(self, part: Part) -> None:
        started = asyncio.get_running_loop().time()
        await self._supervisor.start(part)
        self._say(f"{part.title} is ready ({asyncio.get_running_loop().time() - started:.1f} s).")

    async def _require_database(self) -> None:
        try:
            connection = await asyncpg.connect(self._settings.database_dsn, timeout=CONNECT_SECONDS)
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            where = urlsplit(self._settings.database_dsn)
            raise StackError(
                f"The database at {where.hostname or 'DATABASE_URL'}{where.path} does not let us in "
                f"({str(error) or 'no answer'}): check DATABASE_URL."
            ) from error
        await connection.close()

    async def _python(self, name: str, title: str, module: str, *arguments: str) -> None:
        seconds = SEED_SECONDS if name == "seed" else MIGRATION_SECONDS
        await self._supervisor.run(
            name, title, [sys.executable, "-m", module, *arguments], seconds=seconds, cwd=ROOT, env=self._env
        )
        self._say(f"{title} is done.")

    def _worker(self) -> Part:
        async def is_ready(pid: int) -> bool:
            if self._temporal is not None:
                return await self._temporal.is_polled_by(TASK_QUEUE, pid)
            await asyncio.sleep(ALIVE_SECONDS)
            return True

        return Part(
            name="worker",
            title="The worker",
            command=[sys.executable, "-m", "worker"],
            is_ready=is_ready,
            nice=NICE,
            cwd=ROOT,
            env=self._env,
            stop_seconds=20.0,
        )

    def _api(self) -> Part:
        settings = self._settings

        async def is_ready(_pid: int) -> bool:
            return await asyncio.to_thread(_answers, _reachable(settings.api_host), settings.api_port)

        return Part(
            name="api",
            title="The API",
            command=[sys.executable, "-m", "api"],
            is_ready=is_ready,
            cwd=ROOT,
            env=self._env,
            stop_seconds=15.0,
        )

    async def _wants_demo(self) -> bool:
        """On the first start of an empty embedded database only: what was deleted later stays deleted."""
        return (
            self._settings.demo
            and self._settings.is_database_embedded
            and not await self._query("select from people limit 1")
        )

    async def _demo_logins(self) -> list[tuple[str, str]]:
        """Read from the database: a login that is shown exists."""
        if not (self._settings.demo and self._settings.is_database_embedded):
            return []
        rows = await self._query(
            "select email, role from people where is_active and email like '%@example.com' order by created_at, email"
        )
        return [(row["email"], row["role"]) for row in rows]

    def _password(self) -> str:
        default = Settings.model_fields["demo_password"].default
        if self._settings.demo_password == default:
            return str(default.get_secret_value())
        return "as DEMO_PASSWORD was at the first start"

    async def _query(self, sql: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._settings.database_dsn, timeout=CONNECT_SECONDS)
        try:
            return await connection.fetch(sql)
        finally:
            await connection.close()


async def _together(*starts: Coroutine[None, None, None]) -> None:
    """Side by side; the first fault ends the others and is the one that is told."""
    try:
        async with asyncio.TaskGroup() as group:
            for start in starts:
                group.create_task(start)
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None


def _reachable(host: str) -> str:
    """An address that listens on every interface is reached on this one."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - read, not bound


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
