"""What it is worth to give a ticket to somebody now: named parts that add up.

Only the differences between pairs count. Urgency is a property of the ticket and says which ones go first; the other
parts say to whom.
"""

import math
from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from domain.agent import MAX_LEVEL, Weights
from domain.assignment import MAX_SENIORITY, Candidate, WaitingTicket
from domain.skill import SkillNeed, needed
from domain.ticket import Slug

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_Points = Annotated[float, Field(ge=0, le=1_000)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Minutes = Annotated[float, Field(gt=0, le=60 * 24 * 30)]


class ScoreWeights(BaseModel):
    """How much each part of the score counts, in points; a team may have its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    importance: Weights = Weights(low=1, normal=2, high=8, urgent=16)
    """What a ticket of each priority is worth, whatever its due times."""
    pressure: _Points = 3
    """How many times its importance a ticket gains on the way to its due time."""
    near_minutes: _Minutes = 60
    """With this much time left until it must be begun, half of the pressure is on."""
    lost_share: _Share = 0.4
    """What is left of a ticket's importance when every target of it is missed: what can still be kept goes first."""
    ageing: _Points = 1
    """What a ticket with a missed target gains with every hour since."""
    ageing_cap: _Points = 20
    """The most that it gains so."""
    escalation: _Points = 4
    """What each level of escalation adds to a ticket."""
    specialist: _Points = 2
    """For an agent whose category the ticket is of."""
    level: _Points = 1
    """For an agent with every needed skill at level 5; less for lower ones."""
    breadth: _Points = 2
    """For an agent who can do nothing else, so that those who can do much stay free; less for each other skill."""
    load: _Points = 4
    """For an agent with all of their capacity left; less in proportion to what they carry."""
    idle: _Points = 4
    """For an agent who carries nothing, and so can begin at once."""
    fairness: _Points = 2
    """For an agent who was given no work lately."""
    fair_minutes: _Minutes = 480
    """Who was given this much work lately gets half of `fairness`."""
    seniority: _Points = 2
    """For an agent of the highest seniority, for each level of the ticket's escalation; nothing for the lowest."""
    contact: _Points = 2
    """For the agent who wrote last with the requester."""


class Score(NamedTuple):
    """What a pair is worth, in points; `urgency` is the same for all candidates of a ticket."""

    urgency: float
    skill: float
    load: float
    fairness: float
    seniority: float
    contact: float

    @property
    def total(self) -> float:
        return math.fsum(self)


def score(ticket: WaitingTicket, candidate: Candidate, now: datetime, weights: ScoreWeights) -> Score:
    """What it is worth to give this ticket to them now. Whether they can take it at all is `exclusion`'s affair."""
    return Score(
        urgency=urgency(ticket, now, weights),
        skill=skill_part(ticket.required_skills, ticket.category, candidate, weights),
        load=load_part(candidate, candidate.load, weights),
        fairness=fairness_part(candidate, weights),
        seniority=seniority_part(ticket.escalation_level, candidate, weights),
        contact=weights.contact if ticket.last_contact_id == candidate.id else 0.0,
    )


def urgency(ticket: WaitingTicket, now: datetime, weights: ScoreWeights) -> float:
    """How much a ticket asks to be next.

    Least slack first among what can still be kept: the slack is the time until the ticket must be begun. A ticket whose
    targets are all missed falls back to a share of its importance, for nothing is saved by it any more, and ages back.
    """
    importance = weights.importance.of(ticket.priority)
    begin_by = [due for due in (ticket.response_due_at, _last_beginning(ticket)) if due is not None]
    missed = [due for due in begin_by if due < now]
    points = importance + weights.escalation * ticket.escalation_level
    if missed:
        points += min(weights.ageing * ((now - min(missed)) / _HOUR), weights.ageing_cap)
        if len(missed) == len(begin_by):
            return points - importance * (1 - weights.lost_share)
    if not begin_by:
        return points
    slack = (min(due for due in begin_by if due >= now) - now) / _MINUTE
    return points + importance * weights.pressure * weights.near_minutes / (weights.near_minutes + slack)


def skill_part(needs: tuple[SkillNeed, ...], category: Slug, candidate: Candidate, weights: ScoreWeights) -> float:
    """Specialists first: who does this category, does it well, and can do little else."""
    names = {name: candidate.skills.get(name, 0) for name, _ in map(needed, needs)}
    others = sum(1 for name in candidate.skills if name not in names)
    points = weights.breadth / (1 + others)
    if names:
        points += weights.level * sum(names.values()) / (len(names) * MAX_LEVEL)
    return points + (weights.specialist if category in candidate.specialisations else 0.0)


def load_part(candidate: Candidate, load: float, weights: ScoreWeights) -> float:
    """What it is worth that they carry just this load (tickets, weighed) when they are given one more."""
    tickets, minutes = candidate.capacity.tickets, candidate.capacity.minutes
    used = load / tickets if tickets else 1.0
    if minutes:
        used = max(used, candidate.load_minutes / minutes)
    return weights.load * (1 - min(used, 1.0)) + (weights.idle if load <= 0 else 0.0)


def fairness_part(candidate: Candidate, weights: ScoreWeights) -> float:
    """Who was given little work lately is asked first."""
    return weights.fairness / (1 + candidate.minutes_lately / weights.fair_minutes)


def seniority_part(escalation_level: int, candidate: Candidate, weights: ScoreWeights) -> float:
    """Escalated tickets go to the experienced."""
    return weights.seniority * escalation_level * (candidate.seniority - 1) / (MAX_SENIORITY - 1)


def _last_beginning(ticket: WaitingTicket) -> datetime | None:
    """When work has to begin to be done in time."""
    due = ticket.resolution_due_at
    return None if due is None else due - ticket.minutes * _MINUTE
