"""The rehearsal itself: from event to event, an arrival, a shift that begins, work that is done."""

import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import NamedTuple

from domain.business_calendar import BusinessCalendar
from domain.ticket import Priority
from operations.rehearse.desk import Desk, Done, Target, Waiting, Worker, due
from operations.rehearse.log import Arrival
from operations.rehearse.roster import Agent
from operations.rehearse.strategies import Strategy

PATIENCE = timedelta(days=42)
"""How long after the last arrival the desk may take to work off what is left."""


class Run(NamedTuple):
    """What a strategy made of the arrivals; `left` is what nobody began."""

    done: Sequence[Done]
    left: Sequence[Waiting]
    workers: Sequence[Worker]
    hours: BusinessCalendar
    since: datetime
    until: datetime
    """When the last arrival came."""


def rehearse(
    arrivals: Sequence[Arrival],
    agents: Sequence[Agent],
    targets: Mapping[Priority, Target],
    hours: BusinessCalendar,
    strategy: Strategy,
) -> Run:
    """Lets the agents work on the arrivals as the strategy gives them out: one at a time, each to its end.

    What is begun before a shift ends is finished after it.
    """
    since, until = arrivals[0].at, arrivals[-1].at
    workers = [Worker(agent, agent.shifts(since - timedelta(days=1), until + PATIENCE)) for agent in agents]
    desk = Desk(workers)
    left = {arrival.number: Waiting(arrival, due(arrival, targets, hours)) for arrival in arrivals}
    done: list[Done] = []
    coming = _Coming()
    for arrival in arrivals:
        coming.add(arrival.at, arrival)
    for worker in workers:
        for shift in worker.shifts.all:
            coming.add(shift.start, None)
    while left and (happened := coming.next()):
        desk.now = happened.at
        for what in happened.what:
            if isinstance(what, Arrival):
                strategy.arrived(left[what.number], desk)
            elif what is not None:
                desk.finished(what)
        for ticket, worker in strategy.begin(desk):
            del left[ticket.arrival.number]
            began = desk.begun(ticket, worker)
            done.append(began)
            coming.add(began.ended_at, began)
    return Run(done, list(left.values()), workers, hours, since, until)


class _Happened(NamedTuple):
    at: datetime
    what: Sequence[Arrival | Done | None]


class _Coming:
    """What is to happen, earliest first: an arrival, the end of work, or the begin of a shift (None)."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Arrival | Done | None]] = []
        self._order = count()

    def add(self, at: datetime, what: Arrival | Done | None) -> None:
        heapq.heappush(self._heap, (at, next(self._order), what))

    def next(self) -> _Happened | None:
        """All that happens at the next moment; None when nothing does any more."""
        if not self._heap:
            return None
        at, what = self._heap[0][0], []
        while self._heap and self._heap[0][0] == at:
            what.append(heapq.heappop(self._heap)[2])
        return _Happened(at, what)
