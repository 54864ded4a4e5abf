"""The overview counted by hand: the slow and plain way, from every ticket's raw events, for one moment and one period.

It shares no line with the statements of `database/queue_figures.py`. How a ticket stood comes from
`lifecycle.rebuild` over its events up to the moment.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from domain.business_calendar import BusinessCalendar
from domain.sla_clock import sla_state
from domain.ticket import Ticket
from tests.counted_facts import CountedSpan, Told, counted_facts, counted_spans, moments, stood

DIMENSIONS = ("team", "priority", "category", "channel", "agent", "level")
OPEN = ("new", "open", "pending", "on_hold")
DAY = timedelta(days=1)


class Place(NamedTuple):
    """Where something counts; `...` where it is known by no such dimension."""

    team: Any
    priority: Any
    category: Any
    channel: Any
    agent: Any = ...
    level: Any = ...


class Standing(NamedTuple):
    """A ticket as it stood at the moment, and where it counts."""

    ticket: Ticket
    place: Place
    age: timedelta
    since: datetime


class Life(NamedTuple):
    """A ticket's raw events, and what hands make of them."""

    moments: list[datetime]
    tickets: list[Ticket]
    spans: list[CountedSpan]
    facts: dict[str, Any]


def life_of(history: Sequence[Told], calendars: dict[int, BusinessCalendar]) -> Life:
    return Life(moments(history), stood(history), counted_spans(history), counted_facts(history, calendars))


Narrowing = dict[str, Sequence[Any]]
"""By dimension, the only values that count; None among them: of none."""


def standing(lives: Iterable[Life], at: datetime) -> list[Standing]:
    """The tickets that were not closed at the moment."""
    found = []
    for life in lives:
        until_then = [ticket for ticket, moment in zip(life.tickets, life.moments, strict=True) if moment <= at]
        if not until_then or until_then[-1].status == "closed":
            continue
        ticket, channel = until_then[-1], life.facts["channel"]
        place = Place(
            ticket.team, ticket.priority, ticket.category, channel, ticket.assignee_id, ticket.escalation_level
        )
        since = max(span.since for span in life.spans if span.since <= at)
        found.append(Standing(ticket, place, at - life.moments[0], since))
    return found


QUEUE_RULES: dict[str, Callable[[Ticket, timedelta], bool]] = {
    "open": lambda ticket, _: ticket.status in OPEN,
    "waiting": lambda ticket, _: ticket.is_waiting,
    "unassigned": lambda ticket, _: ticket.status in OPEN and ticket.assignee_id is None,
    "open_at_risk": lambda ticket, _: ticket.status in OPEN and sla_state(ticket.sla) == "at_risk",
    "open_breached": lambda ticket, _: ticket.status in OPEN and sla_state(ticket.sla) == "breached",
    "snoozed": lambda ticket, _: ticket.status in OPEN and ticket.snoozed,
    "status_new": lambda ticket, _: ticket.status == "new",
    "status_open": lambda ticket, _: ticket.status == "open",
    "status_pending": lambda ticket, _: ticket.status == "pending",
    "status_on_hold": lambda ticket, _: ticket.status == "on_hold",
    "status_resolved": lambda ticket, _: ticket.status == "resolved",
    "age_under_1_day": lambda ticket, age: ticket.status in OPEN and age < DAY,
    "age_1_to_3_days": lambda ticket, age: ticket.status in OPEN and DAY <= age < 3 * DAY,
    "age_3_to_7_days": lambda ticket, age: ticket.status in OPEN and 3 * DAY <= age < 7 * DAY,
    "age_7_to_30_days": lambda ticket, age: ticket.status in OPEN and 7 * DAY <= age < 30 * DAY,
    "age_over_30_days": lambda ticket, age: ticket.status in OPEN and age >= 30 * DAY,
}


def counted_queue(tickets: Iterable[Standing]) -> dict[str, Any]:
    """Every figure of the queue, of tickets that are chosen already."""
    these = list(tickets)
    figures: dict[str, Any] = {
        name: sum(rule(one.ticket, one.age) for one in these) for name, rule in QUEUE_RULES.items()
    }
    ages = sorted(one.age.total_seconds() for one in these if one.ticket.status in OPEN)
    figures["backlog_oldest"] = max(ages, default=None)
    figures["backlog_age"] = (
        (len(ages), sum(ages) / len(ages), between(ages, 0.5), between(ages, 0.9)) if ages else None
    )  # fmt: skip
    return figures


def between(values: list[float], part: float) -> float:
    """The value at a part of the way through, between its neighbours in proportion."""
    place = part * (len(values) - 1)
    low = int(place)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (place - low)


def counted_flow(lives: Iterable[Life], since: datetime, until: datetime) -> dict[str, list[Place]]:
    """What came and went in a period: by figure, the place of each thing that it counts."""
    found: dict[str, list[Place]] = {name: [] for name in ("opened", "resolved", "resolutions", "reopenings")}
    for life in lives:
        facts, channel = life.facts, life.facts["channel"]
        if since <= facts["opened_at"] < until:
            opening = (facts["opened_team"], facts["opened_priority"], facts["opened_category"], channel)
            found["opened"].append(Place(*opening))
        if facts["resolved_at"] and since <= facts["resolved_at"] < until:
            solved = (facts["resolved_team"], facts["priority"], facts["category"], channel, facts["resolver_id"])
            found["resolved"].append(Place(*solved))
        for before, span in pairwise(life.spans):
            place = Place(span.team, span.priority, span.category, channel, span.assignee_id)
            if before.status == span.status or not since <= span.since < until:
                continue
            if span.status == "resolved":
                found["resolutions"].append(place)
            if before.status in ("resolved", "closed") and span.status not in ("resolved", "closed"):
                found["reopenings"].append(place)
    return found


def fits(place: Place, narrowing: Narrowing) -> bool:
    return all(getattr(place, dimension) in values for dimension, values in narrowing.items())


KNOWN = {
    "opened": DIMENSIONS[:4],
    "resolved": DIMENSIONS[:5],
    "resolutions": DIMENSIONS[:5],
    "reopenings": DIMENSIONS[:5],
    "net": DIMENSIONS[:4],
}
"""By which dimensions the figures of a period are known."""


def counted_overview(
    lives: Sequence[Life], at: datetime, period: tuple[datetime, datetime], narrowing: Narrowing
) -> dict[str, Any]:
    """Every figure of the overview, whole."""
    figures = counted_queue(one for one in standing(lives, at) if fits(one.place, narrowing))
    flow = counted_flow(lives, *period)
    for name, dimensions in KNOWN.items():
        if not set(narrowing) <= set(dimensions):
            figures[name] = None
        elif name == "net":
            figures[name] = figures["opened"] - sum(fits(one, narrowing) for one in flow["resolutions"])
        else:
            figures[name] = sum(fits(one, narrowing) for one in flow[name])
    return figures
