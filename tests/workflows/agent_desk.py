"""Agents whose records and plans are in memory and whose days pass at once, on the server whose clock can be moved."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.agents import AgentActivities, AgentPlans, AgentRecords
from domain.agent import Presence
from domain.agent_commands import AgentCommand
from domain.agent_events import AgentChange
from domain.errors import RevisionMismatchError
from domain.ids import CommandId, PersonId, ShiftId
from domain.people import Actor, Role
from domain.presence import AgentState, PresenceRules
from domain.shift import Shift
from domain.ticket_commands import Receipt
from tests import agent_factories
from tests.workflows.engine_desk import eventually
from worker import sandbox
from workflows.agent import AgentWorkflow
from workflows.agent_client import AgentClient, agent_workflow_id
from workflows.client import connect
from workflows.guard import Guard

Told = tuple[Presence, str]


class AgentsInMemory:
    """Keeps agents and plans as the database does: each command once, each change on its own revision."""

    def __init__(self) -> None:
        self.states: dict[PersonId, AgentState] = {}
        self.changes: dict[PersonId, list[AgentChange]] = {}
        self.shifts: dict[PersonId, list[Shift]] = {}
        self.loads = 0
        """How often a plan was asked for."""
        self.is_down = False
        self._receipts: dict[CommandId, Receipt] = {}

    async def load(self, agent: PersonId) -> tuple[AgentState, Sequence[Receipt]] | None:
        self._fail()
        state = self.states.get(agent)
        return None if state is None else (state, [])

    async def record(self, change: AgentChange, after: AgentState) -> Receipt:
        self._fail()
        if change.command_id in self._receipts:
            return self._receipts[change.command_id].model_copy(update={"is_repeat": True})
        if self.states[change.agent_id].revision != change.revision - 1:
            raise RevisionMismatchError("it moved on")
        self.states[change.agent_id] = after
        self.changes[change.agent_id].append(change)
        receipt = Receipt(
            command_id=change.command_id,
            first_revision=change.revision,
            revision=change.revision,
            fingerprint=change.fingerprint,
            at=change.at,
        )
        self._receipts[change.command_id] = receipt
        return receipt

    async def of(self, agent: PersonId, since: datetime, until: datetime) -> Sequence[Shift]:
        self._fail()
        self.loads += 1
        return [one for one in self.shifts.get(agent, []) if one.ends_at > since and one.starts_at < until]

    def _fail(self) -> None:
        if self.is_down:
            raise ConnectionError("the database is away")


class AgentDesk:
    """Agents whose days pass at once."""

    def __init__(self, environment: WorkflowEnvironment, agents: AgentClient, memory: AgentsInMemory) -> None:
        self._environment = environment
        self.agents = agents
        self.memory = memory

    async def now(self) -> datetime:
        return await self._environment.get_current_time()

    async def passes(self, time: timedelta) -> None:
        await self._environment.sleep(time)

    async def running(self, presence: Presence = Presence.OFFLINE, *shifts: Shift, **changes: Any) -> PersonId:
        """An agent whose workflow runs, with these shifts."""
        now = await self.now()
        agent = PersonId(uuid4())
        self.memory.states[agent] = agent_factories.agent(presence, id=agent, updated_at=now, since=now, **changes)
        self.memory.changes[agent] = []
        self.memory.shifts[agent] = [shift.model_copy(update={"agent_id": agent}) for shift in shifts]
        await self.agents.start(agent)
        await eventually(lambda: self.agents.state(agent), lambda state: state is not None)
        return agent

    async def shift(self, starts_in: timedelta, lasts: timedelta, id: int = 12, **changes: Any) -> Shift:
        """A shift that begins so long from now."""
        starts_at = await self.now() + starts_in
        return agent_factories.shift(id=ShiftId(id), starts_at=starts_at, ends_at=starts_at + lasts, **changes)

    async def send(self, agent: PersonId, command: AgentCommand, **changes: Any) -> Receipt:
        by = Actor.person(agent, Role.AGENT)
        return await self.agents.apply(agent, agent_factories.envelope(command, **{"actor": by, **changes}))

    def handle(self, agent: PersonId) -> WorkflowHandle[Any, Any]:
        return self._environment.client.get_workflow_handle(agent_workflow_id(agent))

    async def settled(self, agent: PersonId) -> AgentState:
        """The agent, when whatever was due has been done: the workflow answers only after that."""
        await self.agents.reload(agent)
        return self.memory.states[agent]

    async def becomes(self, agent: PersonId, presence: Presence) -> AgentState:
        """The agent once they are this."""

        async def state() -> AgentState:
            return self.memory.states[agent]

        return await eventually(state, lambda state: state.presence is presence)

    def types(self, agent: PersonId) -> list[str]:
        return [event.type for change in self.memory.changes[agent] for event in change.events]

    def told(self, agent: PersonId) -> list[Told]:
        """What the presence became, and why, in order."""
        return [
            (event.presence, event.cause)
            for change in self.memory.changes[agent]
            for event in change.events
            if event.type == "agent.presence_changed"
        ]

    async def timers(self, agent: PersonId) -> list[str]:
        """What the timers of the run were started for, in order."""
        history = await self.handle(agent).fetch_history()
        return [
            json.loads(event.user_metadata.summary.data)
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
        ]


@asynccontextmanager
async def agents_worker(
    client: Client,
    records: AgentRecords,
    plans: AgentPlans,
    task_queue: str,
    rules: PresenceRules | None = None,
    **options: Any,
) -> AsyncIterator[None]:
    """A worker for agents who are remembered elsewhere than in the database."""
    activities = AgentActivities(records, plans, rules or PresenceRules())
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[AgentWorkflow],
        activities=[activities.load_agent, activities.load_plan, activities.record_agent],
        interceptors=[Guard()],
        workflow_runner=sandbox(),
        **options,
    ):
        yield


@asynccontextmanager
async def agent_desk(environment: WorkflowEnvironment) -> AsyncIterator[AgentDesk]:
    """One worker for all its agents: the clock stands still while any task finds no worker."""
    queue = f"agents-{uuid4()}"
    client = await connect(environment.client.service_client.config.target_host, environment.client.namespace)
    memory = AgentsInMemory()
    desk = AgentDesk(environment, AgentClient(client, 30, queue), memory)
    async with agents_worker(client, memory, memory, queue):
        yield desk
