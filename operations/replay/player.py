"""Plays the plans: the earliest step first, each ticket's steps one after the other, a bounded number at once."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from operations.replay.cast import Cast, team_slug
from operations.replay.desk import Desk, DeskError, Json, Person
from operations.replay.plan import Assign, Move, Open, Plan, Reply, SetStatus, Step

_KEYS = uuid.UUID("1f8d3e0a-6a55-4f0b-8c62-3f5b7d1f2a90")


@dataclass(frozen=True)
class Request:
    """A step as it goes over the wire. `{number}` in the path is the ticket's."""

    operation: str
    method: str
    path: str
    person: Person
    body: Json


@dataclass
class Played:
    """What came of the plans: the number that each incident got, and what went wrong, by incident."""

    numbers: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def key_of(run: str, incident: str, step: int) -> str:
    """The Idempotency-Key of one step: a repeated request, or a repeated run, asks for the same thing again."""
    return str(uuid.uuid5(_KEYS, f"{run}:{incident}:{step}"))


def run_tag(run: str) -> str:
    """The tag that all tickets of a run carry."""
    return f"replay-{run}"


def request_of(step: Step, plan: Plan, cast: Cast, run: str) -> Request:
    requester = cast.requesters[plan.requester]
    match step:
        case Open():
            body = {
                "title": step.title,
                "description": step.description,
                "priority": step.priority,
                "category": step.category,
                "team": team_slug(step.group),
                "tags": [run_tag(run), *step.tags],
            }
            return Request("open", "POST", "/tickets", requester, body)
        case Assign():
            body = {"assignee": cast.agent(step.to).id}
            return Request("assign", "POST", "/tickets/{number}/assign", cast.agent(step.by), body)
        case Move():
            return Request("move", "PATCH", "/tickets/{number}", cast.agent(step.by), {"team": team_slug(step.group)})
        case Reply():
            person = requester if step.by is None else cast.agent(step.by)
            return Request("reply", "POST", "/tickets/{number}/replies", person, {"body": step.body})
        case SetStatus():
            path = "/tickets/{number}/status"
            return Request("change status", "POST", path, cast.agent(step.by), {"status": step.status})


@dataclass(frozen=True)
class Pace:
    """How fast log time goes by: `speed` log seconds in a second, or None for as fast as the desk answers."""

    speed: float | None = None

    def due_in_s(self, log_s: float, passed_s: float) -> float:
        """How long to wait for a moment of the log, `passed_s` seconds after the run began."""
        return 0.0 if self.speed is None else max(0.0, log_s / self.speed - passed_s)


class Player:
    """Plays the plans of one run. `stepped` hears how many steps are over."""

    def __init__(
        self,
        plans: Sequence[Plan],
        desk: Desk,
        cast: Cast,
        *,
        run: str,
        pace: Pace,
        stepped: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._plans = plans
        self._desk = desk
        self._cast = cast
        self._run = run
        self._pace = pace
        self._stepped = stepped
        self._played = Played()
        self._queue: asyncio.PriorityQueue[tuple[float, int, int]] = asyncio.PriorityQueue()
        """Moment in log seconds, index of the plan, index of its step."""

    async def play(self, at_once: int) -> Played:
        """Every step of every plan, `at_once` at most at a time; a ticket ends at its first failure."""
        began = time.monotonic()
        first_s = min((plan.arrival_s for plan in self._plans), default=0.0)
        for index, plan in enumerate(self._plans):
            self._queue.put_nowait((plan.arrival_s, index, 0))
        hands = [asyncio.create_task(self._hand(began, first_s)) for _ in range(at_once)]
        done = asyncio.create_task(self._queue.join())
        try:
            # A hand ends only by an error of ours: then say so instead of waiting for ever.
            await asyncio.wait([done, *hands], return_when=asyncio.FIRST_COMPLETED)
            for hand in hands:
                if hand.done():
                    hand.result()
        finally:
            for task in (done, *hands):
                task.cancel()
            await asyncio.gather(done, *hands, return_exceptions=True)
        self._desk.figures.seconds = time.monotonic() - began
        return self._played

    async def _hand(self, began: float, first_s: float) -> None:
        # A hand that puts a ticket's next step back then takes the earliest: no step waits for a sleeping hand.
        while True:
            log_s, index, at = await self._queue.get()
            try:
                await asyncio.sleep(self._pace.due_in_s(log_s - first_s, time.monotonic() - began))
                await self._step(index, at)
            finally:
                self._queue.task_done()

    async def _step(self, index: int, at: int) -> None:
        plan = self._plans[index]
        try:
            await self._ask(plan, at)
        except DeskError as error:
            self._played.failures[plan.incident] = f"step {at}: {error}"
            self._stepped(len(plan.steps) - at)
            return
        self._stepped(1)
        if at + 1 < len(plan.steps):
            self._queue.put_nowait((plan.arrival_s + plan.steps[at + 1].at_s, index, at + 1))

    async def _ask(self, plan: Plan, at: int) -> None:
        request = request_of(plan.steps[at], plan, self._cast, self._run)
        path = request.path.format(number=self._played.numbers.get(plan.incident))
        key = key_of(self._run, plan.incident, at)
        answer = await self._desk.ask(request.operation, request.method, path, request.person, request.body, key=key)
        if at == 0:
            self._played.numbers[plan.incident] = int(answer["number"])
