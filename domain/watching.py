"""Who watches a ticket: whoever does sees it, hears of it, and may write to it."""

from collections.abc import Sequence

from domain.errors import TooManyWatchersError
from domain.ids import PersonId
from domain.ticket import Ticket
from domain.ticket_commands import UnwatchTicket, WatchTicket
from domain.ticket_events import TicketEvent, TicketUnwatched, TicketWatched

MOST_WATCHERS = 50


def watch(ticket: Ticket, command: WatchTicket) -> list[TicketEvent]:
    """One watcher more; nothing when they watch it already. Raises TooManyWatchersError."""
    return joined(ticket, [command.person_id])


def joined(ticket: Ticket, people: Sequence[PersonId]) -> list[TicketEvent]:
    """Those of the people who do not watch it yet, as watchers. Raises TooManyWatchersError."""
    new = tuple(person for person in dict.fromkeys(people) if person not in ticket.watcher_ids)
    if not new:
        return []
    if len(ticket.watcher_ids) + len(new) > MOST_WATCHERS:
        raise TooManyWatchersError(f"Ticket {ticket.number} has at most {MOST_WATCHERS} watchers.")
    return [TicketWatched(watcher_ids=(*ticket.watcher_ids, *new))]


def mentioned(ticket: Ticket, people: Sequence[PersonId]) -> list[TicketEvent]:
    """Those whom a reply mentions, as watchers, so that they may see what it is about: its requester and its assignee
    may anyway, and hear of it. Raises TooManyWatchersError."""
    return joined(ticket, [one for one in people if one not in (ticket.requester_id, ticket.assignee_id)])


def unwatch(ticket: Ticket, command: UnwatchTicket) -> list[TicketEvent]:
    """One watcher fewer; nothing when they do not watch it."""
    if command.person_id not in ticket.watcher_ids:
        return []
    return [TicketUnwatched(watcher_ids=tuple(one for one in ticket.watcher_ids if one != command.person_id))]
