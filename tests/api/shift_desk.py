"""What the tests say to the shift routes. All of it is planned for a week that is yet to come."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

SHIFTS, ROTAS, TIME_OFF = "/api/shifts", "/api/shifts/rotas", "/api/shifts/time-off"
REQUESTS, COVERAGE = "/api/shifts/requests", "/api/shifts/coverage"
_TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MONDAY = _TODAY + timedelta(days=14 - _TODAY.weekday())
"""The midnight of a Monday, one to two weeks ahead."""


def at(hour: float, day: int = 0) -> str:
    """An hour of that Monday, or so many days later."""
    return (MONDAY + timedelta(days=day, hours=hour)).isoformat().replace("+00:00", "Z")


def a_break(since: float, until: float, kind: str = "lunch", day: int = 0) -> dict[str, Any]:
    return {"kind": kind, "starts_at": at(since, day), "ends_at": at(until, day)}


async def planned(
    client: httpx2.AsyncClient, agent: Any, since: float = 8, until: float = 16, *, day: int = 0, **more: Any
) -> dict[str, Any]:
    """A published shift of team support."""
    body = a_shift(agent, since, until, day=day, **more)
    answer = await client.post(SHIFTS, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def a_shift(agent: Any, since: float = 8, until: float = 16, *, day: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "agent": str(agent),
        "team": "support",
        "starts_at": at(since, day),
        "ends_at": at(until, day),
        "publish": True,
        **more,
    }


def a_rota(agent: Any, **changes: Any) -> dict[str, Any]:
    """Working days from 8 to 16 in Berlin, without an end."""
    return {
        "agent": str(agent),
        "team": "support",
        "name": "Early",
        "rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        "zone": "Europe/Berlin",
        "begins_on": MONDAY.date().isoformat(),
        "starts": "08:00",
        "ends": "16:00",
        "publish": True,
        **changes,
    }


async def said(client: httpx2.AsyncClient, method: str, path: str, status: int = 200, **more: Any) -> dict[str, Any]:
    """What is answered, with this status."""
    answer = await client.request(method, path, **more)
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def listed(client: httpx2.AsyncClient, path: str = SHIFTS, days: int = 7, **query: Any) -> list[dict[str, Any]]:
    """The shifts of that week."""
    params = {"from": at(0), "to": at(0, days), "limit": "200", **query}
    items: list[dict[str, Any]] = (await said(client, "GET", path, params=params))["items"]
    return items


def times(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["starts_at"], item["ends_at"]) for item in items]
