"""What the desk has to do and who can do it: whole, by team and by agent. `docs/workload.md` defines the figures."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query
from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk
from api.state import Desk
from api.ticket_models import PersonRef
from database.ticket_lists import NOT_OURS
from database.workload import AgentLoad, Queue, TeamLoad
from domain.access import Reader, teams_with_figures
from domain.agent import Presence
from domain.assignment import absence
from domain.errors import ForbiddenError, InvalidError, NotFoundError
from domain.ids import PersonId
from domain.ticket import Slug
from domain.workload import room, utilisation

router = AreaRouter(prefix="/workload", tags=["workload"])


class HeldByStatusOut(BaseModel):
    """Open tickets that somebody has."""

    new: int
    open: int
    pending: int
    on_hold: int


class PressureOut(BaseModel):
    """How pressing open tickets are."""

    overdue: int = Field(description="A target is broken and still open, or something was due before now.")
    due_soon: int = Field(description="Not overdue, and due within the next 4 hours.")
    at_risk: int = Field(description="SLA state `at_risk`.")
    breached: int = Field(description="SLA state `breached`.")


class QueueOut(PressureOut):
    """The open tickets of a team, or of several."""

    waiting: int = Field(description="Need an owner now.")
    offered: int = Field(description="Of `waiting`: offered to somebody at this moment.")
    oldest_waiting_at: datetime | None = Field(description="When the first of `waiting` was opened.")
    waiting_minutes: int = Field(description="Expected work of `waiting`.")
    owned: int = Field(description="Have an assignee; `by_status` adds up to it.")
    by_status: HeldByStatusOut
    snoozed: int


class SkillHeldOut(BaseModel):
    """How many have a skill, at any level."""

    skill: Slug
    agents: int
    there: int = Field(description="Of `agents`: take tickets now.")


class StaffOut(BaseModel):
    """Agents and what they carry, each once, whichever team it is for."""

    agents: int
    there: int = Field(description="Take tickets now, as far as they have room.")
    presence: dict[str, int] = Field(description="Presence -> how many agents.")
    load: float = Field(description="Tickets that they carry, weighed by priority.")
    capacity: float = Field(description="What they can carry, likewise.")
    load_minutes: int = Field(description="Expected work of what they carry.")
    capacity_minutes: int | None = Field(description="Null when anybody's minutes are not limited.")
    utilisation: float | None = Field(description="`load` of `capacity`; null without any capacity.")
    room: float = Field(description="What those who are there can take, in tickets of weight 1.")
    next_free_at: datetime | None = Field(description="When the first of them can begin one more; null: nobody knows.")
    skills: list[SkillHeldOut]


class WorkloadSummaryOut(BaseModel):
    """All teams that the reader sees, as of `as_of`."""

    as_of: datetime
    stream_cursor: str
    teams: int
    queue: QueueOut
    unrouted: QueueOut = Field(description="Tickets of no team; not in `queue`.")
    staff: StaffOut


class TeamWorkloadOut(BaseModel):
    slug: Slug
    name: str
    is_active: bool
    queue: QueueOut
    staff: StaffOut


class TeamsWorkloadOut(BaseModel):
    as_of: datetime
    stream_cursor: str
    items: list[TeamWorkloadOut]


class DueOut(BaseModel):
    ticket: int
    due_at: datetime


class ComingShiftOut(BaseModel):
    team: Slug | None = Field(description="Null: for all of theirs.")
    starts_at: datetime
    ends_at: datetime


class SkillLevelOut(BaseModel):
    skill: Slug
    level: int


class AgentWorkloadOut(PressureOut):
    """An agent with all that they carry, whichever team it is for."""

    agent: PersonRef
    teams: list[Slug]
    presence: Presence
    presence_since: datetime
    there: bool = Field(description="Takes tickets now, as far as there is room.")
    on_shift: bool
    shift_ends_at: datetime | None
    next_on_at: datetime | None = Field(description="When the next shift begins.")
    load: float
    capacity: float
    load_minutes: int
    capacity_minutes: int | None
    utilisation: float = Field(description="The fuller of tickets and minutes; 1 is all that they can carry.")
    carried: int = Field(description="Tickets that take room: new or open, and not snoozed.")
    next_free_at: datetime | None = Field(description="When they can begin one more; null: nobody knows.")
    owned: int = Field(description="Open tickets; `by_status` adds up to it.")
    by_status: HeldByStatusOut
    snoozed: int
    skills: list[SkillLevelOut]
    due: list[DueOut] = Field(description="Due within 24 hours or before, the earliest first; at most 10.")
    shifts: list[ComingShiftOut] = Field(description="Of the next 24 hours, with the one that is on.")


class AgentsWorkloadOut(BaseModel):
    items: list[AgentWorkloadOut]
    next_cursor: str | None
    stream_cursor: str


class TeamWorkloadDetailOut(TeamWorkloadOut):
    """A team with its agents."""

    as_of: datetime
    stream_cursor: str
    members: list[AgentWorkloadOut]


@router.get("/summary")
async def workload_summary(desk: InDesk, reader: AsReader) -> WorkloadSummaryOut:
    """What there is to do and who is there, for the desk: supervisors and admins see everything, agents their teams."""
    within, now = teams_with_figures(reader), datetime.now(UTC)
    stream = await desk.events.now()
    found = await desk.workload.teams(within, now)
    queue = Queue()
    for team in found.teams:
        queue = queue.plus(team.queue)
    everybody = {one.id: one for team in found.teams for one in team.members}
    return WorkloadSummaryOut(
        as_of=now,
        stream_cursor=str(stream),
        teams=len(found.teams),
        queue=_queue(queue),
        unrouted=_queue(found.unrouted),
        staff=_staff(everybody.values()),
    )


@router.get("/teams")
async def workload_of_teams(desk: InDesk, reader: AsReader) -> TeamsWorkloadOut:
    """Each team's queue and staff, by slug; agents see their teams."""
    within, now = teams_with_figures(reader), datetime.now(UTC)
    stream = await desk.events.now()
    found = await desk.workload.teams(within, now)
    items = [TeamWorkloadOut.model_validate(_team(team)) for team in found.teams]
    return TeamsWorkloadOut(as_of=now, stream_cursor=str(stream), items=items)


@router.get("/teams/{slug}")
async def workload_of_team(slug: Annotated[Slug, Path()], desk: InDesk, reader: AsReader) -> TeamWorkloadDetailOut:
    """One team's queue and staff, agent by agent."""
    now = datetime.now(UTC)
    check_team_figures(reader, slug)
    stream = await desk.events.now()
    found = (await desk.workload.teams([slug], now)).teams
    if not found:
        raise NotFoundError(f"There is no team {slug}.")
    return TeamWorkloadDetailOut.model_validate(
        {
            **_team(found[0]),
            "as_of": now,
            "stream_cursor": str(stream),
            "members": [_agent(one) for one in found[0].members],
        }
    )


@router.get("/agents")
async def workload_of_agents(
    desk: InDesk,
    reader: AsReader,
    team: Annotated[list[Slug], Query(description="Of any of these; without it, all that you see.")] = [],
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
) -> AgentsWorkloadOut:
    """Each agent's load, capacity and upcoming work, a page at a time; agents see those of their teams."""
    within = teams_with_figures(reader)
    for slug in team:
        check_team_figures(reader, slug)
        await desk.workload.check_team(slug)
    try:
        after = None if cursor is None else PersonId(UUID(cursor))
    except ValueError as error:
        raise InvalidError(NOT_OURS) from error
    stream = await desk.events.now()
    found = await desk.workload.agents(team or within, after, limit + 1, datetime.now(UTC))
    more = len(found) > limit
    return AgentsWorkloadOut(
        items=[_agent(one) for one in found[:limit]],
        next_cursor=str(found[limit - 1].id) if more else None,
        stream_cursor=str(stream),
    )


def check_team_figures(reader: Reader, team: Slug) -> None:
    """Raises ForbiddenError for requesters, and for agents of other teams."""
    within = teams_with_figures(reader)
    if within is not None and team not in within:
        raise ForbiddenError("You see the figures of your own teams.")


async def names_of(desk: Desk, people: Iterable[PersonId]) -> dict[PersonId, PersonRef]:
    """These people as they are shown."""
    return {id: PersonRef(id=id, name=name) for id, name in (await desk.dispatch.names(people)).items()}


def _team(team: TeamLoad) -> dict[str, Any]:
    return {
        "slug": team.slug,
        "name": team.name,
        "is_active": team.is_active,
        "queue": _queue(team.queue),
        "staff": _staff(team.members),
    }


def _queue(queue: Queue) -> QueueOut:
    return QueueOut.model_validate({**queue._asdict(), "by_status": queue._asdict()})


def _staff(found: Iterable[AgentLoad]) -> StaffOut:
    people = list(found)
    candidates = [one.agent.member.candidate for one in people]
    there = [one for one in candidates if absence(one) is None]
    held = Counter(skill for one in candidates for skill in one.skills)
    held_there = Counter(skill for one in there for skill in one.skills)
    load, capacity = sum(one.load for one in candidates), sum(one.capacity.tickets for one in candidates)
    minutes = [one.capacity.minutes for one in candidates]
    limits = [one for one in minutes if one is not None]
    return StaffOut(
        agents=len(people),
        there=len(there),
        presence={str(presence): sum(one.presence is presence for one in candidates) for presence in Presence},
        load=load,
        capacity=capacity,
        load_minutes=sum(one.load_minutes for one in candidates),
        capacity_minutes=sum(limits) if len(limits) == len(minutes) else None,
        utilisation=load / capacity if capacity else None,
        room=sum(room(one) for one in there),
        next_free_at=min((one.free_at for one in people if one.free_at is not None), default=None),
        skills=[SkillHeldOut(skill=skill, agents=held[skill], there=held_there[skill]) for skill in sorted(held)],
    )


def _agent(one: AgentLoad) -> AgentWorkloadOut:
    member, held = one.agent.member, one.held
    candidate, duty = member.candidate, member.duty
    counts = {status: held.by_status.get(status, 0) for status in HeldByStatusOut.model_fields}
    return AgentWorkloadOut(
        agent=PersonRef(id=one.id, name=one.name),
        teams=list(one.agent.teams),
        presence=candidate.presence,
        presence_since=member.presence_since,
        there=absence(candidate) is None,
        on_shift=duty.on_shift,
        shift_ends_at=duty.shift_ends_at,
        next_on_at=duty.next_on_at,
        load=candidate.load,
        capacity=candidate.capacity.tickets,
        load_minutes=candidate.load_minutes,
        capacity_minutes=candidate.capacity.minutes,
        utilisation=utilisation(candidate),
        carried=candidate.tickets_carried,
        next_free_at=one.free_at,
        owned=held.owned,
        by_status=HeldByStatusOut(**counts),
        snoozed=held.snoozed,
        overdue=held.overdue,
        due_soon=held.due_soon,
        at_risk=held.at_risk,
        breached=held.breached,
        skills=[SkillLevelOut(skill=skill, level=level) for skill, level in sorted(candidate.skills.items())],
        due=[DueOut(ticket=due.number, due_at=due.due_at) for due in one.due],
        shifts=[ComingShiftOut(team=s.team, starts_at=s.starts_at, ends_at=s.ends_at) for s in one.shifts],
    )
