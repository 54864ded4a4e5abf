"""Whether an agent is there: what they chose, whether their app is connected, and the shift and break that are on.

`presence` follows from four facts: a break that is on makes `on_break`; an agent who is missing and would be online or
busy is `away`; all others are what they chose, or what a shift chose for them. `docs/presence.md` tells it by examples.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.agent import BreakKind, Presence
from domain.ids import BreakId, PersonId, ShiftId
from domain.shift import Break, Shift

PresenceCause = Literal[
    "by_hand", "shift_started", "shift_ended", "break_started", "break_ended", "disconnected", "reconnected"
]
EARLIEST_START = timedelta(minutes=60)
"""How long before its plan a shift may be started by hand."""
RELOAD_AFTER = timedelta(days=1)
"""How long a plan is trusted without looking again: it reaches further, but not for ever."""
PRESENT = (Presence.ONLINE, Presence.BUSY)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class PresenceRules(_Frozen):
    """What an operator chose: how long all streams of an agent may be gone before they are away, and how long before a
    shift ends and a break begins they are reminded (no time: not at all)."""

    grace: timedelta = timedelta(seconds=60)
    shift_reminder: timedelta = timedelta(minutes=15)
    break_reminder: timedelta = timedelta(minutes=5)


class ShiftOn(_Frozen):
    """The shift that is on, with its end as planned when it began."""

    id: ShiftId
    started_at: datetime
    ends_at: datetime


class BreakOn(_Frozen):
    """The break that is on. One that nobody planned has no id, and no end but the agent's own or the shift's."""

    id: BreakId | None
    kind: BreakKind
    started_at: datetime
    ends_at: datetime | None = None


class AgentState(_Frozen):
    """One agent as they are now: `presence` since `since` because of `cause`, and the facts that it follows from.

    `revision` counts the changes, the last of which was at `updated_at`.
    """

    id: PersonId
    revision: int = 0
    updated_at: datetime
    presence: Presence = Presence.OFFLINE
    since: datetime
    cause: PresenceCause = "by_hand"
    chosen: Presence = Presence.OFFLINE
    """What they are when no break is on and they are not missing: set by hand, or by a shift."""
    is_connected: bool = False
    """Whether a stream of theirs is open."""
    disconnected_at: datetime | None = None
    """Since when they have none any more. None while connected, before the first stream, and where a person has set
    the presence since: then only a new stream that goes counts."""
    is_missing: bool = False
    """They ought to be there, and their app is not: the grace passed, or a shift began without it."""
    shift: ShiftOn | None = None
    break_on: BreakOn | None = None
    skipped: tuple[BreakId, ...] = ()
    """Breaks of this shift that began by plan while the agent was offline."""
    reminded: tuple[str, ...] = ()
    """What they were reminded of in this shift, by subject."""

    def derived_presence(self) -> Presence:
        """The presence that follows from the facts."""
        if self.break_on is not None:
            return Presence.ON_BREAK
        if self.is_missing and self.chosen in PRESENT:
            return Presence.AWAY
        return self.chosen


class Plan(_Frozen):
    """An agent's published shifts of the days ahead as they were at `loaded_at`, earliest first, and the rules."""

    loaded_at: datetime
    shifts: tuple[Shift, ...] = ()
    rules: PresenceRules = PresenceRules()

    @property
    def reload_at(self) -> datetime:
        return self.loaded_at + RELOAD_AFTER

    def shift(self, id: ShiftId) -> Shift | None:
        return next((shift for shift in self.shifts if shift.id == id), None)

    def break_of(self, shift: ShiftOn | None, id: BreakId) -> Break | None:
        """The break, if it belongs to this shift."""
        return None if shift is None else next((one for one in self.breaks_of(shift) if one.id == id), None)

    def breaks_of(self, shift: ShiftOn) -> Iterator[Break]:
        planned = self.shift(shift.id)
        return iter(() if planned is None else planned.breaks)

    def end_of(self, shift: ShiftOn) -> datetime:
        """When a shift that is on ends by plan: at once when it was cancelled since."""
        planned = self.shift(shift.id)
        return self.loaded_at if planned is None else planned.ends_at

    def begun_at(self, moment: datetime) -> Shift | None:
        """The first shift within whose planned time the moment lies and that is not over."""
        fits = (shift for shift in self.shifts if shift.starts_at <= moment < shift.ends_at and not shift.is_over)
        return next(fits, None)

    def with_shift(self, changed: Shift) -> "Plan":
        return self.model_copy(
            update={"shifts": tuple(changed if shift.id == changed.id else shift for shift in self.shifts)}
        )


def shift_subject(shift: ShiftId) -> str:
    """Names the reminder that a shift is about to end."""
    return f"shift:{shift}:ending"


def break_subject(one: BreakId) -> str:
    """Names the reminder that a break is about to begin."""
    return f"break:{one}:due"
