"""Agents as dispatch sees them: what they can do, how much they carry, and whether they are there."""

from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from domain.ticket import Priority

MAX_CAPACITY = 1_000
MAX_CAPACITY_MINUTES = 60 * 24 * 30
MAX_LEVEL = 5
USUAL_TICKETS = 20
"""What an agent carries at once until somebody says otherwise."""


class Presence(StrEnum):
    ONLINE = "online"
    BUSY = "busy"
    """There, but takes nothing new."""
    ON_BREAK = "on_break"
    AWAY = "away"
    """Ought to be there, and is not."""
    OFFLINE = "offline"


class BreakKind(StrEnum):
    LUNCH = "lunch"
    SHORT_BREAK = "short_break"
    TRAINING = "training"
    MEETING = "meeting"


Level = Annotated[int, Field(ge=1, le=MAX_LEVEL)]
"""How well somebody can do something: from 1, has begun, to 5, teaches others."""
Weight = Annotated[float, Field(ge=0, le=100)]


class Weights(BaseModel):
    """How much of a capacity a ticket takes, by its priority: 1 is one ticket."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: Weight = 1
    normal: Weight = 1
    high: Weight = 1
    urgent: Weight = 1

    def of(self, priority: Priority) -> float:
        return float(getattr(self, priority.value))


class Capacity(BaseModel):
    """What an agent carries at once: tickets, weighed by their priority, and minutes of expected work (None: as many
    as come). Tickets that wait for others (pending, on hold, snoozed, resolved) weigh nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tickets: Annotated[float, Field(ge=0, le=MAX_CAPACITY)] = USUAL_TICKETS
    minutes: Annotated[int, Field(ge=0, le=MAX_CAPACITY_MINUTES)] | None = None
    weights: Weights = Weights()


class Load(NamedTuple):
    """What an agent carries: the tickets that weigh (new and open ones that are not snoozed), their weight together,
    and the minutes of work that are expected of them."""

    tickets: int = 0
    weight: float = 0
    minutes: int = 0
