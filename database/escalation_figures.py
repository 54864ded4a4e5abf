"""The figures of escalations: how often levels were raised and by whom, how far, and how soon somebody took it on.

A row is an event of the log that raised or took back a ticket's level, as far as the facts have come. It counts at its
moment, where its ticket was after all that happened in that moment.
"""

from collections.abc import Mapping
from types import MappingProxyType

from database.report_figure import Figure, Population, count, share, spread
from database.ticket_figures import OPENED
from domain.report import Dimension, Unit

_PLACES: Mapping[Dimension, str] = MappingProxyType(
    {
        Dimension.TEAM: "team",
        Dimension.PRIORITY: "priority",
        Dimension.CATEGORY: "category",
        Dimension.CHANNEL: "channel",
        Dimension.AGENT: "assignee_id",
        Dimension.LEVEL: "level",
    }
)
_CHANGES = """
    from events e
        join ticket_facts f on f.number = e.ticket_number and f.revision >= e.revision
        left join lateral (
            select s.team, s.priority, s.category, s.assignee_id from ended_spans s
            where s.ticket_number = e.ticket_number and s.since <= e.at and f.span_since > e.at
            order by s.place desc limit 1
        ) stood on true
        left join lateral (
            select (p.data ->> 'escalation_level')::int as level from events p
            where p.ticket_number = e.ticket_number and p.revision < e.revision
                and p.type in ('ticket.escalated', 'ticket.de_escalated')
            order by p.revision desc limit 1
        ) before on true
"""
"""Where the ticket stood is told by its last span that had begun: the open one, which the facts tell, or else an ended
one. It is what the view `ticket_spans` says, in words that need not look at all of a ticket's spans."""
_SEEN = "e.ticket_number, e.at, e.actor_kind, f.channel, " + ", ".join(
    f"case when f.span_since <= e.at then f.{name} else stood.{name} end as {name}"
    for name in ("team", "priority", "category", "assignee_id")
)

ESCALATIONS = Population(
    "escalations",
    f"""(
        select {_SEEN}, (e.data ->> 'escalation_level')::int as level, coalesce(before.level, 0) as level_before,
            extract(epoch from e.at - f.opened_at)::float8 as opening_seconds,
            case when after.acknowledgement < coalesce(after.resolution, after.acknowledgement + 1)
                then extract(epoch from after.acknowledged_at - e.at)::float8 end as acknowledgement_seconds,
            extract(epoch from after.resolved_at - e.at)::float8 as resolution_seconds
        {_CHANGES}
        cross join lateral (
            select min(n.revision) filter (where n.type = 'ticket.acknowledged') as acknowledgement,
                min(n.at) filter (where n.type = 'ticket.acknowledged') as acknowledged_at,
                min(n.revision) filter (where n.type = 'ticket.status_changed') as resolution,
                min(n.at) filter (where n.type = 'ticket.status_changed') as resolved_at
            from events n
            where n.ticket_number = e.ticket_number and n.revision > e.revision
                and (n.type = 'ticket.acknowledged'
                    or n.type = 'ticket.status_changed' and n.data ->> 'status' = 'resolved')
        ) after
        where e.type = 'ticket.escalated'
    )""",
    _PLACES,
    "at",
    "ticket_number",
)
"""Raises of tickets' levels, by the level that they led to."""
DE_ESCALATIONS = Population(
    "de_escalations",
    f"(select {_SEEN}, before.level {_CHANGES} where e.type = 'ticket.de_escalated')",
    _PLACES,
    "at",
    "ticket_number",
)
"""Levels that were taken back, by the level that they were taken back from."""
OPENED_AND_ESCALATED = Population(
    "opened_and_escalated",
    OPENED.rows,
    {**OPENED.places, Dimension.LEVEL: "highest_level"},
    OPENED.at,
    OPENED.ticket,
    "escalations > 0",
)
"""Tickets that were escalated at any time, at their openings, by the highest level that they reached."""
_TICKETS = "The tickets of these raises, each once."

ESCALATION_FIGURES: tuple[Figure, ...] = (
    count("escalations", ESCALATIONS, "Times that a ticket's level was raised."),
    count("escalations_by_ladder", ESCALATIONS, "Of these: by the ladder of its policy.", "actor_kind = 'timer'"),
    count("escalations_by_people", ESCALATIONS, "Of these: by somebody of the desk.", "actor_kind = 'person'"),
    count(
        "escalations_by_integrations", ESCALATIONS, "Of these: by a service account or a signal.",
        "actor_kind = 'integration'",
    ),
    count("first_escalations", ESCALATIONS, "Of these: of a ticket that was at no level.", "level_before = 0"),
    Figure("escalated_tickets", ESCALATIONS, Unit.COUNT, "count(distinct ticket_number)", _TICKETS),
    spread("opening_to_escalation", ESCALATIONS, "From the ticket's opening to each raise.", "opening_seconds"),
    spread(
        "escalation_to_acknowledgement", ESCALATIONS,
        "From each raise until somebody took it on, if anybody did before the ticket was resolved.",
        "acknowledgement_seconds",
    ),
    share(
        "acknowledged", ESCALATIONS, "Of the raises: somebody took it on before the ticket was resolved.",
        "acknowledgement_seconds is not null",
    ),
    spread(
        "escalation_to_resolution", ESCALATIONS, "From each raise to the next time that the ticket was resolved.",
        "resolution_seconds",
    ),
    count("de_escalations", DE_ESCALATIONS, "Times that a ticket's level was taken back."),
    count(
        "opened_and_escalated", OPENED_AND_ESCALATED,
        "Tickets opened in the period and escalated at any time; by level: the highest that they reached.",
    ),
    share("escalated_share", OPENED, "Of the tickets opened in the period: escalated at any time.", "escalations > 0"),
)  # fmt: skip
