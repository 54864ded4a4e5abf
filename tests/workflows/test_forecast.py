"""The forecast on the real engine and the real database: all teams in one run, by hand and by schedule."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.forecast_arithmetic import ForecastArithmetic
from activities.forecasts import ForecastActivities
from database.forecasts import ForecastStore
from domain.forecast import Forecast, HandlingTime, History
from domain.ticket import Slug
from stack.postgres import Postgres
from tests.arrivals import by_chance, rates, store_arrivals
from tests.factories import REQUESTER
from tests.workflows.engine_desk import EngineDesk, desk_pool, eventually, own_database
from worker import build_worker, sandbox
from workflows.client import EngineUnavailableError, connect
from workflows.forecast import ForecastStart, ForecastWorkflow
from workflows.forecast_client import ForecastClient
from workflows.schedules import FORECAST, ensure_schedule


@pytest.fixture
async def busy_desk(engine: Client, postgres: Postgres, template_database: str) -> AsyncIterator[EngineDesk]:
    """A desk of its own, with eight weeks of tickets in one of its three teams, and the worker in the sandbox."""
    queue = f"forecasts-{uuid4()}"
    async with (
        own_database(postgres.dsn("postgres"), template_database, postgres.dsn) as dsn,
        desk_pool(dsn) as pool,
        build_worker(engine, pool, task_queue=queue, runner=sandbox()),
    ):
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        since = midnight - timedelta(weeks=8)
        await store_arrivals(pool, "support", REQUESTER, since, by_chance(rates(8, since), seed=1))
        yield EngineDesk(engine, pool, queue)


async def test_a_run_forecasts_every_team(busy_desk: EngineDesk) -> None:
    methods = await busy_desk.client.execute_workflow(
        ForecastWorkflow.run, ForecastStart(), id=f"forecast-{uuid4()}", task_queue=busy_desk.task_queue
    )

    assert methods == {"billing": "none", "network": "none", "support": "week_shape_and_level"}
    found = await ForecastStore(busy_desk.pool).read(None)
    assert {team: stored and stored.forecast.method for team, stored in found.items()} == {
        "billing": None,
        "network": None,
        "support": "week_shape_and_level",
    }


async def test_by_hand_one_team_is_forecast_and_asking_again_is_harmless(busy_desk: EngineDesk) -> None:
    store, client = ForecastStore(busy_desk.pool), ForecastClient(busy_desk.client, 30, busy_desk.task_queue)

    await client.start("support")
    await client.start("support")

    found = await eventually(lambda: store.read({"support", "billing"}), lambda found: found["support"] is not None)
    assert found["billing"] is None


async def test_the_schedule_is_made_once_and_what_an_operator_changed_stays(busy_desk: EngineDesk) -> None:
    id, store = f"forecast-nightly-{uuid4()}", ForecastStore(busy_desk.pool)
    await ensure_schedule(busy_desk.client, FORECAST._replace(id=id), busy_desk.task_queue)
    schedule = busy_desk.client.get_schedule_handle(id)
    await schedule.pause(note="not this week")

    await ensure_schedule(busy_desk.client, FORECAST._replace(id=id), busy_desk.task_queue)

    described = await schedule.describe()
    assert described.schedule.state.paused
    assert {(at.hour, at.minute) for at in described.info.next_action_times} <= {(2, 17)}
    await schedule.trigger()
    await eventually(lambda: store.read({"support"}), lambda found: found["support"] is not None)
    await schedule.delete()


class _OneTeamFails:
    """Two teams, one of which has a history that cannot be read."""

    def __init__(self) -> None:
        self.saved: list[Slug] = []

    async def teams(self) -> list[Slug]:
        return ["broken", "sound"]

    async def history(self, team: Slug, at: datetime) -> tuple[History, HandlingTime] | None:
        if team == "broken":
            raise ValueError("the disk is on fire")
        return History(at, ()), HandlingTime(15.0, 0.0)

    async def save(self, team: Slug, at: datetime, forecast: Forecast, handling: HandlingTime) -> None:
        self.saved.append(team)


async def test_a_team_that_cannot_be_forecast_keeps_none_of_the_others_from_it(engine: Client) -> None:
    forecasts, queue = _OneTeamFails(), f"forecasts-{uuid4()}"
    activities = ForecastActivities(forecasts, ForecastArithmetic())
    async with Worker(
        engine, task_queue=queue, workflows=[ForecastWorkflow], activities=activities.steps, workflow_runner=sandbox()
    ):
        with pytest.raises(WorkflowFailureError) as failed:
            await engine.execute_workflow(
                ForecastWorkflow.run, ForecastStart(), id=f"forecast-{uuid4()}", task_queue=queue
            )

    assert forecasts.saved == ["sound"]
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.message == "not forecast: broken"


async def test_without_an_engine_nothing_is_started(free_port_target: str) -> None:
    client = ForecastClient(await connect(free_port_target, "default", lazy=True), 1)

    with pytest.raises(EngineUnavailableError):
        await client.start(None)
