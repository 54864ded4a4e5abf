"""The forecast's activities on the real database: what they read and store, and that twice is harmless."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.forecast_arithmetic import ForecastArithmetic
from activities.forecasts import ForecastActivities, ForecastStep
from database.forecasts import ForecastStore
from database.pool import Pool, open_pool
from domain.errors import UnknownReferenceError
from domain.forecast import HISTORY_WEEKS, History, forecast, wape
from domain.stored_forecast import StoredForecast
from tests.arrivals import MONDAY, SHAPE, by_chance, rates, store_arrivals
from tests.factories import REQUESTER, store_desk

NIGHT = MONDAY + timedelta(weeks=10, hours=2, minutes=17)
HISTORY = (1, *by_chance(rates(10), seed=1)[1:])
"""From the first hour on, so that the first day is a whole one."""


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_dsn, 4)
    await store_desk(pool)
    yield pool
    await pool.close()


@pytest.fixture
def store(pool: Pool) -> ForecastStore:
    return ForecastStore(pool)


async def run(store: ForecastStore, team: str = "support", at: datetime = NIGHT) -> Any:
    activities = ForecastActivities(store, ForecastArithmetic())
    return await ActivityEnvironment().run(activities.forecast_team, ForecastStep(team=team, at=at))


async def stored(store: ForecastStore, team: str = "support") -> StoredForecast:
    found = (await store.read({team}))[team]
    assert found is not None
    return found


async def test_a_team_is_forecast_from_its_tickets_alone(pool: Pool, store: ForecastStore) -> None:
    await store_arrivals(pool, "support", REQUESTER, MONDAY, HISTORY, estimates=[40] * 100)
    await store_arrivals(pool, "billing", REQUESTER, MONDAY, [9] * 500)

    assert await run(store) == "week_shape_and_level"

    kept = await stored(store)
    assert kept.forecast == forecast(History(MONDAY, HISTORY), ForecastArithmetic())
    off = wape(SHAPE, kept.forecast.expected[: len(SHAPE)])
    flat = wape(SHAPE, [sum(HISTORY) / len(HISTORY)] * len(SHAPE))
    assert off is not None
    assert flat is not None
    assert off < flat / 3
    tickets = sum(HISTORY)
    assert kept.handling.minutes == pytest.approx((100 * 40 + (tickets - 100) * 15) / tickets)
    assert kept.handling.estimated_share == pytest.approx(100 / tickets)


async def test_the_history_ends_with_the_day_before_and_begins_with_the_first_whole_day(
    pool: Pool, store: ForecastStore
) -> None:
    await store_arrivals(pool, "support", REQUESTER, MONDAY + timedelta(hours=9), [2] * 24 * 9)

    found = await store.history("support", MONDAY + timedelta(days=5, hours=23, minutes=59))

    assert found is not None
    assert found[0] == History(MONDAY + timedelta(days=1), (2,) * 24 * 4, "UTC")


async def test_the_history_is_no_longer_than_half_a_year(pool: Pool, store: ForecastStore) -> None:
    await store_arrivals(pool, "support", REQUESTER, MONDAY, [1] * 24 * 7 * (HISTORY_WEEKS + 2))

    found = await store.history("support", MONDAY + timedelta(weeks=HISTORY_WEEKS + 2))

    assert found is not None
    assert found[0] == History(MONDAY + timedelta(weeks=2), (1,) * 24 * 7 * HISTORY_WEEKS)


async def test_hours_are_told_in_the_zone_of_the_calendar_that_the_clocks_count_by(
    pool: Pool, store: ForecastStore
) -> None:
    await store_arrivals(pool, "support", REQUESTER, MONDAY, [1] * 24 * 8)
    await pool.execute("""
        with calendar as (insert into sla_calendars (name) values ('Office') returning id),
        version as (
            insert into sla_calendar_versions (calendar_id, version, calendar)
            select id, 1, '{"zone": "Europe/Berlin", "always_open": true}' from calendar returning id)
        insert into sla_clocks (ticket_number, audience, target, cycle, phase, goal_seconds, used_seconds,
            policy_version, calendar_version, started_at, since, priority, category)
        select t.number, 'customer', 'resolution', 1, 'running', 60, 0, (select min(id) from sla_policy_versions),
            version.id, t.created_at, t.created_at, 'normal', 'general'
        from tickets t, version limit 10
    """)

    found = await store.history("support", MONDAY + timedelta(weeks=1))

    assert found is not None
    assert found[0].zone == "Europe/Berlin"


async def test_doing_it_twice_changes_nothing_and_an_older_run_does_not_undo_a_newer_one(
    pool: Pool, store: ForecastStore
) -> None:
    await store_arrivals(pool, "support", REQUESTER, MONDAY, HISTORY)
    await run(store)
    first = await stored(store)

    await run(store)
    again = await stored(store)
    await run(store, at=NIGHT - timedelta(weeks=2))

    assert again.forecast == first.forecast
    assert await stored(store) == again
    await run(store, at=NIGHT + timedelta(days=1))
    assert (await stored(store)).forecast.until == MONDAY + timedelta(weeks=10, days=1)


async def test_a_team_without_enough_history_is_told_so(pool: Pool, store: ForecastStore) -> None:
    await store_arrivals(pool, "support", REQUESTER, NIGHT - timedelta(days=3), [1] * 10)

    assert await run(store) == "none"
    assert await run(store, "network") == "none"

    few, none = await stored(store), await stored(store, "network")
    assert (few.forecast.method, few.forecast.tickets) == (None, 0)
    assert (none.forecast.method, none.forecast.tickets, none.handling.minutes) == (None, 0, 15)


async def test_a_team_that_is_gone_is_nobodys_forecast(store: ForecastStore) -> None:
    assert await run(store, "nowhere") == "none"
    assert await store.read({"nowhere"}) == {}
    with pytest.raises(UnknownReferenceError):
        await store.check_known("nowhere")


async def test_all_active_teams_are_forecast(pool: Pool, store: ForecastStore) -> None:
    await pool.execute("update teams set is_active = false where slug = 'network'")

    teams = await ActivityEnvironment().run(ForecastActivities(store, ForecastArithmetic()).teams_to_forecast)

    assert teams == ["billing", "support"]
    assert list(await store.read(None)) == ["billing", "support"]
    assert await store.read({"network"}) == {"network": None}, "who asks for it by name is told"


async def test_a_ticket_counts_for_the_team_that_has_it_now(pool: Pool, store: ForecastStore) -> None:
    await store_arrivals(pool, "support", REQUESTER, MONDAY, [1] * 24 * 8)
    await pool.execute("update tickets set team = 'billing' where created_at >= $1", datetime(2029, 9, 7, tzinfo=UTC))

    support, billing = [await store.history(team, MONDAY + timedelta(weeks=1)) for team in ("support", "billing")]

    assert support is not None
    assert billing is not None
    assert (sum(support[0].counts), sum(billing[0].counts)) == (4 * 24, 3 * 24)
