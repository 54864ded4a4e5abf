"""The API process, put together."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi_swagger import patch_fastapi
from starlette.types import ASGIApp

from api import (
    agents,
    api_keys,
    assignment,
    auth,
    client_credentials,
    hand_over,
    health,
    people,
    presence,
    service_accounts,
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
    workload,
    workload_plans,
    workload_predictions,
)
from api.attendance import Attendance
from api.event_frames import Event
from api.feed import Feed
from api.key_uses import KeyUses
from api.middleware import AnnouncedBodyLimit, Metrics
from api.passwords import Passwords
from api.principals import Principals
from api.problems import Problem, install
from api.state import Desk
from api.tokens import AccessTokens, load_or_make_key
from database.agent_connections import AgentConnectionStore
from database.agent_lives import AgentLifeStore
from database.agent_performance import PerformanceFigures
from database.agents import AgentStore
from database.api_keys import ApiKeyStore
from database.bell import ACCESS_BELL, BELL, Bell
from database.credentials import CredentialStore
from database.dispatch import DispatchStore
from database.events import EventLog
from database.forecasts import ForecastStore
from database.people import CategoryStore, PeopleStore
from database.pool import open_pool
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
from database.ticket_lists import TicketLists
from database.tickets import TicketStore
from database.time_off import TimeOffStore
from database.workload import WorkloadStore
from domain.lifecycle import LifecycleRules
from settings import Settings
from workflows.agent_client import AgentClient
from workflows.client import ForecastClient, RolloutClient, TicketClient, connect, tls_config

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
        422: "Malformed input",
        503: "A part is down; see `Retry-After`",
    }.items()
}


class DeskApp(FastAPI):
    """FastAPI with our own answer to a body that announces too many bytes: the framework's own, which counts those
    that announce nothing, stands outside of all middleware and answers in plain text."""

    def build_middleware_stack(self) -> ASGIApp:
        return AnnouncedBodyLimit(super().build_middleware_stack(), MAX_BODY_BYTES)


async def build_desk(settings: Settings) -> Desk:
    """The process's parts. None of them needs the database or the engine to be up yet."""
    pool = await open_pool(settings.database_dsn, settings.database_pool_size)
    events, people_store, terms = EventLog(pool), PeopleStore(pool), SlaTermsStore(pool)
    shifts = ShiftStore(pool)
    dispatch = DispatchStore(pool, shifts, terms)
    principals = Principals(CredentialStore(pool))
    api_keys = ApiKeyStore(pool)
    feed = Feed(events, principals)
    api_key = settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None
    client = await connect(
        settings.temporal_target,
        settings.temporal_namespace,
        api_key=api_key,
        tls=tls_config(settings.temporal_tls_ca_file, settings.temporal_tls_cert_file, settings.temporal_tls_key_file),
        lazy=True,
    )
    lifetime = timedelta(minutes=settings.access_token_minutes)
    agent_workflows = AgentClient(client, settings.command_timeout_seconds)
    return Desk(
        settings=settings,
        pool=pool,
        tickets=TicketStore(pool),
        skills=SkillStore(pool),
        dispatch=dispatch,
        workload=WorkloadStore(pool, dispatch, shifts),
        terms=terms,
        rollouts=RolloutStore(pool),
        sla_calendars=SlaCalendarStore(pool),
        sla_policies=SlaPolicyStore(pool),
        figures=SlaFigures(pool),
        forecasts=ForecastStore(pool),
        shifts=ShiftStore(pool),
        shift_plans=ShiftPlanner(pool),
        rotas=RotaStore(pool),
        time_off=TimeOffStore(pool),
        shift_requests=ShiftRequestStore(pool),
        shift_needs=ShiftNeedStore(pool),
        shift_feeds=ShiftFeedStore(pool),
        lists=TicketLists(pool),
        events=events,
        people=people_store,
        categories=CategoryStore(pool),
        teams=TeamStore(pool),
        agents=AgentStore(pool),
        performance=PerformanceFigures(pool),
        workflows=TicketClient(client, settings.command_timeout_seconds),
        rolling=RolloutClient(client, settings.command_timeout_seconds),
        forecasting=ForecastClient(client, settings.command_timeout_seconds),
        agent_workflows=agent_workflows,
        agent_lives=AgentLifeStore(pool),
        attendance=Attendance(AgentConnectionStore(pool), agent_workflows),
        feed=feed,
        bell=Bell(settings.database_dsn, {ACCESS_BELL: principals.ring, BELL: feed.ring}),
        principals=principals,
        sessions=SessionStore(pool),
        api_keys=api_keys,
        key_uses=KeyUses(api_keys),
        service_accounts=ServiceAccountStore(pool),
        tokens=AccessTokens(load_or_make_key(settings.token_key_path), lifetime),
        passwords=Passwords(),
        rules=LifecycleRules(auto_close_days=settings.auto_close_days, reopen_days=settings.reopen_days),
    )


def create_app(settings: Settings) -> FastAPI:
    """The application. Its parts are built when it starts and closed when it stops."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        gc.set_threshold(*GC_THRESHOLD)
        desk = await build_desk(settings)
        app.state.desk = desk
        running = [asyncio.create_task(part.run()) for part in (desk.feed, desk.bell, desk.attendance, desk.key_uses)]
        yield
        desk.feed.drain()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await desk.attendance.leave()
        await desk.key_uses.write()
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
    install(app)
    patch_fastapi(app, docs_url="/docs")  # from our own address: the page works without the internet
    app.add_middleware(Metrics)
    api = APIRouter(prefix="/api", responses=PROBLEMS)
    for part in (
        tickets, ticket_commands, timeline, assignment, auth, presence, shift_life, people, agents, hand_over, teams,
        api_keys, client_credentials, service_accounts,
        sla_ledger, sla_calendars, sla_policies, sla_rollouts, sla_figures, shift_rotas, shift_time_off, shift_requests,
        shift_coverage, shift_feeds, shifts, workload, workload_plans, workload_predictions, stream,
    ):  # fmt: skip
        api.include_router(part.router)
    app.include_router(api)
    app.include_router(health.router)
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
