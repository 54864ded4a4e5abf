"""The engine's desk, shared by the tests of this folder: the real server, the real worker, the real database."""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from database.pool import Pool
from domain.ticket import Ticket
from stack.postgres import Postgres
from tests.workflows.engine_desk import EngineDesk, desk_pool, own_database
from worker import build_worker
from workflows.client import connect


@pytest.fixture(scope="package")
async def pool(postgres: Postgres, template_database: str) -> AsyncIterator[Pool]:
    async with own_database(postgres.dsn("postgres"), template_database, postgres.dsn) as dsn, desk_pool(dsn) as pool:
        yield pool


@pytest.fixture(scope="package")
async def engine(temporal_env: WorkflowEnvironment) -> Client:
    """The product's own client of the real server."""
    return await connect(temporal_env.client.service_client.config.target_host, temporal_env.client.namespace)


@pytest.fixture(scope="package")
async def desk(engine: Client, pool: Pool) -> AsyncIterator[EngineDesk]:
    """A desk whose worker runs, the one that ships."""
    task_queue = f"tickets-{uuid4()}"
    async with build_worker(engine, pool, task_queue=task_queue):
        yield EngineDesk(engine, pool, task_queue)


@pytest.fixture
async def ticket(desk: EngineDesk) -> Ticket:
    """A new ticket whose workflow runs."""
    return await desk.running()


@pytest.fixture
def free_port_target(free_port: Callable[[], int]) -> str:
    """An address at which no engine answers."""
    return f"127.0.0.1:{free_port()}"
