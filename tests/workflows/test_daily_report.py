"""The report of each day on the real engine and the real database: by schedule, by hand, and told again."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client

from database.daily_reports import DailyReports
from database.report_catalogue import REPORTS
from database.report_log import ReportLog
from database.tickets import TicketStore
from domain.daily_report import DailyReport, last_day
from domain.ids import TicketNumber
from domain.ticket_commands import AddReply
from stack.postgres import Postgres
from tests.database.storing import recorded, state_of, stored_text, stored_ticket
from tests.workflows.engine_desk import EngineDesk, desk_pool, eventually, own_database
from worker import build_worker, sandbox
from workflows.client import EngineUnavailableError, connect
from workflows.daily_report import DailyReportStart, DailyReportWorkflow
from workflows.daily_report_client import DailyReportClient
from workflows.schedules import DAILY_REPORT, ensure_schedule

ZONE = "Asia/Kathmandu"
YESTERDAY = last_day(datetime.now(UTC), ZONE)
DAY = timedelta(days=1)


@pytest.fixture
async def desk(engine: Client, postgres: Postgres, template_database: str) -> AsyncIterator[EngineDesk]:
    """A desk of its own, whose first ticket was opened three days ago, and the worker in the sandbox."""
    queue = f"daily-{uuid4()}"
    async with (
        own_database(postgres.dsn("postgres"), template_database, postgres.dsn) as dsn,
        desk_pool(dsn) as pool,
        build_worker(engine, pool, task_queue=queue, runner=sandbox(), report_zone=ZONE),
    ):
        await stored_ticket(TicketStore(pool), at=datetime.now(UTC) - 3 * DAY, team="support")
        yield EngineDesk(engine, pool, queue)


async def folded(desk: EngineDesk) -> None:
    log = ReportLog(desk.pool)
    while await log.catch_up():
        pass


async def test_the_schedule_tells_every_day_that_is_missing_once_facts_have_come_so_far(desk: EngineDesk) -> None:
    id, kept = f"daily-report-{uuid4()}", DailyReports(desk.pool)
    await folded(desk)
    await ensure_schedule(desk.client, DAILY_REPORT._replace(id=id, at_once=False), desk.task_queue)
    schedule = desk.client.get_schedule_handle(id)
    await schedule.trigger()

    days = await eventually(lambda: kept.list(10), lambda found: len(found) >= 3)
    await schedule.delete()

    assert [one.day for one in days] == [YESTERDAY, YESTERDAY - DAY, YESTERDAY - 2 * DAY]
    first = await kept.read(YESTERDAY - 2 * DAY)
    assert isinstance(first, DailyReport)
    assert first.reports.keys() == REPORTS.keys()
    assert first.reports["tickets"].values["opened"] == 1
    assert [(team.key, team.values["opened"]) for team in first.reports["tickets"].teams] == [("support", 1)]
    assert first.reports["overview"].values["open"] == 1, "as of the day's end"


async def test_a_day_waits_for_facts_that_are_behind(desk: EngineDesk) -> None:
    await ReportLog(desk.pool).rebuild()  # nothing is folded yet, and nobody is at it
    run = await desk.client.start_workflow(
        DailyReportWorkflow.run, DailyReportStart(day=YESTERDAY), id=f"daily-{uuid4()}", task_queue=desk.task_queue
    )

    async def attempts() -> int:
        pending = (await run.describe()).raw_description.pending_activities
        return pending[0].attempt if pending else 0

    await eventually(attempts, lambda found: found > 1)
    await folded(desk)

    assert await run.result() == {YESTERDAY.isoformat(): 1}


async def test_by_hand_a_day_is_told_again_and_says_what_changed(desk: EngineDesk) -> None:
    kept, client = DailyReports(desk.pool), DailyReportClient(desk.client, 30, desk.task_queue)
    opened_on = YESTERDAY - 2 * DAY
    await folded(desk)

    await client.start(opened_on)
    await eventually(lambda: kept.read(opened_on), lambda found: found is not None)
    (former,) = await kept.list(1)
    store = TicketStore(desk.pool)
    ticket = await state_of(store, TicketNumber(await desk.pool.fetchval("select number from tickets")))
    await recorded(store, ticket, AddReply(text_id=await stored_text(store, ticket.number)), at=ticket.created_at)
    await folded(desk)

    async def told_again() -> DailyReport | None:
        await client.start(opened_on)  # a run that is still closing is joined: ask once more
        return await kept.read(opened_on)

    again = await eventually(told_again, lambda found: found is not None and found.edition > former.edition)

    assert again is not None
    tickets = again.reports["tickets"].values
    assert isinstance(tickets["first_response"], dict)
    assert tickets["first_response"]["size"] == 1


async def test_without_an_engine_the_caller_is_told() -> None:
    nobody = await connect("127.0.0.1:1", "default", lazy=True)

    with pytest.raises(EngineUnavailableError):
        await DailyReportClient(nobody, 0.2).start(YESTERDAY)
