"""What is to be sent now: the first of each lane, as far as its time has come and its receiver is not left alone."""

from datetime import timedelta
from uuid import uuid4

import pytest

from database.pool import Pool
from database.tickets import TicketStore
from database.webhook_deliveries import WebhookDeliveryStore
from database.webhook_rounds import Due, WebhookRoundStore
from database.webhooks import WebhookRecord, WebhookStore
from domain.ids import TicketNumber, WebhookDeliveryId, WebhookId
from domain.ticket import Ticket
from domain.ticket_commands import ClaimTicket
from domain.webhook import DeliveryState
from domain.webhook_rules import BACK_OFF, OPENS_AFTER, PROBE_AFTER, Breaker
from tests.database.hooks import FAILED, TAKEN, a_webhook, all_taken, attempt
from tests.database.storing import recorded, stored_ticket
from tests.factories import NOW


@pytest.fixture
async def webhook(pool: Pool) -> WebhookRecord:
    return await a_webhook(pool)


@pytest.fixture
def rounds(pool: Pool) -> WebhookRoundStore:
    return WebhookRoundStore(pool)


@pytest.fixture
async def tickets(pool: Pool, store: TicketStore, webhook: WebhookRecord) -> list[Ticket]:
    """Three tickets, each opened and then claimed: six events. All of them became deliveries."""
    opened = [await stored_ticket(store, team="support") for _ in range(3)]
    claimed = [await recorded(store, ticket, ClaimTicket()) for ticket in opened]
    await all_taken(pool)
    await pool.execute("update webhook_deliveries set next_attempt_at = $1", NOW)
    return claimed


async def told(pool: Pool, due: Due) -> list[tuple[TicketNumber, str]]:
    rows = await pool.fetch(
        "select ticket_number, event_type from webhook_deliveries where id = any($1) order by number", due.deliveries
    )
    return [(row["ticket_number"], row["event_type"]) for row in rows]


async def test_the_next_of_a_ticket_waits_for_the_one_before(
    pool: Pool, rounds: WebhookRoundStore, webhook: WebhookRecord, tickets: list[Ticket]
) -> None:
    first, second, third = (ticket.number for ticket in tickets)
    due = await rounds.due(webhook.id, 10, NOW)
    assert await told(pool, due) == [(number, "ticket.opened") for number in (first, second, third)]
    assert await told(pool, await rounds.due(webhook.id, 2, NOW)) == [
        (number, "ticket.opened") for number in (first, second)
    ]

    await rounds.note(due.deliveries[0], attempt(TAKEN), NOW)
    await rounds.note(due.deliveries[1], attempt(FAILED), NOW)

    assert await told(pool, await rounds.due(webhook.id, 10, NOW)) == [
        (third, "ticket.opened"),
        (first, "ticket.assigned"),
    ], "the second ticket's waits for its first try's back-off, and holds nobody else up"


async def test_asking_takes_nothing_away(
    rounds: WebhookRoundStore, webhook: WebhookRecord, tickets: list[Ticket]
) -> None:
    assert await rounds.due(webhook.id, 10, NOW) == await rounds.due(webhook.id, 10, NOW)


async def test_when_nothing_is_due_it_says_when_something_is(
    pool: Pool, rounds: WebhookRoundStore, webhook: WebhookRecord, tickets: list[Ticket]
) -> None:
    verdicts = [
        await rounds.note(id, attempt(FAILED), NOW) for id in (await rounds.due(webhook.id, 10, NOW)).deliveries
    ]
    moments = [verdict.next_attempt_at for verdict in verdicts if verdict and verdict.next_attempt_at]

    due = await rounds.due(webhook.id, 10, NOW)
    assert (due.deliveries, due.next_at) == ((), min(moments))
    assert BACK_OFF[0] <= min(moments) - NOW <= 2 * BACK_OFF[0]

    await pool.execute("delete from webhook_deliveries")
    assert (await rounds.due(webhook.id, 10, NOW)).next_at is None


async def test_a_receiver_that_fails_is_left_alone_then_probed_by_one_after_the_other_and_caught_up_with_in_order(
    pool: Pool, rounds: WebhookRoundStore, webhook: WebhookRecord, tickets: list[Ticket]
) -> None:
    now = NOW
    for _ in range(OPENS_AFTER):
        now += timedelta(hours=1)  # none is held back by its own back-off
        (one, *_) = (await rounds.due(webhook.id, 1, now)).deliveries
        await rounds.note(one, attempt(FAILED, now), now)
    due = await rounds.due(webhook.id, 10, now)
    assert due.next_at is not None
    assert (due.deliveries, due.next_at) == ((), now + PROBE_AFTER[0])

    now = due.next_at
    probed: list[WebhookDeliveryId] = []
    for _ in range(3):
        probe = await rounds.due(webhook.id, 10, now)
        assert probe.is_probe
        probed += probe.deliveries
        await rounds.note(probe.deliveries[0], attempt(FAILED, now, is_probe=True), now)
        now += timedelta(hours=1)
    assert len(set(probed)) == 3

    (one,) = (await rounds.due(webhook.id, 10, now)).deliveries
    await rounds.note(one, attempt(TAKEN, now, is_probe=True), now)
    assert (await WebhookStore(pool).read(webhook.id)).breaker == Breaker()
    order = []
    while (due := await rounds.due(webhook.id, 10, now)).deliveries:
        order += await told(pool, due)
        for one in due.deliveries:
            await rounds.note(one, attempt(TAKEN, now), now)
    assert len(order) == 5
    for ticket in tickets:
        types = [type for number, type in order if number == ticket.number]
        assert types in (["ticket.opened", "ticket.assigned"], ["ticket.assigned"])


async def test_a_receiver_that_is_gone_hears_nothing_more(
    pool: Pool, rounds: WebhookRoundStore, webhook: WebhookRecord, tickets: list[Ticket]
) -> None:
    (one, *_) = (await rounds.due(webhook.id, 1, NOW)).deliveries
    await rounds.note(one, attempt(FAILED._replace(error="gone", status=410)), NOW)

    assert await rounds.due(webhook.id, 10, NOW) == Due(None)
    assert (await WebhookStore(pool).read(webhook.id)).disabled_reason == "gone"
    states = await pool.fetch("select distinct state from webhook_deliveries")
    assert [row["state"] for row in states] == ["failed"]


async def test_what_ended_meanwhile_keeps_its_end(
    pool: Pool, rounds: WebhookRoundStore, webhook: WebhookRecord, tickets: list[Ticket]
) -> None:
    (one, *_) = (await rounds.due(webhook.id, 1, NOW)).deliveries
    await rounds.skip(one, NOW)

    assert await rounds.note(one, attempt(TAKEN), NOW) is None
    deliveries = WebhookDeliveryStore(pool)
    assert (await deliveries.read(one)).state is DeliveryState.SKIPPED
    assert len(await deliveries.attempts(one)) == 1, "it was made all the same"
    assert await rounds.note(WebhookDeliveryId(uuid4()), attempt(TAKEN), NOW) is None
    assert await rounds.due(WebhookId(uuid4()), 10, NOW) == Due(None)
