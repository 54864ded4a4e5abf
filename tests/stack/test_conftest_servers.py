"""The shared servers are what they say they are."""

import asyncpg
from temporalio.testing import WorkflowEnvironment


async def test_each_test_gets_a_database_with_the_tables_of_the_migrations(database_dsn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    try:
        assert await connection.fetchval("show server_version_num") >= "160000"
        assert await connection.fetchval("select count(*) from tickets") == 0
    finally:
        await connection.close()


async def test_the_dev_server_runs_the_installed_program(temporal_env: WorkflowEnvironment) -> None:
    assert await temporal_env.client.service_client.check_health()
    assert not temporal_env.supports_time_skipping
