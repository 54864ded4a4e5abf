"""A desk of the measurement's own: a database built by the migrations, the people who listen, and API processes.

There is no worker and no engine: a stream needs none, and here nothing else is measured. The listeners are requesters
who see all tickets of their organisation; an organisation is an audience.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
import psutil

from api.token_keys import KeyRing
from api.tokens import AccessTokens
from database.credentials import CredentialId
from domain.ids import PersonId
from operations.bench.system import BenchError, child, free_ports, wait_until_ready
from settings import ROOT, Settings
from stack.postgres import Postgres
from stack.supervisor import Supervisor

DATABASE = "smart_ticketing"
EVERYBODY = "everybody"
TOKEN_LIFE = timedelta(hours=12)
_ORGANISATION = "insert into organisations (slug, name) values ($1, $1)"
_PEOPLE = """
with made as (
    insert into people (id, email, name, role, organisation, sees_organisation)
    select gen_random_uuid(), $1 || '-' || n || '@example.com', 'Listener ' || n, 'requester', $1, true
    from generate_series(1, $2::int) n
    returning id
)
insert into sessions (id, person_id, expires_at) select gen_random_uuid(), id, now() + interval '1 day' from made
returning id, person_id
"""
_TICKET = """
with made as (
    insert into tickets (number, revision, wording_id, status, priority, category, requester_id, required_skills,
        tags, escalation_level, snoozed, auto_close_days, reopen_days, created_at, updated_at)
    values (nextval('ticket_numbers'), 1, gen_random_uuid(), 'open', 'normal', 'general', $1, '{}', '{}', 0, false,
        7, 7, now(), now())
    returning number, wording_id
), wording as (
    insert into ticket_texts (id, ticket_number, author_id, title, body)
    select wording_id, number, $1, 'The printer jams', 'It takes two sheets at a time.' from made
)
select number from made
"""


class Listening(NamedTuple):
    """Somebody who can listen."""

    person: PersonId
    credential: CredentialId


class Audience(NamedTuple):
    """People who all see the same ticket, and no other."""

    ticket: int
    people: Sequence[Listening]


@dataclass(frozen=True)
class StreamDesk:
    dsn: str
    pool: "asyncpg.Pool[asyncpg.Record]"
    settings: Settings
    environment: dict[str, str]
    folder: Path
    tokens: AccessTokens

    async def make_audience(self, name: str, people: int) -> Audience:
        """An organisation of so many requesters who are signed in, and its one ticket."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(_ORGANISATION, name)
            rows = await connection.fetch(_PEOPLE, name, people)
            listening = [
                Listening(PersonId(row["person_id"]), CredentialId("session", UUID(str(row["id"])))) for row in rows
            ]
            number: int = await connection.fetchval(_TICKET, listening[0].person)
        return Audience(number, listening)

    async def forget_events(self) -> None:
        """So that each run counts its tickets' revisions from 1."""
        await self.pool.execute("delete from events where ticket_number is not null")


class ApiProcess(NamedTuple):
    port: int
    process: psutil.Process

    @property
    def rss_bytes(self) -> int:
        return int(self.process.memory_info().rss)

    @property
    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextlib.asynccontextmanager
async def stream_desk() -> AsyncIterator[StreamDesk]:
    """The database, running and empty but for what the migrations bring."""
    with _folder() as folder:
        server = Postgres(folder / "data", folder / "run", database=DATABASE, say=lambda _: None)
        async with Supervisor(folder / "logs", say=lambda _: None) as supervisor:
            await supervisor.start(server.part())
            dsn = server.dsn(DATABASE)
            (nobodys_port,) = free_ports(1)
            settings = Settings(data_dir=folder, database_url=dsn, temporal_address=f"127.0.0.1:{nobodys_port}")
            environment = {
                **os.environ, "DATABASE_URL": dsn, "TEMPORAL_ADDRESS": settings.temporal_target,
                "DATA_DIR": str(folder), "LOG_LEVEL": "ERROR",
            }  # fmt: skip
            await _migrate(environment)
            async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool:
                tokens = AccessTokens(KeyRing(settings.token_key_path), TOKEN_LIFE)
                yield StreamDesk(dsn, pool, settings, environment, folder, tokens)


@contextlib.asynccontextmanager
async def api_processes(desk: StreamDesk, count: int) -> AsyncIterator[list[ApiProcess]]:
    """So many API processes on the one database, each on a port of its own."""
    async with contextlib.AsyncExitStack() as held:
        yield await asyncio.gather(
            *(
                served("api", [], port, desk.folder / f"api-{port}.log", {**desk.environment, "API_PORT": str(port)},
                    "/health/live", held)
                for port in free_ports(count)
            )
        )  # fmt: skip


async def served(
    module: str, arguments: Sequence[str], port: int, log: Path, environment: dict[str, str], ready: str,
    held: contextlib.AsyncExitStack,
) -> ApiProcess:  # fmt: skip
    """A server as a process of its own, once it answers at the path."""
    process = await held.enter_async_context(child(module, arguments, log, environment, stop_seconds=15))
    await wait_until_ready(f"http://127.0.0.1:{port}{ready}", process, log)
    return ApiProcess(port, psutil.Process(process.pid))


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="smart-ticketing-stream-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user when we are root
        yield folder


async def _migrate(environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), "upgrade", "head"),
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    if process.returncode:
        raise BenchError(f"the database could not be made: {output.decode()[-2000:]}")
