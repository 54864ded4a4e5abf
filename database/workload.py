"""What teams and agents have to do, computed where it lies. `docs/workload.md` defines every figure.

However many teams and agents there are, an answer takes the same few statements.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import TypeAdapter

from database.agent_rows import IS_DESK, WEIGHS
from database.dispatch import DispatchStore, TeamMember
from database.pool import PATIENT_SECONDS, Pool
from database.shifts import ShiftStore
from database.ticket_rows import SELECT, ticket_of
from domain.balance import Held
from domain.dispatch import Board, Queued
from domain.errors import ConflictError, UnknownReferenceError
from domain.ids import PersonId, TicketNumber
from domain.shift import Shift
from domain.ticket import Slug
from domain.workload import COMING, SOON, Carried, free_at

MOST_DUE = 10
"""How many due moments of an agent are listed."""
_COUNTS: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])
_USUAL_WEIGHT, _USUAL_MINUTES = 1.0, 15
_OPEN = "t.status not in ('resolved', 'closed')"
_WAITS = "t.assignee_id is null and t.status in ('new', 'open') and not t.snoozed"
_OVERDUE = "(t.sla_state = 'breached' or t.next_due_at <= $2)"
_DUTIES = f"""
    count(*) filter (where {_OVERDUE})::int as overdue,
    count(*) filter (where not {_OVERDUE} and t.next_due_at <= $3)::int as due_soon,
    count(*) filter (where t.sla_state = 'at_risk')::int as at_risk,
    count(*) filter (where t.sla_state = 'breached')::int as breached
"""
_QUEUES = f"""
select t.team, count(*) filter (where {_WAITS})::int as waiting,
    count(*) filter (where {_WAITS} and t.offer is not null)::int as offered,
    min(t.created_at) filter (where {_WAITS}) as oldest_waiting_at,
    coalesce(sum(coalesce(t.estimated_minutes, m.usual_minutes, {_USUAL_MINUTES})) filter (where {_WAITS}), 0)::int
        as waiting_minutes,
    count(*) filter (where t.assignee_id is not null)::int as owned,
    count(*) filter (where t.snoozed)::int as snoozed,
    count(*) filter (where t.assignee_id is not null and t.status = 'new')::int as new,
    count(*) filter (where t.assignee_id is not null and t.status = 'open')::int as open,
    count(*) filter (where t.assignee_id is not null and t.status = 'pending')::int as pending,
    count(*) filter (where t.assignee_id is not null and t.status = 'on_hold')::int as on_hold,
    {_DUTIES}
from tickets t left join teams m on m.slug = t.team
where {_OPEN} and ($1::text[] is null or t.team is null or t.team = any($1)) group by t.team
"""
_HELD_COUNTS = f"""
select assignee_id, sum(counted)::int as owned, sum(snoozed)::int as snoozed,
    jsonb_object_agg(status, counted) as by_status, sum(overdue)::int as overdue, sum(due_soon)::int as due_soon,
    sum(at_risk)::int as at_risk, sum(breached)::int as breached
from (
    select t.assignee_id, t.status, count(*) as counted, count(*) filter (where t.snoozed) as snoozed, {_DUTIES}
    from tickets t where {_OPEN} and t.assignee_id = any($1::uuid[]) group by t.assignee_id, t.status
) counts group by assignee_id
"""
_CARRIED = f"""
select t.number, t.assignee_id, (a.weights ->> t.priority)::float8 as weight,
    coalesce(t.estimated_minutes, m.usual_minutes, {_USUAL_MINUTES})::int as minutes,
    coalesce(t.assigned_at, t.updated_at) as assigned_at
from tickets t join agents a on a.person_id = t.assignee_id left join teams m on m.slug = t.team
where t.assignee_id = any($1::uuid[]) and {WEIGHS}
"""
_DUE = f"""
select assignee_id, number, next_due_at from (
    select t.assignee_id, t.number, t.next_due_at,
        row_number() over (partition by t.assignee_id order by t.next_due_at, t.number) as place
    from tickets t where t.assignee_id = any($1::uuid[]) and {_OPEN} and t.next_due_at <= $2
) due where place <= {MOST_DUE} order by assignee_id, place
"""
_AGENTS = f"""
select p.id, p.name from people p
where p.is_active and {IS_DESK} and ($1::uuid is null or p.id > $1)
    and ($2::text[] is null or exists (select from team_members m where m.person_id = p.id and m.team = any($2)))
order by p.id limit $3
"""
_HELD = f"""
select {SELECT}, exists (
    select from events e where e.ticket_number = t.number and e.actor_id = t.assignee_id and e.at > t.assigned_at
) as is_begun, coalesce((
    select e.data ->> 'by' from events e where e.ticket_number = t.number and e.type = 'ticket.assigned'
    order by e.revision desc limit 1) = 'ladder', false) as is_seniors, (
    select o.assignee_id from tickets o
    where o.requester_id = t.requester_id and o.assignee_id is not null and o.number <> t.number
    order by o.number desc limit 1) as last_contact_id
from tickets t
where t.team = $1 and t.assignee_id = any($2::uuid[]) and {WEIGHS}
order by t.number
"""


class Queue(NamedTuple):
    """The open tickets of a team: what waits, what is owned, and how pressing all of it is."""

    waiting: int = 0
    offered: int = 0
    oldest_waiting_at: datetime | None = None
    waiting_minutes: int = 0
    owned: int = 0
    snoozed: int = 0
    new: int = 0
    open: int = 0
    pending: int = 0
    on_hold: int = 0
    overdue: int = 0
    due_soon: int = 0
    at_risk: int = 0
    breached: int = 0

    def plus(self, other: "Queue") -> "Queue":
        """Of both together."""
        oldest = [one.oldest_waiting_at for one in (self, other) if one.oldest_waiting_at is not None]
        sums = {
            name: getattr(self, name) + getattr(other, name) for name in self._fields if name != "oldest_waiting_at"
        }
        return Queue(**sums, oldest_waiting_at=min(oldest, default=None))


class HeldCounts(NamedTuple):
    """The open tickets of an agent, also those that wait for others."""

    owned: int = 0
    snoozed: int = 0
    by_status: Mapping[str, int] = {}
    overdue: int = 0
    due_soon: int = 0
    at_risk: int = 0
    breached: int = 0


class Due(NamedTuple):
    number: TicketNumber
    due_at: datetime


class AgentLoad(NamedTuple):
    """What an agent carries and can. `due` are their tickets that fall due within COMING or did before, the earliest
    first, at most MOST_DUE; `shifts` are those of the same time."""

    agent: TeamMember
    name: str
    held: HeldCounts
    free_at: datetime | None
    due: tuple[Due, ...]
    shifts: tuple[Shift, ...]

    @property
    def id(self) -> PersonId:
        return self.agent.member.id


class TeamLoad(NamedTuple):
    """A team: its queue, and its agents with all that they carry, also for other teams."""

    slug: Slug
    name: str
    is_active: bool
    queue: Queue
    members: tuple[AgentLoad, ...]


class Loads(NamedTuple):
    """Teams, and the queue of no team."""

    teams: tuple[TeamLoad, ...]
    unrouted: Queue


class WorkloadStore:
    """Reads workload."""

    def __init__(self, pool: Pool, dispatch: DispatchStore, shifts: ShiftStore) -> None:
        self._pool = pool
        self._dispatch = dispatch
        self._shifts = shifts

    async def teams(self, within: Iterable[Slug] | None, now: datetime) -> Loads:
        """These teams by slug (None: all), and what is in no team's queue."""
        wanted = None if within is None else sorted(within)
        named = await self._pool.fetch(
            "select slug, name, is_active from teams where $1::text[] is null or slug = any($1) order by slug", wanted
        )
        rows = await self._pool.fetch(_QUEUES, wanted, now, now + SOON, timeout=PATIENT_SECONDS)
        queues = {row["team"]: Queue(**{name: row[name] for name in Queue._fields}) for row in rows}
        agents = await self._dispatch.members_of(now, teams=[row["slug"] for row in named])
        loads = await self._loads(agents, now)
        return Loads(
            tuple(
                TeamLoad(
                    row["slug"],
                    row["name"],
                    row["is_active"],
                    queues.get(row["slug"], Queue()),
                    tuple(one for one in loads if row["slug"] in one.agent.teams),
                )
                for row in named
            ),
            queues.get(None, Queue()),
        )

    async def agents(
        self, within: Iterable[Slug] | None, after: PersonId | None, limit: int, now: datetime
    ) -> list[AgentLoad]:
        """Agents in the order of their ids: of these teams (None: all, also those of none)."""
        rows = await self._pool.fetch(_AGENTS, after, None if within is None else sorted(within), limit)
        return await self._loads(await self._dispatch.members_of(now, people=[row["id"] for row in rows]), now)

    async def check_team(self, team: Slug) -> None:
        """Raises UnknownReferenceError when there is no such team."""
        if not await self._pool.fetchval("select true from teams where slug = $1", team):
            raise UnknownReferenceError(f"There is no team {team}.")

    async def standing(self, team: Slug, now: datetime) -> tuple[Board, list[Held]]:
        """What a plan for the team looks at: the dispatcher's board, and what the members have at work in this team.

        Raises UnknownReferenceError, and ConflictError when the team is not at work.
        """
        await self.check_team(team)
        board = await self._dispatch.board(team, now)
        if board is None:
            raise ConflictError(f"Team {team} is not at work.")
        rows = await self._pool.fetch(_HELD, team, [one.id for one in board.members], timeout=PATIENT_SECONDS)
        held = [
            Held(Queued(ticket_of(row), row["last_contact_id"]), row["is_begun"], row["is_seniors"]) for row in rows
        ]
        return board, held

    async def _loads(self, agents: Sequence[TeamMember], now: datetime) -> list[AgentLoad]:
        ids = [one.member.id for one in agents]
        names = await self._dispatch.names(ids)
        counts = await self._pool.fetch(_HELD_COUNTS, ids, now, now + SOON, timeout=PATIENT_SECONDS)
        held = {row["assignee_id"]: _held(dict(row)) for row in counts}
        carried: dict[PersonId, list[Carried]] = {id: [] for id in ids}
        for row in await self._pool.fetch(_CARRIED, ids, timeout=PATIENT_SECONDS):
            one = Carried(row["number"], row["weight"], row["minutes"], row["assigned_at"])
            carried[row["assignee_id"]].append(one)
        due: dict[PersonId, list[Due]] = {id: [] for id in ids}
        for row in await self._pool.fetch(_DUE, ids, now + COMING, timeout=PATIENT_SECONDS):
            due[row["assignee_id"]].append(Due(row["number"], row["next_due_at"]))
        shifts = await self._shifts.coming(ids, now, now + COMING)
        return [
            AgentLoad(
                agent,
                names[agent.member.id],
                held.get(agent.member.id, HeldCounts()),
                _free_at(agent, carried[agent.member.id], shifts[agent.member.id], now),
                tuple(due[agent.member.id]),
                tuple(shifts[agent.member.id]),
            )
            for agent in agents
        ]


def _held(row: dict[str, object]) -> HeldCounts:
    by_status = _COUNTS.validate_json(str(row["by_status"]))
    return HeldCounts(**{**{name: row[name] for name in HeldCounts._fields}, "by_status": by_status})  # type: ignore[arg-type]


def _free_at(agent: TeamMember, carried: Iterable[Carried], shifts: Iterable[Shift], now: datetime) -> datetime | None:
    """When they can begin one more usual ticket."""
    candidate, duty = agent.member.candidate, agent.member.duty
    back_at = duty.next_on_at if not candidate.on_shift else None
    if duty.on_break:
        breaks = [one for shift in shifts for one in shift.breaks if one.ended_at is None and one.ends_at > now]
        back_at = min((one.ends_at for one in breaks), default=None)
    weight = candidate.capacity.weights.normal
    return free_at(candidate, carried, back_at, now, weight=weight, minutes=_USUAL_MINUTES)
