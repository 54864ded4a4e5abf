"""Time off: when an agent does not work, and what that does to their shifts."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.errors import InvalidError, MomentPassedError, TimeOffError
from domain.ids import PersonId, TimeOffId
from domain.shift import Shift
from domain.shift_rules import Piece, check_reach, spoken, without

TimeOffKind = Literal["holiday", "sickness", "other"]
TimeOffState = Literal["asked", "approved", "rejected", "withdrawn"]
MAX_TIME_OFF = timedelta(days=366)


class TimeOff(BaseModel):
    """Time off that was asked for. Only approved time counts."""

    model_config = ConfigDict(frozen=True)

    id: TimeOffId
    agent_id: PersonId
    starts_at: datetime
    ends_at: datetime
    kind: TimeOffKind
    state: TimeOffState


class ShiftCut(NamedTuple):
    """What becomes of a shift: the pieces that are left of it, none when it is cancelled."""

    shift: Shift
    pieces: tuple[Piece, ...]


def check_time_off(starts_at: datetime, ends_at: datetime, others: Iterable[TimeOff], now: datetime) -> None:
    """Raises InvalidError for time off that does not go forward or is too long, MomentPassedError for one that is over,
    and TimeOffError when the agent has or asked for other time off then."""
    if ends_at <= starts_at:
        raise InvalidError("Time off ends after it starts.")
    if ends_at - starts_at > MAX_TIME_OFF:
        raise InvalidError(f"Time off has at most {MAX_TIME_OFF.days} days.")
    check_reach(starts_at, ends_at, now)
    for other in others:
        if other.state in ("asked", "approved") and starts_at < other.ends_at and other.starts_at < ends_at:
            raise TimeOffError(f"This overlaps other time off, {spoken(other.starts_at, other.ends_at)}.")


def check_undecided(asked: TimeOff, now: datetime) -> None:
    """Raises TimeOffError when the time off was decided on or withdrawn, MomentPassedError when it is over."""
    if asked.state != "asked":
        raise TimeOffError(f"This time off is {asked.state} already.")
    if asked.ends_at <= now:
        raise MomentPassedError("This time off is over.")


def check_withdrawable(asked: TimeOff, now: datetime) -> None:
    """Raises TimeOffError when the time off was rejected, withdrawn, or has begun."""
    if asked.state not in ("asked", "approved"):
        raise TimeOffError(f"This time off is {asked.state} already.")
    if asked.state == "approved" and asked.starts_at <= now:
        raise TimeOffError("This time off has begun.")


def check_works(starts_at: datetime, ends_at: datetime, off: Iterable[TimeOff]) -> None:
    """Raises TimeOffError when the agent has approved time off in that time."""
    for one in off:
        if one.state == "approved" and starts_at < one.ends_at and one.starts_at < ends_at:
            raise TimeOffError(f"The agent has time off then, {spoken(one.starts_at, one.ends_at)}.")


def cuts(starts_at: datetime, ends_at: datetime, shifts: Sequence[Shift], now: datetime) -> list[ShiftCut]:
    """What time off does to an agent's shifts: it takes its time out of each that is not over.

    What was worked stays: a shift that is on is cut no sooner than now.
    """
    found = []
    for shift in shifts:
        if shift.status == "cancelled" or shift.is_over or shift.ends_at <= now:
            continue
        since = max(starts_at, now) if shift.started_at is not None or shift.starts_at <= now else starts_at
        if since < shift.ends_at and shift.starts_at < ends_at and since < ends_at:
            found.append(ShiftCut(shift, without(shift, since, ends_at)))
    return found
