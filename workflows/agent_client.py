"""How everyone outside reaches the agents' workflows. Whoever speaks to one that does not run starts it."""

import logging
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from domain.agent_commands import AgentEnvelope
from domain.ids import PersonId
from domain.presence import AgentState
from domain.ticket_commands import Receipt
from workflows.agent import AgentStart, AgentWorkflow, StreamsTold
from workflows.client import (
    TASK_QUEUE,
    TASK_TIMEOUT,
    is_failing,
    reload,
    start_or_join,
    state_of,
)
from workflows.sending import send

SUMMARY = "an agent: presence, shifts and breaks"
"""What operators read beside the id; who it is stays out of the engine."""
log = logging.getLogger(__name__)


def agent_workflow_id(agent: PersonId) -> str:
    return f"agent-{agent}"


class AgentClient:
    """Starts agents' workflows, sends them commands, and tells them what changed."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def apply(self, agent: PersonId, envelope: AgentEnvelope) -> Receipt:
        """Have the agent's workflow do a command; it is started if it does not run. The agent must exist.

        Harmless to repeat: the command's id names the update.
        Raises the refusal of the rules, IdempotencyKeyReusedError when the id came with another request before,
        EngineUnavailableError and CommandPendingError.
        """
        return await send(
            self._client,
            agent_workflow_id(agent),
            envelope,
            start=lambda: self._starting(agent),
            mend=lambda: self._mend(agent),
            timeout=self._timeout,
        )

    def _starting(self, agent: PersonId) -> WithStartWorkflowOperation[AgentWorkflow, Any]:
        return WithStartWorkflowOperation(
            AgentWorkflow.run,
            AgentStart(agent_id=agent),
            id=agent_workflow_id(agent),
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=TASK_TIMEOUT,
            static_summary=SUMMARY,
        )

    async def plan_changed(self, agent: PersonId) -> None:
        """Have the agent's workflow load the plan, after it was changed. Harmless to repeat.

        Raises EngineUnavailableError: then the workflow finds out by itself, within a day.
        """
        await self._start(agent, start_signal="plan_changed")

    async def streams_changed(self, agent: PersonId, *, connected: bool, at: datetime | None = None) -> None:
        """Tell the agent's workflow whether any stream of theirs is open, and since when. Harmless to repeat.

        Raises EngineUnavailableError.
        """
        told = StreamsTold(connected=connected, at=at)
        await self._start(agent, start_signal="streams_changed", start_signal_args=[told])

    async def start(self, agent: PersonId) -> None:
        """Start the agent's workflow if it does not run. Raises EngineUnavailableError."""
        await self._start(agent)

    async def _start(self, agent: PersonId, **options: Any) -> None:
        await start_or_join(
            self._client,
            AgentWorkflow.run,
            AgentStart(agent_id=agent),
            id=agent_workflow_id(agent),
            task_queue=self.task_queue,
            timeout=self._timeout,
            task_timeout=TASK_TIMEOUT,
            static_summary=SUMMARY,
            **options,
        )

    async def state(self, agent: PersonId) -> AgentState | None:
        """The agent as their workflow holds them; None when none runs.

        Raises WedgedWorkflowError and EngineUnavailableError.
        """
        return await state_of(self._client, agent_workflow_id(agent), AgentState, self._timeout)

    async def reload(self, agent: PersonId) -> int:
        """Make the agent's workflow take over what the database says. Returns the revision it then has.

        Raises EngineUnavailableError.
        """
        return await reload(self._client, agent_workflow_id(agent), self._timeout)

    async def _mend(self, agent: PersonId) -> bool:
        """Begin the agent's workflow anew if its tasks keep failing. Returns whether they did."""
        if not await is_failing(self._client, agent_workflow_id(agent), self._timeout):
            return False
        await self.begin_anew(agent)
        return True

    async def begin_anew(self, agent: PersonId) -> None:
        """End the agent's workflow and start it anew from the database. Nothing is lost with it: state and commands are
        there. Raises RPCError and EngineUnavailableError."""
        log.error("the workflow of agent %s cannot go on; it begins anew from the database", agent)
        handle = self._client.get_workflow_handle(agent_workflow_id(agent))
        await handle.terminate(reason="could not go on; begun anew from the database")
        await self.start(agent)
