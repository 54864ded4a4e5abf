"""What the engine starts by itself, as a cron job would: one line for each, kept by the engine's schedules."""

import logging
from datetime import timedelta
from typing import Any, NamedTuple

from temporalio.client import (
    Client,
    RPCError,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
)

from workflows.client import TASK_QUEUE
from workflows.daily_report import DailyReportStart, DailyReportWorkflow
from workflows.forecast import ForecastStart, ForecastWorkflow
from workflows.retention import RetentionWorkflow
from workflows.rotas import RotaWorkflow

log = logging.getLogger(__name__)


class Standing(NamedTuple):
    """A schedule: which workflow, with what, and when."""

    id: str
    workflow: Any
    summary: str
    spec: ScheduleSpec
    arguments: tuple[Any, ...] = ()
    at_once: bool = False
    """Whether it runs a first time when it is made."""


def _nightly(hour: int, minute: int) -> ScheduleSpec:
    """UTC. The day before is over everywhere in Europe and Africa by 2 o'clock, and nobody waits for an answer."""
    return ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(hour)], minute=[ScheduleRange(minute)])])


FORECAST = Standing(
    "forecast-nightly",
    ForecastWorkflow.run,
    "what is to come, team by team",
    _nightly(2, 17),
    (ForecastStart(),),
)
RETENTION = Standing("retention", RetentionWorkflow.run, "what was kept for long enough goes", _nightly(3, 23))
ROTAS = Standing(
    # Shifts are laid out weeks ahead: a run that comes late, or not at all, is noticed by nobody.
    "rotas",
    RotaWorkflow.run,
    "shifts by rota, further ahead",
    ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(hours=6))]),
    at_once=True,
)
DAILY_REPORT = Standing(
    # A day ends at another hour in each zone, and the worker knows whose days are told: it looks what is missing.
    "daily-report",
    DailyReportWorkflow.run,
    "each day that is over, told and kept",
    ScheduleSpec(calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(0, 23)], minute=[ScheduleRange(5)])]),
    (DailyReportStart(),),
    at_once=True,
)
STANDING = (FORECAST, RETENTION, ROTAS, DAILY_REPORT)


async def ensure_schedule(client: Client, standing: Standing, task_queue: str = TASK_QUEUE) -> None:
    """Make the schedule unless there is one. Harmless to repeat; what an operator changed about it stays.

    Raises RPCError.
    """
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            standing.workflow,
            args=standing.arguments,
            id=standing.id,
            task_queue=task_queue,
            static_summary=standing.summary,
        ),
        spec=standing.spec,
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(days=1)),
    )
    try:
        await client.create_schedule(standing.id, schedule, trigger_immediately=standing.at_once)
    except ScheduleAlreadyRunningError:
        return


async def ensure_schedules(client: Client) -> None:
    """Make all that are missing. What cannot be made is logged; the next worker that starts tries again."""
    for standing in STANDING:
        try:
            await ensure_schedule(client, standing)
        except RPCError as error:
            log.warning("%s does not run by itself until a worker starts again: %s", standing.id, error.message)
