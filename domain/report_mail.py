"""Reports that come by mail: of which period, how often, and to whom.

A mail's period follows from the moment at which it is due and the zone: whole days, weeks and months of its calendar.
Every receiver is told what they may see themselves (`docs/report-mails.md`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.business_calendar import Zone, time_zone
from domain.errors import InvalidError
from domain.forecast_report import FORECAST, week_to_come
from domain.ids import PersonId, ReportMailId, ReportMailRunId
from domain.period import Period, offsets_of
from domain.report import Dimension, Unit, Value
from domain.report_table import Table
from domain.ticket import Priority, Slug
from domain.ticket_facts import Channel

MAX_RECIPIENTS = 50
MAX_REPORT_MAILS = 500
KNOWN_SINCE, KNOWN_UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2056, 1, 1, tzinfo=UTC)
"""How far changes of the clocks are looked ahead for."""
ALWAYS_BY: Mapping[str, Dimension] = {"agents": Dimension.AGENT, "teams": Dimension.TEAM}
"""Reports that always have these groups."""
_RUNS = UUID("8d0c5c39-0f60-4b38-9a25-0f6a5f0d5c11")
_LONG_MONTHS, _SHORT_MONTHS = (1, 3, 5, 7, 8, 10, 12), (4, 6, 9, 11)


class PeriodKind(StrEnum):
    """Of which days a mail tells; the last of them is the day before it is due, or earlier. But for the forecast."""

    YESTERDAY = "yesterday"
    LAST_7_DAYS = "last_7_days"
    LAST_30_DAYS = "last_30_days"
    LAST_WEEK = "last_week"
    """From Monday to Sunday."""
    LAST_MONTH = "last_month"
    NEXT_7_DAYS = "next_7_days"
    """Of the forecast alone: from the hour in which it is due."""


Attachment = Literal["none", "csv", "xlsx"]
Every = Literal["day", "week", "month"]
Weekday = Annotated[int, Field(ge=0, le=6, description="0 is Monday.")]


class Cadence(BaseModel):
    """When a mail is due, on the zone's clocks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every: Every
    weekdays: tuple[Weekday, ...] = Field(default=(), max_length=7, description="Of a weekly mail.")
    day: int | None = Field(
        default=None, ge=1, le=31, description="Of a monthly mail; a month without that day sends on its last one."
    )
    hour: int = Field(ge=0, le=23)
    minute: int = Field(default=0, ge=0, le=59)

    @model_validator(mode="after")
    def _names_its_days(self) -> Self:
        if (self.every == "week") != bool(self.weekdays):
            raise ValueError("a weekly mail, and no other, names its weekdays")
        if len(set(self.weekdays)) != len(self.weekdays):
            raise ValueError("each weekday is named once")
        if (self.every == "month") != (self.day is not None):
            raise ValueError("a monthly mail, and no other, names its day")
        return self


def is_due_on(cadence: Cadence, on: date) -> bool:
    """Whether a mail is due on that date."""
    if cadence.every == "week":
        return on.weekday() in cadence.weekdays
    if cadence.every == "month":
        last = (on.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        return on.day == min(cadence.day or 1, last.day)
    return True


def moments_instead(cadence: Cadence, zone: Zone) -> list[datetime]:
    """What the clocks show instead on days on which they skip the time at which a mail is due: as much later as they
    jump. Until KNOWN_UNTIL; the engine knows no such time and would leave the day out."""
    moments = []
    for on in _jumps(zone):
        due = datetime(on.year, on.month, on.day, cadence.hour, cadence.minute, tzinfo=time_zone(zone))
        shown = due.astimezone(UTC).astimezone(time_zone(zone))
        if is_due_on(cadence, on) and shown.replace(tzinfo=None) != due.replace(tzinfo=None):
            moments.append(shown)
    return moments


@lru_cache
def _jumps(zone: Zone) -> list[date]:
    """The dates on which the zone's clocks change."""
    changes = offsets_of(Period(KNOWN_SINCE, KNOWN_UNTIL), zone)[1:]
    around = [(change.since - timedelta(seconds=1)).astimezone(time_zone(zone)) for change in changes]
    # A jump over midnight skips times of two dates.
    return sorted({date for one in around for date in (one.date(), one.date() + timedelta(days=1))})


class MailFilters(BaseModel):
    """Which rows are counted; empty means all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    team: tuple[Slug, ...] = Field(default=(), max_length=100)
    priority: tuple[Priority, ...] = Field(default=(), max_length=4)
    category: tuple[Slug, ...] = Field(default=(), max_length=100)
    channel: tuple[Channel, ...] = Field(default=(), max_length=3)
    agent: tuple[PersonId, ...] = Field(default=(), max_length=100)
    no_agent: bool = False


class ReportMailPlan(BaseModel):
    """What is sent and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    report: str = Field(max_length=60)
    filters: MailFilters = MailFilters()
    group_by: Dimension | None = None
    period: PeriodKind
    compare: bool = Field(default=True, description="With the period of the same length before it.")
    zone: Zone = "UTC"
    cadence: Cadence
    attachment: Attachment = "none"

    @property
    def groups(self) -> Dimension | None:
        return ALWAYS_BY.get(self.report, self.group_by)


class MailDays(NamedTuple):
    """Days of the calendar on which a mail is due; empty means all. Years and months are named where days differ."""

    months: Sequence[int] = ()
    day: int | None = None
    leap: bool | None = None
    """Only in leap years, or only in others; None: in all."""


def days_of_month(day: int) -> list[MailDays]:
    """The day of each month, or its last one where it has fewer days."""
    if day <= 28:
        return [MailDays((), day)]
    february = [MailDays((2,), 29, leap=True), MailDays((2,), 28, leap=False)]
    return [MailDays(_LONG_MONTHS, day), MailDays(_SHORT_MONTHS, min(day, 30)), *february]


def period_at(kind: PeriodKind, moment: datetime, zone: Zone) -> Period:
    """The period that a mail which is due at that moment tells of."""
    if kind is PeriodKind.NEXT_7_DAYS:
        return week_to_come(moment)
    today = moment.astimezone(time_zone(zone)).date()
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    since, until = {
        PeriodKind.YESTERDAY: (today - timedelta(days=1), today),
        PeriodKind.LAST_7_DAYS: (today - timedelta(days=7), today),
        PeriodKind.LAST_30_DAYS: (today - timedelta(days=30), today),
        PeriodKind.LAST_WEEK: (monday - timedelta(days=7), monday),
        PeriodKind.LAST_MONTH: ((first - timedelta(days=1)).replace(day=1), first),
    }[kind]
    return Period(_begin(since, zone), _begin(until, zone))


def _begin(day: date, zone: Zone) -> datetime:
    """The first moment of a date; when the clocks skip its midnight, the moment of the skip."""
    return datetime(day.year, day.month, day.day, tzinfo=time_zone(zone)).astimezone(UTC)


def check_plan(plan: ReportMailPlan) -> None:
    """Raises InvalidError when other groups are asked for than the report always has, or what a forecast does not know
    or alone knows."""
    if (plan.report == FORECAST) != (plan.period is PeriodKind.NEXT_7_DAYS):
        raise InvalidError("The forecast, and no other report, is of the next seven days.")
    if plan.report == FORECAST and (plan.group_by is not None or plan.filters != MailFilters(team=plan.filters.team)):
        raise InvalidError("A forecast is of teams: it knows no groups and no other filters.")
    if plan.group_by is not None and plan.groups is not plan.group_by:
        raise InvalidError(f"This report is always by {plan.groups}.")


def run_id(mail: ReportMailId, workflow: str) -> ReportMailRunId:
    """The run of a workflow: the same however often it is begun."""
    return ReportMailRunId(uuid5(_RUNS, f"{mail}:{workflow}"))


def letter_id(run: ReportMailRunId, person: PersonId) -> str:
    """Names the mail of a run to one receiver, also to that receiver's server."""
    return f"report-{uuid5(run, str(person))}"


class RunProblem(StrEnum):
    """Why a run sent nothing to anybody."""

    INACTIVE = "inactive"
    OWNER_LOST_RIGHTS = "owner_lost_rights"
    """Its owner is no supervisor and no admin any more, or was disabled."""
    NOBODY = "nobody"


class LetterOutcome(StrEnum):
    """What became of the mail to one receiver."""

    SENT = "sent"
    NOT_OF_DESK = "not_of_desk"
    """They were disabled, or are not of the desk any more."""
    NO_RIGHTS = "no_rights"
    """They may see nothing of what was asked for."""
    LEFT = "left"
    """They left meanwhile."""
    REFUSED = "refused"
    """Their mail server said no, for good."""
    GIVEN_UP = "given_up"
    """Nobody took it for a day."""


class FigureLine(NamedTuple):
    """A figure of the whole."""

    title: str
    unit: Unit
    value: Value
    previous: Value
    change: float | None


class Chart(NamedTuple):
    """A picture of figures; NaN is a gap. Of a `band`, the first two series are its ends."""

    title: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[float]]
    kind: Literal["line", "bar", "heat", "band"]
    unit: Unit


class ReportLetter(NamedTuple):
    """What one receiver is told."""

    id: str
    mail: ReportMailId
    person: PersonId
    address: str
    name: str
    report: str
    title: str
    period: Period
    previous_period: Period | None
    zone: Zone
    lines: Sequence[FigureLine]
    charts: Sequence[Chart]
    attachment: Attachment
    flat: Table
    tables: Sequence[Table]
