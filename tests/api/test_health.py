"""Liveness, readiness and metrics."""

from typing import Any

import httpx2

from tests.api.desk_api import ApiDesk
from tests.workflows.engine_desk import eventually


async def test_the_process_lives(nobody: httpx2.AsyncClient) -> None:
    answer = await nobody.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_everything_is_ready(nobody: httpx2.AsyncClient) -> None:
    async def ready() -> httpx2.Response:
        return await nobody.get("/health/ready")

    answer = await eventually(ready, lambda answer: answer.status_code == 200)

    fine = {"ok": True, "reason": None}
    assert answer.json() == {"status": "ready", "database": fine, "engine": fine, "stream": fine}


async def test_metrics_count_requests_by_route(
    api: ApiDesk, nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    await requester.get(f"/api/tickets/{ticket['number']}")
    await requester.get("/api/tickets/x")

    answer = await nobody.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    opened = [line for line in lines if line.startswith("http_requests_total{") and 'status="201"' in line]
    assert any('method="POST"' in line and '/tickets"' in line for line in opened)
    assert any(line.startswith("http_request_seconds_bucket") and "/tickets/{number}" in line for line in lines)
    assert any(line.startswith("event_streams ") for line in lines)
    assert any(line.startswith("event_horizon_age_seconds ") for line in lines)
    assert str(ticket["number"]) not in answer.text
