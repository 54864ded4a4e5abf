"""Which changes of a ticket concern the dispatcher: it looks again when one of them was recorded."""

from domain.ids import PersonId
from domain.ticket_events import (
    TicketAssigned,
    TicketChange,
    TicketDeescalated,
    TicketEdited,
    TicketEscalated,
    TicketMoved,
    TicketOfferDeclined,
    TicketOfferExpired,
    TicketReplied,
    TicketSnoozed,
    TicketStatusChanged,
    TicketUnassigned,
    TicketWoken,
)

_ALWAYS = (
    TicketAssigned, TicketUnassigned, TicketMoved, TicketStatusChanged, TicketSnoozed, TicketWoken, TicketOfferDeclined,
    TicketOfferExpired, TicketEscalated, TicketDeescalated,
)  # fmt: skip


def calls_dispatcher(change: TicketChange) -> bool:
    """Whether the change may make somebody wait or free, or a ticket more or less pressing."""
    for event in change.events:
        if isinstance(event, _ALWAYS):
            return True
        if isinstance(event, TicketReplied) and not event.by_desk:
            return True
        if isinstance(event, TicketEdited) and (
            event.priority or event.due_at or event.clear or event.required_skills is not None
        ):
            return True
    return False


def freed_by(change: TicketChange) -> tuple[PersonId, ...]:
    """Those who had the ticket before the change and have it no more: all their teams' dispatchers look again."""
    return tuple(
        event.previous_id
        for event in change.events
        if isinstance(event, TicketAssigned | TicketUnassigned) and event.previous_id is not None
    )
