"""What operators filter by in the Temporal Web UI. Never encrypted, so opaque ids only."""

from datetime import datetime

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.ids import PersonId
from domain.sla_clock import TicketSla, sla_state
from domain.ticket import Priority, Slug, Status, Ticket

TICKET_STATUS = SearchAttributeKey.for_keyword("TicketStatus")
TICKET_PRIORITY = SearchAttributeKey.for_keyword("TicketPriority")
TICKET_TEAM = SearchAttributeKey.for_keyword("TicketTeam")
TICKET_ASSIGNEE = SearchAttributeKey.for_keyword("TicketAssignee")
SLA_STATE = SearchAttributeKey.for_keyword("SlaState")
NEXT_DUE_AT = SearchAttributeKey.for_datetime("NextDueAt")

KEYS: tuple[SearchAttributeKey[str] | SearchAttributeKey[datetime], ...] = (
    TICKET_STATUS,
    TICKET_PRIORITY,
    TICKET_TEAM,
    TICKET_ASSIGNEE,
    SLA_STATE,
    NEXT_DUE_AT,
)
SEARCH_ATTRIBUTES: dict[str, str] = {key.name: "Datetime" if key is NEXT_DUE_AT else "Keyword" for key in KEYS}
"""Name -> type, as a server is told them at its start."""

NOBODY = "none"
"""The value for no team and no assignee: an absent attribute could not be searched for."""


SearchedFields = tuple[Status, Priority, Slug | None, PersonId | None, datetime | None, TicketSla | None]


def searched_fields(ticket: Ticket) -> SearchedFields:
    """All that the attributes are made of: where it is the same, they are."""
    return ticket.status, ticket.priority, ticket.team, ticket.assignee_id, ticket.due_at, ticket.sla


def search_attributes(ticket: Ticket) -> TypedSearchAttributes:
    """The attributes of a ticket in this state."""
    soonest = ticket.next_due_at
    due = [] if soonest is None else [SearchAttributePair(NEXT_DUE_AT, soonest)]
    return TypedSearchAttributes(
        [
            SearchAttributePair(TICKET_STATUS, ticket.status.value),
            SearchAttributePair(TICKET_PRIORITY, ticket.priority.value),
            SearchAttributePair(TICKET_TEAM, ticket.team or NOBODY),
            SearchAttributePair(TICKET_ASSIGNEE, str(ticket.assignee_id or NOBODY)),
            SearchAttributePair(SLA_STATE, sla_state(ticket.sla)),
            *due,
        ]
    )
