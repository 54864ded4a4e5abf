"""The schedule that makes the forecasts every night."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
)

from workflows.client import TASK_QUEUE
from workflows.forecast import ForecastStart, ForecastWorkflow

SCHEDULE_ID = "forecast-nightly"
HOUR, MINUTE = 2, 17
"""UTC: the day before is over everywhere in Europe and Africa, and nobody waits for an answer."""


async def ensure_forecast_schedule(client: Client, id: str = SCHEDULE_ID, task_queue: str = TASK_QUEUE) -> None:
    """Make the schedule unless there is one. Harmless to repeat; what an operator changed about it stays.

    Raises RPCError.
    """
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            ForecastWorkflow.run,
            ForecastStart(),
            id=id,
            task_queue=task_queue,
            static_summary="what is to come, team by team",
        ),
        spec=ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(HOUR)], minute=[ScheduleRange(MINUTE)])]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(days=1)),
    )
    try:
        await client.create_schedule(id, schedule)
    except ScheduleAlreadyRunningError:
        return
