"""Sends a report by mail, to each receiver apart: what one of them meets holds up nobody else. Its history knows
ids and what became of each letter."""

import asyncio
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.report_mails import LetterReport, ReportMailActivities, ReportRun
    from domain.ids import PersonId, ReportMailId, ReportMailRunId
    from domain.report_mail import LetterOutcome, run_id

GIVE_UP_AFTER = timedelta(days=1)
WRITING_TAKES = timedelta(minutes=4)
"""Figures of a big desk, and its turn to draw."""
NOTING_TAKES = timedelta(seconds=10)
LESS_AND_LESS_OFTEN = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_interval=timedelta(minutes=15)
)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
_DUE = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


class ReportMailStart(BaseModel):
    """Which report; `run` is what somebody asked for, and None for what is due by the schedule."""

    model_config = ConfigDict(frozen=True)

    mail: ReportMailId
    run: ReportMailRunId | None = None
    at: datetime | None = None


@workflow.defn(name="ReportMailWorkflow")
class ReportMailWorkflow:
    """One sending: `report-mail-<id>-<when it was due>`."""

    @workflow.run
    async def run(self, start: ReportMailStart) -> dict[str, int]:
        """How many letters came to what."""
        run = ReportRun(
            mail=start.mail,
            run=start.run or run_id(start.mail, workflow.info().workflow_id),
            at=start.at or _due_at(),
            is_asked=start.run is not None,
        )
        receivers = await workflow.execute_activity_method(
            ReportMailActivities.begin_report_mail,
            run,
            start_to_close_timeout=NOTING_TAKES,
            retry_policy=PATIENT,
            summary="who is to be written to",
        )
        outcomes = await asyncio.gather(*(self._write(run, person) for person in receivers))
        await workflow.execute_activity_method(
            ReportMailActivities.end_report_mail,
            run.run,
            start_to_close_timeout=NOTING_TAKES,
            retry_policy=PATIENT,
            summary="note the end",
        )
        return {outcome.value: outcomes.count(outcome) for outcome in LetterOutcome if outcome in outcomes}

    async def _write(self, run: ReportRun, person: PersonId) -> LetterOutcome:
        outcome = await self._sent(run, person)
        await workflow.execute_activity_method(
            ReportMailActivities.note_report_letter,
            LetterReport(run=run.run, person=person, outcome=outcome),
            start_to_close_timeout=NOTING_TAKES,
            retry_policy=PATIENT,
            summary="note what became of the letter",
        )
        return outcome

    async def _sent(self, run: ReportRun, person: PersonId) -> LetterOutcome:
        try:
            return await workflow.execute_activity_method(
                ReportMailActivities.send_report_letter,
                args=[run, person],
                schedule_to_close_timeout=GIVE_UP_AFTER,
                start_to_close_timeout=WRITING_TAKES,
                retry_policy=LESS_AND_LESS_OFTEN,
                summary="compute, draw and send",
            )
        except ActivityError:
            return LetterOutcome.GIVEN_UP


def _due_at() -> datetime:
    """When the schedule meant it to start, however late it is."""
    return workflow.info().typed_search_attributes.get(_DUE) or workflow.info().start_time
