"""Rollouts: a version of a policy or a calendar is applied to open tickets, as its preview said, and taken back.

What a preview shows counts from the preview's own moment. So a ticket that nothing has changed since gets exactly the
clocks that were shown; one that was changed meanwhile gets them as of that change, and is told apart.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from domain.sla_clock import Clock, Segment, TicketSla
from domain.sla_counting import Calendars, used_by
from domain.sla_keeping import Kept, follow, segment_of
from domain.sla_policy import Terms, first_match
from domain.sla_rules import take_terms
from domain.ticket import Slug, Ticket
from domain.ticket_commands import TakeTerms

_NO_TIME = timedelta()
Outcome = Literal["applied", "changed", "finished"]
"""What became of a ticket: as the preview said; otherwise, for it was changed meanwhile; nothing, for it was over."""
UndoOutcome = Literal["restored", "carried", "finished"]
"""The former clocks as if nothing had been; the former terms with the time used, for the ticket was changed since;
nothing, for it was over."""


class Rollout(NamedTuple):
    """Which version is rolled out, of a policy or of a calendar, and the moment from which it counts."""

    id: int
    at: datetime
    policy_version: int | None
    calendar_version: int | None
    policy_id: int | None
    calendar_id: int | None
    moves_ladders: bool


class OpenTicket(NamedTuple):
    """A ticket whose clocks may run, with the tier of its requester and what it runs on."""

    ticket: Ticket
    tier: Slug
    policy_id: int | None
    calendar_id: int | None


class PlannedTicket(NamedTuple):
    """What a rollout would do to a ticket that is at this revision."""

    number: int
    revision: int
    policy_version: int | None
    calendar_version: int | None
    before: TicketSla
    after: TicketSla
    is_moved: bool
    """Whether a clock is due at another moment."""
    is_overdue: bool
    """Whether a clock would be breached at once."""


class FormerClocks(NamedTuple):
    """The clocks from just before a rollout. `is_untouched`: nothing has changed the ticket since."""

    sla: TicketSla
    is_untouched: bool


def planned(
    one: OpenTicket, rollout: Rollout, offered: Sequence[Terms], calendars: Calendars, zone_data: str
) -> PlannedTicket | None:
    """What the rollout would do to the ticket; None when it is not concerned, or runs on these versions already.

    `offered` are the terms from the top with the version that is rolled out among them.
    """
    ticket = one.ticket
    terms = first_match(offered, ticket, one.tier)
    takes_it = terms is not None and (
        terms.policy_version == rollout.policy_version or terms.calendar_version == rollout.calendar_version
    )
    has_it = (rollout.policy_id is not None and one.policy_id == rollout.policy_id) or (
        rollout.calendar_id is not None and one.calendar_id == rollout.calendar_id
    )
    if ticket.sla is None or not (takes_it or has_it):
        return None
    command = taking(rollout, terms)
    events = take_terms(ticket, command)
    kept = follow(ticket, events, max(rollout.at, ticket.updated_at), terms, calendars, zone_data) if events else None
    if kept is None:
        return None
    moves = due_moves(ticket.sla, kept.sla)
    return PlannedTicket(
        ticket.number,
        ticket.revision,
        command.policy_version,
        command.calendar_version,
        ticket.sla,
        kept.sla,
        bool(moves),
        any(is_overdue(clock, rollout.at) for _, clock in moves),
    )


def taking(rollout: Rollout, terms: Terms | None) -> TakeTerms:
    """The command that has a ticket take these terms."""
    return TakeTerms(
        rollout_id=rollout.id,
        policy_version=None if terms is None else terms.policy_version,
        calendar_version=None if terms is None else terms.calendar_version,
        moves_ladder=rollout.moves_ladders,
    )


_WHY = "the former terms hold again"


def restored(before: TicketSla, present: TicketSla, at: datetime, calendars: Calendars, zone_data: str) -> Kept:
    """The clocks as they would be by now if the terms of a rollout had not been taken.

    `before` are the clocks from just before the rollout; nothing but time may have changed `present` since it. The time
    in between counts as it would have under the former terms; clocks that the rollout began are cancelled.
    """
    segments: list[Segment] = []
    kept = before.model_copy(update={"zone_data": zone_data})

    def over(clock: Clock, as_if: Clock, why: str) -> timedelta:
        """End the stretch of a clock since the rollout, counted as if it had been another one's. What that counts."""
        used = used_by(as_if.model_copy(update={"since": clock.since, "used": _NO_TIME}), at, calendars)
        if clock.since < at:
            segments.append(segment_of(as_if, clock.since, at, used, why, zone_data))
        return used

    for clock in present.clocks:
        former = before.clock(clock.audience, clock.target)
        if former is None or former.cycle != clock.cycle:
            if clock.is_open:
                used = clock.used + over(clock, clock, clock.why)
                ended = {"phase": "cancelled", "used": used, "since": at, "ended_at": at, "warnings": (), "why": _WHY}
                kept = kept.replacing(clock.model_copy(update=ended))
        elif former != clock:
            over(clock, former, "the former terms were taken back")
            used = used_by(former, at, calendars)
            kept = kept.replacing(former.model_copy(update={"since": at, "used": used, "why": _WHY}))
    return Kept(kept, tuple(segments))


def due_moves(before: TicketSla | None, after: TicketSla) -> list[tuple[Clock | None, Clock]]:
    """The clocks that are due at another moment after a rollout, each with what it was."""
    pairs = [(None if before is None else before.at(clock.key), clock) for clock in after.clocks]
    return [(old, new) for old, new in pairs if new.is_open and (old is None or old.due_at != new.due_at)]


def is_overdue(clock: Clock, at: datetime) -> bool:
    """Whether the clock is breached as soon as it is looked at."""
    return clock.breached_at is None and clock.due_at is not None and clock.due_at <= at
