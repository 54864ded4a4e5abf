"""Liveness, readiness with reasons, and Prometheus metrics."""

import asyncio
from typing import Literal

from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from pydantic import BaseModel

from api.http.area_router import AreaRouter
from api.http.middleware import REQUEST_FIGURES
from api.requests import InDesk
from api.streaming.stream_figures import FEED_AGE, STREAM_FIGURES
from database.pool import UNAVAILABLE

router = AreaRouter(tags=["health"])

REGISTRY = CollectorRegistry()
STREAMS = Gauge("event_streams", "Open event streams.", registry=REGISTRY)
HORIZON = Gauge(
    "event_horizon_age_seconds", "How long an open transaction holds the event stream back.", registry=REGISTRY
)
for figure in (*REQUEST_FIGURES, *STREAM_FIGURES):
    REGISTRY.register(figure)


class Check(BaseModel):
    ok: bool
    reason: str | None = None


class Readiness(BaseModel):
    """`ready` when everything answers; `degraded` when tickets can be opened and read but not changed; else `down`."""

    status: Literal["ready", "degraded", "down"]
    database: Check
    engine: Check
    stream: Check


class Liveness(BaseModel):
    status: Literal["alive"] = "alive"


@router.get("/health/live")
async def live() -> Liveness:
    """The process runs."""
    return Liveness()


@router.get("/health/ready")
async def ready(desk: InDesk, response: Response) -> Readiness:
    """503 with the reasons unless every part answers."""
    database, engine = await asyncio.gather(_database(desk), _engine(desk))
    stream = Check(ok=desk.bell.is_connected, reason=None if desk.bell.is_connected else "not listening; polling")
    state: Literal["ready", "degraded", "down"] = "ready" if engine.ok and stream.ok else "degraded"
    readiness = Readiness(status=state if database.ok else "down", database=database, engine=engine, stream=stream)
    if readiness.status != "ready":
        response.status_code = 503
    return readiness


@router.get("/metrics", response_class=Response)
async def metrics(desk: InDesk) -> Response:
    """Prometheus text format."""
    STREAMS.set(desk.feed.subscribers)
    FEED_AGE.set(desk.feed.age_seconds)
    try:
        HORIZON.set(await desk.events.horizon_age_seconds())
    except UNAVAILABLE:
        HORIZON.set(float("nan"))
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


async def _database(desk: InDesk) -> Check:
    try:
        await desk.pool.fetchval("select 1", timeout=2)
    except UNAVAILABLE as error:
        return Check(ok=False, reason=f"PostgreSQL does not answer ({type(error).__name__})")
    return Check(ok=True)


async def _engine(desk: InDesk) -> Check:
    if await desk.workflows.is_available():
        return Check(ok=True)
    return Check(ok=False, reason="Temporal does not answer; tickets are opened and read, other changes wait")
