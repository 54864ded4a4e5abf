"""Reports: the figures of a period, and the tickets behind each of them. `docs/metrics.md` defines every figure."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.report_files import FILES, TicketsAsked, answer_file, tickets_file
from api.report_models import ReportOut, spoken_report
from api.report_questions import AsAskedReport, AskedReport, AsOf
from api.requests import AsReader, InDesk
from api.state import Desk
from database.report_catalogue import FIGURES, REPORTS
from domain.access import ticket_scope
from domain.errors import InvalidError
from domain.ids import TicketNumber
from domain.period import past_moment
from domain.report import NONE, Dimension
from domain.sla_clock import Audience
from domain.ticket import Priority, Slug, Status

router = AreaRouter(prefix="/reports", tags=["reports"], responses=FILES)


class CountedTicketOut(BaseModel):
    """A row that a number counts. What the ticket is now is told to those who may see it, and is null to others."""

    number: int
    at: datetime | None = Field(description="The moment at which it counts.")
    value: float | None = Field(description="What it counts with: seconds, a score; null: only that it is there.")
    title: str | None
    status: Status | None
    priority: Priority | None
    team: Slug | None


class DrillDownOut(BaseModel):
    """The tickets behind a number, the newest first. One that counts several times stands there as often."""

    figure: str
    items: list[CountedTicketOut]
    next_cursor: str | None


async def report(desk: Desk, name: str, asked: AskedReport) -> ReportOut | Response:
    """A report by its name, as a file when one was asked for.

    Raises InvalidError for a dimension that none of its figures knows.
    """
    figures, group_by = REPORTS[name], asked.question.group_by
    if group_by is not None and not any(one.population.knows(group_by) for one in figures):
        raise InvalidError(f"No figure of this report is known by {group_by}.")
    answer = await desk.reports.ask(figures, asked.question)
    if asked.format != "json":
        return await answer_file(name, figures, answer, asked.format)
    return spoken_report(name, figures, answer, asked.drill_down)


@router.get("/tickets", response_model=ReportOut)
async def report_tickets(desk: InDesk, asked: AsAskedReport) -> ReportOut | Response:
    """How many tickets came, how soon they were answered and resolved, and how smoothly."""
    return await report(desk, "tickets", asked)


@router.get("/sla", response_model=ReportOut)
async def report_sla(
    desk: InDesk,
    asked: AsAskedReport,
    audience: Annotated[
        Audience, Query(description="The promise to the customer, or the teams' own goals.")
    ] = "customer",
) -> ReportOut | Response:
    """How the promises were kept: the same numbers as `/api/sla/metrics` and `/api/sla/trends` give."""
    return await report(desk, "sla" if audience == "customer" else "team_sla", asked)


@router.get("/agents", response_model=ReportOut)
async def report_agents(desk: InDesk, asked: AsAskedReport) -> ReportOut | Response:
    """What agents did, and how their time went. Agents are told their own figures, and of all others only the sum."""
    return await report(desk, "agents", asked.by(Dimension.AGENT))


@router.get("/teams", response_model=ReportOut)
async def report_teams(desk: InDesk, asked: AsAskedReport) -> ReportOut | Response:
    """What teams did, how their time went, and how evenly the work lay among their members."""
    return await report(desk, "teams", asked.by(Dimension.TEAM))


@router.get("/escalations", response_model=ReportOut)
async def report_escalations(desk: InDesk, asked: AsAskedReport) -> ReportOut | Response:
    """How often tickets' levels were raised and by whom, how far, and how soon somebody took it on."""
    return await report(desk, "escalations", asked)


@router.get("/satisfaction", response_model=ReportOut)
async def report_satisfaction(desk: InDesk, asked: AsAskedReport) -> ReportOut | Response:
    """What requesters said of how their tickets were handled, and how many of them said anything."""
    return await report(desk, "satisfaction", asked)


@router.get("/drill-down", response_model=DrillDownOut)
async def drill_down(
    desk: InDesk,
    reader: AsReader,
    asked: AsAskedReport,
    figure: Annotated[str, Query(max_length=60, description="The name of a figure of any report.")],
    key: Annotated[
        str | None, Query(pattern="^[a-z0-9_-]{1,60}$", description="Of a group; `none` for that of none.")
    ] = None,
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Of a page; a file has all of them.")] = 50,
    cursor: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> DrillDownOut | Response:
    """The tickets behind a number: chosen by the same words as those that it counts. A file has at most a million."""
    if figure not in FIGURES:
        raise InvalidError(f"There is no figure {figure}.")
    if key is not None and asked.question.group_by is None:
        raise InvalidError("A key takes the `group_by` that it is of.")
    past = None if as_of is None else past_moment(as_of, asked.question.now)
    question = asked.question._replace(as_of=past)
    scope = ticket_scope(reader)
    wanted = TicketsAsked(FIGURES[figure], question, None if key == NONE else key, key is not None, scope)
    if asked.format != "json":
        return tickets_file(desk, wanted, asked.format)
    counted = await desk.reports.tickets_of(
        wanted.figure,
        wanted.question,
        wanted.key,
        has_key=wanted.has_key,
        after=None if cursor is None else TicketNumber(cursor),
        limit=limit,
    )
    numbers = list(dict.fromkeys(row.number for row in counted))
    seen = {one.number: one for one in await desk.tickets.read_some(numbers) if scope.includes(one)}
    items = [
        CountedTicketOut(
            number=row.number,
            at=row.at,
            value=row.value,
            title=ticket.title if ticket else None,
            status=ticket.status if ticket else None,
            priority=ticket.priority if ticket else None,
            team=ticket.team if ticket else None,
        )
        for row in counted
        for ticket in [seen.get(row.number)]
    ]
    return DrillDownOut(figure=figure, items=items, next_cursor=str(numbers[-1]) if len(numbers) == limit else None)
