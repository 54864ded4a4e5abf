"""What a command does to an agent: one rule for each, and `decide`, which asks it.

All pure. A refusal is a named error and changes nothing; no events mean that there was nothing to do.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from domain import errors
from domain.agent import BreakKind, Presence
from domain.agent_commands import (
    AgentEnvelope,
    EndBreak,
    EndPlannedBreak,
    EndPlannedShift,
    EndShift,
    MissAgent,
    RemindOfBreak,
    RemindOfShiftEnd,
    SetPresence,
    StartBreak,
    StartPlannedBreak,
    StartPlannedShift,
    StartShift,
    StreamsChanged,
)
from domain.agent_events import (
    AgentChange,
    AgentConnected,
    AgentDisconnected,
    AgentEvent,
    AgentMissed,
    AgentPresenceChanged,
    AgentReminded,
    BreakEnded,
    BreakSkipped,
    BreakStarted,
    PresenceChosen,
    ShiftEnded,
    ShiftStarted,
)
from domain.agent_life import evolve, follow
from domain.people import Actor
from domain.presence import (
    EARLIEST_START,
    PRESENT,
    AgentState,
    Plan,
    PresenceCause,
    break_subject,
    shift_subject,
)
from domain.shift import Break, Shift

Events = tuple[AgentEvent, ...]


def decide(state: AgentState, plan: Plan, envelope: AgentEnvelope, now: datetime) -> AgentChange:
    """What the command does to the agent, as a change that is not yet applied.

    Raises the errors of the command's own rule.
    """
    rule = _RULES[type(envelope.command)]
    facts = rule(state, plan, envelope.command, envelope.actor, now)
    return AgentChange(
        command_id=envelope.id,
        fingerprint=envelope.fingerprint,
        agent_id=state.id,
        actor=envelope.actor,
        at=now,
        revision=state.revision + bool(facts),
        events=(*facts, *_consequence(state, facts, now)),
    )


def _consequence(state: AgentState, facts: Events, now: datetime) -> Events:
    """That the presence is another one after these facts, because of the last that bears on it."""
    after = state
    cause: PresenceCause = "by_hand"
    for fact in facts:
        before, after = after, evolve(after, fact, now)
        if before.derived_presence() is not after.derived_presence():
            cause = _CAUSES[type(fact)]
    presence = after.derived_presence()
    if presence is state.presence:
        return ()
    return (AgentPresenceChanged(presence=presence, previous=state.presence, cause=cause),)


# The rules. Each is given the state, the plan, the command, who asks, and the moment.


def _set_presence(state: AgentState, plan: Plan, command: SetPresence, actor: Actor, now: datetime) -> Events:
    if command.presence is Presence.ON_BREAK:
        return () if state.break_on is not None else _unplanned(state, BreakKind.SHORT_BREAK)
    if state.presence is command.presence and state.chosen is command.presence:
        return ()
    return (*_break_over(state), PresenceChosen(presence=command.presence))


def _streams_changed(state: AgentState, plan: Plan, command: StreamsChanged, actor: Actor, now: datetime) -> Events:
    if command.connected == state.is_connected:
        return ()
    return (AgentConnected(),) if command.connected else (AgentDisconnected(),)


def _start_shift(state: AgentState, plan: Plan, command: StartShift, actor: Actor, now: datetime) -> Events:
    shift = plan.shift(command.shift_id)
    if shift is None:
        raise errors.ShiftNotFoundError(f"This agent has no shift {command.shift_id} in the days ahead.")
    if state.shift is not None and state.shift.id == shift.id:
        return ()
    if shift.is_over or now >= shift.ends_at:
        raise errors.ShiftOverError(f"Shift {shift.id} is over.")
    if now < shift.starts_at - EARLIEST_START:
        minutes = EARLIEST_START.seconds // 60
        raise errors.ShiftTooEarlyError(
            f"Shift {shift.id} begins at {shift.starts_at:%Y-%m-%d %H:%MZ}; it may be started {minutes} minutes before."
        )
    if state.shift is not None and shift.kind != "overtime":
        raise errors.ShiftOnError(f"Shift {state.shift.id} is on; end it first.")
    is_there = state.is_connected or actor.id == state.id
    return (*_shift_over(state, stays=True), _started(shift, is_there=is_there))


def _end_shift(state: AgentState, plan: Plan, command: EndShift, actor: Actor, now: datetime) -> Events:
    if state.shift is None or state.shift.id != command.shift_id:
        raise errors.ShiftNotOnError(f"Shift {command.shift_id} is not on.")
    return _shift_over(state, stays=False)


def _start_break(state: AgentState, plan: Plan, command: StartBreak, actor: Actor, now: datetime) -> Events:
    if command.kind is not None:
        _check_no_break(state)
        return _unplanned(state, command.kind)
    assert command.break_id is not None
    if state.break_on is not None and state.break_on.id == command.break_id:
        return ()
    planned = plan.break_of(state.shift, command.break_id)
    if planned is None:
        raise errors.NotAtWorkError(f"Break {command.break_id} is of no shift of theirs that is on.")
    _check_no_break(state)
    if planned.ended_at is not None:
        raise errors.BreakOverError(f"Break {planned.id} is over.")
    length = planned.ends_at - planned.starts_at
    return (BreakStarted(break_id=planned.id, kind=planned.kind, ends_at=now + length),)


def _end_break(state: AgentState, plan: Plan, command: EndBreak, actor: Actor, now: datetime) -> Events:
    if state.break_on is None or command.break_id not in (None, state.break_on.id):
        raise errors.BreakNotOnError("This break is not on." if command.break_id else "No break is on.")
    return _break_over(state)


def _start_planned_shift(
    state: AgentState, plan: Plan, command: StartPlannedShift, actor: Actor, now: datetime
) -> Events:
    shift = plan.shift(command.shift_id)
    if shift is None or shift.is_over or state.shift is not None:
        return ()
    return (_started(shift, is_there=state.is_connected),)


def _end_planned_shift(state: AgentState, plan: Plan, command: EndPlannedShift, actor: Actor, now: datetime) -> Events:
    if state.shift is None or state.shift.id != command.shift_id:
        return ()
    after = follow(plan, _shift_over(state, stays=True), now)
    following = after.begun_at(now)
    if following is None:
        return _shift_over(state, stays=False)
    return (*_shift_over(state, stays=True), _started(following, is_there=None))


def _start_planned_break(
    state: AgentState, plan: Plan, command: StartPlannedBreak, actor: Actor, now: datetime
) -> Events:
    planned = plan.break_of(state.shift, command.break_id)
    if planned is None or not is_to_come(state, planned):
        return ()
    if state.chosen is Presence.OFFLINE or planned.ends_at <= now:
        return (BreakSkipped(break_id=planned.id),)
    return (*_break_over(state), BreakStarted(break_id=planned.id, kind=planned.kind, ends_at=planned.ends_at))


def _end_planned_break(state: AgentState, plan: Plan, command: EndPlannedBreak, actor: Actor, now: datetime) -> Events:
    if state.break_on is None or state.break_on.id != command.break_id:
        return ()
    return _break_over(state)


def _miss_agent(state: AgentState, plan: Plan, command: MissAgent, actor: Actor, now: datetime) -> Events:
    return (AgentMissed(),) if may_be_missed(state) else ()


def _remind_of_shift_end(
    state: AgentState, plan: Plan, command: RemindOfShiftEnd, actor: Actor, now: datetime
) -> Events:
    subject = shift_subject(command.shift_id)
    if state.shift is None or state.shift.id != command.shift_id or subject in state.reminded:
        return ()
    return (AgentReminded(kind="shift.ending", subject=subject),)


def _remind_of_break(state: AgentState, plan: Plan, command: RemindOfBreak, actor: Actor, now: datetime) -> Events:
    subject = break_subject(command.break_id)
    planned = plan.break_of(state.shift, command.break_id)
    if planned is None or not is_to_come(state, planned) or subject in state.reminded:
        return ()
    return (AgentReminded(kind="break.due", subject=subject),)


def is_to_come(state: AgentState, planned: Break) -> bool:
    """Whether a break of the shift that is on has neither begun nor been skipped."""
    return planned.started_at is None and planned.ended_at is None and planned.id not in state.skipped


def may_be_missed(state: AgentState) -> bool:
    """Whether the agent would become missing if their app stayed away."""
    return state.disconnected_at is not None and not state.is_missing and state.chosen in PRESENT


def _unplanned(state: AgentState, kind: BreakKind) -> Events:
    if state.presence is Presence.OFFLINE:
        raise errors.NotAtWorkError("Whoever is offline takes no break.")
    return (BreakStarted(break_id=None, kind=kind),)


def _check_no_break(state: AgentState) -> None:
    if state.break_on is not None:
        raise errors.BreakOnError("A break is on already; end it first.")


def _started(shift: Shift, *, is_there: bool | None) -> ShiftStarted:
    return ShiftStarted(shift_id=shift.id, ends_at=shift.ends_at, is_there=is_there)


def _shift_over(state: AgentState, *, stays: bool) -> Events:
    """The end of the shift that is on, if one is, and before it that of its break."""
    if state.shift is None:
        return ()
    return (*_break_over(state), ShiftEnded(shift_id=state.shift.id, stays=stays))


def _break_over(state: AgentState) -> Events:
    return () if state.break_on is None else (BreakEnded(break_id=state.break_on.id),)


_RULES: dict[type, Callable[[AgentState, Plan, Any, Actor, datetime], Events]] = {
    SetPresence: _set_presence,
    StreamsChanged: _streams_changed,
    StartShift: _start_shift,
    EndShift: _end_shift,
    StartBreak: _start_break,
    EndBreak: _end_break,
    StartPlannedShift: _start_planned_shift,
    EndPlannedShift: _end_planned_shift,
    StartPlannedBreak: _start_planned_break,
    EndPlannedBreak: _end_planned_break,
    MissAgent: _miss_agent,
    RemindOfShiftEnd: _remind_of_shift_end,
    RemindOfBreak: _remind_of_break,
}

_CAUSES: dict[type, PresenceCause] = {
    PresenceChosen: "by_hand",
    AgentConnected: "reconnected",
    AgentMissed: "disconnected",
    ShiftStarted: "shift_started",
    ShiftEnded: "shift_ended",
    BreakStarted: "break_started",
    BreakEnded: "break_ended",
}
"""The facts that can bear on the presence."""
