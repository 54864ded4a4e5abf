"""The SLA clocks of a ticket: what they show, and what the moments that they wait for do to them.

A clock counts the time that the desk takes towards one target. How a clock starts, pauses and ends is in `sla_keeping`,
what it has counted so far in segments (`Segment`), which together are the ticket's ledger.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.sla_ladder import LadderRun

Target = Literal["first_response", "next_response", "resolution"]
"""What is promised: a public answer to the opening, to what the requester wrote since, and the end of the work."""
TARGETS: tuple[Target, ...] = ("first_response", "next_response", "resolution")
Audience = Literal["customer", "team"]
"""To whom: the requester (SLA), or the desk itself (OLA), whose clocks begin anew with each team."""
AUDIENCES: tuple[Audience, ...] = ("customer", "team")
TimeKind = Literal["business", "wall"]
"""What is counted: the working time of the policy's calendar, or all time."""
Phase = Literal["running", "paused", "met", "cancelled"]
ClockState = Literal["running", "paused", "met", "breached", "cancelled"]
SlaState = Literal["ok", "at_risk", "breached", "paused", "none"]


class ClockKey(NamedTuple):
    """What names a clock of a ticket. Its cycle counts how often the same clock began."""

    audience: Audience
    target: Target
    cycle: int


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class PlannedWarning(_Frozen):
    """A warning still to come: when `percent` of the goal will be used."""

    percent: int
    at: datetime


class Clock(_Frozen):
    """One clock. `used` is what it had counted at `since`, the beginning of its present segment.

    `due_at` and `warnings` are known while it runs; a breached clock keeps its due moment as `breached_at`, and runs on
    until the target is met late. `why` says in a few words why the present segment began.
    """

    target: Target
    audience: Audience = "customer"
    cycle: int = 1
    goal: timedelta
    time: TimeKind = "business"
    policy_version: int
    calendar_version: int
    phase: Phase = "running"
    started_at: datetime
    since: datetime
    used: timedelta = timedelta()
    why: str
    due_at: datetime | None = None
    warnings: tuple[PlannedWarning, ...] = ()
    warned: int = 0
    """The highest share of the goal, in percent, that was warned of."""
    muted: tuple[int, ...] = ()
    """Shares whose warning somebody cancelled."""
    is_waived: bool = False
    """Whether somebody cancelled the clock itself: no other terms begin it again."""
    breached_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def key(self) -> ClockKey:
        return ClockKey(self.audience, self.target, self.cycle)

    @property
    def is_open(self) -> bool:
        """Whether the target is still to be met."""
        return self.phase in ("running", "paused")

    @property
    def is_awaited(self) -> bool:
        """Whether its due moment is still to come: it runs, and was not breached."""
        return self.phase == "running" and self.breached_at is None

    @property
    def state(self) -> ClockState:
        return "breached" if self.breached_at is not None else self.phase

    @property
    def met_at(self) -> datetime | None:
        """When the target was met, in time or late."""
        return self.ended_at if self.phase == "met" else None


class Segment(_Frozen):
    """A stretch of a clock's life that is over: running or paused, from `since` to `until`, on one version of
    everything. `used` is the time that it counted."""

    target: Target
    audience: Audience
    cycle: int
    phase: Literal["running", "paused"]
    since: datetime
    until: datetime
    used: timedelta
    why: str
    time: TimeKind
    policy_version: int
    calendar_version: int
    zone_data: str


class TicketSla(_Frozen):
    """The clocks of a ticket, each in its latest cycle, and the policy that it runs on (None: no policy matched).

    `zone_data` is the version of the time-zone database that the moments were computed with.
    """

    policy_version: int | None
    calendar_version: int | None
    zone_data: str
    clocks: tuple[Clock, ...] = ()
    ladder: LadderRun | None = None
    """The escalation ladder of one of the open clocks."""

    def clock(self, audience: Audience, target: Target) -> Clock | None:
        """The latest cycle of a clock."""
        return next((one for one in self.clocks if one.audience == audience and one.target == target), None)

    def at(self, key: ClockKey) -> Clock | None:
        """The clock of this very cycle."""
        return next((one for one in self.clocks if one.key == key), None)

    def replacing(self, clock: Clock) -> "TicketSla":
        """The same with another state of one clock."""
        kept = [one for one in self.clocks if (one.audience, one.target) != (clock.audience, clock.target)]
        order = {(audience, target): place for place, (audience, target) in enumerate(_ALL)}
        clocks = sorted([*kept, clock], key=lambda one: order[one.audience, one.target])
        return self.model_copy(update={"clocks": tuple(clocks)})


_ALL = [(audience, target) for audience in AUDIENCES for target in TARGETS]


class SlaMoment(NamedTuple):
    """A moment that a clock waits for: a share of its goal, or all of it (None)."""

    at: datetime
    clock: Clock
    percent: int | None


def sla_moments(sla: TicketSla) -> Iterator[SlaMoment]:
    """What the clocks wait for, in no order."""
    for clock in sla.clocks:
        if clock.is_awaited and clock.due_at is not None:
            yield from (SlaMoment(warning.at, clock, warning.percent) for warning in clock.warnings)
            yield SlaMoment(clock.due_at, clock, None)


def warned(sla: TicketSla, key: ClockKey, percent: int, now: datetime) -> TicketSla | None:
    """The clocks after a warning; None when it is not, or not yet, or no longer to be given."""
    clock = _waiting(sla, key)
    if clock is None or not any(one.percent == percent and one.at <= now for one in clock.warnings):
        return None
    left = tuple(one for one in clock.warnings if one.percent > percent)
    return sla.replacing(clock.model_copy(update={"warnings": left, "warned": percent}))


def breached(sla: TicketSla, key: ClockKey, now: datetime) -> TicketSla | None:
    """The clocks after the goal of one was used up; None when it was not, or when that is known already."""
    clock = _waiting(sla, key)
    if clock is None or clock.due_at is None or clock.due_at > now:
        return None
    return sla.replacing(clock.model_copy(update={"breached_at": clock.due_at, "warnings": ()}))


def _waiting(sla: TicketSla, key: ClockKey) -> Clock | None:
    clock = sla.at(key)
    return clock if clock is not None and clock.is_awaited else None


def sla_state(sla: TicketSla | None) -> SlaState:
    """How the ticket stands: the worst of its open clocks; when none is open, whether any was breached."""
    if sla is None or not sla.clocks:
        return "none"
    running = [clock for clock in sla.clocks if clock.is_open]
    for clock in running or sla.clocks:
        if clock.breached_at is not None:
            return "breached"
    for clock in running:
        if clock.warned:
            return "at_risk"
    return "paused" if {clock.phase for clock in running} == {"paused"} else "ok"


def sla_due_at(sla: TicketSla | None) -> datetime | None:
    """The earliest moment by which something was promised and is not breached yet."""
    earliest: datetime | None = None
    for clock in () if sla is None else sla.clocks:
        if clock.is_awaited and clock.due_at is not None and (earliest is None or clock.due_at < earliest):
            earliest = clock.due_at
    return earliest
