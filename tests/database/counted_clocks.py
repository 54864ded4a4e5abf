"""Clocks by chance, and a count of them by hand: the slow way to the same figures."""

import random
import statistics
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from database.pool import Pool
from database.sla_figures import ClockFilter, Counts, Decided, Figures, GroupBy, OpenClocks, Spread
from database.tickets import TicketStore
from domain.ids import PersonId, TicketNumber
from domain.period import IntervalKind, Period
from domain.sla_clock import TARGETS, Audience, Phase, Target
from domain.ticket import Priority, Slug, Ticket
from domain.ticket_commands import AssignTicket
from tests.database.storing import recorded, stored_ticket
from tests.factories import ADMIN, AGENT, SUPERVISOR, TEAMS

AS_OF = datetime(2030, 4, 10, 12, tzinfo=UTC)
SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
CATEGORIES = ("technical", "billing", "general")
POLICIES = (1, 2)
"""The versions of the shipped policies have the policies' own ids."""


class Circumstances(NamedTuple):
    """What figures are grouped and filtered by."""

    team: Slug | None
    priority: Priority
    category: Slug
    agent: PersonId | None


class ClockRow(NamedTuple):
    """A row of `sla_clocks`, with what its ticket was when the clock was decided and what it is now."""

    ticket: TicketNumber
    audience: Audience
    target: Target
    cycle: int
    phase: Phase
    used: float
    warned: int
    policy: int
    started_at: datetime
    due_at: datetime | None
    breached_at: datetime | None
    ended_at: datetime | None
    then: Circumstances
    now: Circumstances

    @property
    def breach(self) -> datetime | None:
        """When it was breached, also when nobody has written that down."""
        is_due = self.phase == "running" and self.due_at is not None and self.due_at <= AS_OF
        return self.breached_at or (self.due_at if is_due else None)

    @property
    def decision(self) -> datetime | None:
        return self.breach or self.ended_at

    @property
    def circumstances(self) -> Circumstances:
        """Those that count for what was decided."""
        return self.then if self.breached_at or self.ended_at else self.now


# By chance.


async def some_tickets(store: TicketStore, chance: random.Random) -> list[Ticket]:
    tickets = []
    for _ in range(12):
        ticket = await stored_ticket(
            store,
            team=chance.choice([None, *TEAMS]),
            priority=chance.choice(list(Priority)),
            category=chance.choice(CATEGORIES),
        )
        if chance.random() < 0.7:
            ticket = await recorded(store, ticket, AssignTicket(assignee_id=chance.choice([SUPERVISOR, ADMIN])))
        tickets.append(ticket)
    return tickets


def some_clocks(tickets: list[Ticket], edges: Iterable[datetime], chance: random.Random, count: int) -> list[ClockRow]:
    """Clocks of all kinds, many of them decided right at one of the edges, or just beside it."""
    at_edges = [edge + shift for edge in edges for shift in (-MICROSECOND, timedelta(), MICROSECOND)]
    return [_some_clock(chance.choice(tickets), cycle, at_edges, chance) for cycle in range(1, count + 1)]


def _some_clock(ticket: Ticket, cycle: int, at_edges: list[datetime], chance: random.Random) -> ClockRow:
    def moment() -> datetime:
        by_chance = AS_OF - timedelta(seconds=chance.randint(1, 60 * 86_400))
        return min(chance.choice([*at_edges, *[by_chance] * len(at_edges)]), AS_OF)

    def later(than: datetime) -> datetime:
        return min(than + chance.choice([timedelta(), MICROSECOND, chance.random() * timedelta(days=9)]), AS_OF)

    decided = moment()
    phase: Phase
    breached_at = ended_at = due_at = None
    match chance.randint(0, 8):
        case 0 | 1:
            phase, ended_at = "met", decided
        case 2 | 3:
            phase, breached_at, ended_at = "met", decided, later(decided)
        case 4:
            phase, breached_at = chance.choice(["running", "paused"]), decided
        case 5:
            breached_at = chance.choice([None, decided])
            phase, ended_at = "cancelled", later(decided)
        case 6:
            phase, due_at = "running", decided  # breached, but nobody has written it down
        case 7:
            phase, due_at = "running", AS_OF + chance.choice([MICROSECOND, SECOND, timedelta(days=3)])
        case _:
            phase = "paused"
    return ClockRow(
        ticket=ticket.number,
        audience=chance.choice(["customer", "customer", "team"]),
        target=chance.choice(TARGETS),
        cycle=cycle,
        phase=phase,
        used=chance.choice([0.0, 0.25, chance.random() * 100_000, chance.randint(1, 9) * 3_600.0]),
        warned=chance.choice([0, 0, 50, 90]),
        policy=chance.choice(POLICIES),
        started_at=decided - chance.random() * timedelta(days=5),
        due_at=breached_at or due_at,
        breached_at=breached_at,
        ended_at=ended_at,
        then=Circumstances(
            chance.choice([None, *TEAMS]),
            chance.choice(list(Priority)),
            chance.choice(CATEGORIES),
            chance.choice([None, AGENT, SUPERVISOR]),
        ),
        now=Circumstances(ticket.team, ticket.priority, ticket.category, ticket.assignee_id),
    )


async def store_clocks(pool: Pool, clocks: Iterable[ClockRow]) -> None:
    """Put the rows into the database as they are."""
    await pool.copy_records_to_table(
        "sla_clocks",
        columns=(
            *("ticket_number", "audience", "target", "cycle", "phase", "goal_seconds", "used_seconds", "warned"),
            *("policy_version", "calendar_version", "started_at", "since", "due_at", "breached_at", "ended_at"),
            *("team", "priority", "category", "assignee_id"),
        ),
        records=[
            (
                *(one.ticket, one.audience, one.target, one.cycle, one.phase, 3600.0, one.used, one.warned),
                *(one.policy, 1, one.started_at, one.started_at, one.due_at, one.breached_at, one.ended_at),
                *one.then,
            )
            for one in clocks
        ],
    )


def some_filter(chance: random.Random) -> ClockFilter:
    def some(values: Iterable[Any]) -> list[Any]:
        known = list(values)
        return chance.sample(known, chance.randint(1, len(known))) if chance.random() < 0.3 else []

    return ClockFilter(
        audience=chance.choice(["customer", "team"]),
        target=some(TARGETS),
        team=some(TEAMS),
        priority=some(Priority),
        category=some(CATEGORIES),
        agent=some([AGENT, SUPERVISOR, ADMIN]),
        no_agent=chance.random() < 0.3,
        within=frozenset(some(TEAMS)) or None,
    )


# By hand.


def counted(clocks: Iterable[ClockRow], wanted: ClockFilter, period: Period) -> Decided:
    """The figures of the clocks that were decided in the period."""
    inside = [
        one
        for one in clocks
        if one.decision is not None
        and period.since <= one.decision < period.until
        and _fits(one, wanted, one.circumstances)
    ]
    return {
        target: _figures([one for one in inside if one.target == target])
        for target in TARGETS
        if not wanted.target or target in wanted.target
    }


def counted_open(clocks: Iterable[ClockRow], wanted: ClockFilter) -> dict[Target, OpenClocks]:
    """The clocks that are open, by where their tickets are now."""
    found = [one for one in clocks if one.ended_at is None and _fits(one, wanted, one.now)]
    return {
        target: _open([one for one in found if one.target == target])
        for target in TARGETS
        if not wanted.target or target in wanted.target
    }


def group_of(clock: ClockRow, group_by: GroupBy, *, now: bool) -> str | None:
    """The key of the group that the clock belongs to."""
    if group_by == "policy":
        return str(clock.policy)
    key = getattr(clock.now if now else clock.circumstances, group_by)
    return None if key is None else str(key)


FIRST_DATE: dict[IntervalKind, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: date.fromisocalendar(*day.isocalendar()[:2], 1),
    "month": lambda day: date(day.year, day.month, 1),
}


def interval_of(clock: ClockRow, interval: IntervalKind, zone: str) -> date | None:
    """The first date of the day, week or month that the wall clock of the zone showed when the clock was decided."""
    if clock.decision is None:
        return None
    return FIRST_DATE[interval](clock.decision.astimezone(ZoneInfo(zone)).date())


def _fits(clock: ClockRow, wanted: ClockFilter, at: Circumstances) -> bool:
    return (
        clock.audience == wanted.audience
        and (not wanted.team or at.team in wanted.team)
        and (not wanted.priority or at.priority in wanted.priority)
        and (not wanted.category or at.category in wanted.category)
        and (not (wanted.agent or wanted.no_agent) or at.agent in [*wanted.agent, *[None] * wanted.no_agent])
        and (wanted.within is None or at.team in wanted.within)
    )


def _figures(clocks: list[ClockRow]) -> Figures:
    met = [one for one in clocks if one.phase == "met"]
    breached = [one for one in clocks if one.breach is not None]
    counts = Counts(
        met_in_time=len([one for one in met if one.breach is None]),
        breached=len(breached),
        met_late=len([one for one in breached if one.phase == "met"]),
        still_open=len([one for one in breached if one.ended_at is None]),
        cancelled=len([one for one in clocks if one.phase == "cancelled" and one.breach is None]),
    )
    return Figures(
        counts,
        _spread([one.used for one in met]),
        _spread([(one.ended_at - one.started_at) / SECOND for one in met if one.ended_at]),
        _spread([((one.ended_at or AS_OF) - one.breach) / SECOND for one in breached if one.breach]),
    )


def _spread(values: list[float]) -> Spread | None:
    if not values:
        return None
    tenths = statistics.quantiles(values * (2 if len(values) == 1 else 1), n=10, method="inclusive")
    return Spread(statistics.fmean(values), statistics.median(values), tenths[8], max(values))


def _open(clocks: list[ClockRow]) -> OpenClocks:
    undecided = [one for one in clocks if one.breach is None]
    return OpenClocks(
        running=len([one for one in undecided if one.phase == "running"]),
        paused=len([one for one in undecided if one.phase == "paused"]),
        at_risk=len([one for one in undecided if one.warned]),
        overdue=len(clocks) - len(undecided),
        longest=max(((AS_OF - one.started_at) / SECOND for one in clocks), default=None),
    )
