"""What an agent's life waits for by itself: its pending moments, computed from nothing but state and plan."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.agent import Presence
from domain.agent_commands import (
    AgentTimerCommand,
    EndPlannedBreak,
    EndPlannedShift,
    MissAgent,
    RemindOfBreak,
    RemindOfShiftEnd,
    StartPlannedBreak,
    StartPlannedShift,
)
from domain.agent_rules import is_to_come, may_be_missed
from domain.presence import AgentState, Plan, ShiftOn, break_subject, shift_subject

AgentTimerKind = Literal[
    "missed", "shift_starts", "shift_ends", "break_starts", "break_ends", "shift_reminder", "break_reminder", "reload"
]


class AgentMoment(BaseModel):
    """A moment at which something happens to the agent by itself."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    kind: AgentTimerKind
    command: AgentTimerCommand | None = None
    """What the moment brings when it comes; None when the plan is only looked at anew."""

    @property
    def id(self) -> str:
        """Tells it from every other moment that the agent waits for: `break_starts.7`."""
        details = {} if self.command is None else self.command.model_dump(exclude={"type"})
        return ".".join([self.kind, *(str(value) for value in details.values())])


def pending_moments(state: AgentState, plan: Plan) -> list[AgentMoment]:
    """Every moment that the agent waits for, earliest first.

    What lies before the plan was loaded comes when it was: nobody knew of it earlier. Of moments that come together
    the ends come before the beginnings.
    """
    moments = [AgentMoment(at=plan.reload_at, kind="reload"), *_absence(state, plan)]
    if state.shift is None:
        moments += _next_shift(plan)
    else:
        moments += _of_shift(state, plan, state.shift)
    return sorted(moments, key=lambda moment: moment.at)


def _absence(state: AgentState, plan: Plan) -> Iterator[AgentMoment]:
    if state.disconnected_at is not None and may_be_missed(state):
        yield AgentMoment(at=state.disconnected_at + plan.rules.grace, kind="missed", command=MissAgent())


def _next_shift(plan: Plan) -> Iterator[AgentMoment]:
    for shift in plan.shifts:
        at = max(shift.starts_at, plan.loaded_at)
        if not shift.is_over and at < shift.ends_at:
            yield AgentMoment(at=at, kind="shift_starts", command=StartPlannedShift(shift_id=shift.id))


def _of_shift(state: AgentState, plan: Plan, shift: ShiftOn) -> Iterator[AgentMoment]:
    """What is to come of the shift that is on."""
    ends_at = max(plan.end_of(shift), plan.loaded_at)
    yield AgentMoment(at=ends_at, kind="shift_ends", command=EndPlannedShift(shift_id=shift.id))
    on = state.break_on
    if on is not None and on.id is not None and on.ends_at is not None:
        yield AgentMoment(at=on.ends_at, kind="break_ends", command=EndPlannedBreak(break_id=on.id))
    is_here = state.chosen is not Presence.OFFLINE
    reminder = max(plan.end_of(shift) - plan.rules.shift_reminder, plan.loaded_at)
    if is_here and shift.started_at < reminder < ends_at and shift_subject(shift.id) not in state.reminded:
        yield AgentMoment(at=reminder, kind="shift_reminder", command=RemindOfShiftEnd(shift_id=shift.id))
    for planned in plan.breaks_of(shift):
        if not is_to_come(state, planned):
            continue
        at = max(planned.starts_at, plan.loaded_at)
        yield AgentMoment(at=at, kind="break_starts", command=StartPlannedBreak(break_id=planned.id))
        reminder = max(planned.starts_at - plan.rules.break_reminder, plan.loaded_at)
        if is_here and shift.started_at < reminder < at and break_subject(planned.id) not in state.reminded:
            yield AgentMoment(at=reminder, kind="break_reminder", command=RemindOfBreak(break_id=planned.id))


def describe_agent(state: AgentState, plan: Plan) -> str:
    """One line for an operator: how the agent is, and what happens next by itself."""
    parts = [f"{state.presence} since {state.since:%Y-%m-%d %H:%M:%SZ} ({state.cause})"]
    if state.shift is not None:
        parts.append(f"shift {state.shift.id} until {plan.end_of(state.shift):%Y-%m-%d %H:%MZ}")
    (following, *_) = pending_moments(state, plan)
    parts.append(f"next: {following.id} at {following.at:%Y-%m-%d %H:%M:%SZ}")
    return f"{', '.join(parts)} (revision {state.revision})"
