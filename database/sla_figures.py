"""How the promises were kept: figures over the clocks of the ledger, computed where they lie.

A clock is **decided** at the moment of its breach, or else of its end, and counts in the period in which that moment
lies, once: what was breached in March and met late in April is March's, and breached. It counts where the ticket was
then (team, priority, category, assignee). A clock that is due by now is breached, whether or not that was recorded yet.
Clocks that are not decided are counted apart, by where their tickets are now. `docs/sla-figures.md` defines every
figure.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import asyncpg

from database.known_references import check_known
from database.pool import PATIENT_SECONDS, Connection, Pool
from domain.ids import PersonId
from domain.period import Period, Piece
from domain.sla_clock import TARGETS, Audience, Target
from domain.ticket import Priority, Slug

GroupBy = Literal["team", "priority", "category", "agent", "policy"]


class ClockFilter(NamedTuple):
    """Which clocks count; empty means all. `within` are the only teams whose clocks may be counted (None: any)."""

    audience: Audience = "customer"
    target: Sequence[Target] = ()
    team: Sequence[Slug] = ()
    priority: Sequence[Priority] = ()
    category: Sequence[Slug] = ()
    agent: Sequence[PersonId] = ()
    no_agent: bool = False
    within: frozenset[Slug] | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that are asked for."""
        return tuple(target for target in TARGETS if target in (self.target or TARGETS))


class Spread(NamedTuple):
    """How long things took, in seconds. `p90` is what nine of ten stayed within (between two values, in proportion)."""

    average: float
    median: float
    p90: float
    longest: float


class Counts(NamedTuple):
    """The clocks that were decided. `cancelled` ones are counted apart: nothing was kept or broken."""

    met_in_time: int = 0
    breached: int = 0
    met_late: int = 0
    """Of the breached: met since."""
    still_open: int = 0
    """Of the breached: not met yet."""
    cancelled: int = 0

    @property
    def decided(self) -> int:
        return self.met_in_time + self.breached

    @property
    def compliance(self) -> float | None:
        """The share that was met in time; None when nothing was decided."""
        return self.met_in_time / self.decided if self.decided else None

    def plus(self, other: "Counts") -> "Counts":
        return Counts(*(one + more for one, more in zip(self, other, strict=True)))


class Figures(NamedTuple):
    """The clocks of one target that were decided. `used` and `wall` are of those met by now, in time or late: what the
    clock counted, and the time from its beginning to its end. `past_due` is wall-clock time, of the breached: until
    they ended, or until now."""

    counts: Counts = Counts()
    used: Spread | None = None
    wall: Spread | None = None
    past_due: Spread | None = None


class OpenClocks(NamedTuple):
    """The clocks of one target that are open now. `running` and `paused` ones are undecided, and `at_risk` those of
    them that were warned of; `overdue` ones were breached, whenever that was. `longest` is the age of the oldest open
    clock, in seconds of wall-clock time."""

    running: int = 0
    paused: int = 0
    at_risk: int = 0
    overdue: int = 0
    longest: float | None = None


Decided = dict[Target, Figures]
Open = dict[Target, OpenClocks]


class Group(NamedTuple):
    """The clocks of one team, priority, category, agent or policy; `key` None: of none."""

    key: str | None
    name: str | None
    decided: Decided
    open: Open


class Metrics(NamedTuple):
    """The figures of a period, whole and by groups. Groups without a clock are left out."""

    decided: Decided
    open: Open
    groups: list[Group]


_CIRCUMSTANCES = "c.team, c.priority, c.category, c.assignee_id"
_CIRCUMSTANCES_NOW = "t.team, t.priority, t.category, t.assignee_id"
_DECIDED = f"""
    select c.ticket_number, c.audience, c.target, {_CIRCUMSTANCES}, c.policy_version, c.phase, c.started_at,
        c.used_seconds, c.breached_at, c.ended_at, c.decided_at
    from sla_clocks c where c.decided_at is not null
    union all
    select c.ticket_number, c.audience, c.target, {_CIRCUMSTANCES_NOW}, c.policy_version, c.phase, c.started_at,
        c.used_seconds, c.due_at, c.ended_at, c.due_at
    from sla_clocks c join tickets t on t.number = c.ticket_number
    where c.ended_at is null and c.decided_at is null and c.phase = 'running' and c.due_at <= {{now}}
"""
"""The clocks that are decided, and those whose breach only waits to be recorded."""
DECIDED_CLOCKS = f"""
    select decided.ticket_number, decided.audience, decided.target, decided.team, decided.priority, decided.category,
        decided.assignee_id, decided.policy_version, decided.phase, decided.breached_at, decided.ended_at,
        decided.decided_at,
        case when decided.phase = 'met' then decided.used_seconds end as used,
        case when decided.phase = 'met' then extract(epoch from decided.ended_at - decided.started_at)::float8 end
            as wall,
        extract(epoch from coalesce(decided.ended_at, {{now}}) - decided.breached_at)::float8 as past_due
    from ({_DECIDED}) decided
"""
"""SQL: the decided clocks with their times, in seconds. `{now}` is the moment of asking, an argument. Whatever counts
decided clocks counts these."""
COUNTED_AS: Mapping[str, str] = MappingProxyType(
    {
        "met_in_time": "breached_at is null and phase = 'met'",
        "breached": "breached_at is not null",
        "met_late": "breached_at is not null and phase = 'met'",
        "still_open": "breached_at is not null and ended_at is null",
        "cancelled": "breached_at is null and phase = 'cancelled'",
    }
)
"""SQL: which of the decided clocks a count of `Counts` counts."""
_NOW = "$9::timestamptz"
_OPEN = f"""
    select c.audience, c.target, {_CIRCUMSTANCES_NOW}, c.policy_version, c.phase, c.started_at, c.warned,
        c.decided_at is not null or (c.phase = 'running' and c.due_at <= $9::timestamptz) as is_overdue
    from sla_clocks c join tickets t on t.number = c.ticket_number
    where c.ended_at is null
"""
_CHOSEN = """
    audience = $1 and (cardinality($2::text[]) = 0 or target = any($2))
    and (cardinality($3::text[]) = 0 or team = any($3)) and (cardinality($4::text[]) = 0 or priority = any($4))
    and (cardinality($5::text[]) = 0 or category = any($5))
    and (cardinality($6::uuid[]) = 0 and not $7::boolean or assignee_id = any($6) or ($7 and assignee_id is null))
    and ($8::text[] is null or team = any($8))
"""
_POLICY = "(select v.policy_id from sla_policy_versions v where v.id = policy_version)::text"
_KEYS: dict[GroupBy | None, str] = {
    None: "null::text",
    "team": "team",
    "priority": "priority",
    "category": "category",
    "agent": "assignee_id::text",
    "policy": _POLICY,
}
_PIECE = "width_bucket(decided_at, $12::timestamptz[])::text"
_NAMES: dict[GroupBy, str] = {
    "team": "select slug, name from teams where slug = any($1) order by name, slug",
    "priority": "select p, p from unnest(array['urgent', 'high', 'normal', 'low']) p where p = any($1)",
    "category": "select slug, name from categories where slug = any($1) order by name, slug",
    "agent": "select id::text, name from people where id::text = any($1) order by name, id",
    "policy": "select id::text, name from sla_policies where id::text = any($1) order by place, id",
}
"""The names of groups, in the order in which the groups are given."""
_WHOLE, _WHOLE_AND_GROUPS, _GROUPS = "(target)", "grouping sets ((target), (target, key))", "(target, key)"


def _spread(column: str) -> str:
    return (
        f"avg({column}) as {column}_average, max({column}) as {column}_longest, "
        f"percentile_cont(array[0.5, 0.9]) within group (order by {column}) as {column}_percentiles"
    )


def _decided_statement(key: str, grouping: str) -> str:
    is_whole = "grouping(key) = 1" if grouping == _WHOLE_AND_GROUPS else str(grouping == _WHOLE).lower()
    return f"""
select {"null" if grouping == _WHOLE else "key"} as key, {is_whole} as is_whole, target,
    {", ".join(f"count(*) filter (where {condition}) as {name}" for name, condition in COUNTED_AS.items())},
    {_spread("used")}, {_spread("wall")}, {_spread("past_due")}
from (
    select {key} as key, target, phase, breached_at, ended_at, used, wall, past_due
    from ({DECIDED_CLOCKS.format(now=_NOW)}) clock where {_CHOSEN} and decided_at >= $10 and decided_at < $11
) clock group by {grouping}
"""


def _open_statement(key: str, grouping: str) -> str:
    is_whole = "grouping(key) = 1" if grouping == _WHOLE_AND_GROUPS else "true"
    return f"""
select {"null" if grouping == _WHOLE else "key"} as key, {is_whole} as is_whole, target,
    count(*) filter (where not is_overdue and phase = 'running') as running,
    count(*) filter (where not is_overdue and phase = 'paused') as paused,
    count(*) filter (where not is_overdue and warned > 0) as at_risk,
    count(*) filter (where is_overdue) as overdue,
    extract(epoch from $9::timestamptz - min(started_at))::float8 as longest
from (
    select {key} as key, target, phase, warned, started_at, is_overdue from ({_OPEN}) clock where {_CHOSEN}
) clock group by {grouping}
"""


class SlaFigures:
    """Reads figures. Every answer is of one snapshot: whole and groups agree."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def check_known(self, wanted: ClockFilter) -> None:
        """Raises UnknownReferenceError for a team, category or person that does not exist."""
        await check_known(self._pool, wanted.team, wanted.category, wanted.agent)

    async def metrics(self, period: Period, wanted: ClockFilter, group_by: GroupBy | None, now: datetime) -> Metrics:
        """The figures of a period as of `now`."""
        grouping = _WHOLE if group_by is None else _WHOLE_AND_GROUPS
        key, chosen = _KEYS[group_by], _arguments(wanted, now)
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            decided = _by_group(await _fetch(connection, _decided_statement(key, grouping), *chosen, *period))
            still_open = _by_group(await _fetch(connection, _open_statement(key, grouping), *chosen))
            found = {group.key for group in {*decided, *still_open} if not group.is_whole}
            names = await _names(connection, group_by, found)
        return Metrics(
            _figures(decided.get(_ALL, []), wanted),
            _open(still_open.get(_ALL, []), wanted),
            [
                Group(
                    key,
                    name,
                    _figures(decided.get(_Place(False, key), []), wanted),
                    _open(still_open.get(_Place(False, key), []), wanted),
                )
                for key, name in names.items()
            ],
        )

    async def trends(self, pieces: Sequence[Piece], wanted: ClockFilter, now: datetime) -> list[Decided]:
        """The figures of each piece of a period, as of `now`."""
        rows = await self._pool.fetch(
            _decided_statement(_PIECE, _GROUPS),
            *_arguments(wanted, now),
            pieces[0].since,
            pieces[-1].until,
            [piece.since for piece in pieces],
            timeout=PATIENT_SECONDS,
        )
        found = _by_group(rows)
        return [_figures(found.get(_Place(False, str(place)), []), wanted) for place in range(1, len(pieces) + 1)]


class _Place(NamedTuple):
    """Where a row of an answer belongs: to the whole, or to a group."""

    is_whole: bool
    key: str | None


_ALL = _Place(True, None)


def _by_group(rows: list[asyncpg.Record]) -> dict[_Place, list[asyncpg.Record]]:
    groups: dict[_Place, list[asyncpg.Record]] = {}
    for row in rows:
        groups.setdefault(_Place(row["is_whole"], row["key"]), []).append(row)
    return groups


async def _names(
    connection: Connection, group_by: GroupBy | None, keys: set[str | None]
) -> dict[str | None, str | None]:
    """The groups in their order, with their names; clocks of none come last."""
    if group_by is None:
        return {}
    rows = await _fetch(connection, _NAMES[group_by], [key for key in keys if key is not None])
    names: dict[str | None, str | None] = {row[0]: row[1] for row in rows}
    return names | dict.fromkeys(keys - names.keys())


async def _fetch(connection: Connection, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    return await connection.fetch(statement, *arguments, timeout=PATIENT_SECONDS)


def _arguments(wanted: ClockFilter, now: datetime) -> list[Any]:
    return [
        wanted.audience,
        list(wanted.target),
        list(wanted.team),
        list(wanted.priority),
        list(wanted.category),
        list(wanted.agent),
        wanted.no_agent,
        None if wanted.within is None else sorted(wanted.within),
        now,
    ]


def _figures(rows: list[asyncpg.Record], wanted: ClockFilter) -> Decided:
    found = {row["target"]: row for row in rows}
    return {target: _figures_of(found[target]) if target in found else Figures() for target in wanted.targets}


def _figures_of(row: asyncpg.Record) -> Figures:
    counts = Counts(*(row[name] for name in Counts._fields))
    return Figures(counts, *(_spread_of(row, name) for name in ("used", "wall", "past_due")))


def _spread_of(row: asyncpg.Record, name: str) -> Spread | None:
    if row[f"{name}_average"] is None:
        return None
    median, p90 = row[f"{name}_percentiles"]
    return Spread(row[f"{name}_average"], median, p90, row[f"{name}_longest"])


def _open(rows: list[asyncpg.Record], wanted: ClockFilter) -> Open:
    found = {row["target"]: OpenClocks(*(row[name] for name in OpenClocks._fields)) for row in rows}
    return {target: found.get(target, OpenClocks()) for target in wanted.targets}
