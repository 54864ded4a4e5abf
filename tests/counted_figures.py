"""The figures of tickets counted by hand: the slow and plain way, from raw events.

It shares no line with the statements of `database`. The facts and spans of every ticket are counted from its events
(`tests.counted_facts`) and laid out as rows; for each question and each figure all rows are looked at anew.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from domain.business_calendar import BusinessCalendar, time_zone
from domain.ids import TicketNumber
from domain.period import IntervalKind
from domain.report import Dimension, Question, ReportFilter, Spread, Value
from tests.counted_facts import Told, counted_facts, counted_spans
from tests.database.counted_clocks import FIRST_DATE

Stood = Mapping[str, Any]
"""The facts of a ticket, or a span of it, by name."""
FINISHED = ("resolved", "closed")


class Row(NamedTuple):
    """Something that counts: a ticket at one moment, in one place of each dimension that it has."""

    number: TicketNumber
    at: datetime
    places: Mapping[Dimension, str | None]
    stood: Stood

    def group(self, dimension: Dimension, zone: str) -> str | None:
        if dimension is Dimension.HOUR_OF_WEEK:
            local = self.at.astimezone(time_zone(zone))
            return str(local.weekday() * 24 + local.hour)
        return self.places[dimension]

    def first_date(self, interval: IntervalKind, zone: str) -> date:
        """Of the day, week or month that the wall clock of the zone showed."""
        return FIRST_DATE[interval](self.at.astimezone(time_zone(zone)).date())


class Twin(NamedTuple):
    """A figure counted by hand: over which rows and how, and which of them stand behind it with which value."""

    rows: str
    measure: Callable[[Sequence[Stood]], Value]
    of: Callable[[Stood], Any]
    value: str | None = None


class Behind(NamedTuple):
    """A row behind a number."""

    number: TicketNumber
    at: datetime
    value: float | None


# Rows.

_PLACES = (Dimension.TEAM, Dimension.PRIORITY, Dimension.CATEGORY, Dimension.AGENT)
KNOWN: dict[str, frozenset[Dimension]] = {
    "opened": frozenset({*_PLACES[:3], Dimension.CHANNEL, Dimension.HOUR_OF_WEEK}),
    **dict.fromkeys(
        ("responded", "resolved", "steps"), frozenset({*_PLACES, Dimension.CHANNEL, Dimension.HOUR_OF_WEEK})
    ),
}
"""The dimensions of each kind of rows. What is opened is nobody's yet."""
Rows = Mapping[str, Sequence[Row]]
"""All rows of all tickets, by their kind."""


def rows_of(histories: Iterable[Sequence[Told]], calendars: dict[int, BusinessCalendar]) -> Rows:
    rows: dict[str, list[Row]] = {kind: [] for kind in KNOWN}
    for history in histories:
        facts = counted_facts(history, calendars)
        opened, now = ("opened_team", "opened_priority", "opened_category"), ("priority", "category")
        rows["opened"].append(_row(facts, facts, "opened_at", *opened))
        if facts["first_responded_at"] is not None:
            rows["responded"].append(_row(facts, facts, "first_responded_at", "responded_team", *now, "responder_id"))
        if facts["resolved_at"] is not None:
            rows["resolved"].append(_row(facts, facts, "resolved_at", "resolved_team", *now, "resolver_id"))
        for span in counted_spans(history):
            stood = span._asdict()
            if _is_resolution(stood) or _is_reopening(stood):
                rows["steps"].append(_row(facts, stood, "since", "team", *now, "assignee_id"))
    return rows


def _row(facts: Stood, stood: Stood, at: str, *places: str) -> Row:
    """`places`: the names of team, priority, category and, for what somebody did, the agent."""
    found = {one: _text(stood[name]) for one, name in zip(_PLACES, places, strict=False)}
    return Row(facts["number"], stood[at], {**found, Dimension.CHANNEL: facts["channel"]}, stood)


def _is_resolution(span: Stood) -> bool:
    return bool(span["status"] == "resolved" != span["previous_status"])


def _is_reopening(span: Stood) -> bool:
    return span["previous_status"] in FINISHED and span["status"] not in FINISHED


def _text(key: Any) -> str | None:
    return None if key is None else str(key)


# Figures.


def _always(_: Stood) -> bool:
    return True


def counts(rows: str, of: Callable[[Stood], Any] = _always) -> Twin:
    return Twin(rows, lambda some: len([one for one in some if of(one)]), of)


def shares(rows: str, of: Callable[[Stood], Any], whole: Callable[[Stood], Any] = _always) -> Twin:
    """Those that are so, by those of the whole."""

    def count(some: Sequence[Stood]) -> Value:
        among = len([one for one in some if whole(one)])
        return len([one for one in some if of(one)]) / among if among else None

    return Twin(rows, count, of)


def sums(rows: str, name: str) -> Twin:
    return Twin(rows, lambda some: sum(one[name] for one in some), lambda one: one[name] > 0, name)


def means(rows: str, name: str) -> Twin:
    def count(some: Sequence[Stood]) -> Value:
        values = [one[name] for one in some if one[name] is not None]
        return math.fsum(values) / len(values) if values else None

    return Twin(rows, count, lambda one: one[name] is not None, name)


def spreads(rows: str, name: str) -> Twin:
    return Twin(rows, lambda some: spread_of(one[name] for one in some), lambda one: one[name] is not None, name)


def spread_of(values: Iterable[float | None]) -> Spread | None:
    ordered = sorted(one for one in values if one is not None)
    if not ordered:
        return None
    return Spread(len(ordered), math.fsum(ordered) / len(ordered), _percentile(ordered, 0.5), _percentile(ordered, 0.9))


def _percentile(ordered: Sequence[float], share: float) -> float:
    """The value at this share of the way from the first to the last; between two of them, in proportion."""
    place = share * (len(ordered) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


TICKETS: dict[str, Twin] = {
    "opened": counts("opened"),
    "resolved": counts("resolved"),
    "resolutions": counts("steps", _is_resolution),
    "reopenings": counts("steps", _is_reopening),
    "reopen_rate": shares("steps", _is_reopening, _is_resolution),
    "first_response": spreads("responded", "response_seconds"),
    "first_response_business": spreads("responded", "response_business_seconds"),
    "resolution": spreads("resolved", "resolution_seconds"),
    "resolution_business": spreads("resolved", "resolution_business_seconds"),
    "one_touch": shares("resolved", lambda one: one["one_touch"]),
    "reassignments": sums("resolved", "reassignments"),
    "reassignments_a_ticket": means("resolved", "reassignments"),
    "reassigned": shares("resolved", lambda one: one["reassignments"] > 0),
}


# Questions.


def values_of(
    twins: Mapping[str, Twin],
    rows: Rows,
    question: Question,
    keep: Callable[[Row], bool] = lambda _: True,
    needs: Dimension | None = None,
) -> dict[str, Value]:
    """Every figure over the rows that are kept; None where its rows have no such dimension."""
    return {
        name: twin.measure([row.stood for row in rows_in(twin.rows, rows, question) if keep(row)])
        if is_known(twin.rows, question.wanted, needs)
        else None
        for name, twin in twins.items()
    }


def rows_behind(twin: Twin, rows: Rows, question: Question, keep: Callable[[Row], bool]) -> list[Behind]:
    """What stands behind a number, the newest ticket first."""
    found = [
        Behind(row.number, row.at, None if twin.value is None else row.stood[twin.value])
        for row in rows_in(twin.rows, rows, question)
        if keep(row) and twin.of(row.stood)
    ]
    return sorted(found, key=lambda one: (one.number, one.at), reverse=True)


def is_known(kind: str, wanted: ReportFilter, needs: Dimension | None = None) -> bool:
    """Whether such rows have the dimensions that are narrowed, and the one that is needed."""
    return KNOWN[kind].issuperset(_narrowed(wanted)) and (needs is None or needs in KNOWN[kind])


def rows_in(kind: str, rows: Rows, question: Question) -> list[Row]:
    """The rows of the period that the filter lets through."""
    narrowed = _narrowed(question.wanted)
    return [
        row
        for row in rows[kind]
        if question.period.since <= row.at < question.period.until
        and all(row.places[dimension] in keys for dimension, keys in narrowed.items())
    ]


def _narrowed(wanted: ReportFilter) -> dict[Dimension, set[str | None]]:
    asked: dict[Dimension, Sequence[Any]] = {
        Dimension.TEAM: wanted.team,
        Dimension.PRIORITY: wanted.priority,
        Dimension.CATEGORY: wanted.category,
        Dimension.CHANNEL: wanted.channel,
        Dimension.AGENT: [*wanted.agent, *[None] * wanted.no_agent],
    }
    narrowed = {dimension: {_text(one) for one in some} for dimension, some in asked.items() if some}
    if wanted.within is not None:
        narrowed[Dimension.TEAM] = narrowed.get(Dimension.TEAM, set(wanted.within)) & set(wanted.within)
    return narrowed
