"""Webhooks as admins keep them, and their log of deliveries."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from database.audit import AuditFilter, AuditStore
from database.erasure import ErasureStore
from database.personal_data import ERASED
from database.pool import Pool
from database.retention import RetentionStore
from database.tickets import TicketStore
from database.webhook_deliveries import DeliveryFilter, DeliveryRecord, WebhookDeliveryStore
from database.webhook_rounds import WebhookRoundStore
from database.webhooks import WebhookRecord, WebhookStore
from domain.errors import (
    LimitReachedError,
    NotFoundError,
    UnknownReferenceError,
    WebhookDisabledError,
    WebhookOfLadderError,
)
from domain.ids import WebhookDeliveryId, WebhookId
from domain.retention import RetentionKind
from domain.webhook import MAX_WEBHOOKS, PING, DeliveryState, WebhookFilter
from domain.webhook_rules import Breaker
from tests.database.hooks import BY_ADMIN, FAILED, TAKEN, URL, a_webhook, all_taken, attempt
from tests.database.storing import stored_ticket
from tests.factories import NOW, OTHER_REQUESTER

HOUR = timedelta(hours=1)
NOBODYS = WebhookId(uuid4())


@pytest.fixture
def webhooks(pool: Pool) -> WebhookStore:
    return WebhookStore(pool)


@pytest.fixture
def deliveries(pool: Pool) -> WebhookDeliveryStore:
    return WebhookDeliveryStore(pool)


@pytest.fixture
def rounds(pool: Pool) -> WebhookRoundStore:
    return WebhookRoundStore(pool)


async def filled(pool: Pool, store: TicketStore, tickets: int = 3) -> tuple[WebhookRecord, list[DeliveryRecord]]:
    """A webhook with a delivery for each of so many new tickets, oldest first."""
    webhook = await a_webhook(pool)
    for _ in range(tickets):
        await stored_ticket(store, team="support")
    await all_taken(pool)
    page = await WebhookDeliveryStore(pool).page(webhook.id, DeliveryFilter(), 100)
    return webhook, page[::-1]


async def test_a_webhook_is_read_as_it_was_added_and_changed(pool: Pool, webhooks: WebhookStore) -> None:
    added = await a_webhook(pool, teams=frozenset({"support", "billing"}), events=frozenset({"ticket.opened"}))
    assert await webhooks.read(added.id) == added
    assert added in await webhooks.all()

    wanted = WebhookFilter(include_internal=True)
    changes = {"url": f"{URL}/new", "description": "for the wall", "filter": wanted, "is_enabled": False}
    changed = await webhooks.change(added.id, changes, BY_ADMIN)

    assert (changed.url, changed.description, changed.filter) == (f"{URL}/new", "for the wall", wanted)
    assert (changed.enabled_at, changed.disabled_reason) == (None, "by_hand")
    assert (await webhooks.change(added.id, {"is_enabled": True}, BY_ADMIN)).disabled_reason is None


async def test_what_cannot_be_is_refused(pool: Pool, webhooks: WebhookStore) -> None:
    with pytest.raises(UnknownReferenceError, match="nowhere"):
        await a_webhook(pool, teams=frozenset({"support", "nowhere"}))
    webhook = [await a_webhook(pool) for _ in range(MAX_WEBHOOKS)][-1]
    with pytest.raises(LimitReachedError):
        await a_webhook(pool)
    with pytest.raises(UnknownReferenceError):
        await webhooks.change(webhook.id, {"filter": WebhookFilter(teams=frozenset({"nowhere"}))}, BY_ADMIN)
    await pool.execute("update webhooks set source = 'sla_ladder' where id = $1", webhook.id)
    for change in ({"url": "https://elsewhere.example"}, {"filter": WebhookFilter()}):
        with pytest.raises(WebhookOfLadderError):
            await webhooks.change(webhook.id, change, BY_ADMIN)
    with pytest.raises(NotFoundError):
        await webhooks.delete(NOBODYS, BY_ADMIN)
    with pytest.raises(NotFoundError):
        await webhooks.rotate(NOBODYS, b"", NOW, BY_ADMIN)


async def test_a_secret_that_is_taken_over_signs_until_its_grace_is_over(pool: Pool, webhooks: WebhookStore) -> None:
    webhook = await a_webhook(pool)
    rotated = await webhooks.rotate(webhook.id, b"new", NOW + HOUR, BY_ADMIN)

    assert rotated.secrets_at(NOW) == (b"new", b"encrypted")
    assert rotated.secrets_at(NOW + HOUR) == (b"new",)
    assert webhook.secrets_at(NOW) == (b"encrypted",)


async def test_the_audit_trail_has_every_change_and_no_secret(pool: Pool, webhooks: WebhookStore) -> None:
    webhook = await a_webhook(pool)
    await webhooks.rotate(webhook.id, b"new", NOW + HOUR, BY_ADMIN)
    await webhooks.delete(webhook.id, BY_ADMIN)

    entries = await AuditStore(pool).page(AuditFilter(subject_kind="webhook", subject_id=str(webhook.id)), 10)
    assert [entry.action for entry in entries] == ["webhook.deleted", "webhook.changed", "webhook.made"]
    assert {entry.author_id for entry in entries} == {BY_ADMIN.id}
    assert entries[1].after is not None
    assert entries[1].after["secret"] == "(hidden)"
    assert b"new".hex() not in str(entries)
    with pytest.raises(NotFoundError):
        await webhooks.read(webhook.id)


async def test_how_a_delivery_fares_is_no_matter_of_the_audit_trail_but_its_end_is(
    pool: Pool, store: TicketStore, rounds: WebhookRoundStore
) -> None:
    webhook, (first, second, _) = await filled(pool, store)
    await rounds.note(first.id, attempt(FAILED), NOW)
    trail, of_webhook = AuditStore(pool), AuditFilter(subject_id=str(webhook.id))
    assert len(await trail.page(of_webhook, 10)) == 1

    await rounds.note(second.id, attempt(FAILED._replace(error="gone", status=410)), NOW)
    entry, _ = await trail.page(of_webhook, 10)
    assert (entry.author_id, entry.credential) == (None, "program:webhooks")
    assert entry.after is not None
    assert entry.after["disabled_reason"] == "gone"


async def test_disabled_by_hand_what_waits_is_skipped(
    pool: Pool, store: TicketStore, webhooks: WebhookStore, deliveries: WebhookDeliveryStore
) -> None:
    webhook, (one, *_) = await filled(pool, store)
    await webhooks.change(webhook.id, {"is_enabled": False}, BY_ADMIN)

    assert (await deliveries.read(one.id)).state is DeliveryState.SKIPPED
    for refused in (
        deliveries.ping(webhook.id),
        deliveries.redeliver(one.id),
        deliveries.redeliver_range(webhook.id, NOW, NOW, [DeliveryState.SKIPPED]),
    ):
        with pytest.raises(WebhookDisabledError):
            await refused


async def test_another_address_begins_without_a_past(
    pool: Pool, store: TicketStore, webhooks: WebhookStore, rounds: WebhookRoundStore
) -> None:
    webhook, (one, *_) = await filled(pool, store)
    for _ in range(5):
        await rounds.note(one.id, attempt(FAILED), NOW)
    assert (await webhooks.read(webhook.id)).breaker.state(NOW) == "open"

    changed = await webhooks.change(webhook.id, {"url": f"{URL}/new"}, BY_ADMIN)
    assert changed.breaker == Breaker()
    assert len((await rounds.due(webhook.id, 10, NOW)).deliveries) == 3, "at once"


async def test_the_log_is_read_page_by_page_and_narrowed(
    pool: Pool, store: TicketStore, deliveries: WebhookDeliveryStore, rounds: WebhookRoundStore
) -> None:
    webhook, made = await filled(pool, store)
    await rounds.note(made[0].id, attempt(TAKEN), NOW)
    await rounds.note(made[1].id, attempt(FAILED), NOW)
    ping = await deliveries.ping(webhook.id)

    async def ids(wanted: DeliveryFilter, limit: int = 10, before: int | None = None) -> list[WebhookDeliveryId]:
        return [one.id for one in await deliveries.page(webhook.id, wanted, limit, before)]

    assert await ids(DeliveryFilter(), 2) == [ping.id, made[2].id]
    assert await ids(DeliveryFilter(), 2, made[2].number) == [made[1].id, made[0].id]
    assert await ids(DeliveryFilter(state=DeliveryState.DELIVERED)) == [made[0].id]
    assert await ids(DeliveryFilter(event_type=PING)) == [ping.id]
    assert await ids(DeliveryFilter(ticket=made[1].ticket)) == [made[1].id]
    assert await ids(DeliveryFilter(since=made[0].created_at + HOUR)) == []
    assert len(await ids(DeliveryFilter(since=made[0].created_at, until=made[0].created_at + HOUR))) == 4
    with pytest.raises(NotFoundError):
        await deliveries.page(NOBODYS, DeliveryFilter(), 1)


async def test_every_try_is_kept_with_what_was_answered(
    pool: Pool, store: TicketStore, deliveries: WebhookDeliveryStore, rounds: WebhookRoundStore
) -> None:
    _, (one, *_) = await filled(pool, store)
    tries = [
        attempt(FAILED, answer_headers={"server": "x"}, answer_body="no", is_cut=True),
        attempt(TAKEN, NOW + HOUR, is_probe=True),
    ]
    for made in tries:
        await rounds.note(one.id, made, made.at)

    assert await deliveries.attempts(one.id) == tries
    read = await deliveries.read(one.id)
    assert (read.state, read.attempts, read.last_attempt_at) == (DeliveryState.DELIVERED, 2, NOW + HOUR)


async def test_a_range_goes_again_under_the_same_ids(
    pool: Pool, store: TicketStore, deliveries: WebhookDeliveryStore, rounds: WebhookRoundStore
) -> None:
    webhook, made = await filled(pool, store)
    for one, result in zip(made, (TAKEN, FAILED._replace(error="gone"), TAKEN), strict=True):
        await rounds.note(one.id, attempt(result), NOW)
    await WebhookStore(pool).change(webhook.id, {"is_enabled": True}, BY_ADMIN)
    since, until = made[0].created_at, made[-1].created_at + HOUR

    assert await deliveries.redeliver_range(webhook.id, since, since, [DeliveryState.FAILED]) == 0
    assert await deliveries.redeliver_range(webhook.id, since, until, [DeliveryState.FAILED]) == 2, (
        "disabling failed it"
    )
    again = await deliveries.read(made[1].id)
    assert (again.state, again.attempts, again.ended_at) == (DeliveryState.PENDING, 0, None)
    due = await rounds.due(webhook.id, 10, datetime.now(tz=NOW.tzinfo))
    assert due.deliveries == (made[1].id, made[2].id)

    assert (await deliveries.redeliver(made[0].id)).state is DeliveryState.PENDING
    with pytest.raises(NotFoundError):
        await deliveries.redeliver(WebhookDeliveryId(uuid4()))


async def test_what_is_sent_by_hand_is_sent_though_the_receiver_is_left_alone(
    pool: Pool, store: TicketStore, deliveries: WebhookDeliveryStore, rounds: WebhookRoundStore
) -> None:
    now = datetime.now(tz=NOW.tzinfo)
    webhook, (one, *_) = await filled(pool, store)
    for _ in range(5):
        await rounds.note(one.id, attempt(FAILED), now)
    assert (await rounds.due(webhook.id, 10, now)).deliveries == ()

    await deliveries.ping(webhook.id)
    assert (await rounds.due(webhook.id, 10, now + timedelta(seconds=5))).is_probe


async def test_figures_tell_how_a_webhook_fares(
    pool: Pool, store: TicketStore, webhooks: WebhookStore, rounds: WebhookRoundStore
) -> None:
    now = datetime.now(tz=NOW.tzinfo)
    webhook, made = await filled(pool, store, 4)
    await rounds.note(made[0].id, attempt(TAKEN), now)
    await rounds.note(made[1].id, attempt(TAKEN), now)
    await pool.execute("update webhook_deliveries set ended_at = now() - interval '25 hours' where id = $1", made[1].id)
    await rounds.skip(made[2].id, now)

    figures = (await webhooks.figures([webhook.id]))[webhook.id]
    assert (figures.pending, figures.delivered, figures.failed) == (1, 1, 0)
    assert figures.next_attempt_at is not None
    idle = await a_webhook(pool)
    assert (await webhooks.figures([idle.id]))[idle.id] == (0, 0, 0, None)
    assert (await webhooks.read(webhook.id)).last_success_at == now


async def test_what_receivers_said_of_an_erased_person_is_taken_out(
    pool: Pool, store: TicketStore, deliveries: WebhookDeliveryStore, rounds: WebhookRoundStore
) -> None:
    await pool.execute("update people set name = 'Rita Requester' where id = $1", OTHER_REQUESTER)
    _, (one, other, third) = await filled(pool, store)
    for delivery, said in ((one, "Hello RITA requester"), (other, f'{{"id": "{OTHER_REQUESTER}"}}'), (third, "fine")):
        await rounds.note(delivery.id, attempt(TAKEN, answer_body=said), NOW)

    await ErasureStore(pool).erase(OTHER_REQUESTER, BY_ADMIN)

    left = [(await deliveries.attempts(delivery.id))[0].answer_body for delivery in (one, other, third)]
    assert left == [ERASED, ERASED, "fine"]


async def test_old_deliveries_go_and_those_that_wait_stay(
    pool: Pool, store: TicketStore, rounds: WebhookRoundStore
) -> None:
    webhook, made = await filled(pool, store)
    await rounds.note(made[0].id, attempt(TAKEN), datetime.now(tz=NOW.tzinfo) - timedelta(days=15))
    await rounds.note(made[1].id, attempt(TAKEN), datetime.now(tz=NOW.tzinfo) - timedelta(days=13))

    removed = await RetentionStore(pool, ErasureStore(pool)).remove_some(RetentionKind.WEBHOOK_DELIVERIES, 14)

    assert removed == 1
    assert await pool.fetchval("select count(*) from webhook_deliveries where webhook_id = $1", webhook.id) == 2
