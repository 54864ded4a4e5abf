"""What was kept for long enough goes: the engine's schedule runs the workflow that applies the rules."""

from datetime import timedelta
from uuid import uuid4

from database.erasure import ErasureStore
from database.report_mails import ReportMailStore
from database.retention import BATCH, RetentionStore
from domain.audit import Author
from domain.report_mail import Cadence, PeriodKind, ReportMailPlan
from domain.retention import RetentionKind
from tests.factories import ADMIN, REQUESTER, SUPERVISOR, author
from tests.workflows.engine_desk import EngineDesk, eventually
from workflows.retention import RetentionWorkflow
from workflows.schedules import RETENTION, ensure_schedule

OLD_SESSIONS = """
insert into sessions (id, person_id, expires_at, created_at)
select gen_random_uuid(), $1, now() - make_interval(days => $2), now() - interval '400 days' from generate_series(1, $3)
"""

OLD_RUNS = """
insert into report_mail_runs (id, mail_id, at, started_at, ended_at)
select gen_random_uuid(), $1, moment, moment, moment
from generate_series(1, $3), (select now() - make_interval(days => $2)) as old (moment)
"""


async def test_the_schedule_applies_every_rule(desk: EngineDesk) -> None:
    kept = RetentionStore(desk.pool, ErasureStore(desk.pool))
    await desk.pool.execute(OLD_SESSIONS, REQUESTER, 91, BATCH + 3)
    await desk.pool.execute(OLD_SESSIONS, REQUESTER, 89, 2)
    mails = ReportMailStore(desk.pool)
    plan = ReportMailPlan(report="tickets", period=PeriodKind.YESTERDAY, cadence=Cadence(every="day", hour=7))
    mail = await mails.add(plan, [ADMIN], author(SUPERVISOR))
    await desk.pool.execute(OLD_RUNS, mail.id, 366, 3)
    await desk.pool.execute(OLD_RUNS, mail.id, 364, 2)
    id = f"retention-{uuid4()}"

    for _ in range(2):  # a second worker finds it there
        await ensure_schedule(desk.client, RETENTION._replace(id=id), desk.task_queue)
    await desk.client.get_schedule_handle(id).trigger()

    rules = await eventually(kept.rules, lambda found: all(rule.applied_at for rule in found))
    await desk.client.get_schedule_handle(id).delete()
    removed = {rule.kind: rule.removed for rule in rules}
    assert removed[RetentionKind.SESSIONS] == BATCH + 3
    assert await desk.pool.fetchval("select count(*) from sessions where person_id = $1", REQUESTER) == 2
    assert removed[RetentionKind.CLOSED_TICKETS] == 0
    assert (removed[RetentionKind.REPORT_MAIL_RUNS], len(await mails.runs(mail.id, 9))) == (3, 2)
    await mails.delete(mail.id, None, author(SUPERVISOR))


async def test_a_rule_without_days_removes_nothing(desk: EngineDesk) -> None:
    kept = RetentionStore(desk.pool, ErasureStore(desk.pool))
    await desk.pool.execute(OLD_SESSIONS, REQUESTER, 500, 1)
    await kept.choose(RetentionKind.SESSIONS, None, Author())

    removed = await desk.client.execute_workflow(
        RetentionWorkflow.run,
        id=f"retention-{uuid4()}",
        task_queue=desk.task_queue,
        execution_timeout=timedelta(minutes=1),
    )

    await kept.choose(RetentionKind.SESSIONS, 90, Author())
    assert removed["sessions"] == 0
