"""Today's code goes on with every history that was recorded, there is one of each workflow, and none names anybody."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from stack.postgres import Postgres
from tests.workflows.engine_desk import own_database
from tests.workflows.recorded_histories import (
    ABOUT_MACHINES,
    HISTORIES,
    readable,
    record,
    recorded,
    replayer,
    workflow_type,
)
from tests.workflows.recorded_lives import LIVES, PLANTED_COMMENT, Stage, stage
from worker import WORKFLOWS

PERSONAL = (PLANTED_COMMENT, "on fire", "example.com")
FILES = sorted(file.stem for file in HISTORIES.glob("*.json"))


@pytest.fixture(scope="module")
async def desk(
    engine: Client, postgres: Postgres, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    async with (
        own_database(postgres.dsn("postgres"), template_database, postgres.dsn) as dsn,
        stage(engine, dsn, tmp_path_factory.mktemp("mails")) as desk,
    ):
        yield desk


@pytest.mark.parametrize("name", LIVES)
async def test_a_life_of_today_replays_and_names_nobody(name: str, desk: Stage) -> None:
    history = await LIVES[name](desk)

    await replayer().replay_workflow(history)
    assert not [word for word in PERSONAL if word in readable(history)]
    if name not in FILES:
        record(history, HISTORIES / f"{name}.json")
        pytest.fail(f"{name}.json was recorded: look at it, commit it, run again")


@pytest.mark.parametrize("name", FILES)
async def test_every_recorded_history_replays_in_todays_code(name: str) -> None:
    file = HISTORIES / f"{name}.json"

    await replayer().replay_workflow(recorded(file))
    assert not [word for word in ABOUT_MACHINES if word in file.read_text()]


@pytest.mark.parametrize("name", FILES)
async def test_a_step_before_all_others_is_noticed(name: str) -> None:
    with pytest.raises(workflow.NondeterminismError):
        await replayer(PausesFirst()).replay_workflow(recorded(HISTORIES / f"{name}.json"))


def test_there_is_a_history_of_every_workflow_that_the_worker_runs() -> None:
    names = {one.__name__ for one in WORKFLOWS}

    assert names - {workflow_type(recorded(HISTORIES / f"{name}.json")) for name in FILES} == set()


def test_every_life_of_this_test_is_recorded() -> None:
    assert LIVES.keys() <= set(FILES)


class PausesFirst(Interceptor):
    """What an incompatible release would do: workflows wait a second before they begin."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _Pause


class _Pause(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        await workflow.sleep(1)
        return await super().execute_workflow(input)
