"""The strategies of a rehearsal: simple ones to compare with, and the product's own rules."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from activities.matching import solve
from domain.agent import Capacity, Presence
from domain.assignment import Candidate, WaitingTicket
from domain.assignment_round import match
from domain.assignment_score import ScoreWeights
from domain.ids import TicketNumber
from domain.ticket import Priority
from operations.rehearse.desk import Desk, Waiting, Worker

_ORDER = {priority: place for place, priority in enumerate(reversed(Priority))}
ONE_AT_A_TIME = Capacity(tickets=1)
CATEGORY = "general"


class Strategy(Protocol):
    """Which ticket goes to whom. It keeps what waits; it is asked at every moment at which something happened."""

    def arrived(self, ticket: Waiting, desk: Desk) -> None: ...

    def begin(self, desk: Desk) -> Sequence[tuple[Waiting, Worker]]:
        """What is begun now, by workers with empty hands who are on shift; each at most once."""
        ...


Order = Callable[[Waiting], tuple[int, datetime, int]]


def first_in_first_out(ticket: Waiting) -> tuple[int, datetime, int]:
    return 0, ticket.arrival.at, ticket.arrival.number


def by_priority(ticket: Waiting) -> tuple[int, datetime, int]:
    return _ORDER[ticket.arrival.priority], ticket.arrival.at, ticket.arrival.number


class Push(ABC):
    """Every ticket is given to somebody on shift when it arrives, or as soon as there is one, and waits in a queue of
    theirs."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._queues: dict[str, list[Waiting]] = {}
        self._nobody_there: list[Waiting] = []

    def arrived(self, ticket: Waiting, desk: Desk) -> None:
        able = [worker for worker in desk.workers if worker.can(ticket.arrival) and worker.is_on_shift(desk.now)]
        if able:
            self._queue(self._choose(ticket, able)).append(ticket)
        else:
            self._nobody_there.append(ticket)

    def begin(self, desk: Desk) -> list[tuple[Waiting, Worker]]:
        begun, early = [], self._nobody_there
        self._nobody_there = []
        for ticket in early:
            self.arrived(ticket, desk)
        for worker in desk.free():
            if queue := self._queue(worker):
                first = min(queue, key=self._order)
                queue.remove(first)
                begun.append((first, worker))
        return begun

    def _queue(self, worker: Worker) -> list[Waiting]:
        return self._queues.setdefault(worker.name, [])

    @abstractmethod
    def _choose(self, ticket: Waiting, able: Sequence[Worker]) -> Worker:
        """Whom of those who can do it the ticket is pushed to."""


class RoundRobin(Push):
    """One after the other of those who can do it, whatever they have to do already."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._turns: Counter[str] = Counter()

    def _choose(self, ticket: Waiting, able: Sequence[Worker]) -> Worker:
        turn = self._turns[ticket.arrival.skill]
        self._turns[ticket.arrival.skill] += 1
        return able[turn % len(able)]


class LeastLoaded(Push):
    """To whoever has the fewest tickets, the one in hand too, and of these to whoever worked least so far."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._worked: dict[str, timedelta] = {}

    def begin(self, desk: Desk) -> list[tuple[Waiting, Worker]]:
        begun = super().begin(desk)
        for ticket, worker in begun:
            self._worked[worker.name] = self._worked.get(worker.name, timedelta()) + ticket.arrival.work
        return begun

    def _choose(self, ticket: Waiting, able: Sequence[Worker]) -> Worker:
        return min(able, key=lambda worker: (self._carried(worker), self._worked.get(worker.name, timedelta())))

    def _carried(self, worker: Worker) -> int:
        return len(self._queue(worker)) + worker.is_busy


class Pull:
    """Whoever is free takes the first ticket of the one queue that they can do."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._queue: list[Waiting] = []

    def arrived(self, ticket: Waiting, desk: Desk) -> None:
        self._queue.append(ticket)
        self._queue.sort(key=self._order)

    def begin(self, desk: Desk) -> list[tuple[Waiting, Worker]]:
        free, begun = desk.free(), []
        for ticket in self._queue:
            worker = next((worker for worker in free if worker.can(ticket.arrival)), None)
            if worker is not None:
                free.remove(worker)
                begun.append((ticket, worker))
        for ticket, _ in begun:
            self._queue.remove(ticket)
        return begun


class Dispatch:
    """The product's own: the rules of eligibility, the score and the matching, as the dispatcher runs them.

    With `minds_ends` nothing is begun that is not expected to be done when the shift ends. Without it people stay until
    what they began is done, as they do under the other strategies.
    """

    def __init__(self, weights: ScoreWeights, *, minds_ends: bool = False) -> None:
        self._weights, self._minds_ends = weights, minds_ends
        self._queue: dict[TicketNumber, Waiting] = {}

    def arrived(self, ticket: Waiting, desk: Desk) -> None:
        self._queue[TicketNumber(ticket.arrival.number)] = ticket

    def begin(self, desk: Desk) -> list[tuple[Waiting, Worker]]:
        workers = {worker.id: worker for worker in desk.free()}
        if not workers or not self._queue:
            return []
        candidates = [self._candidate(worker, desk.now) for worker in workers.values()]
        within_reach = {skill for worker in workers.values() for skill in worker.skills}
        tickets = [_ticket(one, desk) for one in self._queue.values() if one.arrival.skill in within_reach]
        pairs = match(tickets, candidates, desk.now, self._weights, solve).pairs
        return [(self._queue.pop(pair.ticket.number), workers[pair.candidate_id]) for pair in pairs]

    def _candidate(self, worker: Worker, now: datetime) -> Candidate:
        return Candidate(
            id=worker.id,
            presence=Presence.ONLINE,
            skills=worker.skills,
            capacity=ONE_AT_A_TIME,
            free_until=worker.shifts.end_of(now) if self._minds_ends else None,
            minutes_lately=worker.minutes_lately(now),
        )


def _ticket(waiting: Waiting, desk: Desk) -> WaitingTicket:
    arrival, due = waiting
    return WaitingTicket(
        number=TicketNumber(arrival.number),
        priority=arrival.priority,
        category=CATEGORY,
        opened_at=arrival.at,
        minutes=desk.experience.expected_minutes(arrival),
        required_skills=(arrival.skill,),
        response_due_at=due.response_at,
        resolution_due_at=due.resolution_at,
    )
