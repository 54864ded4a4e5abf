"""Leads an agent through a day: what is asked of them, and what time brings in between."""

from datetime import datetime

from domain.agent import Presence
from domain.agent_commands import AgentCommand
from domain.agent_events import AgentEvent
from domain.agent_life import apply, follow
from domain.agent_rules import decide
from domain.agent_timers import AgentMoment, pending_moments
from domain.people import TIMER, Actor
from domain.presence import AgentState, Plan
from domain.shift import Break
from tests.agent_factories import agent, at, envelope, plan, shift
from tests.factories import BY_AGENT


class Day:
    """An agent, their plan, and all that happened."""

    def __init__(self, state: AgentState, plan: Plan) -> None:
        self.state = state
        self.plan = plan
        self.events: list[AgentEvent] = []
        self.told: list[tuple[str, Presence, str]] = []
        """When the presence became what, and why."""

    def at(self, time: str, command: AgentCommand, by: Actor = BY_AGENT) -> tuple[AgentEvent, ...]:
        """Let time pass until then, and ask this."""
        self.until(time)
        return self._do(command, at(time), by)

    def until(self, time: str) -> None:
        """Let all moments come that lie up to then."""
        while (moment := self.next()) is not None and moment.at <= at(time):
            assert moment.command is not None
            before = self.state.revision
            self._do(moment.command, max(moment.at, self.state.updated_at), TIMER)
            assert self.state.revision > before, f"{moment.id} came and is still to come"

    def next(self) -> AgentMoment | None:
        """The moment that is to come first, but that the plan is looked at."""
        return next((one for one in pending_moments(self.state, self.plan) if one.kind != "reload"), None)

    def to_come(self) -> list[tuple[str, str]]:
        """When and what is to come."""
        return [(f"{one.at:%-H:%M}", one.id) for one in pending_moments(self.state, self.plan) if one.kind != "reload"]

    def _do(self, command: AgentCommand, now: datetime, by: Actor) -> tuple[AgentEvent, ...]:
        change = decide(self.state, self.plan, envelope(command, actor=by), now)
        before, self.state = self.state, apply(self.state, change)
        self.plan = follow(self.plan, change.events, now)
        self.events += change.events
        assert self.state.presence is self.state.derived_presence()
        if before.presence is not self.state.presence:
            self.told.append((f"{now:%-H:%M}", self.state.presence, self.state.cause))
        return change.events


def connected(presence: Presence = Presence.ONLINE, **changes: object) -> Day:
    """Somebody whose app is there, without any shift."""
    return Day(agent(presence, is_connected=True, **changes), plan())


def on_shift(*breaks: Break) -> Day:
    """Somebody whose app is there and whose shift, from nine to five, has begun."""
    day = Day(agent(is_connected=True), plan(shift(breaks=breaks)))
    day.until("9:00")
    return day
