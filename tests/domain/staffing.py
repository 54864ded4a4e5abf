"""Waiting tickets and candidates for tests of assignment: what a test does not say is as usual."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.agent import Capacity, Presence
from domain.assignment import Candidate, WaitingTicket
from domain.ids import PersonId, TicketNumber
from domain.ticket import Priority

MONDAY_NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def person(number: int) -> PersonId:
    return PersonId(UUID(int=number))


def waiting(number: int = 1001, **changes: Any) -> WaitingTicket:
    """A normal ticket of a quarter of an hour that needs no skill and has no due times."""
    usual = WaitingTicket(TicketNumber(number), Priority.NORMAL, "general", MONDAY_NINE - HOUR, 15)
    return usual._replace(**changes)


def candidate(number: int = 1, **changes: Any) -> Candidate:
    """Somebody who is there, has no skill, carries nothing and may carry five tickets."""
    usual = Candidate(id=person(number), presence=Presence.ONLINE, skills={}, capacity=Capacity(tickets=5))
    return usual._replace(**changes)
