"""The life of a ticket: how it opens, which statuses follow which, and what each event makes of it.

All pure. `evolve` adds an event to the ticket; what a command brings about is decided in `ticket_rules`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from domain import errors
from domain.ids import CommandId, TicketNumber
from domain.people import Actor
from domain.ticket import Status, Ticket
from domain.ticket_commands import OpenTicket
from domain.ticket_events import TicketChange, TicketEdited, TicketEvent, TicketOpened

S = Status
TRANSITIONS: dict[Status, tuple[Status, ...]] = {
    S.NEW: (S.OPEN, S.PENDING, S.ON_HOLD, S.RESOLVED),
    S.OPEN: (S.PENDING, S.ON_HOLD, S.RESOLVED),
    S.PENDING: (S.OPEN, S.ON_HOLD, S.RESOLVED),
    S.ON_HOLD: (S.OPEN, S.PENDING, S.RESOLVED),
    S.RESOLVED: (S.OPEN, S.CLOSED),
    S.CLOSED: (S.OPEN,),
}
"""The statuses that a person may set from each status. To `open` from the last two is a reopening."""


class LifecycleRules(BaseModel):
    """The desk's settings that a ticket is opened under."""

    model_config = ConfigDict(frozen=True)

    auto_close_days: int
    reopen_days: int


class HasStatus(Protocol):
    """What the transitions depend on: of a ticket, or of its record."""

    @property
    def number(self) -> TicketNumber: ...
    @property
    def status(self) -> Status: ...
    @property
    def closed_at(self) -> datetime | None: ...
    @property
    def reopen_days(self) -> int: ...


def open_ticket(command: OpenTicket, rules: LifecycleRules, now: datetime) -> TicketOpened:
    """The first event of a ticket.

    Raises MomentPassedError when the due date lies in the past.
    """
    if command.due_at is not None and command.due_at <= now:
        raise errors.MomentPassedError("The due date lies in the past.")
    return TicketOpened(
        wording_id=command.wording_id,
        requester_id=command.requester_id,
        priority=command.priority,
        category=command.category,
        team=command.team,
        due_at=command.due_at,
        required_skills=command.required_skills,
        estimated_minutes=command.estimated_minutes,
        tags=command.tags,
        auto_close_days=rules.auto_close_days,
        reopen_days=rules.reopen_days,
    )


def opening(
    number: TicketNumber, command_id: CommandId, fingerprint: str, actor: Actor, event: TicketOpened, now: datetime
) -> TicketChange:
    """The change that opens ticket `number`: its first revision."""
    return TicketChange(
        command_id=command_id,
        fingerprint=fingerprint,
        number=number,
        actor=actor,
        at=now,
        first_revision=1,
        events=(event,),
    )


def fields_set_by(event: TicketEvent) -> dict[str, Any]:
    """The ticket's fields that the event gives a new value, whatever they were before. Not for an opening."""
    if isinstance(event, TicketEdited):
        return event.model_dump(exclude_none=True, exclude={"type", "clear"}) | dict.fromkeys(event.clear)
    return {name: getattr(event, name) for name in event.sets}


def fields_changed_by(change: TicketChange) -> dict[str, Any]:
    """The same for a whole change: its events' fields, the revision and the moment."""
    changed: dict[str, Any] = {}
    for event in change.events:
        changed |= fields_set_by(event)
    return changed | {"revision": change.last_revision, "updated_at": change.at}


def evolve(ticket: Ticket, event: TicketEvent, at: datetime) -> Ticket:
    """The ticket after one more event."""
    return ticket.model_copy(update={**fields_set_by(event), "revision": ticket.revision + 1, "updated_at": at})


def apply(ticket: Ticket, change: TicketChange) -> Ticket:
    """The ticket after a whole change."""
    return reduce(lambda before, event: evolve(before, event, change.at), change.events, ticket)


_OPENED_FIELDS = TicketOpened.model_fields.keys() - {"type"}


def opened(number: TicketNumber, event: TicketOpened, at: datetime) -> Ticket:
    """The ticket after its first event."""
    fields = {name: getattr(event, name) for name in _OPENED_FIELDS}
    return Ticket(number=number, revision=1, created_at=at, updated_at=at, **fields)


def rebuild(number: TicketNumber, history: Sequence[tuple[TicketEvent, datetime]]) -> Ticket:
    """The ticket that its events, with their moments, add up to. The first must be its opening."""
    (first, first_at), *rest = history
    if not isinstance(first, TicketOpened):
        raise ValueError(  # noqa: TRY004  the history is wrong, not a type
            f"ticket {number} does not begin with its opening but with {first.type}"
        )
    return reduce(lambda ticket, item: evolve(ticket, *item), rest, opened(number, first, first_at))


def allowed_transitions(ticket: HasStatus, now: datetime) -> tuple[Status, ...]:
    """The statuses that may be set now."""
    if ticket.status is S.CLOSED and now >= reopen_until(ticket):
        return ()
    return TRANSITIONS[ticket.status]


def auto_close_at(ticket: Ticket) -> datetime:
    """When a resolved ticket closes by itself."""
    if ticket.resolved_at is None:
        raise ValueError(f"ticket {ticket.number} is not resolved")
    return ticket.resolved_at + timedelta(days=ticket.auto_close_days)


def reopen_until(ticket: HasStatus) -> datetime:
    """When a closed ticket's reopen window ends; from then on it is history."""
    if ticket.closed_at is None:
        raise ValueError(f"ticket {ticket.number} is not closed")
    return ticket.closed_at + timedelta(days=ticket.reopen_days)
