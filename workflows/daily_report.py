"""The report of each day, as a durable workflow: when a day is over, and again whenever somebody asks."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from datetime import date

    from pydantic import BaseModel, ConfigDict

    from activities.daily_reports import DailyReportActivities, DayAsked

DAY_TAKES = timedelta(minutes=10)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=2), maximum_interval=timedelta(minutes=1))
"""Facts that are behind, and a database that is down, come back."""


class DailyReportStart(BaseModel):
    """What a run begins with: the only day to report; None for all that are missing."""

    model_config = ConfigDict(frozen=True)

    day: date | None = None


@workflow.defn(name="DailyReportWorkflow")
class DailyReportWorkflow:
    """One run: usually of yesterday, after an outage of each day that was missed."""

    @workflow.run
    async def run(self, start: DailyReportStart) -> dict[str, int]:
        """Day -> its edition."""
        days = [start.day] if start.day is not None else await self._missing()
        editions = dict[str, int]()
        for day in days:
            workflow.set_current_details(f"reported {len(editions)} of {len(days)} days; at work on {day}")
            editions[day.isoformat()] = await workflow.execute_activity_method(
                DailyReportActivities.report_day,
                DayAsked(day=day),
                start_to_close_timeout=DAY_TAKES,
                retry_policy=PATIENT,
                summary=day.isoformat(),
            )
        workflow.set_current_details(f"reported {len(editions)} of {len(days)} days")
        return editions

    @staticmethod
    async def _missing() -> list[date]:
        return await workflow.execute_activity_method(
            DailyReportActivities.days_to_report,
            start_to_close_timeout=DAY_TAKES,
            retry_policy=PATIENT,
            summary="which days",
        )
