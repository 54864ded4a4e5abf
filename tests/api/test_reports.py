"""Reports over HTTP: what they say, how a client gets from a number to its tickets, who sees what, what is refused."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest

from database.report_catalogue import REPORTS
from database.report_log import ReportLog
from domain.business_calendar import time_zone
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, ticket_of
from tests.api.keys import a_key, with_key

TICKETS, DRILL_DOWN = "/api/reports/tickets", "/api/reports/drill-down"
HOUR = timedelta(hours=1)
Told = Callable[..., Awaitable[int]]
STEPS: dict[str, tuple[str, dict[str, str]]] = {
    "claim": ("claim", {}),
    "reply": ("replies", {"body": "Have you tried turning it off and on again?"}),
    "resolve": ("status", {"status": "resolved"}),
    "reopen": ("status", {"status": "open"}),
}
"""What an agent may do to a ticket of these tests."""


@pytest.fixture
async def ours(admin: httpx2.AsyncClient) -> str:
    """A category of the test's own: the tickets of other tests count for nothing in it."""
    slug = f"c-{uuid4().hex[:30]}"
    answer = await admin.post("/api/categories", json={"slug": slug, "name": "Ours"})
    assert answer.status_code == 201, answer.text
    return slug


@pytest.fixture
def told(api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, ours: str) -> Told:
    """Lets a ticket live: opened as said, then step by step what the agent does to it, until figures know all of it."""

    async def live(*steps: str, **fields: Any) -> int:
        number = int((await opened(requester, category=ours, **fields))["number"])
        for step in steps:
            what, body = STEPS[step]
            await do(agent, number, what, body)
        await known(api, number)
        return number

    return live


async def known(api: ApiDesk, number: int) -> None:
    """Until the facts have come as far as the ticket."""
    pool = api.parts.pool
    is_behind = (
        "select revision > coalesce((select f.revision from ticket_facts f where f.number = t.number), 0) "
        "from tickets t where t.number = $1"
    )
    async with asyncio.timeout(30):
        while await pool.fetchval(is_behind, number):
            if not await ReportLog(pool).catch_up():
                await asyncio.sleep(0.02)


async def report(client: httpx2.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get(TICKETS, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def values(spoken: dict[str, Any], *names: str) -> list[Any]:
    """Of the whole."""
    return [spoken["total"]["values"][name] for name in names]


def by_key(spoken: dict[str, Any], name: str) -> dict[str | None, Any]:
    return {group["key"]: group["values"][name] for group in spoken["groups"]}


def expanded(template: str, **variables: str) -> str:
    """RFC 6570 as a client that knows nothing of us does it: form-style continuations (`{&a,b}`) only."""

    def expand(match: re.Match[str]) -> str:
        given = [(name, variables[name]) for name in match[1].split(",") if name in variables]
        return "".join(f"&{name}={quote(value, safe='-._~')}" for name, value in given)

    return re.sub(r"\{&([a-z_,]+)\}", expand, template)


async def behind(client: httpx2.AsyncClient, spoken: dict[str, Any], **variables: str) -> list[dict[str, Any]]:
    """The tickets behind a number, page by page."""
    items: list[dict[str, Any]] = []
    address, cursor = expanded(spoken["drill_down"], **variables), ""
    while True:
        answer = await client.get(f"{address}&limit=2{cursor}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["figure"] == variables["figure"]
        assert len({item["number"] for item in page["items"]}) <= 2
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


# What it says.


async def test_a_report_says_what_was_asked_and_what_its_figures_mean(
    told: Told, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    await told("claim", "reply", "resolve", team="support")

    spoken = await report(supervisor, category=ours)

    assert list(spoken) == [
        *("report", "from", "to", "as_of", "zone", "group_by", "previous_period", "figures", "total", "groups"),
        *("pieces", "drill_down"),
    ]
    assert (spoken["report"], spoken["zone"], spoken["group_by"], spoken["previous_period"]) == (
        "tickets", "UTC", None, None,
    )  # fmt: skip
    assert spoken["to"] == spoken["as_of"]
    assert datetime.fromisoformat(spoken["to"]) - datetime.fromisoformat(spoken["from"]) == timedelta(days=30)
    names = [figure.name for figure in REPORTS["tickets"]]
    assert [figure["name"] for figure in spoken["figures"]] == list(spoken["total"]["values"]) == names
    assert spoken["figures"][0] == {
        "name": "opened", "unit": "count", "meaning": "Tickets opened.", "has_tickets": True,
    }  # fmt: skip
    assert (spoken["total"]["previous"], spoken["total"]["change"]) == (None, None)
    assert (spoken["groups"], spoken["pieces"]) == ([], [])
    assert values(spoken, "opened", "resolved", "reopenings", "one_touch", "reopen_rate") == [1, 1, 0, 1.0, 0.0]
    (resolution,) = values(spoken, "resolution")
    assert resolution.keys() == {"size", "mean_seconds", "median_seconds", "p90_seconds"}
    assert resolution["size"] == 1
    assert resolution["mean_seconds"] == resolution["median_seconds"] == resolution["p90_seconds"] > 0


async def test_a_count_of_nothing_is_0_and_what_cannot_be_measured_is_null(
    supervisor: httpx2.AsyncClient, ours: str
) -> None:
    nothing = await report(supervisor, category=ours, compare="previous", interval="day", zone="Europe/Berlin")
    of_nobody = await report(supervisor, category=ours, agent="none")

    for some in (nothing["total"], *nothing["pieces"]):
        assert [some["values"][name] for name in ("opened", "resolved", "reassignments")] == [0, 0, 0]
        assert {some["values"][name] for name in ("reopen_rate", "first_response", "one_touch")} == {None}
    assert set(nothing["total"]["change"].values()) == {None}
    assert len(nothing["pieces"]) in (30, 31, 32)
    assert values(of_nobody, "opened", "resolved") == [None, 0], "what is opened knows no agent"


async def test_groups_are_named_and_those_of_none_come_last(
    api: ApiDesk, told: Told, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    await told("claim", "reply", "resolve", team="support", priority="urgent")
    await told("reply", priority="low")

    by_team, by_agent, by_priority, by_channel, by_category = [
        await report(supervisor, category=ours, group_by=dimension)
        for dimension in ("team", "agent", "priority", "channel", "category")
    ]

    assert [(one["key"], one["name"]) for one in by_team["groups"]] == [("support", "Support"), (None, None)]
    assert by_key(by_team, "opened") == {"support": 1, None: 1}
    assert by_key(by_team, "resolved") == {"support": 1, None: 0}
    assert by_key(by_team, "one_touch") == {"support": 1.0, None: None}
    alex = str(api.people["agent"].id)
    assert [(one["key"], one["name"]) for one in by_agent["groups"]] == [(alex, "Alex Agent")]
    assert by_key(by_agent, "opened") == {alex: None}
    assert by_key(by_agent, "first_response")[alex]["size"] == 2
    assert [one["key"] for one in by_priority["groups"]] == ["urgent", "low"]
    assert by_key(by_channel, "opened") == {"self_service": 2}
    assert [(one["key"], one["name"]) for one in by_category["groups"]] == [(ours, "Ours")]


async def test_the_zone_says_which_hour_and_which_day_it_was(
    told: Told, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    number = await told(team="support")
    zone = "Asia/Kathmandu"
    local = datetime.fromisoformat((await ticket_of(supervisor, number))["created_at"]).astimezone(time_zone(zone))

    spoken = await report(supervisor, category=ours, group_by="hour_of_week", interval="day", zone=zone)

    assert by_key(spoken, "opened") == {str(local.weekday() * 24 + local.hour): 1}
    assert {piece["date"] for piece in spoken["pieces"] if piece["values"]["opened"]} == {local.date().isoformat()}
    assert all(piece["from"].endswith("T18:15:00Z") for piece in spoken["pieces"][1:])
    assert (spoken["pieces"][0]["from"], spoken["pieces"][-1]["to"]) == (spoken["from"], spoken["to"])


async def test_a_period_is_compared_with_the_one_before_it(
    told: Told, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    await told("claim", "reply", "resolve", team="support")
    number = await told(team="support")
    await told()
    since = datetime.fromisoformat((await ticket_of(supervisor, number))["created_at"])
    period = {"from": since.isoformat(), "to": (since + HOUR).isoformat()}

    spoken = await report(supervisor, category=ours, group_by="team", compare="previous", **period)

    before = spoken["previous_period"]
    assert {name: datetime.fromisoformat(end) for name, end in before.items()} == {"from": since - HOUR, "to": since}
    total = spoken["total"]
    assert [total[part]["opened"] for part in ("values", "previous", "change")] == [2, 1, 1.0]
    assert [total[part]["resolved"] for part in ("values", "previous", "change")] == [0, 1, -1.0]
    assert [total[part]["resolution"] for part in ("values", "change")] == [None, None]
    assert total["previous"]["resolution"]["size"] == 1
    assert [(one["key"], one["values"]["opened"], one["previous"]["opened"]) for one in spoken["groups"]] == [
        ("support", 1, 1), (None, 1, 0),
    ]  # fmt: skip
    assert spoken["groups"][1]["change"]["opened"] is None


# From a number to its tickets.


async def test_a_client_gets_as_many_tickets_as_the_number_says(
    told: Told, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    reopened = await told("claim", "reply", "resolve", "reopen", "resolve", team="support")
    others = [await told("resolve", team="support"), await told(team="support"), await told()]

    spoken = await report(supervisor, category=ours, group_by="team", zone="Etc/GMT+12", priority=["normal", "low"])

    counts = [one["name"] for one in spoken["figures"] if one["unit"] == "count" and one["name"] != "reassignments"]
    assert len(counts) == 4
    for name in counts:
        assert len(await behind(supervisor, spoken, figure=name)) == values(spoken, name)[0], name
        for group in spoken["groups"]:
            items = await behind(supervisor, spoken, figure=name, key=group["key"] or "none")
            assert len(items) == group["values"][name], name
    assert values(spoken, *counts) == [4, 2, 3, 1]
    resolutions = await behind(supervisor, spoken, figure="resolutions")
    assert [item["number"] for item in resolutions] == [others[0], reopened, reopened]
    assert resolutions[1]["at"] > resolutions[2]["at"]
    (one,) = await behind(supervisor, spoken, figure="reopen_rate")
    assert one.items() >= {
        "number": reopened, "title": "The printer is on fire", "status": "resolved", "team": "support", "value": None,
    }.items()  # fmt: skip
    times = await behind(supervisor, spoken, figure="resolution", key="support")
    assert sum(item["value"] for item in times) / len(times) == pytest.approx(
        values(spoken, "resolution")[0]["mean_seconds"]
    )


async def test_a_ticket_that_the_reader_may_not_see_is_a_number_only(
    told: Told, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    number = await told(team="support")
    moved = await supervisor.patch(f"/api/tickets/{number}", json={"team": "billing"})
    assert moved.status_code == 200, moved.text

    (hidden,) = await behind(agent, await report(agent, category=ours), figure="opened")
    (seen,) = await behind(supervisor, await report(supervisor, category=ours), figure="opened")

    assert hidden == {
        "number": number, "at": seen["at"], "value": None,
        "title": None, "status": None, "priority": None, "team": None,
    }  # fmt: skip
    assert seen.items() >= {"title": "The printer is on fire", "status": "new", "team": "billing"}.items()


# Who sees what.


@pytest.mark.parametrize("path", [TICKETS, f"{DRILL_DOWN}?figure=opened"])
async def test_reports_are_the_desks(
    api: ApiDesk, nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, path: str
) -> None:
    assert_problem(await nobody.get(path), 401)
    assert_problem(await requester.get(path), 403, "forbidden")
    async with with_key(api, await a_key(agent, "tickets:read")) as reading:
        assert "reports:read" in assert_problem(await reading.get(path), 403, "forbidden")["detail"]
    async with with_key(api, await a_key(agent, "reports:read")) as reporting:
        assert (await reporting.get(path)).status_code == 200


async def test_an_agent_sees_the_figures_of_their_teams(
    told: Told, agent: httpx2.AsyncClient, billing_agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, ours: str
) -> None:
    mine = await told(team="support")
    await told(team="billing")
    await told()

    for client, teams in (
        (agent, ["support"]), (billing_agent, ["billing"]), (supervisor, ["billing", "support", None]),
    ):  # fmt: skip
        spoken = await report(client, category=ours, group_by="team")
        assert list(by_key(spoken, "opened")) == teams
        assert values(spoken, "opened") == [len(teams)]
        assert len(await behind(client, spoken, figure="opened")) == len(teams)
    spoken = await report(agent, category=ours, group_by="team")
    assert [one["number"] for one in await behind(agent, spoken, figure="opened", key="support")] == [mine]
    assert await behind(agent, spoken, figure="opened", key="billing") == []
    assert await behind(agent, spoken, figure="opened", key="none") == []
    for path in (TICKETS, f"{DRILL_DOWN}?figure=opened"):
        for teams in (["billing"], ["support", "billing"]):
            assert_problem(await agent.get(path, params={"team": teams}), 403, "forbidden")


async def test_me_is_whoever_asks(
    told: Told, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient, ours: str
) -> None:
    number = await told("claim", "reply", "resolve", team="support")

    mine, theirs = [await report(client, category=ours, agent="me") for client in (agent, colleague)]
    both = await report(colleague, category=ours, agent=["me", "none"])

    assert (values(mine, "resolved"), values(theirs, "resolved"), values(both, "resolved")) == ([1], [0], [0])
    assert [one["number"] for one in await behind(agent, mine, figure="resolved")] == [number]
    assert await behind(colleague, theirs, figure="resolved") == []


# What is refused.

NOWHERE = "00000000-0000-4000-8000-000000000000"
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "ends before it begins": ({"from": "2030-01-02T00:00:00Z", "to": "2030-01-01T00:00:00Z"}, "before it ends"),
    "begins after now": ({"from": "2199-01-01T00:00:00Z"}, "before it ends"),
    "longer than ten years": ({"from": "2010-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}, "3660 days"),
    "without a zone": ({"from": "2030-01-01T00:00:00"}, "query.from"),
    "an unknown zone": ({"zone": "Europe/Atlantis"}, "Europe/Atlantis"),
    "no zone": ({"zone": ""}, "query.zone"),
    "a zone with NUL": ({"zone": "UTC\0"}, "query.zone"),
    "too many pieces": ({"from": "2028-11-01T00:00:00Z", "to": "2030-01-01T00:00:00Z", "interval": "day"}, "400"),
    "an unknown interval": ({"interval": "fortnight"}, "query.interval"),
    "an unknown group": ({"group_by": "colour"}, "query.group_by"),
    "an unknown comparison": ({"compare": "tomorrow"}, "query.compare"),
    "an unknown team": ({"team": "nowhere"}, "There is no team nowhere."),
    "one unknown team of two": ({"team": ["support", "nowhere"]}, "There is no team nowhere."),
    "an unknown category": ({"category": "nothing"}, "There is no category nothing."),
    "an unknown agent": ({"agent": NOWHERE}, f"There is no agent {NOWHERE}."),
    "no id": ({"agent": "Alex"}, "query.agent"),
    "an unknown priority": ({"priority": "highest"}, "query.priority"),
    "an unknown channel": ({"channel": "pigeon"}, "query.channel"),
}
BAD_REPORT: dict[str, tuple[dict[str, Any], str]] = {
    "a group that no figure knows": ({"group_by": "score"}, "score"),
}
BAD_DRILL_DOWN: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown figure": ({"figure": "luck"}, "There is no figure luck."),
    "a figure with NUL": ({"figure": "\0"}, "figure"),
    "no figure": ({"figure": []}, "query.figure"),
    "a key without its group": ({"key": "support"}, "group_by"),
    "a key with NUL": ({"key": "a\0", "group_by": "team"}, "query.key"),
    "a group that the figure does not know": ({"key": NOWHERE, "group_by": "agent"}, "opened is not known by agent."),
    "a filter that the figure does not know": ({"agent": "none"}, "opened cannot be narrowed"),
    "a cursor that is none": ({"cursor": "x"}, "query.cursor"),
    "a huge cursor": ({"cursor": 2**63}, "query.cursor"),
    "an empty page": ({"limit": 0}, "query.limit"),
    "a huge page": ({"limit": 201}, "query.limit"),
}


async def expect_refusal(answer: httpx2.Response, words: str) -> None:
    """It says in its sentence, or by the name of a field, what was wrong."""
    problem = assert_problem(answer, 422, "invalid", "unknown_reference")
    fields = [f"{'.'.join(error['loc'])}: {error['message']}" for error in problem["errors"]]
    assert any(words in text for text in (problem["detail"], *fields)), problem


@pytest.mark.parametrize("kind", BAD | BAD_REPORT)
async def test_what_no_report_can_be_given_for_is_refused(supervisor: httpx2.AsyncClient, kind: str) -> None:
    query, words = (BAD | BAD_REPORT)[kind]
    await expect_refusal(await supervisor.get(TICKETS, params=query), words)


@pytest.mark.parametrize("kind", BAD | BAD_DRILL_DOWN)
async def test_what_no_tickets_stand_behind_is_refused(supervisor: httpx2.AsyncClient, kind: str) -> None:
    query, words = (BAD | BAD_DRILL_DOWN)[kind]
    await expect_refusal(await supervisor.get(DRILL_DOWN, params={"figure": "opened", **query}), words)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Apia", "Etc/GMT+12"])
async def test_the_ends_of_time_have_figures(supervisor: httpx2.AsyncClient, zone: str) -> None:
    for since, until in (("1970-01-02", "1970-02-01"), ("2199-12-01", "2200-01-01"), ("2190-01-01", "2200-01-01")):
        query = {"from": f"{since}T00:00:00Z", "to": f"{until}T00:00:00Z", "zone": zone, "compare": "previous"}
        for group_by, interval in (("hour_of_week", "month"), ("team", "month")):
            spoken = await report(supervisor, group_by=group_by, interval=interval, **query)
            assert values(spoken, "opened") == [0]
            assert spoken["groups"] == []
            assert spoken["pieces"][-1]["to"] == query["to"]


async def test_now_is_when_it_is_asked(supervisor: httpx2.AsyncClient) -> None:
    before = datetime.now(UTC)

    as_of = datetime.fromisoformat((await report(supervisor))["as_of"])

    assert before <= as_of <= datetime.now(UTC)
