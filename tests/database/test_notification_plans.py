"""A plan is made from the facts of its moment and kept whole, once, whoever makes it and however often."""

import asyncio
import threading
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from database.notification_plans import AT_MOST, NotificationPlanStore, Planned
from database.notification_settings import NotificationSettingsStore
from database.pool import Pool
from database.tickets import TicketStore
from domain.ids import PersonId
from domain.notification import Channel, NotificationType
from domain.notification_plan import Facts, Plan, plan
from domain.people import Role
from domain.ticket import Priority, Ticket
from tests.database.notified import chooses, decided, messages_of, notified, with_device
from tests.database.storing import stored_ticket
from tests.factories import (
    AGENT,
    BILLING_AGENT,
    INACTIVE_AGENT,
    NOW,
    OTHER_AGENT,
    OTHER_REQUESTER,
    REQUESTER,
    SUPERVISOR,
    person_id,
)

T = NotificationType
EMAIL, PUSH = Channel.EMAIL, Channel.PUSH
MINUTE = timedelta(minutes=1)


@pytest.fixture
def plans(pool: Pool) -> NotificationPlanStore:
    return NotificationPlanStore(pool)


@pytest.fixture
async def ticket(store: TicketStore) -> Ticket:
    """The requester's, in team `support`."""
    return await stored_ticket(store, team="support")


async def look(plans: NotificationPlanStore, person: PersonId, at: datetime = NOW) -> Planned:
    return await plans.carry_out(person, at, plan)


async def facts_of(plans: NotificationPlanStore, person: PersonId, at: datetime = NOW) -> Facts:
    """What a plan would know of the person."""
    seen: list[Facts] = []

    def keep(facts: Facts, now: datetime) -> Plan:
        seen.append(facts)
        return Plan()

    await plans.carry_out(person, at, keep)
    return seen[0]


async def test_a_plan_is_kept_with_its_decisions_and_messages(
    plans: NotificationPlanStore, pool: Pool, ticket: Ticket
) -> None:
    await with_device(pool, REQUESTER)
    id = await notified(pool, REQUESTER, ticket=ticket.number)

    first = await look(plans, REQUESTER)
    assert await messages_of(pool, REQUESTER) == [("push", "ticket", ticket.number)]
    assert (first.next_at, first.is_over, len(first.unsent)) == (NOW + 2 * MINUTE, False, 1)

    second = await look(plans, REQUESTER, NOW + 2 * MINUTE)
    assert (second.next_at, second.is_over, len(second.unsent)) == (None, True, 2)
    assert await messages_of(pool, REQUESTER) == [
        ("push", "ticket", ticket.number),
        ("email", "ticket", ticket.number),
    ]
    assert await decided(pool, id, EMAIL) == ["waits bundling", "sends now"]
    assert await decided(pool, id, PUSH) == ["sends now"]
    row = await pool.fetchrow("select noticed_at, settled_at from notifications where id = $1", id)
    assert row is not None
    assert tuple(row) == (NOW, NOW + 2 * MINUTE)
    linked = await pool.fetch(
        "select distinct m.id from messages m join notification_decisions d on d.message_id = m.id"
    )
    assert len(linked) == 2


async def test_a_second_plan_with_nothing_new_writes_nothing(plans: NotificationPlanStore, pool: Pool) -> None:
    await notified(pool, REQUESTER)
    await look(plans, REQUESTER)
    written = "select (select count(*) from notification_decisions), (select count(*) from messages), max(xmin::text) "
    before = await pool.fetchrow(written + "from notifications")

    again = await look(plans, REQUESTER, NOW + MINUTE)

    assert again.decisions == 0
    assert await pool.fetchrow(written + "from notifications") == before


async def test_plans_of_one_person_at_once_send_once(plans: NotificationPlanStore, pool: Pool) -> None:
    await with_device(pool, REQUESTER)
    for _ in range(20):
        await notified(pool, REQUESTER)
    await asyncio.gather(*(look(plans, REQUESTER) for _ in range(8)))

    assert await messages_of(pool, REQUESTER) == [("push", "bundle", None)]
    assert await pool.fetchval("select count(*) from notification_decisions where outcome = 'sends'") == 20


async def test_while_a_plan_is_made_the_process_goes_on(plans: NotificationPlanStore) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slow(facts: Facts, now: datetime) -> Plan:
        began.set()
        assert may_end.wait(timeout=30), "nothing else ran meanwhile"
        return Plan()

    planning = asyncio.create_task(plans.carry_out(REQUESTER, NOW, slow))
    await asyncio.to_thread(began.wait, 30)
    may_end.set()

    assert await planning == Planned()


async def test_nobody_and_somebody_without_notifications_have_nothing_to_wait_for(
    plans: NotificationPlanStore,
) -> None:
    assert await look(plans, person_id("nobody at all")) == Planned()
    assert await look(plans, AGENT) == Planned()


@pytest.mark.parametrize(
    ("person", "internal", "sees"),
    [
        (REQUESTER, False, True),
        (REQUESTER, True, False),
        (OTHER_REQUESTER, False, False),
        (AGENT, True, True),
        (BILLING_AGENT, False, False),
        (SUPERVISOR, True, True),
    ],
)
async def test_who_may_see_a_ticket_is_asked_when_the_plan_is_made(
    plans: NotificationPlanStore, pool: Pool, ticket: Ticket, person: PersonId, internal: bool, sees: bool
) -> None:
    await notified(pool, person, ticket=ticket.number, internal=internal)
    assert [one.is_visible for one in (await facts_of(plans, person)).unsettled] == [sees]


async def test_who_leaves_the_team_while_a_mail_waits_does_not_get_it(
    plans: NotificationPlanStore, pool: Pool, ticket: Ticket
) -> None:
    await chooses(pool, AGENT, T.REPLIED, email="now")
    id = await notified(pool, AGENT, ticket=ticket.number)
    await look(plans, AGENT)
    await pool.execute("delete from team_members where person_id = $1", AGENT)
    await look(plans, AGENT, NOW + 2 * MINUTE)
    assert await decided(pool, id, EMAIL) == ["waits bundling", "skips no_longer_visible"]


async def test_the_tickets_priority_of_now_is_among_the_facts(
    plans: NotificationPlanStore, pool: Pool, ticket: Ticket
) -> None:
    await notified(pool, AGENT, ticket=ticket.number)
    await notified(pool, AGENT)
    await pool.execute("update tickets set priority = 'urgent'")
    assert [one.priority for one in (await facts_of(plans, AGENT)).unsettled] == [Priority.URGENT, None]


@pytest.mark.parametrize(
    ("person", "change", "facts"),
    [
        (AGENT, None, {"is_active": True, "has_address": True}),
        (INACTIVE_AGENT, None, {"is_active": False}),
        (AGENT, "kind = 'service', password_hash = null", {"is_active": False}),
        (AGENT, "erased_at = now()", {"is_active": False}),
        (AGENT, "email_verified_at = null", {"has_address": False}),
    ],
)
async def test_who_can_be_told_is_among_the_facts(
    plans: NotificationPlanStore, pool: Pool, person: PersonId, change: str | None, facts: dict[str, Any]
) -> None:
    if change:
        await pool.execute(f"update people set {change} where id = $1", person)  # noqa: S608  our own words
    found = (await facts_of(plans, person))._asdict()
    assert {name: found[name] for name in facts} == facts
    assert not found["has_device"]

    await with_device(pool, person)
    assert (await facts_of(plans, person)).has_device


async def test_the_pushes_of_the_last_minutes_are_among_the_facts(plans: NotificationPlanStore, pool: Pool) -> None:
    await with_device(pool, AGENT)
    await notified(pool, AGENT, T.ASSIGNED)
    await look(plans, AGENT)
    assert (await facts_of(plans, AGENT, NOW + MINUTE)).pushed == {T.ASSIGNED: NOW}
    assert (await facts_of(plans, AGENT, NOW + 3 * MINUTE)).pushed == {}


async def test_a_muted_one_leaves_its_trace_once(plans: NotificationPlanStore, pool: Pool) -> None:
    await chooses(pool, AGENT, T.REPLIED, in_app=False, email="daily")
    id = await notified(pool, AGENT)
    await look(plans, AGENT)
    await look(plans, AGENT, NOW + MINUTE)
    assert await decided(pool, id, Channel.IN_APP) == ["skips muted"]


async def test_a_digest_is_told_of_in_the_inbox_once_a_day(plans: NotificationPlanStore, pool: Pool) -> None:
    await chooses(pool, AGENT, T.REPLIED, email="daily")
    for minute in range(3):
        await notified(pool, AGENT, at=NOW + minute * MINUTE)
        await look(plans, AGENT, NOW + minute * MINUTE)
    tomorrow = NOW.replace(day=8, hour=8)
    assert (await look(plans, AGENT, NOW + 3 * MINUTE)).next_at == tomorrow

    await look(plans, AGENT, tomorrow)
    await look(plans, AGENT, tomorrow)

    assert await messages_of(pool, AGENT) == [("email", "digest", None)]
    rows = await pool.fetch("select kind, type, why, subject, at, in_app from notifications where kind = 'digest'")
    assert [tuple(row) for row in rows] == [("digest", "digest", "person", "2030-01-08", tomorrow, True)]
    assert (await look(plans, AGENT, tomorrow)).is_over


async def test_what_is_sent_or_failed_is_not_left_to_be_sent(plans: NotificationPlanStore, pool: Pool) -> None:
    await chooses(pool, AGENT, T.REPLIED, email="now")
    for ticket in range(3):
        await notified(pool, AGENT)
        await look(plans, AGENT, NOW + ticket * 10 * MINUTE)
        await look(plans, AGENT, NOW + ticket * 10 * MINUTE + 5 * MINUTE)
    ids = [row["id"] for row in await pool.fetch("select id from messages order by created_at")]
    assert (await look(plans, AGENT)).unsent == tuple(ids[::-1])

    await pool.execute("update messages set sent_at = now() where id = $1", ids[0])
    await pool.execute("update messages set failed_at = now(), failure = 'gone' where id = $1", ids[1])
    left = await look(plans, AGENT)
    assert (left.unsent, left.is_over) == ((ids[2],), True)


async def test_a_plan_that_fails_leaves_nothing(plans: NotificationPlanStore, pool: Pool) -> None:
    await with_device(pool, REQUESTER)
    await notified(pool, REQUESTER)

    def break_off(facts: Facts, now: datetime) -> Plan:
        planned = plan(facts, now)
        return planned._replace(digest_of="no date")  # type: ignore[arg-type]

    with pytest.raises(AttributeError):
        await plans.carry_out(REQUESTER, NOW, break_off)
    assert await messages_of(pool, REQUESTER) == []
    assert await pool.fetchval("select count(*) from notification_decisions") == 0
    assert [one.person for one in await plans.told(9)] == [REQUESTER]


# Who is to be called.


async def test_whoever_was_told_of_something_new_is_found_until_a_plan_has_looked(
    plans: NotificationPlanStore, pool: Pool
) -> None:
    first = await notified(pool, AGENT)
    await notified(pool, AGENT)
    other = await notified(pool, OTHER_AGENT)
    assert await plans.told(9) == [(AGENT, first), (OTHER_AGENT, other)]
    assert await plans.told(1) == [(AGENT, first)]

    await look(plans, AGENT)
    assert await plans.told(9) == [(OTHER_AGENT, other)]


async def test_everybody_for_whom_anything_waits_is_found_page_by_page(
    plans: NotificationPlanStore, pool: Pool
) -> None:
    await notified(pool, AGENT, noticed_at=NOW)
    await notified(pool, OTHER_AGENT, noticed_at=NOW, settled_at=NOW)
    await pool.execute("insert into messages (person_id, channel, kind) values ($1, 'push', 'bundle')", SUPERVISOR)
    await pool.execute(
        "insert into messages (person_id, channel, kind, sent_at) values ($1, 'push', 'bundle', now())", REQUESTER
    )
    first, second = sorted([AGENT, SUPERVISOR])
    assert await plans.waiting(None, 9) == [first, second]
    assert await plans.waiting(first, 9) == [second]
    assert await plans.waiting(None, 1) == [first]


async def test_of_too_many_those_come_first_that_are_new_or_due_first(plans: NotificationPlanStore, pool: Pool) -> None:
    await chooses(pool, AGENT, T.REPLIED, email="daily")
    await pool.execute(
        "insert into notifications (person_id, kind, type, at, subject) "
        "select $1, 'a test', 'replied', $2, n::text from generate_series(1, $3) n",
        AGENT,
        NOW,
        AT_MOST + 10,
    )
    looked = await look(plans, AGENT)
    assert (looked.decisions, looked.is_over) == (2 * AT_MOST, False)
    assert len(await plans.told(9)) == 1, "ten are left"

    await with_device(pool, AGENT)
    new = await notified(pool, AGENT, T.ASSIGNED)
    await look(plans, AGENT)
    assert await plans.told(9) == []
    assert await decided(pool, new, PUSH) == ["sends now"]


async def test_of_too_many_that_are_decided_anew_each_has_its_turn(plans: NotificationPlanStore, pool: Pool) -> None:
    """Those that have had it now come before the others, but they are not looked at twice."""
    await chooses(pool, AGENT, T.REPLIED, email="daily")
    await pool.execute(
        "insert into notifications (person_id, kind, type, at, subject) "
        "select $1, 'a test', 'replied', $2, n::text from generate_series(1, $3) n",
        AGENT,
        NOW,
        AT_MOST + 10,
    )
    for _ in range(2):
        await look(plans, AGENT)
    await NotificationSettingsStore(pool).change(AGENT, Role.AGENT, {"digest_at": time(20)}, {})

    await look(plans, AGENT)
    looked = await look(plans, AGENT)

    assert looked.next_at == NOW.replace(hour=20)
    assert await plans.told(9) == []
