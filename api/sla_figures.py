"""How the promises were kept: figures of a period, whole, by groups, and day by day. `docs/sla-figures.md` defines
them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk
from database.sla_figures import ClockFilter, Counts, Figures, GroupBy, OpenClocks, Spread
from domain.access import agent_with_figures, teams_with_figures
from domain.business_calendar import Zone
from domain.errors import ForbiddenError
from domain.ids import PersonId
from domain.period import MAX_PIECES, IntervalKind, Period, asked_period, pieces_of
from domain.sla_clock import Audience, Target
from domain.ticket import Priority, Slug
from domain.ticket_commands import Moment

router = AreaRouter(prefix="/sla", tags=["sla"])


class SpreadOut(BaseModel):
    """How long things took."""

    average_seconds: float
    median_seconds: float
    p90_seconds: float = Field(description="Nine of ten stayed within.")
    longest_seconds: float


class SlaCountsOut(BaseModel):
    """The clocks that were decided in the period: breached in it, or else ended in it."""

    decided: int = Field(description="`met_in_time` and `breached`.")
    met_in_time: int
    breached: int
    met_late: int = Field(description="Of the breached: met since.")
    still_open: int = Field(description="Of the breached: not met yet.")
    cancelled: int = Field(description="Counted apart: ended with nothing kept or broken.")
    compliance: float | None = Field(description="`met_in_time` of `decided`, 0 to 1; null when nothing was decided.")


class SlaTargetFiguresOut(SlaCountsOut):
    """The figures of one target. Null where there is nothing to measure."""

    target: Target
    used: SpreadOut | None = Field(description="To meet the target, in the clock's own time.")
    wall: SpreadOut | None = Field(description="To meet the target, in wall-clock time, pauses included.")
    past_due: SpreadOut | None = Field(
        description="Of the breached, in wall-clock time: until they ended, or until now."
    )


class SlaOpenOut(BaseModel):
    """The clocks that are open now, whatever the period: never counted as failed before they are due."""

    target: Target
    running: int = Field(description="Counting, and not due yet.")
    paused: int = Field(description="Standing still, and not breached.")
    at_risk: int = Field(description="Of `running` and `paused`: warned of.")
    overdue: int = Field(description="Breached, whenever that was, and not met yet.")
    longest_seconds: float | None = Field(description="The age of the oldest of them, in wall-clock time.")


class SlaGroupFiguresOut(BaseModel):
    """The clocks of one group; those of none have the key null."""

    key: str | None
    name: str | None
    total: SlaCountsOut
    targets: list[SlaTargetFiguresOut]
    open: list[SlaOpenOut]


class SlaMetricsOut(BaseModel):
    """The figures of the period [`from`, `to`) as they stood at `as_of`."""

    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    as_of: datetime
    audience: Audience
    group_by: GroupBy | None
    total: SlaCountsOut
    targets: list[SlaTargetFiguresOut]
    open: list[SlaOpenOut]
    groups: list[SlaGroupFiguresOut]


class SlaIntervalFiguresOut(BaseModel):
    """A day, week or month of the zone, as far as it lies in the period: [`from`, `to`). `date` is its first date."""

    date: date
    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    total: SlaCountsOut
    targets: list[SlaTargetFiguresOut]


class SlaTrendsOut(BaseModel):
    """The figures of a period as they stood at `as_of`, interval by interval, without a gap."""

    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    as_of: datetime
    audience: Audience
    interval: IntervalKind
    zone: str
    items: list[SlaIntervalFiguresOut]


class Asked(BaseModel):
    """What a request for figures asks for, as of now. `alone`: the only agent whose own figures are to be told."""

    period: Period
    wanted: ClockFilter
    alone: PersonId | None
    now: datetime


async def asked(
    desk: InDesk,
    reader: AsReader,
    since: Annotated[
        Moment | None, Query(alias="from", description="From this moment on; without it, thirty days before `to`.")
    ] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Before this moment; without it, until now.")] = None,
    audience: Annotated[
        Audience, Query(description="The promise to the customer, or the teams' own goals.")
    ] = "customer",
    target: Annotated[list[Target], Query()] = [],
    team: Annotated[list[Slug], Query()] = [],
    priority: Annotated[list[Priority], Query()] = [],
    category: Annotated[list[Slug], Query()] = [],
    agent: Annotated[list[UUID | Literal["me", "none"]], Query(description="Ids, `me` or `none`.")] = [],
) -> Asked:
    """Raises ForbiddenError for requesters, and for teams and colleagues whose figures are not the reader's to see;
    UnknownReferenceError for what does not exist."""
    within, alone = teams_with_figures(reader), agent_with_figures(reader)
    now = datetime.now(UTC)
    people = [reader.id if one == "me" else PersonId(one) for one in agent if isinstance(one, UUID) or one == "me"]
    wanted = ClockFilter(
        audience=audience,
        target=target,
        team=team,
        priority=priority,
        category=category,
        agent=people,
        no_agent="none" in agent,
        within=within,
    )
    period = asked_period(since, until, now)
    await desk.figures.check_known(wanted)
    if within is not None and not within.issuperset(team):
        raise ForbiddenError("You see the figures of your own teams.")
    if alone is not None and not {alone}.issuperset(people):
        raise ForbiddenError("You see your own figures and those of your teams.")
    return Asked(period=period, wanted=wanted, alone=alone, now=now)


AsAsked = Annotated[Asked, Depends(asked)]


@router.get("/metrics")
async def sla_metrics(
    desk: InDesk, asked: AsAsked, group_by: Annotated[GroupBy | None, Query()] = None
) -> SlaMetricsOut:
    """How the promises were kept in a period, for the desk: supervisors and admins see everything, agents their teams,
    and of all agents only themselves.

    A clock counts once: in the period of its breach, or else of its end, and where its ticket was then.
    """
    metrics = await desk.figures.metrics(asked.period, asked.wanted, group_by, asked.now)
    return SlaMetricsOut(
        since=asked.period.since,
        until=asked.period.until,
        as_of=asked.now,
        audience=asked.wanted.audience,
        group_by=group_by,
        total=_total(metrics.decided),
        targets=_targets(metrics.decided),
        open=_open(metrics.open),
        groups=[
            SlaGroupFiguresOut(
                key=group.key,
                name=group.name,
                total=_total(group.decided),
                targets=_targets(group.decided),
                open=_open(group.open),
            )
            for group in metrics.groups
            if group_by != "agent" or asked.alone is None or group.key in (None, str(asked.alone))
        ],
    )


@router.get("/trends")
async def sla_trends(
    desk: InDesk,
    asked: AsAsked,
    interval: Annotated[IntervalKind, Query(description=f"At most {MAX_PIECES} of them.")] = "day",
    zone: Annotated[Zone, Query(description="Whose days: an IANA time zone.")] = "UTC",
) -> SlaTrendsOut:
    """The figures of a period day by day, week by week (from Monday on) or month by month, as a zone's calendar has
    them. The intervals together are the period: their counts add up to its metrics."""
    pieces = pieces_of(asked.period, interval, zone)
    found = await desk.figures.trends(pieces, asked.wanted, asked.now)
    return SlaTrendsOut(
        since=asked.period.since,
        until=asked.period.until,
        as_of=asked.now,
        audience=asked.wanted.audience,
        interval=interval,
        zone=zone,
        items=[
            SlaIntervalFiguresOut(
                date=piece.on,
                since=piece.since,
                until=piece.until,
                total=_total(decided),
                targets=_targets(decided),
            )
            for piece, decided in zip(pieces, found, strict=True)
        ],
    )


def _total(decided: Mapping[Target, Figures]) -> SlaCountsOut:
    total = Counts()
    for figures in decided.values():
        total = total.plus(figures.counts)
    return SlaCountsOut.model_validate(_counts(total))


def _counts(counts: Counts) -> dict[str, int | float | None]:
    return {**counts._asdict(), "decided": counts.decided, "compliance": counts.compliance}


def _targets(decided: Mapping[Target, Figures]) -> list[SlaTargetFiguresOut]:
    return [
        SlaTargetFiguresOut.model_validate(
            {
                "target": target,
                **_counts(figures.counts),
                "used": _spread(figures.used),
                "wall": _spread(figures.wall),
                "past_due": _spread(figures.past_due),
            }
        )
        for target, figures in decided.items()
    ]


def _spread(spread: Spread | None) -> SpreadOut | None:
    if spread is None:
        return None
    return SpreadOut(
        average_seconds=spread.average,
        median_seconds=spread.median,
        p90_seconds=spread.p90,
        longest_seconds=spread.longest,
    )


def _open(clocks: Mapping[Target, OpenClocks]) -> list[SlaOpenOut]:
    return [
        SlaOpenOut(
            target=target,
            running=one.running,
            paused=one.paused,
            at_risk=one.at_risk,
            overdue=one.overdue,
            longest_seconds=one.longest,
        )
        for target, one in clocks.items()
    ]
