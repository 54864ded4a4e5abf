"""A receiver outside while parts are killed: it hears of everything, and of each ticket in order."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from database.pool import Pool, open_pool
from operations.replay.desk import Desk, Person
from tests.integrations.receiver import Receiver, fine, receiving
from tests.system.processes import RunningStack, eventually
from tests.system.writers import patient_desk

TICKETS = 8
KILLED = ("worker", "postgres", "worker")
_TOLD = """
select d.id from webhook_deliveries d join events e on e.id = d.event_id
where e.ticket_number is not null and not e.internal order by e.xid, e.id
"""
_MISSING = """
select e.id from events e where e.ticket_number is not null and not e.internal
    and not exists (select from webhook_deliveries d where d.event_id = e.id and d.state = 'delivered')
"""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def choices(choices: dict[str, str]) -> dict[str, str]:
    return {**choices, "OUTGOING_ALLOW": "127.0.0.1"}


async def open_and_claim(desk: Desk, by: Person, number: int) -> None:
    """One ticket, with three events that a receiver hears of at least."""
    body = {"title": f"number {number}", "description": "It burns."}
    ticket = await desk.ask("open", "POST", "/tickets", by, body, key=f"opening-{number}")
    for what, text in (("claim", {}), ("replies", {"body": "Use water."})):
        path = f"/tickets/{ticket['number']}/{what}"
        await desk.ask(what, "POST", path, by, text, key=f"{what}-{number}")


async def open_and_claim_all(desk: Desk, by: Person) -> None:
    for number in range(1, TICKETS + 1):
        await open_and_claim(desk, by, number)


@pytest.mark.timeout(180)
async def test_whatever_is_killed_a_receiver_hears_of_everything_in_order(
    stack: RunningStack, receiver: Receiver
) -> None:
    await stack.start()
    pool = await open_pool(stack.settings.database_dsn, 4)
    async with pool, aiohttp.ClientSession() as session:
        desk, admin = patient_desk(session, stack.address), Person("admin@example.com", "smart-ticketing-demo")
        await desk.sign_in(admin)
        added = await desk.ask("add", "POST", "/webhooks", admin, {"url": receiver.url}, key="webhook")
        receiver.secret = added["secret"]

        await _die_between_the_call_and_its_note(stack, desk, admin, receiver)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(open_and_claim_all(desk, admin))
            for part in KILLED:
                await asyncio.sleep(0.5)
                await stack.kill(part)
                await stack.ready()
        await eventually("everything to be delivered", lambda: pool.fetch(_MISSING), lambda rows: not rows)
        await _heard_all_in_order(pool, receiver)
    await stack.stop()


async def _die_between_the_call_and_its_note(
    stack: RunningStack, desk: Desk, admin: Person, receiver: Receiver
) -> None:
    """The receiver has the call in its hands when the worker dies; the next worker makes it again, under its id."""
    calls: list[str] = []
    is_dead = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        calls.append(request.headers["webhook-id"])
        await is_dead.wait()
        return await fine(request)

    async def called() -> list[str]:
        return calls

    receiver.answering = slow
    await desk.ask("open", "POST", "/tickets", admin, {"title": "first", "description": "x"}, key="opening-0")
    await eventually("the first call", called)
    await stack.kill("worker")
    is_dead.set()
    await eventually("the call to come again", called, lambda found: len(found) >= 2)
    assert calls[0] == calls[1]
    receiver.answering = fine


async def _heard_all_in_order(pool: Pool, receiver: Receiver) -> None:
    told = [str(row["id"]) for row in await pool.fetch(_TOLD)]
    assert len(told) >= 1 + 3 * TICKETS
    first_heard = list(dict.fromkeys(one.id for one in receiver.received))
    assert sorted(first_heard) == sorted(told)
    revisions: dict[int | None, list[int]] = {}
    for one in {one.id: one for one in reversed(receiver.received)}.values():
        revisions.setdefault(one.ticket, []).append(one.payload["data"]["revision"])
    for ticket, heard in revisions.items():
        assert heard == sorted(heard, reverse=True), f"ticket {ticket}"
    assert receiver.unsigned == 0
