"""The agent's row: the record that readers get, what an agent carries, and the way between row and domain."""

import hashlib
import json
from datetime import datetime
from typing import NamedTuple

import asyncpg

from domain.agent import Capacity, Load, Presence, Weights
from domain.business_calendar import BusinessCalendar
from domain.ids import PersonId
from domain.people import Role
from domain.team import USUAL_MINUTES
from domain.ticket import Slug

WEIGHS = "t.status in ('new', 'open') and not t.snoozed"
"""Whether a ticket that somebody has takes of their capacity: what waits for others does not."""
CARRIED = f"""
    count(t.number)::int as tickets,
    coalesce(sum((a.weights ->> t.priority)::double precision), 0) as weight,
    coalesce(sum(coalesce(t.estimated_minutes, m.usual_minutes, {USUAL_MINUTES}))
        filter (where t.number is not null), 0)::int as minutes
from agents a
left join tickets t on t.assignee_id = a.person_id and {WEIGHS}
left join teams m on m.slug = t.team
"""
"""What agent `a` carries, to be grouped by agent. The one place that says so."""
LOADS = f"select a.person_id, {CARRIED} where a.person_id = any($1::uuid[]) group by a.person_id"
"""What each of these agents carries now."""
OWNED = """
select number from tickets where assignee_id = $1 and status not in ('resolved', 'closed') order by number
"""
"""The open tickets that somebody has, snoozed and waiting ones too."""
SELECT = """
select p.id, p.email, p.name, p.role, p.is_active,
    array(select m.team from team_members m where m.person_id = p.id order by m.team) as teams,
    (select jsonb_object_agg(s.skill, s.level) from agent_skills s where s.person_id = p.id) as skills,
    a.specialisations, a.capacity_tickets, a.capacity_minutes, a.weights, a.seniority, a.working_hours, a.presence,
    a.presence_since
from people p join agents a on a.person_id = p.id
"""
IS_DESK = "(p.kind = 'person' and p.role <> 'requester')"
"""SQL: whether `people p` is somebody of the desk. Accounts of services are not, whatever their role; whoever left the
desk keeps their row of agents, for the day on which they come back."""


class AgentRecord(NamedTuple):
    """Somebody of the desk as dispatch and planning see them."""

    id: PersonId
    email: str
    name: str
    role: Role
    teams: tuple[Slug, ...]
    skills: dict[Slug, int]
    """Skill -> level, from 1 to 5."""
    specialisations: tuple[Slug, ...]
    """Categories, products, customers: what they would rather be given than others."""
    capacity: Capacity
    seniority: int
    """From 1 to 5."""
    working_hours: BusinessCalendar | None
    """When they usually work; None: nobody has said so."""
    presence: Presence
    presence_since: datetime
    is_active: bool

    @property
    def version(self) -> int:
        """A digest of what a change of the agent may change, at most nine digits: presence does not move it."""
        hours = None if self.working_hours is None else hours_of(self.working_hours)
        said = [self.name, self.teams, self.specialisations, self.capacity.model_dump_json(), self.seniority, hours]
        digest = hashlib.sha256(json.dumps([*said, self.is_active]).encode()).hexdigest()
        return int(digest, 16) % 10**9


def hours_of(calendar: BusinessCalendar) -> str:
    """Working hours as JSON, the same for the same hours."""
    spoken = calendar.model_dump(mode="json")
    return json.dumps(spoken | {"holidays": sorted(spoken["holidays"])}, sort_keys=True)


def agent_of(row: asyncpg.Record) -> AgentRecord:
    """The agent from a row of SELECT."""
    return AgentRecord(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        teams=tuple(row["teams"]),
        skills=json.loads(row["skills"] or "{}"),
        specialisations=tuple(row["specialisations"]),
        capacity=Capacity(
            tickets=row["capacity_tickets"],
            minutes=row["capacity_minutes"],
            weights=Weights.model_validate_json(row["weights"]),
        ),
        seniority=row["seniority"],
        working_hours=row["working_hours"] and BusinessCalendar.model_validate_json(row["working_hours"]),
        presence=Presence(row["presence"]),
        presence_since=row["presence_since"],
        is_active=row["is_active"],
    )


def loads_of(rows: list[asyncpg.Record]) -> dict[PersonId, Load]:
    """Agent -> load from the rows of LOADS."""
    return {row["person_id"]: Load(row["tickets"], row["weight"], row["minutes"]) for row in rows}
