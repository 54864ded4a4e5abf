"""Coverage: who is on when, where too few are, and how good that is.

An agent covers the time of their shifts outside of their breaks. The need is a number of agents for each hour of the
week. The score is

    100 x (agent time that covers the need) / (agent time that is needed)

where one more agent than needed covers nothing: two too many in the morning do not make up for one too few at night.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from domain.business_calendar import Zone, time_zone
from domain.ids import PersonId
from domain.shift import Shift
from domain.shift_rules import span_of

HOURS = 24
WORST = 3
MAX_NEED = 1_000
Need = Annotated[int, Field(ge=0, le=MAX_NEED)]


class WeekNeed(BaseModel):
    """How many agents are needed: seven days from Monday on, each with 24 hours of the zone's wall clock."""

    model_config = ConfigDict(frozen=True)

    zone: Zone
    week: Annotated[
        tuple[Annotated[tuple[Need, ...], Field(min_length=HOURS, max_length=HOURS)], ...],
        Field(min_length=7, max_length=7),
    ]


class NeedSpan(NamedTuple):
    """From an instant to before another one so many agents are needed."""

    starts_at: datetime
    ends_at: datetime
    agents: int


class Stretch(NamedTuple):
    """A time in which the same agents are on."""

    starts_at: datetime
    ends_at: datetime
    agents: frozenset[PersonId]
    on_break: frozenset[PersonId]
    required: int

    @property
    def missing(self) -> int:
        return max(0, self.required - len(self.agents))


class Gap(NamedTuple):
    """A time in which too few are on: at most `missing` too few at once, `missing_minutes` of an agent in all."""

    starts_at: datetime
    ends_at: datetime
    missing: int
    missing_minutes: float


class Coverage(NamedTuple):
    """Who is on when, the gaps, the three worst of them, and the score (None: nobody is needed)."""

    stretches: tuple[Stretch, ...]
    gaps: tuple[Gap, ...]
    worst_gaps: tuple[Gap, ...]
    score: float | None


class HourCover(NamedTuple):
    """An hour of a zone's wall clock: how many agents are on and needed on average, and how much time is missing."""

    starts_at: datetime
    on: date
    hour: int
    agents: float
    required: float
    missing_minutes: float


def need_spans(need: WeekNeed, since: datetime, until: datetime) -> list[NeedSpan]:
    """The need between two instants, hour by hour of the zone's clock; neighbours with the same need are one."""
    spans = list[NeedSpan]()
    for start, end, there in _hours(need.zone, since, until):
        agents = need.week[there.weekday()][there.hour]
        if spans and spans[-1].agents == agents:
            spans[-1] = spans[-1]._replace(ends_at=end)
        else:
            spans.append(NeedSpan(start, end, agents))
    return spans


def by_hour(coverage: Coverage, zone: Zone) -> list[HourCover]:
    """A coverage hour by hour of a zone's wall clock; the first and the last hour count as far as it reaches. An hour
    that the clocks show twice comes twice."""
    found = list[HourCover]()
    place = 0
    stretches = coverage.stretches
    for start, end, there in _hours(zone, stretches[0].starts_at, stretches[-1].ends_at):
        while stretches[place].ends_at <= start:
            place += 1
        agents = required = missing = timedelta()
        for one in islice(stretches, place, None):
            if one.starts_at >= end:
                break
            length = min(one.ends_at, end) - max(one.starts_at, start)
            agents, required, missing = (
                agents + len(one.agents) * length, required + one.required * length, missing + one.missing * length,
            )  # fmt: skip
        whole = end - start
        found.append(
            HourCover(start, there.date(), there.hour, agents / whole, required / whole, missing / timedelta(minutes=1))
        )
    return found


def _hours(zone: Zone, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, datetime]]:
    """The hours of the zone's clock between two instants: from when to when, and what the clock shows first."""
    at = since
    while at < until:
        there = at.astimezone(time_zone(zone))
        into = timedelta(minutes=there.minute, seconds=there.second, microseconds=there.microsecond)
        end = min(at + timedelta(hours=1) - into, until)
        yield at, end, there
        at = end


def coverage_of(shifts: Iterable[Shift], needs: Sequence[NeedSpan], since: datetime, until: datetime) -> Coverage:
    """The coverage between two instants. What no need speaks of needs nobody."""
    changes = _changes(shifts, since, until)
    moments = {since, until, *changes}
    moments |= {max(since, need.starts_at) for need in needs if need.starts_at < until}
    moments |= {min(until, need.ends_at) for need in needs if need.ends_at > since}
    on, off = dict[PersonId, int](), dict[PersonId, int]()
    in_order = sorted(needs)
    place = 0
    stretches = list[Stretch]()
    ordered = sorted(moments)
    for at, following in zip(ordered, [*ordered[1:], until], strict=True):
        for agent, working, resting in changes.get(at, ()):
            on[agent] = on.get(agent, 0) + working
            off[agent] = off.get(agent, 0) + resting
        while place < len(in_order) and in_order[place].ends_at <= at:
            place += 1
        required = in_order[place].agents if place < len(in_order) and in_order[place].starts_at <= at else 0
        if at < following:
            resting_now = frozenset(agent for agent, count in off.items() if count and on.get(agent))
            working_now = frozenset(agent for agent, count in on.items() if count) - resting_now
            _append(stretches, Stretch(at, following, working_now, resting_now, required))
    gaps = _gaps(stretches)
    worst = sorted(gaps, key=lambda gap: (-gap.missing_minutes, gap.starts_at))[:WORST]
    return Coverage(tuple(stretches), gaps, tuple(worst), _score(stretches))


def _changes(
    shifts: Iterable[Shift], since: datetime, until: datetime
) -> dict[datetime, list[tuple[PersonId, int, int]]]:
    """Moment -> who begins (1) or ends (-1) to work, and to rest."""
    found = dict[datetime, list[tuple[PersonId, int, int]]]()

    def note(starts_at: datetime, ends_at: datetime, agent: PersonId, working: int, resting: int) -> None:
        begin, end = max(starts_at, since).astimezone(UTC), min(ends_at, until).astimezone(UTC)
        if begin < end:
            found.setdefault(begin, []).append((agent, working, resting))
            found.setdefault(end, []).append((agent, -working, -resting))

    for shift in shifts:
        span = span_of(shift)
        note(span.start, span.end, shift.agent_id, 1, 0)
        for taken in shift.breaks:
            note(taken.starts_at, min(taken.ended_at or taken.ends_at, span.end), shift.agent_id, 0, 1)
    return found


def _append(stretches: list[Stretch], new: Stretch) -> None:
    """Neighbours that say the same are one."""
    if stretches and stretches[-1][2:] == new[2:]:
        stretches[-1] = stretches[-1]._replace(ends_at=new.ends_at)
    else:
        stretches.append(new)


def _gaps(stretches: Sequence[Stretch]) -> tuple[Gap, ...]:
    gaps = list[Gap]()
    for one in stretches:
        if not one.missing:
            continue
        minutes = one.missing * ((one.ends_at - one.starts_at) / timedelta(minutes=1))
        if gaps and gaps[-1].ends_at == one.starts_at:
            last = gaps[-1]
            gaps[-1] = Gap(last.starts_at, one.ends_at, max(last.missing, one.missing), last.missing_minutes + minutes)
        else:
            gaps.append(Gap(one.starts_at, one.ends_at, one.missing, minutes))
    return tuple(gaps)


def _score(stretches: Sequence[Stretch]) -> float | None:
    needed = covered = 0.0
    for one in stretches:
        seconds = (one.ends_at - one.starts_at).total_seconds()
        needed += one.required * seconds
        covered += (one.required - one.missing) * seconds
    return round(100 * covered / needed, 1) if needed else None
