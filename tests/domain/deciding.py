"""Asks the rules: what a command brings about, and what the ticket is after it."""

from datetime import datetime
from typing import TypeVar

from domain.lifecycle import apply
from domain.people import Actor
from domain.ticket import Ticket
from domain.ticket_commands import TicketCommand
from domain.ticket_events import TicketEvent
from domain.ticket_rules import decide
from tests.factories import BY_AGENT, NOW, envelope

Event = TypeVar("Event")


def events_of(
    ticket: Ticket, command: TicketCommand, by: Actor = BY_AGENT, at: datetime = NOW
) -> tuple[TicketEvent, ...]:
    """The events that the command brings about."""
    return decide(ticket, envelope(command, actor=by), at).events


def types_of(ticket: Ticket, command: TicketCommand, by: Actor = BY_AGENT, at: datetime = NOW) -> list[str]:
    """The types of the events that the command brings about, in their order."""
    return [event.type for event in events_of(ticket, command, by, at)]


def after(ticket: Ticket, command: TicketCommand, by: Actor = BY_AGENT, at: datetime = NOW) -> Ticket:
    """The ticket after the command."""
    return apply(ticket, decide(ticket, envelope(command, actor=by), at))


def only(kind: type[Event], events: tuple[object, ...]) -> Event:
    """The one event, which is of this kind."""
    (event,) = events
    assert isinstance(event, kind)
    return event
