"""Rotas without an end stay laid out: the engine's schedule runs the workflow that does it."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

from database.rotas import RotaDraft, RotaStore
from domain.rota import Rota
from tests.factories import AGENT, SUPERVISOR, reader
from tests.workflows.engine_desk import EngineDesk, eventually
from workflows.schedules import ROTAS, ensure_schedule


async def test_the_schedule_lays_out_what_has_come_within_the_horizon(desk: EngineDesk) -> None:
    rotas, now = RotaStore(desk.pool), datetime.now(UTC)
    rota = Rota(
        agent_id=AGENT,
        team="support",
        rule="FREQ=DAILY",
        zone="UTC",
        begins_on=date(2026, 1, 1),
        starts=time(8),
        minutes=480,
    )
    made = await rotas.add(RotaDraft("Early", rota, "published"), reader(SUPERVISOR), now - timedelta(days=30))
    id = f"rotas-{uuid4()}"

    for _ in range(2):  # a second worker finds it there
        await ensure_schedule(desk.client, ROTAS._replace(id=id), desk.task_queue)

    async def read() -> date:
        return (await rotas.read(made.id)).laid_until

    laid_until = await eventually(read, lambda found: found > made.laid_until)
    await desk.client.get_schedule_handle(id).delete()
    assert laid_until >= now.date() + timedelta(weeks=8)
    laid = await desk.pool.fetch("select rota_on from shifts where rota_id = $1 order by rota_on", made.id)
    assert [row["rota_on"] for row in laid] == [
        laid[0]["rota_on"] + timedelta(days=count) for count in range(len(laid))
    ]
    assert laid[-1]["rota_on"] == laid_until - timedelta(days=1)
