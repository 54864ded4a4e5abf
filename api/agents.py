"""Agents: list, add, read, change and deactivate them, their skills, their tickets, and what they did."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response, status

from api.agent_models import (
    AgentEdit,
    AgentOut,
    AgentPerformance,
    AgentsOut,
    NewAgent,
    Skill,
    Skills,
    SkillsOut,
    agent_out,
    change_of,
    performance_out,
    plan_of,
    skills_out,
)
from api.handing_back import LeftTickets, return_tickets
from api.http.area_router import AreaRouter
from api.http.plain_json import PlainJsonResponse
from api.requests import AsAuthor, AsReader, Expected, InDesk, Key, without_password
from api.state import Desk
from api.ticket_models import TicketPageOut, spoken_ticket
from database.agent_rows import AgentRecord
from database.agents import AgentFilter
from database.agents import NewAgent as Joining
from database.sla_figures import ClockFilter
from database.ticket_lists import TicketFilter
from domain.access import check_admin, check_desk, check_own_or_supervisor, check_supervisor, ticket_scope
from domain.agent import Load, Presence
from domain.errors import InvalidError
from domain.ids import PersonId
from domain.people import Role
from domain.period import Period
from domain.skill import SkillNeed
from domain.ticket import Slug, Status

router = AreaRouter(prefix="/agents", tags=["agents"])
UNFINISHED = (Status.NEW, Status.OPEN, Status.PENDING, Status.ON_HOLD)
MAX_DAYS = 366
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=2000)]


@router.get("")
async def list_agents(
    desk: InDesk,
    reader: AsReader,
    team: Annotated[Slug | None, Query()] = None,
    skill: Annotated[SkillNeed | None, Query(description="`vpn`, or `vpn:3` for at least level 3.")] = None,
    presence: Annotated[list[Presence], Query()] = [],
    active: Annotated[bool, Query(description="`false`: those who were deactivated.")] = True,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AgentsOut:
    """Everyone who may be given tickets, by name; for the desk. `stream_cursor` joins the page to the event stream."""
    check_desk(reader)
    page = await desk.agents.page(AgentFilter(team, skill, presence, active), limit, cursor)
    loads = await desk.agents.loads(agent.id for agent in page.items)
    items = [agent_out(agent, loads.get(agent.id, Load())) for agent in page.items]
    return AgentsOut(items=items, next_cursor=page.next_cursor, stream_cursor=str(page.stream_cursor))


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_agent(
    body: NewAgent, desk: InDesk, reader: AsReader, author: AsAuthor, key: Key, response: Response
) -> AgentOut:
    """Add somebody to the desk; for admins."""
    check_admin(reader)
    plan, levels = plan_of(body), _levels(body.skills)
    desk.passwords.check(body.password.get_secret_value(), body.email)
    hashed = await desk.passwords.hash(body.password.get_secret_value())
    joining = Joining(body.email, body.name, Role(body.role), hashed)
    request_key = without_password(key.id, body) if key.is_given else None
    agent = await desk.agents.add(joining, plan, levels, author, request_key)
    response.headers["Location"] = f"/api/agents/{agent.id}"
    return await _answer(desk, agent, response)


@router.get("/me")
async def get_own_agent(desk: InDesk, reader: AsReader, response: Response) -> AgentOut:
    """Yourself as an agent; for the desk."""
    check_desk(reader)
    return await _answer(desk, await desk.agents.read(reader.id), response)


@router.get("/{person}")
async def get_agent(person: UUID, desk: InDesk, reader: AsReader, response: Response) -> AgentOut:
    """One agent; for the desk. The `ETag` moves with what can be changed here, not with presence and load."""
    check_desk(reader)
    return await _answer(desk, await desk.agents.read(PersonId(person)), response)


@router.patch("/{person}")
async def edit_agent(
    person: UUID,
    body: AgentEdit,
    desk: InDesk,
    reader: AsReader,
    author: AsAuthor,
    expected: Expected,
    response: Response,
    tickets: LeftTickets = None,
) -> AgentOut:
    """Change what is named of an agent; for supervisors. Only admins deactivate and reactivate.

    Whoever has open tickets is deactivated with `tickets=return` only: then nothing new comes to them, and each of
    their tickets goes back to its queue. If that is interrupted, the same request goes on with it.
    """
    check_supervisor(reader)
    if body.is_active is not None:
        check_admin(reader)
    agent = PersonId(person)
    returns = tickets is not None and body.is_active is False
    changed = await desk.agents.change(agent, change_of(body, leaves_tickets=returns), author, expected)
    desk.principals.forget(agent)
    if returns:
        await return_tickets(desk, reader, agent)
    return await _answer(desk, changed, response)


@router.get("/{person}/skills")
async def get_skills(person: UUID, desk: InDesk, reader: AsReader) -> SkillsOut:
    """What somebody of the desk can do; for the desk."""
    check_desk(reader)
    return skills_out(await desk.skills.of(PersonId(person)))


@router.put("/{person}/skills")
async def set_skills(person: UUID, body: Skills, desk: InDesk, reader: AsReader, author: AsAuthor) -> SkillsOut:
    """Make these all of somebody's skills; for supervisors."""
    check_supervisor(reader)
    levels = _levels(body.items)
    await desk.skills.set(PersonId(person), levels, author)
    return skills_out(levels)


@router.get("/{person}/tickets", response_model=TicketPageOut)
async def list_agent_tickets(
    person: UUID, desk: InDesk, reader: AsReader, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """The open tickets that somebody has, as far as you may see them, by when something must happen next."""
    check_desk(reader)
    agent = await desk.agents.read(PersonId(person))
    wanted = TicketFilter(status=UNFINISHED, assignee=[agent.id])
    page = await desk.lists.page(ticket_scope(reader), wanted, "next_due_at", limit, cursor)
    now, calendars = datetime.now(UTC), await desk.terms.calendars_of(record.sla for record in page.items)
    body = {
        "items": [spoken_ticket(record, reader, now, calendars) for record in page.items],
        "next_cursor": page.next_cursor,
        "stream_cursor": str(page.stream_cursor),
    }
    return PlainJsonResponse(body)


@router.get("/{person}/performance")
async def get_agent_performance(
    person: UUID, desk: InDesk, reader: AsReader, days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = 30
) -> AgentPerformance:
    """What somebody did in so many days until now; for themselves and for supervisors."""
    check_desk(reader)
    agent = PersonId(person)
    check_own_or_supervisor(reader, agent)
    await desk.agents.read(agent)
    now = datetime.now(UTC)
    period = Period(now - timedelta(days=days), now)
    did = await desk.performance.of(agent, period)
    kept = await desk.figures.metrics(period, ClockFilter(agent=[agent]), None, now)
    return performance_out(agent, period, did, kept.decided)


async def _answer(desk: Desk, agent: AgentRecord, response: Response) -> AgentOut:
    response.headers["ETag"] = f'"{agent.version}"'
    loads = await desk.agents.loads([agent.id])
    return agent_out(agent, loads.get(agent.id, Load()))


def _levels(skills: tuple[Skill, ...]) -> dict[Slug, int]:
    levels = {skill.skill: skill.level for skill in skills}
    if len(levels) < len(skills):
        raise InvalidError("A skill has one level.")
    return levels
