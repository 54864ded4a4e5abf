"""Reports as files: CSV and workbooks. What they hold, and who may have it, is what JSON says.

A report is small and made at once. The tickets behind a number may be a million: they are sent while they are read.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any, NamedTuple

from fastapi import Response

from api.http.spooled_response import Spool, SpooledResponse
from api.report_questions import ReportFormat
from api.state import Desk
from database.forecast_reports import ForecastReport
from database.forecast_tables import forecast_table, forecast_tables
from database.report_figure import Figure
from database.report_tables import answer_tables, flat_table, title_of
from database.reports import Answer
from domain.access import TicketScope
from domain.business_calendar import Zone, time_zone
from domain.forecast_report import FORECAST
from domain.period import Period
from domain.report import Question, Unit
from domain.report_table import Column, Row, Table
from integrations.report_files import CSV_TYPE, XLSX_TYPE, CsvLines, XlsxFile, csv_bytes, xlsx_bytes

FILES_AT_A_TIME = 2
"""Files of tickets that a process makes at a time, each with a connection to the database; others wait."""
_TYPES: Mapping[ReportFormat, str] = {"csv": CSV_TYPE, "xlsx": XLSX_TYPE}
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "As JSON, or as the file that `format` asks for",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            XLSX_TYPE: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
"""What OpenAPI is told of an operation that takes `format`."""


class TicketsAsked(NamedTuple):
    """The rows of a figure that are wanted; see `Reports.tickets_of`."""

    figure: Figure
    question: Question
    key: str | None
    has_key: bool
    scope: TicketScope


class _Sheet(NamedTuple):
    title: str
    columns: Sequence[Column]
    zone: str


async def answer_file(report: str, figures: Sequence[Figure], answer: Answer, format: ReportFormat) -> Response:
    """A report as a file: as CSV the total, its groups and its pieces in one table, as a workbook each in its own."""
    make = flat_table if format == "csv" else answer_tables
    content = await asyncio.to_thread(lambda: _content(report, make(report, figures, answer)))
    question = answer.question
    return Response(content, media_type=_TYPES[format], headers=_named(report, question.period, question.zone, format))


async def forecast_file(report: ForecastReport, format: ReportFormat) -> Response:
    """The forecast as a file: as CSV the hours of the week, as a workbook also its teams and what is what."""
    make = forecast_table if format == "csv" else forecast_tables
    content = await asyncio.to_thread(lambda: _content(FORECAST, make(report)))
    named = _named(FORECAST, report.question.period, report.zone, format)
    return Response(content, media_type=_TYPES[format], headers=named)


def _content(report: str, made: Table | Sequence[Table]) -> bytes:
    return csv_bytes(made) if isinstance(made, Table) else xlsx_bytes(made, title_of(report))


def tickets_file(desk: Desk, asked: TicketsAsked, format: ReportFormat) -> Response:
    """All the tickets behind a number as a file. What is refused is refused when the file is begun."""
    figure, question = asked.figure, asked.question
    sheet = _Sheet(title_of(figure.name), _columns(figure), question.zone)

    async def fill(spool: Spool) -> None:
        async with (
            desk.file_turns,
            aclosing(
                desk.reports.all_tickets_of(
                    figure, question, asked.key, has_key=asked.has_key, scope=asked.scope
                )
            ) as batches,
        ):  # fmt: skip
            await _FILL[format](spool, sheet, batches)

    return SpooledResponse(
        fill, _TYPES[format], _named(f"tickets-{figure.name}", question.period, question.zone, format)
    )


def _columns(figure: Figure) -> Sequence[Column]:
    """Those of the list in JSON."""
    return (
        Column("number", "Ticket", "integer"),
        Column("at", "Counts at", "moment"),
        Column("value", "Counts with", "seconds" if figure.unit is Unit.SECONDS else "number"),
        Column("title", "Title", "text"),
        Column("status", "Status", "text"),
        Column("priority", "Priority", "text"),
        Column("team", "Team", "text"),
    )


async def _fill_csv(spool: Spool, sheet: _Sheet, batches: AsyncIterator[Sequence[Row]]) -> None:
    lines = CsvLines(sheet.columns, sheet.zone)
    spool.file.write(lines.header())
    async for rows in batches:
        spool.file.write(await asyncio.to_thread(lines.of, rows))
        spool.offer()


async def _fill_xlsx(spool: Spool, sheet: _Sheet, batches: AsyncIterator[Sequence[Row]]) -> None:
    """A workbook has its table of contents at its end, and is offered when it is whole."""
    with XlsxFile(spool.file, sheet.title) as file:
        file.begin(sheet.title, sheet.columns, sheet.zone)
        async for rows in batches:
            await in_thread(file.add, rows)
        await in_thread(file.finish)


async def in_thread(work: Callable[..., None], *arguments: object) -> None:
    """As `asyncio.to_thread`, but whoever is cancelled waits until the thread has let go of its files: nothing stops a
    thread. Of a workbook with a million rows that may be five seconds."""
    working = asyncio.create_task(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.gather(working, return_exceptions=True)
        raise


_FILL: Mapping[ReportFormat, Callable[[Spool, _Sheet, AsyncIterator[Sequence[Row]]], Awaitable[None]]] = {
    "csv": _fill_csv,
    "xlsx": _fill_xlsx,
}


def _named(name: str, period: Period, zone: Zone, format: ReportFormat) -> dict[str, str]:
    """The name that a browser saves it by: of the first and the last day of the period in its zone."""
    ends = (period.since, period.until - timedelta(microseconds=1))
    first, last = (one.astimezone(time_zone(zone)).date() for one in ends)
    return {"Content-Disposition": f'attachment; filename="{name}-{first}-to-{last}.{format}"'}
