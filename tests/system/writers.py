"""People who work on tickets all the time, side by side, and keep a ledger of what the desk answered them."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from operations.replay.desk import Desk, DeskError, Json, Person
from operations.replay.figures import Figures
from tests.system.processes import eventually

PASSWORD = "smart-ticketing-demo"
PATIENCE_SECONDS = 75.0
"""How long a writer repeats one request under its key; the desk must be back before."""
TICKETS_EACH = 12
PAUSE_SECONDS = (0.02, 0.2)


@dataclass(frozen=True)
class Change:
    """One request for a change, under a key of its own."""

    ticket: int
    person: Person
    key: str
    event: str
    """The type of the event that it is to make."""
    field: str | None = None
    """The name in the timeline's entry under which `marker` stands, if the change brings a text."""

    @property
    def marker(self) -> str:
        """A text that no other change brings."""
        return f"marker {self.key}"


@dataclass
class Ledger:
    """What was answered: a change is acknowledged (2xx) or refused (4xx)."""

    acknowledged: list[Change] = field(default_factory=list)
    refused: list[Change] = field(default_factory=list)

    def kinds(self) -> dict[str, int]:
        return dict(Counter(change.event for change in self.acknowledged).most_common())


@dataclass
class Cast:
    """Who takes part, signed in. Requesters need an agent's help to get on; everyone may note."""

    admin: Person
    supervisor: Person
    agents: tuple[Person, Person]
    requesters: tuple[Person, Person]

    @classmethod
    async def signed_in(cls, desk: Desk) -> "Cast":
        """The demo organisation's people of team `support`."""

        async def person(name: str) -> Person:
            one = Person(f"{name}@example.com", PASSWORD)
            await desk.sign_in(one)
            return one

        return cls(
            admin=await person("admin"),
            supervisor=await person("supervisor"),
            agents=(await person("agent"), await person("agent2")),
            requesters=(await person("requester"), await person("requester2")),
        )


def patient_desk(session: aiohttp.ClientSession, address: str) -> Desk:
    """A client that repeats what was not answered for good, under the same key."""
    return Desk(session, address, Figures(), PATIENCE_SECONDS)


class Writer:
    """Owns some tickets and moves them about; now and then writes on tickets that others own.

    Only the owner changes what its next choice depends on, so that every change that is acknowledged also is one.
    """

    def __init__(self, name: str, desk: Desk, cast: Cast, ledger: Ledger, shared: list[int], chance: random.Random):
        self.done = 0
        self._name = name
        self._desk = desk
        self._cast = cast
        self._ledger = ledger
        self._shared = shared
        self._chance = chance
        self._mine: dict[int, Person] = {}
        """My tickets, and who opened each."""
        self._sent = 0

    async def work(self, stop: asyncio.Event) -> None:
        """Until it is told to stop; then the request under way is finished first."""
        while not stop.is_set():
            roll = self._chance.random()
            if not self._mine or (len(self._mine) < TICKETS_EACH and roll < 0.15):
                await self._open()
            elif self._shared and roll < 0.35:
                await self._write_elsewhere()
            else:
                await self._change_mine()
            await asyncio.sleep(self._chance.uniform(*PAUSE_SECONDS))

    async def _open(self) -> None:
        person = self._chance.choice(self._cast.requesters)
        key = self._key()
        body = {"title": f"marker {key}", "team": self._chance.choice(["support", None]), "description": "It burns."}
        opened = await self._desk.ask("open", "POST", "/tickets", person, body, key=key)
        number: int = opened["number"]
        self._acknowledge(Change(number, person, key, "ticket.opened", "title"))
        self._mine[number] = person
        # A first answer opens the ticket; from then on what others write on it changes nothing but its timeline.
        await self._text(number, self._chance.choice(self._cast.agents), "ticket.replied")
        self._shared.append(number)

    async def _write_elsewhere(self) -> None:
        person = self._chance.choice([self._cast.admin, self._cast.supervisor, *self._cast.agents])
        await self._text(self._chance.choice(self._shared), person, self._chance.choice(_TEXTS))

    async def _change_mine(self) -> None:
        number = self._chance.choice(list(self._mine))
        ticket = await self._desk.ask("read", "GET", f"/tickets/{number}", self._cast.admin)
        await self._chance.choice(self._choices(ticket))()

    def _choices(self, ticket: Json) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """Everything that is legal now and would change the ticket."""
        number, agent = ticket["number"], self._chance.choice(self._cast.agents)
        assignee = self._chance.choice(self._cast.agents)
        status = self._chance.choice(ticket["allowed_transitions"])
        to_status = self._ask(number, agent, "ticket.status_changed", "status", {"status": status})
        if ticket["status"] == "closed":
            return [to_status]
        choices = [
            to_status,
            lambda: self._text(number, agent, "ticket.replied"),
            lambda: self._text(number, agent, "ticket.noted"),
            lambda: self._text(number, self._mine[number], "ticket.replied"),
            lambda: self._retitle(number, agent),
        ]
        if ticket["assignee"] is None or ticket["assignee"]["id"] != assignee.id:
            choices.append(self._ask(number, agent, "ticket.assigned", "assign", {"assignee": assignee.id}))
        else:
            choices.append(self._ask(number, agent, "ticket.unassigned", "unassign", {}))
        if ticket["status"] != "resolved":
            choices += self._choices_of_unresolved(ticket, agent)
        return choices

    def _choices_of_unresolved(self, ticket: Json, agent: Person) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        number = ticket["number"]
        soon = (datetime.now(UTC) + timedelta(seconds=self._chance.uniform(2, 6))).isoformat()
        choices = [self._ask(number, agent, "ticket.snoozed", "snooze", {"until": soon})]
        if ticket["escalation_level"] < 3:
            choices.append(self._ask(number, agent, "ticket.escalated", "escalate", {}))
        else:
            choices.append(self._ask(number, agent, "ticket.de_escalated", "de-escalate", {}))
        if not ticket["snoozed"]:
            choices.append(self._ask(number, agent, "ticket.snoozed", "snooze", {}))
        else:
            choices.append(self._ask(number, agent, "ticket.woken", "wake", {}))
        return choices

    def _ask(
        self, number: int, person: Person, event: str, path: str, body: Json
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        change = Change(number, person, self._key(), event)
        return lambda: self._send(change, "POST", path, body)

    async def _text(self, number: int, person: Person, event: str) -> None:
        change = Change(number, person, self._key(), event, "body")
        await self._send(change, "POST", "replies", {"body": change.marker, "internal": event == "ticket.noted"})

    async def _retitle(self, number: int, person: Person) -> None:
        change = Change(number, person, self._key(), "ticket.edited", "title")
        await self._send(change, "PATCH", "", {"title": change.marker})

    async def _send(self, change: Change, method: str, path: str, body: Json) -> None:
        address = f"/tickets/{change.ticket}/{path}".rstrip("/")
        try:
            await self._desk.ask(change.event, method, address, change.person, body, key=change.key)
        except DeskError as error:
            # Since the look a timer may have rung, the owner may have closed the ticket, and the moment to wake it may
            # have passed while a part was down. All else is a fault.
            if error.status != 409 and (error.status, change.event) != (422, "ticket.snoozed"):
                raise
            self._ledger.refused.append(change)
            return
        self._acknowledge(change)

    def _acknowledge(self, change: Change) -> None:
        self._ledger.acknowledged.append(change)
        self.done += 1

    def _key(self) -> str:
        self._sent += 1
        return f"{self._name}-{self._sent}"


_TEXTS = ("ticket.replied", "ticket.noted")


@asynccontextmanager
async def at_work(writers: list[Writer]) -> AsyncIterator[None]:
    """Everybody works; at the end each finishes what is under way. A writer's fault ends the test at once."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for writer in writers:
            tasks.create_task(writer.work(stop))
        yield
        stop.set()


async def each_gets_on(writers: list[Writer]) -> None:
    """Returns when every writer has had two more changes acknowledged: the first may have been under way before."""
    before = [writer.done for writer in writers]

    async def gained() -> int:
        return min(writer.done - was for writer, was in zip(writers, before, strict=True))

    await eventually("every writer to get on", gained, lambda least: least >= 2)
