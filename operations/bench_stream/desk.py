"""A desk of the measurement's own: a stack, the people who listen, and API processes beside the stack's.

The listeners are requesters who see all tickets of their organisation: an organisation is an audience. No agents, for
the arrival of thousands of those is told to the engine, and here only the stream is measured.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
import psutil

from api.credentials.token_keys import KeyRing
from api.credentials.tokens import AccessTokens
from database.credentials import CredentialId
from domain.ids import PersonId
from operations.bench.system import child, free_ports, running_stack, wait_until_ready

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
    """A stack of its own: the database is its, the API processes that are measured are beside it."""
    async with running_stack() as stack:
        settings = stack.settings
        environment = {
            **os.environ, "DATA_DIR": str(settings.data_dir), "TEMPORAL_PORT": str(settings.temporal_port),
            "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="smart-ticketing-stream-") as folder:
            async with asyncpg.create_pool(settings.database_dsn, min_size=1, max_size=4) as pool:
                tokens = AccessTokens(KeyRing(settings.token_key_path), TOKEN_LIFE)
                yield StreamDesk(settings.database_dsn, pool, environment, Path(folder), tokens)


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
