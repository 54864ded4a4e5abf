"""The figures of the overview: how the desk's tickets stand, now or at a past moment, and what came and went."""

from typing import NamedTuple

from database.past import IS_WAITING
from database.report_figure import Figure, Population, count, spread, total
from database.ticket_figures import STEPS, TICKET_FIGURES
from domain.report import Dimension, Unit

_IS_OPEN = "status in ('new', 'open', 'pending', 'on_hold')"
_STOOD = "status, team, priority, category, assignee_id, sla_state, snoozed, escalation_level"
_PAST_STOOD = ", ".join(f"s.{name}" for name in _STOOD.split(", "))
_AGE = (
    "case when {status} in ('new', 'open', 'pending', 'on_hold') "
    "then extract(epoch from {{now}} - {opened_at})::float8 end as age_seconds"
)
_OF_TICKET = "(select f.{column} from ticket_facts f where f.number = s.ticket_number)"
_PRESENT = f"""(
    select number, span_since as since, opened_at, channel, {_STOOD},
        {_AGE.format(status="status", opened_at="opened_at")}
    from ticket_facts where status <> 'closed'
)"""
_PAST = f"""(
    select number, span_since as since, opened_at, channel, {_STOOD},
        {_AGE.format(status="status", opened_at="opened_at")}
    from ticket_facts where status <> 'closed' and span_since <= {{now}}
    union all
    select s.ticket_number, s.since, {_OF_TICKET.format(column="opened_at")}, {_OF_TICKET.format(column="channel")},
        {_PAST_STOOD}, {_AGE.format(status="s.status", opened_at=_OF_TICKET.format(column="opened_at"))}
    from ended_spans s where s.status <> 'closed' and tstzrange(s.since, s.until) @> {{now}}
)"""
"""As `SPANS_AT` of `database/past.py`, with what never changes of a ticket, looked up only where it is asked for: most
of these tickets were resolved, and have no age."""
QUEUE = Population(
    "queue",
    _PRESENT,
    {
        Dimension.TEAM: "team",
        Dimension.PRIORITY: "priority",
        Dimension.CATEGORY: "category",
        Dimension.CHANNEL: "channel",
        Dimension.AGENT: "assignee_id",
        Dimension.LEVEL: "escalation_level",
    },
    past_rows=_PAST,
)
"""Tickets that are not closed, as they stand."""
FLOW = Population(
    "flow",
    f"""(
        select number, opened_at as at, opened_team as team, opened_priority as priority,
            opened_category as category, channel, 1 as flow
        from ticket_facts where opened_at >= {{since}} and opened_at < {{until}}
        union all
        select number, since, team, priority, category, channel, -1 from {STEPS.rows} steps where status = 'resolved'
    )""",
    {
        Dimension.TEAM: "team",
        Dimension.PRIORITY: "priority",
        Dimension.CATEGORY: "category",
        Dimension.CHANNEL: "channel",
    },
    at="at",
)
"""Openings and resolutions, each where the ticket was then."""


class QueueCount(NamedTuple):
    """A count of tickets that stand so, whatever the hour."""

    name: str
    condition: str
    meaning: str


QUEUE_COUNTS: tuple[QueueCount, ...] = (
    QueueCount("open", _IS_OPEN, "Tickets that are new, open, pending or on hold."),
    QueueCount("waiting", IS_WAITING, "Tickets that need an owner: new or open, nobody's, and not snoozed."),
    QueueCount("unassigned", f"{_IS_OPEN} and assignee_id is null", "Open tickets that are nobody's."),
    QueueCount(
        "open_at_risk", f"{_IS_OPEN} and sla_state = 'at_risk'", "Open tickets that were warned of, and not breached."
    ),
    QueueCount("open_breached", f"{_IS_OPEN} and sla_state = 'breached'", "Open tickets with a broken promise."),
    QueueCount("snoozed", f"{_IS_OPEN} and snoozed", "Open tickets that are snoozed."),
    QueueCount("status_new", "status = 'new'", "Tickets in status new."),
    QueueCount("status_open", "status = 'open'", "Tickets in status open."),
    QueueCount("status_pending", "status = 'pending'", "Tickets that wait for their requester."),
    QueueCount("status_on_hold", "status = 'on_hold'", "Tickets that wait for a third party."),
    QueueCount("status_resolved", "status = 'resolved'", "Tickets that are resolved, and not closed yet."),
)
"""What is told live too; `domain.queue_counts.QueueCounts` has a field for each, and a test holds both together."""
_DAY = 86_400
_AGES = (
    ("age_under_1_day", f"age_seconds < {_DAY}", "Open tickets that are younger than a day."),
    (
        "age_1_to_3_days",
        f"age_seconds >= {_DAY} and age_seconds < {3 * _DAY}",
        "Open tickets of one day to before three.",
    ),
    (
        "age_3_to_7_days",
        f"age_seconds >= {3 * _DAY} and age_seconds < {7 * _DAY}",
        "Open tickets of three days to before seven.",
    ),
    (
        "age_7_to_30_days",
        f"age_seconds >= {7 * _DAY} and age_seconds < {30 * _DAY}",
        "Open tickets of seven days to before thirty.",
    ),
    ("age_over_30_days", f"age_seconds >= {30 * _DAY}", "Open tickets of thirty days and more."),
)
QUEUE_FIGURES: tuple[Figure, ...] = (
    *(count(one.name, QUEUE, one.meaning, one.condition) for one in QUEUE_COUNTS),
    spread("backlog_age", QUEUE, "How long ago the open tickets were opened.", "age_seconds"),
    Figure(
        "backlog_oldest",
        QUEUE,
        Unit.SECONDS,
        "max(age_seconds)",
        "How long ago the oldest open ticket was opened.",
        "age_seconds is not null",
        "age_seconds",
    ),
    *(count(name, QUEUE, meaning, condition) for name, condition, meaning in _AGES),
)
_OF_PERIOD = ("opened", "resolved", "resolutions", "reopenings")
OVERVIEW_FIGURES: tuple[Figure, ...] = (
    *QUEUE_FIGURES,
    *(one for one in TICKET_FIGURES if one.name in _OF_PERIOD),
    total("net", FLOW, "Tickets opened, less resolutions.", "flow", of="flow <> 0"),
)
