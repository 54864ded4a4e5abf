"""The dispatchers at work while parts are killed: nobody has too much, no ticket has two owners, nothing is stuck.

`KILL_SEED=...` repeats a run's choices (its timing is the machine's).
"""
# ruff: noqa: S311, T201 - chance from a seed, which is printed with what came of it

import asyncio
import os
import random
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import aiohttp
import pytest

from database.pool import Pool, open_pool
from operations.bench_dispatch.carried import read_account
from operations.replay.desk import Desk, DeskError, Json, Person
from tests.system.processes import RunningStack, eventually
from tests.system.proof import command_of, row_faults, settled
from tests.system.writers import Cast, Change, Ledger, patient_desk
from workflows.client import connect
from workflows.ticket_client import TicketClient

SEED = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
CAPACITY = 3
TICKETS = 45
KILLED = ("worker", "worker", "temporal", "worker", "api")
PAUSE_SECONDS = (0.05, 0.2)
WORK_SECONDS = (0.2, 0.6)
"""Slower than tickets come, so that everybody is full and tickets wait."""
TEAMS = ("support", "billing")
_PRESENT = """
update agents set presence = 'online', capacity_tickets = $2
where person_id = any($1::uuid[])
"""
_JOINS = "insert into team_members (person_id, team) values ($1, $2) on conflict do nothing"
_THEIRS = "select number, status, snoozed from tickets where assignee_id = $1::uuid order by number"
_WAITING = """
select number from tickets where assignee_id is null and team is not null and status in ('new', 'open') and not snoozed
order by number
"""
_LEFT_LYING = """
select t.number, a.person_id from tickets t join team_members m on m.team = t.team
join agents a on a.person_id = m.person_id and a.presence = 'online'
where t.assignee_id is null and t.status in ('new', 'open') and not t.snoozed and a.capacity_tickets > (
    select count(*) from tickets o where o.assignee_id = a.person_id and o.status in ('new', 'open') and not o.snoozed)
    and not a.person_id = any(t.passed_by)
"""


class Agent:
    """Works off what they have: resolves, reopens now and then, and claims what waits."""

    def __init__(self, person: Person, desk: Desk, pool: Pool, ledger: Ledger, chance: random.Random) -> None:
        self._person, self._desk, self._pool, self._ledger, self._chance = person, desk, pool, ledger, chance
        self._sent = 0

    async def work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._step()
            await asyncio.sleep(self._chance.uniform(*WORK_SECONDS))

    async def _step(self) -> None:
        theirs = await self._pool.fetch(_THEIRS, self._person.id)
        has = [row["number"] for row in theirs if row["status"] in ("new", "open")]
        resolved = [row["number"] for row in theirs if row["status"] == "resolved"]
        roll = self._chance.random()
        if roll < 0.25:
            waiting = [row["number"] for row in await self._pool.fetch(_WAITING)]
            if waiting:
                await self._send(self._chance.choice(waiting), "ticket.assigned", "claim", {})
        elif roll < 0.35 and resolved:
            await self._send(self._chance.choice(resolved), "ticket.status_changed", "status", {"status": "open"})
        elif has:
            await self._send(self._chance.choice(has), "ticket.status_changed", "status", {"status": "resolved"})

    async def finish(self) -> None:
        """Resolve all that one has."""
        for row in await self._pool.fetch(_THEIRS, self._person.id):
            if row["status"] in ("new", "open"):
                await self._send(row["number"], "ticket.status_changed", "status", {"status": "resolved"})

    async def _send(self, number: int, event: str, path: str, body: Json) -> None:
        self._sent += 1
        change = Change(number, self._person, f"{self._person.email}-{self._sent}", event)
        try:
            await self._desk.ask(event, "POST", f"/tickets/{number}/{path}", self._person, body, key=change.key)
        except DeskError as error:
            if error.status not in (403, 404, 409, 422):  # another team's, somebody else's by now, or no room
                raise
            self._ledger.refused.append(change)
            return
        self._ledger.acknowledged.append(change)


async def open_steadily(desk: Desk, by: Person, ledger: Ledger, chance: random.Random) -> None:
    for number in range(TICKETS):
        key = f"opening-{number}"
        body = {"title": f"marker {key}", "team": chance.choice(TEAMS), "description": "It burns."}
        ticket = await desk.ask("open", "POST", "/tickets", by, body, key=key)
        ledger.acknowledged.append(Change(ticket["number"], by, key, "ticket.opened"))
        await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))


async def kill_in_turn(stack: RunningStack, chance: random.Random) -> None:
    for part in KILLED:
        await asyncio.sleep(chance.uniform(0.5, 1.5))
        await stack.kill(part)
        print(f"killed {part}")
        await stack.ready()


async def lost(pool: Pool, ledger: Ledger) -> list[str]:
    """What was acknowledged, or changed nothing, must be stored; a claim of what one has already leaves no event."""
    rows = await pool.fetch(
        "select c.id, e.type, e.actor_id from ticket_commands c join events e on e.ticket_number = c.ticket_number "
        "and e.revision between c.first_revision and c.revision"
    )
    stored = {(row["id"], row["type"], row["actor_id"]) for row in rows}
    known = {row["id"] for row in rows}
    missing = [
        str(change)
        for change in ledger.acknowledged
        if (command_of(change), change.event, UUID(change.person.id)) not in stored
    ]
    return missing + [f"refused and yet done: {one}" for one in ledger.refused if command_of(one) in known]


async def all_get_an_owner(pool: Pool, agents: Sequence[Agent]) -> None:
    """Agents resolve what they are given until nothing waits; then everything that could be taken was."""

    async def still_waiting() -> list[int]:
        await asyncio.gather(*(agent.finish() for agent in agents))
        return [row["number"] for row in await pool.fetch(_WAITING)]

    await eventually("every waiting ticket to have an owner", still_waiting, lambda waiting: not waiting)


@pytest.mark.timeout(180)
async def test_whatever_is_killed_nobody_has_too_much_and_every_ticket_one_owner(stack: RunningStack) -> None:
    print(f"KILL_SEED={SEED}")
    chance = random.Random(SEED)
    await stack.start()
    pool = await open_pool(stack.settings.database_dsn, 6)
    async with pool, aiohttp.ClientSession() as session:
        desk = patient_desk(session, stack.address)
        cast, third = await Cast.signed_in(desk), Person("agent3@example.com", "smart-ticketing-demo")
        await desk.sign_in(third)
        people = [*cast.agents, third]
        for person in people[1:]:  # two dispatchers compete for these
            for team in TEAMS:
                await pool.execute(_JOINS, person.id, team)
        await pool.execute(_PRESENT, [person.id for person in people], CAPACITY)
        ledger, stop = Ledger(), asyncio.Event()
        agents = [
            Agent(person, desk, pool, ledger, random.Random(f"{SEED}-{place}")) for place, person in enumerate(people)
        ]
        async with asyncio.TaskGroup() as tasks:
            for agent in agents:
                tasks.create_task(agent.work(stop))
            opening = tasks.create_task(open_steadily(desk, cast.admin, ledger, chance))
            await kill_in_turn(stack, chance)
            await opening
            stop.set()
        # Nobody does anything now: whatever somebody has room for is given to them all the same.
        await eventually("room and waiting tickets to meet", lambda: pool.fetch(_LEFT_LYING), lambda rows: not rows)
        await all_get_an_owner(pool, agents)
        await settled(pool)
        account = await read_account(pool)
        given = Counter(
            row["by"]
            for row in await pool.fetch("select data ->> 'by' as by from events where type = 'ticket.assigned'")
        )
        print(f"given by {dict(given)}; acknowledged {ledger.kinds()}, refused {len(ledger.refused)}")
        engine = await connect(stack.settings.temporal_target, stack.settings.temporal_namespace)
        assert account.faults == []
        assert account.most == 1, "nobody was ever full: nothing was proved"
        assert await lost(pool, ledger) == []
        assert await row_faults(pool, TicketClient(engine, 10)) == []
        assert {change.ticket for change in ledger.acknowledged} == set(account.assigned)
        assert given["dispatch"] > 0
    await stack.stop()
