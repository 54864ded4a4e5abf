"""Composition root of the worker process: workflows, activities, and the relay that starts opened tickets."""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import uvloop
from temporalio.client import Client, RPCError
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import (
    PollerBehaviorAutoscaling,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.account_mails import AccountMailActivities
from activities.agents import AgentActivities
from activities.daily_reports import DailyReportActivities
from activities.dispatch import DispatchActivities
from activities.forecast_arithmetic import ForecastArithmetic
from activities.forecasts import ForecastActivities
from activities.messages import MessageActivities
from activities.notifications import NotificationActivities
from activities.report_mails import ReportMailActivities
from activities.retention import RetentionActivities
from activities.rotas import RotaActivities
from activities.sla_rollouts import RolloutActivities
from activities.tickets import TicketActivities
from database.account_mails import AccountMailStore
from database.agent_connections import AgentConnectionStore
from database.agent_lives import AgentLifeStore
from database.bell import (
    BELL,
    DISPATCH_BELL,
    MAIL_BELL,
    NOTICE_BELL,
    REPORT_MAIL_BELL,
    START_BELL,
    WEBHOOK_BELL,
    Bell,
)
from database.daily_reports import DailyReports
from database.dispatch import DispatchStore
from database.erasure import ErasureStore
from database.facts_relay import FactsRelay
from database.forecasts import ForecastStore
from database.notification_plans import NotificationPlanStore
from database.overview_log import OverviewLog
from database.plan_changes import PlanChangeLog
from database.pool import Pool, open_pool
from database.report_log import ReportLog
from database.report_mails import ReportMailStore
from database.retention import RetentionStore
from database.rotas import RotaStore
from database.shifts import ShiftStore
from database.sla_rollouts import RolloutStore
from database.sla_terms import SlaTermsStore
from database.staff import StaffStore
from database.starts import StartRequestStore
from database.tickets import TicketStore
from domain.presence import PresenceRules
from senders import account_mails, messages, report_mails, webhook_parts
from settings import Settings, UnsafeSettingsError, refuse_unsafe
from workflows.account_mail import AccountMailWorkflow
from workflows.account_mail_client import AccountMailClient
from workflows.agent import AgentWorkflow
from workflows.agent_client import AgentClient
from workflows.client import (
    DEPLOYMENT,
    TASK_QUEUE,
    connect,
    ensure_search_attributes,
    tls_config,
)
from workflows.daily_report import DailyReportWorkflow
from workflows.dispatch import DispatchWorkflow
from workflows.dispatch_client import DispatchClient
from workflows.dispatch_relay import DispatchRelay
from workflows.encryption import encryption
from workflows.forecast import ForecastWorkflow
from workflows.guard import Guard
from workflows.mail_relay import MailRelay
from workflows.message import MessageWorkflow
from workflows.notice_relay import NoticeRelay
from workflows.notifier import NotifierWorkflow
from workflows.notifier_client import NotifierClient
from workflows.plan_relay import PlanRelay
from workflows.presence_watch import PresenceWatch
from workflows.recovery import Recovery
from workflows.relay import StartRelay
from workflows.report_mail import ReportMailWorkflow
from workflows.report_mail_relay import ReportMailRelay
from workflows.report_mail_schedules import ReportMailSchedules
from workflows.retention import RetentionWorkflow
from workflows.rotas import RotaWorkflow
from workflows.schedules import ensure_schedules
from workflows.sla_rollout import RolloutWorkflow
from workflows.ticket import TicketWorkflow
from workflows.ticket_client import TicketClient
from workflows.webhook import WebhookWorkflow

CONNECT_RETRY_SECONDS = 1.0
TELLING_SECONDS = 10.0
"""How long a rollout waits for a ticket to answer before it asks again."""
WORKFLOWS: Final[tuple[type, ...]] = (
    *(TicketWorkflow, AgentWorkflow, DispatchWorkflow, AccountMailWorkflow, MessageWorkflow),
    *(RolloutWorkflow, ForecastWorkflow, RotaWorkflow, RetentionWorkflow, NotifierWorkflow, WebhookWorkflow),
    *(DailyReportWorkflow, ReportMailWorkflow),
)
"""All that the worker runs; of each a history is recorded in `tests/replay_histories/`."""
log = logging.getLogger("worker")


def sandbox() -> SandboxedWorkflowRunner:
    """What tests and replays run workflows in: it refuses clocks, chance and files in workflow code.

    The pure domain and the activities' signatures pass through (loading them anew for each ticket costs about 150 ms
    and 1 MiB). The worker itself runs without it: it costs a third of the worker's time for each command.
    """
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(
            "domain", "activities", "pydantic", "pydantic_core", "annotated_types", "workflows.search_attributes"
        )
    )


def build_worker(
    client: Client,
    pool: Pool,
    build_id: str | None = None,
    task_queue: str = TASK_QUEUE,
    runner: WorkflowRunner | None = None,
    presence: PresenceRules | None = None,
    mail: AccountMailActivities | None = None,
    messages: MessageActivities | None = None,
    report_zone: str = "UTC",
    reports: ReportMailActivities | None = None,
) -> Worker:
    """The worker with everything it runs. With a build id its tickets are pinned to it until they continue as new.
    Without `mail`, `messages` and `reports` it sends none."""
    tickets, terms, rollouts = TicketStore(pool), SlaTermsStore(pool), RolloutStore(pool)
    activities = TicketActivities(tickets, terms, StaffStore(pool, ShiftStore(pool)), rollouts)
    telling = TicketClient(client, TELLING_SECONDS, task_queue)
    rolling = RolloutActivities(rollouts, terms, tickets, telling)
    dispatching = DispatchActivities(DispatchStore(pool, ShiftStore(pool), terms), telling)
    forecasting = ForecastActivities(ForecastStore(pool), ForecastArithmetic())
    daily = DailyReportActivities(DailyReports(pool), report_zone)
    rotas = RotaActivities(RotaStore(pool))
    retention = RetentionActivities(RetentionStore(pool, ErasureStore(pool)))
    agents = AgentActivities(AgentLifeStore(pool), ShiftStore(pool), presence or PresenceRules())
    notifications = NotificationActivities(NotificationPlanStore(pool))
    deployment = None
    if build_id is not None:
        deployment = WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(DEPLOYMENT, build_id),
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.PINNED,
        )
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=[
            *(activities.load_ticket, activities.record, activities.escalate),
            *(dispatching.dispatch_round, rotas.lay_out),
            *retention.steps,
            *rolling.steps,
            *forecasting.steps,
            *daily.steps,
            *(agents.load_agent, agents.load_plan, agents.record_agent),
            notifications.decide_notifications,
            *(mail.steps if mail else ()),
            *(messages.steps if messages else ()),
            *(reports.steps if reports else ()),
        ],
        interceptors=[Guard()],
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        graceful_shutdown_timeout=timedelta(seconds=10),
        deployment_config=deployment,
    )


def presence_rules(settings: Settings) -> PresenceRules:
    """How long an agent may be gone, and how early they are reminded."""
    return PresenceRules(
        grace=timedelta(seconds=settings.presence_grace_seconds),
        shift_reminder=timedelta(minutes=settings.shift_reminder_minutes),
        break_reminder=timedelta(minutes=settings.break_reminder_minutes),
    )


async def connect_patiently(settings: Settings) -> Client:
    """Connect to the engine, waiting for it as long as it takes."""
    runtime = None
    if settings.worker_metrics_port is not None:
        address = f"{settings.api_host}:{settings.worker_metrics_port}"
        runtime = Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=address)))
    api_key = settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None
    payloads = encryption(settings.payload_keys_file, settings.payload_keys)
    client = None
    while client is None:
        try:
            client = await connect(
                settings.temporal_target,
                settings.temporal_namespace,
                api_key=api_key,
                tls=tls_config(
                    settings.temporal_tls_ca_file, settings.temporal_tls_cert_file, settings.temporal_tls_key_file
                ),
                encryption=payloads,
                runtime=runtime,
            )
        except (RuntimeError, RPCError) as error:
            log.warning("waiting for the engine at %s: %s", settings.temporal_target, error)
            await asyncio.sleep(CONNECT_RETRY_SECONDS)
    try:
        await ensure_search_attributes(client)
    except RPCError as error:
        log.warning("search attributes were not registered, the operator has to: %s", error.message)
    await ensure_schedules(client)
    return client


async def run(settings: Settings) -> None:
    """Until cancelled; then work under way is finished first."""
    client = await connect_patiently(settings)
    pool = await open_pool(settings.database_dsn, settings.database_pool_size)
    tickets = TicketClient(client, settings.command_timeout_seconds)
    relay = StartRelay(StartRequestStore(pool), tickets)
    dispatchers = DispatchClient(client, TELLING_SECONDS)
    dispatching = DispatchRelay(DispatchStore(pool, ShiftStore(pool), SlaTermsStore(pool)), dispatchers)
    mailing = MailRelay(AccountMailStore(pool), AccountMailClient(client, settings.command_timeout_seconds))
    notices = NoticeRelay(NotificationPlanStore(pool), NotifierClient(client, TELLING_SECONDS))
    calls, hooks = webhook_parts(settings, client, pool)
    bells: dict[str, Callable[[str], None]] = {
        START_BELL: relay.ring,
        DISPATCH_BELL: dispatching.ring,
        MAIL_BELL: mailing.ring,
    }
    facts = FactsRelay(ReportLog(pool), OverviewLog(pool))

    def ring_readers(heard: str) -> None:
        """Who reads the event log."""
        hooks.ring(heard)
        facts.ring(heard)

    bells |= {NOTICE_BELL: notices.ring, BELL: ring_readers, WEBHOOK_BELL: hooks.call}
    mailed = ReportMailRelay(
        ReportMailStore(pool), ReportMailSchedules(client, settings.command_timeout_seconds)
    )  # fmt: skip
    bells[REPORT_MAIL_BELL] = mailed.ring
    bell = Bell(settings.database_dsn, bells)
    mail, sending = account_mails(settings, pool), messages(settings, pool)
    presence = presence_rules(settings)
    agents = AgentClient(client, settings.command_timeout_seconds)
    watch = PresenceWatch(AgentConnectionStore(pool), AgentLifeStore(pool), agents, presence)
    recovery = Recovery(TicketStore(pool), tickets, dispatchers)
    worker = build_worker(
        client,
        pool,
        settings.worker_build_id,
        presence=presence,
        mail=mail,
        messages=sending,
        reports=report_mails(settings, pool),
        report_zone=settings.report_zone,
    )
    async with pool, worker, calls:
        log.info("worker runs on %s", settings.temporal_target)
        plans = PlanRelay(PlanChangeLog(pool), agents)
        beside = (relay, dispatching, mailing, notices, hooks, bell, recovery, watch, plans, facts, mailed)
        await asyncio.gather(*(part.run() for part in beside))


async def run_until_stopped(settings: Settings) -> None:
    """Until SIGTERM or SIGINT, whatever it is doing, waiting for the engine included."""
    task = asyncio.create_task(run(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    settings = Settings()
    try:
        refuse_unsafe(settings)
    except UnsafeSettingsError as error:
        sys.exit(str(error))
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would write down every address that is called
    gc.freeze()  # imports stay: a full collection that walks them halts everything for 75 ms, one without for 15
    uvloop.run(run_until_stopped(settings))
