"""How long a round takes, and how far it is from the exact optimum."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from activities.matching import solve
from domain.agent import MAX_LEVEL, Capacity, Presence
from domain.assignment import MAX_SENIORITY, Candidate, WaitingTicket
from domain.assignment_round import MAX_CELLS, Matching, match
from domain.assignment_score import ScoreWeights
from domain.ids import PersonId, TicketNumber
from domain.ticket import Priority
from operations.bench.figure import Figure

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SKILLS = tuple(f"skill-{number}" for number in range(14))
CATEGORIES = ("technical", "billing", "general", "network")
PRIORITIES = {Priority.URGENT: 3, Priority.HIGH: 12, Priority.NORMAL: 50, Priority.LOW: 35}
"""How many of a hundred."""
RESPONSE_HOURS = {Priority.URGENT: 0.25, Priority.HIGH: 0.5, Priority.NORMAL: 2.0, Priority.LOW: 4.0}
WITHOUT_LIMIT = 1_000_000_000


class Round(NamedTuple):
    """A round that was solved: how long that took, and what its pairs are worth together."""

    seconds: float
    pairs: int
    worth: float


class Measured(NamedTuple):
    """A round as the dispatcher solves it, beside the same one solved exactly whatever that takes."""

    ours: Round
    exact: Round

    @property
    def gap(self) -> float:
        """The share of the optimum that is missed."""
        return 1 - self.ours.worth / self.exact.worth

    @property
    def points_missed(self) -> float:
        """The same in points for each ticket that was given out."""
        return (self.exact.worth - self.ours.worth) / self.exact.pairs


def measure(tickets: int, agents: int, *, capacity: int = 5, seed: int = 1) -> Measured:
    """Solves the same round both ways. 10,000 tickets for 500 agents take about a minute, nearly all for the exact one.

    Raises RuntimeError when a round gives somebody more than they can carry, or a ticket to two.
    """
    waiting, candidates = make_round(tickets, agents, capacity=capacity, seed=seed)
    return Measured(_solved(waiting, candidates, MAX_CELLS), _solved(waiting, candidates, WITHOUT_LIMIT))


def matching_figures(tickets: int, agents: int, *, capacity: int = 5, seed: int = 1) -> list[Figure]:
    """The same as figures of a table."""
    measured = measure(tickets, agents, capacity=capacity, seed=seed)
    name = f"match {tickets:,} x {agents}, {capacity} each"
    return [
        Figure(name, "ms", measured.ours.seconds * 1000),
        Figure(name, "ms, exact", measured.exact.seconds * 1000),
        Figure(name, "given out", measured.ours.pairs),
        Figure(name, "given out, exact", measured.exact.pairs),
        Figure(name, "% short of optimum", measured.gap * 100),
        Figure(name, "points short each", measured.points_missed),
    ]


def make_round(tickets: int, agents: int, *, capacity: int, seed: int) -> tuple[list[WaitingTicket], list[Candidate]]:
    """A backlog and a team; the same seed gives the same ones. An agent has two skills, a ticket needs one."""
    random = Random(f"round:{seed}")
    candidates = [_candidate(number, capacity, random) for number in range(agents)]
    return [_ticket(number, candidates, random) for number in range(1, tickets + 1)], candidates


def _candidate(number: int, capacity: int, random: Random) -> Candidate:
    return Candidate(
        id=PersonId(UUID(int=number)),
        presence=Presence.ONLINE,
        skills={skill: random.randint(1, MAX_LEVEL) for skill in random.sample(SKILLS, 2)},
        capacity=Capacity(tickets=capacity),
        specialisations=frozenset({random.choice(CATEGORIES)}),
        seniority=random.randint(1, MAX_SENIORITY),
        free_until=NOW + timedelta(minutes=random.randint(30, 480)),
        minutes_lately=random.randint(0, 2_000),
    )


def _ticket(number: int, candidates: Sequence[Candidate], random: Random) -> WaitingTicket:
    priority = random.choices(list(PRIORITIES), list(PRIORITIES.values()))[0]
    opened_at = NOW - timedelta(minutes=random.randint(0, 2_880))
    due = timedelta(hours=RESPONSE_HOURS[priority])
    knows_somebody = random.random() < 0.1
    return WaitingTicket(
        number=TicketNumber(number),
        priority=priority,
        category=random.choice(CATEGORIES),
        opened_at=opened_at,
        minutes=random.randint(5, 90),
        required_skills=(f"{random.choice(SKILLS)}:{random.choice((1, 1, 2, 3))}",),
        response_due_at=opened_at + due,
        resolution_due_at=opened_at + 6 * due,
        escalation_level=random.choices((0, 1, 2, 3), (90, 6, 3, 1))[0],
        last_contact_id=random.choice(candidates).id if knows_somebody and candidates else None,
    )


def _solved(tickets: Sequence[WaitingTicket], candidates: Sequence[Candidate], max_cells: int) -> Round:
    began = time.perf_counter()
    matching = match(tickets, candidates, NOW, ScoreWeights(), solve, max_cells=max_cells)
    seconds = time.perf_counter() - began
    _check(matching, candidates)
    return Round(seconds, len(matching.pairs), sum(pair.score.total for pair in matching.pairs))


def _check(matching: Matching, candidates: Sequence[Candidate]) -> None:
    left = {candidate.id: candidate.capacity.tickets - candidate.load for candidate in candidates}
    given: set[TicketNumber] = set()
    for pair in matching.pairs:
        left[pair.candidate_id] -= 1
        if left[pair.candidate_id] < 0 or pair.ticket.number in given:
            raise RuntimeError("a round gave somebody too much, or a ticket to two")
        given.add(pair.ticket.number)
