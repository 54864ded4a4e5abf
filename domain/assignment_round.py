"""A round of a team's dispatcher: which waiting tickets go to whom, now.

As many tickets as possible are given out, and among the ways to do so the one with the greatest sum of scores is taken.
Nobody is given what they have no room for at this moment: what nobody has room for waits in the one queue, and goes to
whoever is free first.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from domain.assignment import Candidate, WaitingTicket, absence, exclusion, lacking, most_minutes
from domain.assignment_score import (
    Score,
    ScoreWeights,
    fairness_part,
    load_part,
    score,
    seniority_part,
    skill_part,
    urgency,
)
from domain.ids import PersonId, TicketNumber
from domain.skill import SkillNeed
from domain.ticket import Slug

MAX_CELLS = 500_000
"""How many pairs of ticket and place are weighed at once. Of a bigger round each agent is given one ticket after the
other, the most urgent tickets first: the time to solve grows with the third power of the size."""
EXCLUDED = -math.inf
"""What a pair is worth that must not be."""

Why = Literal["nobody", "others_first"]
"""Why a ticket waits on: nobody can take it, or those who could were given others."""


class Solve(Protocol):
    """Finds the best pairs of rows (tickets) and columns (places with agents), each used at most once.

    As many pairs as possible, and among these the greatest sum of worth; EXCLUDED is never chosen.
    """

    def __call__(self, worth: Sequence["array[float]"]) -> Sequence[tuple[int, int]]: ...


class Pair(NamedTuple):
    """A ticket for an agent, with what that was worth when it was given to them."""

    ticket: WaitingTicket
    candidate_id: PersonId
    score: Score


class Waiting(NamedTuple):
    number: TicketNumber
    why: Why


class Matching(NamedTuple):
    """What a round came to: every ticket is in one of the two."""

    pairs: tuple[Pair, ...]
    waiting: tuple[Waiting, ...]


def match(
    tickets: Sequence[WaitingTicket],
    candidates: Sequence[Candidate],
    now: datetime,
    weights: ScoreWeights,
    solve: Solve,
    *,
    max_cells: int = MAX_CELLS,
) -> Matching:
    """Gives the tickets to those who can take them now. No ticket and no candidate may come twice."""
    this_round = _Round(tickets, candidates, now, weights)
    while this_round.give(this_round.best(solve, max_cells)):
        pass
    return Matching(tuple(this_round.pairs), this_round.left())


class _Place(NamedTuple):
    """Room for one more ticket with an agent: their column, and what it is worth to fill just this one."""

    column: int
    worth: float


@dataclass
class _Kind:
    """Tickets that only their urgency tells apart: what each place is worth for them, and how many they are."""

    worth: "array[float]"
    places: int
    """How many of them can take one."""
    taking_part: int = 0

    @classmethod
    def of(cls, worth: "array[float]") -> "_Kind":
        return cls(worth, sum(1 for at in worth if at > EXCLUDED))


class _Round:
    """The state of a round: what is still open, and the candidates as they stand with what they were given so far."""

    def __init__(
        self, tickets: Sequence[WaitingTicket], candidates: Sequence[Candidate], now: datetime, weights: ScoreWeights
    ) -> None:
        self._now, self._weights = now, weights
        self._candidates = [candidate for candidate in candidates if absence(candidate) is None]
        self._urgency = {ticket.number: urgency(ticket, now, weights) for ticket in tickets}
        self._open = {
            ticket.number: ticket
            for ticket in sorted(tickets, key=lambda ticket: (-self._urgency[ticket.number], ticket.number))
        }
        self._wanted: set[TicketNumber] = set()
        self._skill_rows: dict[tuple[tuple[SkillNeed, ...], Slug], list[float]] = {}
        self.pairs: list[Pair] = []

    def best(self, solve: Solve, max_cells: int) -> list[tuple[WaitingTicket, int]]:
        """The best way to fill the places that are free now: tickets with columns of candidates, the best pair first.

        Of a round of more than `max_cells` pairs only the next place of each agent is filled, and only by the most
        urgent tickets.
        """
        places = self._places(len(self._open))
        rows = self._rows(places)
        if len(rows) * len(places) > max_cells:
            places = self._places(1)
            rows = self._rows(places)
            rows = rows[: max(1, max_cells // len(places))]
        worth = [array("d", [at + self._urgency[ticket.number] for at in base]) for ticket, base in rows]
        chosen = solve(worth) if rows else ()
        found = [(worth[row][place], rows[row][0], places[place].column) for row, place in chosen]
        found.sort(key=lambda pair: (-pair[0], pair[1].number))
        return [(ticket, column) for _, ticket, column in found]

    def give(self, chosen: Sequence[tuple[WaitingTicket, int]]) -> bool:
        """Gives each ticket to its candidate if there is still room beside what they were just given."""
        given = False
        for ticket, column in chosen:
            candidate = self._candidates[column]
            if exclusion(ticket, candidate, self._now) is None:
                self.pairs.append(Pair(ticket, candidate.id, score(ticket, candidate, self._now, self._weights)))
                self._candidates[column] = candidate.with_ticket(ticket)
                del self._open[ticket.number]
                given = True
        return given

    def left(self) -> tuple[Waiting, ...]:
        """What waits on, the most urgent first."""
        return tuple(Waiting(number, "others_first" if number in self._wanted else "nobody") for number in self._open)

    def _places(self, most: int) -> list[_Place]:
        """The free places of each candidate, at most so many of one."""
        priorities = {ticket.priority for ticket in self._open.values()}
        places = []
        for column, candidate in enumerate(self._candidates):
            least = min((candidate.capacity.weights.of(priority) for priority in priorities), default=1.0)
            room = candidate.capacity.tickets - candidate.load
            count = most if least == 0 else min(most, math.floor(room / least))
            places += [
                _Place(column, load_part(candidate, candidate.load + number * least, self._weights))
                for number in range(count)
            ]
        return places

    def _rows(self, places: Sequence[_Place]) -> list[tuple[WaitingTicket, "array[float]"]]:
        """The tickets that can take part, the most urgent first, each with the worth of every place but for urgency.

        Tickets that differ in nothing but their urgency are for the same places: of each such kind only as many take
        part as there are places for it, which loses nothing.
        """
        least = min((most_minutes(candidate, self._now) for candidate in self._candidates), default=math.inf)
        present = {candidate.id for candidate in self._candidates}
        kinds: dict[object, _Kind] = {}
        rows = []
        for ticket in self._open.values():
            key = (
                *(ticket.required_skills, ticket.category, ticket.priority, ticket.escalation_level),
                ticket.minutes if ticket.minutes > least else 0,
                ticket.passed_by & present,
                ticket.last_contact_id if ticket.last_contact_id in present else None,
            )
            if key not in kinds:
                kinds[key] = _Kind.of(self._worth(ticket, places))
            kind = kinds[key]
            if kind.places:
                self._wanted.add(ticket.number)
            if kind.taking_part < kind.places:
                kind.taking_part += 1
                rows.append((ticket, kind.worth))
        return rows

    def _worth(self, ticket: WaitingTicket, places: Sequence[_Place]) -> "array[float]":
        """What each place is worth for this ticket, but for its urgency."""
        skills = self._skill_row(ticket)
        columns = [
            EXCLUDED
            if skill == EXCLUDED or exclusion(ticket, candidate, self._now) is not None
            else skill
            + fairness_part(candidate, self._weights)
            + seniority_part(ticket.escalation_level, candidate, self._weights)
            + (self._weights.contact if ticket.last_contact_id == candidate.id else 0.0)
            for skill, candidate in zip(skills, self._candidates, strict=True)
        ]
        return array("d", [columns[place.column] + place.worth for place in places])

    def _skill_row(self, ticket: WaitingTicket) -> list[float]:
        """What their skills make each candidate worth; it stays the same for the whole round."""
        key = (ticket.required_skills, ticket.category)
        if key not in self._skill_rows:
            self._skill_rows[key] = [
                EXCLUDED
                if lacking(ticket.required_skills, candidate)
                else skill_part(ticket.required_skills, ticket.category, candidate, self._weights)
                for candidate in self._candidates
            ]
        return self._skill_rows[key]
