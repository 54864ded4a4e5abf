"""What a notifier leaves in the real engine: no call that is missed, no name that operators see, a history that
replays."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from database.bell import NOTICE_BELL, Bell
from database.notification_plans import NotificationPlanStore
from database.pool import Pool
from domain.ids import PersonId
from domain.notification import Choice, Mode, NotificationType
from stack.postgres import Postgres
from tests.database.notified import notified
from tests.workflows.engine_desk import eventually
from tests.workflows.notifier_desk import NotifierDesk
from tests.workflows.recorded_histories import ABOUT_MACHINES, HISTORIES, readable, record, recorded, replayer, summary
from workflows.notice_relay import NoticeRelay
from workflows.notifier import SILENT_FOR
from workflows.notifier_client import NotifierClient

T = NotificationType
PLANTED = ("Plantedname", "planted.person", "push.example.com")
BOTH = Choice(email=Mode.NOW, push=Mode.NOW)


async def wall_clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
async def desk(engine: Client, pool: Pool) -> AsyncIterator[NotifierDesk]:
    """A worker that keeps no workflow in memory: every task replays the whole history."""
    desk = NotifierDesk(engine, pool, f"notifiers-{uuid4()}", wall_clock)
    async with desk.worker(max_cached_workflows=0):
        yield desk
        await desk.close()


class Life(NamedTuple):
    person: PersonId
    history: WorkflowHistory


@pytest.fixture(scope="module")
async def life(desk: NotifierDesk) -> Life:
    """Somebody hears of two things, one after the other, and of one later if it stays unread."""
    person = await desk.person({T.REPLIED: BOTH, T.ASSIGNED: Choice(email=Mode.IF_UNREAD)}, bundle_minutes=0)
    await desk.tells(person)
    await desk.rests(person)
    (late,) = await desk.tells(person, T.ASSIGNED)
    await desk.rests(person)
    await desk.waits(person)
    await desk.read(late)
    await desk.notifiers.look(person)
    await desk.settled(person)
    assert await desk.handle(person).result() == "nothing waits"
    return Life(person, await desk.handle(person).fetch_history())


async def test_a_call_that_comes_while_a_notifier_ends_is_not_missed(desk: NotifierDesk) -> None:
    """Nothing waits after each look, so the notifier ends again and again, while it is called at every moment."""
    person = await desk.person({T.REPLIED: Choice()})
    for turn in range(24):
        await desk.tells(person)
        await asyncio.sleep(turn * 0.0013 if turn % 4 else 1.0 + turn * 0.002)
    await desk.settled(person)


async def test_a_person_who_is_told_of_something_has_it_sent_without_anybodys_call(
    desk: NotifierDesk, postgres: Postgres, pool: Pool
) -> None:
    """The database rings, the relay hears."""
    await pool.execute("update notifications set noticed_at = now(), settled_at = now()")
    dsn = postgres.dsn(await pool.fetchval("select current_database()"))
    person = await desk.person({T.REPLIED: BOTH}, bundle_minutes=0)
    relay = NoticeRelay(NotificationPlanStore(pool), desk.notifiers)
    bell = Bell(dsn, {NOTICE_BELL: relay.ring})
    beside = [asyncio.create_task(part.run()) for part in (relay, bell)]
    start = await desk.now()

    await notified(pool, person, at=start)

    await desk.settled(person)
    assert sorted(channel for _, channel, *_ in await desk.messages(person, start)) == ["email", "push"]
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)


async def test_one_that_runs_is_not_disturbed_and_one_that_does_not_is_begun(desk: NotifierDesk) -> None:
    person = await desk.person({T.REPLIED: Choice(email=Mode.DAILY)})
    await notified(desk.pool, person, at=await desk.now())
    await desk.notifiers.ensure(person)
    await desk.rests(person)

    async def length() -> int:
        return (await desk.handle(person).describe()).history_length

    async def waits() -> list[str]:
        return await desk.timers(person)

    await eventually(waits, lambda timers: len(timers) == 2)
    before = await length()
    await desk.notifiers.ensure(person)
    assert await length() == before


async def test_nobody_has_had_a_look_yet(desk: NotifierDesk) -> None:
    assert await desk.notifiers.last_look(PersonId(uuid4())) is None


async def test_a_message_that_is_being_sent_is_not_started_again_by_the_next_notifier(desk: NotifierDesk) -> None:
    person, start = await desk.person({T.REPLIED: Choice(push=Mode.NOW)}), await desk.now()
    desk.sending.is_free.clear()
    await desk.tells(person)
    assert await desk.handle(person).result() == "nothing waits"
    first = await desk.notifiers.last_look(person)
    assert first is not None
    (message,) = first.unsent
    await eventually(lambda: desk.times_sent([message]), all)

    await desk.notifiers.ensure(person)
    assert await desk.handle(person).result() == "nothing waits"
    second = await desk.notifiers.last_look(person)
    begun = await desk.times_sent([message])
    desk.sending.is_free.set()

    assert second is not None
    assert (second.unsent, begun) == ((message,), [1])
    assert [channel for _, channel, *_ in await desk.messages(person, start)] == ["push"]


async def test_workers_come_and_go_in_a_storm_and_everything_is_sent_once(engine: Client, pool: Pool) -> None:
    """Each worker is replaced in the middle of its work, and each has an answer of the database lost before."""
    desk = NotifierDesk(engine, pool, f"notifiers-{uuid4()}", wall_clock)
    people = [await desk.person({T.REPLIED: Choice(push=Mode.NOW, email=Mode.NOW)}, bundle_minutes=0) for _ in range(3)]
    start = await desk.now()
    for _ in range(4):
        async with desk.worker():
            desk.plans.dies = True
            for person in people:
                await desk.tells(person, times=5)
            await eventually(lambda: _is_over(desk), bool)
    async with desk.worker():
        for person in people:
            await desk.settled(person)
            sent = await desk.messages(person, start)
            for channel in ("push", "email"):
                assert sum(tells for _, by, _, tells in sent if by == channel) == 20
        await desk.close()


async def _is_over(desk: NotifierDesk) -> bool:
    """Whether the fault has happened."""
    return not desk.plans.dies


class KnownToFail(NotifierClient):
    """An engine that reports one person's notifier."""

    def __init__(self, desk: NotifierDesk, person: PersonId) -> None:
        super().__init__(desk.client, 30, desk.queue)
        self._person = person

    async def failing(self) -> list[PersonId]:
        return [self._person]


async def test_a_notifier_that_cannot_go_on_begins_anew(desk: NotifierDesk) -> None:
    person = await desk.person({T.REPLIED: Choice(email=Mode.DAILY)})
    await desk.tells(person)
    await desk.rests(person)
    before = (await desk.handle(person).describe()).run_id
    await notified(desk.pool, person, at=await desk.now())

    assert await KnownToFail(desk, person).mend() == 1

    await desk.rests(person)
    assert (await desk.handle(person).describe()).run_id != before


def test_no_payload_of_the_history_holds_a_personal_text(life: Life) -> None:
    for event in life.history.events:
        written = event.SerializeToString()
        found = [word for word in PLANTED if word.encode() in written]
        assert not found, f"{found} in {EventType.Name(event.event_type)}"


async def test_what_operators_see_says_what_it_does_and_names_nobody(desk: NotifierDesk, life: Life) -> None:
    description = await desk.handle(life.person).describe()
    metadata = await desk.handle(life.person).query("__temporal_workflow_metadata")

    assert await description.static_summary() == "decides what goes out to one person"
    for shown in (description.raw_description.SerializeToString(), str(metadata).encode()):
        assert not [word for word in PLANTED if word.encode() in shown]
    report = await desk.notifiers.last_look(life.person)
    assert report is not None
    assert report.is_over


def test_every_timer_and_activity_says_what_it_is_for(life: Life) -> None:
    def of_type(type: Any) -> list[str]:
        return [summary(event) for event in life.history.events if event.event_type == type]

    timers = of_type(EventType.EVENT_TYPE_TIMER_STARTED)
    assert timers[0] == "rest"
    assert any(line.startswith("next look at ") for line in timers)
    assert all(line.startswith("look ") for line in of_type(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED))


def test_a_look_of_which_nothing_is_heard_is_begun_anew_soon(life: Life) -> None:
    """Such as one that was handed to a worker which was just leaving."""
    looks = [event.activity_task_scheduled_event_attributes for event in life.history.events]
    silences = {look.heartbeat_timeout.ToTimedelta() for look in looks if look.activity_id}

    assert silences == {SILENT_FOR}


async def test_the_life_replays(life: Life) -> None:
    await replayer().replay_workflow(life.history)


async def test_the_recorded_history_replays_in_todays_code(request: pytest.FixtureRequest) -> None:
    file = HISTORIES / "notifier_day.json"
    if not file.exists():
        record(request.getfixturevalue("life").history, file)
        pytest.fail(f"{file.name} was recorded: look at it, commit it, run again")
    assert not [word for word in (*PLANTED, *ABOUT_MACHINES) if word in readable(recorded(file))]
    await replayer().replay_workflow(recorded(file))
