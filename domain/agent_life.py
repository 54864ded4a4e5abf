"""How an agent's state and plan move on with each event: they are only the events' sum."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from domain.agent import Presence
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
from domain.ids import BreakId
from domain.presence import PRESENT, AgentState, BreakOn, Plan, ShiftOn


def apply(state: AgentState, change: AgentChange) -> AgentState:
    """The agent after a change."""
    if not change.events:
        return state
    for event in change.events:
        state = evolve(state, event, change.at)
    return state.model_copy(update={"revision": change.revision, "updated_at": change.at})


def evolve(state: AgentState, event: AgentEvent, at: datetime) -> AgentState:
    """The agent after one event."""
    return state.model_copy(update=_EVOLVE[type(event)](state, event, at))


def follow(plan: Plan, events: Iterable[AgentEvent], at: datetime) -> Plan:
    """The plan after these events: it remembers what began and ended of it."""
    for event in events:
        match event:
            case ShiftStarted() if (shift := plan.shift(event.shift_id)) is not None:
                plan = plan.with_shift(shift.model_copy(update={"started_at": shift.started_at or at}))
            case ShiftEnded() if (shift := plan.shift(event.shift_id)) is not None:
                plan = plan.with_shift(shift.model_copy(update={"ended_at": at}))
            case BreakStarted() if event.break_id is not None:
                plan = _with_break(plan, event.break_id, {"started_at": at})
            case BreakEnded() if event.break_id is not None:
                plan = _with_break(plan, event.break_id, {"ended_at": at})
            case _:
                pass
    return plan


def _with_break(plan: Plan, id: BreakId, changes: dict[str, datetime]) -> Plan:
    shift = next((shift for shift in plan.shifts if any(one.id == id for one in shift.breaks)), None)
    if shift is None:
        return plan
    breaks = tuple(one.model_copy(update=changes) if one.id == id else one for one in shift.breaks)
    return plan.with_shift(shift.model_copy(update={"breaks": breaks}))


def _shift_started(state: AgentState, event: ShiftStarted, at: datetime) -> dict[str, Any]:
    """Who is missing comes back by a stream, or by hand; who is there without a stream stays until one comes and
    goes."""
    changes: dict[str, Any] = {
        "shift": ShiftOn(id=event.shift_id, started_at=at, ends_at=event.ends_at),
        "chosen": state.chosen if state.chosen in PRESENT else Presence.ONLINE,
    }
    if event.is_there is None:
        return changes
    return changes | {
        "is_missing": not event.is_there,
        "disconnected_at": None if event.is_there else state.disconnected_at,
    }


def _shift_ended(state: AgentState, event: ShiftEnded, at: datetime) -> dict[str, Any]:
    gone = {} if event.stays else {"chosen": Presence.OFFLINE, "is_missing": False}
    return {"shift": None, "skipped": (), "reminded": (), **gone}


_EVOLVE: dict[type, Callable[[AgentState, Any, datetime], dict[str, Any]]] = {
    PresenceChosen: lambda state, event, at: {
        "chosen": event.presence,
        "is_missing": False,
        "disconnected_at": None,
    },
    AgentConnected: lambda state, event, at: {"is_connected": True, "disconnected_at": None, "is_missing": False},
    AgentDisconnected: lambda state, event, at: {"is_connected": False, "disconnected_at": at},
    AgentMissed: lambda state, event, at: {"is_missing": True},
    ShiftStarted: _shift_started,
    ShiftEnded: _shift_ended,
    BreakStarted: lambda state, event, at: {
        "break_on": BreakOn(id=event.break_id, kind=event.kind, started_at=at, ends_at=event.ends_at)
    },
    BreakEnded: lambda state, event, at: {"break_on": None},
    BreakSkipped: lambda state, event, at: {"skipped": (*state.skipped, event.break_id)},
    AgentReminded: lambda state, event, at: {"reminded": (*state.reminded, event.subject)},
    AgentPresenceChanged: lambda state, event, at: {
        "presence": event.presence,
        "since": at,
        "cause": event.cause,
    },
}
