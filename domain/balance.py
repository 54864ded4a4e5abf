"""Balance: which tickets of a team may change hands, and the moves that even out what its members carry.

A move only proposes. Whether somebody may have a ticket is `assignment.exclusion`'s affair, and each proposal can be
carried out in the order given: nobody is over their capacity in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from domain.assignment import Candidate, WaitingTicket, exclusion
from domain.dispatch import Board, Member, Queued, asked_candidates, cannot_wait, waiting_ticket
from domain.ids import PersonId
from domain.ticket import Status, Ticket
from domain.workload import excess, utilisation

LEAST_GAIN = 0.01
"""A move that lessens the spread by less than this is not worth the change of hands."""
USUAL_MOVES = 20
MOST_MOVES = 100
"""How many moves are proposed at once, when nobody says otherwise and at the most."""
_DIGITS = 9


class Held(NamedTuple):
    """A ticket that somebody of the team has. `is_begun`: its owner has done anything to it since they have it;
    `is_seniors`: an escalation ladder gave it to them."""

    queued: Queued
    is_begun: bool = False
    is_seniors: bool = False

    @property
    def ticket(self) -> Ticket:
        return self.queued.ticket


class Move(NamedTuple):
    """A ticket for another owner. `from_id` None: it waits. `gain`: how much better the team's measure is after it."""

    ticket: Ticket
    from_id: PersonId | None
    to_id: PersonId
    gain: float
    sentence: str


class Totals(NamedTuple):
    """How the team stands. `measure` is the spread of `rebalance`, or the worth of `optimise`; `greatest` and `least`
    are utilisations of members, `over_capacity` is what they carry beyond what they can, in tickets weighed by
    priority."""

    measure: float
    greatest: float
    least: float
    over_capacity: float


class Balance(NamedTuple):
    """The proposed moves, in the order in which they are to be made, and what they come to."""

    moves: tuple[Move, ...]
    before: Totals
    after: Totals


def movable(board: Board, held: Iterable[Held], *, with_begun: bool = False) -> list[Held]:
    """The tickets that may change hands: at work, and not begun by their owner (unless `with_begun`).

    What an escalation ladder gave to a senior stays there, and what is being handed over goes that way. A ticket of
    somebody who is off until their next shift stays when it can wait until then.
    """
    members = {member.id: member for member in board.members}
    found = []
    for one in held:
        owner = None if one.ticket.assignee_id is None else members.get(one.ticket.assignee_id)
        if owner is not None and _may_leave(one, owner) and (with_begun or not one.is_begun):
            found.append(one)
    return found


def rebalance(
    board: Board, held: Iterable[Held], now: datetime, *, with_begun: bool = False, most: int = USUAL_MOVES
) -> Balance:
    """Moves from the most to the least utilised, each the one that lessens the spread most, while that is worth it."""
    standing = {candidate.id: candidate for candidate in asked_candidates(board, now)}
    before = totals(spread(standing.values()), standing.values())
    open_tickets: dict[PersonId, list[tuple[WaitingTicket, Ticket]]] = {id: [] for id in standing}
    for one in movable(board, held, with_begun=with_begun):
        if one.ticket.assignee_id is not None:
            wanted = waiting_ticket(one.queued, board.rules, now)
            open_tickets[one.ticket.assignee_id].append((wanted, one.ticket))
    moves: list[Move] = []
    while len(moves) < most:
        found = _best(standing, open_tickets, now)
        if found is None:
            break
        wanted, move = found
        assert move.from_id is not None
        open_tickets[move.from_id].remove((wanted, move.ticket))
        standing[move.from_id] = without(standing[move.from_id], wanted)
        standing[move.to_id] = standing[move.to_id].with_ticket(wanted)
        moves.append(move)
    return Balance(tuple(moves), before, totals(spread(standing.values()), standing.values()))


def spread(candidates: Iterable[Candidate]) -> float:
    """How uneven a load lies: the sum of the squares of the members' utilisations, each times their capacity.

    The sum of squares of loads is the classic measure of an even allocation (A. K. Chandra and C. K. Wong, "Worst-case
    analysis of a placement algorithm related to storage allocation", SIAM Journal on Computing 4, 1975). Weighed by
    capacity, load² / capacity, it is least when everybody carries the same share of what they can.
    """
    return sum(_uneven(candidate) for candidate in candidates)


def totals(measure: float, candidates: Iterable[Candidate]) -> Totals:
    """How these stand, with a measure of them."""
    found = list(candidates)
    used = [utilisation(candidate) for candidate in found]
    over = sum(excess(candidate) for candidate in found)
    return Totals(round(measure, _DIGITS), max(used, default=0.0), min(used, default=0.0), over)


def without(candidate: Candidate, ticket: WaitingTicket) -> Candidate:
    """The same agent when they do not carry this ticket any more."""
    load = candidate.load - candidate.capacity.weights.of(ticket.priority)
    return candidate._replace(
        load=max(0.0, round(load, _DIGITS)),
        load_minutes=max(0, candidate.load_minutes - ticket.minutes),
        tickets_carried=candidate.tickets_carried - 1,
    )


def _may_leave(one: Held, owner: Member) -> bool:
    ticket = one.ticket
    if ticket.status not in (Status.NEW, Status.OPEN) or ticket.snoozed or ticket.offer is not None or one.is_seniors:
        return False
    return not owner.is_absent or cannot_wait(ticket, owner.duty.next_on_at)


def _uneven(candidate: Candidate) -> float:
    return (candidate.capacity.tickets or 1.0) * utilisation(candidate) ** 2


def _best(
    standing: Mapping[PersonId, Candidate],
    open_tickets: Mapping[PersonId, Sequence[tuple[WaitingTicket, Ticket]]],
    now: datetime,
) -> tuple[WaitingTicket, Move] | None:
    """The best move of the most utilised member who has any that is worth it."""
    ranked = sorted(standing.values(), key=lambda one: (-utilisation(one), one.id))
    for owner in ranked:
        others = [one for one in reversed(ranked) if utilisation(one) < utilisation(owner)]
        best: tuple[float, WaitingTicket, Ticket, Candidate] | None = None
        for wanted, ticket in open_tickets[owner.id]:
            lightened = _uneven(owner) - _uneven(without(owner, wanted))
            for taker in others:
                gain = lightened + _uneven(taker) - _uneven(taker.with_ticket(wanted))
                is_better = gain > LEAST_GAIN and (best is None or gain > best[0])
                if is_better and exclusion(wanted, taker, now) is None:
                    best = (gain, wanted, ticket, taker)
        if best is not None:
            gain, wanted, ticket, taker = best
            return wanted, Move(ticket, owner.id, taker.id, gain, _spoken(wanted, owner, taker))
    return None


def _spoken(wanted: WaitingTicket, owner: Candidate, taker: Candidate) -> str:
    lighter, heavier = without(owner, wanted), taker.with_ticket(wanted)
    return (
        f"Its owner goes from {utilisation(owner):.0%} to {utilisation(lighter):.0%} of what they can carry, "
        f"its taker from {utilisation(taker):.0%} to {utilisation(heavier):.0%}."
    )
