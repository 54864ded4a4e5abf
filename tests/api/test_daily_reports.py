"""The report of a day over HTTP: asked for, made by the real worker, read by whom it concerns, and what is refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from database.report_catalogue import REPORTS
from database.report_log import ReportLog
from tests.api.desk_api import ApiDesk, assert_problem, opened
from tests.api.test_reports import known

PATH = "/api/reports/daily"
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
async def yesterday(api: ApiDesk, requester: httpx2.AsyncClient, supervisor: httpx2.AsyncClient) -> dict[str, Any]:
    """Told now."""
    ticket = await opened(requester, team="network")
    await known(api, int(ticket["number"]))
    log = ReportLog(api.parts.pool)
    while (await log.standing()).is_rebuilding:  # as a new database does once
        await log.catch_up()
    answer = await supervisor.post(f"{PATH}/{YESTERDAY}")
    assert answer.status_code == 202, answer.text
    run = answer.json()
    while True:
        answer = await supervisor.get(run["location"])
        if answer.status_code == 200 and answer.json()["made_at"] >= run["asked_at"]:
            body: dict[str, Any] = answer.json()
            return body
        await supervisor.post(f"{PATH}/{YESTERDAY}")  # the run that was joined may have begun before
        await asyncio.sleep(0.1)


async def test_a_day_has_all_reports_and_teams_of_those_who_see_them(
    yesterday: dict[str, Any], supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    assert yesterday["day"] == YESTERDAY.isoformat()
    assert yesterday["reports"].keys() == REPORTS.keys()
    assert {type(value) for value in yesterday["reports"]["tickets"]["values"].values()} <= {
        int,
        float,
        dict,
        type(None),
    }

    mine = (await agent.get(f"{PATH}/{YESTERDAY}")).json()
    teams = (await agent.get("/api/auth/me")).json()["teams"]

    assert all(report["values"] is None for report in mine["reports"].values())
    assert {team["key"] for report in mine["reports"].values() for team in report["teams"]} <= set(teams)
    assert {one["team"] for one in mine["changed"]} <= set(teams)
    (listed,) = [one for one in (await supervisor.get(PATH)).json()["items"] if one["day"] == yesterday["day"]]
    assert listed["edition"] >= yesterday["edition"]


@pytest.mark.parametrize("day", [TODAY.isoformat(), "2099-01-01"])
async def test_a_day_that_is_not_over_is_refused(supervisor: httpx2.AsyncClient, day: str) -> None:
    problem = assert_problem(await supervisor.post(f"{PATH}/{day}"), 422, "invalid")

    assert "is not over yet" in problem["detail"]


async def test_who_may(requester: httpx2.AsyncClient, agent: httpx2.AsyncClient) -> None:
    assert_problem(await requester.get(PATH), 403, "forbidden")
    assert_problem(await agent.post(f"{PATH}/{YESTERDAY}"), 403, "forbidden")
    assert_problem(await agent.get(f"{PATH}/1999-12-31"), 404, "not_found")
    assert_problem(await agent.get(f"{PATH}/someday"), 422)
