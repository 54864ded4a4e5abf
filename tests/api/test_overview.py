"""The overview over HTTP, now and in the past: who sees it, what it says, and what is refused."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from database.report_log import ReportLog
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, still, ticket_of

DAY = timedelta(days=1)
Fold = Callable[[], Awaitable[str]]


@pytest.fixture
async def ours(admin: httpx2.AsyncClient) -> str:
    """A category of the test's own: the tickets of other tests count for nothing in it."""
    slug = f"c-{uuid4().hex[:30]}"
    answer = await admin.post("/api/categories", json={"slug": slug, "name": "Ours"})
    assert answer.status_code == 201, answer.text
    return slug


async def get(client: httpx2.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/{path}", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def overview(client: httpx2.AsyncClient, **query: Any) -> dict[str, Any]:
    return await get(client, "reports/overview", **query)


@pytest.fixture
async def folded(api: ApiDesk) -> Fold:
    """Folds all that has happened."""
    log = ReportLog(api.parts.pool)

    async def fold() -> str:
        """Returns the moment after it."""
        while await log.catch_up() or (await log.standing()).behind_seconds:
            pass
        return datetime.now(UTC).isoformat()

    return fold


async def test_how_the_desk_stands_and_what_came_today(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, folded: Fold, ours: str
) -> None:
    first, second = [int((await opened(requester, team="support", category=ours))["number"]) for _ in range(2)]
    await opened(requester, team="billing", category=ours, priority="high")
    await do(agent, first, "claim")
    await do(agent, first, "status", {"status": "pending"})
    await do(agent, second, "status", {"status": "resolved"})
    await folded()

    whole = await overview(supervisor, category=ours, group_by="team")

    values = whole["total"]["values"]
    counts = {
        "open": 2, "waiting": 1, "unassigned": 1, "status_new": 1, "status_pending": 1, "status_resolved": 1,
        "open_at_risk": 0, "open_breached": 0, "age_under_1_day": 2, "age_1_to_3_days": 0,
        "opened": 3, "resolved": 1, "resolutions": 1, "reopenings": 0, "net": 2,
    }  # fmt: skip
    assert values.items() >= counts.items()
    assert values["backlog_age"]["size"] == 2
    assert values["backlog_age"]["mean_seconds"] <= values["backlog_oldest"] < 600
    assert [(one["key"], one["values"]["open"], one["values"]["net"]) for one in whole["groups"]] == [
        ("billing", 1, 1), ("support", 1, 1),
    ]  # fmt: skip
    assert whole["standing"]["facts_behind_seconds"] < 60
    assert whole["standing"]["is_rebuilding"] is False
    assert whole["total"]["previous"]["open"] == 0
    day = datetime.fromisoformat(whole["from"])
    assert (day.hour, day.minute, day.date()) == (0, 0, datetime.now(UTC).date())
    before = whole["previous_period"]
    assert datetime.fromisoformat(before["from"]) == day - DAY
    assert datetime.fromisoformat(before["to"]) == datetime.fromisoformat(whole["to"]) - DAY


async def test_every_count_leads_to_its_tickets(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, folded: Fold, ours: str
) -> None:
    number = int((await opened(requester, team="support", category=ours))["number"])
    await opened(requester, team="billing", category=ours)
    moment = await folded()
    await do(agent, number, "claim")
    await do(agent, number, "status", {"status": "resolved"})
    await folded()

    for query in ({}, {"as_of": moment}):
        found = await overview(supervisor, category=ours, group_by="team", **query)
        address = found["drill_down"]
        assert address.endswith("{&figure,key}")
        for group in found["groups"]:
            for figure in found["figures"]:
                value = group["values"][figure["name"]]
                if figure["unit"] == "count" and figure["name"] != "net":
                    asked = re.sub(r"\{.*\}", f"&figure={figure['name']}&key={group['key']}", address)
                    answer = await supervisor.get(asked)
                    assert answer.status_code == 200, answer.text
                    assert len(answer.json()["items"]) == value, (figure["name"], query)


async def test_agents_see_their_teams_and_requesters_nothing(
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    folded: Fold,
    ours: str,
) -> None:
    for team in ("support", "billing", None):
        await opened(requester, team=team, category=ours)
    await folded()

    for path in ("overview", "queue"):
        assert_problem(await requester.get(f"/api/reports/{path}"), 403, "forbidden")
        assert_problem(await agent.get(f"/api/reports/{path}?team=billing"), 403, "forbidden")
    seen = [(await overview(one, category=ours))["total"]["values"]["open"] for one in (agent, supervisor)]
    assert seen == [1, 3]
    assert {one["team"] for one in (await overview(agent))["teams"]} == {"support"}
    assert {"support", "billing", None} <= {one["team"] for one in (await overview(supervisor))["teams"]}
    assert {one["team"] for one in (await get(billing_agent, "reports/queue", category=ours))["items"]} == {"billing"}
    assert len((await get(supervisor, "reports/queue", category=ours))["items"]) == 3


async def test_the_past_is_as_it_was(
    api: ApiDesk,
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    folded: Fold,
    ours: str,
) -> None:
    before = datetime.now(UTC).isoformat()
    number = int((await opened(requester, team="support", category=ours))["number"])
    at_first = await folded()
    await do(agent, number, "claim")
    claimed = await folded()
    await do(agent, number, "status", {"status": "resolved"})
    await do(agent, number, "status", {"status": "closed"})
    at_last = await folded()

    counts = ("open", "waiting", "status_resolved", "opened", "resolutions")
    seen = []
    for as_of in (before, at_first, claimed, at_last):
        values = (await overview(supervisor, category=ours, as_of=as_of))["total"]["values"]
        seen.append([values[name] for name in counts])
    assert seen == [[0, 0, 0, 0, 0], [1, 1, 0, 1, 0], [1, 0, 0, 1, 0], [0, 0, 0, 1, 1]]
    then = await overview(supervisor, category=ours, as_of=claimed)
    assert (then["teams"], then["stream_cursor"]) == ([], None)
    assert datetime.fromisoformat(then["as_of"]) == datetime.fromisoformat(then["to"])

    queue = await get(supervisor, "reports/queue", category=ours, as_of=claimed)
    (one,) = queue["items"]
    assert one.items() >= {
        "number": number, "status": "new", "team": "support", "waiting": False, "title": "The printer is on fire",
        "assignee": {"id": str(api.people["agent"].id), "name": "Alex Agent"}, "sla_state": "ok",
    }.items()  # fmt: skip
    assert one["opened_at"] <= one["since"] <= queue["as_of"]
    for query, size in (
        ({"waiting": True}, 0),
        ({"status": "new"}, 1),
        ({"status": "open"}, 0),
        ({"agent": "none"}, 0),
    ):
        assert len((await get(supervisor, "reports/queue", category=ours, as_of=claimed, **query))["items"]) == size
    assert (await get(supervisor, "reports/queue", category=ours))["items"] == []


async def test_a_past_moment_that_is_now_is_the_present(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, folded: Fold, ours: str
) -> None:
    numbers = [int((await opened(requester, team="support", category=ours))["number"]) for _ in range(3)]
    await do(agent, numbers[0], "claim")
    await do(agent, numbers[1], "status", {"status": "on_hold"})
    await do(agent, numbers[2], "status", {"status": "resolved"})
    now = await folded()

    past, present = [await overview(supervisor, category=ours, **query) for query in ({"as_of": now}, {})]
    counts = [
        {name: one for name, one in found["total"]["values"].items() if not name.startswith("backlog")}
        for found in (past, present)
    ]
    assert counts[0] == counts[1]
    queues = [await get(supervisor, "reports/queue", category=ours, **query) for query in ({"as_of": now}, {})]
    assert queues[0]["items"] == queues[1]["items"]
    assert len(queues[0]["items"]) == 3
    for number in numbers:
        assert still(await get(agent, f"tickets/{number}", as_of=now)) == still(await ticket_of(agent, number))


async def test_the_queue_comes_page_by_page(
    requester: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, folded: Fold, ours: str
) -> None:
    numbers = [int((await opened(requester, category=ours))["number"]) for _ in range(5)]
    moment = await folded()

    seen, cursor = list[int](), dict[str, str]()
    while True:
        page = await get(supervisor, "reports/queue", category=ours, as_of=moment, limit=2, **cursor)
        seen += [one["number"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert seen == sorted(numbers, reverse=True)


async def test_a_ticket_as_it_was(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    number = ticket["number"]
    created = datetime.fromisoformat(ticket["created_at"])
    await agent.patch(f"/api/tickets/{number}", json={"title": "New title", "priority": "urgent"})
    edited = datetime.now(UTC)
    await do(agent, number, "status", {"status": "resolved"})

    first = await get(requester, f"tickets/{number}", as_of=created.isoformat())
    then = await get(requester, f"tickets/{number}", as_of=edited.isoformat())

    assert still(first) == still(ticket)
    assert (then["title"], then["priority"], then["status"], then["resolved_at"]) == (
        "New title", "urgent", "new", None,
    )  # fmt: skip
    assert [clock["elapsed_seconds"] for clock in first["sla"]] == [0, 0]
    early = assert_problem(
        await agent.get(f"/api/tickets/{number}", params={"as_of": (created - DAY).isoformat()}),
        404,
        "ticket_not_found",
    )
    assert "was opened later" in early["detail"]
    late = {"as_of": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    for path in (f"tickets/{number}", "reports/overview", "reports/queue", "reports/drill-down?figure=open"):
        assert_problem(await agent.get(f"/api/{path}", params=late), 422, "invalid")


async def test_the_past_is_shown_by_the_rights_of_today(
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    stranger: httpx2.AsyncClient,
) -> None:
    number = int((await opened(agent, team="support"))["number"])  # an agent's own ticket, first in their own queue
    theirs = int((await opened(requester, team="support"))["number"])
    await do(agent, number, "status", {"status": "open"})
    then = datetime.now(UTC).isoformat()
    for one in (number, theirs):
        assert (await agent.patch(f"/api/tickets/{one}", json={"team": "billing"})).status_code == 200

    assert (await get(billing_agent, f"tickets/{number}", as_of=then))["team"] == "support"
    as_requester = await get(agent, f"tickets/{number}", as_of=then)
    assert {*as_requester["allowed_transitions"]} <= {"open", "resolved", "closed"}
    assert {clock["audience"] for clock in as_requester["sla"]} == {"customer"}
    for client, one in ((agent, theirs), (stranger, number)):
        path = f"/api/tickets/{one}"
        assert_problem(await client.get(path, params={"as_of": then}), 404, "ticket_not_found")


async def test_what_is_refused(supervisor: httpx2.AsyncClient) -> None:
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    for query in (
        {"as_of": "yesterday"},
        {"as_of": (now - hour).isoformat(), "to": now.isoformat()},
        {"from": now.isoformat(), "to": (now - hour).isoformat()},
        {"group_by": "score"},
        {"zone": "Mars/Olympus"},
    ):
        assert_problem(await supervisor.get("/api/reports/overview", params=query), 422, "invalid")
    assert_problem(await supervisor.get("/api/reports/queue?team=nowhere"), 422, "unknown_reference")
