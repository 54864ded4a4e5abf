"""What a round of a team's dispatcher looks at, and the reasons that it leaves behind."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import asyncpg
from pydantic import TypeAdapter

from database.agent_rows import CARRIED, IS_DESK
from database.bell import BELL
from database.pool import PATIENT_SECONDS, Pool
from database.teams import SETTINGS, settings_of
from database.ticket_rows import SELECT, ticket_of
from domain.agent import Capacity, Presence, Weights
from domain.assignment import Candidate
from domain.assignment_reasons import Decision
from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, after_working_time
from domain.dispatch import Board, HandOver, Member, Owned, Queued, TeamRules, hand_over
from domain.duty import Duty, duty_by
from domain.ids import DecisionId, PersonId, TicketNumber
from domain.queue import QueueState
from domain.sla_clock import TicketSla
from domain.team import USUAL_MINUTES
from domain.ticket import Slug, Ticket
from domain.ticket_events import TicketAssigned

FAIR_DAYS = 5
"""How far back the work is counted that agents were given, for fairness."""

_LEVELS: TypeAdapter[dict[Slug, int]] = TypeAdapter(dict[Slug, int])
_RULES = f"""
select {", ".join(SETTINGS)} from teams where slug = $1 and is_active
"""
_MEMBERS = f"""
with members as (
    select p.id, array(select m.team from team_members m where m.person_id = p.id order by m.team) as teams
    from people p
    where p.is_active and {IS_DESK} and (p.id = any($3::uuid[])
        or exists (select from team_members m where m.person_id = p.id and m.team = any($1::text[])))
), carried as (
    select a.person_id, {CARRIED} where a.person_id in (select id from members) group by a.person_id
), skilled as (
    select person_id, jsonb_object_agg(skill, level) as skills from agent_skills
    where person_id in (select id from members) group by person_id
), lately as (
    select t.assignee_id, sum(coalesce(t.estimated_minutes, m.usual_minutes, {USUAL_MINUTES}))::int as minutes
    from tickets t left join teams m on m.slug = t.team
    where t.assignee_id in (select id from members) and t.assigned_at > $2 group by t.assignee_id
)
select a.person_id, a.presence, a.presence_since, a.capacity_tickets, a.capacity_minutes, a.weights, a.seniority,
    a.specialisations, a.working_hours, n.teams, c.weight, c.minutes, c.tickets,
    coalesce(s.skills, '{{}}') as skills,
    coalesce(l.minutes, 0) as minutes_lately
from agents a join members n on n.id = a.person_id join carried c using (person_id)
left join skilled s using (person_id) left join lately l on l.assignee_id = a.person_id
order by a.person_id
"""
_QUEUED = f"""
select {SELECT}, (
    select o.assignee_id from tickets o
    where o.requester_id = t.requester_id and o.assignee_id is not null and o.number <> t.number
    order by o.number desc limit 1) as last_contact_id
from tickets t
where t.team = $1 and t.assignee_id is null and t.status in ('new', 'open') and not t.snoozed
    and ($2::bigint is null or t.number = $2)
order by t.number
"""
_OWNED = f"""
select {SELECT}, not exists (
    select from people p where p.id = t.assignee_id and p.is_active and {IS_DESK}
) as owner_is_gone, $4::int is not null and t.status in ('new', 'open') and not t.snoozed and not exists (
    select from events e where e.ticket_number = t.number and e.actor_id = t.assignee_id and e.at > t.assigned_at
) as is_silent
from tickets t
where t.team = $1 and t.status not in ('resolved', 'closed')
    and (t.assignee_id = any($2::uuid[]) or t.assignee_id = any($3::uuid[]) and $4::int is not null
        or t.assignee_id in (select p.id from people p where not (p.is_active and {IS_DESK})))
order by t.number
"""


_STANDS = """
insert into queue_states as q (team, waiting, offered, there, oldest_waiting_at)
select slug, $2::int, $3::int, $4::int, $5::timestamptz from teams where slug = $1
on conflict (team) do update set (waiting, offered, there, oldest_waiting_at, told_at)
    = (excluded.waiting, excluded.offered, excluded.there, excluded.oldest_waiting_at, now())
where (q.waiting, q.offered, q.there) is distinct from (excluded.waiting, excluded.offered, excluded.there)
returning true
"""
_TELL = """
insert into events (topic, type, at, actor_kind, internal, data)
values ('queue', 'queue.changed', clock_timestamp(), 'dispatcher', true, $1)
"""


class TeamMember(NamedTuple):
    """An agent with all of their teams."""

    member: Member
    teams: tuple[Slug, ...]


class Duties(Protocol):
    """Where shifts are remembered."""

    async def duties(self, agents: Sequence[PersonId], now: datetime) -> dict[PersonId, Duty]: ...


class Calendars(Protocol):
    """Where calendars are remembered."""

    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]: ...


class DispatchStore:
    """Reads what dispatch decides on, and keeps its reasons."""

    def __init__(self, pool: Pool, duties: Duties, calendars: Calendars) -> None:
        self._pool = pool
        self._duties = duties
        self._calendars = calendars

    async def teams(self) -> list[Slug]:
        """The teams that are at work."""
        return [row["slug"] for row in await self._pool.fetch("select slug from teams where is_active order by slug")]

    async def rules(self, team: Slug) -> TeamRules | None:
        """How the team's dispatcher works; None when there is no such team at work."""
        row = await self._pool.fetchrow(_RULES, team)
        if row is None:
            return None
        return TeamRules(team=team, **settings_of(row).model_dump())

    async def board(self, team: Slug, now: datetime) -> Board | None:
        """What a round of this team looks at: of the tickets that are owned only those of owners who are absent, away,
        about to leave or gone for good, or, where silence counts, those of all members. None when there is no such team
        at work."""
        rules = await self.rules(team)
        if rules is None:
            return None
        members = await self.members(team, now)
        leaving = [member.id for member in members if _may_leave(member, rules, now)]
        rows = await self._pool.fetch(_QUEUED, team, None, timeout=PATIENT_SECONDS)
        queued = [Queued(ticket_of(row), row["last_contact_id"]) for row in rows]
        everybody = [member.id for member in members]
        rows = await self._pool.fetch(
            _OWNED, team, leaving, everybody, rules.take_back_minutes, timeout=PATIENT_SECONDS
        )
        return Board(rules, queued, await self._owned(rows, rules.take_back_minutes), members)

    async def members(self, team: Slug, now: datetime) -> list[Member]:
        """The team's agents, with what they carry and how they stand to their shifts."""
        return [one.member for one in await self.members_of(now, teams=[team])]

    async def members_of(
        self, now: datetime, *, teams: Iterable[Slug] = (), people: Iterable[PersonId] = ()
    ) -> list[TeamMember]:
        """The agents of any of these teams, and these people as far as they are agents; each once, by id."""
        since = now - timedelta(days=FAIR_DAYS)
        rows = await self._pool.fetch(_MEMBERS, list(teams), since, list(people), timeout=PATIENT_SECONDS)
        duties = await self._duties.duties([row["person_id"] for row in rows], now)
        return [TeamMember(_member(row, duties[row["person_id"]], now), tuple(row["teams"])) for row in rows]

    async def queued(self, number: TicketNumber) -> Queued | None:
        """One waiting ticket; None when it does not wait."""
        team = await self._pool.fetchval("select team from tickets where number = $1", number)
        row = await self._pool.fetchrow(_QUEUED, team, number)
        return None if row is None else Queued(ticket_of(row), row["last_contact_id"])

    async def leaving(self, agent: PersonId, now: datetime) -> tuple[Duty, HandOver]:
        """How the agent stands to their shifts, and what becomes of their tickets when they leave."""
        rows = await self._pool.fetch(
            f"select {SELECT} from tickets t where t.assignee_id = $1 and t.status not in ('resolved', 'closed')", agent
        )
        duty = (await self._duties.duties([agent], now))[agent]
        hours = await self._pool.fetchval("select working_hours from agents where person_id = $1", agent)
        if not duty.is_planned and hours is not None:
            duty = duty_by(BusinessCalendar.model_validate_json(hours), now)
        return duty, hand_over((ticket_of(row) for row in rows), duty.next_on_at)

    async def keep(self, decisions: Sequence[tuple[DecisionId, Decision]], team: Slug) -> None:
        """Store the reasons before the commands that name them. Harmless to repeat."""
        await self._pool.executemany(
            "insert into dispatch_decisions (id, ticket_number, team, at, decision) values ($1, $2, $3, $4, $5) "
            "on conflict do nothing",
            [(id, one.ticket, team, one.at, one.model_dump_json()) for id, one in decisions],
        )

    async def tell_queue(self, queue: QueueState) -> None:
        """Tell the stream how the team's queue stands, unless it stands as it was told last. Harmless to repeat."""
        async with self._pool.acquire() as connection, connection.transaction():
            state = (queue.team, queue.waiting, queue.offered, queue.there, queue.oldest_waiting_at)
            if await connection.fetchval(_STANDS, *state):
                await connection.execute(_TELL, queue.model_dump_json())
                await connection.execute(f"select pg_notify('{BELL}', '')")

    async def decision_of(self, number: TicketNumber) -> Decision | None:
        """Why the ticket was last given or offered to whom it was, if the dispatcher decided it."""
        found = await self._pool.fetchval(
            "select d.decision from events e left join dispatch_decisions d on d.id = coalesce("
            "e.data ->> 'decision_id', e.data -> 'offer' ->> 'decision_id')::uuid "
            "where e.ticket_number = $1 and e.type in ('ticket.assigned', 'ticket.offered') "
            "order by e.revision desc limit 1",
            number,
        )
        return None if found is None else Decision.model_validate_json(found)

    async def last_assignment(self, number: TicketNumber) -> TicketAssigned | None:
        """The event by which the ticket was last given to somebody."""
        found = await self._pool.fetchval(
            "select data from events where ticket_number = $1 and type = 'ticket.assigned' "
            "order by revision desc limit 1",
            number,
        )
        return None if found is None else TicketAssigned.model_validate_json(found)

    async def names(self, people: Iterable[PersonId]) -> dict[PersonId, str]:
        """What these people are called."""
        rows = await self._pool.fetch("select id, name from people where id = any($1::uuid[])", list(people))
        return {PersonId(row["id"]): row["name"] for row in rows}

    async def _owned(self, rows: Sequence[asyncpg.Record], take_back_minutes: int | None) -> list[Owned]:
        tickets = [ticket_of(row) for row in rows]
        silent = [ticket for ticket, row in zip(tickets, rows, strict=True) if row["is_silent"]]
        calendars = await self._calendars.calendars_of(ticket.sla for ticket in silent)
        until = {ticket.number: _silent_at(ticket, take_back_minutes, calendars) for ticket in silent}
        return [
            Owned(ticket, until.get(ticket.number), owner_is_gone=row["owner_is_gone"])
            for ticket, row in zip(tickets, rows, strict=True)
        ]


def _silent_at(ticket: Ticket, minutes: int | None, calendars: Callable[[int], BusinessCalendar]) -> datetime | None:
    """When an owner who does nothing loses the ticket: after so many minutes in which the desk works."""
    if minutes is None or ticket.assigned_at is None:
        return None
    version = None if ticket.sla is None else ticket.sla.calendar_version
    calendar = ALWAYS_OPEN if version is None else calendars(version)
    return after_working_time(calendar, ticket.assigned_at, timedelta(minutes=minutes))


def _may_leave(member: Member, rules: TeamRules, now: datetime) -> bool:
    """Whether tickets of theirs may have to go on."""
    ends_at = member.duty.shift_ends_at
    is_leaving = ends_at is not None and ends_at - timedelta(minutes=rules.hand_over_minutes) <= now
    return member.is_absent or is_leaving or member.candidate.presence is Presence.AWAY


def _member(row: asyncpg.Record, duty: Duty, now: datetime) -> Member:
    presence = Presence(row["presence"])
    is_there = presence is Presence.ONLINE  # at the end of a shift somebody is offline, unless they want to go on
    if not duty.is_planned and row["working_hours"] is not None:
        duty = duty_by(BusinessCalendar.model_validate_json(row["working_hours"]), now)
        is_there = False
    candidate = Candidate(
        id=PersonId(row["person_id"]),
        presence=presence,
        skills=_LEVELS.validate_json(row["skills"]),
        capacity=Capacity(
            tickets=row["capacity_tickets"],
            minutes=row["capacity_minutes"],
            weights=Weights.model_validate_json(row["weights"]),
        ),
        specialisations=frozenset(row["specialisations"]),
        seniority=row["seniority"],
        load=row["weight"],
        load_minutes=row["minutes"],
        tickets_carried=row["tickets"],
        on_shift=not duty.is_planned or duty.on_shift or is_there,
        free_until=duty.free_until,
        next_on_at=duty.next_on_at,
        minutes_lately=row["minutes_lately"],
    )
    return Member(candidate, duty, row["presence_since"])
