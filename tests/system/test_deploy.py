"""A new build of the worker beside the old one: tickets stay answered, and `promote` moves them all, idle ones too."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.ticket import Ticket
from domain.ticket_commands import EscalateTicket
from stack.supervisor import Supervisor
from stack.temporal import Temporal
from tests.system.processes import eventually, quiet_port, run_module, running_module
from tests.workflows.engine_desk import EngineDesk, desk_pool
from workflows.client import DEPLOYMENT, TASK_QUEUE, connect
from workflows.search_attributes import SEARCH_ATTRIBUTES

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def env(data_dir: Path, database_dsn: str) -> AsyncIterator[dict[str, str]]:
    """The settings of processes that share a database and an engine of this test's own."""
    port = quiet_port()
    temporal = Temporal(data_dir / "temporal.db", port=port, ui_port=quiet_port(), search_attributes=SEARCH_ATTRIBUTES)
    async with Supervisor(data_dir / "logs") as supervisor:
        await supervisor.start(temporal.part())
        yield {"DATABASE_URL": database_dsn, "TEMPORAL_ADDRESS": f"127.0.0.1:{port}", "DATA_DIR": str(data_dir)}


@pytest.fixture
async def desk(env: dict[str, str]) -> AsyncIterator[EngineDesk]:
    client = await connect(env["TEMPORAL_ADDRESS"], "default")
    async with desk_pool(env["DATABASE_URL"]) as pool:
        yield EngineDesk(client, pool, TASK_QUEUE)


@pytest.fixture
def worker(env: dict[str, str], data_dir: Path) -> Callable[[str], contextlib.AbstractAsyncContextManager[object]]:
    """Starts the worker that ships, as a build."""

    def start(build: str) -> contextlib.AbstractAsyncContextManager[object]:
        return running_module("worker", env={**env, "WORKER_BUILD_ID": build}, log=data_dir / f"worker-{build}.log")

    return start


async def promote(env: dict[str, str], build: str) -> str:
    """`make promote` as soon as a worker of the build waits for work."""
    _, said = await eventually(
        f"build {build} to be promoted",
        lambda: run_module("operations.promote", build, env=env),
        lambda answer: answer[0] == 0,
    )
    return said


async def build_of(client: Client, desk: EngineDesk, ticket: Ticket) -> str:
    """The build that the ticket's present run is pinned to."""
    described = await desk.handle(ticket).describe()
    version = described.raw_description.workflow_execution_info.versioning_info.deployment_version
    assert version.deployment_name in ("", DEPLOYMENT)
    return version.build_id


async def escalated(desk: EngineDesk, ticket: Ticket) -> int:
    """A change by hand, and the level that it led to in row and workflow."""
    receipt = await desk.send(ticket, EscalateTicket())
    row, state = await desk.row(ticket.number), await desk.state(ticket)
    assert row == state
    assert row.revision == receipt.revision
    return row.escalation_level


async def test_a_new_build_takes_over_every_ticket_without_a_break(
    env: dict[str, str],
    desk: EngineDesk,
    worker: Callable[[str], contextlib.AbstractAsyncContextManager[object]],
) -> None:
    async def builds(*tickets: Ticket) -> list[str]:
        return [await build_of(desk.client, desk, ticket) for ticket in tickets]

    async with worker("v2"):
        async with worker("v1"):
            await promote(env, "v1")
            idle, busy = await desk.running(), await desk.running()
            assert await escalated(desk, busy) == 1
            assert await builds(idle, busy) == ["v1", "v1"]

            said = await promote(env, "v2")
            assert said.endswith("Every workflow is on it; workers of other builds may stop.\n")
            assert await builds(idle, busy) == ["v2", "v2"]
            assert await escalated(desk, busy) == 2
            assert await builds(await desk.running()) == ["v2"]

        # The old build's workers have gone.
        assert await escalated(desk, busy) == 3
        assert await escalated(desk, idle) == 1


async def test_a_build_that_nobody_runs_is_not_promoted(env: dict[str, str]) -> None:
    code, said = await run_module("operations.promote", "nobody", env=env)
    assert code == 2
    assert said.startswith(f"Build nobody was not promoted at {env['TEMPORAL_ADDRESS']}: ")
    assert said.count("\n") == 1
