"""How days are told by hand."""

from datetime import date, timedelta

from temporalio.client import Client

from workflows.client import TASK_QUEUE, start_or_join
from workflows.daily_report import DailyReportStart, DailyReportWorkflow


class DailyReportClient:
    """Has days told."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def start(self, day: date) -> None:
        """Tell a day now, or again. A run that is under way is joined. Raises EngineUnavailableError."""
        await start_or_join(
            self._client,
            DailyReportWorkflow.run,
            DailyReportStart(day=day),
            id=f"daily-report-{day}",
            task_queue=self.task_queue,
            timeout=self._timeout,
        )
