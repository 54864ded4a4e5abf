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
    pressure: _Points = 8
    """How many times its importance a ticket gains on the way to the moment by which it must be begun."""
    near_minutes: _Minutes = 45
    """That far from this moment a third (1/e) of the pressure is on; twice as far a third of that."""
    one_missed_share: _Share = 0.3
    """What is left of importance and pressure when one target is missed and the other can still be kept."""
    missed_share: _Share = 0.2
    """What is left of the importance when nothing can be kept any more: what can be kept goes first."""
    ageing: _Points = 0.1
    """How many times its importance a ticket with a missed target gains with every hour since."""
    ageing_cap: _Points = 4
    """How many times its importance it gains so at the most: what can be kept at the last moment still goes first."""
    escalation: _Points = 8
    """What each level of escalation adds to a ticket."""
    specialist: _Points = 3
    """For an agent whose category the ticket is of."""
    level: _Points = 2
    """For an agent with every needed skill at level 5; less for lower ones."""
    breadth: _Points = 1
    """For an agent who can do nothing else, so that those who can do much stay free; less for each other skill."""
    load: _Points = 30
    """For an agent with all of their capacity left; less in proportion to what they carry."""
    idle: _Points = 10
    """For an agent who carries nothing, and so can begin at once."""
    fairness: _Points = 20
    """For an agent who was given no work lately; less in proportion to what they were given."""
    fair_minutes: _Minutes = 3_000
    """Who was given this much work lately gets nothing of `fairness`: more than one can do in five days."""
    seniority: _Points = 4
    """For an agent of the highest seniority, for each level of the ticket's escalation; nothing for the lowest."""
    contact: _Points = 4
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
    """How much a ticket asks to be next: what it is worth, and how near the moment is by which it must be begun.

    Least slack first, but only among what can still be kept: a ticket whose targets are all missed falls back behind
    the others of its kind, for nothing is saved by it any more, and ages back.
    """
    importance = weights.importance.of(ticket.priority)
    begin_by = [due for due in (ticket.response_due_at, _last_beginning(ticket)) if due is not None]
    kept = [due for due in begin_by if due >= now]
    points = weights.escalation * ticket.escalation_level
    if len(kept) < len(begin_by):
        points += importance * min(weights.ageing * ((now - min(begin_by)) / _HOUR), weights.ageing_cap)
        importance *= weights.one_missed_share if kept else weights.missed_share
    if kept:
        slack = (min(kept) - now) / _MINUTE
        points += importance * weights.pressure * math.exp(-slack / weights.near_minutes)
    return points + importance


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
    return weights.fairness * max(0.0, 1 - candidate.minutes_lately / weights.fair_minutes)


def seniority_part(escalation_level: int, candidate: Candidate, weights: ScoreWeights) -> float:
    """Escalated tickets go to the experienced."""
    return weights.seniority * escalation_level * (candidate.seniority - 1) / (MAX_SENIORITY - 1)


def _last_beginning(ticket: WaitingTicket) -> datetime | None:
    """When work has to begin to be done in time."""
    due = ticket.resolution_due_at
    return None if due is None else due - ticket.minutes * _MINUTE
