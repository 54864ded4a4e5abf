"""One ticket at a desk with SLA policies, without an engine: commands and moments in the order in which they come.

It keeps the clocks as the workflow and its `record` activity do: what lies before a command comes before it, each
change is decided, its clocks are kept, and what that entails is applied with it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from domain.business_calendar import BusinessCalendar
from domain.errors import DomainError
from domain.ids import CommandId
from domain.lifecycle import apply
from domain.people import TIMER, Actor
from domain.sla_clock import Clock, ClockKey, Segment, TicketSla
from domain.sla_counting import used_by
from domain.sla_keeping import Kept, asks_for_terms, begin, concerns, follow, terms_for
from domain.sla_policy import Terms
from domain.ticket import Slug, Ticket
from domain.ticket_commands import TicketCommand
from domain.ticket_events import TicketChange, TicketSlaBreached, TicketSlaChanged, TicketSlaWarned
from domain.ticket_rules import decide
from domain.ticket_timers import PendingMoment, pending_moments
from tests import factories

ZONE_DATA = "test"


class Alarm(NamedTuple):
    """That a share of a clock's goal is used up, in percent; at a hundred it is breached."""

    clock: ClockKey
    percent: int
    at: datetime


class Happened(NamedTuple):
    """Something that was done to the ticket, or that it did by itself, and the ticket behind it."""

    at: datetime
    by: Actor
    command: TicketCommand | None
    """None: other terms were applied."""
    ticket: Ticket
    applied: Terms | None = None


class SlaDesk:
    """A ticket that was opened just now, the policies on offer from the top, and all calendars by version.

    `alarms`, `segments` and `happened` are what came of it so far; `clocks` has the last state of every cycle.
    """

    def __init__(
        self,
        opened: Ticket,
        offers: Sequence[Terms],
        calendars: Callable[[int], BusinessCalendar],
        tier: Slug = "standard",
    ) -> None:
        self.offers = list(offers)
        self.alarms: list[Alarm] = []
        self.segments: list[Segment] = []
        self.happened: list[Happened] = []
        self.clocks: dict[ClockKey, Clock] = {}
        self._calendars = calendars
        self._tier = tier
        self._terms = terms_for(opened, tier, offers, None)
        self.ticket = opened
        self._take_over(opened.model_copy(update={"sla": begin(opened, self._terms, ZONE_DATA)}))

    @property
    def sla(self) -> TicketSla:
        assert self.ticket.sla is not None
        return self.ticket.sla

    @property
    def terms(self) -> Terms | None:
        """Those that the ticket runs on."""
        return self._terms

    @property
    def next_moment(self) -> PendingMoment | None:
        """What the ticket does by itself next."""
        return next((moment for moment in pending_moments(self.ticket) if moment.command is not None), None)

    def used(self, clock: Clock, at: datetime) -> float:
        """The seconds that a clock has counted by a moment."""
        return used_by(clock, at, self._calendars).total_seconds()

    def passes(self, until: datetime) -> None:
        """Time goes on: every moment that lies before `until` comes."""
        while (moment := self.next_moment) is not None and moment.at < until:
            assert moment.command is not None
            self._carry_out(moment.command, TIMER, max(moment.at, self.ticket.updated_at))
            assert moment not in pending_moments(self.ticket), f"{moment.cause}: it would ring for ever"

    def does(self, command: TicketCommand, by: Actor, at: datetime) -> bool:
        """Somebody asks for something. Whether it was legal."""
        self.passes(at)
        try:
            self._carry_out(command, by, max(at, self.ticket.updated_at))
        except DomainError:
            return False
        return True

    def takes(self, terms: Terms | None, at: datetime, why: str) -> None:
        """Other terms are applied to the ticket."""
        self.passes(at)
        self._terms = terms
        kept = self.kept_again(at, why)
        if kept is not None:
            self._apply(factories.change(self.ticket, _changed(kept), actor=TIMER, at=at))
        self.happened.append(Happened(at, TIMER, None, self.ticket, terms))

    def kept_again(self, at: datetime, why: str = "") -> Kept | None:
        """What keeping the clocks comes to when nothing was done to the ticket."""
        return follow(self.ticket, (), at, self._terms, self._calendars, ZONE_DATA, why)

    def _carry_out(self, command: TicketCommand, by: Actor, at: datetime) -> None:
        change = decide(self.ticket, factories.envelope(command, actor=by, id=_SAME_ID), at)
        if concerns(change.events):
            if asks_for_terms(change.events):
                self._terms = terms_for(apply(self.ticket, change), self._tier, self.offers, self._terms)
            kept = follow(self.ticket, change.events, at, self._terms, self._calendars, ZONE_DATA)
            if kept is not None:
                change = change.followed_by(_changed(kept))
        self._apply(change)
        self.happened.append(Happened(at, by, command, self.ticket))

    def _apply(self, change: TicketChange) -> None:
        for event in change.events:
            if isinstance(event, TicketSlaChanged):
                self.segments += event.segments
                self.clocks |= {clock.key: clock for clock in event.over}
            if isinstance(event, TicketSlaWarned | TicketSlaBreached):
                key = ClockKey(event.audience, event.target, event.cycle)
                self.alarms.append(Alarm(key, getattr(event, "percent", 100), change.at))
        self._take_over(apply(self.ticket, change))

    def _take_over(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.clocks |= {clock.key: clock for clock in self.sla.clocks}


def _changed(kept: Kept) -> TicketSlaChanged:
    return TicketSlaChanged(sla=kept.sla, segments=kept.segments, over=kept.over)


_SAME_ID: CommandId = factories.command_id("no matter")
