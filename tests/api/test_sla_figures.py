"""The figures over HTTP: who sees them, what they say, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, do, opened

PATHS = ("/api/sla/metrics", "/api/sla/trends")
DAY = timedelta(days=1)


@pytest.fixture
async def ours(admin: httpx2.AsyncClient) -> str:
    """A category of the test's own: the tickets of other tests count for nothing in it."""
    slug = f"c-{uuid4().hex[:30]}"
    answer = await admin.post("/api/categories", json={"slug": slug, "name": "Ours"})
    assert answer.status_code == 201, answer.text
    return slug


async def figures(client: httpx2.AsyncClient, what: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"/api/sla/{what}", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def of_target(figures: dict[str, Any], target: str = "first_response", part: str = "targets") -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in figures[part] if one["target"] == target)
    return found


async def answered(requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, **fields: Any) -> int:
    """A ticket that got its answer at once."""
    number = int((await opened(requester, **fields))["number"])
    await do(agent, number, "replies", {"body": "Have you tried turning it off and on again?"})
    return number


async def grown_old(api: ApiDesk, number: int, age: timedelta) -> None:
    """As if the ticket's clocks had begun, and come due, so much earlier, and the worker had not noticed yet."""
    await api.parts.pool.execute(
        "update sla_clocks set started_at = started_at - $2::interval, due_at = due_at - $2::interval "
        "where ticket_number = $1",
        number,
        age,
    )


async def test_the_figures_of_an_answer_and_of_what_still_runs(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    await answered(requester, agent, team="support", category=ours)

    metrics = await figures(supervisor, "metrics", category=ours)

    response = of_target(metrics)
    counts = {"decided": 1, "met_in_time": 1, "breached": 0, "met_late": 0, "still_open": 0, "cancelled": 0}
    assert metrics["total"] == counts | {"compliance": 1.0}
    assert response.items() >= (counts | {"compliance": 1.0, "past_due": None}).items()
    assert response["used"]["average_seconds"] == pytest.approx(response["wall"]["longest_seconds"])
    assert response["used"].keys() == {"average_seconds", "median_seconds", "p90_seconds", "longest_seconds"}
    assert of_target(metrics, "resolution") == {
        "target": "resolution", **dict.fromkeys(counts, 0), "compliance": None, "used": None, "wall": None,
        "past_due": None,
    }  # fmt: skip
    running = of_target(metrics, "resolution", "open")
    assert running.items() >= {"running": 1, "paused": 0, "at_risk": 0, "overdue": 0}.items()
    assert metrics["groups"] == []


async def test_groups_are_named_and_filters_narrow(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    number = int((await opened(requester, team="support", priority="high", category=ours))["number"])
    await do(agent, number, "claim")
    await do(agent, number, "replies", {"body": "Done."})
    await answered(requester, agent, category=ours)

    by_team = await figures(supervisor, "metrics", category=ours, group_by="team")
    by_agent = await figures(agent, "metrics", category=ours, group_by="agent")
    by_policy = await figures(supervisor, "metrics", category=ours, group_by="policy")

    assert [(one["key"], one["name"], one["total"]["decided"]) for one in by_team["groups"]] == [
        ("support", "Support", 1), (None, None, 1),
    ]  # fmt: skip
    (mine,) = by_agent["groups"]
    assert (mine["key"], mine["name"]) == (str(api.people["agent"].id), "Alex Agent")
    assert [one["name"] for one in by_policy["groups"]] == ["Standard"]
    for asked, decided in (
        ({"team": "support"}, 1),
        ({"priority": ["high", "normal"]}, 2),
        ({"priority": "low"}, 0),
        ({"agent": "none"}, 1),
        ({"agent": str(api.people["agent"].id)}, 1),
        ({"agent": ["none", str(api.people["agent"].id)]}, 2),
        ({"agent": "me"}, 0),
        ({"target": "resolution"}, 0),
        ({"audience": "team"}, 0),
    ):
        query = {"category": ours, **asked}
        assert (await figures(supervisor, "metrics", **query))["total"]["decided"] == decided, query
        trends = await figures(supervisor, "trends", **query)
        assert sum(item["total"]["decided"] for item in trends["items"]) == decided, query


async def test_what_is_due_counts_as_breached_before_the_worker_has_said_so(
    api: ApiDesk, requester: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    ticket = await opened(requester, team="support", category=ours)
    await grown_old(api, ticket["number"], DAY)

    metrics = await figures(supervisor, "metrics", category=ours, target="first_response")

    assert metrics["total"]["breached"] == 1
    assert of_target(metrics)["still_open"] == of_target(metrics, part="open")["overdue"] == 1
    due_at = datetime.fromisoformat(of_target(ticket, part="sla")["due_at"]) - DAY
    late = datetime.fromisoformat(metrics["as_of"]) - due_at
    assert of_target(metrics)["past_due"]["average_seconds"] == pytest.approx(late.total_seconds())


async def test_a_trend_has_every_day_of_the_zone_and_empty_ones_too(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    await answered(requester, agent, category=ours)
    period = {"from": "2030-03-30T12:00:00+01:00", "to": "2030-04-02T00:00:00+02:00"}

    empty = await figures(supervisor, "trends", zone="Europe/Berlin", **period)
    weeks = await figures(supervisor, "trends", category=ours, zone="Europe/Berlin", interval="week")

    assert (empty["from"], empty["to"]) == ("2030-03-30T11:00:00Z", "2030-04-01T22:00:00Z")
    assert [(item["date"], item["from"], item["to"]) for item in empty["items"]] == [
        ("2030-03-30", "2030-03-30T11:00:00Z", "2030-03-30T23:00:00Z"),
        ("2030-03-31", "2030-03-30T23:00:00Z", "2030-03-31T22:00:00Z"),
        ("2030-04-01", "2030-03-31T22:00:00Z", "2030-04-01T22:00:00Z"),
    ]
    assert {item["total"]["decided"] for item in empty["items"]} == {0}
    assert {item["total"]["compliance"] for item in empty["items"]} == {None}
    assert weeks["items"][-1]["total"]["met_in_time"] == 1
    assert all(datetime.fromisoformat(item["date"]).weekday() == 0 for item in weeks["items"])


# Who sees what.


@pytest.mark.parametrize("path", PATHS)
async def test_figures_are_the_desks(nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient, path: str) -> None:
    assert_problem(await nobody.get(path), 401)
    assert_problem(await requester.get(path), 403, "forbidden")
    assert_problem(await requester.get(path, params={"team": "support"}), 403, "forbidden")


async def test_an_agent_sees_their_teams_a_supervisor_and_an_admin_everything(
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    admin: httpx2.AsyncClient,
    ours: str,
) -> None:
    await answered(requester, agent, team="support", category=ours)
    await answered(requester, billing_agent, team="billing", category=ours)
    await answered(requester, agent, category=ours)

    for client, teams in (
        (agent, ["support"]),
        (billing_agent, ["billing"]),
        (supervisor, ["billing", "support", None]),
        (admin, ["billing", "support", None]),
    ):
        metrics = await figures(client, "metrics", category=ours, group_by="team")
        assert [group["key"] for group in metrics["groups"]] == teams
        assert metrics["total"]["decided"] == of_target(metrics, "resolution", "open")["running"] == len(teams)
        trends = await figures(client, "trends", category=ours)
        assert sum(item["total"]["decided"] for item in trends["items"]) == len(teams)


@pytest.mark.parametrize("path", PATHS)
async def test_another_teams_figures_are_refused_and_not_empty(agent: httpx2.AsyncClient, path: str) -> None:
    assert (await agent.get(path, params={"team": "support"})).status_code == 200
    assert_problem(await agent.get(path, params={"team": "billing"}), 403, "forbidden")
    assert_problem(await agent.get(path, params={"team": ["support", "billing"]}), 403, "forbidden")


async def test_of_all_agents_an_agent_is_told_only_of_themselves(
    api: ApiDesk,
    requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    colleague: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    ours: str,
) -> None:
    for client in (agent, colleague):
        number = int((await opened(requester, team="support", category=ours))["number"])
        await do(client, number, "claim")
        await do(client, number, "replies", {"body": "Done."})
    await answered(requester, agent, team="support", category=ours)
    me, other = str(api.people["agent"].id), str(api.people["agent2"].id)

    for reader, keys in ((agent, {me, None}), (colleague, {other, None}), (supervisor, {me, other, None})):
        metrics = await figures(reader, "metrics", category=ours, group_by="agent")
        assert {group["key"] for group in metrics["groups"]} == keys
        assert metrics["total"]["decided"] == 3
    for path in PATHS:
        assert (await agent.get(path, params={"agent": [me, "none"]})).status_code == 200
        assert_problem(await agent.get(path, params={"agent": other}), 403, "forbidden")
        assert_problem(await agent.get(path, params={"agent": ["me", other]}), 403, "forbidden")


# Bad input.

NOWHERE = "00000000-0000-4000-8000-000000000000"
BAD: dict[str, dict[str, Any]] = {
    "ends before it begins": {"from": "2030-01-02T00:00:00Z", "to": "2030-01-01T00:00:00Z"},
    "ends as it begins": {"from": "2030-01-02T00:00:00Z", "to": "2030-01-02T01:00:00+01:00"},
    "begins after now": {"from": "2199-01-01T00:00:00Z"},
    "longer than ten years": {"from": "2010-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"},
    "without a zone": {"from": "2030-01-01T00:00:00"},
    "a date": {"to": "2030-01-01"},
    "no moment": {"from": "yesterday"},
    "empty": {"from": ""},
    "NUL": {"from": "\0"},
    "the year 0001": {"from": "0001-01-01T00:00:00+23:59"},
    "the year 9999": {"to": "9999-12-31T23:59:59-23:59"},
    "a huge number": {"to": "9" * 300},
    "an unknown audience": {"audience": "everybody"},
    "an unknown target": {"target": "happiness"},
    "an unknown team": {"team": "nowhere"},
    "one unknown team of two": {"team": ["support", "nowhere"]},
    "no slug": {"team": "Support Team"},
    "a slug with NUL": {"team": "a\0"},
    "an unknown priority": {"priority": "highest"},
    "an unknown category": {"category": "nothing"},
    "an unknown agent": {"agent": NOWHERE},
    "no id": {"agent": "Alex"},
}
BAD_METRICS = {"an unknown group": {"group_by": "colour"}, "an empty group": {"group_by": ""}}
BAD_TRENDS: dict[str, dict[str, Any]] = {
    "an unknown interval": {"interval": "fortnight"},
    "an unknown zone": {"zone": "Europe/Atlantis"},
    "a folder for a zone": {"zone": "Europe"},
    "a way out for a zone": {"zone": "../../etc/passwd"},
    "a zone with NUL": {"zone": "UTC\0"},
    "no zone": {"zone": ""},
    "a long zone": {"zone": "x" * 5_000},
    "too many days": {"from": "2029-01-01T00:00:00Z", "to": "2030-02-05T00:00:01Z"},
    "too many weeks": {"from": "2021-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z", "interval": "week"},
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", BAD)
async def test_what_no_figures_can_be_given_for_is_refused(
    supervisor: httpx2.AsyncClient, path: str, kind: str
) -> None:
    assert_problem(await supervisor.get(path, params=BAD[kind]), 422, "invalid", "unknown_reference")


@pytest.mark.parametrize("kind", BAD_METRICS)
async def test_metrics_have_no_such_groups(supervisor: httpx2.AsyncClient, kind: str) -> None:
    assert_problem(await supervisor.get("/api/sla/metrics", params=BAD_METRICS[kind]), 422, "invalid")


@pytest.mark.parametrize("kind", BAD_TRENDS)
async def test_trends_have_no_such_intervals(supervisor: httpx2.AsyncClient, kind: str) -> None:
    assert_problem(await supervisor.get("/api/sla/trends", params=BAD_TRENDS[kind]), 422, "invalid")


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Apia", "America/Argentina/Buenos_Aires", "Etc/GMT+12"])
async def test_the_ends_of_time_have_figures(supervisor: httpx2.AsyncClient, zone: str) -> None:
    for since, until in (("1970-01-02T00:00:00Z", "1970-02-01T00:00:00Z"), (None, "1970-01-02T00:00:00Z"),
                         ("2199-12-01T00:00:00Z", "2200-01-01T00:00:00Z")):  # fmt: skip
        query = {"to": until} | ({"from": since} if since else {})
        for interval in ("day", "week", "month"):
            trends = await figures(supervisor, "trends", zone=zone, interval=interval, **query)
            assert trends["items"][-1]["to"] == until
        assert (await figures(supervisor, "metrics", **query))["total"]["decided"] == 0


async def test_now_is_when_it_is_asked(supervisor: httpx2.AsyncClient) -> None:
    before = datetime.now(UTC)
    metrics = await figures(supervisor, "metrics")

    as_of = datetime.fromisoformat(metrics["as_of"])
    assert before <= as_of <= datetime.now(UTC)
    assert metrics["to"] == metrics["as_of"]
    assert datetime.fromisoformat(metrics["from"]) == as_of - 30 * DAY
