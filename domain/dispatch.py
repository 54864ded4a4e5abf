"""A round of a team's dispatcher: what it takes back, hands over, gives and offers, and when it must look again.

All pure. The round only orders; a ticket's own workflow does it or refuses, and what was refused comes again in the
next round.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.agent import Presence
from domain.assignment import Candidate, WaitingTicket, exclusion
from domain.assignment_reasons import Decision, decision
from domain.assignment_round import Matching, Solve, match
from domain.assignment_score import Score, ScoreWeights, score
from domain.duty import Duty
from domain.ids import PersonId, TicketNumber
from domain.team import Strategy, TeamSettings
from domain.ticket import Priority, Slug, Ticket
from domain.ticket_commands import UnassignReason

AWAY_AFTER = timedelta(minutes=15)
"""How long an owner may be away before their urgent tickets that nobody has answered go on."""
FORGIVEN_AFTER = timedelta(minutes=30)
"""When nothing happened to a ticket for so long, those who passed it by are asked again."""
STAYS = timedelta(hours=2)
"""A ticket is handed over only to who stays at least this long."""
_PRESSING = (Priority.URGENT, Priority.HIGH)


class TeamRules(TeamSettings):
    """How the dispatcher of a team works. `take_back_minutes` are of the ticket's calendar."""

    team: Slug


class Member(NamedTuple):
    """An agent of the team: as a candidate, and as an owner of tickets."""

    candidate: Candidate
    duty: Duty
    presence_since: datetime

    @property
    def id(self) -> PersonId:
        return self.candidate.id

    @property
    def is_absent(self) -> bool:
        """Whether they are planned, and neither on shift nor there by their own will."""
        is_there = self.candidate.presence not in (Presence.OFFLINE, Presence.AWAY)
        return self.duty.is_planned and not self.duty.on_shift and not is_there

    def stays_until(self, moment: datetime) -> bool:
        """Whether they are there at least until then, as far as anybody knows."""
        return self.duty.shift_ends_at is None or self.duty.shift_ends_at >= moment


class Queued(NamedTuple):
    """A ticket that waits, or is to be handed over, with who of the desk its requester knows."""

    ticket: Ticket
    last_contact_id: PersonId | None = None


class Owned(NamedTuple):
    """A ticket that somebody has. `silent_at`: when it comes back because they did nothing; None: it does not.
    `owner_is_gone`: they do not work at the desk any more."""

    ticket: Ticket
    silent_at: datetime | None = None
    owner_is_gone: bool = False


class Board(NamedTuple):
    """What a round looks at: the waiting tickets of the team, what its members own, and its members."""

    rules: TeamRules
    queued: Sequence[Queued]
    owned: Sequence[Owned]
    members: Sequence[Member]


class TakeBack(NamedTuple):
    ticket: Ticket
    reason: UnassignReason


class Give(NamedTuple):
    ticket: Ticket
    to: PersonId
    decision: Decision


class Ask(NamedTuple):
    """An offer, until a moment."""

    ticket: Ticket
    to: tuple[PersonId, ...]
    expires_at: datetime
    decision: Decision
    is_hand_over: bool = False


Order = TakeBack | Give | Ask


class Plan(NamedTuple):
    """What a round orders, and the next moment at which it would come to something else by itself."""

    orders: tuple[Order, ...]
    next_at: datetime | None


def plan(board: Board, now: datetime, solve: Solve) -> Plan:
    """What is to be done now."""
    taken_back = tuple(_taken_back(board, now))
    gone = {order.ticket.number for order in taken_back}
    handed = tuple(_handed_over(board, now, gone))
    return Plan((*taken_back, *handed, *_given(board, now, solve)), _next_at(board, now))


def waiting_ticket(queued: Queued, rules: TeamRules, now: datetime) -> WaitingTicket:
    """The ticket as the assignment sees it."""
    ticket = queued.ticket
    response, resolution = promised(ticket)
    is_forgotten = now - ticket.updated_at >= FORGIVEN_AFTER
    return WaitingTicket(
        number=ticket.number,
        priority=ticket.priority,
        category=ticket.category,
        opened_at=ticket.created_at,
        minutes=ticket.estimated_minutes or rules.usual_minutes,
        required_skills=ticket.required_skills,
        response_due_at=response,
        resolution_due_at=resolution,
        escalation_level=ticket.escalation_level,
        last_contact_id=queued.last_contact_id,
        passed_by=frozenset() if is_forgotten else frozenset(ticket.passed_by),
    )


def promised(ticket: Ticket) -> tuple[datetime | None, datetime | None]:
    """By when the requester was promised an answer, and by when a solution: of a ticket without such a promise its own
    due date. Also what is broken already counts, by the moment at which it was due."""
    answers: list[datetime] = []
    solutions: list[datetime] = []
    for clock in () if ticket.sla is None else ticket.sla.clocks:
        due = clock.breached_at or clock.due_at
        if clock.audience == "customer" and clock.is_open and due is not None:
            (solutions if clock.target == "resolution" else answers).append(due)
    if ticket.due_at is not None:
        solutions.append(ticket.due_at)
    return min(answers, default=None), min(solutions, default=None)


def cannot_wait(ticket: Ticket, until: datetime | None) -> bool:
    """Whether something is due of the ticket before a moment (None: nobody knows when), or is late already."""
    if until is None or (ticket.next_due_at is not None and ticket.next_due_at < until):
        return True
    return any(clock.breached_at and clock.is_open for clock in (ticket.sla.clocks if ticket.sla else ()))


class HandOver(NamedTuple):
    """The open tickets of somebody whose shift ends, each list by due time."""

    can_wait: list[Ticket]
    cannot_wait: list[Ticket]


def hand_over(owned: Iterable[Ticket], back_at: datetime | None) -> HandOver:
    """Which of somebody's tickets can wait until they are back (None: nobody knows when), and which cannot."""
    found = HandOver([], [])
    for ticket in sorted(
        (ticket for ticket in owned if not ticket.is_finished),
        key=lambda ticket: (ticket.next_due_at is None, ticket.next_due_at or ticket.created_at, ticket.number),
    ):
        (found.cannot_wait if cannot_wait(ticket, back_at) else found.can_wait).append(ticket)
    return found


def _taken_back(board: Board, now: datetime) -> Iterator[TakeBack]:
    """What its owner cannot or does not take care of."""
    members = {member.id: member for member in board.members}
    for ticket, silent_at, owner_is_gone in board.owned:
        if ticket.assignee_id is None or ticket.is_finished:
            continue
        if owner_is_gone:
            yield TakeBack(ticket, "deactivated")
        member = members.get(ticket.assignee_id)
        if member is None or owner_is_gone:
            continue
        if member.is_absent and cannot_wait(ticket, member.duty.next_on_at):
            yield TakeBack(ticket, "shift_ended")
        elif _is_left_alone(ticket, member) and member.presence_since + AWAY_AFTER <= now:
            yield TakeBack(ticket, "away")
        elif silent_at is not None and silent_at <= now:
            yield TakeBack(ticket, "silent")


def _is_left_alone(ticket: Ticket, member: Member) -> bool:
    """Whether it is pressing, nobody has answered it, and its owner ought to be there and is not."""
    is_open = not ticket.snoozed and not ticket.is_finished
    is_unanswered = is_open and ticket.first_responded_at is None and ticket.priority in _PRESSING
    return is_unanswered and member.candidate.presence is Presence.AWAY


def _handed_over(board: Board, now: datetime, gone: set[TicketNumber]) -> Iterator[Ask]:
    """Before a shift ends, what cannot wait until the next one is offered to those who stay."""
    for member in board.members:
        ends_at = member.duty.shift_ends_at
        begins = _hand_over_begins(board.rules, member)
        if ends_at is None or begins is None or not begins <= now < ends_at:
            continue
        theirs = (one.ticket for one in board.owned if one.ticket.assignee_id == member.id)
        for ticket in hand_over(theirs, member.duty.next_on_at).cannot_wait:
            if ticket.offer is None and ticket.number not in gone:
                yield from _offered_on(Queued(ticket), board, member, ends_at, now)


def _hand_over_begins(rules: TeamRules, member: Member) -> datetime | None:
    ends_at = member.duty.shift_ends_at
    if ends_at is None or not member.duty.on_shift or not rules.hand_over_minutes:
        return None
    return ends_at - timedelta(minutes=rules.hand_over_minutes)


def _offered_on(queued: Queued, board: Board, owner: Member, until: datetime, now: datetime) -> Iterator[Ask]:
    wanted = waiting_ticket(queued, board.rules, now)
    others = [member for member in board.members if member.id != owner.id and member.stays_until(now + STAYS)]
    staying = [member.candidate for member in others if exclusion(wanted, member.candidate, now) is None]
    if not staying:
        return
    best = _ranked(wanted, staying, board.rules.score, now)
    record = decision(wanted, staying, now, board.rules.score, chosen_id=best[0][0], chosen_score=best[0][1])
    yield Ask(queued.ticket, tuple(id for id, _ in best[: board.rules.offer_to]), until, record, is_hand_over=True)


def _ranked(
    wanted: WaitingTicket, candidates: Iterable[Candidate], weights: ScoreWeights, now: datetime
) -> list[tuple[PersonId, Score]]:
    scored = [(candidate.id, score(wanted, candidate, now, weights)) for candidate in candidates]
    return sorted(scored, key=lambda one: (-one[1].total, one[0]))


def _given(board: Board, now: datetime, solve: Solve) -> Iterator[Give | Ask]:
    """Waiting tickets to those who can take them now: given, or offered with who comes next asked as well."""
    rules = board.rules
    if rules.strategy is Strategy.MANUAL:
        return
    open_tickets = {one.ticket.number: one for one in board.queued if one.ticket.offer is None}
    wanted = {number: waiting_ticket(one, rules, now) for number, one in open_tickets.items()}
    candidates = asked_candidates(board, now)
    matching = match(list(wanted.values()), candidates, now, rules.score, solve)
    for pair in matching.pairs:
        ticket = open_tickets[pair.ticket.number].ticket
        record = decision(
            pair.ticket, candidates, now, rules.score, chosen_id=pair.candidate_id, chosen_score=pair.score
        )
        if rules.strategy is Strategy.AUTOMATIC:
            yield Give(ticket, pair.candidate_id, record)
        else:
            others = _others(pair.ticket, candidates, matching, rules, now)
            to = (pair.candidate_id, *(id for id in others if id != pair.candidate_id))[: rules.offer_to]
            yield Ask(ticket, to, now + timedelta(seconds=rules.offer_seconds), record)


def _others(
    wanted: WaitingTicket, candidates: Sequence[Candidate], matching: Matching, rules: TeamRules, now: datetime
) -> list[PersonId]:
    """Who else could take it, the best first: those who are asked for another ticket of this round come last."""
    if rules.offer_to == 1:
        return []
    asked = {pair.candidate_id for pair in matching.pairs}
    able = [candidate for candidate in candidates if exclusion(wanted, candidate, now) is None]
    ranked = [id for id, _ in _ranked(wanted, able, rules.score, now)]
    return sorted(ranked, key=lambda person: person in asked)


def asked_candidates(board: Board, now: datetime) -> list[Candidate]:
    """The members as candidates: what they were asked for and have not answered weighs as if they had it."""
    candidates: Mapping[PersonId, Candidate] = {member.id: member.candidate for member in board.members}
    loaded = dict(candidates)
    for one in (*board.queued, *(Queued(owned.ticket) for owned in board.owned)):
        for person in () if one.ticket.offer is None else one.ticket.offer.to:
            if person in loaded:
                loaded[person] = loaded[person].with_ticket(waiting_ticket(one, board.rules, now))
    return list(loaded.values())


def _next_at(board: Board, now: datetime) -> datetime | None:
    """When a round would order something else although nothing happened: hand-overs and ends of shifts, owners who
    are away for too long or silent, who comes or is free again, and tickets that are asked for again. Offers call by
    themselves."""
    moments = [one.silent_at for one in board.owned if one.silent_at is not None]
    members = {member.id: member for member in board.members}
    owners = [(one.ticket, members.get(one.ticket.assignee_id)) for one in board.owned if one.ticket.assignee_id]
    alone = {member.id for ticket, member in owners if member is not None and _is_left_alone(ticket, member)}
    for member in board.members:
        duty = member.duty
        planned = (_hand_over_begins(board.rules, member), duty.shift_ends_at, duty.next_on_at, duty.free_until)
        moments += [moment for moment in planned if moment]
        if member.id in alone:
            moments.append(member.presence_since + AWAY_AFTER)
    moments += [one.ticket.updated_at + FORGIVEN_AFTER for one in board.queued if one.ticket.passed_by]
    return min((moment for moment in moments if moment > now), default=None)
