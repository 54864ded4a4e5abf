"""Shifts and breaks: when an agent is to work, and when they really did."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.agent import BreakKind
from domain.ids import BreakId, PersonId, ShiftId
from domain.ticket import Slug

ShiftStatus = Literal["draft", "published", "cancelled"]
ShiftKind = Literal["regular", "overtime"]


class Break(BaseModel):
    """A break within a shift: its plan, and when it really began and ended."""

    model_config = ConfigDict(frozen=True)

    id: BreakId
    kind: BreakKind
    starts_at: datetime
    ends_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class Shift(BaseModel):
    """A stretch of work of one agent for one team (None: for all of theirs). Only published ones count.

    `started_at` and `ended_at` say when it really began and ended, by hand or by plan; its breaks are those that were
    not cancelled, earliest first.
    """

    model_config = ConfigDict(frozen=True)

    id: ShiftId
    agent_id: PersonId
    team: Slug | None
    starts_at: datetime
    ends_at: datetime
    kind: ShiftKind = "regular"
    status: ShiftStatus = "published"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    breaks: tuple[Break, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether it was ended."""
        return self.ended_at is not None
