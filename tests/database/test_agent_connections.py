"""Who is connected, as all processes together know it."""

from uuid import UUID, uuid4

import pytest

from database.agent_connections import AgentConnectionStore, Connection
from database.pool import Pool
from domain.ids import PersonId
from tests.factories import AGENT, OTHER_AGENT, person_id

HERE, THERE = uuid4(), uuid4()
SETTLE_SECONDS = 5.0


@pytest.fixture
def connections(pool: Pool) -> AgentConnectionStore:
    return AgentConnectionStore(pool)


async def recorded(pool: Pool, person: PersonId, *, is_connected: bool) -> None:
    """Let the agent's life say so."""
    await pool.execute(
        "update agents set life = jsonb_build_object('state', jsonb_build_object('is_connected', $2::boolean)) "
        "where person_id = $1",
        person,
        is_connected,
    )


async def ages(pool: Pool, process: UUID, seconds: float) -> None:
    """Let so much time pass since the process refreshed its rows."""
    await pool.execute(
        "update agent_connections set seen_at = seen_at - make_interval(secs => $2) where process_id = $1",
        process,
        seconds,
    )


async def differing(connections: AgentConnectionStore) -> list[tuple[PersonId, bool]]:
    return [(one.agent, one.is_open) for one in await connections.differing(SETTLE_SECONDS)]


async def test_where_nobody_is_connected_nothing_differs(connections: AgentConnectionStore) -> None:
    assert await differing(connections) == []


async def test_who_has_come_differs_until_their_life_says_so(pool: Pool, connections: AgentConnectionStore) -> None:
    await connections.keep(HERE, {AGENT: 1, OTHER_AGENT: 2})
    assert await differing(connections) == sorted([(AGENT, True), (OTHER_AGENT, True)])

    await recorded(pool, AGENT, is_connected=True)

    assert await differing(connections) == [(OTHER_AGENT, True)]


async def test_who_has_gone_differs_once_that_has_settled(pool: Pool, connections: AgentConnectionStore) -> None:
    await recorded(pool, AGENT, is_connected=True)
    await connections.keep(HERE, {AGENT: 1})

    await connections.keep(HERE, {AGENT: 0})
    assert await differing(connections) == []
    await ages(pool, HERE, SETTLE_SECONDS + 1)

    seen_at = await pool.fetchval("select seen_at from agent_connections")
    assert await connections.differing(SETTLE_SECONDS) == [Connection(AGENT, is_open=False, seen_at=seen_at)]


async def test_a_visit_that_is_over_already_does_not_count_as_coming(
    pool: Pool, connections: AgentConnectionStore
) -> None:
    await connections.keep(HERE, {AGENT: 1})
    await connections.keep(HERE, {AGENT: 0})

    assert await differing(connections) == []


async def test_the_streams_of_a_process_that_was_killed_are_gone_when_they_are_stale(
    pool: Pool, connections: AgentConnectionStore
) -> None:
    await recorded(pool, AGENT, is_connected=True)
    await connections.keep(HERE, {AGENT: 3})

    await ages(pool, HERE, 20)
    assert await differing(connections) == []
    await ages(pool, HERE, 10)

    assert await differing(connections) == [(AGENT, False)]


async def test_one_live_process_is_enough(pool: Pool, connections: AgentConnectionStore) -> None:
    await recorded(pool, AGENT, is_connected=True)
    await connections.keep(HERE, {AGENT: 1})
    await connections.keep(THERE, {AGENT: 1})

    await ages(pool, HERE, 3600)

    assert await differing(connections) == []


async def test_who_is_connected_without_any_row_is_gone(pool: Pool, connections: AgentConnectionStore) -> None:
    await recorded(pool, AGENT, is_connected=True)

    assert await connections.differing(SETTLE_SECONDS) == [Connection(AGENT, is_open=False, seen_at=None)]


async def test_people_who_are_gone_keep_nobody_from_being_counted(
    pool: Pool, connections: AgentConnectionStore
) -> None:
    await connections.keep(HERE, {person_id("nobody"): 1, AGENT: 1})

    assert await pool.fetchval("select count(*) from agent_connections") == 1


async def test_old_rows_are_forgotten(pool: Pool, connections: AgentConnectionStore) -> None:
    await connections.keep(HERE, {AGENT: 1})
    await connections.keep(THERE, {AGENT: 1})
    await ages(pool, HERE, 25 * 3600)

    await connections.forget_old()

    assert await pool.fetchval("select process_id from agent_connections") == THERE
