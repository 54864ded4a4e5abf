"""The desk of a rehearsal: its agents at work, its clock, and what waits."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from domain.business_calendar import BusinessCalendar, after_working_time
from domain.ids import PersonId
from domain.ticket import Priority
from operations.rehearse.log import Arrival
from operations.rehearse.roster import Agent, Shifts

_PEOPLE = UUID("0d6a7f0c-54c1-4b27-9a55-6a2d3f1b8f11")
LATELY = timedelta(days=5)
"""How far back fairness looks."""
FIRST_GUESS_MINUTES = 15.0
"""What a ticket is expected to take until some of its kind were done."""


class Target(NamedTuple):
    response: timedelta
    resolution: timedelta


class Due(NamedTuple):
    response_at: datetime
    resolution_at: datetime


class Waiting(NamedTuple):
    """A ticket that waits for its beginning, with its due moments."""

    arrival: Arrival
    due: Due


class Done(NamedTuple):
    """What became of a ticket. An agent works on one at a time, and goes on with it to its end."""

    arrival: Arrival
    due: Due
    worker: "Worker"
    begun_at: datetime
    ended_at: datetime

    @property
    def is_late(self) -> bool:
        """Whether it was begun late."""
        return self.begun_at > self.due.response_at

    @property
    def is_done_late(self) -> bool:
        return self.ended_at > self.due.resolution_at


class Worker:
    """An agent at work."""

    def __init__(self, agent: Agent, shifts: Shifts) -> None:
        self.name, self.skills, self.shifts = agent.name, agent.skills, shifts
        self.id = PersonId(uuid5(_PEOPLE, agent.name))
        self.is_busy = False
        self._given: deque[tuple[datetime, float]] = deque()
        self._minutes_lately = 0.0

    def is_on_shift(self, now: datetime) -> bool:
        return self.shifts.end_of(now) is not None

    def is_free(self, now: datetime) -> bool:
        """Whether they are on shift with empty hands."""
        return not self.is_busy and self.is_on_shift(now)

    def can(self, arrival: Arrival) -> bool:
        return arrival.skill in self.skills

    def worked(self, now: datetime, minutes: float) -> None:
        """Has done so much, just now."""
        self._given.append((now, minutes))
        self._minutes_lately += minutes

    def minutes_lately(self, now: datetime) -> float:
        """The work that they did lately."""
        while self._given and self._given[0][0] < now - LATELY:
            self._minutes_lately -= self._given.popleft()[1]
        return self._minutes_lately


class Experience:
    """How long tickets of a skill take, as the desk knows it: the mean of those that were done."""

    def __init__(self) -> None:
        self._done: dict[str, tuple[int, float]] = {}

    def learn(self, arrival: Arrival) -> None:
        count, minutes = self._done.get(arrival.skill, (1, FIRST_GUESS_MINUTES))
        self._done[arrival.skill] = count + 1, minutes + arrival.work / timedelta(minutes=1)

    def expected_minutes(self, arrival: Arrival) -> int:
        count, minutes = self._done.get(arrival.skill, (1, FIRST_GUESS_MINUTES))
        return max(1, round(minutes / count))


class Desk:
    """What a strategy may look at: the workers, the clock, and what the desk has learnt."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.workers = workers
        self.now = datetime.min.replace(tzinfo=UTC)
        self.experience = Experience()

    def begun(self, ticket: Waiting, worker: Worker) -> Done:
        """The worker begins on this ticket now."""
        worker.is_busy = True
        return Done(ticket.arrival, ticket.due, worker, self.now, self.now + ticket.arrival.work)

    def finished(self, done: Done) -> None:
        """This work comes to its end now."""
        done.worker.is_busy = False
        done.worker.worked(self.now, done.arrival.work / timedelta(minutes=1))
        self.experience.learn(done.arrival)

    def free(self) -> list[Worker]:
        """Who is on shift with empty hands."""
        return [worker for worker in self.workers if worker.is_free(self.now)]


def due(arrival: Arrival, targets: Mapping[Priority, Target], hours: BusinessCalendar) -> Due:
    """By when it must be begun and be done, in the desk's working time."""
    target = targets[arrival.priority]
    response, resolution = (after_working_time(hours, arrival.at, goal) for goal in target)
    if response is None or resolution is None:
        raise ValueError("the desk has no working time in which a target could be kept")
    return Due(response, resolution)
