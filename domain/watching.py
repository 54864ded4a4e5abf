"""Who watches a ticket: whoever does sees it, hears of it, and may write to it."""

from domain.errors import TooManyWatchersError
from domain.ticket import Ticket
from domain.ticket_commands import UnwatchTicket, WatchTicket
from domain.ticket_events import TicketEvent, TicketUnwatched, TicketWatched

MOST_WATCHERS = 50


def watch(ticket: Ticket, command: WatchTicket) -> list[TicketEvent]:
    """One watcher more; nothing when they watch it already. Raises TooManyWatchersError."""
    if command.person_id in ticket.watcher_ids:
        return []
    if len(ticket.watcher_ids) >= MOST_WATCHERS:
        raise TooManyWatchersError(f"Ticket {ticket.number} has {MOST_WATCHERS} watchers, which is the most.")
    return [TicketWatched(watcher_ids=(*ticket.watcher_ids, command.person_id))]


def unwatch(ticket: Ticket, command: UnwatchTicket) -> list[TicketEvent]:
    """One watcher fewer; nothing when they do not watch it."""
    if command.person_id not in ticket.watcher_ids:
        return []
    return [TicketUnwatched(watcher_ids=tuple(one for one in ticket.watcher_ids if one != command.person_id))]
