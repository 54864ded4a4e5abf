"""Agents who work as it comes: planned shifts, presence by hand and by the app, breaks, all through the real store."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from database.agent_lives import AgentLifeStore
from database.pool import Pool
from database.shifts import ShiftStore
from domain.agent import BreakKind, Presence
from domain.agent_commands import (
    AgentCommand,
    AgentEnvelope,
    EndBreak,
    EndShift,
    SetPresence,
    StartBreak,
    StartShift,
    StreamsChanged,
)
from domain.agent_life import apply
from domain.agent_rules import decide
from domain.agent_timers import pending_moments
from domain.errors import DomainError
from domain.ids import CommandId, PersonId
from domain.people import TIMER, Actor, Role
from domain.presence import Plan

_SHIFT = """
insert into shifts (agent_id, team, starts_at, ends_at, status) values ($1, $2, $3, $4, $5) returning id
"""
_BREAK = "insert into shift_breaks (shift_id, kind, starts_at, ends_at, is_cancelled) values ($1, 'lunch', $2, $3, $4)"


class WorkingLives:
    """Leads agents through random days. All chance comes from one seed."""

    def __init__(self, pool: Pool, agents: Sequence[PersonId], seed: int) -> None:
        self._pool = pool
        self._store = AgentLifeStore(pool)
        self._shifts = ShiftStore(pool)
        self._agents = agents
        self._chance = random.Random(seed)  # noqa: S311  nothing secret
        self._seen: dict[PersonId, datetime] = {}

    async def plan(self, since: datetime, days: int) -> None:
        """Shifts that do not overlap, of any status, of one team or of all, with breaks."""
        chance = self._chance
        for agent in self._agents:
            self._seen[agent] = since
            for day in range(days):
                if chance.random() < 0.3:
                    continue
                begin = since + timedelta(days=day, minutes=chance.randint(-120, 120))
                end = begin + timedelta(minutes=chance.randint(3, 600))
                status = chance.choice(["published", "published", "published", "draft", "cancelled"])
                team = chance.choice([None, "support", "billing"])
                id = await self._pool.fetchval(_SHIFT, agent, team, begin, end, status)
                if end - begin > timedelta(hours=2):
                    lunch = begin + timedelta(minutes=chance.randint(0, 90))
                    await self._pool.execute(
                        _BREAK, id, lunch, lunch + timedelta(minutes=chance.randint(1, 30)), chance.random() < 0.2
                    )

    async def step(self, now: datetime) -> None:
        """Time has passed for everybody, and somebody may do something."""
        for agent in self._agents:
            plan = await self._plan(agent)
            await self._let_moments_come(agent, plan, now)
            self._seen[agent] = now
        agent = self._chance.choice(self._agents)
        command = self._some_command(await self._plan(agent))
        late = timedelta(minutes=self._chance.choice([0, 0, 0, 5]))  # what came late is dated when it should have come
        await self._do(agent, await self._plan(agent), command, Actor.person(agent, Role.AGENT), now - late)

    def _some_command(self, plan: Plan) -> AgentCommand:
        chance = self._chance
        commands: list[AgentCommand] = [
            SetPresence(presence=chance.choice(list(Presence))),
            SetPresence(presence=Presence.ONLINE),
            StreamsChanged(connected=True),
            StreamsChanged(connected=False),
            StartBreak(kind=BreakKind.SHORT_BREAK),
            EndBreak(),
        ]
        shift = chance.choice(plan.shifts) if plan.shifts else None
        if shift is not None:
            commands += [StartShift(shift_id=shift.id), EndShift(shift_id=shift.id)]
            commands += [StartBreak(break_id=one.id) for one in shift.breaks]
        return chance.choice(commands)

    async def _plan(self, agent: PersonId) -> Plan:
        seen = self._seen[agent]
        shifts = await self._shifts.of(agent, seen - timedelta(days=2), seen + timedelta(days=3))
        return Plan(loaded_at=seen, shifts=tuple(shifts))

    async def _let_moments_come(self, agent: PersonId, plan: Plan, now: datetime) -> None:
        """Each at its moment, until now."""
        rung = set[str]()
        while True:
            loaded = await self._store.load(agent)
            assert loaded is not None
            moments = [one for one in pending_moments(loaded[0], plan) if one.command is not None and one.at <= now]
            moment = next((one for one in moments if one.id not in rung), None)
            if moment is None:
                return
            rung.add(moment.id)
            assert moment.command is not None
            await self._do(agent, plan, moment.command, TIMER, moment.at)
            plan = await self._plan(agent)

    async def _do(self, agent: PersonId, plan: Plan, command: AgentCommand, actor: Actor, at: datetime) -> None:
        loaded = await self._store.load(agent)
        assert loaded is not None
        envelope = AgentEnvelope(id=CommandId(uuid4()), actor=actor, command=command)
        try:
            change = decide(loaded[0], plan, envelope, at)
        except DomainError:
            return
        if change.events:
            await self._store.record(change, apply(loaded[0], change))
