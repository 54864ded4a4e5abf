"""The forecast as a file: every cell is what the JSON says, for whom the JSON is."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx2
import pytest
from openpyxl import load_workbook

from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.forecast_desk import PATH, BusyTeam, busy_teams, spoken

NUMBERS: dict[str, tuple[str, ...]] = {
    "expected": ("expected",),
    "low": ("low",),
    "high": ("high",),
    "outer_low": ("outer_low",),
    "outer_high": ("outer_high",),
    "load": ("load",),
    "staff_expected": ("staff", "expected"),
    "staff_low": ("staff", "low"),
    "staff_high": ("staff", "high"),
    "planned": ("planned",),
    "came_mean": ("came", "mean"),
    "came_deviation": ("came", "deviation"),
    "came_least": ("came", "least"),
    "came_most": ("came", "most"),
}
"""Column -> where the JSON has it."""
TITLES = (
    "Expected", "Low", "High", "Outer low", "Outer high", "Load", "Staff", "Staff, low", "Staff, high", "Planned",
    "Came, mean", "Came, deviation", "Came, least", "Came, most",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@pytest.fixture(scope="module")
async def teams(
    api: ApiDesk, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> AsyncIterator[list[BusyTeam]]:
    async with busy_teams(api, admin, supervisor) as teams:
        yield teams


def number_of(hour: dict[str, Any], name: str) -> float | None:
    value: Any = hour
    for one in NUMBERS[name]:
        value = None if value is None else value[one]
    return None if value is None else float(value)


async def with_json(
    client: httpx2.AsyncClient, format: str, **query: Any
) -> tuple[dict[str, Any], httpx2.Response]:  # fmt: skip
    """What JSON and the file say, both in the same hour."""
    while True:
        told = await spoken(client, **query)
        answer = await client.get(PATH, params={**query, "format": format})
        assert answer.status_code == 200, answer.text
        if (await spoken(client, **query))["history"] == told["history"]:
            return told, answer


def csv_rows(answer: httpx2.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline=""), strict=True))


def assert_same_hours(rows: list[dict[str, str]], hours: list[dict[str, Any]], zone: str) -> None:
    assert list(rows[0]) == ["hour_of_week", "hour", "starts_at", *NUMBERS]
    for row, hour in zip(rows, hours, strict=True):
        place = hour["hour_of_week"]
        assert (int(row["hour_of_week"]), row["hour"]) == (place, f"{DAYS[place // 24]} {place % 24:02}:00")
        starts_at = datetime.fromisoformat(hour["starts_at"])
        assert row["starts_at"] == starts_at.astimezone(ZoneInfo(zone)).isoformat()
        assert {name: float(row[name]) if row[name] else None for name in NUMBERS} == {
            name: number_of(hour, name) for name in NUMBERS
        }


@pytest.mark.parametrize("alone", [True, False])
async def test_every_cell_of_the_csv_is_of_the_json(
    supervisor: httpx2.AsyncClient, teams: list[BusyTeam], *, alone: bool
) -> None:
    asked = {"zone": "Asia/Kolkata", "weeks": 3, "answer_share": 0.9} | ({"team": teams[0].slug} if alone else {})

    told, answer = await with_json(supervisor, "csv", **asked)

    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["cache-control"] == "no-store"
    assert {hour["came"] is None or hour["expected"] is None for hour in told["hours"]} == {False}
    assert_same_hours(csv_rows(answer), told["hours"], "Asia/Kolkata")


async def test_every_cell_of_the_workbook_is_of_the_json(supervisor: httpx2.AsyncClient, teams: list[BusyTeam]) -> None:
    told, answer = await with_json(supervisor, "xlsx", team=teams[0].slug, zone="America/New_York")

    book = load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["Forecast", "Teams", "About"]
    titles, *rows = book["Forecast"].iter_rows(values_only=True)
    assert titles == ("Hour of the week", "Hour", "Starts at (America/New_York)", *TITLES)
    for row, hour in zip(rows, told["hours"], strict=True):
        starts_at = datetime.fromisoformat(hour["starts_at"]).astimezone(ZoneInfo("America/New_York"))
        assert (row[0], row[2]) == (hour["hour_of_week"], starts_at.replace(tzinfo=None))
        assert row[3:] == pytest.approx(tuple(number_of(hour, name) for name in NUMBERS), rel=1e-14), "of 16 digits"
    titles, team = book["Teams"].iter_rows(values_only=True)
    said, (item,) = dict(zip(map(str, titles), team, strict=True)), told["teams"]
    assert (said["Team"], said["Status"], said["Method"]) == (item["team"], item["status"], item["method"])
    assert (said["Time zone"], said["Tickets"]) == (item["zone"], item["trained_on"]["tickets"])
    assert (said["Error (WAPE)"], said["Hours within the band"]) == pytest.approx(
        (item["error"]["wape"], item["error"]["coverage"])
    )
    about = {row[0]: row[1] for row in book["About"].iter_rows(min_row=2, values_only=True)}
    assert about["Team"] == teams[0].slug
    assert about["Service target"] == "80.0% begun within 30 min, shrinkage 12.5%"
    assert set(TITLES) < set(about)


async def test_what_the_json_has_not_is_an_empty_cell(
    supervisor: httpx2.AsyncClient, admin: httpx2.AsyncClient
) -> None:
    slug = f"t-{uuid4().hex[:20]}"
    assert (await admin.post("/api/teams", json={"slug": slug, "name": "=New"})).status_code == 201

    _, answer = await with_json(supervisor, "csv", team=slug)

    rows = csv_rows(answer)
    assert {row[name] for row in rows for name in NUMBERS if name != "planned"} == {""}
    assert {row["planned"] for row in rows} == {"0.0"}


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_file_is_named_by_the_week_to_come(supervisor: httpx2.AsyncClient, format: str) -> None:
    told, answer = await with_json(supervisor, format, zone="Pacific/Auckland")

    starts = sorted(datetime.fromisoformat(hour["starts_at"]) for hour in told["hours"] if hour["starts_at"])
    first, last = (one.astimezone(ZoneInfo("Pacific/Auckland")).date() for one in (starts[0], starts[-1]))
    assert starts[0] <= datetime.now(UTC)
    assert answer.headers["content-disposition"] == f'attachment; filename="forecast-{first}-to-{last}.{format}"'


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_file_is_for_whom_the_json_is(
    nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, teams: list[BusyTeam],
    format: str,
) -> None:  # fmt: skip
    assert_problem(await nobody.get(PATH, params={"format": format}), 401)
    assert_problem(await requester.get(PATH, params={"format": format}), 403, "forbidden")
    asked = {"format": format, "team": teams[0].slug}
    assert_problem(await agent.get(PATH, params=asked), 403, "forbidden")


async def test_an_agent_s_file_is_of_their_teams(agent: httpx2.AsyncClient, teams: list[BusyTeam]) -> None:
    told, answer = await with_json(agent, "csv")

    assert [one["team"] for one in told["teams"]] == ["support"]
    assert_same_hours(csv_rows(answer), told["hours"], told["zone"])
    _, book = await with_json(agent, "xlsx")
    sheet = load_workbook(io.BytesIO(book.content))["Teams"]
    assert [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)] == ["support"]


async def test_another_format_is_refused(supervisor: httpx2.AsyncClient) -> None:
    assert_problem(await supervisor.get(PATH, params={"format": "pdf"}), 422, "invalid")
