"""Requests to hand a shift over: who may take it, and until when.

To *cover* is to take a shift, or a part of it; to *swap* is to give one of one's own for it. The first who takes a
request gets it. Where a team approves swaps, a supervisor then has the last word, and until then nothing is moved.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.errors import ForbiddenError, InvalidError, ShiftRequestStateError, ShiftStateError
from domain.ids import PersonId, ShiftId, ShiftRequestId
from domain.shift import Shift
from domain.ticket import Slug

RequestKind = Literal["cover", "swap"]
StoredState = Literal["open", "taken", "done", "withdrawn", "rejected"]
RequestState = Literal["open", "taken", "done", "withdrawn", "rejected", "expired"]


class ShiftRequest(BaseModel):
    """A request to hand over the time from `starts_at` to `ends_at` of a shift.

    `to_agent_id`: whom it is put to, None for anyone of the team. `wanted_shift_id`: the shift that a swap asks for in
    exchange, None when whoever takes it may name one of theirs. Once it is `taken` it waits for a supervisor, then it
    is `done` or `rejected`.
    """

    model_config = ConfigDict(frozen=True)

    id: ShiftRequestId
    kind: RequestKind
    shift_id: ShiftId
    agent_id: PersonId
    team: Slug | None
    starts_at: datetime
    ends_at: datetime
    to_agent_id: PersonId | None = None
    wanted_shift_id: ShiftId | None = None
    state: StoredState = "open"
    taken_by: PersonId | None = None
    given_shift_id: ShiftId | None = None


def state_of(request: ShiftRequest, now: datetime) -> RequestState:
    """The state of a request now: what nobody took or decided on before its time begins has expired."""
    if request.state in ("open", "taken") and request.starts_at <= now:
        return "expired"
    return request.state


def check_askable(shift: Shift, starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Whether this part of a shift may be offered to others. Raises InvalidError when it is no part of the shift,
    ShiftStateError when the shift is not published or is over, ShiftRequestStateError when the part has begun."""
    if shift.status != "published" or shift.is_over:
        raise ShiftStateError("Only a published shift that is not over can be handed over.")
    if ends_at <= starts_at:
        raise InvalidError("The part of a shift ends after it starts.")
    if starts_at < shift.starts_at or ends_at > shift.ends_at:
        raise InvalidError("This is no part of the shift.")
    if starts_at <= now:
        raise ShiftRequestStateError("This has begun; only what is to come can be handed over.")


def is_taken_so(request: ShiftRequest, taker: PersonId, given: ShiftId | None) -> bool:
    """Whether this person has taken the request already, for this shift: then they are only asking again."""
    return request.state in ("taken", "done") and request.taken_by == taker and given in (None, request.given_shift_id)


def check_takeable(request: ShiftRequest, taker: PersonId, given: ShiftId | None, now: datetime) -> None:
    """Whether somebody may take a request now. Raises ShiftRequestStateError when it is not open any more,
    ForbiddenError when it is put to somebody else, InvalidError when a swap lacks the shift given for it, or a cover
    has one."""
    state = state_of(request, now)
    if state != "open":
        said = {"taken": "Somebody has taken this already.", "done": "Somebody has taken this already."}
        raise ShiftRequestStateError(said.get(state, f"This request is {state}."))
    if taker == request.agent_id:
        raise ForbiddenError("Nobody takes their own shift.")
    if request.to_agent_id not in (None, taker):
        raise ForbiddenError("This request is put to somebody else.")
    if request.kind == "cover" and given is not None:
        raise InvalidError("To cover a shift nothing is given for it.")
    if request.kind == "swap" and given is None and request.wanted_shift_id is None:
        raise InvalidError("To swap, say which of your shifts you give for it.")
    if request.wanted_shift_id is not None and given not in (None, request.wanted_shift_id):
        raise InvalidError(f"This swap asks for shift {request.wanted_shift_id}.")


def check_given(given: Shift, owner: PersonId, now: datetime) -> None:
    """Whether a shift can be given in exchange. Raises InvalidError when it is not its giver's, ShiftStateError when
    it is not published, has begun or was started."""
    if given.agent_id != owner:
        raise InvalidError(f"Shift {given.id} is somebody else's.")
    if given.status != "published" or given.started_at is not None or given.starts_at <= now:
        raise ShiftStateError("A shift that is given in exchange is published and has not begun.")


def check_decidable(request: ShiftRequest, now: datetime) -> None:
    """Raises ShiftRequestStateError unless the request was taken and waits for a supervisor."""
    if (state := state_of(request, now)) != "taken":
        raise ShiftRequestStateError(f"This request is {state}; there is nothing to decide.")


def check_withdrawable(request: ShiftRequest, now: datetime) -> None:
    """Raises ShiftRequestStateError when the request is over already."""
    if (state := state_of(request, now)) not in ("open", "taken"):
        raise ShiftRequestStateError(f"This request is {state} already.")
