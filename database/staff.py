"""Who of the desk can be given what needs a senior, and when somebody of a team is there."""

from datetime import datetime, timedelta

from database.agent_rows import CARRIED, IS_DESK
from database.dispatch import Duties
from database.pool import Pool
from domain.ids import PersonId
from domain.skill import needed
from domain.ticket import Slug, Ticket

LOOK_AGAIN_AFTER = timedelta(minutes=15)
"""Somebody may come without a shift; so whoever waits for a team's people looks again after so long."""
_SENIOR = f"""
with able as (
    select p.id from people p
    where p.is_active and {IS_DESK} and p.id is distinct from $1
        and ($2::text is null or exists (select from team_members m where m.person_id = p.id and m.team = $2))
        and case when cardinality($3::text[]) = 0
            then exists (select from agent_skills s where s.person_id = p.id and s.level >= $4)
            else (select count(*) from agent_skills s
                where s.person_id = p.id and s.level >= $4 and s.skill = any($3)) = cardinality($3) end
), carried as (
    select a.person_id, {CARRIED} where a.person_id in (select id from able) group by a.person_id
)
select a.person_id from agents a join carried c using (person_id)
order by a.presence in ('online', 'busy') desc, c.weight < a.capacity_tickets desc, c.tickets, a.person_id
limit 1
"""
_MEMBERS = """
select a.person_id, a.presence from agents a
join team_members m on m.person_id = a.person_id and m.team = $1
join people p on p.id = a.person_id and p.is_active
"""


class StaffStore:
    """Reads who is there and who is able."""

    def __init__(self, pool: Pool, duties: Duties) -> None:
        self._pool = pool
        self._duties = duties

    async def senior_for(self, ticket: Ticket, skill: Slug | None, min_level: int) -> PersonId | None:
        """Somebody else than the assignee, of the ticket's team, who has the skill at this level: of those somebody who
        is there, has room, and has the fewest open tickets, in this order. Without a skill, each that the ticket
        requires, or any when it requires none."""
        wanted = [skill] if skill else sorted({needed(one)[0] for one in ticket.required_skills})
        found: PersonId | None = await self._pool.fetchval(_SENIOR, ticket.assignee_id, ticket.team, wanted, min_level)
        return found

    async def staffed_at(self, team: Slug, at: datetime) -> datetime:
        """`at` itself when somebody of the team is there; else when the first one is planned to come, and never later
        than LOOK_AGAIN_AFTER."""
        rows = await self._pool.fetch(_MEMBERS, team)
        if any(row["presence"] in ("online", "busy") for row in rows):
            return at
        duties = await self._duties.duties([row["person_id"] for row in rows], at)
        comes = [duty.next_on_at for duty in duties.values() if duty.next_on_at is not None and duty.next_on_at > at]
        return min([*comes, at + LOOK_AGAIN_AFTER])
