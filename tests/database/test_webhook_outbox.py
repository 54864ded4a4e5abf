"""Events become deliveries: each once for each webhook that hears of it, in order, whoever looks and how often."""

import asyncio

import asyncpg
import pytest

from database.events import EventLog, EventPlace
from database.pool import Pool
from database.tickets import TicketStore
from database.webhook_outbox import BATCH
from database.webhooks import WebhookStore
from domain.people import TIMER
from domain.sla_ladder import CallWebhook
from domain.ticket_commands import AddReply, ClaimTicket, EditTicket
from tests.database.hooks import BY_ADMIN, URL, a_webhook, all_taken, outbox_of, sent
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.database.test_notices import climbed
from tests.factories import change

PLACE = "select xid::text::bigint as xid, id from webhook_relay"


async def test_an_event_becomes_a_delivery_to_every_webhook_that_hears_of_it(store: TicketStore, pool: Pool) -> None:
    all_of_it = await a_webhook(pool)
    support = await a_webhook(pool, teams=frozenset({"support"}), events=frozenset({"ticket.opened"}))
    inside = await a_webhook(pool, include_internal=True, events=frozenset({"ticket.noted"}))
    disabled = await a_webhook(pool, is_enabled=False)

    here = await stored_ticket(store, team="support")
    there = await stored_ticket(store, team="billing")
    note = await stored_text(store, here.number)
    await recorded(store, here, AddReply(text_id=note, internal=True))
    taken = await outbox_of(pool).take()
    await all_taken(pool)

    opened = [(here.number, "ticket.opened"), (there.number, "ticket.opened")]
    assert await sent(pool, all_of_it.id) == opened
    assert await sent(pool, support.id) == opened[:1]
    assert await sent(pool, inside.id) == [(here.number, "ticket.noted")]
    assert await sent(pool, disabled.id) == []
    assert all_of_it.id in taken.called


async def test_a_ticket_that_moves_is_told_to_both_teams(store: TicketStore, pool: Pool) -> None:
    moved = frozenset({"ticket.moved"})
    before = await a_webhook(pool, teams=frozenset({"support"}), events=moved)
    after = await a_webhook(pool, teams=frozenset({"billing"}), events=moved)
    ticket = await stored_ticket(store, team="support")

    await recorded(store, ticket, EditTicket(team="billing"))
    await all_taken(pool)

    assert await sent(pool, before.id) == await sent(pool, after.id) == [(ticket.number, "ticket.moved")]


async def test_what_was_before_a_webhook_is_not_sent(store: TicketStore, pool: Pool) -> None:
    await stored_ticket(store)
    webhook = await a_webhook(pool)
    later = await stored_ticket(store)
    await WebhookStore(pool).change(webhook.id, {"is_enabled": False}, BY_ADMIN)
    await stored_ticket(store)
    await WebhookStore(pool).change(webhook.id, {"is_enabled": True}, BY_ADMIN)
    last = await stored_ticket(store)

    await all_taken(pool)

    kept = [number for number, _ in await sent(pool, webhook.id)]
    assert kept == [last.number], f"not {later.number}, which came before it was enabled anew"


async def test_two_relays_at_once_make_no_double(store: TicketStore, pool: Pool) -> None:
    webhook = await a_webhook(pool)
    tickets = [await stored_ticket(store) for _ in range(20)]

    for _ in range(5):
        await asyncio.gather(*(outbox_of(pool).take() for _ in range(4)))
    await all_taken(pool)

    assert await sent(pool, webhook.id) == [(ticket.number, "ticket.opened") for ticket in tickets]


async def test_an_event_that_commits_late_is_not_passed_over(store: TicketStore, pool: Pool, desk_dsn: str) -> None:
    webhook = await a_webhook(pool)
    late = await asyncpg.connect(desk_dsn)
    try:
        transaction = late.transaction()
        await transaction.start()
        await late.execute(
            "insert into events (topic, type, at, actor_kind, internal, data) "
            "values ('queue', 'queue.changed', now(), 'dispatcher', false, '{\"team\": \"support\"}')"
        )
        await stored_ticket(store)
        await outbox_of(pool).take()
        assert await sent(pool, webhook.id) == []
        await transaction.commit()
    finally:
        await late.close()

    await all_taken(pool)
    assert sorted(type for _, type in await sent(pool, webhook.id)) == ["queue.changed", "ticket.opened"]


async def test_more_than_a_batch_is_taken_in_several_steps(pool: Pool) -> None:
    webhook = await a_webhook(pool)
    await pool.execute(
        "insert into events (topic, type, at, actor_kind, internal, data) select 'queue', 'queue.changed', now(), "
        "'dispatcher', false, '{\"team\": \"support\"}' from generate_series(1, $1)",
        BATCH + 1,
    )
    first = await outbox_of(pool).take()
    await all_taken(pool)

    assert first.has_more
    assert len(await sent(pool, webhook.id)) == BATCH + 1


async def test_a_look_that_finds_nothing_writes_nothing(store: TicketStore, pool: Pool) -> None:
    """Or every look would be a reason for the next one."""
    await stored_ticket(store)
    place = await pool.fetchrow(PLACE)
    assert not (await outbox_of(pool).take()).called
    assert await pool.fetchrow(PLACE) == place, "there is no webhook, so nobody misses the move"

    await outbox_of(pool, idle_stride=0).take()
    moved = await pool.fetchrow(PLACE)
    assert moved is not None
    assert place is not None
    assert moved["xid"] > place["xid"], "now and then it is, or the next search would be long"


async def test_a_restored_log_is_followed_from_now_on(store: TicketStore, pool: Pool) -> None:
    webhook = await a_webhook(pool)
    await stored_ticket(store)
    await pool.execute("update event_stream set epoch = epoch + 1")

    await outbox_of(pool).take()
    later = await stored_ticket(store)
    await all_taken(pool)

    assert await sent(pool, webhook.id) == [(later.number, "ticket.opened")]
    epochs = await pool.fetchrow("select r.epoch as ours, s.epoch as theirs from webhook_relay r, event_stream s")
    assert epochs is not None
    assert epochs["ours"] == epochs["theirs"]


async def test_a_ladder_calls_the_webhook_that_it_names_and_makes_it_at_its_first_call(
    store: TicketStore, pool: Pool
) -> None:
    ticket = await stored_ticket(store, team="support")
    for revision in (2, 3):
        at = ticket.model_copy(update={"revision": revision - 1})
        await store.record(change(at, climbed(CallWebhook(url=URL), CallWebhook(url=f"{URL}/2")), actor=TIMER))
    await all_taken(pool)

    webhooks = await WebhookStore(pool).all()
    assert sorted((one.url, one.source) for one in webhooks) == [(URL, "sla_ladder"), (f"{URL}/2", "sla_ladder")]
    for webhook in webhooks:
        assert await sent(pool, webhook.id) == [(ticket.number, "ticket.ladder_climbed")] * 2

    await WebhookStore(pool).change(webhooks[0].id, {"is_enabled": False}, BY_ADMIN)
    await store.record(
        change(ticket.model_copy(update={"revision": 3}), climbed(CallWebhook(url=webhooks[0].url)), actor=TIMER)
    )
    await all_taken(pool)
    assert len(await sent(pool, webhooks[0].id)) == 2


@pytest.mark.parametrize("field", ["looked_at", "open_until"])
async def test_who_is_looked_after_or_left_alone_is_not_behind(store: TicketStore, pool: Pool, field: str) -> None:
    webhook = await a_webhook(pool)
    await stored_ticket(store)
    await all_taken(pool)
    assert await outbox_of(pool).behind() == [], "it has only come"

    await pool.execute("update webhook_deliveries set next_attempt_at = now() - interval '1 hour'")
    assert await outbox_of(pool).behind() == [webhook.id]
    await pool.execute(f"update webhooks set {field} = now()")  # noqa: S608  our own names
    assert await outbox_of(pool).behind() == []


async def test_an_event_is_found_where_it_stood_also_after_the_log_began_anew(
    store: TicketStore, pool: Pool, log: EventLog
) -> None:
    await a_webhook(pool)
    ticket = await recorded(store, await stored_ticket(store), ClaimTicket())
    await all_taken(pool)
    rows = await pool.fetch("select event_xid::text::bigint as xid, event_id from webhook_deliveries order by number")
    places = [EventPlace(*row.values()) for row in rows]
    before = [await log.at(place) for place in places]
    await pool.execute("update events set xid = '0'")
    after = [await log.at(place) for place in places]

    assert [event.type for event in before if event] == ["ticket.opened", "ticket.assigned"][: len(before)]
    assert [event and (event.ticket, event.revision) for event in after] == [
        event and (event.ticket, event.revision) for event in before
    ]
    assert before[0] is not None
    assert before[0].ticket == ticket.number
