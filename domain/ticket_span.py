"""The spans of a ticket: the stretches of its life in which nothing changed that figures are grouped by.

A ticket's spans follow one another without a gap, from its opening on, and the last one is open. So how many tickets
stood how at any past moment is a count of the spans around it, and how long they stood so is a sum over them.
"""

from datetime import datetime
from typing import Any, NamedTuple, cast

from domain.ids import PersonId, TicketNumber
from domain.sla_clock import SlaState
from domain.ticket import Priority, Slug, Status
from domain.ticket_facts import TicketFacts, TicketState


class TicketSpan(NamedTuple):
    """From `since` to before `until` (None: until now) the ticket stood so; its `place`-th span, from 1 on.

    `previous_status` is the status of the span before (None: it was opened): where it differs from `status`, the span
    begins with a step of the ticket's life.
    """

    ticket_number: TicketNumber
    place: int
    since: datetime
    until: datetime | None
    previous_status: Status | None
    status: Status
    team: Slug | None
    priority: Priority
    category: Slug
    assignee_id: PersonId | None
    sla_state: SlaState
    snoozed: bool
    escalation_level: int

    @property
    def state(self) -> TicketState:
        return TicketState._make(cast(Any, self[_STATE]))


_FIRST = TicketSpan._fields.index("status")
_STATE = slice(_FIRST, _FIRST + len(TicketState._fields))


def present_span(facts: TicketFacts) -> TicketSpan:
    """The span that is open."""
    return TicketSpan(facts.number, facts.spans, facts.span_since, None, facts.previous_status, *facts.state)


def ended_span(before: TicketFacts, after: TicketFacts) -> TicketSpan | None:
    """The span that came to its end when one more event took the facts from `before` to `after`; None: none did."""
    return present_span(before)._replace(until=after.span_since) if after.spans > before.spans else None
