"""Short lives of workflows, led for the sake of their histories: one at least of each kind that has no test of its
whole life, on a desk that no other test uses, with the worker that ships."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from joserfc.jwk import KeySet, OKPKey
from temporalio.client import Client, WorkflowHistory

from activities.account_mails import AccountMailActivities
from activities.messages import MessageActivities
from activities.report_mails import ReportMailActivities
from activities.webhooks import Webhook
from database.account_mails import AccountMailStore
from database.messages import MessageStore
from database.pool import Pool
from database.push_subscriptions import PushSubscriptionStore
from database.report_letters import ReportLetters
from database.report_log import ReportLog
from database.report_mails import ReportMailStore
from database.sla_rollouts import RolloutStore
from domain.ids import MessageId, WebhookDeliveryId
from domain.notification import Channel
from domain.push import Push, PushKeys
from domain.ticket import Status
from domain.ticket_commands import ChangeStatus, RateTicket
from domain.webhook import WebhookAttempt
from integrations.mail_folder import MailFolder
from integrations.report_mail_texts import ReportMailWriter
from integrations.unsubscribe_links import ReportMailLinks
from senders import webhook_calls
from tests.database.hooks import FAILED, TAKEN, a_webhook, all_taken, attempt
from tests.database.storing import stored_ticket
from tests.factories import AGENT, BY_REQUESTER, SUPERVISOR
from tests.workflows import test_account_mail, test_message
from tests.workflows.engine_desk import PATIENCE_SECONDS, EngineDesk, add_text, desk_pool, eventually
from tests.workflows.test_account_mail import MailDesk
from tests.workflows.test_dispatch import Team
from tests.workflows.test_message import MessageDesk, time_off
from tests.workflows.test_ratings import closed_days_ago
from tests.workflows.test_report_mail import ReportMailDesk
from tests.workflows.test_sla_rollout import RollingDesk, promise
from worker import build_worker, sandbox
from workflows.account_mail_client import account_mail_workflow_id
from workflows.daily_report import DailyReportStart, DailyReportWorkflow
from workflows.dispatch_client import DispatchClient, dispatcher_id
from workflows.forecast import ForecastStart, ForecastWorkflow
from workflows.report_mail_schedules import schedule_id
from workflows.retention import RetentionWorkflow
from workflows.rotas import RotaWorkflow
from workflows.sla_rollout_client import RolloutClient
from workflows.webhook_client import WebhookClient, webhook_workflow_id

PLANTED_COMMENT = "Plantedcomment"
FROM = "Service Desk <desk@example.com>"


class TakesPushes:
    """A service that takes every push."""

    async def send(self, keys: PushKeys, push: Push) -> None:
        return None


class FailsFirst:
    """A receiver that does not take what comes first, and takes everything from then on."""

    def __init__(self) -> None:
        self._results = [FAILED]

    async def send(
        self, receiver: Webhook, delivery: WebhookDeliveryId, body: bytes, *, is_probe: bool = False
    ) -> WebhookAttempt:
        result = self._results.pop() if self._results else TAKEN
        return attempt(result, datetime.now(UTC), is_probe=is_probe)


class Stage(EngineDesk):
    """A desk where a workflow of any kind can be led through a life."""

    def __init__(self, client: Client, pool: Pool, task_queue: str, calls_queue: str) -> None:
        super().__init__(client, pool, task_queue)
        self.calls_queue = calls_queue

    async def history(self, id: str) -> WorkflowHistory:
        return await self.client.get_workflow_handle(id).fetch_history()

    async def run(self, workflow: Any, *args: Any) -> WorkflowHistory:
        """What a workflow leaves that is only to be started."""
        handle: Any = await self.client.start_workflow(
            workflow, args=args, id=f"recorded-{uuid4()}", task_queue=self.task_queue
        )
        await handle.result()
        return await self.history(handle.id)

    async def folded(self) -> None:
        """No report waits for facts any more."""
        while await ReportLog(self.pool).catch_up():
            pass


KEY = OKPKey.generate_key("Ed25519")
HOME = "https://desk.example.com"
LINKS = ReportMailLinks(lambda: (KEY, KeySet([KEY])), HOME)


@asynccontextmanager
async def stage(client: Client, dsn: str, folder: Path) -> AsyncIterator[Stage]:
    """The database at this address, and a worker of all workflows whose mails go to the folder."""
    queue, calls, mails = f"stage-{uuid4()}", f"stage-calls-{uuid4()}", MailFolder(folder, FROM)
    async with desk_pool(dsn) as pool:
        # The engine is shared by all tests; a number of its own keeps a rollout's workflow apart from others.
        await pool.execute(f"alter table sla_rollouts alter column id restart with {uuid4().int % 2**30 + 1}")
        writer = ReportMailWriter(LINKS, HOME)
        devices = PushSubscriptionStore(pool)
        async with (
            build_worker(
                client,
                pool,
                task_queue=queue,
                runner=sandbox(),
                mail=AccountMailActivities(AccountMailStore(pool), test_account_mail.WRITER, mails),
                messages=MessageActivities(MessageStore(pool), devices, test_message.WRITER, mails, TakesPushes()),
                reports=ReportMailActivities(ReportMailStore(pool), ReportLetters(pool), writer, mails),
            ),
            webhook_calls(client, pool, FailsFirst(), calls),
        ):
            yield Stage(client, pool, queue, calls)


async def rated_ticket(desk: Stage) -> WorkflowHistory:
    """A ticket that is resolved, rated by who asked, and rated otherwise; whoever resolved it is refused."""
    ticket = await desk.running()
    await desk.send(ticket, ChangeStatus(status=Status.RESOLVED))
    comment = await add_text(desk.pool, ticket, PLANTED_COMMENT)
    await desk.send(ticket, RateTicket(score=2, text_id=comment), BY_REQUESTER)
    await desk.send(ticket, RateTicket(score=4), BY_REQUESTER)
    return await desk.history(desk.handle(ticket).id)


async def ticket_rated_after_its_end(desk: Stage) -> WorkflowHistory:
    """A ticket whose workflow was over, and is begun again to be rated."""
    ticket = await closed_days_ago(desk, 2)
    await desk.send(ticket, RateTicket(score=5), BY_REQUESTER)
    await desk.handle(ticket).result()
    return await desk.history(desk.handle(ticket).id)


async def daily_report(desk: Stage) -> WorkflowHistory:
    """Every day that is missing: three or four, by the hour."""
    await stored_ticket(desk.store, at=datetime.now(UTC) - timedelta(days=3), team="support")
    await desk.folded()
    return await desk.run(DailyReportWorkflow.run, DailyReportStart())


async def mailed_report(desk: Stage) -> WorkflowHistory:
    """A report that somebody asked for, to two receivers."""
    reports = ReportMailDesk(desk.client, desk.pool, desk.task_queue)
    await desk.folded()
    mail = await reports.add(SUPERVISOR, AGENT)
    run = await reports.sent(mail.id)
    await reports.schedules.remove(mail.id)
    return await desk.history(f"{schedule_id(mail.id)}-{run.id}")


async def account_mail(desk: Stage) -> WorkflowHistory:
    mails = MailDesk(desk.client, desk.pool, desk.task_queue)
    mail = await mails.ask()
    await mails.relay.start_waiting()
    await mails.outcome(mail)
    return await desk.history(account_mail_workflow_id(mail))


async def message_by_mail(desk: Stage) -> WorkflowHistory:
    return await _message(desk, await time_off(desk.pool, Channel.EMAIL))


async def message_by_push(desk: Stage) -> WorkflowHistory:
    """To two devices."""
    devices = PushSubscriptionStore(desk.pool)
    for device in ("phone", "tablet"):
        await devices.add(AGENT, f"https://push.example.com/{device}", b"key", b"secret", device)
    return await _message(desk, await time_off(desk.pool, Channel.PUSH))


async def _message(desk: Stage, message: MessageId) -> WorkflowHistory:
    assert await MessageDesk(desk.client, desk.pool, desk.task_queue).sent(message) == "sent"
    return await desk.history(f"message-{message}")


async def webhook(desk: Stage) -> WorkflowHistory:
    """A receiver fails at first; called again, it takes what waits."""
    hook = await a_webhook(desk.pool)
    await stored_ticket(desk.store)
    await all_taken(desk.pool)
    calling = WebhookClient(desk.client, PATIENCE_SECONDS, desk.task_queue, desk.calls_queue)
    await calling.look(hook.id)
    await _timer(desk, webhook_workflow_id(hook.id))
    await desk.pool.execute("update webhook_deliveries set next_attempt_at = now() where webhook_id = $1", hook.id)
    await calling.look(hook.id)
    await desk.client.get_workflow_handle(webhook_workflow_id(hook.id)).result()
    await desk.pool.execute("delete from webhooks where id = $1", hook.id)
    return await desk.history(webhook_workflow_id(hook.id))


async def dispatcher(desk: Stage) -> WorkflowHistory:
    """A team gets a ticket, waits for another, and is at work no more."""
    slug = f"team-{uuid4().hex[:8]}"
    await desk.pool.execute("insert into teams (slug, name) values ($1, $1)", slug)
    await desk.pool.execute("insert into team_members (person_id, team) values ($1, $2)", AGENT, slug)
    team = Team(desk.pool, slug, AGENT, AGENT, DispatchClient(desk.client, PATIENCE_SECONDS, desk.task_queue))
    await team.is_there(AGENT)
    ticket = await desk.open(team=slug)
    await team.looks()
    await eventually(lambda: desk.row(ticket.number), lambda row: row.assignee_id == AGENT)
    await _timer(desk, dispatcher_id(slug))
    await team.works(is_active=False)
    await team.looks()
    await desk.client.get_workflow_handle(dispatcher_id(slug)).result()
    return await desk.history(dispatcher_id(slug))


async def rollout(desk: Stage) -> WorkflowHistory:
    """Previewed, applied and taken back, for one ticket."""
    await desk.pool.execute("update tickets set status = 'closed', closed_at = now() where status <> 'closed'")
    rolling = RollingDesk(
        desk, RolloutStore(desk.pool), RolloutClient(desk.client, PATIENCE_SECONDS, desk.task_queue)
    )  # fmt: skip
    await rolling.open()
    id = (await rolling.previewed(promise(30, 2000))).rollout.id
    await rolling.applied(id)
    await rolling.undone(id)
    await desk.client.get_workflow_handle(f"rollout-{id}").result()
    return await desk.history(f"rollout-{id}")


async def forecast(desk: Stage) -> WorkflowHistory:
    return await desk.run(ForecastWorkflow.run, ForecastStart())


async def rotas(desk: Stage) -> WorkflowHistory:
    return await desk.run(RotaWorkflow.run)


async def retention(desk: Stage) -> WorkflowHistory:
    return await desk.run(RetentionWorkflow.run)


async def _timer(desk: Stage, id: str) -> None:
    """Until the workflow waits for a moment to come."""

    async def timers() -> int:
        events = (await desk.history(id)).events
        return sum(event.HasField("timer_started_event_attributes") for event in events)

    await eventually(timers, bool)


LIVES: dict[str, Callable[[Stage], Awaitable[WorkflowHistory]]] = {
    life.__name__: life
    for life in (
        *(rated_ticket, ticket_rated_after_its_end, daily_report, mailed_report, account_mail, message_by_mail),
        *(message_by_push, webhook, dispatcher, rollout, forecast, rotas, retention),
    )
}
"""By the name of the file that keeps the history."""
