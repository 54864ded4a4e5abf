"""The rules of a plan: how long a shift is, that an agent has one at a time, and where breaks lie.

Two stretches that only touch do not overlap: one shift may begin as another one ends.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.agent import BreakKind
from domain.business_calendar import Interval
from domain.errors import (
    BreakOutsideShiftError,
    BreakOverlapError,
    InvalidError,
    LimitReachedError,
    MomentPassedError,
    ShiftOverlapError,
    ShiftStateError,
)
from domain.ids import PersonId
from domain.shift import Break, Shift, ShiftKind, ShiftStatus
from domain.ticket import Slug

MAX_SHIFT = timedelta(hours=16)
MAX_BREAKS = 20
FARTHEST = timedelta(days=5 * 366)
"""How far ahead anything is planned."""


class PlannedBreak(BaseModel):
    """A break that is to be."""

    model_config = ConfigDict(frozen=True)

    kind: BreakKind
    starts_at: datetime
    ends_at: datetime


class ShiftPlan(BaseModel):
    """A shift that is to be."""

    model_config = ConfigDict(frozen=True)

    agent_id: PersonId
    team: Slug | None
    starts_at: datetime
    ends_at: datetime
    kind: ShiftKind = "regular"
    status: ShiftStatus = "draft"
    note: str = ""
    breaks: tuple[PlannedBreak, ...] = ()


class Piece(NamedTuple):
    """What is left of a shift, or taken from it, with the breaks that lie in it whole."""

    starts_at: datetime
    ends_at: datetime
    breaks: tuple[Break, ...] = ()


def check_times(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Raises InvalidError for a shift that does not go forward or is longer than MAX_SHIFT, and MomentPassedError for
    one that is over already."""
    if ends_at <= starts_at:
        raise InvalidError("A shift ends after it starts.")
    if ends_at - starts_at > MAX_SHIFT:
        raise InvalidError(f"A shift has at most {MAX_SHIFT // timedelta(hours=1)} hours.")
    check_reach(starts_at, ends_at, now)


def check_reach(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Raises MomentPassedError for what is over already, InvalidError for what lies farther ahead than FARTHEST."""
    if ends_at <= now:
        raise MomentPassedError("This lies in the past; only what is to come is planned.")
    if starts_at > now + FARTHEST:
        raise InvalidError("This lies more than five years ahead.")


def check_free(starts_at: datetime, ends_at: datetime, others: Iterable[Shift]) -> None:
    """Raises ShiftOverlapError when the agent has a shift, published or a draft, in that time."""
    for other in others:
        if other.status == "cancelled" or other.is_over:
            continue
        if starts_at < other.ends_at and other.starts_at < ends_at:
            raise ShiftOverlapError(
                f"This overlaps shift {other.id} of the same agent, {spoken(other.starts_at, other.ends_at)}."
            )


def check_breaks(starts_at: datetime, ends_at: datetime, breaks: Sequence[PlannedBreak | Break]) -> None:
    """Whether all breaks of a shift may be. Raises InvalidError for one that does not go forward,
    BreakOutsideShiftError, BreakOverlapError, and LimitReachedError for more than MAX_BREAKS."""
    if len(breaks) > MAX_BREAKS:
        raise LimitReachedError(f"A shift has at most {MAX_BREAKS} breaks.")
    for one in breaks:
        if one.ends_at <= one.starts_at:
            raise InvalidError("A break ends after it starts.")
        if one.starts_at < starts_at or one.ends_at > ends_at:
            raise BreakOutsideShiftError(
                f"The {_kind(one)} {spoken(one.starts_at, one.ends_at)} does not lie within its shift, "
                f"{spoken(starts_at, ends_at)}."
            )
    in_order = sorted(breaks, key=lambda one: one.starts_at)
    for one, following in pairwise(in_order):
        if following.starts_at < one.ends_at:
            raise BreakOverlapError(
                f"The {_kind(following)} {spoken(following.starts_at, following.ends_at)} overlaps the {_kind(one)} "
                f"{spoken(one.starts_at, one.ends_at)}."
            )


def check_open_to_change(shift: Shift, now: datetime) -> None:
    """Raises ShiftStateError for a shift that was cancelled or ended, or whose time is over."""
    if shift.status == "cancelled":
        raise ShiftStateError("This shift was cancelled.")
    if shift.is_over or (shift.ends_at <= now and shift.started_at is None):
        raise ShiftStateError("This shift is over.")


def check_cancellable(shift: Shift, now: datetime) -> None:
    """Raises ShiftStateError for a shift that was cancelled, is over, or is being worked."""
    check_open_to_change(shift, now)
    if shift.started_at is not None:
        raise ShiftStateError("This shift was started; end it instead.")


def moved(shift: Shift, starts_at: datetime, ends_at: datetime, now: datetime) -> tuple[Break, ...]:
    """The shift's breaks when its times are changed: they go along with a shift that keeps its length.

    Raises what `check_times` and `check_breaks` raise, and ShiftStateError when a shift that was started is to begin
    at another time.
    """
    check_open_to_change(shift, now)
    if shift.started_at is not None and starts_at != shift.starts_at:
        raise ShiftStateError("This shift was started; only its end can still be changed.")
    check_times(starts_at, ends_at, now)
    breaks = shift.breaks
    way = starts_at - shift.starts_at
    if way and ends_at - starts_at == shift.ends_at - shift.starts_at:
        breaks = tuple(
            one.model_copy(update={"starts_at": one.starts_at + way, "ends_at": one.ends_at + way}) for one in breaks
        )
    check_breaks(starts_at, ends_at, breaks)
    return breaks


def check_break_waits(taken: Break) -> None:
    """Raises ShiftStateError for a break that was started or ended."""
    if taken.started_at is not None:
        raise ShiftStateError("This break was started; end it instead.")


def part_of(shift: Shift, since: datetime, until: datetime) -> Piece:
    """The part of a shift between two instants. A break that only reaches into it is not in it."""
    starts_at, ends_at = max(since, shift.starts_at), min(until, shift.ends_at)
    breaks = tuple(one for one in shift.breaks if starts_at <= one.starts_at and one.ends_at <= ends_at)
    return Piece(starts_at, ends_at, breaks)


def without(shift: Shift, since: datetime, until: datetime) -> tuple[Piece, ...]:
    """What is left of a shift when the time between two instants is taken from it: nothing, one piece or two."""
    pieces = (part_of(shift, shift.starts_at, since), part_of(shift, until, shift.ends_at))
    return tuple(piece for piece in pieces if piece.starts_at < piece.ends_at)


def span_of(shift: Shift) -> Interval:
    """From when to when a shift counts: as planned, or until it was ended."""
    return Interval(shift.starts_at, max(shift.starts_at, shift.ended_at or shift.ends_at))


def spoken(starts_at: datetime, ends_at: datetime) -> str:
    """A stretch of time in a sentence, in UTC."""
    since, until = starts_at.astimezone(UTC), ends_at.astimezone(UTC)
    end = f"{until:%H:%M}" if since.date() == until.date() else f"{until:%Y-%m-%d %H:%M}"
    return f"{since:%Y-%m-%d %H:%M} to {end} UTC"


def _kind(one: PlannedBreak | Break) -> str:
    return one.kind.replace("_", " ")
