"""The watch tells of connections and calls the roll, whatever is down or broken."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from database.agent_lives import AgentLifeStore
from database.pool import Pool
from database.shifts import ShiftStore
from domain.agent import Presence
from domain.agent_commands import SetPresence
from domain.ids import PersonId
from domain.presence import AgentState, PresenceRules
from tests import agent_factories
from tests.factories import AGENT, NOW, OTHER_AGENT
from tests.workflows.agent_desk import agents_worker
from tests.workflows.engine_desk import UNTIL_IT_WAITS, eventually
from workflows.agent_client import AgentClient, agent_workflow_id
from workflows.client import EngineUnavailableError, WedgedWorkflowError
from workflows.presence_watch import PresenceWatch


class Found(NamedTuple):
    agent: PersonId
    is_open: bool
    seen_at: datetime | None


class Rows:
    """Connections and roll in memory."""

    def __init__(self, *found: Found, roll: Mapping[PersonId, int] | None = None) -> None:
        self.found = found
        self.roll = roll or {}
        self.settle_seconds: list[float] = []
        self.is_down = False

    async def differing(self, settle_seconds: float) -> Sequence[Found]:
        self.settle_seconds.append(settle_seconds)
        if self.is_down:
            raise ConnectionError("the database is away")
        return self.found

    async def forget_old(self) -> None: ...

    async def revisions(self) -> Mapping[PersonId, int]:
        return self.roll


class Workflows(AgentClient):
    """Agents' workflows that hold what the test says, and keep what they are told."""

    def __init__(self, **held: AgentState | Exception | None) -> None:
        self.held = {AGENT: held.get("agent"), OTHER_AGENT: held.get("other_agent")}
        self.silent: set[PersonId] = set()
        self.told: list[tuple[PersonId, bool, datetime | None]] = []
        self.done: list[tuple[str, PersonId]] = []

    async def streams_changed(self, agent: PersonId, *, connected: bool, at: datetime | None = None) -> None:
        if agent in self.silent:
            raise EngineUnavailableError("no answer")
        self.told.append((agent, connected, at))

    async def state(self, agent: PersonId) -> AgentState | None:
        held = self.held[agent]
        if isinstance(held, Exception):
            raise held
        return held

    async def start(self, agent: PersonId) -> None:
        self.done.append(("started", agent))

    async def reload(self, agent: PersonId) -> int:
        self.done.append(("reloaded", agent))
        return 0

    async def begin_anew(self, agent: PersonId) -> None:
        self.done.append(("begun anew", agent))


def watch(rows: Rows, workflows: AgentClient, grace: float = 60) -> PresenceWatch:
    return PresenceWatch(rows, rows, workflows, PresenceRules(grace=timedelta(seconds=grace)))


async def test_each_is_told_what_is_so_and_since_when() -> None:
    workflows = Workflows()

    told = await watch(Rows(Found(AGENT, True, NOW), Found(OTHER_AGENT, False, NOW)), workflows).look()

    assert told == 2
    assert workflows.told == [(AGENT, True, None), (OTHER_AGENT, False, NOW)]


async def test_one_who_cannot_be_told_keeps_no_other_from_hearing() -> None:
    workflows = Workflows()
    workflows.silent = {AGENT}

    with pytest.raises(EngineUnavailableError):
        await watch(Rows(Found(AGENT, True, NOW), Found(OTHER_AGENT, False, NOW)), workflows).look()

    assert workflows.told == [(OTHER_AGENT, False, NOW)]


@pytest.mark.parametrize(("grace", "settle"), [(60, 6), (4, 2)])
async def test_what_settles_takes_less_than_the_grace_time(grace: float, settle: float) -> None:
    rows = Rows()

    await watch(rows, Workflows(), grace).look()

    assert rows.settle_seconds == [settle]


@pytest.mark.parametrize(
    ("held", "done"),
    [
        (None, ["started"]),
        (agent_factories.agent(revision=3), []),
        (agent_factories.agent(revision=2), ["reloaded"]),
        (WedgedWorkflowError("it cannot be replayed"), ["begun anew"]),
    ],
)
async def test_the_roll_helps_up_who_is_not_as_they_ought_to_be(
    held: AgentState | Exception | None, done: list[str]
) -> None:
    workflows = Workflows(agent=held)

    helped = await watch(Rows(roll={AGENT: 3}), workflows).call_the_roll()

    assert helped == len(done)
    assert workflows.done == [(what, AGENT) for what in done]


async def test_a_fault_with_one_keeps_no_other_from_being_called() -> None:
    workflows = Workflows(agent=EngineUnavailableError("no answer"))

    with pytest.raises(EngineUnavailableError):
        await watch(Rows(roll={AGENT: 1, OTHER_AGENT: 1}), workflows).call_the_roll()

    assert workflows.done == [("started", OTHER_AGENT)]


async def test_a_fault_weighs_more_than_silence() -> None:
    workflows = Workflows(agent=EngineUnavailableError("no answer"), other_agent=ZeroDivisionError("a fault"))

    with pytest.raises(ZeroDivisionError):
        await watch(Rows(roll={AGENT: 1, OTHER_AGENT: 1}), workflows).call_the_roll()


async def test_it_outlives_a_database_that_is_down() -> None:
    rows, workflows = Rows(Found(AGENT, True, NOW)), Workflows()
    rows.is_down = True
    running = asyncio.create_task(watch(rows, workflows).run())
    try:
        while not rows.settle_seconds:
            await asyncio.sleep(0.01)
        rows.is_down = False
        while not workflows.told:
            await asyncio.sleep(0.01)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@workflow.defn(name="AgentWorkflow")
class _ForgottenWorkflow:
    """What no present code does: it waits before it loads its agent."""

    @workflow.run
    async def run(self, start: Any) -> str:
        await workflow.sleep(3600)
        return "over"


async def test_an_agent_whose_history_cannot_be_replayed_begins_anew_from_the_database(
    engine: Client, pool: Pool
) -> None:
    queue, lives, agent = f"wedged-{uuid4().hex}", AgentLifeStore(pool), OTHER_AGENT
    agents = AgentClient(engine, 30, queue)
    handle = engine.get_workflow_handle(agent_workflow_id(agent))

    async def history_length() -> int:
        return (await handle.describe()).history_length

    async with Worker(
        engine, task_queue=queue, workflows=[_ForgottenWorkflow], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        await agents.start(agent)
        await eventually(history_length, lambda length: length >= UNTIL_IT_WAITS)
    async with agents_worker(engine, lives, ShiftStore(pool), queue):
        with pytest.raises(WedgedWorkflowError):
            await agents.state(agent)

        assert await PresenceWatch(Rows(), Rows(roll={agent: 0}), agents, PresenceRules()).call_the_roll() == 1
        await agents.apply(agent, agent_factories.envelope(SetPresence(presence=Presence.BUSY)))

        assert (await lives.read(agent)).state.presence is Presence.BUSY
        await handle.terminate(reason="the test is over")
