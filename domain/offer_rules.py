"""What becomes of offers: made, accepted by the first one, declined, expired, withdrawn. Rules of `ticket_rules`."""

from datetime import datetime

from domain import errors
from domain.ids import PersonId
from domain.people import Actor
from domain.ticket import Ticket
from domain.ticket_commands import OfferTicket
from domain.ticket_events import (
    TicketAssigned,
    TicketEvent,
    TicketOfferDeclined,
    TicketOffered,
    TicketOfferExpired,
    TicketOfferWithdrawn,
)


def offer(ticket: Ticket, command: OfferTicket, now: datetime) -> list[TicketEvent]:
    """Offered to these, instead of to those before. Whoever has the ticket already is not asked.

    Raises AlreadyAssignedError when somebody has it who does not give it away, and MomentPassedError.
    """
    if command.expires_at <= now:
        raise errors.MomentPassedError("The offer would have ended already.")
    if ticket.assignee_id is not None and not command.is_hand_over:
        raise errors.AlreadyAssignedError(f"Ticket {ticket.number} has an assignee already.")
    to = tuple(dict.fromkeys(person for person in command.to if person != ticket.assignee_id))
    if not to:
        return []
    made = command.model_copy(update={"to": to}).offer
    return [*withdrawn(ticket, keeps=to), TicketOffered(offer=made)]


def accept(ticket: Ticket, actor: Actor, now: datetime) -> list[TicketEvent]:
    """The first one who accepts has it; the others are told.

    Raises OfferGoneError when there is no offer to this person, or not any more.
    """
    person = _offered(ticket, actor, now)
    assigned = TicketAssigned(
        assignee_id=person,
        previous_id=ticket.assignee_id,
        assigned_at=now,
        by="offer",
        decision_id=None if ticket.offer is None else ticket.offer.decision_id,
    )
    return [*withdrawn(ticket, keeps=(person,)), assigned]


def decline(ticket: Ticket, actor: Actor, now: datetime) -> list[TicketEvent]:
    """Not this person; the others may still take it. Raises OfferGoneError."""
    person = _offered(ticket, actor, now)
    if ticket.offer is None:
        return []
    others = tuple(one for one in ticket.offer.to if one != person)
    left = ticket.offer.model_copy(update={"to": others}) if others else None
    return [TicketOfferDeclined(declined_by=person, offer=left, passed_by=_passed(ticket, person))]


def expire(ticket: Ticket, now: datetime) -> list[TicketEvent]:
    """Nobody took it in time; nothing when the offer is gone, or was made anew."""
    if ticket.offer is None or now < ticket.offer.expires_at:
        return []
    return [TicketOfferExpired(offered_to=ticket.offer.to, passed_by=_passed(ticket, *ticket.offer.to))]


def withdrawn(ticket: Ticket, keeps: tuple[PersonId, ...] = ()) -> list[TicketEvent]:
    """Those who had the offer and have it no longer are told; without a loser there is nothing to tell."""
    losers = () if ticket.offer is None else tuple(one for one in ticket.offer.to if one not in keeps)
    return [TicketOfferWithdrawn(withdrawn_from=losers)] if losers else []


def _offered(ticket: Ticket, actor: Actor, now: datetime) -> PersonId:
    offer = ticket.offer
    if offer is None or actor.id is None or actor.id not in offer.to or now >= offer.expires_at:
        raise errors.OfferGoneError(f"Ticket {ticket.number} is not offered to you, or not any more.")
    return actor.id


def _passed(ticket: Ticket, *people: PersonId) -> tuple[PersonId, ...]:
    return tuple(dict.fromkeys((*ticket.passed_by, *people)))
