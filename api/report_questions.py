"""What a request for a report asks for, and whether its reader may."""

from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request

from api.requests import AsReader, InDesk
from domain.access import agent_with_figures, teams_with_figures
from domain.business_calendar import Zone
from domain.errors import ForbiddenError, InvalidError
from domain.ids import PersonId
from domain.period import MAX_PIECES, IntervalKind, Period, asked_period, pieces_of
from domain.report import Comparison, Dimension, Question, ReportFilter
from domain.ticket import Priority, Slug
from domain.ticket_commands import Moment
from domain.ticket_facts import Channel

DRILL_DOWN = "/api/reports/drill-down"
ReportFormat = Literal["json", "csv", "xlsx"]
AsFormat = Annotated[ReportFormat, Query(description="JSON, or a file: CSV, or a workbook of a spreadsheet program.")]


class AskedReport(NamedTuple):
    """A question, the address of the tickets behind its numbers, and how the answer is wanted."""

    question: Question
    drill_down: str
    format: ReportFormat = "json"

    def by(self, dimension: Dimension) -> "AskedReport":
        """The same of a report that always has these groups. Raises InvalidError when others were asked for."""
        if self.question.group_by is dimension:
            return self
        if self.question.group_by is not None:
            raise InvalidError(f"This report is always by {dimension}.")
        drill_down = self.drill_down.replace("{", f"&group_by={dimension}{{")
        return AskedReport(self.question._replace(group_by=dimension), drill_down, self.format)


async def asked_filter(
    desk: InDesk,
    reader: AsReader,
    team: Annotated[list[Slug], Query()] = [],
    priority: Annotated[list[Priority], Query()] = [],
    category: Annotated[list[Slug], Query()] = [],
    channel: Annotated[list[Channel], Query()] = [],
    agent: Annotated[list[UUID | Literal["me", "none"]], Query(description="Ids, `me` or `none`.")] = [],
) -> ReportFilter:
    """Raises ForbiddenError for requesters, and for teams and colleagues whose figures are not the reader's to see;
    UnknownReferenceError for what does not exist."""
    within, alone = teams_with_figures(reader), agent_with_figures(reader)
    people = [reader.id if one == "me" else PersonId(one) for one in agent if isinstance(one, UUID) or one == "me"]
    wanted = ReportFilter(team, priority, category, channel, people, "none" in agent, within, alone)
    await desk.reports.check_known(wanted)
    if within is not None and not within.issuperset(team):
        raise ForbiddenError("You see the figures of your own teams.")
    if alone is not None and not {alone}.issuperset(people):
        raise ForbiddenError("You see your own figures and those of your teams.")
    return wanted


async def asked_report(
    request: Request,
    wanted: Annotated[ReportFilter, Depends(asked_filter)],
    since: Annotated[
        Moment | None, Query(alias="from", description="From this moment on; without it, thirty days before `to`.")
    ] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Before this moment; without it, until now.")] = None,
    zone: Annotated[Zone, Query(description="Whose days and hours: an IANA time zone.")] = "UTC",
    group_by: Annotated[Dimension | None, Query()] = None,
    interval: Annotated[IntervalKind | None, Query(description=f"Piece by piece, at most {MAX_PIECES}.")] = None,
    compare: Annotated[Comparison, Query(description="With the period of the same length before it.")] = "none",
    format: AsFormat = "json",
) -> AskedReport:
    """Raises InvalidError for a period that is none."""
    now = datetime.now(UTC)
    period = asked_period(since, until, now)
    question = Question(
        period=period,
        now=now,
        wanted=wanted,
        group_by=group_by,
        pieces=() if interval is None else pieces_of(period, interval, zone),
        zone=zone,
        compare=compare == "previous",
    )
    return AskedReport(question, drill_down_of(request, period), format)


def drill_down_of(request: Request, period: Period) -> str:
    """The address of the tickets behind the numbers that were asked for."""
    narrowed = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name in ("team", "priority", "category", "channel", "agent", "zone", "group_by", "as_of")
    ]
    ends = [(name, end.isoformat()) for name, end in zip(("from", "to"), period, strict=True)]
    return f"{DRILL_DOWN}?{urlencode([*ends, *narrowed])}{{&figure,key}}"


AsOf = Annotated[Moment | None, Query(description="How it was at this past moment; without it, how it is now.")]
AsAskedFilter = Annotated[ReportFilter, Depends(asked_filter)]
AsAskedReport = Annotated[AskedReport, Depends(asked_report)]
