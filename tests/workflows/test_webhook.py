"""Deliveries over days: in order, ever more rarely to whoever fails, with nothing lost and nobody else held up.

The engine's clock is moved; the database and the rules are real. The receivers are in the test's hands, for what they
say depends on the day.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.webhooks import Webhook, WebhookActivities
from api.webhook_payloads import WebhookPayloads
from database.events import EventLog
from database.pool import Pool, open_pool
from database.tickets import TicketStore
from database.webhook_deliveries import DeliveryFilter, DeliveryRecord, WebhookDeliveryStore
from database.webhook_rounds import WebhookRoundStore
from database.webhooks import WebhookRecord, WebhookStore
from domain.ids import WebhookDeliveryId, WebhookId
from domain.ticket_commands import ClaimTicket
from domain.webhook import DeliveryState, SendResult, WebhookAttempt
from domain.webhook_rules import BACK_OFF, DISABLED_AFTER, PROBE_AFTER, Verdict
from tests.database.hooks import FAILED, TAKEN, a_webhook, all_taken, attempt
from tests.database.storing import recorded, stored_ticket
from tests.factories import store_desk
from worker import sandbox
from workflows.webhook import WebhookStart, WebhookWorkflow
from workflows.webhook_client import WebhookClient

DAY = timedelta(days=1)
Answer = Callable[[WebhookDeliveryId, datetime], SendResult]


def engines_clock() -> datetime:
    """The moment as the engine has it, whose clock is moved."""
    return activity.info().started_time


class Call(NamedTuple):
    webhook: WebhookId
    delivery: WebhookDeliveryId
    at: datetime
    result: SendResult
    is_probe: bool


class Receivers:
    """Keep every call, and answer as they are told."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: dict[WebhookId, Answer] = {}

    async def send(
        self, receiver: Webhook, delivery: WebhookDeliveryId, body: bytes, *, is_probe: bool = False
    ) -> WebhookAttempt:
        now = engines_clock()
        answer = self.answers.get(receiver.id)
        result = TAKEN if answer is None else answer(delivery, now)
        self.calls.append(Call(receiver.id, delivery, now, result, is_probe))
        return attempt(result, now, is_probe=is_probe)

    def of(self, webhook: WebhookRecord) -> list[Call]:
        return [call for call in self.calls if call.webhook == webhook.id]


class Desk:
    """A database with webhooks, and the engine that delivers to them."""

    def __init__(self, environment: WorkflowEnvironment, client: Client, pool: Pool, queue: str) -> None:
        self.environment = environment
        self.pool = pool
        self.receivers = Receivers()
        self.deliveries = WebhookDeliveryStore(pool)
        self.client = client
        self.queue = queue

    async def events(self, tickets: int = 1) -> None:
        """So many tickets are opened and then claimed, and all of it is to be sent now, as the engine has it."""
        for _ in range(tickets):
            await recorded(TicketStore(self.pool), await stored_ticket(TicketStore(self.pool)), ClaimTicket())
        await all_taken(self.pool)
        now = await self.environment.get_current_time()
        await self.pool.execute("update webhook_deliveries set next_attempt_at = $1 where attempts = 0", now)

    async def look(self, webhook: WebhookRecord, calls: str | None = None) -> WorkflowHandle[WebhookWorkflow, int]:
        return await self.client.start_workflow(
            WebhookWorkflow.run,
            WebhookStart(webhook=webhook.id, calls=calls or self.queue),
            id=f"webhook-{webhook.id}-{uuid4()}",
            task_queue=self.queue,
        )

    async def log_of(self, webhook: WebhookRecord) -> list[DeliveryRecord]:
        return (await self.deliveries.page(webhook.id, DeliveryFilter(), 200))[::-1]


@pytest.fixture
async def desk(time_skipping_env: WorkflowEnvironment, database_dsn: str) -> AsyncIterator[Desk]:
    async with _working(time_skipping_env, time_skipping_env.client, database_dsn) as desk:
        yield desk


@asynccontextmanager
async def _working(environment: WorkflowEnvironment, client: Client, dsn: str) -> AsyncIterator[Desk]:
    pool = await open_pool(dsn, 8)
    await store_desk(pool)
    desk = Desk(environment, client, pool, f"webhooks-{uuid4()}")
    payloads = WebhookPayloads(desk.deliveries, EventLog(pool))
    calling = WebhookActivities(WebhookRoundStore(pool), payloads, desk.receivers, engines_clock)
    async with Worker(
        client,
        task_queue=desk.queue,
        workflows=[WebhookWorkflow],
        activities=calling.steps,
        workflow_runner=sandbox(),
    ):
        yield desk
    await pool.close()


async def test_what_waits_is_delivered_in_the_order_of_each_ticket_and_then_it_is_over(desk: Desk) -> None:
    webhook = await a_webhook(desk.pool)
    await desk.events(tickets=6)

    await (await desk.look(webhook)).result()

    made = await desk.log_of(webhook)
    assert {one.state for one in made} == {DeliveryState.DELIVERED}
    called = [call.delivery for call in desk.receivers.of(webhook)]
    assert sorted(called) == sorted(one.id for one in made), "each once"
    for ticket in {one.ticket for one in made}:
        of_ticket = [one.id for one in made if one.ticket == ticket]
        assert [id for id in called if id in of_ticket] == of_ticket


async def test_a_delivery_that_its_receiver_will_not_take_is_given_up_after_three_days_and_holds_up_its_ticket_only(
    desk: Desk,
) -> None:
    webhook = await a_webhook(desk.pool)
    await desk.events(tickets=2)
    disliked, after, *others = await desk.log_of(webhook)

    def dislikes_one(delivery: WebhookDeliveryId, at: datetime) -> SendResult:
        return FAILED if delivery == disliked.id else TAKEN

    desk.receivers.answers[webhook.id] = dislikes_one
    await (await desk.look(webhook)).result()

    ended = {one.id: one for one in await desk.log_of(webhook)}
    calls = desk.receivers.of(webhook)
    tries = [call for call in calls if call.delivery == disliked.id]
    assert ended[disliked.id].state is DeliveryState.FAILED
    assert ended[disliked.id].attempts == len(BACK_OFF) + 1
    assert timedelta(days=3) < tries[-1].at - tries[0].at < timedelta(days=4)
    first_after = next(call for call in calls if call.delivery == after.id)
    assert first_after.at >= tries[-1].at, "what follows in its ticket waits until it has ended"
    for other in others:
        assert next(call for call in calls if call.delivery == other.id).at - tries[0].at < timedelta(minutes=1)
    assert {one.state for one in ended.values() if one.id != disliked.id} == {DeliveryState.DELIVERED}


async def test_a_receiver_that_is_dead_for_a_day_misses_nothing_and_delays_nobody(desk: Desk) -> None:
    dead, alive = await a_webhook(desk.pool), await a_webhook(desk.pool)
    back = await desk.environment.get_current_time() + DAY
    desk.receivers.answers[dead.id] = lambda _, at: TAKEN if at >= back else SendResult("unreachable")
    await desk.events(tickets=10)

    handles = [await desk.look(dead), await desk.look(alive)]
    for handle in handles:
        await handle.result()

    for webhook in (dead, alive):
        assert {one.state for one in await desk.log_of(webhook)} == {DeliveryState.DELIVERED}
    began = desk.receivers.of(alive)[0].at
    assert max(call.at for call in desk.receivers.of(alive)) - began < timedelta(minutes=1)

    calls = desk.receivers.of(dead)
    while_dead = [call for call in calls if call.result.error]
    assert len(while_dead) < 200, "it is left alone, but for a probe now and then"
    assert max(one.attempts for one in await desk.log_of(dead)) < len(BACK_OFF), "and uses up few tries"
    taken = [call for call in calls if call.result.error is None]
    assert taken[0].at - back <= PROBE_AFTER[-1] + timedelta(minutes=1)
    assert taken[-1].at - taken[0].at < timedelta(minutes=1), "then everything goes on at once"
    made = await desk.log_of(dead)
    for ticket in {one.ticket for one in made}:
        of_ticket = [one.id for one in made if one.ticket == ticket]
        assert [call.delivery for call in taken if call.delivery in of_ticket] == of_ticket


async def test_a_receiver_that_fails_for_five_days_is_disabled(desk: Desk) -> None:
    webhook = await a_webhook(desk.pool)
    desk.receivers.answers[webhook.id] = lambda *_: SendResult("timeout")
    await desk.events()

    await (await desk.look(webhook)).result()

    assert (await WebhookStore(desk.pool).read(webhook.id)).disabled_reason == "failing"
    assert {one.state for one in await desk.log_of(webhook)} == {DeliveryState.FAILED}
    calls = desk.receivers.of(webhook)
    assert DISABLED_AFTER <= calls[-1].at - calls[0].at < DISABLED_AFTER + timedelta(hours=1)


async def test_who_asks_for_rest_is_left_alone_for_so_long(desk: Desk) -> None:
    webhook = await a_webhook(desk.pool)
    began = await desk.environment.get_current_time()
    busy_until = began + timedelta(minutes=10)
    busy = SendResult("status", 429, timedelta(minutes=10))
    desk.receivers.answers[webhook.id] = lambda _, at: TAKEN if at >= busy_until else busy
    await desk.events(tickets=3)

    await (await desk.look(webhook)).result()

    calls = desk.receivers.of(webhook)
    assert not [call for call in calls if began + timedelta(minutes=1) < call.at < busy_until]
    assert {one.state for one in await desk.log_of(webhook)} == {DeliveryState.DELIVERED}


class Forgetful(WebhookRoundStore):
    """Does not get to note the first attempt: its worker dies after the call."""

    is_dying = True

    async def note(self, id: WebhookDeliveryId, attempt: WebhookAttempt, now: datetime) -> Verdict | None:
        if self.is_dying:
            self.is_dying = False
            raise ConnectionError("the worker dies")
        return await super().note(id, attempt, now)


async def test_a_call_that_was_not_noted_is_made_again_under_the_same_id(desk: Desk) -> None:
    webhook = await a_webhook(desk.pool)
    await desk.events()
    calls = f"forgetful-{uuid4()}"
    calling = WebhookActivities(
        Forgetful(desk.pool), WebhookPayloads(desk.deliveries, EventLog(desk.pool)), desk.receivers, engines_clock
    )
    async with Worker(desk.client, task_queue=calls, activities=calling.steps):
        await (await desk.look(webhook, calls)).result()

    opened, claimed = (one.id for one in await desk.log_of(webhook))
    assert [call.delivery for call in desk.receivers.of(webhook)] == [opened, opened, claimed]


async def test_with_nothing_to_do_it_ends_and_a_call_begins_it_anew(desk: Desk) -> None:
    webhook = await a_webhook(desk.pool)
    client = WebhookClient(desk.client, 10, desk.queue, desk.queue)
    for expected in (2, 4):
        await desk.events()
        await client.look(webhook.id)
        handle = desk.client.get_workflow_handle(f"webhook-{webhook.id}")
        await handle.result()
        assert len(desk.receivers.of(webhook)) == expected
