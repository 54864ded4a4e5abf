"""Reports and the tickets behind their numbers as files: the same figures, the same tickets and the same rights as in
JSON, whatever there is of them and however slowly a client reads."""

import asyncio
import csv
import io
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import httpx2
import pytest
from openpyxl import load_workbook

from api.report_files import TicketsAsked, in_thread, tickets_file
from database.report_figure import Population, count
from database.report_log import ReportLog
from domain.access import TicketScope
from domain.period import Period
from domain.report import Question
from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem, do, opened
from tests.api.listening import StreamServer, stream_server
from tests.api.serving_files import serving
from tests.workflows.engine_desk import eventually

MANY = 200_000
MANY_IN_A_WORKBOOK = 60_000
"""Each takes eight times as long to be written."""
GROWTH = 24 * 2**20
"""The CSV file alone is twice as much, and all its rows at once are more."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BUSY = """
select coalesce(wait_event_type, '') from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
    and query like '%count(*) over () as total%'
"""
"""The transactions that read the tickets of files."""
DRILL_DOWN = "/api/reports/drill-down"


@pytest.fixture
async def ours(admin: httpx2.AsyncClient) -> str:
    """A category of the test's own: the tickets of other tests count for nothing in it."""
    slug = f"c-{uuid4().hex[:30]}"
    answer = await admin.post("/api/categories", json={"slug": slug, "name": '=Ours, "the" best'})
    assert answer.status_code == 201, answer.text
    return slug


@pytest.fixture
async def tickets(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, admin: httpx2.AsyncClient, ours: str
) -> list[int]:
    """Three of them: the first was answered, the last has moved to another team."""
    titles = ("Printer 王小明", '=HYPERLINK("http://evil.example")', "Plain")
    made = [
        int((await opened(requester, team="support", category=ours, title=title))["number"]) for title in titles
    ]  # fmt: skip
    await do(agent, made[0], "replies", {"body": "Have you tried turning it off and on again?"})
    moved = await admin.patch(f"/api/tickets/{made[2]}", json={"team": "billing"})
    assert moved.status_code == 200, moved.text
    await fold(api)
    return made


@pytest.fixture
async def server(api: ApiDesk, api_settings: Settings) -> AsyncIterator[StreamServer]:
    async with stream_server(api_settings) as server:
        yield server


@pytest.fixture
async def long_titled(requester: httpx2.AsyncClient) -> int:
    return int((await opened(requester, title="A long title. " * 14))["number"])


def counted(api: ApiDesk, number: int, times: int) -> TicketsAsked:
    """A figure that counts one ticket so many times."""
    rows = f"(select {number} as number, {{since}} + n * interval '1 second' as at from generate_series(1, {times}) n)"  # noqa: S608
    figure = count("many", Population("many", rows, {}, at="at"), "Many.")
    until = datetime.now(UTC)
    question = Question(Period(until - timedelta(days=30), until), until, zone="Europe/Berlin")
    everything = TicketScope(True, api.people["supervisor"].id, frozenset(), unrouted=True)
    return TicketsAsked(figure, question, None, False, everything)


async def fold(api: ApiDesk) -> None:
    log = ReportLog(api.parts.pool)
    while await log.catch_up() or (await log.standing()).behind_seconds:
        pass


async def file(client: httpx2.AsyncClient, path: str, **query: Any) -> httpx2.Response:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def csv_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def sheets(content: bytes) -> dict[str, list[dict[str, Any]]]:
    book = load_workbook(io.BytesIO(content))
    found = {}
    for sheet in book.worksheets:
        titles, *rows = sheet.iter_rows(values_only=True)
        found[sheet.title] = [dict(zip(map(str, titles), row, strict=True)) for row in rows]
    return found


async def json_of(client: httpx2.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    body: dict[str, Any] = (await file(client, path, **query)).json()
    return body


async def test_a_report_as_csv_has_the_figures_of_the_json(
    supervisor: httpx2.AsyncClient, tickets: list[int], ours: str
) -> None:
    asked = {
        "category": ours, "group_by": "category", "interval": "week", "compare": "previous", "zone": "Asia/Kolkata",
    }  # fmt: skip
    said = await json_of(supervisor, "/api/reports/tickets", **asked)

    answer = await file(supervisor, "/api/reports/tickets", **asked, format="csv")

    total, group, *pieces = csv_rows(answer.content)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["cache-control"] == "no-store"
    assert (total["part"], total["opened"], total["opened_previous"], total["opened_change"]) == ("total", "3", "0", "")
    assert (group["part"], group["key"], group["name"]) == ("group", ours, '\'=Ours, "the" best')
    assert [piece["part"] for piece in pieces] == ["piece"] * len(said["pieces"])
    assert [piece["date"] for piece in pieces] == [piece["date"] for piece in said["pieces"]]
    assert [int(piece["opened"]) for piece in pieces] == [piece["values"]["opened"] for piece in said["pieces"]]
    spread = said["total"]["values"]["first_response"]
    assert float(total["first_response_median"]) == spread["median_seconds"]
    assert float(total["first_response_p90"]) == spread["p90_seconds"]
    assert float(total["first_response_mean"]) == spread["mean_seconds"]
    assert int(total["first_response_size"]) == spread["size"] == 1
    assert total["one_touch"] == "", "nothing was resolved"
    assert total["from"].endswith("+05:30")
    assert abs(datetime.fromisoformat(total["from"]) - datetime.fromisoformat(said["from"])).total_seconds() < 60


async def test_a_report_as_a_workbook_has_a_sheet_for_each_part(
    supervisor: httpx2.AsyncClient, tickets: list[int], ours: str
) -> None:
    asked = {"category": ours, "group_by": "team", "interval": "month", "zone": "Europe/Berlin"}

    answer = await file(supervisor, "/api/reports/tickets", **asked, format="xlsx")

    found = sheets(answer.content)
    assert answer.headers["content-type"] == XLSX
    assert list(found) == ["Total", "By team", "Piece by piece", "About"]
    assert found["Total"][0]["Opened"] == 3
    assert "From (Europe/Berlin)" in found["Total"][0]
    # The two that nobody answered are of no team's first response.
    assert {row["Key"]: row["Opened"] for row in found["By team"]}["support"] == 3
    assert sum(row["Opened"] for row in found["Piece by piece"]) == 3
    assert ("Category", ours) in [tuple(row.values()) for row in found["About"]]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_file_has_a_name_that_tells_its_period(supervisor: httpx2.AsyncClient, format: str) -> None:
    period = {"from": "2026-02-28T23:00:00Z", "to": "2026-03-31T22:00:00Z", "zone": "Europe/Berlin", "format": format}

    names = [
        (await file(supervisor, path, **query)).headers["content-disposition"]
        for path, query in (("/api/reports/tickets", period), (DRILL_DOWN, period | {"figure": "opened"}))
    ]

    assert names == [
        f'attachment; filename="{name}-2026-03-01-to-2026-03-31.{format}"' for name in ("tickets", "tickets-opened")
    ]


@pytest.mark.parametrize("figure", ["opened", "first_response"])
async def test_the_tickets_in_a_file_are_those_of_the_list(
    supervisor: httpx2.AsyncClient, tickets: list[int], ours: str, figure: str
) -> None:
    asked = {"category": ours, "figure": figure, "zone": "America/New_York"}
    said = (await json_of(supervisor, DRILL_DOWN, **asked))["items"]

    rows = csv_rows((await file(supervisor, DRILL_DOWN, **asked, format="csv", limit=1)).content)
    (cells,) = sheets((await file(supervisor, DRILL_DOWN, **asked, format="xlsx")).content).values()

    assert len(rows) == len(cells) == len(said) == (3 if figure == "opened" else 1)
    for row, cell, item in zip(rows, cells, said, strict=True):
        assert int(row["number"]) == cell["Ticket"] == item["number"]
        assert datetime.fromisoformat(row["at"]) == datetime.fromisoformat(item["at"])
        assert (row["value"] and float(row["value"])) == (item["value"] or "")
        assert row["title"].removeprefix("'") == cell["Title"] == item["title"]
        for name in ("status", "priority", "team"):
            assert row[name] == cell[name.capitalize()] == item[name]
    shown = cells[0]["Counts at (America/New_York)"]
    assert abs((shown - datetime.fromisoformat(rows[0]["at"]).replace(tzinfo=None)).total_seconds()) < 0.01
    if figure == "first_response":
        assert cells[0]["Counts with (h:mm:ss)"].total_seconds() == pytest.approx(said[0]["value"], abs=0.01)


async def test_a_title_is_never_a_formula(supervisor: httpx2.AsyncClient, tickets: list[int], ours: str) -> None:
    asked = {"category": ours, "figure": "opened"}

    rows = csv_rows((await file(supervisor, DRILL_DOWN, **asked, format="csv")).content)
    book = load_workbook(io.BytesIO((await file(supervisor, DRILL_DOWN, **asked, format="xlsx")).content))

    assert rows[1]["title"] == '\'=HYPERLINK("http://evil.example")'
    assert rows[2]["title"] == "Printer 王小明"
    cell = book.worksheets[0].cell(3, 4)
    assert (cell.value, cell.data_type) == ('=HYPERLINK("http://evil.example")', "s")


async def test_a_group_s_tickets_alone(supervisor: httpx2.AsyncClient, tickets: list[int], ours: str) -> None:
    asked = {"category": ours, "figure": "opened", "group_by": "team", "format": "csv"}

    support = csv_rows((await file(supervisor, DRILL_DOWN, **asked, key="support")).content)
    none = await file(supervisor, DRILL_DOWN, **asked, key="none")

    assert len(support) == 3
    assert none.content == b"number,at,value,title,status,priority,team\r\n"


async def test_whose_figures_one_sees_and_whose_tickets_is_as_in_json(
    agent: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    requester: httpx2.AsyncClient,
    nobody: httpx2.AsyncClient,
    tickets: list[int],
    ours: str,
) -> None:
    asked = {"category": ours, "figure": "opened", "format": "csv"}

    rows = csv_rows((await file(agent, DRILL_DOWN, **asked)).content)
    (cells,) = sheets((await file(agent, DRILL_DOWN, **asked | {"format": "xlsx"})).content).values()
    elsewhere = csv_rows((await file(billing_agent, DRILL_DOWN, **asked)).content)
    report = csv_rows((await file(billing_agent, "/api/reports/tickets", category=ours, format="csv")).content)

    assert [int(row["number"]) for row in rows] == sorted(tickets, reverse=True)
    assert (rows[0]["title"], rows[0]["team"]) == ("", ""), "it has moved out of their sight"
    assert (cells[0]["Title"], cells[0]["Team"], cells[1]["Team"]) == (None, None, "support")
    assert rows[1]["title"]
    assert elsewhere == []
    assert report[0]["opened"] == "0"
    for path in ("/api/reports/tickets", DRILL_DOWN):
        assert_problem(await requester.get(path, params=asked), 403)
        assert_problem(await nobody.get(path, params=asked), 401)
        assert_problem(await agent.get(path, params={**asked, "team": "billing"}), 403)


async def test_a_file_is_refused_to_whom_the_list_is_refused(
    api: ApiDesk, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, tickets: list[int], ours: str
) -> None:
    """Above all to agents who ask for a colleague's."""
    colleague = str(api.people["agent2"].id)
    for query in (
        {"figure": "first_response", "group_by": "agent", "key": colleague},
        {"figure": "first_response", "group_by": "agent", "key": "none"},
        {"figure": "first_response", "agent": colleague},
        {"figure": "first_response", "agent": "me"},
        {"figure": "opened", "group_by": "agent", "key": "none"},
        {"figure": "opened", "group_by": "hour_of_week", "key": "12"},
    ):
        for client in (agent, supervisor):
            statuses = {
                format: (await client.get(DRILL_DOWN, params={**query, "category": ours, "format": format})).status_code
                for format in ("json", "csv", "xlsx")
            }
            assert len(set(statuses.values())) == 1, (query, statuses)


async def test_what_cannot_be_answered_is_refused_as_in_json(supervisor: httpx2.AsyncClient) -> None:
    for query in (
        {"figure": "nothing"},
        {"figure": "opened", "key": "support"},
        {"figure": "opened", "agent": "none"},
        {"figure": "opened", "from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
        {"figure": "opened", "format": "pdf"},
    ):
        assert_problem(await supervisor.get(DRILL_DOWN, params={"format": "csv", **query}), 422)
    refused = await supervisor.get("/api/reports/tickets", params={"format": "xlsx", "group_by": "score"})
    assert_problem(refused, 422, "invalid")


async def watch_memory(seen: list[int]) -> None:
    while True:
        seen.append(resident_bytes())
        await asyncio.sleep(0.01)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize(("format", "times"), [("csv", MANY), ("xlsx", MANY_IN_A_WORKBOOK)])
async def test_any_number_of_tickets_takes_a_bounded_memory(
    api: ApiDesk, long_titled: int, format: Literal["csv", "xlsx"], times: int
) -> None:
    asked = counted(api, long_titled, times)
    lines, before, seen = 0, resident_bytes(), list[int]()
    async with (
        serving(lambda: tickets_file(api.parts, asked, format)) as base,
        httpx2.AsyncClient(timeout=None) as client,
    ):
        watching = asyncio.create_task(watch_memory(seen))
        async with client.stream("GET", base) as answer:
            async for chunk in answer.aiter_raw():
                lines += chunk.count(b"\n")
        watching.cancel()

    assert lines == MANY + 1 or format == "xlsx"
    assert max(seen) - before < GROWTH


async def test_a_slow_client_holds_no_transaction(api: ApiDesk, long_titled: int) -> None:
    asked = counted(api, long_titled, MANY)
    async with (
        serving(lambda: tickets_file(api.parts, asked, "csv")) as base,
        httpx2.AsyncClient(timeout=None) as client,
        client.stream("GET", base) as answer,
    ):
        chunks = answer.aiter_raw()
        head = await anext(chunks)
        await eventually(lambda: api.parts.pool.fetch(BUSY), lambda found: not found)
        rest = sum([chunk.count(b"\n") async for chunk in chunks])

    assert head.count(b"\n") < MANY // 2, "it had not read it all yet"
    assert head.count(b"\n") + rest == MANY + 1


@pytest.mark.parametrize("format", ["csv", "xlsx"])
async def test_a_client_that_leaves_ends_the_reading(
    api: ApiDesk, server: StreamServer, tickets: list[int], ours: str, format: str
) -> None:
    query = {"category": ours, "figure": "opened", "format": format}
    pool = api.parts.pool
    async with pool.acquire() as other, other.transaction():
        await other.execute("lock table ticket_facts in access exclusive mode")
        async with httpx2.AsyncClient(base_url=server.base, timeout=None) as client:
            asking = client.build_request("GET", DRILL_DOWN, params=query, headers=api.headers("supervisor"))
            sending = asyncio.create_task(client.send(asking, stream=True))
            await eventually(lambda: pool.fetch(BUSY), lambda found: [tuple(row) for row in found] == [("Lock",)])
            sending.cancel()
        await eventually(lambda: pool.fetch(BUSY), lambda found: not found)


async def test_a_thread_lets_go_of_its_files_before_they_are_closed() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait()

    working = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait)
    working.cancel()
    done, _ = await asyncio.wait({working}, timeout=0.1)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await working

    assert not done
