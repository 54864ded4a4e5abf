"""Assignment: a waiting ticket, a candidate for it, and the rules by which somebody cannot take it.

What a pair is worth is in `assignment_score.py`, who gets what in a round of a team's dispatcher is in
`assignment_round.py`, and why it came so is told by `assignment_reasons.py`.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from domain.agent import Capacity, Presence
from domain.ids import PersonId, TicketNumber
from domain.skill import SkillNeed, needed
from domain.ticket import Priority, Slug

MAX_SENIORITY = 5
LONG_WORK_MINUTES = 120
"""Work that takes longer is begun all the same when this much time is left: else it would wait for ever."""
ROUNDING = 1e-9
"""Loads are sums of decimal weights: three times 0.1 is no more than 0.3."""
_MINUTE = timedelta(minutes=1)

Rule = Literal[
    "lacks_skill", "off_shift", "offline", "away", "on_break", "busy", "declined", "at_capacity", "no_time_left"
]
"""By what somebody is excluded, in the order in which the rules are tried: what lasts longest comes first."""


class WaitingTicket(NamedTuple):
    """A ticket without an assignee. The due moments are wall-clock ones, counted by its calendar; None: not promised,
    or kept already."""

    number: TicketNumber
    priority: Priority
    category: Slug
    opened_at: datetime
    minutes: int
    """Expected work."""
    required_skills: tuple[SkillNeed, ...] = ()
    response_due_at: datetime | None = None
    resolution_due_at: datetime | None = None
    escalation_level: int = 0
    last_contact_id: PersonId | None = None
    """Who of the desk wrote last with its requester."""
    passed_by: frozenset[PersonId] = frozenset()
    """Who declined it, or let an offer of it pass."""


class Candidate(NamedTuple):
    """An agent of the team as a round finds them."""

    id: PersonId
    presence: Presence
    skills: Mapping[Slug, int]
    """The level of each skill that they have, 1 to 5."""
    capacity: Capacity
    specialisations: frozenset[Slug] = frozenset()
    """The categories that are theirs."""
    seniority: int = 1
    """From 1 to 5."""
    load: float = 0
    """What they carry now, in tickets weighed by priority."""
    load_minutes: int = 0
    """Expected work of what they carry now."""
    tickets_carried: int = 0
    on_shift: bool = True
    free_until: datetime | None = None
    """When their next break or the end of their shift comes; None: not in sight."""
    next_on_at: datetime | None = None
    """When somebody who is off shift or on a break is expected back; None: nobody knows."""
    minutes_lately: float = 0
    """Work that they were given in the last days, before this round, for fairness."""

    def with_ticket(self, ticket: WaitingTicket) -> "Candidate":
        """The same agent when they carry this ticket as well."""
        return self._replace(
            load=self.load + self.capacity.weights.of(ticket.priority),
            load_minutes=self.load_minutes + ticket.minutes,
            tickets_carried=self.tickets_carried + 1,
        )


class Exclusion(NamedTuple):
    """Why somebody cannot take a ticket: the rule for machines, and what is said of them to people."""

    rule: Rule
    sentence: str


_ABSENT: Mapping[Presence, Exclusion] = {
    Presence.OFFLINE: Exclusion("offline", "is offline"),
    Presence.AWAY: Exclusion("away", "is away"),
    Presence.ON_BREAK: Exclusion("on_break", "is on a break"),
    Presence.BUSY: Exclusion("busy", "takes nothing new at the moment"),
}


def exclusion(ticket: WaitingTicket, candidate: Candidate, now: datetime) -> Exclusion | None:
    """The first rule that keeps them from taking this ticket now; None when they can."""
    return (
        lacking(ticket.required_skills, candidate)
        or absence(candidate)
        or _passed(ticket, candidate)
        or _full(ticket, candidate)
        or _too_late(ticket, candidate, now)
    )


def lacking(needs: tuple[SkillNeed, ...], candidate: Candidate) -> Exclusion | None:
    """What they cannot do well enough."""
    for need in needs:
        skill, level = needed(need)
        held = candidate.skills.get(skill, 0)
        if held == 0:
            return Exclusion("lacks_skill", f"does not have skill {skill}")
        if held < level:
            return Exclusion("lacks_skill", f"has {skill} at level {held}, the ticket needs {level}")
    return None


def absence(candidate: Candidate) -> Exclusion | None:
    """Why they take no ticket at all at the moment."""
    if not candidate.on_shift:
        return Exclusion("off_shift", "is not on shift")
    return _ABSENT.get(candidate.presence)


def _passed(ticket: WaitingTicket, candidate: Candidate) -> Exclusion | None:
    if candidate.id in ticket.passed_by:
        return Exclusion("declined", "declined this ticket or let its offer pass")
    return None


def _full(ticket: WaitingTicket, candidate: Candidate) -> Exclusion | None:
    capacity = candidate.capacity
    weight = capacity.weights.of(ticket.priority)
    if candidate.load + weight > capacity.tickets + ROUNDING:
        of_weight = "" if weight == 1 else f", and this one weighs {weight:g}"
        return Exclusion("at_capacity", f"carries {candidate.load:g} of {capacity.tickets:g} tickets{of_weight}")
    if capacity.minutes is not None and candidate.load_minutes + ticket.minutes > capacity.minutes:
        carried = f"carries {candidate.load_minutes} of {capacity.minutes} minutes of work"
        return Exclusion("at_capacity", f"{carried}, and this one takes {ticket.minutes}")
    return None


def _too_late(ticket: WaitingTicket, candidate: Candidate, now: datetime) -> Exclusion | None:
    if candidate.free_until is None:
        return None
    left, need = int((candidate.free_until - now) / _MINUTE), min(ticket.minutes, LONG_WORK_MINUTES)
    if left >= need:
        return None
    return Exclusion("no_time_left", f"has {max(left, 0)} minutes until a break or the end of the shift, {need} needed")


def most_minutes(candidate: Candidate, now: datetime) -> float:
    """The longest work that they have room and time for; infinity when it does not matter how long it takes."""
    room = math.inf
    if candidate.capacity.minutes is not None:
        room = candidate.capacity.minutes - candidate.load_minutes
    if candidate.free_until is not None:
        left = int((candidate.free_until - now) / _MINUTE)
        room = min(room, left if left < LONG_WORK_MINUTES else math.inf)
    return room
