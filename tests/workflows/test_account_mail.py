"""A mail that was asked for is sent by the real engine, whatever the mail server says first, and for a day at most."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import OKPKey
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.account_mails import AccountMailActivities, MailSender
from database.account_mails import AccountMailStore, ask_for_mail
from database.pool import Pool
from domain.account_mail import AccountMailKind, AccountMailRequest
from domain.ids import AccountMailId
from domain.mail import Mail, MailDelayedError, MailOutcome, MailRefusedError
from integrations.account_mail_texts import AccountMailWriter
from integrations.mail_folder import MailFolder
from integrations.signed_links import LinkMaker
from integrations.smtp import SmtpSender, SmtpServer
from senders import mail_sender
from settings import Settings
from tests.factories import REQUESTER
from tests.integrations.mail_server import HOST, MailServer, listening
from tests.workflows.engine_desk import PATIENCE_SECONDS, eventually
from tests.workflows.recorded_histories import readable
from worker import build_worker, sandbox
from workflows.account_mail import AccountMailStart, AccountMailWorkflow
from workflows.account_mail_client import AccountMailClient, account_mail_workflow_id
from workflows.client import EngineUnavailableError, connect
from workflows.mail_relay import BATCH, MailRelay

FROM = "Service Desk <desk@example.com>"
WRITER = AccountMailWriter(LinkMaker(OKPKey.generate_key("Ed25519"), "http://localhost:8000"))


class MailDesk:
    """The outbox and its relay, on the real database and the real engine."""

    def __init__(self, client: Client, pool: Pool, task_queue: str) -> None:
        self.client = client
        self.pool = pool
        self.mails = AccountMailStore(pool)
        self.mailing = AccountMailClient(client, PATIENCE_SECONDS, task_queue)
        self.relay = MailRelay(self.mails, self.mailing)

    async def ask(self, kind: AccountMailKind = AccountMailKind.RESET_PASSWORD) -> AccountMailId:
        async with self.pool.acquire() as connection, connection.transaction():
            return await ask_for_mail(connection, REQUESTER, kind)

    async def outcome(self, mail: AccountMailId) -> Any:
        return await self.client.get_workflow_handle(account_mail_workflow_id(mail)).result()

    async def row(self, mail: AccountMailId) -> tuple[bool, str | None]:
        """Whether it was sent, and how it failed."""
        row = await self.pool.fetchrow("select sent_at is not null, failure from account_mails where id = $1", mail)
        assert row is not None
        return row[0], row[1]


@asynccontextmanager
async def mail_desk(client: Client, pool: Pool, sender: MailSender) -> AsyncIterator[MailDesk]:
    """A desk with the worker that ships."""
    await pool.execute("delete from account_mails")
    task_queue = f"mails-{uuid4()}"
    activities = AccountMailActivities(AccountMailStore(pool), WRITER, sender)
    async with build_worker(client, pool, task_queue=task_queue, runner=sandbox(), mail=activities):
        yield MailDesk(client, pool, task_queue)


def to_server(port: int) -> SmtpSender:
    return SmtpSender(SmtpServer(HOST, port, "none"), FROM)


async def test_a_server_that_says_later_first_gets_the_mail_later(engine: Client, pool: Pool) -> None:
    server = MailServer()
    server.answers_to_receiver = ["451 greylisted"]
    async with listening(server) as port, mail_desk(engine, pool, to_server(port)) as desk:
        mail = await desk.ask()
        assert await desk.relay.start_waiting() == 1
        assert await desk.outcome(mail) == MailOutcome.SENT
        assert await desk.row(mail) == (True, None)
    assert server.attempts == 2
    (message,) = server.taken
    assert message["Message-ID"] == f"<account-mail-{mail}@example.com>"
    assert "http://localhost:8000/account/reset-password#token=" in str(message)


async def test_a_server_that_is_down_at_first_gets_the_mail_once_it_is_up(
    engine: Client, pool: Pool, free_port: Callable[[], int]
) -> None:
    port, server = free_port(), MailServer()
    async with mail_desk(engine, pool, to_server(port)) as desk:
        mail = await desk.ask()
        await desk.relay.start_waiting()
        handle = engine.get_workflow_handle(account_mail_workflow_id(mail))

        async def attempts() -> int:
            pending = (await handle.describe()).raw_description.pending_activities
            return pending[0].attempt if pending else 0

        await eventually(attempts, lambda attempt: attempt >= 2)
        async with listening(server, port=port):
            assert await desk.outcome(mail) == MailOutcome.SENT
    assert len(server.taken) == 1


async def test_a_no_for_good_fails_the_mail_at_once_and_its_history_names_nobody(engine: Client, pool: Pool) -> None:
    server = MailServer()
    email = await pool.fetchval("select email from people where id = $1", REQUESTER)
    server.answers_to_receiver = [f"451 later, {email}", f"550 no {email} here"]
    async with listening(server) as port, mail_desk(engine, pool, to_server(port)) as desk:
        mail = await desk.ask()
        await desk.relay.start_waiting()
        assert await desk.outcome(mail) == MailOutcome.REFUSED
        assert await desk.row(mail) == (False, "smtp_550")
        history = await engine.get_workflow_handle(account_mail_workflow_id(mail)).fetch_history()
    assert (server.attempts, server.taken) == (2, [])
    written = readable(history)
    assert str(mail) in written
    for personal in (email, email.split("@")[0], str(REQUESTER), "token="):
        assert personal not in written


async def test_without_a_server_the_mail_is_a_file(engine: Client, pool: Pool, tmp_path: Path) -> None:
    async with mail_desk(engine, pool, MailFolder(tmp_path, FROM)) as desk:
        mail = await desk.ask(AccountMailKind.VERIFY_EMAIL)
        await desk.relay.start_waiting()
        assert await desk.outcome(mail) == MailOutcome.SENT
    content = (tmp_path / f"account-mail-{mail}.eml").read_bytes()
    assert message_from_bytes(content, policy=default)["Subject"] == "Confirm your e-mail address"


async def test_a_mail_is_sent_once_however_often_it_is_started(engine: Client, pool: Pool) -> None:
    server = MailServer()
    async with listening(server) as port, mail_desk(engine, pool, to_server(port)) as desk:
        mail = await desk.ask()
        await desk.relay.start_waiting()
        await desk.mailing.send(mail)
        await desk.outcome(mail)
        await desk.mailing.send(mail)
        assert await desk.outcome(mail) is None
        assert await desk.relay.start_waiting() == 0
    assert len(server.taken) == 1


async def test_an_account_that_is_gone_gets_no_mail(engine: Client, pool: Pool) -> None:
    server = MailServer()
    async with listening(server) as port, mail_desk(engine, pool, to_server(port)) as desk:
        mail = await desk.ask()
        await pool.execute("delete from account_mails")
        await desk.mailing.send(mail)
        assert await desk.outcome(mail) is None
    assert server.attempts == 0


async def test_a_claim_is_given_back_while_the_engine_is_away(pool: Pool, free_port_target: str) -> None:
    await pool.execute("delete from account_mails")
    desk = MailDesk(await connect(free_port_target, "default", lazy=True), pool, "nobody")
    desk.relay = MailRelay(desk.mails, AccountMailClient(desk.client, timeout_seconds=1))
    mail = await desk.ask()
    with pytest.raises(EngineUnavailableError):
        await desk.relay.start_waiting()
    assert await desk.mails.claim(9) == [mail]


class MailsInMemory:
    """One mail, and what became of it. The database may be away when that is to be noted."""

    def __init__(self, faults: int = 0) -> None:
        self.request = AccountMailRequest(
            AccountMailId(uuid4()), AccountMailKind.VERIFY_EMAIL, datetime.now(UTC), REQUESTER, "rita@example.com", 0
        )
        self.faults = faults
        self.noted: list[str] = []

    async def read_unsent(self, mail: AccountMailId) -> AccountMailRequest | None:
        return self.request

    async def mark_sent(self, mail: AccountMailId) -> None:
        await self.mark_failed(mail, "")

    async def mark_failed(self, mail: AccountMailId, failure: str) -> None:
        if self.faults:
            self.faults -= 1
            raise ConnectionError("the database is away")
        self.noted.append(failure)


class Sender:
    """Keeps what it was asked to send, and answers as it is told."""

    def __init__(self, answer: Exception | None) -> None:
        self.answer = answer
        self.asked: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.asked.append(mail)
        if self.answer:
            raise self.answer


@pytest.mark.parametrize(
    ("answer", "outcome", "noted", "attempts"),
    [
        (None, MailOutcome.SENT, "", range(1, 2)),
        (MailRefusedError("smtp_550"), MailOutcome.REFUSED, "smtp_550", range(1, 2)),
        (MailDelayedError("timeout"), MailOutcome.GIVEN_UP, "given_up", range(90, 130)),
    ],
)
async def test_a_mail_is_tried_for_a_day_and_sent_once_though_the_database_is_away_then(
    time_skipping_env: WorkflowEnvironment, answer: Exception | None, outcome: str, noted: str, attempts: range
) -> None:
    mails, sender, queue = MailsInMemory(faults=3), Sender(answer), f"mails-{uuid4()}"
    client = time_skipping_env.client
    async with Worker(
        client,
        task_queue=queue,
        workflows=[AccountMailWorkflow],
        activities=AccountMailActivities(mails, WRITER, sender).steps,
        workflow_runner=sandbox(),
    ):
        start = AccountMailStart(mail=mails.request.id)
        handle = await client.start_workflow(AccountMailWorkflow.run, start, id=f"mail-{uuid4()}", task_queue=queue)
        assert await handle.result() == outcome
    description = await handle.describe()
    assert description.close_time is not None
    took = description.close_time - description.start_time
    assert mails.noted == [noted]
    assert len(sender.asked) in attempts
    assert len({mail.id for mail in sender.asked}) == 1
    assert (took > timedelta(hours=23)) == (outcome == MailOutcome.GIVEN_UP)


class AskedInMemory:
    """Mails that wait, in a database that may be away."""

    def __init__(self, *waiting: AccountMailId) -> None:
        self.waiting = list(waiting)
        self.started: list[AccountMailId] = []
        self.is_down = True
        self.looks = 0

    async def claim(self, limit: int) -> list[AccountMailId]:
        self.looks += 1
        if self.is_down:
            raise ConnectionError("the database is away")
        claimed, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return claimed

    async def mark_started(self, mails: list[AccountMailId]) -> None:
        self.started += mails

    async def release(self, mails: list[AccountMailId]) -> None:
        self.waiting += mails


class HalfAway:
    """An engine that does not know of some."""

    def __init__(self, *unknown: AccountMailId) -> None:
        self.unknown = unknown

    async def send(self, mail: AccountMailId) -> None:
        if mail in self.unknown:
            raise EngineUnavailableError("away")


async def test_the_relay_goes_on_after_a_fault_and_hears_its_bell() -> None:
    mails = [AccountMailId(uuid4()) for _ in range(BATCH + 1)]
    asked = AskedInMemory(*mails)
    relay = MailRelay(asked, HalfAway())
    running = asyncio.create_task(relay.run())

    async def looks() -> int:
        return asked.looks

    async def started() -> list[AccountMailId]:
        return asked.started

    await eventually(looks, lambda count: count == 1)
    asked.is_down = False
    relay.ring()
    await eventually(started, lambda found: found == mails)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_what_an_engine_took_is_started_though_it_did_not_take_all() -> None:
    taken, left = AccountMailId(uuid4()), AccountMailId(uuid4())
    asked = AskedInMemory(taken, left)
    asked.is_down = False
    with pytest.raises(EngineUnavailableError):
        await MailRelay(asked, HalfAway(left)).start_waiting()
    assert (asked.started, asked.waiting) == ([taken], [left])


def test_the_settings_say_where_mails_go(tmp_path: Path) -> None:
    assert isinstance(mail_sender(Settings(data_dir=tmp_path)), MailFolder)
    assert isinstance(mail_sender(Settings(smtp_host="mail.example.com")), SmtpSender)
