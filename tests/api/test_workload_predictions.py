"""Predictions over HTTP: asked for by hand, made by the real worker, read by whom they concern, and what is refused."""

import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.forecast import hours_of_week
from domain.staffing import ServiceTarget, staff_band
from settings import ROOT
from tests.api.desk_api import ApiDesk, assert_problem
from tests.arrivals import SHAPE, by_chance, rates, store_arrivals
from tests.workflows.engine_desk import eventually

PATH = "/api/workload/predictions"
WEEKS = 9


async def predictions(client: httpx2.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def of_team(client: httpx2.AsyncClient, team: str, **query: Any) -> dict[str, Any]:
    (item,) = (await predictions(client, team=team, **query))["items"]
    assert item["team"] == team
    found: dict[str, Any] = item
    return found


async def predicted(client: httpx2.AsyncClient, team: str) -> dict[str, Any]:
    """The team's prediction, made now."""
    answer = await client.post(PATH, json={"team": team})
    assert answer.status_code == 202, answer.text
    asked_at = datetime.fromisoformat(answer.json()["asked_at"])
    assert answer.json()["location"] == f"{PATH}?team={team}"

    def is_there(item: dict[str, Any]) -> bool:
        return item["computed_at"] is not None and datetime.fromisoformat(item["computed_at"]) >= asked_at

    return await eventually(lambda: of_team(client, team), is_there)


@pytest.fixture
async def team(api: ApiDesk, admin: httpx2.AsyncClient) -> AsyncIterator[str]:
    """A team of the test's own, in which nobody is and nothing was."""
    slug = f"t-{uuid4().hex[:20]}"
    answer = await admin.post("/api/teams", json={"slug": slug, "name": "Ours"})
    assert answer.status_code == 201, answer.text
    yield slug
    await api.parts.pool.execute("update teams set is_active = false where slug = $1", slug)


@pytest.fixture
async def busy_team(api: ApiDesk, team: str) -> str:
    """The same, with nine weeks of tickets."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(weeks=WEEKS)
    counts = (1, *by_chance(rates(WEEKS, since), seed=1)[1:])
    await store_arrivals(api.parts.pool, team, api.people["requester"].id, since, counts)
    return team


async def test_a_prediction_made_by_hand_says_what_comes_whom_it_takes_and_how_wrong_it_was(
    supervisor: httpx2.AsyncClient, busy_team: str
) -> None:
    item = await predicted(supervisor, busy_team)

    assert (item["status"], item["method"], item["zone"]) == ("ready", "week_shape_and_level", "UTC")
    span = [datetime.fromisoformat(item["trained_on"][end]) for end in ("from", "to")]
    assert span[1] - span[0] == timedelta(weeks=WEEKS)
    assert item["error"]["hours"] == 5 * 168
    assert 0 < item["error"]["wape"] < item["error"]["seasonal_naive_wape"]
    assert 0 < item["error"]["mase"] < item["error"]["seasonal_naive_mase"]
    assert 0.8 <= item["error"]["coverage"] <= 1
    assert (item["handling_minutes"], item["estimated_share"]) == (15, 0)
    hours = item["hours"]
    first = datetime.fromisoformat(hours[0]["starts_at"])
    assert first <= datetime.now(UTC) < first + timedelta(hours=2)
    assert [hour["hour_of_week"] for hour in hours] == hours_of_week(first, 168, "UTC")
    assert sum(hour["expected"] for hour in hours) == pytest.approx(sum(SHAPE), rel=0.15)
    for hour in hours:
        assert abs(hour["expected"] - SHAPE[hour["hour_of_week"]]) < 3
        assert hour["load"] == pytest.approx(hour["expected"] / 4, abs=1e-3)
        assert hour["planned"] == 0
        staff = staff_band(hour["expected"], hour["low"], hour["high"], 15, ServiceTarget())
        assert hour["staff"] == staff._asdict()
    assert {hour["staff"]["expected"] for hour in hours} >= {2, 4}


async def test_a_month_can_be_asked_for_and_a_stricter_service(supervisor: httpx2.AsyncClient, busy_team: str) -> None:
    await predicted(supervisor, busy_team)

    month = await of_team(supervisor, busy_team, weeks=4)
    asked = await predictions(supervisor, team=busy_team, answer_share=0.99, answer_minutes=1, shrinkage=0.3)

    starts = [datetime.fromisoformat(hour["starts_at"]) for hour in month["hours"]]
    assert len(starts) == 4 * 168
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(hours=1)}
    assert asked["service_target"] == {"answer_share": 0.99, "answer_minutes": 1, "shrinkage": 0.3}
    usual, strict = (sum(hour["staff"]["expected"] for hour in one["hours"][:168]) for one in (month, *asked["items"]))
    assert strict > usual


async def test_the_plan_stands_beside_the_need(
    api: ApiDesk, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, busy_team: str
) -> None:
    """One agent from 9:30 to 11:00 for this team, one from 10:00 to 10:15 for all of theirs, and a draft."""
    pool, people = api.parts.pool, api.people
    await pool.execute("insert into team_members (team, person_id) values ($1, $2)", busy_team, people["agent2"].id)
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    for name, team, begins, minutes, status in (
        ("agent", busy_team, 570, 90, "published"),
        ("agent2", None, 600, 15, "published"),
        ("agent3", busy_team, 600, 60, "draft"),
        ("agent3", None, 660, 60, "published"),
    ):
        await pool.execute(
            "insert into shifts (agent_id, team, starts_at, ends_at, status) "
            "values ($1, $2, $3::timestamptz, $3 + make_interval(mins => $4), $5)",
            people[name].id, team, day + timedelta(minutes=begins), minutes, status,
        )  # fmt: skip

    item = await predicted(supervisor, busy_team)

    planned = {datetime.fromisoformat(hour["starts_at"]) - day: hour["planned"] for hour in item["hours"]}
    assert {at.total_seconds() / 3600: people for at, people in planned.items() if people} == {9: 0.5, 10: 1.25}
    await pool.execute("delete from shifts")


async def test_without_a_forecast_the_answer_says_why(supervisor: httpx2.AsyncClient, team: str) -> None:
    before = await of_team(supervisor, team)
    after = await predicted(supervisor, team)

    assert (before["status"], before["computed_at"], before["hours"]) == ("none", None, [])
    assert "No forecast was made yet" in before["note"]
    assert (after["status"], after["method"], after["error"], after["hours"]) == ("not_enough_history", None, None, [])
    assert "not enough history" in after["note"]
    assert after["trained_on"]["tickets"] == 0


async def test_a_forecast_that_was_not_renewed_says_so_and_ends_where_it_ends(
    api: ApiDesk, supervisor: httpx2.AsyncClient, busy_team: str
) -> None:
    made = await predicted(supervisor, busy_team)
    for age, hours in ((timedelta(days=14), 21 * 24), (timedelta(days=60), 0)):
        moved = (datetime.fromisoformat(made["trained_on"]["to"]) - age).isoformat()
        await api.parts.pool.execute(
            "update forecasts set computed_at = now() - $2::interval, "
            "forecast = jsonb_set(forecast, '{until}', to_jsonb($3::text)) where team = $1",
            busy_team,
            age,
            moved,
        )

        item = await of_team(supervisor, busy_team, weeks=4)

        assert item["status"] == "outdated"
        assert 0 <= hours - len(item["hours"]) <= 24


def test_the_api_process_does_without_the_statistics() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import api.app, sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = set(ended.stdout.split())
    assert "workflows.forecast" in loaded
    assert not loaded & {"statsmodels", "pandas", "scipy"}


async def test_all_teams_are_forecast_together(supervisor: httpx2.AsyncClient, team: str) -> None:
    answer = await supervisor.post(PATH)

    assert answer.status_code == 202
    assert answer.json()["team"] is None
    await eventually(lambda: of_team(supervisor, team), lambda item: item["computed_at"] is not None)


# Who sees what.


async def test_an_agent_sees_their_teams_a_supervisor_and_an_admin_every_team(
    agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, admin: httpx2.AsyncClient, team: str
) -> None:
    assert [item["team"] for item in (await predictions(agent))["items"]] == ["support"]
    assert (await of_team(agent, "support"))["team"] == "support"
    for client in (supervisor, admin):
        assert {"support", "billing", "network", team} <= {
            item["team"] for item in (await predictions(client))["items"]
        }


async def test_others_are_refused(
    nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    assert_problem(await nobody.get(PATH), 401)
    assert_problem(await nobody.post(PATH), 401)
    assert_problem(await requester.get(PATH), 403, "forbidden")
    assert_problem(await requester.post(PATH), 403, "forbidden")
    assert_problem(await agent.get(PATH, params={"team": "billing"}), 403, "forbidden")
    assert_problem(await agent.post(PATH, json={"team": "support"}), 403, "forbidden")


# Bad input.

BAD: dict[str, dict[str, Any]] = {
    "no weeks": {"weeks": 0},
    "too many weeks": {"weeks": 5},
    "half a week": {"weeks": 0.5},
    "a word for weeks": {"weeks": "two"},
    "an unknown team": {"team": "nowhere"},
    "no slug": {"team": "Support Team"},
    "a slug with NUL": {"team": "a\0"},
    "an empty team": {"team": ""},
    "every ticket at once": {"answer_share": 1},
    "no ticket": {"answer_share": 0},
    "no number": {"answer_share": "nan"},
    "an endless wait": {"answer_minutes": "inf"},
    "a wait into the past": {"answer_minutes": -1},
    "nobody ever at work": {"shrinkage": 1},
    "more at work than there are": {"shrinkage": -0.1},
}
BAD_RUNS: dict[str, Any] = {
    "an unknown team": {"team": "nowhere"},
    "a number": {"team": 5},
    "an unknown field": {"teams": ["support"]},
    "a list": [],
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_cannot_be_predicted_is_refused(supervisor: httpx2.AsyncClient, kind: str) -> None:
    assert_problem(await supervisor.get(PATH, params=BAD[kind]), 422, "invalid", "unknown_reference")


@pytest.mark.parametrize("kind", BAD_RUNS)
async def test_what_cannot_be_run_is_refused(supervisor: httpx2.AsyncClient, kind: str) -> None:
    assert_problem(await supervisor.post(PATH, json=BAD_RUNS[kind]), 422, "invalid", "unknown_reference")
