"""A message is sent by the real engine: by mail to a real server, by push to a real service, whatever they say."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from joserfc.jwk import KeySet, OKPKey
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.account_mails import MailSender
from activities.messages import MessageActivities, PushSender
from database.messages import MessageStore
from database.pool import Pool
from database.push_subscriptions import PushSubscriptionStore
from domain.ids import MessageId, PersonId, PushSubscriptionId
from domain.mail import Mail, MailDelayedError, MailRefusedError
from domain.message import Device, Message, MessageStart, Route
from domain.notification import Channel, NotificationType
from domain.push import Push, PushDelayedError, PushGoneError, PushKeys, PushRefusedError
from domain.ticket import Ticket
from integrations.notification_mail_texts import NotificationMailWriter
from integrations.outgoing import Allowed
from integrations.smtp import SmtpSender, SmtpServer
from integrations.unsubscribe_links import UnsubscribeLinks
from integrations.web_push import WebPushSender
from senders import messages
from settings import Settings
from tests import told
from tests.factories import AGENT, OTHER_AGENT, REQUESTER
from tests.integrations.mail_server import HOST, MailServer, listening
from tests.integrations.push_service import Browser, PushService, push_service
from tests.messages import asked_message, notified, outcome_of
from tests.workflows.engine_desk import EngineDesk, add_text, eventually
from tests.workflows.recorded_histories import readable
from worker import build_worker, sandbox
from workflows.message import MessageWorkflow

FROM = "Service Desk <desk@example.com>"
HOME = "https://desk.example.com"
KEY = OKPKey.generate_key("Ed25519")
LINKS = UnsubscribeLinks(lambda: (KEY, KeySet([KEY])), HOME)
WRITER = NotificationMailWriter(LINKS, HOME)
PUSHES = WebPushSender(generate_private_key(SECP256R1()), "mailto:desk@example.com", Allowed.of([HOST]))
T = NotificationType


class NoMails:
    async def send(self, mail: Mail) -> None:
        raise AssertionError("nobody is to be written to")


class MessageDesk:
    """The database and the engine, and messages that are to be sent."""

    def __init__(self, client: Client, pool: Pool, task_queue: str) -> None:
        self.client = client
        self.pool = pool
        self.devices = PushSubscriptionStore(pool)
        self.task_queue = task_queue

    async def start(self, message: MessageId) -> Any:
        """By name, as whoever decides starts it."""
        return await self.client.start_workflow(
            "MessageWorkflow", MessageStart(message=message), id=f"message-{message}", task_queue=self.task_queue
        )

    async def sent(self, message: MessageId) -> Any:
        return await (await self.start(message)).result()

    async def subscribed(self, browser: Browser, person: PersonId = AGENT) -> PushSubscriptionId:
        return (await self.devices.add(person, browser.endpoint, browser.p256dh, browser.auth, "phone"))[0].id

    async def attempts(self, message: MessageId) -> int:
        """How often that which is under way was tried."""
        description = await self.client.get_workflow_handle(f"message-{message}").describe()
        return max([one.attempt for one in description.raw_description.pending_activities], default=0)


@asynccontextmanager
async def message_desk(client: Client, pool: Pool, mails: MailSender | None = None) -> AsyncIterator[MessageDesk]:
    """A desk with the worker that ships."""
    await pool.execute("delete from messages; delete from notifications; delete from push_subscriptions")
    queue = f"messages-{uuid4()}"
    sending = MessageActivities(MessageStore(pool), PushSubscriptionStore(pool), WRITER, mails or NoMails(), PUSHES)
    async with build_worker(client, pool, task_queue=queue, runner=sandbox(), messages=sending):
        yield MessageDesk(client, pool, queue)


def to_server(port: int) -> SmtpSender:
    return SmtpSender(SmtpServer(HOST, port, "none"), FROM)


async def reply_to(pool: Pool, ticket: Ticket, person: PersonId, body: str, revision: int) -> MessageId:
    """A message about an answer to the ticket."""
    text = await add_text(pool, ticket, body)
    await pool.execute(
        "insert into events (topic, type, at, ticket_number, revision, actor_kind, internal, text_id, data) "
        "values ('tickets', 'ticket.replied', now(), $1, $2, 'person', false, $3, '{}')",
        ticket.number,
        revision,
        text,
    )
    one = await notified(
        pool, person, T.REPLIED, "ticket.replied", ticket.number, revision=revision, why="requester", actor=OTHER_AGENT
    )
    return await asked_message(pool, person, [one], ticket=ticket.number)


async def time_off(pool: Pool, channel: Channel = Channel.PUSH, person: PersonId = AGENT) -> MessageId:
    one = await notified(pool, person, T.TIME_OFF, "time_off.approved", why="person", subject=str(uuid4()))
    return await asked_message(pool, person, [one], channel)


async def somebody(pool: Pool) -> PersonId:
    person = PersonId(uuid4())
    await pool.execute(
        "insert into people (id, email, name, role, password_hash) values ($1, $2, 'somebody', 'agent', '')",
        person,
        f"{person}@example.com",
    )
    return person


async def test_mails_about_a_ticket_arrive_as_a_thread_in_both_parts(
    engine: Client, pool: Pool, desk: EngineDesk
) -> None:
    ticket, server = await desk.open(), MailServer()
    async with listening(server) as port, message_desk(engine, pool, to_server(port)) as sending:
        first = await reply_to(pool, ticket, REQUESTER, "Use water.", 2)
        assert await sending.sent(first) == "sent"
        second = await reply_to(pool, ticket, REQUESTER, "<b>Or sand.</b>", 3)
        assert await sending.sent(second) == "sent"
    assert [await outcome_of(pool, one) for one in (first, second)] == [(True, None)] * 2
    before, after = server.taken
    root = f"<ticket-{ticket.number}@example.com>"
    assert (before["Message-ID"], before["In-Reply-To"]) == (f"<message-{first}@example.com>", root)
    assert after["In-Reply-To"] == before["Message-ID"]
    assert after["References"].split() == [root, before["Message-ID"]]
    assert before["Subject"] == after["Subject"] == f"[#{ticket.number}] The printer is on fire"
    assert after["To"] == "requester <requester@example.com>"
    text, html = after.iter_parts()
    assert "> <b>Or sand.</b>" in text.get_content()
    assert "&lt;b&gt;Or sand.&lt;/b&gt;" in html.get_content()
    assert f"{HOME}/tickets/{ticket.number}" in text.get_content()


async def test_the_header_that_ends_such_mails_says_whose_and_which(
    engine: Client, pool: Pool, desk: EngineDesk
) -> None:
    ticket, server = await desk.open(), MailServer()
    async with listening(server) as port, message_desk(engine, pool, to_server(port)) as sending:
        await sending.sent(await reply_to(pool, ticket, REQUESTER, "Use water.", 2))
    (mail,) = server.taken
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    switch = LINKS.check(mail["List-Unsubscribe"].strip("<>").partition("?token=")[2])
    assert (switch.person, list(switch.modes), switch.is_off) == (REQUESTER, [T.REPLIED], True)


async def test_names_with_lines_of_their_own_write_no_header(engine: Client, pool: Pool, desk: EngineDesk) -> None:
    ticket, server = await desk.open(), MailServer()
    await pool.execute(
        "update ticket_texts set title = $2 where id = $1", ticket.wording_id, "Fire\r\nBcc: eve@example.org"
    )
    names = {person: await pool.fetchval("select name from people where id = $1", person) for person in (REQUESTER,)}
    await pool.execute("update people set name = $2 where id = $1", REQUESTER, 'Rita"\r\nBcc: eve@example.org')
    async with listening(server) as port, message_desk(engine, pool, to_server(port)) as sending:
        await sending.sent(await reply_to(pool, ticket, REQUESTER, "Use water.", 2))
    await pool.execute("update people set name = $2 where id = $1", REQUESTER, names[REQUESTER])
    (mail,) = server.taken
    assert server.receivers == ["requester@example.com"]
    assert mail["Bcc"] is None
    assert mail["Subject"] == f"[#{ticket.number}] Fire Bcc: eve@example.org"


async def test_a_server_that_is_away_and_then_back_gets_the_mail_once(
    engine: Client, pool: Pool, free_port: Callable[[], int]
) -> None:
    port, server = free_port(), MailServer()
    server.answers_to_receiver = ["451 greylisted"]
    async with message_desk(engine, pool, to_server(port)) as sending:
        message = await time_off(pool, Channel.EMAIL)
        handle = await sending.start(message)
        await eventually(lambda: sending.attempts(message), lambda attempt: attempt >= 2)
        async with listening(server, port=port):
            assert await handle.result() == "sent"
    assert (len(server.taken), server.attempts) == (1, 2)
    assert server.taken[0]["Message-ID"] == f"<message-{message}@example.com>"


async def test_a_no_for_good_is_kept_and_the_history_names_nobody(engine: Client, pool: Pool, desk: EngineDesk) -> None:
    ticket, server = await desk.open(), MailServer()
    server.answers_to_receiver = ["451 later, requester@example.com", "550 no requester@example.com here"]
    async with listening(server) as port, message_desk(engine, pool, to_server(port)) as sending:
        message = await reply_to(pool, ticket, REQUESTER, "The password is sesame.", 2)
        assert await sending.sent(message) == "smtp_550"
        history = readable(await sending.client.get_workflow_handle(f"message-{message}").fetch_history())
    assert await outcome_of(pool, message) == (False, "smtp_550")
    assert (server.attempts, server.taken) == (2, [])
    assert str(message) in history
    for personal in ("requester", str(REQUESTER), "sesame", "printer", "token="):
        assert personal not in history


@pytest.mark.parametrize("change", ["email_verified_at = null", "is_active = false"])
async def test_whoever_cannot_be_reached_gets_no_mail(engine: Client, pool: Pool, change: str) -> None:
    async with message_desk(engine, pool) as sending:
        message = await time_off(pool, Channel.EMAIL, OTHER_AGENT)
        await pool.execute(f"update people set {change} where id = $1", OTHER_AGENT)  # noqa: S608  our own words
        outcome = await sending.sent(message)
        await pool.execute("update people set email_verified_at = now(), is_active = true where id = $1", OTHER_AGENT)
    assert outcome in ("no_address", "inactive")
    assert await outcome_of(pool, message) == (False, outcome)


async def test_when_nothing_is_left_nothing_is_sent(engine: Client, pool: Pool, desk: EngineDesk) -> None:
    ticket = await desk.open()
    async with message_desk(engine, pool) as sending:
        message = await reply_to(pool, ticket, REQUESTER, "Use water.", 2)
        await pool.execute("update ticket_texts set body = '[erased]' where ticket_number = $1", ticket.number)
        assert await sending.sent(message) == "nothing_left"
        assert await outcome_of(pool, message) == (False, "nothing_left")
        await pool.execute("delete from messages where id = $1", message)
        other = await time_off(pool)
        await pool.execute("delete from messages where id = $1", other)
        assert await sending.sent(other) is None


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as service:
        yield service


async def test_a_push_reaches_every_device_once_though_one_fails_for_long(
    engine: Client, pool: Pool, service: PushService
) -> None:
    """The good ones have it at once, and it counts as sent; the bad one gets it when its service is back. It is for
    somebody whom no other test concerns: what else they had not read would be counted in it."""
    person = await somebody(pool)
    good, bad, ended, others = (service.browser() for _ in range(4))
    service.of_path = {bad.endpoint.removeprefix(service.origin): 503, ended.endpoint.removeprefix(service.origin): 410}
    async with message_desk(engine, pool) as sending:
        ids = [await sending.subscribed(browser, person) for browser in (good, bad, ended)]
        await sending.subscribed(others, OTHER_AGENT)
        message = await time_off(pool, person=person)
        handle = await sending.start(message)

        async def is_sent() -> bool:
            return (await outcome_of(pool, message))[0]

        await eventually(is_sent, bool)
        await eventually(lambda: sending.attempts(message), lambda attempt: attempt >= 3)
        service.of_path = {}
        assert await handle.result() == "sent"
        left = [one.id for one in await sending.devices.all(person)]
        has_it = [await sending.devices.is_delivered(Device(message=message, subscription=id)) for id in ids]
    assert left == ids[:2], "the ended one is gone"
    assert has_it == [True, True, False]
    assert (len(service.at(good)), len(service.at(ended)), len(service.at(others))) == (1, 1, 0)
    assert len(service.at(bad)) >= 3
    shown = good.reads(service.at(good)[0].body)
    assert (shown["title"], shown["unread"]) == ("Your time off was approved.", 1)
    assert bad.reads(service.at(bad)[-1].body) == shown
    assert await outcome_of(pool, message) == (True, None)


async def test_a_service_is_asked_again_when_it_says(engine: Client, pool: Pool, service: PushService) -> None:
    browser = service.browser()
    service.answers = [web.Response(status=429, headers={"Retry-After": "1"})]
    async with message_desk(engine, pool) as sending:
        await sending.subscribed(browser)
        assert await sending.sent(await time_off(pool)) == "sent"
    assert len(service.at(browser)) == 2


@pytest.mark.parametrize(
    ("answers", "failure"), [([], "no_device"), ([410], "no_device"), ([404, 413], "push_413"), ([400], "push_400")]
)
async def test_when_no_device_takes_it_the_message_failed(
    engine: Client, pool: Pool, service: PushService, answers: list[int], failure: str
) -> None:
    async with message_desk(engine, pool) as sending:
        for status in answers:
            browser = service.browser()
            service.of_path[browser.endpoint.removeprefix(service.origin)] = status
            await sending.subscribed(browser)
        message = await time_off(pool)
        assert await sending.sent(message) == failure
    assert await outcome_of(pool, message) == (False, failure)
    assert len(service.came) == len(answers)


async def test_a_device_that_changed_hands_gets_nothing_of_its_former_owner(
    engine: Client, pool: Pool, service: PushService
) -> None:
    browser = service.browser()
    service.answers = [web.Response(status=503)]
    async with message_desk(engine, pool) as sending:
        await sending.subscribed(browser)
        message = await time_off(pool)
        handle = await sending.start(message)
        await eventually(lambda: sending.attempts(message), lambda attempt: attempt >= 2)
        await sending.subscribed(browser, OTHER_AGENT)
        assert await handle.result() == "no_device"
    assert len(service.came) == 1


class OneMessage:
    """A message in memory, and what became of it."""

    def __init__(self, channel: Channel, devices: int) -> None:
        self.message = told.message(told.item(T.REPLIED), channel=channel, created_at=datetime.now(UTC))
        self.devices = tuple(PushSubscriptionId(uuid4()) for _ in range(devices))
        self.delivered: list[Device] = []
        self.noted: list[str] = []
        self.faults = 3

    async def route(self, message: MessageId) -> Route | None:
        return Route(channel=self.message.channel, subscriptions=self.devices)

    async def read(self, message: MessageId) -> Message | None:
        return self.message

    async def mark_sent(self, message: MessageId) -> None:
        await self.mark_failed(message, "sent")

    async def mark_failed(self, message: MessageId, failure: str) -> None:
        if self.faults:
            self.faults -= 1
            raise ConnectionError("the database is away")
        self.noted.append(failure)

    async def keys_for(self, device: Device) -> PushKeys | None:
        return PushKeys(device.subscription, "https://push.example.com/x", b"", b"")

    async def is_delivered(self, device: Device) -> bool:
        return device in self.delivered

    async def mark_delivered(self, device: Device) -> None:
        self.delivered.append(device)

    async def forget(self, keys: PushKeys) -> None:
        self.devices = tuple(one for one in self.devices if one != keys.id)


class Mails:
    """Keeps what it was asked to send, and answers as it is told."""

    def __init__(self, answer: Exception | None) -> None:
        self.answer = answer
        self.asked: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.asked.append(mail)
        if self.answer:
            raise self.answer


class Pushes:
    """The same for pushes: every device has its own answer."""

    def __init__(self, answers: dict[PushSubscriptionId, Exception | None]) -> None:
        self.answers = answers
        self.asked: list[PushSubscriptionId] = []

    async def send(self, keys: PushKeys, push: Push) -> None:
        self.asked.append(keys.id)
        if answer := self.answers[keys.id]:
            raise answer


async def came_to(client: Client, one: OneMessage, mails: MailSender, pushes: PushSender) -> tuple[str, timedelta]:
    """What the workflow says in the end, and how long it took by its own clock."""
    queue = f"messages-{uuid4()}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[MessageWorkflow],
        activities=MessageActivities(one, one, WRITER, mails, pushes).steps,
        workflow_runner=sandbox(),
    ):
        start = MessageStart(message=one.message.id)
        handle = await client.start_workflow(MessageWorkflow.run, start, id=f"message-{uuid4()}", task_queue=queue)
        outcome = await handle.result()
    described = await handle.describe()
    assert described.close_time is not None
    assert outcome is not None
    return outcome, described.close_time - described.start_time


@pytest.mark.parametrize(
    ("answer", "outcome", "attempts"),
    [
        (None, "sent", range(1, 2)),
        (MailRefusedError("smtp_550"), "smtp_550", range(1, 2)),
        (MailDelayedError("timeout"), "given_up", range(90, 130)),
    ],
)
async def test_a_mail_is_tried_for_a_day_and_noted_though_the_database_is_away_then(
    time_skipping_env: WorkflowEnvironment, answer: Exception | None, outcome: str, attempts: range
) -> None:
    one, mails = OneMessage(Channel.EMAIL, 0), Mails(answer)
    ended, took = await came_to(time_skipping_env.client, one, mails, Pushes({}))
    assert (ended, one.noted) == (outcome, [outcome])
    assert len(mails.asked) in attempts
    assert {mail.id for mail in mails.asked} == {f"message-{one.message.id}"}
    assert (took > timedelta(hours=23)) == (outcome == "given_up")


@pytest.mark.parametrize(
    ("answers", "outcome", "attempts"),
    [
        ((None, None), "sent", range(2, 3)),
        ((PushGoneError("push_410"),), "no_device", range(1, 2)),
        ((PushGoneError("push_410"), PushRefusedError("push_413")), "push_413", range(2, 3)),
        ((PushDelayedError("push_503"), None), "sent", range(90, 130)),
        ((PushDelayedError("push_429", timedelta(hours=1)),), "given_up", range(20, 27)),
    ],
)
async def test_a_push_is_tried_for_a_day_at_each_device_on_its_own(
    time_skipping_env: WorkflowEnvironment, answers: tuple[Exception | None, ...], outcome: str, attempts: range
) -> None:
    one = OneMessage(Channel.PUSH, len(answers))
    pushes = Pushes(dict(zip(one.devices, answers, strict=True)))
    ended, took = await came_to(time_skipping_env.client, one, Mails(None), pushes)
    assert (ended, one.noted) == (outcome, [outcome])
    assert len(pushes.asked) in attempts
    assert len(one.delivered) == answers.count(None)
    assert (took > timedelta(hours=23)) == any(isinstance(answer, PushDelayedError) for answer in answers)


def test_the_settings_say_who_sends(tmp_path: Path, pool: Pool) -> None:
    """The key of pushes is made beside the others."""
    assert len(messages(Settings(data_dir=tmp_path), pool).steps) == 4
    assert (tmp_path / "vapid-key.pem").exists()
