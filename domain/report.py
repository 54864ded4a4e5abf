"""What a report is asked for: figures of a period, narrowed by filters, grouped by a dimension, cut into pieces.

Every figure counts rows of a population, each of which counts at one moment and in one place (team, priority, ...), so
that groups add up to the whole and periods that follow each other count everything once. `docs/metrics.md` defines
every figure.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from domain.ids import PersonId
from domain.period import Period, Piece
from domain.ticket import Priority, Slug
from domain.ticket_facts import Channel

NONE = "none"
"""The key, in an address, of what belongs to no team, nobody, and so on."""


class Dimension(StrEnum):
    """What figures are grouped by."""

    TEAM = "team"
    PRIORITY = "priority"
    CATEGORY = "category"
    CHANNEL = "channel"
    AGENT = "agent"
    POLICY = "policy"
    LEVEL = "level"
    """An escalation level."""
    SCORE = "score"
    """What a requester gave."""
    HOUR_OF_WEEK = "hour_of_week"
    """On the wall clock of the zone: 0 is Monday's first hour, 167 Sunday's last."""


class Unit(StrEnum):
    """What a figure is measured in."""

    COUNT = "count"
    SHARE = "share"
    """1 is all of it. What is counted by something else, as reopenings by resolutions, may be more."""
    SECONDS = "seconds"
    NUMBER = "number"
    """A mean, an index: nothing that adds up."""


class Spread(NamedTuple):
    """How long so many things took, in seconds. Median and `p90` (nine of ten stayed within) lie between two values in
    proportion."""

    size: int
    mean: float
    median: float
    p90: float


Value = int | float | Spread | None
"""A figure's value; None when there is nothing to measure, or the figure knows nothing of what was asked."""
Comparison = Literal["previous", "none"]


def change(value: Value, previous: Value) -> float | None:
    """By how much of the previous value it changed, a spread by its median; None without a previous one, or when that
    is 0."""
    now, before = (one.median if isinstance(one, Spread) else one for one in (value, previous))
    return None if now is None or not before else (now - before) / before


class ReportFilter(NamedTuple):
    """Which rows count; empty means all. `within` are the only teams whose rows may be counted (None: any);
    `alone` is the only agent whose own figures may be told apart from their teams' (None: everybody's).

    A figure that does not know a dimension that is narrowed (a shift has no priority) has no value.
    """

    team: Sequence[Slug] = ()
    priority: Sequence[Priority] = ()
    category: Sequence[Slug] = ()
    channel: Sequence[Channel] = ()
    agent: Sequence[PersonId] = ()
    no_agent: bool = False
    within: frozenset[Slug] | None = None
    alone: PersonId | None = None


class Question(NamedTuple):
    """What is asked: of a period, as of `now`. `pieces` are parts of the period, in their order; `compare`: the period
    before is wanted too, or the one that `before` names. Hours of the week are those of `zone`. What stands for a
    moment is told of the past moment `as_of`; None: of now."""

    period: Period
    now: datetime
    wanted: ReportFilter = ReportFilter()
    group_by: Dimension | None = None
    pieces: Sequence[Piece] = ()
    zone: str = "UTC"
    compare: bool = False
    before: Period | None = None
    as_of: datetime | None = None
