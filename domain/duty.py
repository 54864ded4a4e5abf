"""Duty: how an agent stands to their shifts at a moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.business_calendar import BusinessCalendar, closing, next_opening
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
    following = [one for one in planned if one not in present and not one.is_over and one.starts_at > now]
    ends_at = max((one.ends_at for one in present), default=now)
    while present and following and following[0].starts_at <= ends_at:
        present.append(following.pop(0))
        ends_at = max(ends_at, present[-1].ends_at)
    next_on_at = following[0].starts_at if following else None
    if not present:
        return Duty(near, next_on_at=next_on_at)
    shift_ends_at = ends_at if ends_at > now else None
    breaks = [one for shift in present for one in shift.breaks]
    waiting = [one.starts_at for one in breaks if one.started_at is None and one.starts_at > now]
    return Duty(
        is_planned=True,
        on_shift=True,
        on_break=any(is_on_break(one, now) for one in breaks),
        free_until=min([*waiting, *([shift_ends_at] if shift_ends_at else [])], default=None),
        shift_ends_at=shift_ends_at,
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


def duty_by(hours: BusinessCalendar, now: datetime) -> Duty:
    """The duty of somebody without shifts, who works by the hours of a calendar."""
    following = next_opening(hours, now)
    if following is None or following > now:
        return Duty(is_planned=True, next_on_at=following)
    ends_at = closing(hours, now)
    next_on_at = None if ends_at is None else next_opening(hours, ends_at)
    return Duty(is_planned=True, on_shift=True, free_until=ends_at, shift_ends_at=ends_at, next_on_at=next_on_at)
