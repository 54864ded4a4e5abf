"""Duty: how an agent stands to their shifts at a moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.shift import Break, Shift

PLAN_REACH = timedelta(days=14)
"""Who has no shift this far back or ahead works without a plan, and is not bound to shifts."""


class Duty(NamedTuple):
    """Whether an agent is to work now and for how long; dispatch asks it.

    `is_planned`: there is any published shift within PLAN_REACH. Of those who are on a shift, `shift_ends_at` says
    when it ends, with those that follow it without a gap (None: it was started by hand, its plan is over, and it goes
    on until it is ended), and `free_until` when it ends or the next break begins, whichever is sooner. `next_on_at` is
    when the next shift begins; the one that is on is not meant.
    """

    is_planned: bool
    on_shift: bool = False
    on_break: bool = False
    free_until: datetime | None = None
    shift_ends_at: datetime | None = None
    next_on_at: datetime | None = None


def duty_of(shifts: Sequence[Shift], now: datetime) -> Duty:
    """The duty that an agent's shifts come to at this moment.

    A published shift is on from its beginning (or from when it was started, if that was sooner) until its end. One that
    was ended is off from then on; one that was started and not ended is on beyond its end too.
    """
    planned = sorted((one for one in shifts if one.status == "published"), key=lambda one: one.starts_at)
    near = any(one.starts_at < now + PLAN_REACH and one.ends_at > now - PLAN_REACH for one in planned)
    present = [one for one in planned if is_on(one, now)]
    ends_at, following = _end_of(present, planned, now)
    next_on_at = next((one.starts_at for one in following if one.starts_at > now and not one.is_over), None)
    if not present:
        return Duty(near, next_on_at=next_on_at)
    breaks = [one for shift in planned for one in shift.breaks if one.ended_at is None]
    moments = [one.starts_at for one in breaks if one.starts_at > now and one.started_at is None]
    moments += [] if ends_at is None else [ends_at]
    on_break = any(is_on_break(one, now) for shift in present for one in shift.breaks)
    return Duty(
        is_planned=True,
        on_shift=True,
        on_break=on_break,
        free_until=min(moments, default=None),
        shift_ends_at=ends_at,
        next_on_at=next_on_at,
    )


def is_on(shift: Shift, now: datetime) -> bool:
    """Whether a published shift is on at this moment."""
    if shift.ended_at is not None and shift.ended_at <= now:
        return False
    if shift.started_at is not None and shift.started_at <= now:
        return True
    return shift.starts_at <= now < shift.ends_at


def is_on_break(taken: Break, now: datetime) -> bool:
    """Whether a break is on at this moment: by its plan, or started by hand and not ended."""
    if taken.ended_at is not None and taken.ended_at <= now:
        return False
    if taken.started_at is not None and taken.started_at <= now:
        return True
    return taken.starts_at <= now < taken.ends_at


def _end_of(
    present: Sequence[Shift], planned: Sequence[Shift], now: datetime
) -> tuple[datetime | None, Sequence[Shift]]:
    """When the work that is on ends, and the shifts after that."""
    ends_at = max((one.ends_at for one in present), default=now)
    following = [one for one in planned if one not in present and not one.is_over and one.ends_at > now]
    while present and following and following[0].starts_at <= ends_at:
        ends_at = max(ends_at, following.pop(0).ends_at)
    return (ends_at if ends_at > now else None), following
