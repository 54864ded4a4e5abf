"""What was kept for long enough goes, and nothing else."""

from uuid import uuid4

import pytest

from database.erasure import ErasureStore
from database.pool import Pool
from database.report_mails import ReportMailStore
from database.retention import BATCH, RetentionStore
from database.tickets import TicketStore
from domain.ids import ReportMailRunId
from domain.report_mail import Cadence, LetterOutcome, PeriodKind, ReportMailPlan
from domain.retention import RetentionKind
from tests.database.storing import stored_ticket
from tests.factories import AGENT, SUPERVISOR, author

DAYS = 90
OF_DAYS_AGO = """
with told as (
    insert into notifications (person_id, kind, type, at, subject)
    select $1, 'break.due', 'break_reminder', now() - make_interval(days => $2), $2 || ' ' || n
    from generate_series(1, $3) n returning id
), message as (
    insert into messages (person_id, channel, kind, created_at)
    values ($1, 'email', 'bundle', now() - make_interval(days => $2)) returning id
)
insert into notification_decisions (notification_id, channel, at, outcome, reason, message_id)
select t.id, 'email', now(), 'sends', 'bundled', m.id from told t, message m
"""
AGED = (
    "update events set recorded_at = now() - make_interval(days => $1) where data #>> '{notification,subject}' like $2"
)


@pytest.fixture
def kept(pool: Pool) -> RetentionStore:
    return RetentionStore(pool, ErasureStore(pool))


async def told_days_ago(pool: Pool, days: int, how_many: int) -> None:
    await pool.execute(OF_DAYS_AGO, AGENT, days, how_many)
    await pool.execute(AGED, days, f"{days} %")


async def counted(pool: Pool) -> tuple[int, int, int, int]:
    """Notifications, events about them, messages, decisions."""
    row = await pool.fetchrow("""
        select (select count(*) from notifications), (select count(*) from events where topic = 'notifications'),
            (select count(*) from messages), (select count(*) from notification_decisions)
    """)
    assert row is not None
    return tuple(row.values())


async def test_old_notifications_go_with_all_that_was_told_and_sent_of_them(
    pool: Pool, kept: RetentionStore, store: TicketStore
) -> None:
    ticket = await stored_ticket(store, team="support")
    await pool.execute("update events set recorded_at = now() - interval '400 days'")
    await told_days_ago(pool, DAYS + 1, 3)
    await told_days_ago(pool, DAYS - 1, 2)

    assert await kept.remove_some(RetentionKind.NOTIFICATIONS, DAYS) == 3 + 3 + 1
    assert await kept.remove_some(RetentionKind.NOTIFICATIONS, DAYS) == 0

    assert await counted(pool) == (2, 2, 1, 2)
    assert await store.read_as_of(ticket.number, 1) is not None, "a ticket's own events stay"


async def test_old_runs_of_mailed_reports_go_with_their_letters(pool: Pool, kept: RetentionStore) -> None:
    mails = ReportMailStore(pool)
    plan = ReportMailPlan(report="tickets", period=PeriodKind.YESTERDAY, cadence=Cadence(every="day", hour=7))
    mail = await mails.add(plan, [AGENT], author(SUPERVISOR))
    names = ("old", "never ended", "waits", "of late", "under way", "ended today")
    runs = {name: ReportMailRunId(uuid4()) for name in names}
    began = {"old": DAYS + 1, "never ended": DAYS + 1, "of late": DAYS - 1, "under way": 1, "ended today": DAYS + 1}
    for name, id in runs.items():
        await pool.execute(
            "insert into report_mail_runs (id, mail_id, at, started_at, ended_at) values ($1, $2, "
            "now() - interval '400 days', now() - make_interval(days => $3), now() - make_interval(days => $4))",
            *(id, mail.id, began.get(name), began[name] if name in ("old", "of late") else None),
        )
        await mails.note(id, AGENT, LetterOutcome.SENT)
    await pool.execute("update report_mail_runs set ended_at = now() where id = $1", runs["ended today"])

    assert await kept.remove_some(RetentionKind.REPORT_MAIL_RUNS, DAYS) == 2
    assert await kept.remove_some(RetentionKind.REPORT_MAIL_RUNS, DAYS) == 0

    left = {run.id for run in await mails.runs(mail.id, 9)}
    assert left == {runs[name] for name in ("waits", "of late", "under way", "ended today")}
    assert {row[0] for row in await pool.fetch("select run_id from report_mail_letters")} == left
    assert await mails.all() == [mail]


async def test_a_batch_at_a_time(pool: Pool, kept: RetentionStore) -> None:
    await told_days_ago(pool, DAYS + 1, BATCH + 7)

    removed = [await kept.remove_some(RetentionKind.NOTIFICATIONS, DAYS) for _ in range(3)]

    assert removed == [2 * BATCH + 1, 2 * 7, 0]
    assert await counted(pool) == (0, 0, 0, 0)
