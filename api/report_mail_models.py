"""Mailed reports as they are spoken."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from database.report_mails import ReportMailRecord, RunRecord
from domain.ids import PersonId, ReportMailId, ReportMailRunId
from domain.report_mail import MAX_RECIPIENTS, LetterOutcome, ReportMailPlan, RunProblem


class ReportMailBody(ReportMailPlan):
    """A report that is sent by mail. Every receiver is told what they may see themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipients: Annotated[list[PersonId], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    is_active: bool = True

    def plan(self) -> ReportMailPlan:
        """What is sent and when."""
        return ReportMailPlan.model_validate({name: getattr(self, name) for name in ReportMailPlan.model_fields})


class ReportMailLeaverOut(BaseModel):
    """Who got it and left."""

    person_id: PersonId
    left_at: datetime


class ReportMailOut(ReportMailPlan):
    """A report that is sent by mail. `revision` is its ETag."""

    id: ReportMailId
    owner_id: PersonId
    recipients: list[PersonId]
    leavers: list[ReportMailLeaverOut] = Field(
        description="Who got it and said that they do not want it any more: to name them among the receivers brings "
        "nobody of them back, only they themselves do."
    )
    is_active: bool
    revision: int
    created_at: datetime
    updated_at: datetime


class ReportMailsOut(BaseModel):
    items: list[ReportMailOut]


class ReportLetterOut(BaseModel):
    """What became of the mail to one receiver."""

    person_id: PersonId
    outcome: LetterOutcome
    at: datetime


class ReportMailRunOut(BaseModel):
    """One sending."""

    id: ReportMailRunId
    at: datetime = Field(description="When it was due, or asked for.")
    is_asked: bool
    started_at: datetime | None
    ended_at: datetime | None
    problem: RunProblem | None = Field(description="Why nobody was written to.")
    letters: list[ReportLetterOut]


class ReportMailRunsOut(BaseModel):
    items: list[ReportMailRunOut]


class ReportMailAskedOut(BaseModel):
    """The run that will be."""

    run_id: ReportMailRunId


def report_mail_out(record: ReportMailRecord) -> ReportMailOut:
    return ReportMailOut(
        **dict(record.plan),
        id=record.id,
        owner_id=record.owner,
        recipients=list(record.recipients),
        leavers=[ReportMailLeaverOut(person_id=one.person, left_at=one.left_at) for one in record.leavers],
        is_active=record.is_active,
        revision=record.revision,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def run_out(run: RunRecord) -> ReportMailRunOut:
    letters = [ReportLetterOut(person_id=one.person, outcome=one.outcome, at=one.at) for one in run.letters]
    return ReportMailRunOut(**{**run._asdict(), "letters": letters})
