"""Reports of promises: every number is that of a count by hand, and of `SlaFigures`."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from database.pool import Pool
from database.report_catalogue import REPORTS
from database.reports import Reports
from database.sla_figures import SlaFigures
from database.tickets import TicketStore
from domain.period import IntervalKind, Period, pieces_of
from domain.report import Dimension, Question, ReportFilter
from domain.sla_clock import Audience
from domain.ticket_facts import Channel
from tests.counted_kept import CLOCK_KEYS, clocks_wanted, close_to, promise_values
from tests.database.counted_clocks import (
    AS_OF,
    MICROSECOND,
    counted,
    some_clocks,
    some_filter,
    some_tickets,
    store_clocks,
)
from tests.database.test_sla_figures import MARCH, PERIODS, midnights

REPORT_OF: dict[Audience, str] = {"customer": "sla", "team": "team_sla"}
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu")
CLOCKS = 600


def chance_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  nothing secret


def some_wanted(chance: random.Random) -> ReportFilter:
    one = some_filter(chance)
    return ReportFilter(one.team, one.priority, one.category, (), one.agent, one.no_agent, one.within)


def same(values: Any, others: Any) -> bool:
    differing = list(close_to(dict(values), dict(others)))
    assert not differing, differing
    return True


# Promises.


@pytest.mark.parametrize("audience", get_args(Audience))
@pytest.mark.parametrize("seed", range(3))
async def test_promises_are_those_of_a_count_by_hand_and_of_the_sla_figures(
    pool: Pool, store: TicketStore, figures: SlaFigures, audience: Audience, seed: int
) -> None:
    chance = chance_of(seed)
    zone = ZONES[seed]
    edges = [*midnights(zone), AS_OF, *(edge for period in PERIODS for edge in period)]
    clocks = some_clocks(await some_tickets(store, chance), edges, chance, CLOCKS)
    await store_clocks(pool, clocks)
    names, reports = REPORTS[REPORT_OF[audience]], Reports(pool)

    for period in PERIODS:
        for wanted in (ReportFilter(), *(some_wanted(chance) for _ in range(3))):
            group_by = chance.choice([*CLOCK_KEYS])
            interval: IntervalKind = chance.choice(get_args(IntervalKind))
            pieces = pieces_of(period, interval, zone)
            answer = await reports.ask(
                names, Question(period, AS_OF, wanted, group_by=group_by, pieces=pieces, zone=zone)
            )

            asked = clocks_wanted(wanted, audience)
            assert same(answer.values, promise_values(counted(clocks, asked, period), audience))
            metrics = await figures.metrics(period, asked, None, AS_OF)
            assert same(answer.values, promise_values(metrics.decided, audience))
            for group in answer.groups:
                ours = [one for one in clocks if one.decision and CLOCK_KEYS[group_by](one, zone) == group.key]
                assert same(group.values, promise_values(counted(ours, asked, period), audience)), group.key
            trends = await figures.trends(pieces, asked, AS_OF)
            for piece, decided in zip(answer.pieces, trends, strict=True):
                assert same(piece.values, promise_values(decided, audience)), piece.piece


@pytest.mark.parametrize("group_by", ["team", "priority", "category", "agent", "policy"])
async def test_groups_of_promises_are_those_of_the_sla_figures(
    pool: Pool, store: TicketStore, figures: SlaFigures, group_by: Any
) -> None:
    chance = chance_of(5)
    await store_clocks(pool, some_clocks(await some_tickets(store, chance), MARCH, chance, CLOCKS))
    question = Question(MARCH, AS_OF, group_by=Dimension(group_by))

    answer = await Reports(pool).ask(REPORTS["sla"], question)

    metrics = await figures.metrics(MARCH, clocks_wanted(ReportFilter(), "customer"), group_by, AS_OF)
    decided = [group for group in metrics.groups if any(sum(one.counts) for one in group.decided.values())]
    assert [(one.key, one.name) for one in answer.groups] == [(one.key, one.name) for one in decided]
    for ours, theirs in zip(answer.groups, decided, strict=True):
        assert same(ours.values, promise_values(theirs.decided, "customer")), ours.key


async def test_a_breach_that_waits_to_be_recorded_counts_at_its_moment(pool: Pool, store: TicketStore) -> None:
    """And is one of the tickets behind the number."""
    chance = chance_of(6)
    tickets = await some_tickets(store, chance)
    clocks = [one for one in some_clocks(tickets, [AS_OF], chance, CLOCKS) if one.breach and not one.breached_at]
    await store_clocks(pool, clocks)
    names, reports = {one.name: one for one in REPORTS["sla"]}, Reports(pool)
    question = Question(Period(AS_OF - timedelta(days=90), AS_OF + MICROSECOND), AS_OF)

    answer = await reports.ask(REPORTS["sla"], question)
    rows = await reports.tickets_of(names["first_response_breached"], question, limit=200)

    ours = [one for one in clocks if (one.audience, one.target) == ("customer", "first_response")]
    assert answer.values["first_response_breached"] == answer.values["first_response_still_open"] == len(ours) > 5
    assert sorted(row.number for row in rows) == sorted(one.ticket for one in ours)
    assert {row.at for row in rows} == {one.due_at for one in ours}


async def test_promises_know_nothing_of_channels(pool: Pool) -> None:
    channels: list[Channel] = ["desk"]
    question = Question(Period(datetime(2030, 1, 1, tzinfo=UTC), AS_OF), AS_OF, ReportFilter(channel=channels))

    answer = await Reports(pool).ask(REPORTS["sla"], question)

    assert set(answer.values.values()) == {None}
