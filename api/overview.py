"""The overview of the desk, now or at a past moment, and the queue as it stood: `docs/metrics.md` defines all of it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.report_files import FILES, answer_file
from api.report_models import ReportOut, spoken_report
from api.report_questions import AsAskedFilter, AsFormat, AskedReport, AsOf, drill_down_of
from api.requests import AsReader, InDesk
from api.ticket_models import PersonRef
from database.overview import Overview
from database.queue_figures import OVERVIEW_FIGURES
from database.queue_list import StoodTicket
from database.report_log import ReportStanding
from domain.access import ticket_scope
from domain.business_calendar import Zone
from domain.errors import InvalidError
from domain.ids import TicketNumber
from domain.period import Period, asked_period, day_so_far, past_moment, same_hours_of_the_day_before
from domain.queue_counts import QueueCounts
from domain.report import Comparison, Dimension, Question
from domain.sla_clock import SlaState
from domain.ticket import Priority, Slug, Status
from domain.ticket_commands import Moment
from domain.ticket_facts import Channel

router = AreaRouter(prefix="/reports", tags=["reports"])


class StandingOut(BaseModel):
    """How far facts, which all figures are made of, have come."""

    facts_behind_seconds: float = Field(description="The age of the oldest event that no figure knows yet; 0: none.")
    is_rebuilding: bool = Field(description="Facts are being made anew: figures may be wrong until that is done.")


class OverviewOut(ReportOut):
    """Figures of the period, and of the queue as it stood at `as_of`. `previous` ones of the queue: as it stood at the
    end of the period before."""

    standing: StandingOut
    teams: list[QueueCounts] = Field(
        description="Of every team that you may see, whatever was narrowed; `overview.changed` on the event stream "
        "goes on with them. Empty for a past moment."
    )
    stream_cursor: str | None = Field(description="Where the stream goes on; null for a past moment.")


class QueueTicketOut(BaseModel):
    """A ticket as it stood. Its title, of today, is told to those who may see the ticket now."""

    number: int
    title: str | None
    status: Status
    team: Slug | None
    priority: Priority
    category: Slug
    channel: Channel
    assignee: PersonRef | None
    sla_state: SlaState
    snoozed: bool
    waiting: bool = Field(description="It needed an owner.")
    escalation_level: int
    since: datetime = Field(description="Since when it had stood so.")
    opened_at: datetime


class QueueOut(BaseModel):
    """The tickets that were not closed at `as_of`, the newest first."""

    as_of: datetime
    standing: StandingOut
    items: list[QueueTicketOut]
    next_cursor: str | None


async def asked_overview(
    request: Request,
    wanted: AsAskedFilter,
    since: Annotated[
        Moment | None, Query(alias="from", description="From this moment on; without it, from the day's begin on.")
    ] = None,
    until: Annotated[
        Moment | None, Query(alias="to", description="Before this moment; without it, until `as_of` or now.")
    ] = None,
    zone: Annotated[Zone, Query(description="Whose day: an IANA time zone.")] = "UTC",
    group_by: Annotated[Dimension | None, Query()] = None,
    compare: Annotated[
        Comparison,
        Query(description="With the same hours of the day before; of another period, with as long a one before it."),
    ] = "previous",
    as_of: AsOf = None,
    format: AsFormat = "json",
) -> AskedReport:
    """Raises InvalidError for a period that is none or goes on after `as_of`, for a moment that is still to come, and
    for a dimension that no figure knows."""
    now = datetime.now(UTC)
    moment = now if as_of is None else past_moment(as_of, now)
    if until is not None and as_of is not None and until > moment:
        raise InvalidError("What is told of a past moment ends by then: `to` lies after `as_of`.")
    if group_by is not None and not any(one.population.knows(group_by) for one in OVERVIEW_FIGURES):
        raise InvalidError(f"No figure of this report is known by {group_by}.")
    period, before = _period(since, until, moment, zone)
    question = Question(
        period=period,
        now=now,
        wanted=wanted,
        group_by=group_by,
        zone=zone,
        compare=compare == "previous",
        before=before,
        as_of=as_of,
    )
    return AskedReport(question, drill_down_of(request, period), format)


def _period(
    since: datetime | None, until: datetime | None, moment: datetime, zone: Zone
) -> tuple[Period, Period | None]:
    """The period, and the one to compare it with: None: as long a one just before it."""
    day = day_so_far(moment if until is None else until, zone)
    if since is None:
        return day, same_hours_of_the_day_before(day, zone)
    return asked_period(since, day.until, moment), None


@router.get("/overview", response_model=OverviewOut, responses=FILES)
async def report_overview(
    desk: InDesk, asked: Annotated[AskedReport, Depends(asked_overview)]
) -> OverviewOut | Response:
    """How the desk stands, and what came and went today. Kept current: take `teams` and go on with the event stream
    from `stream_cursor`."""
    overview = await desk.overviews.read(asked.question)
    if asked.format != "json":
        return await answer_file("overview", OVERVIEW_FIGURES, overview.answer, asked.format)
    return _spoken(overview, asked.drill_down)


def _spoken(overview: Overview, drill_down: str) -> OverviewOut:
    report = spoken_report("overview", OVERVIEW_FIGURES, overview.answer, drill_down)
    return OverviewOut(
        **dict(report),
        standing=_spoken_standing(overview.standing),
        teams=overview.teams,
        stream_cursor=None if overview.stream_cursor is None else str(overview.stream_cursor),
    )


def _spoken_standing(standing: ReportStanding) -> StandingOut:
    return StandingOut(facts_behind_seconds=standing.behind_seconds, is_rebuilding=standing.is_rebuilding)


@router.get("/queue")
async def report_queue(
    desk: InDesk,
    reader: AsReader,
    wanted: AsAskedFilter,
    status: Annotated[list[Status], Query()] = [],
    waiting: Annotated[bool | None, Query(description="Only what needed an owner, or only the rest.")] = None,
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> QueueOut:
    """The tickets that were not closed at a past moment, or are not now, and how each stood."""
    now = datetime.now(UTC)
    moment = None if as_of is None else past_moment(as_of, now)
    page = await desk.queue.page(
        Question(day_so_far(now, "UTC"), now, wanted, as_of=moment),
        status=status,
        is_waiting=waiting,
        after=None if cursor is None else TicketNumber(cursor),
        limit=limit,
    )
    scope = ticket_scope(reader)
    titles = {
        one.number: one.title for one in await desk.tickets.read_some([row.number for row in page])
        if scope.includes(one)
    }  # fmt: skip
    return QueueOut(
        as_of=moment or now,
        standing=_spoken_standing(await desk.overviews.standing()),
        items=[_spoken_ticket(one, titles.get(one.number)) for one in page],
        next_cursor=str(page[-1].number) if len(page) == limit else None,
    )


def _spoken_ticket(one: StoodTicket, title: str | None) -> QueueTicketOut:
    assignee = None if one.assignee_id is None else PersonRef(id=one.assignee_id, name=one.assignee_name or "")
    return QueueTicketOut(
        number=one.number,
        title=title,
        status=one.status,
        team=one.team,
        priority=one.priority,
        category=one.category,
        channel=one.channel,
        assignee=assignee,
        sla_state=one.sla_state,
        snoozed=one.snoozed,
        waiting=one.is_waiting,
        escalation_level=one.escalation_level,
        since=one.since,
        opened_at=one.opened_at,
    )
