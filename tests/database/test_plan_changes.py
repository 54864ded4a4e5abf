"""Whose plan was changed, as the log tells it."""

from typing import Any

import pytest

from database.plan_changes import PlanChangeLog
from database.pool import Pool
from domain.ids import PersonId
from tests.factories import AGENT, OTHER_AGENT


@pytest.fixture
def changes(pool: Pool) -> PlanChangeLog:
    return PlanChangeLog(pool)


async def changed(connection: Any, agent: PersonId, topic: str = "shifts") -> None:
    await connection.execute(
        "insert into events (topic, type, at, actor_kind, internal, person_id, data) "
        "values ($2, 'shift.changed', now(), 'timer', true, $1, '{}')",
        agent,
        topic,
    )


async def test_each_is_named_once_and_only_for_what_came_after(pool: Pool, changes: PlanChangeLog) -> None:
    await changed(pool, AGENT)
    await changed(pool, AGENT)
    await changed(pool, OTHER_AGENT, topic="presence")
    first = await changes.after(None)
    await changed(pool, OTHER_AGENT)

    second = await changes.after(first.place)
    third = await changes.after(second.place)

    assert (first.people, second.people, third.people) == ([AGENT], [OTHER_AGENT], [])


async def test_a_change_that_commits_late_is_not_missed(pool: Pool, changes: PlanChangeLog) -> None:
    place = (await changes.after(None)).place
    async with pool.acquire() as slow, slow.transaction():
        await changed(slow, AGENT)
        await changed(pool, OTHER_AGENT)
        early = await changes.after(place)

    late = await changes.after(early.place)

    assert early.people == []
    assert sorted(late.people) == sorted([AGENT, OTHER_AGENT])


async def test_a_worker_that_begins_looks_back_an_hour(pool: Pool, changes: PlanChangeLog) -> None:
    await changed(pool, AGENT)
    await changed(pool, OTHER_AGENT)
    await pool.execute("update events set recorded_at = now() - interval '2 hours' where person_id = $1", AGENT)

    assert (await changes.after(None)).people == [OTHER_AGENT]
