"""Fills a database: the desk first, then week by week, several processes beside each other."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import accumulate
from random import Random
from typing import NamedTuple

import asyncpg

from domain.ids import TicketNumber
from operations.generate.attendance import attend
from operations.generate.desk import MadeDesk, make_desk, new_id
from operations.generate.life import live
from operations.generate.rows import Copier, Rows, rows_of, write
from operations.generate.shape import END, WEEK, WEEKS, moments_of_week, week_counts

FIRST_NUMBER = 1001
COPIES = 100
"""So often is a life lived again in another week, on average, when there are many tickets."""
LEAST_LIVES = 2_000
PORTION = 1_000
"""Tickets written in one transaction."""


class Week(NamedTuple):
    """A week to fill: its place, and its tickets' numbers."""

    place: int
    first_number: int
    tickets: int


class Plan(NamedTuple):
    """What every process knows."""

    dsn: str
    desk: MadeDesk
    lives: int
    """How many different lives are led; the others are copies of them."""
    seed: int


def generate(
    dsn: str,
    tickets: int,
    processes: int = 2,
    seed: int = 1,
    tell: Callable[[int, int], object] | None = None,
    least_lives: int = LEAST_LIVES,
    weeks_worked: int = WEEKS,
) -> int:
    """Make a desk of so many tickets, whose agents were at work in its last weeks. `tell` hears now and then how many
    tickets and events are written.

    Returns the number of events. Raises DeskError when the database is not empty.
    """
    chance = Random(f"desk:{seed}")
    desk, done_events = asyncio.run(_begin(dsn, chance, weeks_worked))
    counts = week_counts(tickets, chance)
    firsts = accumulate(counts, initial=FIRST_NUMBER)
    weeks = [Week(place, first, count) for place, (first, count) in enumerate(zip(firsts, counts, strict=False))]
    plan = Plan(dsn, desk, min(tickets, max(tickets // COPIES, least_lives)), seed)
    done_tickets = 0
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for week in as_completed([pool.submit(_fill, plan, week) for week in weeks]):
            more_tickets, more_events = week.result()
            done_tickets, done_events = done_tickets + more_tickets, done_events + more_events
            if tell is not None:
                tell(done_tickets, done_events)
    asyncio.run(_end(dsn, FIRST_NUMBER + tickets))
    return done_events


async def _begin(dsn: str, chance: Random, weeks_worked: int) -> tuple[MadeDesk, int]:
    """The desk, and how many events the days of its agents have."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        desk = await make_desk(pool, chance)
        return desk, await attend(pool, desk, chance, weeks_worked)


async def _end(dsn: str, next_number: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("select setval('ticket_numbers', $1, false)", next_number)
        for table in ("tickets", "ticket_texts", "events", "sla_clocks"):
            await connection.execute(f"vacuum analyze {table}")
    finally:
        await connection.close()


def _fill(plan: Plan, week: Week) -> tuple[int, int]:
    """Write a week's tickets; returns how many, and how many events."""
    return week.tickets, asyncio.run(_write(plan, week))


async def _write(plan: Plan, week: Week) -> int:
    connection = await asyncpg.connect(plan.dsn)
    events = 0
    try:
        # Foreign keys and triggers rest: what is written fits together, and nobody is to be told.
        await connection.execute("set session_replication_role = replica")
        for first in range(0, week.tickets, PORTION):
            numbers = range(week.first_number + first, week.first_number + min(first + PORTION, week.tickets))
            tickets = _tickets(plan, week, numbers)  # first: the server ends a transaction that waits for long
            async with connection.transaction():
                events += await write(connection, tickets)
    finally:
        await connection.close()
    return events


def _tickets(plan: Plan, week: Week, numbers: range) -> list[Rows]:
    """The tickets with these numbers, in the order in which they came."""
    chance = Random(f"week:{plan.seed}:{week.place}:{numbers.start}")
    chosen = sorted(chance.choices(_lives(plan), k=len(numbers)), key=lambda rows: rows.opened_at)
    copier = Copier(week.place * WEEK)
    return [_one(plan, week, number, rows, copier, chance) for number, rows in zip(numbers, chosen, strict=True)]


def _one(plan: Plan, week: Week, number: int, rows: Rows, copier: Copier, chance: Random) -> Rows:
    """A copy; or, where that would reach beyond the end, a life of its own that is not over."""
    if rows.last_at + week.place * WEEK < END:
        return copier.copy(rows, number, new_id(chance))
    return rows_of(live(plan.desk, TicketNumber(number), rows.opened_at + week.place * WEEK, chance, END))


_LED: dict[int, list[Rows]] = {}
"""The lives of this process, by their seed."""


def _lives(plan: Plan) -> list[Rows]:
    """Lives that began in the first week, led once in each process."""
    if plan.seed not in _LED:
        chance = Random(f"lives:{plan.seed}")
        moments = moments_of_week(0, plan.lives, chance)
        _LED[plan.seed] = [
            rows_of(live(plan.desk, TicketNumber(number), at, chance)) for number, at in enumerate(moments, start=1)
        ]
    return _LED[plan.seed]
