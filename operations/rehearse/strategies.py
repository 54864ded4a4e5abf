"""The strategies of a rehearsal: simple ones to compare with, and the product's own rules."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
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

    def waiting(self) -> int: ...


Order = Callable[[Waiting], tuple[int, datetime, int]]


def first_in_first_out(ticket: Waiting) -> tuple[int, datetime, int]:
    return 0, ticket.arrival.at, ticket.arrival.number


def by_priority(ticket: Waiting) -> tuple[int, datetime, int]:
    return _ORDER[ticket.arrival.priority], ticket.arrival.at, ticket.arrival.number


class Push:
    """Every ticket is given to somebody on shift when it arrives, or as soon as there is one, and waits in a queue of
    theirs."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._queues: dict[str, list[Waiting]] = {}
        self._nobody_there: list[Waiting] = []

    def arrived(self, ticket: Waiting, desk: Desk) -> None:
        able = [worker for worker in desk.workers if worker.can(ticket.arrival) and worker.is_on_shift(desk.now)]
        if able:
            self._queue(self._choose(able, desk)).append(ticket)
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

    def waiting(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def _queue(self, worker: Worker) -> list[Waiting]:
        return self._queues.setdefault(worker.name, [])

    def _choose(self, able: Sequence[Worker], desk: Desk) -> Worker:
        raise NotImplementedError


class RoundRobin(Push):
    """One after the other, whatever they have to do already."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._turn = count(1)
        self._last: dict[str, int] = {}

    def _choose(self, able: Sequence[Worker], desk: Desk) -> Worker:
        chosen = min(able, key=lambda worker: self._last.get(worker.name, 0))
        self._last[chosen.name] = next(self._turn)
        return chosen


class LeastLoaded(Push):
    """To whoever has the fewest tickets, begun ones too."""

    def _choose(self, able: Sequence[Worker], desk: Desk) -> Worker:
        return min(able, key=lambda worker: len(self._queue(worker)) + worker.is_busy)


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

    def waiting(self) -> int:
        return len(self._queue)


class Dispatch:
    """The product's own: the rules of eligibility, the score and the matching, as the dispatcher runs them."""

    def __init__(self, weights: ScoreWeights) -> None:
        self._weights = weights
        self._queue: dict[TicketNumber, Waiting] = {}

    def arrived(self, ticket: Waiting, desk: Desk) -> None:
        self._queue[TicketNumber(ticket.arrival.number)] = ticket

    def begin(self, desk: Desk) -> list[tuple[Waiting, Worker]]:
        workers = {worker.id: worker for worker in desk.free()}
        if not workers or not self._queue:
            return []
        candidates = [_candidate(worker, desk.now) for worker in workers.values()]
        tickets = [_ticket(waiting, desk) for waiting in self._queue.values()]
        pairs = match(tickets, candidates, desk.now, self._weights, solve).pairs
        return [(self._queue.pop(pair.ticket.number), workers[pair.candidate_id]) for pair in pairs]

    def waiting(self) -> int:
        return len(self._queue)


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


def _candidate(worker: Worker, now: datetime) -> Candidate:
    return Candidate(
        id=worker.id,
        presence=Presence.ONLINE,
        skills=worker.skills,
        capacity=ONE_AT_A_TIME,
        free_until=worker.shifts.end_of(now),
        minutes_lately=worker.minutes_lately(now),
    )
