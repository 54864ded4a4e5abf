"""The engine's desk, as the workflow tests have it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.workflows.engine_desk import EngineDesk, desk_pool
from worker import build_worker
from workflows.client import connect


@pytest.fixture
async def desk(temporal_env: WorkflowEnvironment, database_dsn: str) -> AsyncIterator[EngineDesk]:
    """A desk whose worker runs."""
    engine = temporal_env.client
    client = await connect(engine.service_client.config.target_host, engine.namespace)
    task_queue = f"tickets-{uuid4()}"
    async with desk_pool(database_dsn) as pool, build_worker(client, pool, task_queue=task_queue):
        yield EngineDesk(client, pool, task_queue)
