"""The API process, put together."""

import asyncio
import contextlib
import functools
import gc
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi_swagger import patch_fastapi
from starlette.types import ASGIApp

from api import (
    account_pages,
    account_passwords,
    agents,
    api_keys,
    assignment,
    attachments,
    audit,
    auth,
    client_credentials,
    codec,
    daily_reports,
    forecast_report,
    hand_over,
    health,
    notification_preferences,
    notifications,
    oidc,
    organisations,
    overview,
    people,
    presence,
    privacy,
    public_keys,
    push_subscriptions,
    report_mails,
    report_unsubscribe,
    reports,
    second_factor,
    service_accounts,
    sessions,
    shift_coverage,
    shift_feeds,
    shift_life,
    shift_requests,
    shift_rotas,
    shift_time_off,
    shifts,
    sla_calendars,
    sla_figures,
    sla_ledger,
    sla_policies,
    sla_rollouts,
    stream,
    teams,
    ticket_commands,
    tickets,
    timeline,
    unsubscribe,
    watchers,
    webhook_deliveries,
    webhooks,
    workload,
    workload_plans,
    workload_predictions,
)
from api.attendance import Attendance
from api.codec import CodecCors
from api.credentials.factor_cipher import FactorCipher, load_or_make_secret
from api.credentials.factor_codes import SecondFactors
from api.credentials.key_uses import KeyUses
from api.credentials.passwords import Passwords
from api.credentials.principals import Principals
from api.credentials.token_keys import KeyRing
from api.credentials.tokens import AccessTokens
from api.http.content_types import accepted_body
from api.http.cross_origin import cross_origin
from api.http.middleware import AnnouncedBodyLimit, Metrics
from api.http.problems import Problem, install
from api.http.security_headers import SecurityHeaders
from api.http.uploads import FRAME_BYTES, Uploads
from api.refusals import Refusals
from api.refused_requests import tell_refusal
from api.report_files import FILES_AT_A_TIME
from api.state import Desk
from api.streaming.event_frames import Event
from api.streaming.feed import Feed
from api.webhook_desk import webhook_desk
from database.accounts import AccountStore
from database.agent_connections import AgentConnectionStore
from database.agent_lives import AgentLifeStore
from database.agent_performance import PerformanceFigures
from database.agents import AgentStore
from database.api_keys import ApiKeyStore
from database.attachments import AttachmentStore
from database.audit import AuditStore
from database.bell import ACCESS_BELL, BELL, Bell
from database.credentials import CredentialStore
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
from database.pool import open_pool
from database.push_subscriptions import PushSubscriptionStore
from database.queue_list import QueueList
from database.refresh_tokens import RefreshTokenStore
from database.report_log import ReportLog
from database.report_mails import ReportMailStore
from database.reports import Reports
from database.retention import RetentionStore
from database.rotas import RotaStore
from database.second_factors import SecondFactorStore
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
from integrations.identity_provider import IdentityProvider
from integrations.outgoing import Allowed, GuardedTransport
from integrations.provider_settings import ProviderSettings, read_providers
from integrations.vapid_key import load_or_make_vapid_key
from integrations.web_push import WebPushSender
from settings import Settings
from workflows.agent_client import AgentClient
from workflows.client import connect, tls_config
from workflows.daily_report_client import DailyReportClient
from workflows.encryption import encryption
from workflows.forecast_client import ForecastClient
from workflows.sla_rollout_client import RolloutClient
from workflows.ticket_client import TicketClient

GC_THRESHOLD = (100_000, 50, 100)
"""Collecting garbage less often halves the cost of a stream with thousands of clients."""

MAX_BODY_BYTES = 1_048_576
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {"application/problem+json": {}}, "description": text}
    for status, text in {
        401: "Not signed in",
        403: "Not you",
        404: "Not there, or not yours to see",
        409: "Illegal now",
        412: "Someone was quicker",
        414: "An address that is too long",
        415: "A body of another type",
        422: "Malformed input",
        429: "Too many attempts; see `Retry-After`",
        503: "A part is down; see `Retry-After`",
    }.items()
}


class DeskApp(FastAPI):
    """FastAPI with our own answer to a body that announces too many bytes: the framework's own, which counts those
    that announce nothing, stands outside of all middleware and answers in plain text. Around that, what every answer
    has, faults and refusals too: the headers for browsers."""

    settings: Settings

    max_upload_bytes = MAX_BODY_BYTES

    def build_middleware_stack(self) -> ASGIApp:
        app = AnnouncedBodyLimit(super().build_middleware_stack(), MAX_BODY_BYTES, self.max_upload_bytes)
        others = cross_origin(app, self.settings.cors_origins)
        app_for_pages = CodecCors(app, others, self.settings.temporal_ui_origins)
        return SecurityHeaders(app_for_pages, is_https=self.settings.is_public_url_secure)


async def build_desk(settings: Settings, providers: Iterable[ProviderSettings]) -> Desk:
    """The process's parts. None of them needs the database or the engine to be up yet."""
    pool = await open_pool(settings.database_dsn, settings.database_pool_size)
    events, people_store, terms = EventLog(pool), PeopleStore(pool), SlaTermsStore(pool)
    shifts, trail = ShiftStore(pool), AuditStore(pool)
    dispatch = DispatchStore(pool, shifts, terms)
    erasing = ErasureStore(pool)
    principals = Principals(CredentialStore(pool))
    api_keys = ApiKeyStore(pool)
    feed = Feed(events, principals)
    api_key = settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None
    payloads = encryption(settings.payload_keys_file, settings.payload_keys)
    client = await connect(
        settings.temporal_target,
        settings.temporal_namespace,
        api_key=api_key,
        tls=tls_config(settings.temporal_tls_ca_file, settings.temporal_tls_cert_file, settings.temporal_tls_key_file),
        encryption=payloads,
        lazy=True,
    )
    keys = KeyRing(settings.token_key_path)
    outgoing = GuardedTransport(Allowed.of(settings.outgoing_allow))
    lifetime = timedelta(minutes=settings.access_token_minutes)
    agent_workflows = AgentClient(client, settings.command_timeout_seconds)
    return Desk(
        settings=settings,
        pool=pool,
        audit=trail,
        refusals=Refusals(trail),
        tickets=TicketStore(pool),
        attachments=AttachmentStore(pool),
        uploads=Uploads(settings.attachment_max_bytes),
        skills=SkillStore(pool),
        dispatch=dispatch,
        workload=WorkloadStore(pool, dispatch, shifts),
        terms=terms,
        rollouts=RolloutStore(pool),
        sla_calendars=SlaCalendarStore(pool),
        sla_policies=SlaPolicyStore(pool),
        figures=SlaFigures(pool),
        reports=Reports(pool),
        report_mails=ReportMailStore(pool),
        overviews=Overviews(Reports(pool), ReportLog(pool)),
        past=Past(pool, TicketStore(pool)),
        queue=QueueList(pool),
        file_turns=asyncio.Semaphore(FILES_AT_A_TIME),
        forecasts=ForecastStore(pool),
        forecast_reports=ForecastReports(ForecastStore(pool), Reports(pool)),
        shifts=ShiftStore(pool),
        shift_plans=ShiftPlanner(pool),
        rotas=RotaStore(pool),
        time_off=TimeOffStore(pool),
        shift_requests=ShiftRequestStore(pool),
        shift_needs=ShiftNeedStore(pool),
        shift_feeds=ShiftFeedStore(pool),
        lists=TicketLists(pool),
        events=events,
        inbox=InboxStore(pool),
        people=people_store,
        organisations=OrganisationStore(pool),
        erasing=erasing,
        exporting=PersonExport(pool),
        retention=RetentionStore(pool, erasing),
        categories=CategoryStore(pool),
        notification_settings=NotificationSettingsStore(pool),
        notification_plans=NotificationPlanStore(pool),
        teams=TeamStore(pool),
        agents=AgentStore(pool),
        performance=PerformanceFigures(pool),
        encryption=payloads,
        workflows=TicketClient(client, settings.command_timeout_seconds),
        rolling=RolloutClient(client, settings.command_timeout_seconds),
        daily_reports=DailyReports(pool),
        daily_reporting=DailyReportClient(client, settings.command_timeout_seconds),
        forecasting=ForecastClient(client, settings.command_timeout_seconds),
        agent_workflows=agent_workflows,
        agent_lives=AgentLifeStore(pool),
        attendance=Attendance(AgentConnectionStore(pool), agent_workflows),
        feed=feed,
        bell=Bell(settings.database_dsn, {ACCESS_BELL: principals.ring, BELL: feed.ring}),
        principals=principals,
        sessions=SessionStore(pool),
        accounts=AccountStore(pool),
        refresh_tokens=RefreshTokenStore(pool),
        factors=SecondFactors(SecondFactorStore(pool), FactorCipher(load_or_make_secret(settings.factor_key_path))),
        throttles=ThrottleStore(pool),
        keys=keys,
        tokens=AccessTokens(keys, lifetime),
        api_keys=api_keys,
        key_uses=KeyUses(api_keys),
        service_accounts=ServiceAccountStore(pool),
        passwords=Passwords(),
        providers={one.slug: IdentityProvider(one, outgoing, lambda: datetime.now(UTC)) for one in providers},
        identities=IdentityStore(pool),
        oidc_sign_ins=OidcSignInStore(pool),
        hooks=webhook_desk(settings, pool),
        email_choices=EmailChoiceStore(pool),
        push_subscriptions=PushSubscriptionStore(pool),
        web_push=WebPushSender(
            load_or_make_vapid_key(settings.vapid_key_path),
            settings.vapid_contact,
            Allowed.of(settings.outgoing_allow),
        ),
        rules=LifecycleRules(auto_close_days=settings.auto_close_days, reopen_days=settings.reopen_days),
    )


def create_app(settings: Settings) -> FastAPI:
    """The application. Its parts are built when it starts and closed when it stops.

    Raises ProviderFileError.
    """
    providers = read_providers(settings.oidc_providers_file)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        gc.set_threshold(*GC_THRESHOLD)
        desk = await build_desk(settings, providers)
        app.state.desk = desk
        parts = (desk.feed, desk.bell, desk.attendance, desk.refusals, desk.key_uses)
        running = [asyncio.create_task(part.run()) for part in parts]
        yield
        desk.feed.drain()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await desk.attendance.leave()
        await desk.refusals.write_counts(all_of_them=True)
        await desk.key_uses.write()
        await desk.web_push.aclose()
        await desk.pool.close()

    app = DeskApp(
        title="Smart Ticketing",
        version="0.1.0",
        summary="A service desk in which every ticket is a durable workflow.",
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        separate_input_output_schemas=False,
        max_body_size=MAX_BODY_BYTES,
        docs_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redoc_url=None,
    )
    app.settings = settings
    app.max_upload_bytes = settings.attachment_max_bytes + FRAME_BYTES
    install(app, tell_refusal)
    patch_fastapi(app, docs_url="/docs")  # from our own address: the page works without the internet
    app.add_middleware(Metrics)
    include = functools.partial(
        app.include_router, prefix="/api", responses=PROBLEMS, dependencies=[Depends(accepted_body)]
    )
    for part in (
        auth, sessions, account_passwords, second_factor, oidc, api_keys, client_credentials,
        service_accounts,
        tickets, ticket_commands, timeline, watchers, assignment, presence, shift_life, people, organisations, privacy,
        agents, hand_over, teams, sla_ledger, sla_calendars, sla_policies, sla_rollouts, sla_figures, shift_rotas,
        shift_time_off, shift_requests, shift_coverage, shift_feeds, shifts, workload, workload_plans,
        workload_predictions, audit, stream, codec, notifications, notification_preferences, push_subscriptions,
        unsubscribe, webhooks, webhook_deliveries, daily_reports, reports, report_mails, overview, forecast_report,
        report_unsubscribe,
    ):  # fmt: skip
        include(part.router)
    include(attachments.router)
    include(attachments.upload_router, max_body_size=app.max_upload_bytes)
    app.include_router(health.router)
    app.include_router(account_pages.router)
    app.include_router(public_keys.router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _say_problem(content: dict[str, Any]) -> None:
    """Problems are sent as what they are; FastAPI documents every model as plain JSON."""
    if "application/problem+json" in content:
        content["application/problem+json"] = content.pop("application/json")


def _document(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1, with the stream's events as a named component."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schema = Event.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= schema.pop("$defs", {}) | {"Event": schema}
        for path in document["paths"].values():
            for operation in path.values():
                for answer in operation["responses"].values():
                    _say_problem(answer.get("content", {}))
        app.openapi_schema = document
    return app.openapi_schema
