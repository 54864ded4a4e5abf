"""Figures of promises, escalations and satisfaction counted by hand, by the names that reports give them.

They share no line with the statements: the clocks come from `counted_clocks`, all else from raw events.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from database.sla_figures import ClockFilter, Counts, Decided
from database.sla_figures import Spread as SlaSpread
from domain.report import Dimension, ReportFilter, Spread, Value
from domain.sla_clock import Audience
from tests.database.counted_clocks import ClockRow


def hour_of_week(at: datetime, zone: str) -> str:
    """The hour that the wall clock of the zone shows: 0 is Monday's first."""
    local = at.astimezone(ZoneInfo(zone))
    return str(local.weekday() * 24 + local.hour)


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
