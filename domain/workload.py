"""Workload: how full somebody is, and when they can begin something else."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.agent import Presence
from domain.assignment import Candidate, absence
from domain.ids import TicketNumber

COMING = timedelta(hours=24)
"""How far ahead shifts and due moments count as upcoming work."""
SOON = timedelta(hours=4)
"""What falls due within this time is due soon."""
_MINUTE = timedelta(minutes=1)
_ROUNDING = 1e-9


class Carried(NamedTuple):
    """A ticket that takes room from who has it."""

    number: TicketNumber
    weight: float
    minutes: int
    """Expected work."""
    assigned_at: datetime


def utilisation(candidate: Candidate) -> float:
    """What somebody carries of what they can: 1 is all of it, more is too much. The fuller of tickets (weighed by
    priority) and minutes counts. Of a capacity of nothing each ticket takes as much as there could be."""
    tickets, minutes = candidate.capacity.tickets, candidate.capacity.minutes
    used = candidate.load / tickets if tickets else float(candidate.tickets_carried)
    if minutes is None:
        return used
    return max(used, candidate.load_minutes / minutes if minutes else float(candidate.tickets_carried))


def excess(candidate: Candidate) -> float:
    """What they carry beyond what they can, in tickets weighed by priority."""
    return max(0.0, candidate.load - candidate.capacity.tickets)


def room(candidate: Candidate) -> float:
    """What more they can carry, in tickets of weight 1; nothing when their minutes are used up."""
    minutes = candidate.capacity.minutes
    if minutes is not None and candidate.load_minutes >= minutes:
        return 0.0
    return max(0.0, candidate.capacity.tickets - candidate.load)


def free_at(
    candidate: Candidate,
    carried: Iterable[Carried],
    back_at: datetime | None,
    now: datetime,
    *,
    weight: float,
    minutes: int,
) -> datetime | None:
    """When they can begin one more ticket of this weight and expected work; None when nobody knows.

    Now, when they are there and have room. Who is not there comes back at `back_at`. Who has no room gets it when as
    much of what they carry is done as it takes, each ticket `minutes` after it was given to them and never in the past.
    Who is there and takes nothing new is free when they say so, and who can carry nothing never is.
    """
    begins = now if absence(candidate) is None else back_at
    if begins is None or (candidate.presence is Presence.BUSY and candidate.on_shift):
        return None
    capacity = candidate.capacity
    load, work = candidate.load, candidate.load_minutes
    moments = sorted((max(one.assigned_at + one.minutes * _MINUTE, now), one) for one in carried)
    for done_at, one in (*((begins, None),), *moments):
        if one is not None:
            begins, load, work = max(begins, done_at), load - one.weight, work - one.minutes
        has_minutes = capacity.minutes is None or work + minutes <= capacity.minutes
        if load + weight <= capacity.tickets + _ROUNDING and has_minutes:
            return begins
    return None
