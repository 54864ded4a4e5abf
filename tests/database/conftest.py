"""A desk on the real PostgreSQL: its people are those of `tests.factories`, and it has no tickets yet.

One database serves all tests of this folder, emptied before each: making one takes longer than most tests. A test
that turns the database itself upside down asks for `database_dsn` and has one of its own.
"""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from database.agents import AgentStore
from database.events import EventLog
from database.people import CategoryStore, PeopleStore
from database.pool import Pool, open_pool
from database.sla_figures import SlaFigures
from database.starts import StartRequestStore
from database.teams import TeamStore
from database.ticket_lists import TicketLists
from database.tickets import TicketStore
from stack.postgres import Postgres
from tests.factories import store_desk

EMPTY = """
set constraints all deferred;
delete from daily_reports;
delete from ended_spans;
delete from ticket_facts;
delete from queue_revisions;
update report_cursor set epoch = s.epoch, xid = pg_snapshot_xmin(pg_current_snapshot()), id = 0, rebuilt_to = null
    from event_stream s;
update webhook_relay set epoch = s.epoch from event_stream s;
delete from start_requests;
delete from webhooks;
delete from events;
delete from ticket_commands;
delete from ticket_texts;
delete from tickets;
delete from team_members;
delete from api_keys;
delete from people;
delete from teams;
delete from idempotency_keys;
delete from categories where slug not in ('technical', 'billing', 'general', 'urgent');
alter sequence ticket_numbers restart
"""


@pytest.fixture(scope="session")
async def desk_dsn(postgres: Postgres, template_database: str) -> str:
    """The address of the database that the tests of this folder share. It goes with its server."""
    name = f"desk_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres.dsn("postgres"))
    await connection.execute(f'create database "{name}" template "{template_database}"')
    await connection.close()
    return postgres.dsn(name)


@pytest.fixture
async def pool(desk_dsn: str) -> AsyncIterator[Pool]:
    """Connections to a desk without tickets."""
    pool = await open_pool(desk_dsn, size=8)
    await pool.execute(EMPTY)
    await store_desk(pool)
    yield pool
    await pool.close()


@pytest.fixture
def store(pool: Pool) -> TicketStore:
    return TicketStore(pool)


@pytest.fixture
def lists(pool: Pool) -> TicketLists:
    return TicketLists(pool)


@pytest.fixture
def figures(pool: Pool) -> SlaFigures:
    return SlaFigures(pool)


@pytest.fixture
def log(pool: Pool) -> EventLog:
    return EventLog(pool)


@pytest.fixture
def starts(pool: Pool) -> StartRequestStore:
    return StartRequestStore(pool)


@pytest.fixture
def people(pool: Pool) -> PeopleStore:
    return PeopleStore(pool)


@pytest.fixture
def categories(pool: Pool) -> CategoryStore:
    return CategoryStore(pool)


@pytest.fixture
def teams(pool: Pool) -> TeamStore:
    return TeamStore(pool)


@pytest.fixture
def agents(pool: Pool) -> AgentStore:
    return AgentStore(pool)
