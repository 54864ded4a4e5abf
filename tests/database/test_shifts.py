"""What is read of shifts: the plan of an agent, and how agents stand to theirs."""

from datetime import datetime, timedelta

import pytest

from database.pool import Pool
from database.shifts import ShiftStore
from domain.duty import Duty
from domain.ids import PersonId, ShiftId
from tests.factories import AGENT, BILLING_AGENT, NOW, OTHER_AGENT

HOUR = timedelta(hours=1)


@pytest.fixture
def shifts(pool: Pool) -> ShiftStore:
    return ShiftStore(pool)


async def planned(
    pool: Pool, starts_at: datetime, hours: float = 8, *, agent: PersonId = AGENT, status: str = "published"
) -> ShiftId:
    """A shift of team support."""
    id: int = await pool.fetchval(
        "insert into shifts (agent_id, team, starts_at, ends_at, status) values ($1, 'support', $2, $3, $4) "
        "returning id",
        agent,
        starts_at,
        starts_at + hours * HOUR,
        status,
    )
    return ShiftId(id)


async def with_break(pool: Pool, shift: ShiftId, starts_at: datetime, minutes: int = 30, **more: bool) -> None:
    await pool.execute(
        "insert into shift_breaks (shift_id, kind, starts_at, ends_at, is_cancelled) values ($1, 'lunch', $2, $3, $4)",
        shift,
        starts_at,
        starts_at + timedelta(minutes=minutes),
        more.get("is_cancelled", False),
    )


async def test_an_agents_published_shifts_are_read_with_their_breaks(pool: Pool, shifts: ShiftStore) -> None:
    second = await planned(pool, NOW + 24 * HOUR)
    first = await planned(pool, NOW)
    await with_break(pool, first, NOW + 5 * HOUR, is_cancelled=True)
    await with_break(pool, first, NOW + 4 * HOUR)
    await with_break(pool, first, NOW + 1 * HOUR)
    await planned(pool, NOW + 48 * HOUR, status="draft")
    await planned(pool, NOW + 72 * HOUR, status="cancelled")
    await planned(pool, NOW, agent=OTHER_AGENT)

    read = await shifts.of(AGENT, NOW, NOW + 200 * HOUR)

    assert [one.id for one in read] == [first, second]
    assert [one.starts_at for one in read[0].breaks] == [NOW + HOUR, NOW + 4 * HOUR]
    assert (read[0].agent_id, read[0].team, read[0].ends_at) == (AGENT, "support", NOW + 8 * HOUR)


async def test_a_shift_counts_that_lies_in_the_time_in_part(pool: Pool, shifts: ShiftStore) -> None:
    one = await planned(pool, NOW)

    assert [shift.id for shift in await shifts.of(AGENT, NOW + 7 * HOUR, NOW + 9 * HOUR)] == [one]
    assert await shifts.of(AGENT, NOW + 8 * HOUR, NOW + 9 * HOUR) == []
    assert await shifts.of(AGENT, NOW - HOUR, NOW) == []


async def test_a_shift_that_was_not_ended_is_still_read(pool: Pool, shifts: ShiftStore) -> None:
    one = await planned(pool, NOW)
    await pool.execute("update shifts set started_at = $1", NOW)

    assert [shift.id for shift in await shifts.of(AGENT, NOW + 9 * HOUR, NOW + 10 * HOUR)] == [one]


async def test_duties_are_told_of_all_who_are_asked_for(pool: Pool, shifts: ShiftStore) -> None:
    lunch = NOW + 4 * HOUR
    await with_break(pool, await planned(pool, NOW), lunch)
    await planned(pool, NOW + 24 * HOUR, agent=OTHER_AGENT)

    duties = await shifts.duties([AGENT, OTHER_AGENT, BILLING_AGENT], NOW)

    assert duties == {
        AGENT: Duty(is_planned=True, on_shift=True, free_until=lunch, shift_ends_at=NOW + 8 * HOUR),
        OTHER_AGENT: Duty(is_planned=True, next_on_at=NOW + 24 * HOUR),
        BILLING_AGENT: Duty(is_planned=False),
    }
