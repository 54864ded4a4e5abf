"""The reports of days that were kept, and how one is made: all reports of the catalogue, as of the day's end."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import asyncpg

from database.pool import Pool
from database.report_catalogue import REPORTS
from database.report_log import ReportLog
from database.reports import Reports, Values, answered
from domain.business_calendar import time_zone
from domain.daily_report import CHANGES, DAY_REPORTS, DailyReport, DayFigures, TeamFigures, Told, period_of_day
from domain.report import Dimension, Question, Spread, Value

_READ = "select day, zone, edition, made_at, reports, changed from daily_reports"
_KEEP = """
insert into daily_reports (day, zone, edition, made_at, reports, changed) values ($1, $2, $3, $4, $5, $6)
on conflict (day) do update set zone = excluded.zone, edition = excluded.edition, made_at = excluded.made_at,
    reports = excluded.reports, changed = excluded.changed
"""


class KeptDay(NamedTuple):
    """That a day's report is there."""

    day: date
    zone: str
    edition: int
    made_at: datetime
    changed: int
    """How many figures the last edition told otherwise."""


class DailyReports:
    """Makes, keeps and reads them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._reports = Reports(pool)
        self._log = ReportLog(pool)

    async def make(self, day: date, zone: str, now: datetime) -> DailyReport:
        """All reports of a day as of now, kept in the place of the former edition.

        Raises FactsBehindError while facts are behind, InvalidError for a day that is not over.
        """
        period = period_of_day(day, zone, now)
        await self._log.check_reached(period.until, now)
        question = Question(period, now, group_by=Dimension.TEAM, zone=zone, as_of=period.until)
        reports: dict[str, DayFigures] = {}
        async with self._reports.snapshot() as connection:
            for name, figures in REPORTS.items():
                answer = await answered(connection, figures, question)
                reports[name] = DayFigures(
                    values=told(answer.values),
                    teams=tuple(
                        TeamFigures(key=one.key, name=one.name, values=told(one.values)) for one in answer.groups
                    ),
                )
        made = DailyReport(day=day, zone=zone, made_at=now, reports=reports)
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(f"{_READ} where day = $1 for update", day)
            made = made.after(None if row is None else _report(row))
            await connection.execute(
                _KEEP,
                *(day, zone, made.edition, now),
                *(DAY_REPORTS.dump_json(made.reports).decode(), CHANGES.dump_json(made.changed).decode()),
            )
        return made

    async def read(self, day: date) -> DailyReport | None:
        """A day's last edition."""
        row = await self._pool.fetchrow(f"{_READ} where day = $1", day)
        return None if row is None else _report(row)

    async def list(self, limit: int, before: date | None = None) -> list[KeptDay]:
        """The days that are there, the last first."""
        rows = await self._pool.fetch(
            "select day, zone, edition, made_at, jsonb_array_length(changed) from daily_reports "
            "where $2::date is null or day < $2 order by day desc limit $1",
            *(limit, before),
        )
        return [KeptDay(*row) for row in rows]

    async def made_since(self, day: date) -> set[date]:
        """The days from this one on that are there."""
        return {row[0] for row in await self._pool.fetch("select day from daily_reports where day >= $1", day)}

    async def first_day(self, zone: str) -> date | None:
        """The day of the first opening."""
        first: datetime | None = await self._pool.fetchval("select min(opened_at) from ticket_facts")
        return None if first is None else first.astimezone(time_zone(zone)).date()


def told(values: Values) -> dict[str, Told]:
    """Figures as they are kept."""
    return {name: _told(value) for name, value in values.items()}


def _told(value: Value) -> Told:
    if not isinstance(value, Spread):
        return value
    return {
        "size": value.size, "mean_seconds": value.mean, "median_seconds": value.median, "p90_seconds": value.p90
    }  # fmt: skip


def _report(row: asyncpg.Record | Mapping[str, Any]) -> DailyReport:
    return DailyReport(
        day=row["day"],
        zone=row["zone"],
        edition=row["edition"],
        made_at=row["made_at"],
        reports=DAY_REPORTS.validate_json(row["reports"]),
        changed=CHANGES.validate_json(row["changed"]),
    )
