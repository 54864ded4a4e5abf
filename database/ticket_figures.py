"""The figures of tickets: how many came, how soon they were answered and resolved, and how smoothly."""

from database.report_figure import Figure, Population, by, count, mean, share, spread, total
from domain.report import Dimension

OPENED = Population(
    "opened",
    "ticket_facts",
    {
        Dimension.TEAM: "opened_team",
        Dimension.PRIORITY: "opened_priority",
        Dimension.CATEGORY: "opened_category",
        Dimension.CHANNEL: "channel",
    },
    at="opened_at",
)
"""Tickets, at their openings, as what they were opened. They are nobody's yet."""
RESPONDED = Population(
    "responded",
    "ticket_facts",
    {
        Dimension.TEAM: "responded_team",
        Dimension.PRIORITY: "priority",
        Dimension.CATEGORY: "category",
        Dimension.CHANNEL: "channel",
        Dimension.AGENT: "responder_id",
    },
    at="first_responded_at",
)
"""Tickets, at their first response, by who gave it and the team that had them then."""
RESOLVED = Population(
    "resolved",
    "ticket_facts",
    {
        Dimension.TEAM: "resolved_team",
        Dimension.PRIORITY: "priority",
        Dimension.CATEGORY: "category",
        Dimension.CHANNEL: "channel",
        Dimension.AGENT: "resolver_id",
    },
    at="resolved_at",
)
"""Tickets, where they were resolved for good: those that came back since are not among them."""
STEPS = Population(
    "steps",
    """(
        select ticket_number as number, since, status, previous_status, team, priority, category, assignee_id,
            (select f.channel from ticket_facts f where f.number = ticket_number) as channel
        from ticket_spans where previous_status is distinct from status
    )""",
    {
        Dimension.TEAM: "team",
        Dimension.PRIORITY: "priority",
        Dimension.CATEGORY: "category",
        Dimension.CHANNEL: "channel",
        Dimension.AGENT: "assignee_id",
    },
    at="since",
)
"""Changes of tickets' status, each where its ticket was from then on. A ticket is in it once for each."""
_RESOLUTION = "status = 'resolved'"
_REOPENING = "previous_status in ('resolved', 'closed') and status not in ('resolved', 'closed')"

TICKET_FIGURES: tuple[Figure, ...] = (
    count("opened", OPENED, "Tickets opened."),
    count("resolved", RESOLVED, "Tickets resolved, and not reopened since."),
    count("resolutions", STEPS, "Times that a ticket was resolved, reopened since or not.", _RESOLUTION),
    count("reopenings", STEPS, "Times that a resolved or closed ticket was taken up again.", _REOPENING),
    by("reopen_rate", STEPS, "Reopenings by resolutions of the same period.", _REOPENING, _RESOLUTION),
    spread(
        "first_response", RESPONDED, "From opening to the first public reply of the desk, wall-clock.",
        "response_seconds",
    ),
    spread(
        "first_response_business", RESPONDED, "The same in working time of the ticket's calendar.",
        "response_business_seconds",
    ),
    spread(
        "resolution", RESOLVED, "From opening to the resolution that stands, wall-clock, waiting included.",
        "resolution_seconds",
    ),
    spread(
        "resolution_business", RESOLVED, "The same in working time of the ticket's calendar.",
        "resolution_business_seconds",
    ),
    share("one_touch", RESOLVED, "Of the resolved: with one public reply of the desk, never reopened or reassigned.",
          "one_touch"),
    total("reassignments", RESOLVED, "Changes of owner of the resolved tickets in all their life.", "reassignments"),
    mean("reassignments_a_ticket", RESOLVED, "Changes of owner by resolved ticket.", "reassignments"),
    share("reassigned", RESOLVED, "Of the resolved: with at least one change of owner.", "reassignments > 0"),
)  # fmt: skip
