"""What the tests say to the SLA routes."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2

CALENDARS, POLICIES = "/api/sla/calendars", "/api/sla/policies"
NINE_TO_FIVE = [{"from": "09:00", "to": "17:00"}]
OFFICE = [NINE_TO_FIVE] * 5 + [[], []]
NIGHT = [{"from": "22:00", "to": "06:00"}]
AROUND_THE_CLOCK = 1
"""The shipped calendar."""
EVERYTHING: dict[str, Any] = {
    "zone": "America/New_York",
    "week": [[*NINE_TO_FIVE, {"from": "22:00", "to": "02:00"}], [{"from": "02:00", "to": "24:00"}], *OFFICE[2:]],
    "holidays": [{"on": "2028-02-29", "name": "Foundation"}, {"on": "2030-06-01", "name": ""}],
    "special_days": [
        {"on": "2028-02-29", "spans": [{"from": "10:00", "to": "12:00"}]},
        {"on": "2030-12-31", "spans": []},
    ],
}
"""Fields of a calendar with something of everything."""
SHIPPED = ["Urgent matters", "Standard"]
"""The shipped policies, from the top."""


def named(what: str) -> str:
    """A name that nothing else has."""
    return f"{what} {uuid4()}"


def a_calendar(**changes: Any) -> dict[str, Any]:
    """Office hours in Berlin."""
    return {"name": named("Office"), "zone": "Europe/Berlin", "week": OFFICE, **changes}


def a_policy(**changes: Any) -> dict[str, Any]:
    """An answer within an hour and an end within four, for tickets with a tag that no other policy knows."""
    return {
        "name": named("Policy"),
        "calendar": AROUND_THE_CLOCK,
        "conditions": {"tags": [f"t-{uuid4().hex[:12]}"]},
        "goals": goals(60, 240),
        **changes,
    }


def ladder(*actions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """One step, for tickets of normal priority."""
    return {"ladders": {"normal": {"steps": [{"after_minutes": 30, "actions": list(actions), **changes}]}}}


def promised(ticket: dict[str, Any]) -> dict[str, timedelta]:
    """Target -> how long after its opening the ticket is due, for the customer."""
    opened_at = datetime.fromisoformat(ticket["created_at"])
    return {
        clock["target"]: datetime.fromisoformat(clock["due_at"]) - opened_at
        for clock in ticket["sla"]
        if clock["audience"] == "customer" and clock["due_at"]
    }


def minutes(first_response: int, resolution: int) -> dict[str, timedelta]:
    return {
        "first_response": timedelta(minutes=first_response),
        "resolution": timedelta(minutes=resolution),
    }


def goals(first_response: int, resolution: int) -> dict[str, Any]:
    """The same for each priority."""
    both = {"first_response": {"minutes": first_response}, "resolution": {"minutes": resolution}}
    return dict.fromkeys(("low", "normal", "high", "urgent"), both)


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


async def ask(client: httpx2.AsyncClient, calendar: dict[str, Any], at: str, **more: Any) -> dict[str, Any]:
    """What the calendar says of the moment."""
    answer = await client.post(f"{CALENDARS}/{calendar['id']}/test", json={"at": at, **more})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def names_in_order(client: httpx2.AsyncClient) -> list[str]:
    """The policies from the top."""
    return [one["name"] for one in (await client.get(POLICIES)).json()["items"]]
