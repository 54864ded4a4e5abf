"""Figures in SQL are those of a count by hand, for every figure, group and interval."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from database.pool import Pool
from database.sla_figures import ClockFilter, Counts, GroupBy, SlaFigures
from database.tickets import TicketStore
from domain.errors import UnknownReferenceError
from domain.period import IntervalKind, Period, pieces_of
from tests.database.counted_clocks import (
    AS_OF,
    MICROSECOND,
    ClockRow,
    counted,
    counted_open,
    group_of,
    interval_of,
    some_clocks,
    some_filter,
    some_tickets,
    store_clocks,
)
from tests.factories import AGENT, person_id

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GROUPS: list[GroupBy] = list(get_args(GroupBy))
MARCH = Period(datetime(2030, 3, 1, tzinfo=UTC), datetime(2030, 4, 1, tzinfo=UTC))
APRIL = Period(MARCH.until, datetime(2030, 5, 1, tzinfo=UTC))
PERIODS = [
    MARCH,
    Period(datetime(2030, 3, 30, 22, 59, 59, tzinfo=UTC), datetime(2030, 4, 2, 1, 0, 0, 1, tzinfo=UTC)),
    Period(AS_OF - 30 * DAY, AS_OF),
    Period(AS_OF - 70 * DAY, AS_OF + 30 * DAY),
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham"]
CLOCKS = 1_000


def chance_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  nothing secret


def close(figures: Any) -> Any:
    """The same, but for the last bits of what is no whole number."""
    if isinstance(figures, dict):
        return {key: close(value) for key, value in figures.items()}
    if isinstance(figures, tuple):
        return tuple(close(part) for part in figures)
    return pytest.approx(figures, rel=1e-9, abs=1e-6) if isinstance(figures, float) else figures


def midnights(zone: str) -> list[datetime]:
    """Those around the days on which the clocks change in America, Europe and on Chatham in the spring of 2030."""
    changes = [datetime(2030, 3, 10, tzinfo=UTC), datetime(2030, 3, 31, tzinfo=UTC), datetime(2030, 4, 7, tzinfo=UTC)]
    return [
        piece.since for day in changes for piece in pieces_of(Period(day - 12 * HOUR, day + 36 * HOUR), "day", zone)[1:]
    ]


async def clocks_in(pool: Pool, store: TicketStore, chance: random.Random, zone: str = "UTC") -> list[ClockRow]:
    tickets = await some_tickets(store, chance)
    edges = [*midnights(zone), AS_OF, *(edge for period in PERIODS for edge in period)]
    clocks = some_clocks(tickets, edges, chance, CLOCKS)
    await store_clocks(pool, clocks)
    return clocks


@pytest.mark.parametrize("seed", range(3))
async def test_a_periods_figures_are_those_of_a_count_by_hand(
    pool: Pool, store: TicketStore, figures: SlaFigures, seed: int
) -> None:
    chance = chance_of(seed)
    clocks = await clocks_in(pool, store, chance)

    for period in PERIODS:
        for wanted in (ClockFilter(), ClockFilter(audience="team"), *(some_filter(chance) for _ in range(6))):
            metrics = await figures.metrics(period, wanted, None, AS_OF)

            assert metrics.decided == close(counted(clocks, wanted, period)), (period, wanted)
            assert metrics.open == close(counted_open(clocks, wanted)), wanted
            assert metrics.groups == []


@pytest.mark.parametrize("group_by", GROUPS)
async def test_each_groups_figures_are_those_of_a_count_by_hand_and_add_up(
    pool: Pool, store: TicketStore, figures: SlaFigures, group_by: GroupBy
) -> None:
    chance = chance_of(7)
    clocks = await clocks_in(pool, store, chance)

    for wanted in (ClockFilter(), *(some_filter(chance) for _ in range(4))):
        metrics = await figures.metrics(MARCH, wanted, group_by, AS_OF)

        assert metrics.decided == close(counted(clocks, wanted, MARCH))
        assert metrics.open == close(counted_open(clocks, wanted))
        assert len({group.key for group in metrics.groups}) == len(metrics.groups)
        for group in metrics.groups:
            decided = [one for one in clocks if group_of(one, group_by, now=False) == group.key]
            still_open = [one for one in clocks if group_of(one, group_by, now=True) == group.key]
            assert group.decided == close(counted(decided, wanted, MARCH)), group.key
            assert group.open == close(counted_open(still_open, wanted)), group.key
        for target in wanted.targets:
            parts = [group.decided[target].counts for group in metrics.groups]
            assert metrics.decided[target].counts == Counts(*map(sum, zip(Counts(), *parts, strict=True)))


@pytest.mark.parametrize("interval", get_args(IntervalKind))
@pytest.mark.parametrize("zone", ZONES)
async def test_each_intervals_figures_are_those_of_a_count_by_hand_and_add_up(
    pool: Pool, store: TicketStore, figures: SlaFigures, zone: str, interval: IntervalKind
) -> None:
    chance = chance_of(11)
    clocks = await clocks_in(pool, store, chance, zone)

    for period in PERIODS:
        wanted = chance.choice([ClockFilter(), some_filter(chance)])
        pieces = pieces_of(period, interval, zone)
        trends = await figures.trends(pieces, wanted, AS_OF)

        for piece, decided in zip(pieces, trends, strict=True):
            inside = [one for one in clocks if interval_of(one, interval, zone) == piece.on]
            assert decided == close(counted(inside, wanted, period)), piece
        metrics = await figures.metrics(period, wanted, None, AS_OF)
        for target in wanted.targets:
            parts = [decided[target].counts for decided in trends]
            assert metrics.decided[target].counts == Counts(*map(sum, zip(*parts, strict=True)))


async def test_the_clocks_that_chance_gives_are_of_every_kind(pool: Pool, store: TicketStore) -> None:
    clocks = await clocks_in(pool, store, chance_of(0), "Europe/Berlin")
    spring = datetime(2030, 3, 30, 23, tzinfo=UTC)

    kinds = {(one.phase, one.breached_at is not None, one.breach is not None) for one in clocks}
    assert kinds == {
        ("met", False, False), ("met", True, True), ("running", True, True), ("paused", True, True),
        ("cancelled", False, False), ("cancelled", True, True), ("running", False, True), ("running", False, False),
        ("paused", False, False),
    }  # fmt: skip
    for edge in (MARCH.until, AS_OF, spring, spring + 23 * HOUR):
        shifts = {one.decision - edge for one in clocks if one.decision} & {-MICROSECOND, timedelta(), MICROSECOND}
        assert shifts >= {-MICROSECOND, timedelta()}, edge


@pytest.mark.parametrize("wanted", [{"team": ["nowhere"]}, {"category": ["nothing"]}, {"agent": [person_id("nobody")]}])
async def test_what_does_not_exist_is_named(figures: SlaFigures, wanted: dict[str, Any]) -> None:
    await figures.check_known(ClockFilter(team=["support"], category=["general"], agent=[AGENT]))

    with pytest.raises(UnknownReferenceError, match=str(next(iter(wanted.values()))[0])):
        await figures.check_known(ClockFilter(**wanted))
