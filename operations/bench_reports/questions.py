"""What reports ask, each as one statement, beside the least that any statement could do for the same answer."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

import asyncpg

from database.past import IS_WAITING, SPANS_AT
from operations.bench.figure import Figure, Floor
from operations.bench.system import BenchError
from operations.replay.figures import percentile

RUNS = 20
PATIENCE_SECONDS = 300
PERIOD = timedelta(days=90)
_SPAN_SECONDS = "extract(epoch from least(until, $2) - greatest(since, $1))"


class Question(NamedTuple):
    """A statement, and the same sums over a plain table that holds nothing but the rows and columns it is about.

    $1 and $2 are the beginning and the end of a period; of a moment, $1.
    """

    name: str
    asked: str
    plain: str
    floor: str


_QUARTILES = "count(*), percentile_cont(array[0.5, 0.9]) within group (order by {0}), avg({0})"
_RESPONSE = _QUARTILES.format("response_seconds")
_HOUR = "extract(isodow from opened_at) * 24 + extract(hour from opened_at)"
_OVERVIEW = f"""
count(*) filter (where status <> 'resolved'), count(*) filter (where {IS_WAITING}),
count(*) filter (where sla_state = 'at_risk'), count(*) filter (where sla_state = 'breached'),
percentile_cont(0.5) within group (order by extract(epoch from opened_at))
"""
_SPANS = f"""
select status, assignee_id, sum({_SPAN_SECONDS}) from (
    select status, assignee_id, since, until from ended_spans
    where status <> 'closed' and tstzrange(since, until) && tstzrange($1, $2)
    union all
    select status, assignee_id, span_since, $2 from ticket_facts where status <> 'closed' and span_since < $2
) span group by 1, 2
"""
_OF_PERIOD = "opened_at >= $1 and opened_at < $2"
QUESTIONS: tuple[Question, ...] = (
    Question(
        "overview",
        f"select {_OVERVIEW} from ticket_facts where status <> 'closed'",
        "select * from ticket_facts where status <> 'closed'",
        f"select {_OVERVIEW} from plain",
    ),
    Question(
        "opened, resolved by day, 90 days",
        "select 'opened', date_trunc('day', opened_at) as on, count(*) from ticket_facts "
        "where opened_at >= $1 and opened_at < $2 group by 1, 2 union all "
        "select 'resolved', date_trunc('day', resolved_at), count(*) from ticket_facts "
        "where resolved_at >= $1 and resolved_at < $2 group by 1, 2",
        f"select opened_at from ticket_facts where {_OF_PERIOD}",
        "select date_trunc('day', opened_at), count(*) from plain group by 1",
    ),
    Question(
        "response by team, 90 days",
        f"select opened_team, {_RESPONSE} from ticket_facts where {_OF_PERIOD} group by 1",
        f"select opened_team, response_seconds from ticket_facts where {_OF_PERIOD}",
        f"select opened_team, {_RESPONSE} from plain group by 1",
    ),
    Question(
        "response by hour of week, 90 days",
        f"select {_HOUR}, {_RESPONSE} from ticket_facts where {_OF_PERIOD} group by 1",
        f"select opened_at, response_seconds from ticket_facts where {_OF_PERIOD}",
        f"select {_HOUR}, {_RESPONSE} from plain group by 1",
    ),
    Question(
        "resolution by resolver, 90 days",
        f"select resolver_id, {_QUARTILES.format('resolution_business_seconds')}, avg(one_touch::int), "
        "sum(reopenings), sum(reassignments) from ticket_facts where resolved_at >= $1 and resolved_at < $2 group by 1",
        "select resolver_id, resolution_business_seconds, one_touch, reopenings, reassignments from ticket_facts "
        "where resolved_at >= $1 and resolved_at < $2",
        f"select resolver_id, {_QUARTILES.format('resolution_business_seconds')}, avg(one_touch::int), "
        "sum(reopenings), sum(reassignments) from plain group by 1",
    ),
    Question(
        "queue at a past moment",
        f"select status, team, count(*) from ({SPANS_AT.format(at='$1')}) span group by 1, 2",
        SPANS_AT.format(at="$1"),
        "select status, team, count(*) from plain group by 1, 2",
    ),
    Question(
        "time in status by owner, 90 days",
        _SPANS,
        "select status, assignee_id, since, until from ended_spans "
        "where status <> 'closed' and since < $2 and until > $1",
        "select status, assignee_id, sum(extract(epoch from until - since)) from plain group by 1, 2",
    ),
)


async def measure_questions(
    connection: "asyncpg.Connection[asyncpg.Record]", chance: Random, runs: int = RUNS
) -> list[Figure]:
    """How long each takes, asked about random periods and moments of the desk's life."""
    ends = await connection.fetchrow("select min(opened_at), max(updated_at) - $1::interval from ticket_facts", PERIOD)
    if ends is None or ends[0] is None:
        raise BenchError("this desk has no facts: fold them first (make rebuild-reports)")
    first, last = ends
    figures: list[Figure] = []
    for question in QUESTIONS:
        moments = [first + chance.random() * (last - first) for _ in range(runs)]
        ours = await _seconds(connection, question.asked, [_values(question.asked, at) for at in moments])
        await connection.execute(f"create temp table plain as {_written_out(question.plain, moments[0])}")
        await connection.execute("analyze plain")
        least = await _seconds(connection, question.floor, [()] * runs)
        await connection.execute("drop table plain")
        for unit, share in (("ms p50", 0.5), ("ms p95", 0.95)):
            floor = Floor("plain table", percentile(least, share) * 1000)
            figures.append(Figure(question.name, unit, percentile(ours, share) * 1000, [floor]))
    return figures


def _values(statement: str, at: datetime) -> tuple[datetime, ...]:
    return tuple(value for name, value in (("$1", at), ("$2", at + PERIOD)) if name in statement)


def _written_out(statement: str, at: datetime) -> str:
    """With its values in it: a table is made of no statement with arguments."""
    for place, value in enumerate(_values(statement, at), start=1):
        statement = statement.replace(f"${place}", f"'{value.isoformat()}'::timestamptz")
    return statement


async def _seconds(
    connection: "asyncpg.Connection[asyncpg.Record]", statement: str, asked: Sequence[tuple[datetime, ...]]
) -> list[float]:
    await connection.fetch(statement, *asked[0], timeout=PATIENCE_SECONDS)  # what is read first comes from the disk
    seconds = []
    for values in asked:
        began = time.perf_counter()
        await connection.fetch(statement, *values, timeout=PATIENCE_SECONDS)
        seconds.append(time.perf_counter() - began)
    return seconds
