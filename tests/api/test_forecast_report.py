"""The forecast beside the history: what it says of one team and of all, and what is refused."""

import statistics
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx2
import pytest

from domain.forecast_sum import Banded, summed
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.forecast_desk import PATH, WEEKS, BusyTeam, busy_teams, predicted, spoken


@pytest.fixture(scope="module")
async def teams(
    api: ApiDesk, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> AsyncIterator[list[BusyTeam]]:
    async with busy_teams(api, admin, supervisor) as teams:
        yield teams


async def test_a_team_s_forecast_stands_beside_its_history(
    supervisor: httpx2.AsyncClient, teams: list[BusyTeam]
) -> None:
    team = teams[0]

    told = await spoken(supervisor, team=team.slug, weeks=6)

    (item,) = await predicted(supervisor, team.slug)
    assert told["teams"] == [{name: value for name, value in item.items() if name != "hours"}]
    assert told["teams"][0]["method"] == "week_shape_and_level"
    assert told["teams"][0]["error"]["wape"] > 0
    until = datetime.fromisoformat(told["history"]["to"])
    assert datetime.fromisoformat(told["history"]["from"]) == until - timedelta(weeks=6)
    assert told["history"]["weeks"] == 6
    came = {hour: team.came(until, 6, hour) for hour in range(168)}
    assert told["history"]["tickets"] == sum(sum(counts) for counts in came.values()) > 1_000
    by_start = {hour["starts_at"]: hour for hour in item["hours"]}
    for hour in told["hours"]:
        alone = by_start[hour["starts_at"]]
        assert alone["hour_of_week"] == hour["hour_of_week"]
        assert {name: hour[name] for name in ("expected", "low", "high", "load", "staff", "planned")} == {
            name: alone[name] for name in ("expected", "low", "high", "load", "staff", "planned")
        }
        assert (hour["outer_low"], hour["outer_high"]) == (hour["low"], hour["high"])
        counts = came[hour["hour_of_week"]]
        assert hour["came"]["mean"] == pytest.approx(statistics.fmean(counts))
        assert hour["came"]["deviation"] == pytest.approx(statistics.stdev(counts))
        assert (hour["came"]["least"], hour["came"]["most"]) == (min(counts), max(counts))


async def test_all_teams_are_added_up_and_their_bands_with_care(
    api: ApiDesk, supervisor: httpx2.AsyncClient, teams: list[BusyTeam], empty_plan: None
) -> None:
    """Somebody who is of both teams is planned once."""
    pool, colleague = api.parts.pool, api.people["agent2"].id
    for one in teams:
        await pool.execute("insert into team_members (team, person_id) values ($1, $2)", one.slug, colleague)
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    await pool.execute(
        "insert into shifts (agent_id, starts_at, ends_at, status) values ($1, $2, $3, 'published')",
        colleague,
        tomorrow + timedelta(hours=9),
        tomorrow + timedelta(hours=10, minutes=30),
    )

    told = await spoken(supervisor)

    items = await predicted(supervisor)
    assert {one.slug for one in teams} <= {one["team"] for one in told["teams"]}
    parts: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        for hour in item["hours"]:
            parts.setdefault(hour["starts_at"], []).append(hour)
    for hour in told["hours"]:
        of_hour = parts[hour["starts_at"]]
        whole = summed([Banded(*(one[name] for name in Banded._fields)) for one in of_hour])
        assert hour["expected"] == pytest.approx(sum(one["expected"] for one in of_hour), abs=1e-3)
        assert (hour["low"], hour["high"]) == (whole.low, whole.high)
        assert (hour["outer_low"], hour["outer_high"]) == (whole.outer_low, whole.outer_high)
        assert hour["staff"]["expected"] == sum(one["staff"]["expected"] for one in of_hour)
        assert hour["staff"]["low"] <= hour["staff"]["expected"] <= hour["staff"]["high"]
    busy = [hour for hour in told["hours"] if hour["expected"] > 8]
    assert busy
    assert all(hour["high"] - hour["low"] < hour["outer_high"] - hour["outer_low"] for hour in busy)
    planned = {datetime.fromisoformat(hour["starts_at"]) - tomorrow: hour["planned"] for hour in told["hours"]}
    assert {at / timedelta(hours=1): people for at, people in planned.items() if people} == {9: 1, 10: 0.5}


async def test_hours_are_those_of_the_zone_that_is_asked_for(
    supervisor: httpx2.AsyncClient, teams: list[BusyTeam]
) -> None:
    told = await spoken(supervisor, team=teams[0].slug, zone="Asia/Tokyo", weeks=1)

    assert told["zone"] == "Asia/Tokyo"
    for hour in told["hours"]:
        local = datetime.fromisoformat(hour["starts_at"]).astimezone(ZoneInfo("Asia/Tokyo"))
        assert local.weekday() * 24 + local.hour == hour["hour_of_week"]
        assert hour["came"]["deviation"] is None
    utc = await spoken(supervisor, team=teams[0].slug, weeks=1)
    assert utc["zone"] == "UTC"
    came = {hour["starts_at"]: hour["came"]["mean"] for hour in utc["hours"]}
    assert {hour["starts_at"]: hour["came"]["mean"] for hour in told["hours"]} == came


async def test_what_came_leads_to_its_tickets(supervisor: httpx2.AsyncClient, teams: list[BusyTeam]) -> None:
    told = await spoken(supervisor, team=teams[0].slug, weeks=2, zone="Europe/Berlin")
    busiest = max(told["hours"], key=lambda hour: float(hour["came"]["mean"]))

    answer = await supervisor.get(f"{told['drill_down'].removesuffix('{&key}')}&key={busiest['hour_of_week']}")

    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert len(items) == busiest["came"]["mean"] * 2
    assert {item["team"] for item in items} == {teams[0].slug}
    assert answer.json()["figure"] == "opened"


async def test_weeks_before_a_team_s_first_ticket_do_not_count(
    supervisor: httpx2.AsyncClient, teams: list[BusyTeam]
) -> None:
    told = await spoken(supervisor, team=teams[0].slug, weeks=26)

    assert told["history"]["weeks"] in (WEEKS, WEEKS + 1)


async def test_without_forecast_or_history_the_answer_says_so(
    supervisor: httpx2.AsyncClient, admin: httpx2.AsyncClient, empty_plan: None
) -> None:
    slug = f"t-{uuid4().hex[:20]}"
    assert (await admin.post("/api/teams", json={"slug": slug, "name": "New"})).status_code == 201

    told = await spoken(supervisor, team=slug)

    assert [(one["status"], one["error"]) for one in told["teams"]] == [("none", None)]
    assert (told["history"]["weeks"], told["history"]["tickets"]) == (0, 0)
    for name in ("expected", "low", "high", "outer_low", "outer_high", "load", "staff", "came"):
        assert {hour[name] for hour in told["hours"]} == {None}
    assert {hour["planned"] for hour in told["hours"]} == {0}


# Who sees what.


async def test_an_agent_sees_their_teams(agent: httpx2.AsyncClient, teams: list[BusyTeam]) -> None:
    told = await spoken(agent)

    assert [one["team"] for one in told["teams"]] == ["support"]
    assert_problem(await agent.get(PATH, params={"team": teams[0].slug}), 403, "forbidden")


async def test_others_are_refused(nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient) -> None:
    assert_problem(await nobody.get(PATH), 401)
    assert_problem(await requester.get(PATH), 403, "forbidden")


# Bad input.

BAD: dict[str, dict[str, Any]] = {
    "no weeks": {"weeks": 0},
    "too many weeks": {"weeks": 27},
    "an unknown team": {"team": "nowhere"},
    "no slug": {"team": "Support Team"},
    "an unknown zone": {"zone": "Europe/Atlantis"},
    "no zone": {"zone": ""},
    "every ticket at once": {"answer_share": 1},
    "nobody ever at work": {"shrinkage": 1},
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_cannot_be_told_is_refused(supervisor: httpx2.AsyncClient, kind: str) -> None:
    assert_problem(await supervisor.get(PATH, params=BAD[kind]), 422, "invalid", "unknown_reference")
