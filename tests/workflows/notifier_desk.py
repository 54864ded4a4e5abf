"""People whose notifiers run on the real database, and on either engine: the real one, or the one whose clock can be
moved. Messages are sent by a workflow that only notes what it was to send."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.alive import alive
from activities.notifications import NotificationActivities, NotificationPlans, Planned
from database.notification_plans import NotificationPlanStore
from database.notification_settings import NotificationSettingsStore
from database.pool import Pool
from domain.ids import MessageId, NotificationId, PersonId
from domain.notification import Choice, NotificationType
from domain.notification_plan import Facts, Plan
from domain.people import Role
from tests.database.notified import notified
from tests.workflows.engine_desk import PATIENCE_SECONDS, eventually
from tests.workflows.sending_workflow import SEND, SendingWorkflow
from worker import sandbox
from workflows.client import connect
from workflows.guard import Guard
from workflows.notifier import NotifierWorkflow, message_workflow_id
from workflows.notifier_client import NotifierClient, notifier_id

GRACE = timedelta(seconds=10)
Came = tuple[timedelta, str, str, int]
"""A message: how long after the desk was opened, by which channel, of which kind, and how much it tells."""


class Sending:
    """What stands for sending: it keeps what it was to send, and says in the database that it was sent."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.asked: list[MessageId] = []
        self.is_free = asyncio.Event()
        """Unless it is set nothing is sent."""
        self.is_free.set()

    @activity.defn(name=SEND)
    async def send_message(self, message: MessageId) -> None:
        self.asked.append(message)
        async with alive():
            await self.is_free.wait()
            await self._pool.execute("update messages set sent_at = now() where id = $1", message)


class FaultyPlans:
    """The database's plans. It is away while `is_down`; `dies` once after a plan was kept and before it is told."""

    def __init__(self, plans: NotificationPlanStore) -> None:
        self._plans = plans
        self.is_down = False
        self.dies = False
        self.refused = 0

    async def carry_out(self, person: PersonId, now: datetime, plan: Callable[[Facts, datetime], Plan]) -> Planned:
        if self.is_down:
            self.refused += 1
            raise ConnectionError("the database is away")
        planned = await self._plans.carry_out(person, now, plan)
        if self.dies:
            self.dies = False
            raise ConnectionError("the answer was lost")
        return planned


def engine_time() -> datetime:
    """The engine's clock, as an activity sees it."""
    return activity.info().current_attempt_scheduled_time


class NotifierDesk:
    """People who are told of things."""

    def __init__(self, client: Client, pool: Pool, queue: str, now: Callable[[], Any]) -> None:
        self.client = client
        self.pool = pool
        self.queue = queue
        self.plans = FaultyPlans(NotificationPlanStore(pool))
        self.sending = Sending(pool)
        self.preferences = NotificationSettingsStore(pool)
        self.notifiers = NotifierClient(client, PATIENCE_SECONDS, queue)
        self.people: list[PersonId] = []
        self._now = now

    async def now(self) -> datetime:
        moment: datetime = await self._now()
        return moment

    async def person(self, choices: dict[NotificationType, Choice] | None = None, **settings: Any) -> PersonId:
        """Somebody of the desk, with a device and a name of their own, who chose this."""
        person = PersonId(uuid4())
        await self.pool.execute(
            "insert into people (id, email, name, role, password_hash) values ($1, $2, 'Plantedname', $3, '')",
            person,
            f"planted.person.{person}@example.com",
            Role.SUPERVISOR,
        )
        await self.pool.execute(
            "insert into push_subscriptions (person_id, endpoint, p256dh, auth) values ($1, $2, 'key', 'secret')",
            person,
            f"https://push.example.com/{person}",
        )
        await self.preferences.change(person, Role.SUPERVISOR, settings, choices or {})
        self.people.append(person)
        return person

    async def tells(
        self, person: PersonId, type: NotificationType = NotificationType.REPLIED, times: int = 1, **columns: Any
    ) -> list[NotificationId]:
        """The person is told of so many things now, and their notifier is called."""
        now = await self.now()
        ids = [await notified(self.pool, person, type, at=now, **columns) for _ in range(times)]
        await self.notifiers.look(person)
        return ids

    async def quiet_for(self, hours: int) -> dict[str, time]:
        """Quiet hours that are on, for so many hours more and up to a minute."""
        now = await self.now()
        return {"quiet_from": _minute(now - timedelta(hours=1)), "quiet_until": _minute(now + timedelta(hours=hours))}

    async def read(self, *ids: NotificationId) -> None:
        await self.pool.execute(
            "update notifications set read_at = $2 where id = any($1::bigint[])", list(ids), await self.now()
        )

    async def rests(self, person: PersonId) -> None:
        """Until a plan has looked at everything that the person was told of."""
        await eventually(lambda: self._count(person, "noticed_at is null"), lambda count: count == 0)

    async def settled(self, person: PersonId) -> None:
        """Until nothing waits for the person any more."""
        await eventually(lambda: self._count(person, "settled_at is null"), lambda count: count == 0)

    async def messages(self, person: PersonId, since: datetime) -> list[Came]:
        """What was made for the person, in order; each was sent once."""
        rows = await self.pool.fetch(
            "select m.id, m.created_at, m.channel, m.kind, count(d.id) as tells from messages m "
            "join notification_decisions d on d.message_id = m.id where m.person_id = $1 "
            "group by m.id order by m.created_at, m.channel",
            person,
        )
        await eventually(lambda: self.times_sent([row["id"] for row in rows]), all)
        assert await self.times_sent([row["id"] for row in rows]) == [1] * len(rows)
        return [(row["created_at"] - since, row["channel"], row["kind"], row["tells"]) for row in rows]

    async def times_sent(self, ids: Sequence[UUID]) -> list[int]:
        """How often the sending of each was begun."""
        return [self.sending.asked.count(MessageId(id)) for id in ids]

    async def _count(self, person: PersonId, where: str) -> int:
        count: int = await self.pool.fetchval(
            f"select count(*) from notifications where person_id = $1 and {where}",  # noqa: S608  our own words
            person,
        )
        return count

    def handle(self, person: PersonId) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(notifier_id(person))

    async def waits(self, person: PersonId) -> None:
        """Until the person's messages are sent and their notifier does nothing but wait for a moment to come."""

        async def last() -> str:
            timers = await self.timers(person)
            return timers[-1] if timers else ""

        await eventually(last, lambda timer: timer.startswith("next look"))
        over = [self.client.get_workflow_handle(message_workflow_id(message)) for message in self.sending.asked]
        for handle in over:
            await eventually(handle.describe, lambda found: found.status is WorkflowExecutionStatus.COMPLETED)

    async def timers(self, person: PersonId) -> list[str]:
        """What the timers of the last run were started for, in order."""
        history = await self.handle(person).fetch_history()
        return [
            json.loads(event.user_metadata.summary.data)
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
        ]

    @asynccontextmanager
    async def worker(
        self, plans: NotificationPlans | None = None, clock: Callable[[], datetime] | None = None, **options: Any
    ) -> AsyncIterator[None]:
        """A worker for the desk's notifiers and messages."""
        activities = NotificationActivities(plans or self.plans, *([clock] if clock else []))
        async with Worker(
            self.client,
            task_queue=self.queue,
            workflows=[NotifierWorkflow, SendingWorkflow],
            activities=[activities.decide_notifications, self.sending.send_message],
            interceptors=[Guard()],
            workflow_runner=sandbox(),
            graceful_shutdown_timeout=GRACE,  # as the worker that ships: what is being sent is sent
            **options,
        ):
            yield

    async def close(self) -> None:
        """End the notifiers that still wait for something."""
        for person in self.people:
            with contextlib.suppress(RPCError):  # it is over already
                await self.handle(person).terminate("the test is over")


def _minute(moment: datetime) -> time:
    return moment.time().replace(second=0, microsecond=0)


class TimedNotifierDesk(NotifierDesk):
    """A desk whose days pass at once."""

    def __init__(self, environment: WorkflowEnvironment, client: Client, pool: Pool) -> None:
        super().__init__(client, pool, f"notifiers-{uuid4()}", environment.get_current_time)
        self._environment = environment

    async def passes(self, time: timedelta) -> None:
        await self._environment.sleep(time)


@asynccontextmanager
async def timed_notifiers(
    environment: WorkflowEnvironment, pool: Pool, **options: Any
) -> AsyncIterator[TimedNotifierDesk]:
    """A desk with its worker. Nobody else waits for anything: their notifiers would run here as well."""
    await pool.execute("update notifications set noticed_at = now(), settled_at = now() where settled_at is null")
    client = await connect(environment.client.service_client.config.target_host, environment.client.namespace)
    desk = TimedNotifierDesk(environment, client, pool)
    async with desk.worker(clock=engine_time, **options):
        yield desk
