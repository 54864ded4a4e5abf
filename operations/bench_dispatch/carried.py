"""Who had which ticket and carried how much at every moment, rebuilt from the event log: the proof of a run."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from database.pool import Pool
from domain.agent import Capacity, Weights
from domain.ids import PersonId, TicketNumber
from domain.lifecycle import evolve, opened
from domain.ticket import Slug, Status, Ticket
from domain.ticket_events import TICKET_EVENT, TicketAssigned, TicketEvent, TicketOpened

OVERLAP = timedelta(seconds=1)
"""What is reopened, woken or given with `override` takes no lease; for so long after it was recorded, whoever was given
a ticket may have been looked at before."""
_EVENTS = """
select id, xid::text::bigint as xid, ticket_number, at, recorded_at, data from events
where topic = 'tickets' order by id
"""
_AGENTS = "select person_id, capacity_tickets as tickets, capacity_minutes as minutes, weights from agents"


class Told(NamedTuple):
    """An event as the log has it; `place` is its place in it, `transaction` what it was recorded in."""

    place: int
    transaction: int
    number: TicketNumber
    at: datetime
    recorded_at: datetime
    event: TicketEvent


@dataclass(frozen=True)
class Account:
    """`assigned`: when each ticket was given to somebody, every time. `most`: the most that anybody carried when they
    were given a ticket without `override`, in shares of what they can."""

    faults: Sequence[str]
    assigned: Mapping[TicketNumber, Sequence[datetime]]
    opened: Mapping[TicketNumber, datetime]
    most: float

    def waited_s(self) -> list[float]:
        """From the opening until the first owner, of each ticket that had one, in the order of their first owners."""
        firsts = sorted((times[0], number) for number, times in self.assigned.items())
        return [(at - self.opened[number]).total_seconds() for at, number in firsts]


def account_of(told: Iterable[Told], agents: Mapping[PersonId, Capacity], usual: Mapping[Slug, int]) -> Account:
    """The account of a whole log, in the order of `place`. `usual`: what a team's ticket without an estimate takes.

    An event's place is taken when its change has looked at what the agent carries, and everybody who gives them a
    ticket with a lease waits for who did so before: so what a lease has seen always stands before it.
    """
    changes: dict[tuple[int, TicketNumber], list[Told]] = defaultdict(list)
    for one in told:
        changes[one.transaction, one.number].append(one)
    book = _Book(agents, usual)
    for change in changes.values():
        book.enter(change)
    return Account(book.faults, book.assigned, book.opened, book.most)


async def read_account(pool: Pool) -> Account:
    """The account of the whole database."""
    rows = await pool.fetch(_EVENTS, timeout=120)
    agents = {
        PersonId(row["person_id"]): Capacity(
            tickets=row["tickets"], minutes=row["minutes"], weights=Weights.model_validate_json(row["weights"])
        )
        for row in await pool.fetch(_AGENTS)
    }
    usual = {row["slug"]: row["usual_minutes"] for row in await pool.fetch("select slug, usual_minutes from teams")}
    told = (
        Told(
            row["id"],
            row["xid"],
            TicketNumber(row["ticket_number"]),
            row["at"],
            row["recorded_at"],
            TICKET_EVENT.validate_json(row["data"]),
        )
        for row in rows
    )
    return account_of(told, agents, usual)


class _Book:
    """All tickets as they stand, and what each agent carries by them."""

    def __init__(self, agents: Mapping[PersonId, Capacity], usual: Mapping[Slug, int]) -> None:
        self._agents, self._usual = agents, usual
        self._tickets: dict[TicketNumber, Ticket] = {}
        self._carried: dict[PersonId, set[TicketNumber]] = defaultdict(set)
        self._unleased: dict[TicketNumber, datetime] = {}
        """When a ticket began to weigh, or to weigh more, without a lease."""
        self.faults: list[str] = []
        self.assigned: dict[TicketNumber, list[datetime]] = defaultdict(list)
        self.opened: dict[TicketNumber, datetime] = {}
        self.most = 0.0

    def enter(self, change: Sequence[Told]) -> None:
        """One change of one ticket."""
        number, recorded_at = change[0].number, change[0].recorded_at
        before = self._tickets.get(number)
        leased = False
        for one in change:
            self._enter_event(one)
            if isinstance(one.event, TicketAssigned):
                leased = not one.event.override
        after = self._tickets[number]
        if before is not None and before.assignee_id is not None:
            self._carried[before.assignee_id].discard(number)
        if after.assignee_id is None or not _weighs(after):
            return
        if leased:
            self._unleased.pop(number, None)
            self._check_room(after, after.assignee_id, recorded_at)
        elif before is None or not _weighs(before) or self._load([before]) != self._load([after]):
            self._unleased[number] = recorded_at
        self._carried[after.assignee_id].add(number)

    def _enter_event(self, one: Told) -> None:
        if isinstance(one.event, TicketOpened):
            self._tickets[one.number] = opened(one.number, one.event, one.at)
            self.opened[one.number] = one.recorded_at
            return
        ticket = self._tickets[one.number]
        if isinstance(one.event, TicketAssigned):
            owner = ticket.assignee_id
            if one.event.previous_id != owner:
                self.faults.append(f"ticket {one.number} was taken from {one.event.previous_id}, but {owner} had it")
            if owner is not None and one.event.by in ("dispatch", "claim"):
                self.faults.append(f"ticket {one.number} was given by {one.event.by} although {owner} had it")
            self.assigned[one.number].append(one.recorded_at)
        self._tickets[one.number] = evolve(ticket, one.event, one.at)

    def _check_room(self, ticket: Ticket, person: PersonId, recorded_at: datetime) -> None:
        capacity = self._agents[person]
        seen = [
            self._tickets[number]
            for number in self._carried[person]
            if number not in self._unleased or recorded_at - self._unleased[number] > OVERLAP
        ]
        weight, minutes = self._load([*seen, ticket], person)
        if weight > capacity.tickets:
            self.faults.append(f"{person} was given ticket {ticket.number} and carried {weight:g} then")
        if capacity.minutes is not None and minutes > capacity.minutes:
            self.faults.append(f"{person} was given ticket {ticket.number} and carried {minutes} minutes then")
        if capacity.tickets:
            self.most = max(self.most, weight / capacity.tickets)

    def _load(self, tickets: Sequence[Ticket], person: PersonId | None = None) -> tuple[float, int]:
        """What these weigh for a person, and the minutes that they take."""
        owner = person or tickets[0].assignee_id
        capacity = Capacity() if owner is None else self._agents[owner]
        weight = sum(capacity.weights.of(ticket.priority) for ticket in tickets)
        minutes = sum(ticket.estimated_minutes or self._usual.get(ticket.team or "", 15) for ticket in tickets)
        return weight, minutes


def _weighs(ticket: Ticket) -> bool:
    return ticket.status in (Status.NEW, Status.OPEN) and not ticket.snoozed
