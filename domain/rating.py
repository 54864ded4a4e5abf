"""What a requester thinks of how their ticket was handled: a score from 1 to 5, and perhaps a comment.

A ticket has one rating, the last one. It may be given, and given anew, from the ticket's resolution on for
`RATING_DAYS`, closed or not. Reopening takes nothing back: what was said of the resolution before stands until the
ticket is resolved again and rated again, which it may be. Who may rate is decided by `domain.access`: the requester.
"""

from datetime import datetime, timedelta

from domain import errors
from domain.ids import PersonId
from domain.people import Actor
from domain.ticket import Ticket
from domain.ticket_commands import RateTicket
from domain.ticket_events import TicketEvent, TicketRated

RATING_DAYS = 30
"""How long after its resolution a ticket may be rated."""
LOW_RATING = 2
"""Up to this a rating is a complaint, and supervisors hear of it."""


def resolver_of(ticket: Ticket, actor: Actor) -> PersonId | None:
    """Whose work it is when this actor resolves the ticket now: its assignee's, or their own while nobody has it."""
    return ticket.assignee_id or actor.id


def rate(ticket: Ticket, command: RateTicket, now: datetime) -> list[TicketEvent]:
    """The rating. Saying once more what was said already is nothing.

    Raises TicketNotResolvedError, RatingWindowPassedError, and OwnWorkError when the requester would judge themselves.
    """
    if not ticket.is_finished or ticket.resolved_at is None:
        raise errors.TicketNotResolvedError(
            f"Ticket {ticket.number} is {ticket.status}; you can rate it when it is resolved."
        )
    if now >= ticket.resolved_at + timedelta(days=RATING_DAYS):
        raise errors.RatingWindowPassedError(
            f"Ticket {ticket.number} was resolved more than {RATING_DAYS} days ago; it cannot be rated any more."
        )
    if ticket.resolver_id == ticket.requester_id:
        raise errors.OwnWorkError("You resolved this ticket yourself; nobody rates their own work.")
    is_said = ticket.rated_at is not None and ticket.rated_at >= ticket.resolved_at
    if is_said and (ticket.rating, ticket.rating_text_id) == (command.score, command.text_id):
        return []
    return [
        TicketRated(
            rating=command.score,
            previous_rating=ticket.rating,
            rated_at=now,
            rating_text_id=command.text_id,
            resolver_id=ticket.resolver_id,
        )
    ]
