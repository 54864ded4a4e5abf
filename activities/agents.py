"""Loads and records agents, and loads their plans, for their workflows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.failures import failure_of
from domain.agent_events import AgentChange
from domain.agent_life import apply
from domain.errors import DomainError
from domain.ids import PersonId
from domain.presence import AgentState, Plan, PresenceRules
from domain.shift import Shift
from domain.ticket_commands import Receipt

DAYS_AHEAD = timedelta(days=14)
"""How far a plan reaches. It is looked at again long before its end."""


class AgentRecords(Protocol):
    """Where agents are remembered."""

    async def load(self, agent: PersonId) -> tuple[AgentState, Sequence[Receipt]] | None: ...
    async def record(self, change: AgentChange, after: AgentState) -> Receipt: ...


class AgentPlans(Protocol):
    """Where shifts are planned."""

    async def of(self, agent: PersonId, since: datetime, until: datetime) -> Sequence[Shift]: ...


class LoadedAgent(BaseModel):
    """An agent with their plan, and the receipts of their last commands, oldest first."""

    model_config = ConfigDict(frozen=True)

    state: AgentState
    receipts: tuple[Receipt, ...]
    plan: Plan


class AgentActivities:
    """All are harmless to retry: loading changes nothing, and a change is stored once under its command's id."""

    def __init__(self, records: AgentRecords, plans: AgentPlans, rules: PresenceRules) -> None:
        self._records = records
        self._plans = plans
        self._rules = rules

    @activity.defn
    async def load_agent(self, agent: PersonId, now: datetime) -> LoadedAgent | None:
        """The agent as the database has them, with their plan from `now` on; None when there is none."""
        found = await self._records.load(agent)
        if found is None:
            return None
        return LoadedAgent(state=found[0], receipts=tuple(found[1]), plan=await self.load_plan(agent, now))

    @activity.defn
    async def load_plan(self, agent: PersonId, now: datetime) -> Plan:
        """The agent's published shifts of the days ahead, with the one that is on."""
        shifts = await self._plans.of(agent, now, now + DAYS_AHEAD)
        return Plan(loaded_at=now, shifts=tuple(shifts), rules=self._rules)

    @activity.defn
    async def record_agent(self, change: AgentChange, before: AgentState) -> Receipt:
        """Store a change, which was decided on `before`. Where the row has moved on from it nothing is written: the
        change was stored before, or must be decided anew."""
        try:
            return await self._records.record(change, apply(before, change))
        except DomainError as error:
            raise failure_of(error) from error
