"""The steps of the daily report: which days there are to tell, and telling one."""

from collections.abc import Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.failures import failure_of
from domain.daily_report import MOST_DAYS, DailyReport, last_day, missing_days
from domain.errors import InvalidError


class DayReports(Protocol):
    """Where days are told and kept."""

    async def make(self, day: date, zone: str, now: datetime) -> DailyReport: ...
    async def made_since(self, day: date) -> set[date]: ...
    async def first_day(self, zone: str) -> date | None: ...


class DayAsked(BaseModel):
    """A day of the desk's zone."""

    model_config = ConfigDict(frozen=True)

    day: date


class DailyReportActivities:
    """Harmless to retry: a day that is told once more only has another edition."""

    def __init__(self, reports: DayReports, zone: str) -> None:
        self._reports = reports
        self._zone = zone

    @property
    def steps(self) -> list[Callable[..., Coroutine[Any, Any, Any]]]:
        """All of them, for the worker."""
        return [self.days_to_report, self.report_day]

    @activity.defn
    async def days_to_report(self) -> list[date]:
        """The days that are over and not told yet, the earliest first."""
        now = datetime.now(UTC)
        since = last_day(now, self._zone) - timedelta(days=MOST_DAYS)
        made = await self._reports.made_since(since)
        return missing_days(made, await self._reports.first_day(self._zone), now, self._zone)

    @activity.defn
    async def report_day(self, asked: DayAsked) -> int:
        """Tell a day and keep it. Returns the edition; fails while facts are behind."""
        try:
            made = await self._reports.make(asked.day, self._zone, datetime.now(UTC))
        except InvalidError as error:
            raise failure_of(error) from error
        return made.edition
