"""What a person hears of over hours and days: the real workflow, the real database, and an engine whose clock moves."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from database.notification_plans import NotificationPlanStore
from database.pool import Pool
from domain.notification import Channel, Choice, Mode, NotificationType
from domain.people import Role
from tests.database.notified import decided
from tests.workflows.engine_desk import eventually
from tests.workflows.notifier_desk import TimedNotifierDesk, engine_time, timed_notifiers
from workflows.notice_relay import NoticeRelay

T = NotificationType
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SOON = 3 * SECOND
"""How late something may come: the notifier rests a second between looks."""
BOTH, MAIL_LATER, DAILY = Choice(email=Mode.NOW, push=Mode.NOW), Choice(email=Mode.IF_UNREAD), Choice(email=Mode.DAILY)


@pytest.fixture
async def desk(time_skipping_env: WorkflowEnvironment, pool: Pool) -> AsyncIterator[TimedNotifierDesk]:
    async with timed_notifiers(time_skipping_env, pool) as desk:
        yield desk


def about(actual: timedelta, expected: timedelta) -> bool:
    """Whether it came on its moment, or as soon as the notifier could."""
    return expected <= actual <= expected + SOON


async def test_a_push_comes_at_once_a_mail_after_the_minutes_of_a_bundle_and_then_it_is_over(
    desk: TimedNotifierDesk,
) -> None:
    person, start = await desk.person({T.REPLIED: BOTH}), await desk.now()
    await desk.tells(person)
    await desk.passes(HOUR)
    await desk.settled(person)

    (at_once, *push), (later, *mail) = await desk.messages(person, start)
    assert (push, mail) == (["push", "bundle", 1], ["email", "bundle", 1])
    assert about(at_once, timedelta())
    assert about(later, 2 * MINUTE)
    assert await desk.handle(person).result() == "nothing waits"


async def test_quiet_hours_pass_and_then_it_comes_as_one(desk: TimedNotifierDesk) -> None:
    person = await desk.person({T.REPLIED: BOTH}, **await desk.quiet_for(hours=5))
    start = await desk.now()
    for _ in range(3):
        await desk.tells(person)
        await desk.passes(HOUR)
    await desk.rests(person)
    assert await desk.messages(person, start) == []

    await desk.passes(3 * HOUR)
    await desk.settled(person)

    sent = await desk.messages(person, start)
    assert sorted(rest for _, *rest in sent) == [["email", "bundle", 3], ["push", "bundle", 3]]
    assert all(5 * HOUR - MINUTE <= at <= 5 * HOUR + SOON for at, *_ in sent)


async def test_what_stays_unread_is_mailed_and_what_was_read_is_not(desk: TimedNotifierDesk) -> None:
    person, start = await desk.person({T.REPLIED: MAIL_LATER}, fallback_minutes=30), await desk.now()
    read, unread = await desk.tells(person, times=2)
    await desk.passes(20 * MINUTE)
    await desk.read(read)
    await desk.passes(HOUR)
    await desk.settled(person)

    ((at, *mail),) = await desk.messages(person, start)
    assert mail == ["email", "bundle", 1]
    assert about(at, 32 * MINUTE)
    assert await decided(desk.pool, read, Channel.EMAIL) == ["waits if_unread", "skips read_in_time"]
    assert await decided(desk.pool, unread, Channel.EMAIL) == [
        "waits if_unread",
        "waits bundling",
        "sends still_unread",
    ]


async def test_the_digest_comes_daily_and_the_inbox_tells_of_it(desk: TimedNotifierDesk) -> None:
    start = await desk.now()
    digest_at = (start + 10 * HOUR).time().replace(second=0, microsecond=0)
    person = await desk.person({T.REPLIED: DAILY}, digest_at=digest_at)
    await desk.tells(person, times=4)
    await desk.passes(9 * HOUR)
    await desk.tells(person)
    await desk.passes(2 * HOUR)

    async def told() -> int:
        count: int = await desk.pool.fetchval(
            "select count(*) from notifications where person_id = $1 and type = 'digest'", person
        )
        return count

    await eventually(told, lambda count: count == 1)
    ((at, *mail),) = await desk.messages(person, start)
    assert mail == ["email", "digest", 5]
    assert 10 * HOUR - MINUTE <= at <= 10 * HOUR + SOON
    await desk.notifiers.look(person)
    await desk.settled(person)


async def test_a_storm_of_500_breaches_within_a_minute_is_one_push_and_one_mail(desk: TimedNotifierDesk) -> None:
    person, start = await desk.person(), await desk.now()
    for _ in range(20):
        await desk.tells(person, T.SLA_BREACH, times=25)
        await desk.passes(3 * SECOND)
    await desk.passes(HOUR)
    await desk.settled(person)

    push, mail = await desk.messages(person, start)
    assert push[1] == "push"
    assert about(push[0], timedelta())
    assert mail[1:] == ("email", "bundle", 500)
    assert about(mail[0], 2 * MINUTE)
    inbox = "select count(*) from notifications where person_id = $1 and in_app"
    assert await desk.pool.fetchval(inbox, person) == 500
    folded = "select count(*) from notification_decisions d join notifications n on n.id = d.notification_id "
    assert await desk.pool.fetchval(folded + "where n.person_id = $1 and d.reason = 'folded'", person) == 500 - push[3]


async def test_what_waits_is_decided_anew_when_preferences_change(desk: TimedNotifierDesk) -> None:
    person = await desk.person({T.REPLIED: BOTH, T.ASSIGNED: MAIL_LATER}, **await desk.quiet_for(hours=5))
    start = await desk.now()
    (held,), (waiting,) = await desk.tells(person), await desk.tells(person, T.ASSIGNED)
    await desk.rests(person)
    relay = NoticeRelay(NotificationPlanStore(desk.pool), desk.notifiers)

    await desk.preferences.change(
        person, Role.SUPERVISOR, {"quiet_from": None, "quiet_until": None}, {T.ASSIGNED: Choice()}
    )
    await relay.call()
    await desk.passes(HOUR)
    await desk.settled(person)

    assert await decided(desk.pool, waiting, Channel.EMAIL) == ["waits if_unread", "skips off"]
    assert await decided(desk.pool, held, Channel.PUSH) == ["waits quiet_hours", "sends now"]
    assert [rest for _, *rest in await desk.messages(person, start)] == [["push", "bundle", 1], ["email", "bundle", 1]]


async def test_a_database_that_is_away_for_a_while_delays_and_loses_nothing(desk: TimedNotifierDesk) -> None:
    person, start = await desk.person({T.REPLIED: BOTH}), await desk.now()
    desk.plans.is_down = True
    await desk.tells(person, times=3)

    async def refused() -> int:
        return desk.plans.refused

    await eventually(refused, lambda count: count >= 3)
    desk.plans.is_down = False
    await desk.rests(person)
    await desk.passes(HOUR)
    await desk.settled(person)
    assert [rest for _, *rest in await desk.messages(person, start)] == [["push", "bundle", 3], ["email", "bundle", 3]]


async def test_a_plan_whose_answer_is_lost_is_not_made_twice_and_its_message_is_sent(desk: TimedNotifierDesk) -> None:
    person, start = await desk.person({T.REPLIED: BOTH}), await desk.now()
    desk.plans.dies = True
    await desk.tells(person)
    await desk.passes(HOUR)
    await desk.settled(person)

    assert not desk.plans.dies
    assert [rest for _, *rest in await desk.messages(person, start)] == [["push", "bundle", 1], ["email", "bundle", 1]]


async def test_a_notifier_whose_worker_is_replaced_goes_on_where_it_was(
    time_skipping_env: WorkflowEnvironment, pool: Pool
) -> None:
    async with timed_notifiers(time_skipping_env, pool, max_cached_workflows=0) as desk:
        person, start = await desk.person({T.REPLIED: BOTH}, bundle_minutes=30), await desk.now()
        await desk.tells(person)
        await desk.passes(2 * SECOND)
        await desk.waits(person)
    async with desk.worker(clock=engine_time, max_cached_workflows=0):
        await desk.passes(MINUTE)
        await desk.tells(person)
        await desk.passes(HOUR)
        await desk.settled(person)
        push, mail = await desk.messages(person, start)
        assert await desk.handle(person).result() == "nothing waits"
    assert (push[1:], mail[1:]) == (("push", "bundle", 1), ("email", "bundle", 2))
    assert about(mail[0], 30 * MINUTE)


async def test_timers_say_what_they_are_for(desk: TimedNotifierDesk) -> None:
    person = await desk.person({T.REPLIED: MAIL_LATER})
    await desk.tells(person)
    await desk.passes(HOUR)
    await desk.settled(person)
    timers = await desk.timers(person)
    assert timers[0] == "rest"
    assert timers[1].startswith("next look at 20")


async def test_a_long_life_is_begun_anew_and_starts_no_message_twice(desk: TimedNotifierDesk) -> None:
    person = await desk.person({T.REPLIED: MAIL_LATER, T.ASSIGNED: BOTH}, fallback_minutes=24 * 60)
    start = await desk.now()
    await desk.tells(person)
    first_run = (await desk.handle(person).describe()).run_id
    looks = 0
    while (await desk.handle(person).describe()).run_id == first_run:
        await desk.tells(person, T.ASSIGNED)
        await desk.passes(5 * MINUTE)
        looks += 1
        assert looks < 500
    await desk.rests(person)
    await desk.passes(5 * MINUTE)

    assert (await desk.handle(person).describe()).status is WorkflowExecutionStatus.RUNNING
    sent = await desk.messages(person, start)
    assert [channel for _, channel, *_ in sent].count("push") == looks
    report = await desk.notifiers.last_look(person)
    assert report is not None
    assert report.next_at is not None
