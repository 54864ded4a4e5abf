"""Made-up arrivals with a known week, and the way into the database for them."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from database.pool import Pool
from domain.forecast import HOUR, HOURS_A_DAY, HOURS_A_WEEK, hours_of_week
from domain.ids import PersonId
from domain.ticket import Slug

MONDAY = datetime(2029, 9, 3, tzinfo=UTC)
BUSY, QUIET, WEEKEND = 6.0, 0.3, 0.5
SHAPE: tuple[float, ...] = tuple(
    (BUSY if 8 <= hour < 18 else QUIET) if day < 5 else WEEKEND for day in range(7) for hour in range(HOURS_A_DAY)
)
"""Tickets an hour, from Monday's first hour on: busy office hours, quiet nights and weekends."""

_FOLDED = """
insert into ticket_facts (number, revision, updated_at, status, team, priority, category, sla_state, snoozed,
    escalation_level, spans, span_since, requester_id, channel, opened_at, opened_team, opened_priority,
    opened_category, pending_seconds, on_hold_seconds, reopenings, desk_replies, requester_replies, notes, assignments,
    reassignments, moves, escalations, highest_level, one_touch)
select number, 1, created_at, status, team, priority, category, 'none', false, 0, 1, created_at, requester_id, 'desk',
    created_at, team, priority, category, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false
from tickets where team = $1
"""


def rates(weeks: int, since: datetime = MONDAY, zone: str = "UTC") -> list[float]:
    """The true rate of every hour."""
    return [SHAPE[place] for place in hours_of_week(since, weeks * HOURS_A_WEEK, zone)]


def by_chance(rates: Sequence[float], seed: int) -> tuple[int, ...]:
    """Counts that scatter around the rates as chance has it (Poisson), the same for the same seed."""
    chance = random.Random(seed)

    def count(rate: float) -> int:
        left, came = math.exp(-rate), 0
        product = chance.random()
        while product > left:
            came, product = came + 1, product * chance.random()
        return came

    return tuple(count(rate) for rate in rates)


async def store_arrivals(
    pool: Pool, team: Slug, requester: PersonId, since: datetime, counts: Sequence[int], estimates: Sequence[int] = ()
) -> None:
    """So many tickets of the team in each hour from `since` on; the first of all have these estimates."""
    opened = [since + place * HOUR + timedelta(minutes=1) for place, count in enumerate(counts) for _ in range(count)]
    numbers = [row["nextval"] for row in await pool.fetch(
        "select nextval('ticket_numbers') from generate_series(1, $1)", len(opened))]  # fmt: skip
    wordings = [uuid4() for _ in opened]
    minutes = [*estimates, *([None] * (len(opened) - len(estimates)))]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            """
            insert into tickets (number, revision, wording_id, status, priority, category, team, requester_id,
                required_skills, estimated_minutes, tags, escalation_level, snoozed, auto_close_days, reopen_days,
                created_at, updated_at, resolved_at, closed_at)
            select number, 1, wording, 'closed', 'normal', 'general', $5, $6, '{}', minutes, '{}', 0, false, 7, 30, at,
                at, at, at
            from unnest($1::bigint[], $2::uuid[], $3::int[], $4::timestamptz[]) as one (number, wording, minutes, at)
            """,
            numbers,
            wordings,
            minutes,
            opened,
            team,
            requester,
        )
        await connection.execute(
            "insert into ticket_texts (id, ticket_number, author_id, title, body) "
            "select id, number, $3, 'Made up', '' from unnest($1::uuid[], $2::bigint[]) as one (id, number)",
            wordings,
            numbers,
            requester,
        )


async def fold_arrivals(pool: Pool, team: Slug) -> None:
    """Make the facts of a team's tickets, as if their openings were in the log."""
    await pool.execute(_FOLDED, team)
