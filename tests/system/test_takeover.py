"""Timers that ring while the worker is dead: whoever takes over acts, and what it did can be replayed by the next.

In its first task after a takeover a worker may see a clock that stands still. Were anything decided by that clock, the
replay of the same history would take another road, and the ticket would answer nobody any more.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import aiohttp

from database.pool import open_pool
from tests.system.processes import RunningStack, eventually
from tests.system.writers import Cast, patient_desk
from workflows.client import connect
from workflows.ticket_client import TicketClient

TICKETS = 6


async def test_timers_that_ring_without_a_worker_leave_tickets_that_go_on(stack: RunningStack) -> None:
    await stack.start()
    settings = stack.settings
    pool = await open_pool(settings.database_dsn, 4)
    async with aiohttp.ClientSession() as session, pool:
        desk = patient_desk(session, stack.address)
        cast = await Cast.signed_in(desk)
        numbers = []
        for _ in range(TICKETS):
            opened = await desk.ask("open", "POST", "/tickets", cast.admin, {"title": "Sleepy", "team": "support"})
            numbers.append(opened["number"])
            path = f"/tickets/{opened['number']}"
            await desk.ask("note", "POST", f"{path}/replies", cast.admin, {"body": "hm", "internal": True})
        until = datetime.now(UTC) + timedelta(seconds=2.5)
        for number in numbers:
            await desk.ask("snooze", "POST", f"/tickets/{number}/snooze", cast.admin, {"until": until.isoformat()})

        await stack.kill("worker")
        await asyncio.sleep(max(0.0, until.timestamp() - time.time()))  # the timers ring
        await asyncio.gather(
            *(desk.ask("escalate", "POST", f"/tickets/{number}/escalate", cast.admin, {}) for number in numbers)
        )

        async def asleep() -> int:
            return int(await pool.fetchval("select count(*) from tickets where snoozed"))

        await eventually("every ticket is awake", asleep, lambda count: count == 0)
        for _ in range(2):
            await stack.kill("worker")
            await stack.ready()
            for number in numbers:
                status = {"status": "pending"}
                await desk.ask("status", "POST", f"/tickets/{number}/status", cast.admin, status)
                await desk.ask(
                    "note", "POST", f"/tickets/{number}/replies", cast.admin, {"body": "on", "internal": True}
                )

        tickets = TicketClient(await connect(settings.temporal_target, settings.temporal_namespace), 10)
        held = [await tickets.state(number) for number in numbers]
        rows = await pool.fetch("select number, revision, updated_at from tickets order by number")
        assert [(row["number"], row["revision"], row["updated_at"]) for row in rows] == [
            (ticket.number, ticket.revision, ticket.updated_at) for ticket in held if ticket is not None
        ]
    await stack.stop()
