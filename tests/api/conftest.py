"""One running API for the tests of this folder: the real database, the real engine, the real worker."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from database.pool import open_pool
from settings import Settings
from stack.postgres import Postgres
from tests.api.desk_api import ApiDesk, opened, seeded_desk
from tests.api.staff import MakeAgent, a_person
from tests.workflows.engine_desk import own_database
from worker import build_worker, presence_rules
from workflows.client import connect

EMPTY_PLAN = """
delete from shift_requests;
delete from shifts;
delete from rotas;
delete from time_off;
delete from shift_needs;
delete from shift_feeds;
delete from notifications where ticket_number is null;
update teams set approves_swaps = false
"""


@pytest.fixture(scope="package")
async def api_database(postgres: Postgres, template_database: str) -> AsyncIterator[str]:
    async with own_database(postgres.dsn("postgres"), template_database, postgres.dsn) as dsn:
        yield dsn


@pytest.fixture(scope="package")
def api_settings(api_database: str, temporal_env: WorkflowEnvironment, make_folder: Callable[[], Path]) -> Settings:
    """As an operator would set them."""
    return Settings(
        database_url=api_database,
        temporal_address=temporal_env.client.service_client.config.target_host,
        temporal_namespace=temporal_env.client.namespace,
        data_dir=make_folder(),
        command_timeout_seconds=30,
        presence_grace_seconds=1,
    )


@pytest.fixture(scope="package")
async def engine(api_settings: Settings) -> Client:
    return await connect(api_settings.temporal_target, api_settings.temporal_namespace)


@pytest.fixture(scope="package")
async def api(api_settings: Settings, engine: Client) -> AsyncIterator[ApiDesk]:
    """The app, and a worker beside it."""
    pool = await open_pool(api_settings.database_dsn, 8)
    async with build_worker(engine, pool, presence=presence_rules(api_settings)), seeded_desk(api_settings) as desk:
        yield desk
    await pool.close()


@pytest.fixture(autouse=True)
async def nobody_tried_before(request: pytest.FixtureRequest) -> None:
    """All tests come from one address, and each may try as often as if it were the first."""
    if "api" in request.fixturenames:
        api: ApiDesk = request.getfixturevalue("api")
        await api.parts.pool.execute("delete from throttles")


@pytest.fixture(scope="package")
async def nobody(api: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that is not signed in."""
    async with api.client() as client:
        yield client


@pytest.fixture(scope="package")
async def admin(api: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    async with api.client("admin") as client:
        yield client


@pytest.fixture(scope="package")
async def supervisor(api: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    async with api.client("supervisor") as client:
        yield client


@pytest.fixture(scope="package")
async def agent(api: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    """Of team `support`."""
    async with api.client("agent") as client:
        yield client


@pytest.fixture(scope="package")
async def colleague(api: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    """Another agent of team `support`."""
    async with api.client("agent2") as client:
        yield client


@pytest.fixture(scope="package")
async def billing_agent(api: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    """Of team `billing`."""
    async with api.client("agent3") as client:
        yield client


@pytest.fixture(scope="package")
async def requester(api: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    async with api.client("requester") as client:
        yield client


@pytest.fixture(scope="package")
async def stranger(api: ApiDesk) -> AsyncIterator[httpx2.AsyncClient]:
    """Another requester."""
    async with api.client("requester2") as client:
        yield client


@pytest.fixture
async def shipped_terms(api: ApiDesk) -> AsyncIterator[None]:
    """The policies and calendars are those of the migrations again after the test, for the tickets of the next one."""
    yield
    await api.parts.pool.execute("""
        update sla_policies set is_deleted = created_at > (select min(created_at) from sla_policies), place = id;
        update sla_calendars set is_deleted = created_at > (select min(created_at) from sla_calendars);
        update sla_edition set number = number + 1
    """)


@pytest.fixture
async def empty_plan(api: ApiDesk) -> AsyncIterator[None]:
    """Nobody has shifts, time off or requests, before the test and after it."""
    await api.parts.pool.execute(EMPTY_PLAN)
    yield
    await api.parts.pool.execute(EMPTY_PLAN)


@pytest.fixture
async def ticket(requester: httpx2.AsyncClient) -> dict[str, Any]:
    """The requester's new ticket in team `support`."""
    return await opened(requester, team="support")


@pytest.fixture
def make_agent(admin: httpx2.AsyncClient) -> MakeAgent:
    """Adds an agent of team `support`."""

    async def make(**changes: Any) -> dict[str, Any]:
        made = await admin.post("/api/agents", json=a_person(**{"teams": ["support"], **changes}))
        assert made.status_code == 201, made.text
        agent: dict[str, Any] = made.json()
        return agent

    return make
