"""What the tests say to the SLA routes."""

from typing import Any
from uuid import uuid4

import httpx2

CALENDARS, POLICIES = "/api/sla/calendars", "/api/sla/policies"
NINE_TO_FIVE = [{"from": "09:00", "to": "17:00"}]
OFFICE = [NINE_TO_FIVE] * 5 + [[], []]
AROUND_THE_CLOCK = 1
"""The shipped calendar."""


def named(what: str) -> str:
    """A name that nothing else has."""
    return f"{what} {uuid4()}"


def a_calendar(**changes: Any) -> dict[str, Any]:
    """Office hours in Berlin."""
    return {"name": named("Office"), "zone": "Europe/Berlin", "week": OFFICE, **changes}


def a_policy(**changes: Any) -> dict[str, Any]:
    """An answer within an hour and an end within four, for tickets with a tag that no other policy knows."""
    goals = {"first_response": {"minutes": 60}, "resolution": {"minutes": 240}}
    return {
        "name": named("Policy"),
        "calendar": AROUND_THE_CLOCK,
        "conditions": {"tags": [f"t-{uuid4().hex[:12]}"]},
        "goals": dict.fromkeys(("low", "normal", "high", "urgent"), goals),
        **changes,
    }


async def added(client: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A calendar or a policy that this person has just added."""
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def replaced(client: httpx2.AsyncClient, path: str, made: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The next version of a calendar or a policy."""
    answer = await client.put(f"{path}/{made['id']}", json=body)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


async def names_in_order(client: httpx2.AsyncClient) -> list[str]:
    """The policies from the top."""
    return [one["name"] for one in (await client.get(POLICIES)).json()["items"]]
