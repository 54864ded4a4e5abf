"""Those who listen while the desk is shaken: each with a client, a wire that can fail, and a count of what came."""

# ruff: noqa: S311 - chance from a seed

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from database.pool import Pool
from tests.system.client_session import Session
from tests.system.processes import eventually
from tests.system.stream_client import StreamClient
from tests.system.stream_evidence import Listener, delivery_faults, state_faults, visible_events
from tests.system.wire import Wire
from tests.system.writers import PASSWORD

HTTP_SECONDS = 30
SHAKES_EVERY_SECONDS = (0.1, 2.0)
STOPS_SECONDS = (0.3, 3.0)
_UNTOLD = """
select (select count(*) from queue_revisions where revision > told_revision)
    + (select count(*) from events e, report_cursor r where e.ticket_number > 0 and (e.xid, e.id) > (r.xid, r.id))
"""
"""Of how much the overview is still to be told, a moment after it happened."""


@dataclass
class Seat:
    """A listener at their client. `since`: where what they must hear begins."""

    listener: Listener
    client: StreamClient
    session: Session
    since: str = ""
    task: asyncio.Task[None] | None = None

    async def read_lists(self) -> None:
        self.since = self.client.cursor = await self.client.read_lists()

    def follow(self) -> None:
        self.task = asyncio.create_task(self.client.follow())

    async def leave(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def caught_up(self, pool: Pool) -> None:
        """Returns when the last event that is theirs to hear was heard; a fault of the client ends the wait."""
        await eventually("the overview to be told", lambda: pool.fetchval(_UNTOLD), lambda left: left == 0)

        async def is_behind() -> bool:
            assert self.task is not None
            if self.task.done():
                self.task.result()
            expected = await visible_events(pool, self.listener, self.since)
            return expected[-1:] != self.listener.heard[-1:]

        await eventually(f"{self.listener.name} to hear the last event", is_behind, lambda behind: not behind)

    async def faults(self, pool: Pool) -> list[str]:
        """Of what was heard, and of what is known by now."""
        await self.caught_up(pool)
        fresh = StreamClient(self.session, self.client.query)

        async def of_the_state() -> list[str]:
            await fresh.read_lists()
            return state_faults(self.listener, self.client, fresh)

        # Dispatchers and timers may still be at work, so the list may be a moment ahead.
        await eventually(f"{self.listener.name} to know what the lists show", of_the_state, lambda bad: not bad)
        missed = await delivery_faults(pool, self.listener, self.since)
        resets = self.client.resets
        return [*missed, *([f"{self.listener.name} was reset {resets} times"] if resets else [])]


@asynccontextmanager
async def seated(
    address: str, listener: Listener, chance: random.Random, tls: ssl.SSLContext | bool = True
) -> AsyncIterator[Seat]:
    """The listener has signed in and read the lists, and does not follow yet."""
    query = {"topics": ",".join(listener.topics)} if listener.topics else {}
    query |= {"ticket": str(listener.ticket)} if listener.ticket else {}
    async with httpx2.AsyncClient(base_url=address, timeout=HTTP_SECONDS, verify=tls) as http:
        session = Session(http, f"{listener.name.split()[0]}@example.com", PASSWORD)
        me = await session.get("/api/auth/me")
        assert me is not None
        listener.person, listener.role, listener.teams = me["id"], me["role"], tuple(me["teams"])
        seat = Seat(listener, StreamClient(session, query, heard=listener.hear, chance=chance), session)
        await seat.read_lists()
        try:
            yield seat
        finally:
            await seat.leave()


async def shake(wire: Wire, chance: random.Random) -> None:
    """Until cancelled: the wire is cut, at once or in the middle of a message, or stops for a while."""
    try:
        while True:
            await asyncio.sleep(chance.uniform(*SHAKES_EVERY_SECONDS))
            match chance.choice(("cut", "in a message", "in a message", "stop")):
                case "cut":
                    wire.cut()
                case "in a message":
                    wire.cut(after_bytes=chance.randrange(1, 2000))
                case _:
                    wire.stop()
                    await asyncio.sleep(chance.uniform(*STOPS_SECONDS))
                    wire.go_on()
    finally:
        wire.go_on()


@asynccontextmanager
async def shaken(wires: Sequence[Wire], seed: int) -> AsyncIterator[None]:
    """Every wire is shaken by itself."""
    tasks = [asyncio.create_task(shake(wire, random.Random(f"{seed}-{n}"))) for n, wire in enumerate(wires)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
