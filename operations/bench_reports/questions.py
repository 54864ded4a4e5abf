"""How long reports take: every report of the catalogue over ninety days, asked as its readers ask."""

import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from database.overview import Overviews
from database.past import SPANS_AT, Past
from database.pool import Pool
from database.report_catalogue import FIGURES, REPORTS
from database.report_figure import Figure as ReportFigure
from database.report_figure import Population, count
from database.report_log import ReportLog
from database.reports import Reports
from database.tickets import TicketStore
from domain.period import Period, pieces_of
from domain.report import Dimension, Question
from operations.bench.figure import Figure, Floor
from operations.bench.system import BenchError
from operations.replay.figures import percentile

RUNS = 20
PATIENCE_SECONDS = 300
DAY = timedelta(days=1)
DAYS = timedelta(days=90)
ZONE = "Europe/Berlin"
GROUPS = (None, Dimension.TEAM, Dimension.AGENT, Dimension.HOUR_OF_WEEK)
_STOOD_THEN = f"select count(*) from ({SPANS_AT.format(at='$1')}) stood"
Asked = Callable[[Period], Awaitable[object]]


async def measure_questions(pool: Pool, chance: Random, runs: int = RUNS) -> list[Figure]:
    """How long each takes, asked about random periods of the desk's life, beside the least that it could take: its rows
    found and counted."""
    ends = await pool.fetchrow(
        "select min(opened_at), max(updated_at) from ticket_facts", timeout=PATIENCE_SECONDS
    )  # fmt: skip
    if ends is None or ends[0] is None:
        raise BenchError("this desk has no facts: fold them first (make rebuild-reports)")
    first, last = ends[0], max(ends[1] - DAYS, ends[0] + timedelta(days=1))
    figures: list[Figure] = []
    for name, ours, floor in _questions(pool, ends[1]):
        starts = [first + chance.random() * (last - first) for _ in range(runs)]
        periods = [Period(start, start + DAYS) for start in starts]
        took, least = await _seconds(ours, periods), await _seconds(floor, periods)
        figures += [
            Figure(name, unit, percentile(took, share) * 1000, [Floor("rows counted", percentile(least, share) * 1000)])
            for unit, share in (("ms p50", 0.5), ("ms p95", 0.95))
        ]
    return figures


def _questions(pool: Pool, end: datetime) -> Iterator[tuple[str, Asked, Asked]]:
    """What is asked: its name, how, and its floor; the desk's log ends at `end`."""
    reports = Reports(pool)
    past = Past(pool, TicketStore(pool))
    now = datetime.now(UTC)

    def counted(figures: tuple[ReportFigure, ...]) -> Asked:
        least = [count(name, population, "") for name, population in _populations(figures).items()]
        return lambda period: reports.ask(least, Question(period, now))

    def asked(figures: tuple[ReportFigure, ...], group_by: Dimension | None) -> Asked:
        return lambda period: reports.ask(
            figures,
            Question(period, now, group_by=group_by, pieces=pieces_of(period, "day", ZONE), zone=ZONE),
        )

    overviews = Overviews(reports, ReportLog(pool))
    least_of_overview = [count(name, one, "") for name, one in _populations(REPORTS["overview"]).items()]

    def overview(day: Callable[[Period], Period]) -> tuple[Asked, Asked]:
        return (
            lambda period: overviews.read(Question(day(period), now, compare=True)),
            lambda period: reports.ask(least_of_overview, Question(day(period), now)),
        )

    yield "overview of the last day beside the one before", *overview(lambda _: Period(end - DAY, end))
    yield (
        "overview of a past day beside the one before",
        *overview(lambda period: Period(period.since, period.since + DAY)),
    )
    for name, figures in REPORTS.items():
        for group_by in GROUPS:
            if group_by is None or any(one.population.knows(group_by) for one in figures):
                by = "" if group_by is None else f" by {group_by.replace('_', ' ')}"
                yield f"{name}{by}, by day", asked(figures, group_by), counted(figures)
    resolved = FIGURES["resolved"]
    yield (
        "tickets behind a number, a page",
        lambda period: reports.tickets_of(resolved, Question(period, now)),
        counted((resolved,)),
    )
    yield (
        "queue at a past moment",
        lambda period: past.queue_at(period.since),
        lambda period: pool.fetchval(_STOOD_THEN, period.since, timeout=PATIENCE_SECONDS),
    )


def _populations(figures: tuple[ReportFigure, ...]) -> dict[str, Population]:
    return {one.population.name: one.population for one in figures}


async def _seconds(ask: Asked, periods: list[Period]) -> list[float]:
    """What is read first comes from the disk: the first period is asked once before."""
    await ask(periods[0])
    seconds = []
    for period in periods:
        began = time.perf_counter()
        await ask(period)
        seconds.append(time.perf_counter() - began)
    return seconds
