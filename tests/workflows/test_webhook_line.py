"""The whole line with real parts: a ticket changes, the relay reads the log, the engine delivers, receivers check."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from database.bell import BELL, WEBHOOK_BELL, Bell
from database.pool import Pool
from database.webhook_deliveries import DeliveryFilter, DeliveryRecord, WebhookDeliveryStore
from database.webhook_outbox import WebhookOutbox
from database.webhooks import WebhookPlan, WebhookRecord, WebhookStore
from domain.ids import WebhookId
from domain.people import TIMER
from domain.sla_ladder import CallWebhook
from domain.ticket_commands import ClaimTicket
from domain.webhook import PING, DeliveryState, WebhookFilter
from integrations.outgoing import Allowed, Bounds
from integrations.webhook_secrets import WebhookSecrets, new_secret
from integrations.webhook_sender import WebhookSender
from senders import webhook_calls
from stack.postgres import Postgres
from tests import factories
from tests.database.hooks import BY_ADMIN
from tests.database.test_notices import climbed
from tests.integrations.receiver import Receiver, fine, hanging, receiving, status
from tests.workflows.engine_desk import UNTIL_IT_WAITS, EngineDesk, desk_pool, eventually, own_database
from worker import build_worker
from workflows.client import FAILED_ATTEMPTS
from workflows.webhook_client import WebhookClient, webhook_workflow_id
from workflows.webhook_relay import WebhookRelay

SECRETS = WebhookSecrets(b"k" * 32)


class HookDesk(EngineDesk):
    """A desk that calls webhooks; its relays run."""

    def __init__(self, client: Client, pool: Pool, task_queue: str) -> None:
        super().__init__(client, pool, task_queue)
        self.webhooks = WebhookStore(pool)
        self.deliveries = WebhookDeliveryStore(pool)

    async def webhook(self, receiver: Receiver, **wanted: Any) -> WebhookRecord:
        """A webhook to this receiver, which knows its secret."""
        id, receiver.secret = WebhookId(uuid4()), new_secret()
        plan = WebhookPlan(receiver.url, "", WebhookFilter(**wanted), is_enabled=True)
        return await self.webhooks.add(id, plan, SECRETS.encrypt(id, receiver.secret), BY_ADMIN)

    async def log_of(self, webhook: WebhookRecord) -> list[DeliveryRecord]:
        return (await self.deliveries.page(webhook.id, DeliveryFilter(), 200))[::-1]

    async def heard(self, receiver: Receiver, calls: int) -> list[tuple[int | None, str]]:
        """Ticket and type of all that came, once so many calls did."""

        async def received() -> list[tuple[int | None, str]]:
            return [(one.ticket, one.type) for one in receiver.received]

        return await eventually(received, lambda found: len(found) >= calls)

    async def ended(self, webhook: WebhookRecord) -> list[DeliveryRecord]:
        """Its log once nothing waits."""

        async def log() -> list[DeliveryRecord]:
            return await self.log_of(webhook)

        return await eventually(
            log, lambda made: bool(made) and all(one.state is not DeliveryState.PENDING for one in made)
        )


@pytest.fixture
async def hooks(engine: Client, postgres: Postgres, template_database: str) -> AsyncIterator[HookDesk]:
    async with own_database(postgres.dsn("postgres"), template_database, postgres.dsn) as dsn, desk_pool(dsn) as pool:
        queue, calls = f"tickets-{uuid4()}", f"calls-{uuid4()}"
        sender = WebhookSender(SECRETS, Allowed.of(["127.0.0.1"]), bounds=Bounds(seconds=1, bytes=10_000))
        async with (
            build_worker(engine, pool, task_queue=queue),
            webhook_calls(engine, pool, sender, calls),
            _relay(engine, pool, dsn, queue, calls),
            _relay(engine, pool, dsn, queue, calls),  # as two workers would
        ):
            yield HookDesk(engine, pool, queue)


@asynccontextmanager
async def _relay(client: Client, pool: Pool, dsn: str, queue: str, calls: str) -> AsyncIterator[None]:
    relay = WebhookRelay(WebhookOutbox(pool, SECRETS.made_for), WebhookClient(client, 10, queue, calls))
    bell = Bell(dsn, {BELL: relay.ring, WEBHOOK_BELL: relay.call})
    running = [asyncio.create_task(part.run()) for part in (relay, bell)]
    yield
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_change_of_a_ticket_arrives_signed_as_the_stream_tells_it(hooks: HookDesk) -> None:
    async with receiving() as receiver:
        webhook = await hooks.webhook(receiver)
        ticket = await hooks.running(team="support")
        await hooks.send(ticket, ClaimTicket())

        assert (await hooks.heard(receiver, 2))[:2] == [
            (ticket.number, "ticket.opened"),
            (ticket.number, "ticket.assigned"),
        ]
        made = await hooks.ended(webhook)

    opened, assigned = receiver.received[:2]
    assert [one.id for one in receiver.received] == [str(one.id) for one in made]
    assert receiver.unsigned == 0
    assert opened.payload.keys() == {"type", "timestamp", "data"}
    data = assigned.payload["data"]
    assert data["actor"] == {"kind": "person", "id": str(factories.AGENT), "name": "agent"}
    assert (data["change"]["assignee"]["name"], data["internal"]) == ("agent", False)
    assert opened.payload["data"]["change"]["title"] == "The printer is on fire"
    assert "Since nine." not in str(receiver.received), "bodies are not sent"
    (attempt,) = await hooks.deliveries.attempts(made[0].id)
    assert (attempt.result.status, attempt.answer_body) == (200, "thanks")


async def test_a_receiver_that_hangs_holds_up_no_ticket_and_no_other_receiver(hooks: HookDesk) -> None:
    async with receiving() as stuck, receiving() as other:
        stuck.answering = hanging
        stuck_webhook, webhook = await hooks.webhook(stuck), await hooks.webhook(other)
        tickets = [await hooks.open(team="support") for _ in range(5)]
        for ticket in tickets:
            await hooks.send(ticket, ClaimTicket())

        assert {number for number, _ in await hooks.heard(other, 10)} == {ticket.number for ticket in tickets}
        assert {one.state for one in await hooks.ended(webhook)} == {DeliveryState.DELIVERED}

        async def failures() -> int:
            return (await hooks.webhooks.read(stuck_webhook.id)).breaker.failures

        await eventually(failures, lambda count: count > 0)
        stuck.answering = fine
        await hooks.webhooks.change(stuck_webhook.id, {"url": other.url}, BY_ADMIN)
        other.secret = stuck.secret
        assert {one.state for one in await hooks.ended(stuck_webhook)} == {DeliveryState.DELIVERED}, "nothing is lost"


async def test_a_dead_receiver_that_is_mended_gets_all_that_it_missed_after_a_ping(hooks: HookDesk) -> None:
    async with receiving() as receiver:
        receiver.answering = status(503)
        webhook = await hooks.webhook(receiver)
        tickets = [await hooks.open(team="support") for _ in range(6)]

        async def breaker() -> str:
            record = await hooks.webhooks.read(webhook.id)
            return record.breaker.state(record.updated_at)

        await eventually(breaker, lambda state: state == "open")
        receiver.answering, receiver.received = fine, []
        ping = await hooks.deliveries.ping(webhook.id)

        made = await hooks.ended(webhook)
        heard = await hooks.heard(receiver, 7)
    assert {one.state for one in made} == {DeliveryState.DELIVERED}
    assert {number for number, type in heard if type == "ticket.opened"} == {ticket.number for ticket in tickets}
    assert [one.id for one in receiver.received if one.type == PING] == [str(ping.id)]


async def test_what_was_delivered_is_sent_again_under_its_id(hooks: HookDesk) -> None:
    async with receiving() as receiver:
        webhook = await hooks.webhook(receiver)
        await hooks.open()
        (made,) = await hooks.ended(webhook)
        await hooks.deliveries.redeliver(made.id)
        await hooks.heard(receiver, 2)
        (again,) = await hooks.ended(webhook)

        since, until = made.created_at, made.created_at + timedelta(hours=1)
        assert again.state is DeliveryState.DELIVERED
        assert await hooks.deliveries.redeliver_range(webhook.id, since, until, [again.state]) == 1
        await hooks.heard(receiver, 3)
    assert {one.id for one in receiver.received} == {str(made.id)}


async def test_a_ladder_calls_the_address_that_it_names(hooks: HookDesk) -> None:
    async with receiving() as receiver:
        ticket = await hooks.open(team="support")
        await hooks.store.record(factories.change(ticket, climbed(CallWebhook(url=receiver.url)), actor=TIMER))

        assert await hooks.heard(receiver, 1) == [(ticket.number, "ticket.ladder_climbed")]
    (webhook,) = await hooks.webhooks.all()
    assert (webhook.source, webhook.url) == ("sla_ladder", receiver.url)
    assert receiver.received[0].payload["data"]["internal"] is True


async def test_two_relays_make_no_doubles_of_many(hooks: HookDesk) -> None:
    async with receiving() as receiver:
        webhook = await hooks.webhook(receiver)
        tickets = [await hooks.open() for _ in range(30)]
        heard = await hooks.heard(receiver, 30)
        made = await hooks.ended(webhook)
    assert sorted(number or 0 for number, _ in heard) == [ticket.number for ticket in tickets]
    assert len({one.id for one in made}) == 30


@workflow.defn(name="WebhookWorkflow")
class _ForgottenWorkflow:
    """What no present code does: it waits before it delivers."""

    @workflow.run
    async def run(self, start: Any) -> str:
        await workflow.sleep(3600)
        return "over"


async def test_a_workflow_that_cannot_go_on_begins_anew(hooks: HookDesk) -> None:
    queue, webhook = f"forgotten-{uuid4()}", WebhookId(uuid4())
    client = WebhookClient(hooks.client, 10, queue)
    handle = hooks.client.get_workflow_handle(webhook_workflow_id(webhook))

    async def attempt() -> int:
        return (await handle.describe()).raw_description.pending_workflow_task.attempt

    async def length() -> int:
        return (await handle.describe()).history_length

    await client.mend(webhook)  # none runs: it is started
    first = (await handle.describe()).run_id
    forgotten = Worker(
        hooks.client, task_queue=queue, workflows=[_ForgottenWorkflow], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with forgotten:
        await eventually(length, lambda events: events >= UNTIL_IT_WAITS)
    async with build_worker(hooks.client, hooks.pool, task_queue=queue):
        await client.look(webhook)
        await eventually(attempt, lambda count: count >= FAILED_ATTEMPTS)
        await client.mend(webhook)
    assert (await handle.describe()).run_id != first
    await handle.terminate("the test is over")


async def test_many_receivers_at_once(hooks: HookDesk) -> None:
    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(receiving()) for _ in range(5)]
        for receiver in receivers:
            await hooks.webhook(receiver)
        ticket = await hooks.open()
        for receiver in receivers:
            assert await hooks.heard(receiver, 1) == [(ticket.number, "ticket.opened")]
