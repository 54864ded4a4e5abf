"""What the API process holds: its stores, the engine's client, and the parts of sign-in. Built once, by `app.py`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from api.attendance import Attendance
from api.credentials.factor_codes import SecondFactors
from api.credentials.key_uses import KeyUses
from api.credentials.passwords import Passwords
from api.credentials.principals import Principals
from api.credentials.token_keys import KeyRing
from api.credentials.tokens import AccessTokens
from api.http.uploads import Uploads
from api.refusals import Refusals
from api.streaming.feed import Feed
from api.webhook_desk import WebhookDesk
from database.accounts import AccountStore
from database.agent_lives import AgentLifeStore
from database.agent_performance import PerformanceFigures
from database.agents import AgentStore
from database.api_keys import ApiKeyStore
from database.attachments import AttachmentStore
from database.audit import AuditStore
from database.bell import Bell
from database.daily_reports import DailyReports
from database.dispatch import DispatchStore
from database.email_choices import EmailChoiceStore
from database.erasure import ErasureStore
from database.events import EventLog
from database.forecast_reports import ForecastReports
from database.forecasts import ForecastStore
from database.identities import IdentityStore
from database.inbox import InboxStore
from database.notification_plans import NotificationPlanStore
from database.notification_settings import NotificationSettingsStore
from database.oidc_sign_ins import OidcSignInStore
from database.organisations import OrganisationStore
from database.overview import Overviews
from database.past import Past
from database.people import CategoryStore, PeopleStore
from database.person_export import PersonExport
from database.pool import Pool
from database.push_subscriptions import PushSubscriptionStore
from database.queue_list import QueueList
from database.refresh_tokens import RefreshTokenStore
from database.report_mails import ReportMailStore
from database.reports import Reports
from database.retention import RetentionStore
from database.rotas import RotaStore
from database.service_accounts import ServiceAccountStore
from database.sessions import SessionStore
from database.shift_feeds import ShiftFeedStore
from database.shift_needs import ShiftNeedStore
from database.shift_plans import ShiftPlanner
from database.shift_requests import ShiftRequestStore
from database.shifts import ShiftStore
from database.skills import SkillStore
from database.sla_calendars import SlaCalendarStore
from database.sla_figures import SlaFigures
from database.sla_policies import SlaPolicyStore
from database.sla_rollouts import RolloutStore
from database.sla_terms import SlaTermsStore
from database.teams import TeamStore
from database.throttles import ThrottleStore
from database.ticket_lists import TicketLists
from database.tickets import TicketStore
from database.time_off import TimeOffStore
from database.workload import WorkloadStore
from domain.lifecycle import LifecycleRules
from domain.ticket import Slug
from integrations.identity_provider import IdentityProvider
from integrations.web_push import WebPushSender
from settings import Settings
from workflows.agent_client import AgentClient
from workflows.daily_report_client import DailyReportClient
from workflows.encryption import Encryption
from workflows.forecast_client import ForecastClient
from workflows.sla_rollout_client import RolloutClient
from workflows.ticket_client import TicketClient


@dataclass(frozen=True)
class Desk:
    """The parts that routes work with."""

    settings: Settings
    pool: Pool
    audit: AuditStore
    refusals: Refusals
    tickets: TicketStore
    attachments: AttachmentStore
    uploads: Uploads
    skills: SkillStore
    dispatch: DispatchStore
    workload: WorkloadStore
    terms: SlaTermsStore
    rollouts: RolloutStore
    sla_calendars: SlaCalendarStore
    sla_policies: SlaPolicyStore
    figures: SlaFigures
    reports: Reports
    report_mails: ReportMailStore
    overviews: Overviews
    past: Past
    queue: QueueList
    file_turns: asyncio.Semaphore
    """Of those who have a file of tickets made."""
    forecasts: ForecastStore
    forecast_reports: ForecastReports
    shifts: ShiftStore
    shift_plans: ShiftPlanner
    rotas: RotaStore
    time_off: TimeOffStore
    shift_requests: ShiftRequestStore
    shift_needs: ShiftNeedStore
    shift_feeds: ShiftFeedStore
    lists: TicketLists
    events: EventLog
    inbox: InboxStore
    people: PeopleStore
    erasing: ErasureStore
    exporting: PersonExport
    retention: RetentionStore
    organisations: OrganisationStore
    categories: CategoryStore
    notification_settings: NotificationSettingsStore
    notification_plans: NotificationPlanStore
    teams: TeamStore
    agents: AgentStore
    performance: PerformanceFigures
    workflows: TicketClient
    encryption: Encryption | None
    rolling: RolloutClient
    daily_reports: DailyReports
    daily_reporting: DailyReportClient
    forecasting: ForecastClient
    agent_workflows: AgentClient
    agent_lives: AgentLifeStore
    attendance: Attendance
    feed: Feed
    bell: Bell
    principals: Principals
    sessions: SessionStore
    accounts: AccountStore
    refresh_tokens: RefreshTokenStore
    factors: SecondFactors
    throttles: ThrottleStore
    keys: KeyRing
    api_keys: ApiKeyStore
    key_uses: KeyUses
    service_accounts: ServiceAccountStore
    tokens: AccessTokens
    passwords: Passwords
    providers: Mapping[Slug, IdentityProvider]
    identities: IdentityStore
    oidc_sign_ins: OidcSignInStore
    hooks: WebhookDesk
    email_choices: EmailChoiceStore
    push_subscriptions: PushSubscriptionStore
    web_push: WebPushSender
    rules: LifecycleRules
