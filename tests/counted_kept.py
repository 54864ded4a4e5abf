"""Figures of promises, escalations and satisfaction counted by hand, by the names that reports give them.

They share no line with the statements: the clocks come from `counted_clocks`, all else from raw events.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from database.sla_figures import ClockFilter, Counts, Decided
from database.sla_figures import Spread as SlaSpread
from domain.business_calendar import BusinessCalendar
from domain.period import Period
from domain.report import Dimension, ReportFilter, Spread, Value
from domain.sla_clock import Audience
from tests.counted_facts import Told, counted_facts, moments, stood
from tests.database.counted_clocks import ClockRow


def hour_of_week(at: datetime, zone: str) -> str:
    """The hour that the wall clock of the zone shows: 0 is Monday's first."""
    local = at.astimezone(ZoneInfo(zone))
    return str(local.weekday() * 24 + local.hour)


class CountedRow(NamedTuple):
    """Something that counts once: when, where, and with what."""

    at: datetime
    places: Mapping[Dimension, Any]
    told: Mapping[str, Any]

    def fits(self, wanted: ReportFilter, period: Period) -> bool:
        places = self.places
        return (
            period.since <= self.at < period.until
            and all(
                not some or places[dimension] in some
                for dimension, some in (
                    (Dimension.TEAM, wanted.team),
                    (Dimension.PRIORITY, wanted.priority),
                    (Dimension.CATEGORY, wanted.category),
                    (Dimension.CHANNEL, wanted.channel),
                )
            )
            and (wanted.within is None or places[Dimension.TEAM] in wanted.within)
            and (
                not (wanted.agent or wanted.no_agent)
                or places[Dimension.AGENT] in [*wanted.agent, *[None] * wanted.no_agent]
            )
        )

    def key(self, group_by: Dimension, zone: str) -> str | None:
        return hour_of_week(self.at, zone) if group_by is Dimension.HOUR_OF_WEEK else _text(self.places[group_by])


def spread_of(values: Sequence[float]) -> Spread | None:
    """Median and ninth decile lie between two values in proportion."""
    if not values:
        return None
    tenths = statistics.quantiles(list(values) * (2 if len(values) == 1 else 1), n=10, method="inclusive")
    return Spread(len(values), statistics.fmean(values), statistics.median(values), tenths[8])


def share_of(part: int, whole: int) -> float | None:
    return part / whole if whole else None


# Promises.


def clocks_wanted(wanted: ReportFilter, audience: Audience) -> ClockFilter:
    """The same filter, as it is put to clocks."""
    return ClockFilter(
        audience, (), wanted.team, wanted.priority, wanted.category, wanted.agent, wanted.no_agent, wanted.within
    )


CLOCK_KEYS: dict[Dimension, Callable[[ClockRow, str], str | None]] = {
    Dimension.TEAM: lambda one, _: one.circumstances.team,
    Dimension.PRIORITY: lambda one, _: str(one.circumstances.priority),
    Dimension.CATEGORY: lambda one, _: one.circumstances.category,
    Dimension.AGENT: lambda one, _: _text(one.circumstances.agent),
    Dimension.POLICY: lambda one, _: str(one.policy),
    Dimension.HOUR_OF_WEEK: lambda one, zone: hour_of_week(one.decision, zone) if one.decision else None,
}
"""The group of a clock that was decided."""


def promise_values(decided: Decided, audience: Audience) -> dict[str, Value]:
    """What `SlaFigures` or `counted_clocks` say of all targets, by the names of the report."""
    mine = "team_" if audience == "team" else ""
    total = Counts()
    values: dict[str, Value] = {}
    for target, figures in decided.items():
        counts = figures.counts
        total = total.plus(counts)
        met = counts.met_in_time + counts.met_late
        values |= _counts(f"{mine}{target}", counts)
        values[f"{mine}{target}_used"] = _sized(figures.used, met)
        values[f"{mine}{target}_wall"] = _sized(figures.wall, met)
        values[f"{mine}{target}_past_due"] = _sized(figures.past_due, counts.breached)
    return values | _counts(f"{mine}sla", total)


def _counts(what: str, counts: Counts) -> dict[str, Value]:
    named = {**counts._asdict(), "decided": counts.decided, "compliance": counts.compliance}
    return {f"{what}_{name}": value for name, value in named.items()}


def _sized(spread: SlaSpread | None, size: int) -> Spread | None:
    return None if spread is None else Spread(size, spread.average, spread.median, spread.p90)


# Escalations.

SECOND = timedelta(seconds=1)
Calendars = dict[int, BusinessCalendar]


def counted_raises(history: Sequence[Told]) -> list[CountedRow]:
    """Every event of a ticket that changed its level."""
    at, tickets = moments(history), stood(history)
    rows = []
    for place, one in enumerate(history):
        if one.event.type not in ("ticket.escalated", "ticket.de_escalated"):
            continue
        is_raise = one.event.type == "ticket.escalated"
        then = tickets[max(other for other in range(len(at)) if at[other] <= at[place])]
        before = tickets[place - 1].escalation_level
        later = range(place + 1, len(history))
        resolved = [other for other in later if getattr(history[other].event, "status", None) == "resolved"]
        taken = [other for other in later if history[other].event.type == "ticket.acknowledged"]
        in_time = [other for other in taken if not resolved or other < resolved[0]]
        rows.append(
            CountedRow(
                at[place],
                {
                    Dimension.TEAM: then.team,
                    Dimension.PRIORITY: then.priority,
                    Dimension.CATEGORY: then.category,
                    Dimension.AGENT: then.assignee_id,
                    Dimension.CHANNEL: channel(history),
                    Dimension.LEVEL: one.event.escalation_level if is_raise else before,
                },
                {
                    "number": one.number,
                    "is_raise": is_raise,
                    "by": one.actor.kind,
                    "before": before,
                    "opening": (at[place] - at[0]) / SECOND,
                    "acknowledgement": (at[in_time[0]] - at[place]) / SECOND if in_time else None,
                    "resolution": (at[resolved[0]] - at[place]) / SECOND if resolved else None,
                },
            )
        )
    return rows


def counted_opening(history: Sequence[Told], calendars: Calendars) -> CountedRow:
    """A ticket at its opening, and how far it was escalated since."""
    facts = counted_facts(history, calendars)
    return CountedRow(
        facts["opened_at"],
        {
            Dimension.TEAM: facts["opened_team"],
            Dimension.PRIORITY: facts["opened_priority"],
            Dimension.CATEGORY: facts["opened_category"],
            Dimension.CHANNEL: facts["channel"],
            Dimension.LEVEL: facts["highest_level"],
        },
        {"escalations": facts["escalations"]},
    )


def channel(history: Sequence[Told]) -> str:
    opening = history[0]
    if opening.actor.kind != "person":
        return "integration"
    return "self_service" if opening.actor.id == opening.event.requester_id else "desk"


def escalation_values(changes: Sequence[CountedRow]) -> dict[str, Value]:
    """The figures of raises."""
    raises = [row.told for row in changes if row.told["is_raise"]]
    acknowledged = [one["acknowledgement"] for one in raises if one["acknowledgement"] is not None]
    by = [one["by"] for one in raises]
    return {
        "escalations": len(raises),
        "escalations_by_ladder": by.count("timer"),
        "escalations_by_people": by.count("person"),
        "escalations_by_integrations": by.count("integration"),
        "first_escalations": len([one for one in raises if not one["before"]]),
        "escalated_tickets": len({one["number"] for one in raises}),
        "opening_to_escalation": spread_of([one["opening"] for one in raises]),
        "escalation_to_acknowledgement": spread_of(acknowledged),
        "acknowledged": share_of(len(acknowledged), len(raises)),
        "escalation_to_resolution": spread_of([one["resolution"] for one in raises if one["resolution"] is not None]),
        "de_escalations": len(changes) - len(raises),
    }


def opened_values(openings: Sequence[CountedRow]) -> dict[str, Value]:
    """The figures of tickets that were opened."""
    escalated = len([row for row in openings if row.told["escalations"]])
    return {"opened_and_escalated": escalated, "escalated_share": share_of(escalated, len(openings))}


# Satisfaction.


def counted_rating(history: Sequence[Told], calendars: Calendars) -> CountedRow | None:
    """The last rating of a ticket."""
    facts = counted_facts(history, calendars)
    if facts["rated_at"] is None:
        return None
    places = _places_now(facts) | {
        Dimension.TEAM: facts["rated_team"],
        Dimension.AGENT: facts["rated_resolver_id"],
        Dimension.SCORE: facts["rating"],
    }
    return CountedRow(facts["rated_at"], places, {"score": facts["rating"]})


def counted_resolution(history: Sequence[Told], calendars: Calendars) -> CountedRow | None:
    """The resolution that stands, and whether somebody rated it."""
    facts = counted_facts(history, calendars)
    if facts["resolved_at"] is None:
        return None
    places = _places_now(facts) | {
        Dimension.TEAM: facts["resolved_team"],
        Dimension.AGENT: facts["resolver_id"],
    }
    is_rated = facts["rated_at"] is not None and facts["rated_at"] >= facts["resolved_at"]
    return CountedRow(facts["resolved_at"], places, {"is_rated": is_rated})


def _places_now(facts: Mapping[str, Any]) -> dict[Dimension, Any]:
    return {
        Dimension.PRIORITY: facts["priority"],
        Dimension.CATEGORY: facts["category"],
        Dimension.CHANNEL: facts["channel"],
    }


def rating_values(ratings: Sequence[CountedRow]) -> dict[str, Value]:
    scores = [row.told["score"] for row in ratings]
    return {
        "ratings": len(scores),
        "mean_score": statistics.fmean(scores) if scores else None,
        "csat": share_of(scores.count(4) + scores.count(5), len(scores)),
        **{f"score_{score}": scores.count(score) for score in range(1, 6)},
    }


def resolution_values(resolutions: Sequence[CountedRow]) -> dict[str, Value]:
    rated = len([row for row in resolutions if row.told["is_rated"]])
    return {"resolved_and_rated": rated, "response_rate": share_of(rated, len(resolutions))}


def _text(key: Any) -> str | None:
    return None if key is None else str(key)


def close_to(values: dict[str, Value], others: dict[str, Value]) -> Iterable[str]:
    """The names of the values that are not the same, but for the last bits of what is no whole number."""
    for name in values.keys() | others.keys():
        one, other = values.get(name, "missing"), others.get(name, "missing")
        if not _is_close(one, other):
            yield f"{name}: {one} is not {other}"


def _is_close(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(_is_close(part, another) for part, another in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, int | float):
        return abs(one - other) <= 1e-6 + 1e-9 * abs(other)
    return bool(one == other)
