"""Many tickets at once for few places: how soon the places are filled, and how the rest flows as agents get free."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType

from operations.bench.api import SignedIn
from operations.bench.figure import Figure
from operations.bench.ground import Ground
from operations.bench.load import closed_loop, wait_until
from operations.bench.system import BenchError
from operations.bench_dispatch.carried import read_account
from operations.bench_dispatch.team import make_team
from operations.replay.figures import percentile
from workflows.dispatch import DispatchStart
from workflows.dispatch_client import dispatcher_id

AT_ONCE = 32
PATIENCE_S = 600.0
_OWNED_ONCE = """
select count(distinct e.ticket_number) from events e join tickets t on t.number = e.ticket_number
where t.team = $1 and e.type = 'ticket.assigned'
"""
_THEIRS = "select number from tickets where assignee_id = $1::uuid and status in ('new', 'open') order by number"
_OVER_NOW = """
select count(*) from agents a where capacity_tickets < (
    select count(*) from tickets t where t.assignee_id = a.person_id and t.status in ('new', 'open') and not t.snoozed)
"""


@dataclass(frozen=True)
class Outcome:
    """What was measured, and what is wrong with it."""

    figures: Sequence[Figure]
    faults: Sequence[str] = field(default=())


async def measure_storm(ground: Ground, tickets: int, agents: int, capacity: int) -> Outcome:
    """All tickets at once; when every place is filled the agents resolve what they have until each had an owner."""
    team = await make_team(ground, "storm", agents, capacity)
    people = await team.sign_in(ground)
    places = min(agents * capacity, tickets)
    began = time.perf_counter()

    async def call(_lane: int, _turn: int) -> None:
        await ground.api.open(ground.people.admin, team.slug)

    opening = asyncio.create_task(closed_loop(call, at_once=AT_ONCE, count=tickets, seconds=PATIENCE_S))
    await _until_owned(ground, team.slug, places)
    filled = time.perf_counter() - began
    accepted = await opening
    rounds = await rounds_of(ground, team.slug)
    over: int = await ground.pool.fetchval(_OVER_NOW)
    flow_began = time.perf_counter()
    async with asyncio.TaskGroup() as work:
        all_owned = asyncio.Event()
        for person in people:
            work.create_task(_work(ground, person, all_owned))
        await _until_owned(ground, team.slug, tickets)
        all_owned.set()
    flowed = time.perf_counter() - flow_began
    account = await read_account(ground.pool)
    waits = account.waited_s()[-tickets:]
    name = f"{tickets:,} at once, {agents} agents of {capacity}"
    faults = [*account.faults, *([f"{over} agents carried more than they can"] if over else [])]
    return Outcome(
        [
            Figure(name, "s until accepted", accepted.seconds),
            Figure(name, f"s until {places} owned", filled),
            Figure(name, "rounds until then", rounds),
            Figure(name, f"s p50, first {places}", percentile(waits[:places], 0.5)),
            Figure(name, f"s p99, first {places}", percentile(waits[:places], 0.99)),
            Figure(name, "s for the rest", flowed),
            Figure(name, "rest, owned per s", (tickets - places) / flowed),
            Figure(name, "rounds in all", await rounds_of(ground, team.slug)),
            Figure(name, "s p50, all", percentile(waits, 0.5)),
            Figure(name, "s p99, all", percentile(waits, 0.99)),
            Figure(name, "most load/capacity", account.most),
        ],
        faults,
    )


async def rounds_of(ground: Ground, team: str) -> int:
    """How many rounds the team's dispatcher has looked at so far."""
    history = await ground.engine.get_workflow_handle(dispatcher_id(team)).fetch_history()
    begun = history.events[0].workflow_execution_started_event_attributes.input.payloads
    (start,) = await ground.engine.data_converter.decode(begun, [DispatchStart])
    looked = sum(event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED for event in history.events)
    return int(start.rounds) + looked


async def _until_owned(ground: Ground, team: str, count: int) -> None:
    async def are_owned() -> bool:
        owned: int = await ground.pool.fetchval(_OWNED_ONCE, team)
        return owned >= count

    if not await wait_until(are_owned, every_s=0.05, timeout_s=PATIENCE_S):
        raise BenchError(f"{await ground.pool.fetchval(_OWNED_ONCE, team)} of {count} tickets had an owner in time")


async def _work(ground: Ground, person: SignedIn, all_owned: asyncio.Event) -> None:
    """Resolve whatever one has, until every ticket had an owner."""
    while not all_owned.is_set():
        numbers = [row["number"] for row in await ground.pool.fetch(_THEIRS, person.id)]
        for number in numbers:
            await ground.api.set_status(person, number, "resolved")
        if not numbers:
            await asyncio.sleep(0.1)
