"""Makers of shifts. Hours count from `NOW`, nine o'clock of a Monday."""

from datetime import datetime, timedelta
from typing import Any

from domain.agent import BreakKind
from domain.ids import BreakId, PersonId, ShiftId
from domain.shift import Break, Shift
from tests.factories import AGENT, NOW


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def shift(since: float = 0, until: float = 8, *breaks: Break, **changes: Any) -> Shift:
    """A published shift of an agent of team support."""
    return Shift(
        **{
            "id": ShiftId(1),
            "agent_id": AGENT,
            "team": "support",
            "starts_at": at(since),
            "ends_at": at(until),
            "breaks": breaks,
            **changes,
        }
    )


def a_break(since: float, until: float, id: int = 1, **changes: Any) -> Break:
    return Break(
        **{"id": BreakId(id), "kind": BreakKind.LUNCH, "starts_at": at(since), "ends_at": at(until), **changes}
    )


def of(agent: PersonId, since: float = 0, until: float = 8, *breaks: Break) -> Shift:
    return shift(since, until, *breaks, agent_id=agent)
