"""A mailed report is sent by the real engine, once to each receiver, and its schedule follows its row."""

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from joserfc.jwk import KeySet, OKPKey
from PIL import Image
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import Client, RPCError, ScheduleDescription

from activities.report_mails import ReportMailActivities
from database.pool import Pool
from database.report_letters import ReportLetters
from database.report_log import ReportLog
from database.report_mails import ReportMailRecord, ReportMailStore, RunRecord
from domain.ids import PersonId, ReportMailId, ReportMailRunId
from domain.report import Dimension
from domain.report_mail import Cadence, LetterOutcome, MailFilters, PeriodKind, ReportMailPlan, RunProblem
from domain.report_mail_switch import ReportMailSwitch
from integrations.report_mail_texts import ReportMailWriter
from integrations.smtp import SmtpSender, SmtpServer
from integrations.unsubscribe_links import ReportMailLinks
from tests.factories import ADMIN, AGENT, BILLING_AGENT, SUPERVISOR, author
from tests.integrations.mail_server import HOST, MailServer, listening
from tests.workflows.engine_desk import PATIENCE_SECONDS, EngineDesk, eventually
from tests.workflows.recorded_histories import readable
from worker import build_worker, sandbox
from workflows.client import EngineUnavailableError, connect
from workflows.report_mail_relay import ReportMailRelay
from workflows.report_mail_schedules import ReportMail, ReportMailSchedules, schedule_id

KEY, HOME = OKPKey.generate_key("Ed25519"), "https://desk.example.com"
LINKS = ReportMailLinks(lambda: (KEY, KeySet([KEY])), HOME)
FROM = "Service Desk <desk@example.com>"
DAILY = Cadence(every="day", hour=7, minute=30)


def a_plan(**changes: Any) -> ReportMailPlan:
    fields = {"report": "tickets", "period": PeriodKind.LAST_7_DAYS, "zone": "Europe/Berlin", "cadence": DAILY}
    return ReportMailPlan.model_validate(fields | changes)


class ReportMailDesk:
    """Rows, schedules and the relay between them, on the real database and the real engine."""

    def __init__(self, client: Client, pool: Pool, task_queue: str) -> None:
        self.client = client
        self.pool = pool
        self.mails = ReportMailStore(pool)
        self.schedules = ReportMailSchedules(client, PATIENCE_SECONDS, task_queue)
        self.relay = ReportMailRelay(self.mails, self.schedules)

    async def add(self, *recipients: PersonId, **changes: Any) -> ReportMailRecord:
        return await self.mails.add(a_plan(**changes), recipients, author(SUPERVISOR))

    async def sent(self, mail: ReportMailId) -> RunRecord:
        """Ask for a run, and return it when it is over."""
        run = await self.mails.ask(mail, datetime.now(UTC))
        await self.relay.look()
        await self.client.get_workflow_handle(f"{schedule_id(mail)}-{run}").result()
        return next(one for one in await self.mails.runs(mail, 9) if one.id == run)

    async def schedule(self, mail: ReportMailId) -> ScheduleDescription | None:
        try:
            return await self.client.get_schedule_handle(schedule_id(mail)).describe()
        except RPCError:
            return None


@asynccontextmanager
async def mailing(client: Client, pool: Pool, port: int) -> AsyncIterator[ReportMailDesk]:
    """With the worker that ships."""
    queue = f"reports-{uuid4()}"
    sender = SmtpSender(SmtpServer(HOST, port, "none"), FROM)
    writer = ReportMailWriter(LINKS, HOME)
    reports = ReportMailActivities(ReportMailStore(pool), ReportLetters(pool), writer, sender)
    desk = ReportMailDesk(client, pool, queue)
    while await ReportLog(pool).catch_up():  # no letter is written before its figures are there
        pass
    async with build_worker(client, pool, task_queue=queue, runner=sandbox(), reports=reports):
        try:
            yield desk
        finally:
            await pool.execute("delete from report_mails")
            for id in await desk.schedules.known():
                await desk.schedules.remove(id)


def outcomes(run: RunRecord) -> dict[PersonId, LetterOutcome]:
    return {letter.person: letter.outcome for letter in run.letters}


def part(message: EmailMessage, subtype: str) -> str:
    found = message.get_body((subtype,))
    assert found is not None
    content = found.get_content()
    assert isinstance(content, str)
    return content


async def address(pool: Pool, person: PersonId) -> str:
    return str(await pool.fetchval("select email from people where id = $1", person))


async def test_each_receiver_gets_one_mail_with_what_they_may_see(desk: EngineDesk, engine: Client, pool: Pool) -> None:
    for team in ("support", "billing"):
        await desk.open(team=team, at=datetime.now(UTC) - timedelta(days=2))
    while await ReportLog(pool).catch_up():
        pass
    server = MailServer()
    async with listening(server) as port, mailing(engine, pool, port) as reports:
        mail = await reports.add(SUPERVISOR, AGENT, BILLING_AGENT, group_by=Dimension.TEAM, attachment="xlsx")
        run = await reports.sent(mail.id)
        addresses = {await address(pool, one): one for one in mail.recipients}
        history = await engine.get_workflow_handle(f"{schedule_id(mail.id)}-{run.id}").fetch_history()

    assert outcomes(run) == dict.fromkeys(mail.recipients, LetterOutcome.SENT)
    assert run.ended_at is not None
    assert sorted(server.receivers) == sorted(addresses)
    assert len({message["Message-ID"] for message in server.taken}) == 3
    for message, receiver in zip(server.taken, server.receivers, strict=True):
        assert message.get_content_type() == "multipart/mixed"
        pictures = {one["Content-ID"]: one for one in message.walk() if one.get_content_type() == "image/png"}
        assert list(pictures) == ["<chart-1>", "<chart-2>"]
        for one in pictures.values():
            assert one.get_content_disposition() == "inline"
            assert Image.open(io.BytesIO(one.get_content())).size == (1200, 600)
        html = part(message, "html")
        assert all(f"cid:{id.strip('<>')}" in html for id in pictures)
        (file,) = message.iter_attachments()
        assert str(file.get_filename()).endswith(".xlsx")
        book = openpyxl.load_workbook(io.BytesIO(file.get_content()))
        teams = {row[0] for row in book["By team"].iter_rows(min_row=2, values_only=True)}
        by_person = {SUPERVISOR: {"support", "billing"}, AGENT: {"support"}, BILLING_AGENT: {"billing"}}
        assert teams - {"none"} == by_person[addresses[receiver]]
        assert "https://desk.example.com/reports/tickets" in part(message, "plain")
    written = readable(history)
    assert not [one for one in addresses if one in written or one.split("@", maxsplit=1)[0] in written]


async def test_who_presses_the_link_of_a_letter_gets_the_next_one_no_more(engine: Client, pool: Pool) -> None:
    server = MailServer()
    async with listening(server) as port, mailing(engine, pool, port) as reports:
        mail = await reports.add(SUPERVISOR, ADMIN)
        assert outcomes(await reports.sent(mail.id)) == dict.fromkeys(mail.recipients, LetterOutcome.SENT)
        letters = dict(zip(server.receivers, server.taken, strict=True))
        letter = letters[await address(pool, ADMIN)]
        target = letter["List-Unsubscribe"].strip("<>")
        assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert target in part(letter, "plain")
        assert target in part(letter, "html")
        switch = LINKS.check(target.partition("?token=")[2])
        assert switch == ReportMailSwitch(ADMIN, mail.id)

        await reports.mails.switch(switch, author(ADMIN))
        assert outcomes(await reports.sent(mail.id)) == {SUPERVISOR: LetterOutcome.SENT}
        await reports.mails.switch(switch.way_back, author(ADMIN))
        assert outcomes(await reports.sent(mail.id)) == dict.fromkeys(mail.recipients, LetterOutcome.SENT)


async def test_a_failure_sends_nobody_a_second_mail(engine: Client, pool: Pool) -> None:
    server = MailServer()
    server.answers_to_receiver = ["451 later"]
    async with listening(server) as port, mailing(engine, pool, port) as reports:
        mail = await reports.add(SUPERVISOR, AGENT)
        run = await reports.sent(mail.id)
        assert sorted(server.receivers) == sorted([await address(pool, SUPERVISOR), await address(pool, AGENT)])
        # A run that is begun anew finds what was sent.
        await reports.client.start_workflow(
            "ReportMailWorkflow",
            {"mail": str(mail.id), "run": str(run.id)},
            id=f"again-{run.id}",
            task_queue=reports.schedules.task_queue,
        )
        assert await reports.client.get_workflow_handle(f"again-{run.id}").result() == {"sent": 2}
    assert (server.attempts, len(server.taken)) == (3, 2)


async def test_who_was_disabled_or_sees_nothing_gets_nothing_and_the_run_says_so(engine: Client, pool: Pool) -> None:
    server = MailServer()
    async with listening(server) as port, mailing(engine, pool, port) as reports:
        mail = await reports.add(
            *(AGENT, BILLING_AGENT, ADMIN), filters=MailFilters(team=("support",)), attachment="csv"
        )
        await pool.execute("update people set is_active = false where id = $1", AGENT)
        try:
            run = await reports.sent(mail.id)
        finally:
            await pool.execute("update people set is_active = true where id = $1", AGENT)
    assert outcomes(run) == {
        AGENT: LetterOutcome.NOT_OF_DESK,
        BILLING_AGENT: LetterOutcome.NO_RIGHTS,
        ADMIN: LetterOutcome.SENT,
    }
    (message,) = server.taken
    (file,) = message.iter_attachments()
    assert file.get_content_type() == "text/csv"


async def test_nobody_gets_what_an_owner_without_rights_had_sent(engine: Client, pool: Pool) -> None:
    server = MailServer()
    async with listening(server) as port, mailing(engine, pool, port) as reports:
        mail = await reports.add(ADMIN)
        await pool.execute("update people set role = 'agent' where id = $1", SUPERVISOR)
        try:
            run = await reports.sent(mail.id)
        finally:
            await pool.execute("update people set role = 'supervisor' where id = $1", SUPERVISOR)
    assert (run.problem, run.letters, server.attempts) == (RunProblem.OWNER_LOST_RIGHTS, (), 0)


async def test_a_schedule_follows_its_row(engine: Client, pool: Pool) -> None:
    server = MailServer()
    async with listening(server) as port, mailing(engine, pool, port) as reports:
        mail = await reports.add(ADMIN)
        await reports.relay.look()
        made = await reports.schedule(mail.id)
        assert made is not None
        due = made.info.next_action_times[0].astimezone(UTC)
        assert (due.hour, due.minute) in {(5, 30), (6, 30)}, "half past seven in Berlin"

        weekly = a_plan(cadence=Cadence(every="week", weekdays=(0,), hour=8))
        changed = await reports.mails.replace(mail.id, weekly, [ADMIN], 1, author(SUPERVISOR), is_active=False)
        reports.relay.ring(str(mail.id))
        await reports.relay.look()
        paused = await reports.schedule(mail.id)
        assert paused is not None
        assert (paused.schedule.state.paused, paused.schedule.state.note) == (True, f"revision {changed.revision}")
        assert {moment.weekday() for moment in paused.info.next_action_times} == {0}

        # The engine loses it; nobody rings for that.
        await reports.schedules.remove(mail.id)

        async def mended() -> ScheduleDescription | None:
            reports.relay.ring()
            await reports.relay.look()
            return await reports.schedule(mail.id)

        await eventually(mended, lambda found: found is not None)

        await reports.mails.delete(mail.id, None, author(SUPERVISOR))
        reports.relay.ring(str(mail.id))
        await reports.relay.look()
        assert await reports.schedule(mail.id) is None


async def test_a_schedule_that_is_due_sends(engine: Client, pool: Pool) -> None:
    server = MailServer()
    async with listening(server) as port, mailing(engine, pool, port) as reports:
        mail = await reports.add(ADMIN)
        await reports.relay.look()
        await engine.get_schedule_handle(schedule_id(mail.id)).trigger()

        async def runs() -> Sequence[RunRecord]:
            return await reports.mails.runs(mail.id, 9)

        (run,) = await eventually(runs, lambda found: bool(found) and found[0].ended_at is not None)
    assert (run.is_asked, outcomes(run)) == (False, {ADMIN: LetterOutcome.SENT})


@pytest.mark.parametrize("day", [30, 31])
async def test_a_month_without_the_day_is_due_on_its_last(engine: Client, pool: Pool, day: int) -> None:
    async with mailing(engine, pool, 1) as reports:
        mail = await reports.add(ADMIN, cadence=Cadence(every="month", day=day, hour=7))
        await reports.relay.look()
        made = await reports.schedule(mail.id)
    assert made is not None
    moments = made.info.next_action_times
    assert len({(one.year, one.month) for one in moments}) == len(moments) > 5
    assert all(one.day >= 28 for one in moments)


@pytest.mark.parametrize(
    ("month", "hours"),
    [(3, ["26 01:30", "27 01:30", "28 01:30", "29 00:30"]), (10, ["29 00:30", "30 00:30", "31 01:30"])],
)
async def test_it_is_due_once_a_day_when_the_clocks_change(
    engine: Client, pool: Pool, month: int, hours: list[str]
) -> None:
    """Half past two in Berlin: it was skipped on 28 March, and shown twice on 31 October."""
    since, until = Timestamp(), Timestamp()
    since.FromDatetime(datetime(2027, month, int(hours[0][:2]), tzinfo=UTC))
    until.FromDatetime(datetime(2027, month, int(hours[-1][:2]), 23, tzinfo=UTC))
    async with mailing(engine, pool, 1) as reports:
        mail = await reports.add(ADMIN, cadence=Cadence(every="day", hour=2, minute=30))
        await reports.relay.look()
        due = await engine.workflow_service.list_schedule_matching_times(
            ListScheduleMatchingTimesRequest(
                namespace=engine.namespace, schedule_id=schedule_id(mail.id), start_time=since, end_time=until
            )
        )
    assert [f"{one.ToDatetime():%d %H:%M}" for one in due.start_time] == hours


class EngineAway(ReportMailSchedules):
    """The real engine, which does not answer at first."""

    is_away = True

    async def known(self) -> dict[ReportMailId, str | None]:
        self._answer()
        return await super().known()

    async def keep(self, mail: ReportMail) -> None:
        self._answer()
        await super().keep(mail)

    async def send(self, mail: ReportMailId, run: ReportMailRunId) -> None:
        self._answer()
        await super().send(mail, run)

    def _answer(self) -> None:
        if self.is_away:
            raise EngineUnavailableError("away")


async def test_what_changes_while_its_schedule_is_kept_is_kept_next(engine: Client, pool: Pool) -> None:
    class Edited(ReportMailSchedules):
        async def keep(self, mail: ReportMail) -> None:
            await super().keep(mail)
            if mail.revision == 1:
                await reports.mails.replace(mail.id, a_plan(), [ADMIN], 1, author(SUPERVISOR), is_active=True)
                reports.relay.ring(str(mail.id))

    async with mailing(engine, pool, 1) as reports:
        edited = Edited(engine, PATIENCE_SECONDS, reports.schedules.task_queue)
        reports.relay = ReportMailRelay(reports.mails, edited)
        await reports.relay.look()
        mail = await reports.add(ADMIN)
        reports.relay.ring(str(mail.id))
        for _ in range(2):
            await reports.relay.look()
        # The engine's list of schedules follows a moment later.
        await eventually(edited.known, lambda known: known.get(mail.id) == "revision 2")


async def test_what_the_engine_missed_is_made_good_when_it_is_back(engine: Client, pool: Pool) -> None:
    server = MailServer()
    async with listening(server) as port, mailing(engine, pool, port) as reports:
        away = EngineAway(engine, PATIENCE_SECONDS, reports.schedules.task_queue)
        reports.relay = ReportMailRelay(reports.mails, away)
        mail = await reports.add(ADMIN)
        reports.relay.ring(str(mail.id))
        for _ in range(2):
            with pytest.raises(EngineUnavailableError):
                await reports.relay.look()
        assert await reports.schedule(mail.id) is None
        away.is_away = False
        run = await reports.sent(mail.id)
        assert await reports.schedule(mail.id) is not None
    assert outcomes(run) == {ADMIN: LetterOutcome.SENT}


async def test_an_engine_that_cannot_be_reached_is_said_to_be_away(pool: Pool, free_port_target: str) -> None:
    schedules = ReportMailSchedules(await connect(free_port_target, "default", lazy=True), 1)
    mail, run = ReportMailId(uuid4()), ReportMailRunId(uuid4())
    with pytest.raises(EngineUnavailableError):
        await schedules.known()
    with pytest.raises(EngineUnavailableError):
        await schedules.remove(mail)
    with pytest.raises(EngineUnavailableError):
        await schedules.send(mail, run)


async def test_a_forecast_is_mailed_with_its_charts(desk: EngineDesk, engine: Client, pool: Pool) -> None:
    await desk.open(team="support", at=datetime.now(UTC) - timedelta(days=2))
    while await ReportLog(pool).catch_up():
        pass
    server = MailServer()
    async with listening(server) as port, mailing(engine, pool, port) as reports:
        changes = {"report": "forecast", "period": PeriodKind.NEXT_7_DAYS, "attachment": "csv"}
        mail = await reports.add(AGENT, **changes)
        run = await reports.sent(mail.id)

    assert outcomes(run) == {AGENT: LetterOutcome.SENT}
    (message,) = server.taken
    assert len([one for one in message.walk() if one.get_content_type() == "image/png"]) == 2
    (file,) = message.iter_attachments()
    assert str(file.get_filename()).startswith("forecast-")
    assert len(file.get_content().splitlines()) == 169
    assert "Tickets that came in a week, mean: –" not in part(message, "plain")  # noqa: RUF001  a dash
