"""The optimum of a team: who would have what if everything that may move were given anew, and the moves towards it
that are worth a change of hands."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from domain.agent import Presence
from domain.assignment import Candidate, WaitingTicket, exclusion
from domain.assignment_round import Solve, match
from domain.assignment_score import Score, ScoreWeights, score, urgency
from domain.balance import USUAL_MOVES, Balance, Held, Move, movable, totals, without
from domain.dispatch import Board, asked_candidates, waiting_ticket
from domain.ids import PersonId, TicketNumber
from domain.ticket import Ticket

SWITCHING_COST = 2.0
"""What the change of an owner must gain at least, in points of the score: as much as it is worth that the requester's
last contact has a ticket. Whoever read it has to be made up for. A waiting ticket costs nobody anything."""
_ROUNDING = 1e-9


class _Wish(NamedTuple):
    """A ticket that the optimum gives to another one than who has it."""

    wanted: WaitingTicket
    from_id: PersonId | None
    to_id: PersonId


def optimise(
    board: Board,
    held: Iterable[Held],
    now: datetime,
    solve: Solve,
    *,
    with_begun: bool = False,
    switching_cost: float = SWITCHING_COST,
    most: int = USUAL_MOVES,
) -> Balance:
    """Solves the team's movable and waiting tickets as one round of its dispatcher would, and proposes the moves to
    there that gain more than the switching cost. Two who are full do not swap: each move must fit when it is made."""
    team = _Team(board, movable(board, held, with_begun=with_begun), now)
    matching = match(list(team.wanted.values()), list(team.bases.values()), now, board.rules.score, solve)
    pairs = [(pair.ticket, team.owners.get(pair.ticket.number), pair.candidate_id) for pair in matching.pairs]
    wishes = [_Wish(*pair) for pair in pairs if pair[1] != pair[2]]
    wishes.sort(key=lambda wish: (-team.gain(wish), wish.wanted.number))
    before = totals(team.worth, team.candidates)
    moves: list[Move] = []
    while wishes and len(moves) < most:
        done = set()
        for wish in wishes:
            cost = 0.0 if wish.from_id is None else switching_cost
            if len(moves) < most and team.has_room(wish) and (gain := team.gain(wish)) > cost + _ROUNDING:
                moves.append(Move(team.tickets[wish.wanted.number], wish.from_id, wish.to_id, gain, team.spoken(wish)))
                team.make(wish)
                done.add(wish.wanted.number)
        if not done:
            break
        wishes = [wish for wish in wishes if wish.wanted.number not in done]
    return Balance(tuple(moves), before, totals(team.worth, team.candidates))


class _Team:
    """The members with what they hold. `bases` are they without what may move."""

    def __init__(self, board: Board, loose: Iterable[Held], now: datetime) -> None:
        self._now = now
        self._weights: ScoreWeights = board.rules.score
        self.bases: dict[PersonId, Candidate] = {one.id: one for one in asked_candidates(board, now)}
        self.tickets: dict[TicketNumber, Ticket] = {}
        self.wanted: dict[TicketNumber, WaitingTicket] = {}
        self.owners: dict[TicketNumber, PersonId] = {}
        waiting = [one for one in board.queued if one.ticket.offer is None]
        for queued in (*waiting, *(one.queued for one in loose)):
            ticket = queued.ticket
            wanted = waiting_ticket(queued, board.rules, now)
            self.tickets[ticket.number], self.wanted[ticket.number] = ticket, wanted
            if ticket.assignee_id is not None:
                self.owners[ticket.number] = ticket.assignee_id
                self.bases[ticket.assignee_id] = without(self.bases[ticket.assignee_id], wanted)
        self._hands: dict[PersonId, tuple[WaitingTicket, ...]] = dict.fromkeys(self.bases, ())
        for number, owner in self.owners.items():
            self._hands[owner] = self._sorted((*self._hands[owner], self.wanted[number]))

    @property
    def candidates(self) -> list[Candidate]:
        """The members as they stand."""
        return [self._full(id) for id in self.bases]

    @property
    def worth(self) -> float:
        """What it is worth that everybody has what they have, in points."""
        return math.fsum(self._worth(id, tickets) for id, tickets in self._hands.items())

    def has_room(self, wish: _Wish) -> bool:
        """Whether the taker may have it beside what they have at this moment."""
        return exclusion(wish.wanted, self._full(wish.to_id), self._now) is None

    def gain(self, wish: _Wish) -> float:
        """How much more it is worth after the move what both have; negative when it is worth less."""
        taken = self._hands[wish.to_id]
        gain = self._worth(wish.to_id, self._sorted((*taken, wish.wanted))) - self._worth(wish.to_id, taken)
        if wish.from_id is not None:
            given = self._hands[wish.from_id]
            left = tuple(one for one in given if one.number != wish.wanted.number)
            gain += self._worth(wish.from_id, left) - self._worth(wish.from_id, given)
        return gain

    def make(self, wish: _Wish) -> None:
        """The team after the move."""
        if wish.from_id is not None:
            given = self._hands[wish.from_id]
            self._hands[wish.from_id] = tuple(one for one in given if one.number != wish.wanted.number)
        self._hands[wish.to_id] = self._sorted((*self._hands[wish.to_id], wish.wanted))

    def spoken(self, wish: _Wish) -> str:
        """Why the move is proposed, before it is made."""
        theirs = score(wish.wanted, self._full(wish.to_id), self._now, self._weights)
        if wish.from_id is None:
            return f"It waits, and its taker can begin it: {_parts(_nothing(), theirs)}."
        owner = without(self._full(wish.from_id), wish.wanted)
        if _is_gone(owner):
            return f"Its owner is not there, its taker is: {_parts(_nothing(), theirs)}."
        return f"Its taker suits better: {_parts(score(wish.wanted, owner, self._now, self._weights), theirs)}."

    def _worth(self, id: PersonId, tickets: Iterable[WaitingTicket]) -> float:
        """What it is worth that somebody has these: each one's score when they are taken one after the other, as a
        round does it. What somebody has who is not there is worth nothing."""
        candidate = self.bases[id]
        if _is_gone(candidate):
            return 0.0
        points = []
        for wanted in tickets:
            points.append(score(wanted, candidate, self._now, self._weights).total)
            candidate = candidate.with_ticket(wanted)
        return math.fsum(points)

    def _full(self, id: PersonId) -> Candidate:
        candidate = self.bases[id]
        for wanted in self._hands[id]:
            candidate = candidate.with_ticket(wanted)
        return candidate

    def _sorted(self, tickets: tuple[WaitingTicket, ...]) -> tuple[WaitingTicket, ...]:
        """The most urgent first."""
        return tuple(sorted(tickets, key=lambda one: (-urgency(one, self._now, self._weights), one.number)))


def _is_gone(candidate: Candidate) -> bool:
    return not candidate.on_shift or candidate.presence in (Presence.OFFLINE, Presence.AWAY)


def _nothing() -> Score:
    return Score(0, 0, 0, 0, 0, 0)


def _parts(here: Score, there: Score) -> str:
    """The parts of the score that differ."""
    told: Mapping[str, float] = {
        part: value - getattr(here, part) for part, value in there._asdict().items() if part != "urgency"
    }
    named = [f"{part} {value:+.1f}" for part, value in told.items() if abs(value) >= 0.05]
    return ", ".join(named) or "as well as its owner, and the rest of the team gains"
