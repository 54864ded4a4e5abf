"""Makers of agents as they are, their plans, and what is asked of them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import uuid4

from domain.agent import BreakKind, Presence
from domain.agent_commands import AgentCommand, AgentEnvelope
from domain.ids import BreakId, CommandId, ShiftId
from domain.presence import AgentState, Plan
from domain.shift import Break, Shift
from tests.factories import AGENT, BY_AGENT

DAY = date(2030, 1, 7)
"""A Monday."""
SHIFT, NEXT_SHIFT = ShiftId(12), ShiftId(13)
LUNCH, TEA = BreakId(7), BreakId(8)


def at(text: str) -> datetime:
    """That time of the day: `9:30`, `9:30:05`."""
    return datetime.combine(DAY, time.fromisoformat(text.zfill(5) if text.count(":") == 1 else text.zfill(8)), UTC)


def agent(presence: Presence = Presence.OFFLINE, **changes: Any) -> AgentState:
    """An agent who chose this at eight, whose app never connected, and who is on no shift."""
    return AgentState(
        **{
            "id": AGENT,
            "updated_at": at("8:00"),
            "since": at("8:00"),
            "presence": presence,
            "chosen": presence,
            **changes,
        }
    )


def lunch(since: str = "12:00", until: str = "12:30", id: BreakId = LUNCH, **changes: Any) -> Break:
    return Break(
        **{"id": id, "kind": BreakKind.LUNCH, "starts_at": at(since), "ends_at": at(until), **changes},
    )


def shift(
    since: str = "9:00", until: str = "17:00", breaks: Iterable[Break] = (), id: ShiftId = SHIFT, **changes: Any
) -> Shift:
    return Shift(
        **{
            "id": id,
            "agent_id": AGENT,
            "team": None,
            "starts_at": at(since),
            "ends_at": at(until),
            "breaks": tuple(breaks),
            **changes,
        }
    )


def plan(*shifts: Shift, loaded: str = "8:00", **changes: Any) -> Plan:
    return Plan(loaded_at=at(loaded), shifts=shifts, **changes)


def envelope(command: AgentCommand, **changes: Any) -> AgentEnvelope:
    """The command, sent by the agent."""
    return AgentEnvelope(**{"id": CommandId(uuid4()), "actor": BY_AGENT, "command": command, **changes})
