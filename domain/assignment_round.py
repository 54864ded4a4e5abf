"""A round of a team's dispatcher: which waiting tickets go to whom, now.

As many tickets as possible are given out, and among the ways to do so the one with the greatest sum of scores is taken.
Nobody is given what they have no room for at this moment: what nobody has room for waits in the one queue, and goes to
whoever is free first.
"""

import math
from array import array
from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from domain.assignment import ROUNDING, Candidate, WaitingTicket, absence, exclusion, lacking, most_minutes
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
from domain.ticket import Priority, Slug

MAX_CELLS = 500_000
"""How many pairs of ticket and place are weighed at once. A bigger round is solved in passes, the most urgent tickets
and a few places of each agent first: the time to solve grows with the third power of the size."""
MOST_SPARED = 10
"""A round that is bigger by more than this is not looked at as a whole: few enough tickets are like others."""
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


class _Kind(NamedTuple):
    """Tickets for the same places. They differ in their urgency and minutes, and in who wrote with their requester or
    passed them by."""

    worth: Sequence[tuple[int, float]]
    """Each place that can take one, with what it is worth there but for what they differ in."""
    most_minutes: float
    """The longest work that one of the places takes."""
    taking_part: list[int]
    """The minutes of those of it that are weighed, the shortest first."""


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
        self._present = {candidate.id for candidate in self._candidates}
        self._limits: list[float] = []
        self._fairness = [fairness_part(candidate, weights) for candidate in self._candidates]
        self._able_now: dict[tuple[tuple[SkillNeed, ...], Priority], list[int]] = {}
        self._skills: dict[tuple[tuple[SkillNeed, ...], Slug], dict[int, float]] = {}
        self.pairs: list[Pair] = []

    def best(self, solve: Solve, max_cells: int) -> list[tuple[WaitingTicket, int]]:
        """The best way to fill the places that are free now: tickets with columns of candidates, the best pair first.

        Of a round of more than `max_cells` pairs only the next places of each agent are filled, about as many in all
        as there are tickets that take part then: the most urgent ones.
        """
        free = self._free()
        places, rows = [], []
        if is_whole := len(self._open) * sum(count for count, _ in free) <= MOST_SPARED * max_cells:
            places = self._places(free, len(self._open))
            rows = self._rows(places)
        if not is_whole or len(rows) * len(places) > max_cells:
            places = self._places(free, max(1, math.isqrt(max_cells) // max(len(free), 1)))
            rows = self._rows(places)[: max(1, max_cells // max(len(places), 1))]
        worth = [self._worth(ticket, kind, places) for ticket, kind in rows]
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

    def _free(self) -> list[tuple[int, float]]:
        """How many more tickets each candidate may have room for, and what the lightest of them weighs."""
        priorities = {ticket.priority for ticket in self._open.values()}
        free = []
        for candidate in self._candidates:
            least = min((candidate.capacity.weights.of(priority) for priority in priorities), default=1.0)
            room = candidate.capacity.tickets - candidate.load
            most = len(self._open) if least == 0 else math.floor(room / least + ROUNDING)
            free.append((min(max(most, 0), len(self._open)), least))
        return free

    def _places(self, free: Sequence[tuple[int, float]], most: int) -> list[_Place]:
        """The free places of each candidate, at most so many of one."""
        return [
            _Place(column, load_part(candidate, candidate.load + number * least, self._weights))
            for column, (candidate, (count, least)) in enumerate(zip(self._candidates, free, strict=True))
            for number in range(min(count, most))
        ]

    def _rows(self, places: Sequence[_Place]) -> list[tuple[WaitingTicket, _Kind]]:
        """The tickets that can take part, the most urgent first.

        Of a kind only as many take part as there are places for it, which loses nothing: who is less urgent and takes
        no less time would get a place only after all of them.
        """
        self._limits = [most_minutes(candidate, self._now) for candidate in self._candidates]
        self._able_now = {}
        places_of: dict[int, list[tuple[int, float]]] = {column: [] for column in range(len(self._candidates))}
        for number, place in enumerate(places):
            places_of[place.column].append((number, place.worth))
        least = min(self._limits, default=math.inf)
        kinds: dict[object, _Kind] = {}
        rows = []
        for ticket in self._open.values():
            key = (ticket.required_skills, ticket.category, ticket.priority, ticket.escalation_level)
            if key not in kinds:
                kinds[key] = self._kind(ticket, places_of)
            kind = kinds[key]
            if not self._has_place(ticket, kind, places):
                continue
            self._wanted.add(ticket.number)
            minutes = ticket.minutes if ticket.minutes > least else 0
            knows_somebody = ticket.last_contact_id in self._present
            if not knows_somebody and bisect_right(kind.taking_part, minutes) >= len(kind.worth):
                continue
            if not ticket.passed_by:
                insort(kind.taking_part, minutes)
            rows.append((ticket, kind))
        return rows

    def _kind(self, ticket: WaitingTicket, places_of: Mapping[int, Sequence[tuple[int, float]]]) -> _Kind:
        """The kind of this ticket."""
        able, skill = self._able(ticket), self._skilled(ticket)
        worth = []
        for column in able:
            points = skill[column] + self._fairness[column]
            points += seniority_part(ticket.escalation_level, self._candidates[column], self._weights)
            worth += [(number, points + at) for number, at in places_of[column]]
        return _Kind(worth, max((self._limits[column] for column in able), default=-math.inf), [])

    def _able(self, ticket: WaitingTicket) -> list[int]:
        """Who can take a ticket of its skills and weight now, were it short and had nobody passed it."""
        key = (ticket.required_skills, ticket.priority)
        if key not in self._able_now:
            anyone = ticket._replace(minutes=0, passed_by=frozenset())
            self._able_now[key] = [
                column
                for column in self._skilled(ticket)
                if exclusion(anyone, self._candidates[column], self._now) is None
            ]
        return self._able_now[key]

    def _skilled(self, ticket: WaitingTicket) -> dict[int, float]:
        """Who has the skills, and what these make them worth; it stays the same for the whole round."""
        key = (ticket.required_skills, ticket.category)
        if key not in self._skills:
            self._skills[key] = {
                column: skill_part(*key, candidate, self._weights)
                for column, candidate in enumerate(self._candidates)
                if lacking(ticket.required_skills, candidate) is None
            }
        return self._skills[key]

    def _has_place(self, ticket: WaitingTicket, kind: _Kind, places: Sequence[_Place]) -> bool:
        """Whether one of the places can take it."""
        if not kind.worth or ticket.minutes > kind.most_minutes:
            return False
        return not ticket.passed_by or any(self._may(ticket, places[place].column) for place, _ in kind.worth)

    def _may(self, ticket: WaitingTicket, column: int) -> bool:
        """Whether a ticket of a kind that this candidate can take is not too long for them, nor passed by them."""
        return ticket.minutes <= self._limits[column] and self._candidates[column].id not in ticket.passed_by

    def _worth(self, ticket: WaitingTicket, kind: _Kind, places: Sequence[_Place]) -> "array[float]":
        """What it is worth at each of the places."""
        row = array("d", [EXCLUDED]) * len(places)
        points = self._urgency[ticket.number]
        for place, worth in kind.worth:
            column = places[place].column
            if self._may(ticket, column):
                is_contact = ticket.last_contact_id == self._candidates[column].id
                row[place] = worth + points + (self._weights.contact if is_contact else 0.0)
        return row
