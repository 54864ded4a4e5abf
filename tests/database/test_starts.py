"""The outbox of openings: every request is taken by one claimer, and by another one when that one fell silent."""

import asyncio
from datetime import timedelta

import asyncpg

from database.pool import Pool
from database.starts import CLAIM_SECONDS, StartRequestStore
from database.tickets import TicketStore
from domain.ids import TicketNumber
from tests.database.storing import stored_ticket


async def opened(store: TicketStore, count: int) -> list[TicketNumber]:
    return [(await stored_ticket(store)).number for _ in range(count)]


async def claimed(starts: StartRequestStore, limit: int) -> list[TicketNumber]:
    return [ticket.number for ticket in await starts.claim(limit)]


async def let_pass(pool: Pool, seconds: float) -> None:
    """Make all claims look that much older."""
    await pool.execute("update start_requests set claimed_at = claimed_at - $1::interval", timedelta(seconds=seconds))


async def test_requests_are_taken_oldest_first_and_each_once(store: TicketStore, starts: StartRequestStore) -> None:
    numbers = await opened(store, 5)

    assert await claimed(starts, 2) == numbers[:2]
    assert await claimed(starts, 2) == numbers[2:4]
    assert await claimed(starts, 2) == numbers[4:]
    assert await claimed(starts, 2) == []


async def test_a_claim_brings_the_ticket(store: TicketStore, starts: StartRequestStore) -> None:
    ticket = await stored_ticket(store, team="support", tags=("vip",))

    assert await starts.claim(10) == [ticket]


async def test_a_claim_never_takes_more_than_its_limit(
    store: TicketStore, starts: StartRequestStore, pool: Pool
) -> None:
    """Also when the planner would rather look for the limit's rows once per row."""
    numbers = await opened(store, 40)
    await pool.execute("analyze start_requests")

    taken = [await claimed(starts, 7) for _ in range(6)]

    assert [len(batch) for batch in taken] == [7, 7, 7, 7, 7, 5]
    assert [number for batch in taken for number in batch] == numbers


async def test_a_claim_lapses_when_its_claimer_falls_silent(
    store: TicketStore, starts: StartRequestStore, pool: Pool
) -> None:
    numbers = await opened(store, 2)
    await starts.claim(1)

    await let_pass(pool, CLAIM_SECONDS - 5)
    assert await claimed(starts, 10) == numbers[1:]
    await let_pass(pool, 6)
    assert await claimed(starts, 10) == numbers[:1]


async def test_a_request_that_was_given_back_can_be_taken_at_once(
    store: TicketStore, starts: StartRequestStore
) -> None:
    numbers = await opened(store, 3)
    await starts.claim(3)

    await starts.release([numbers[0], numbers[2]])

    assert await claimed(starts, 3) == [numbers[0], numbers[2]]


async def test_giving_nothing_back_is_nothing(store: TicketStore, starts: StartRequestStore) -> None:
    numbers = await opened(store, 1)

    await starts.release([])

    assert await claimed(starts, 3) == numbers


async def test_a_request_ends_when_its_workflow_has_loaded_the_ticket(
    store: TicketStore, starts: StartRequestStore
) -> None:
    first, second = await opened(store, 2)

    await store.load(first)

    assert await claimed(starts, 10) == [second]


async def test_nobody_waits_for_a_request_that_another_is_just_taking(
    store: TicketStore, starts: StartRequestStore, desk_dsn: str
) -> None:
    numbers = await opened(store, 3)
    other = await asyncpg.connect(desk_dsn)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("select from start_requests where ticket_number = $1 for update", numbers[0])

    taken = await claimed(starts, 2)
    await transaction.rollback()
    await other.close()

    assert taken == numbers[1:]
    assert await claimed(starts, 2) == numbers[:1]


async def test_claimers_at_the_same_time_share_the_requests(store: TicketStore, starts: StartRequestStore) -> None:
    numbers = await opened(store, 12)

    batches = await asyncio.gather(*(claimed(starts, 4) for _ in range(6)))
    rest = [await claimed(starts, 12)]

    taken = [number for batch in [*batches, *rest] for number in batch]
    assert sorted(taken) == numbers
