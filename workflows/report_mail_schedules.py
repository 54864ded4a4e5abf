"""The engine's schedules of mailed reports, `report-mail-<id>`: each says in its note of which revision it is."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from temporalio.client import (
    Client,
    RPCError,
    RPCStatusCode,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from domain.ids import PersonId, ReportMailId, ReportMailRunId
from domain.report_mail import MailDays, ReportMailPlan, days_of_month, moments_instead
from workflows.client import TASK_QUEUE, EngineUnavailableError
from workflows.report_mail import ReportMailStart, ReportMailWorkflow

PREFIX = "report-mail-"
LATE = timedelta(days=1)
"""What was due while the engine was away is sent as long after."""
_LEAP = [ScheduleRange(2000, 2096, 4)]
_NOT_LEAP = [*(ScheduleRange(first, 2099, 4) for first in (2001, 2002, 2003)), ScheduleRange(2100)]
"""2100 is the last year that the engine's calendars know."""


class ReportMail(Protocol):
    """A mailed report."""

    @property
    def id(self) -> ReportMailId: ...
    @property
    def owner(self) -> PersonId: ...
    @property
    def plan(self) -> ReportMailPlan: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def revision(self) -> int: ...


class ReportMailSchedules:
    """Makes, changes and removes them, and starts what was asked for. All raise EngineUnavailableError."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def known(self) -> dict[ReportMailId, str | None]:
        """The notes of all schedules, as far as the engine's index has caught up."""
        try:
            return {
                ReportMailId(UUID(one.id.removeprefix(PREFIX))): one.schedule.state.note if one.schedule else None
                async for one in await self._client.list_schedules(rpc_timeout=self._timeout)
                if one.id.startswith(PREFIX)
            }
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailableError(str(error)) from error

    async def keep(self, mail: ReportMail) -> None:
        """Make the schedule as the mail says. Harmless to repeat."""
        handle = self._client.get_schedule_handle(schedule_id(mail.id))
        schedule = self._schedule(mail)

        def updated(known: ScheduleUpdateInput) -> ScheduleUpdate | None:
            is_same = known.description.schedule.state.note == note_of(mail)
            return None if is_same else ScheduleUpdate(schedule)

        try:
            try:
                await self._client.create_schedule(handle.id, schedule, rpc_timeout=self._timeout)
            except ScheduleAlreadyRunningError:
                await handle.update(updated, rpc_timeout=self._timeout)
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailableError(str(error)) from error

    async def remove(self, mail: ReportMailId) -> None:
        """Nothing is due any more. Harmless to repeat."""
        try:
            await self._client.get_schedule_handle(schedule_id(mail)).delete(rpc_timeout=self._timeout)
        except (RPCError, RuntimeError) as error:
            if not (isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND):
                raise EngineUnavailableError(str(error)) from error

    async def send(self, mail: ReportMailId, run: ReportMailRunId) -> None:
        """Start what was asked for. Harmless to repeat."""
        try:
            await self._client.start_workflow(
                ReportMailWorkflow.run,
                ReportMailStart(mail=mail, run=run),
                id=f"{schedule_id(mail)}-{run}",
                task_queue=self.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary="sends a report by mail",
                rpc_timeout=self._timeout,
            )
        except WorkflowAlreadyStartedError:
            return
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailableError(str(error)) from error

    def _schedule(self, mail: ReportMail) -> Schedule:
        return Schedule(
            action=ScheduleActionStartWorkflow(
                ReportMailWorkflow.run,
                ReportMailStart(mail=mail.id),
                id=schedule_id(mail.id),
                task_queue=self.task_queue,
                static_summary="sends a report by mail",
            ),
            spec=spec_of(mail.plan),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=LATE),
            state=ScheduleState(note=note_of(mail), paused=not mail.is_active),
        )


def schedule_id(mail: ReportMailId) -> str:
    return f"{PREFIX}{mail}"


def note_of(mail: ReportMail) -> str:
    """By which a schedule is told from what it should be."""
    return f"revision {mail.revision}"


def spec_of(plan: ReportMailPlan) -> ScheduleSpec:
    """When it is due: by the zone's own clocks."""
    cadence = plan.cadence
    hour, minute = [ScheduleRange(cadence.hour)], [ScheduleRange(cadence.minute)]
    if cadence.every == "month":
        assert cadence.day is not None
        calendars = [_calendar(days, hour, minute) for days in days_of_month(cadence.day)]
    elif cadence.every == "week":
        days = [ScheduleRange((day + 1) % 7) for day in cadence.weekdays]  # the engine's week begins on Sunday
        calendars = [ScheduleCalendarSpec(hour=hour, minute=minute, day_of_week=days)]
    else:
        calendars = [ScheduleCalendarSpec(hour=hour, minute=minute)]
    instead = [
        ScheduleCalendarSpec(
            hour=[ScheduleRange(one.hour)],
            minute=[ScheduleRange(one.minute)],
            day_of_month=[ScheduleRange(one.day)],
            month=[ScheduleRange(one.month)],
            year=[ScheduleRange(one.year)],
        )
        for one in moments_instead(cadence, plan.zone)
    ]
    return ScheduleSpec(calendars=[*calendars, *instead], time_zone_name=plan.zone)


def _calendar(days: MailDays, hour: Sequence[ScheduleRange], minute: Sequence[ScheduleRange]) -> ScheduleCalendarSpec:
    assert days.day is not None
    every_month = [ScheduleRange(1, 12)]
    return ScheduleCalendarSpec(
        hour=hour,
        minute=minute,
        day_of_month=[ScheduleRange(days.day)],
        month=[ScheduleRange(month) for month in days.months] or every_month,
        year=() if days.leap is None else _LEAP if days.leap else _NOT_LEAP,
    )
