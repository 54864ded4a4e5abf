"""What is written of plans: one after the other for each agent, with its event, and nothing of what is refused."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest

from database.pool import Pool
from database.rotas import RotaDraft, RotaStore
from database.shift_plans import ShiftEdit, ShiftPlanner
from database.shift_requests import RequestPlan, RequestRecord, ShiftRequestStore
from database.shifts import ShiftRecord, ShiftStore
from database.time_off import TimeOffPlan, TimeOffStore
from domain.agent import BreakKind
from domain.errors import ConflictError, ShiftOverlapError, ShiftRequestStateError, TimeOffError
from domain.ids import PersonId, ShiftRequestId
from domain.rota import BreakPattern, Rota
from domain.shift import Shift
from domain.shift_rules import PlannedBreak, ShiftPlan
from tests.factories import AGENT, NOW, OTHER_AGENT, SUPERVISOR, reader

HOUR = timedelta(hours=1)
BY = reader(SUPERVISOR)
FAR = NOW + timedelta(days=400)


@pytest.fixture
def planner(pool: Pool) -> ShiftPlanner:
    return ShiftPlanner(pool)


@pytest.fixture
def shifts(pool: Pool) -> ShiftStore:
    return ShiftStore(pool)


@pytest.fixture
def rotas(pool: Pool) -> RotaStore:
    return RotaStore(pool)


def plan(since: float = 24, until: float = 32, *breaks: PlannedBreak, agent: PersonId = AGENT) -> ShiftPlan:
    """A published shift of team support, in hours from NOW on."""
    return ShiftPlan(
        agent_id=agent,
        team="support",
        starts_at=NOW + since * HOUR,
        ends_at=NOW + until * HOUR,
        status="published",
        breaks=breaks,
    )


def a_rota(**changes: Any) -> RotaDraft:
    """Working days from 8 to 16 in Berlin."""
    return RotaDraft(
        "Early",
        Rota(
            **{
                "agent_id": AGENT,
                "team": "support",
                "rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
                "zone": "Europe/Berlin",
                "begins_on": date(2030, 1, 8),
                "starts": time(8),
                "minutes": 480,
                **changes,
            }
        ),
        "published",
    )


async def all_of(shifts: ShiftStore, agent: PersonId = AGENT) -> list[Shift]:
    return await shifts.of(agent, NOW - timedelta(days=400), FAR, drafts=True)


async def test_however_many_plan_at_once_an_agents_shifts_never_overlap(
    planner: ShiftPlanner, rotas: RotaStore, shifts: ShiftStore, pool: Pool
) -> None:
    """Single shifts, moves and rotas, all at once: some succeed, and what is left is a plan."""
    movable = [await planner.add(plan(24 * day, 24 * day + 4), BY, NOW) for day in range(2, 5)]

    async def move(record: ShiftRecord, since: float) -> object:
        edit = ShiftEdit(starts_at=NOW + since * HOUR, ends_at=NOW + (since + 8) * HOUR)
        return await planner.change(record.shift.id, edit, BY, NOW, None)

    done = await asyncio.gather(
        *(planner.add(plan(20 + hours, 30 + hours), BY, NOW) for hours in range(0, 40, 4)),
        *(move(record, 30 + 3 * count) for count, record in enumerate(movable)),
        rotas.add(a_rota(rule="FREQ=DAILY", starts=time(20), zone="UTC"), BY, NOW),
        rotas.add(a_rota(rule="FREQ=DAILY", starts=time(22), zone="UTC"), BY, NOW),
        return_exceptions=True,
    )

    refused = [one for one in done if isinstance(one, BaseException)]
    assert all(isinstance(one, ShiftOverlapError) for one in refused), refused
    assert refused
    plan_made = await all_of(shifts)
    assert all(one.ends_at <= following.starts_at for one, following in pairwise(plan_made))
    written = await pool.fetchval("select count(*) from shifts where status <> 'cancelled'")
    assert written == len(plan_made)


async def test_what_is_refused_leaves_nothing(planner: ShiftPlanner, rotas: RotaStore, pool: Pool) -> None:
    await planner.add(plan(9 * 24, 9 * 24 + 8), BY, NOW)
    tables = ("shifts", "shift_breaks", "rotas", "events", "notifications")

    async def rows() -> list[int]:
        return [await pool.fetchval(f"select count(*) from {table}") for table in tables]  # noqa: S608  our own names

    before = await rows()

    with pytest.raises(ShiftOverlapError):
        await rotas.add(a_rota(), BY, NOW)
    with pytest.raises(ShiftOverlapError):
        await planner.add(plan(9 * 24 + 4, 9 * 24 + 12), BY, NOW)

    assert await rows() == before


async def test_of_many_takers_one_gets_the_shift(planner: ShiftPlanner, shifts: ShiftStore, pool: Pool) -> None:
    requests = ShiftRequestStore(pool)
    one = await planner.add(plan(), BY, NOW)
    asked = await requests.ask(RequestPlan("cover", one.shift.id, None, None, None, None, ""), reader(AGENT), NOW)

    takers = [reader(OTHER_AGENT), BY] * 4
    done = await asyncio.gather(
        *(requests.take(asked.request.id, None, taker, NOW) for taker in takers), return_exceptions=True
    )

    assert len({answer.request.taken_by for answer in done if not isinstance(answer, BaseException)}) == 1
    assert {type(answer) for answer in done if isinstance(answer, BaseException)} == {ShiftRequestStateError}
    assert await all_of(shifts) == []
    assert len(await all_of(shifts, OTHER_AGENT) + await all_of(shifts, SUPERVISOR)) == 1


async def test_of_two_swaps_that_cross_one_is_done(planner: ShiftPlanner, shifts: ShiftStore, pool: Pool) -> None:
    """Each wants the other's shift, and both say yes in the same moment."""
    requests = ShiftRequestStore(pool)
    mine, theirs = await planner.add(plan(), BY, NOW), await planner.add(plan(48, 56, agent=OTHER_AGENT), BY, NOW)

    async def ask(person: PersonId, own: ShiftRecord, wanted: ShiftRecord) -> ShiftRequestId:
        swap = RequestPlan("swap", own.shift.id, None, None, None, wanted.shift.id, "")
        return (await requests.ask(swap, reader(person), NOW)).request.id

    crossing = await ask(AGENT, mine, theirs), await ask(OTHER_AGENT, theirs, mine)
    takers = reader(OTHER_AGENT), reader(AGENT)

    done = await asyncio.gather(
        *(requests.take(id, None, taker, NOW) for id, taker in zip(crossing, takers, strict=True)),
        return_exceptions=True,
    )

    assert {type(one) for one in done} == {RequestRecord, ShiftRequestStateError}
    assert [one.starts_at for one in await all_of(shifts)] == [theirs.shift.starts_at]
    assert [one.starts_at for one in await all_of(shifts, OTHER_AGENT)] == [mine.shift.starts_at]


async def test_time_off_and_a_shift_at_the_same_time_are_decided_one_after_the_other(
    planner: ShiftPlanner, shifts: ShiftStore, pool: Pool
) -> None:
    """Whichever is first, nobody ends with both."""
    off = TimeOffStore(pool)
    for day in range(1, 9):
        begin = NOW + day * 24 * HOUR
        given = TimeOffPlan(AGENT, begin, begin + 24 * HOUR, "holiday", "", is_approved=True)
        done = await asyncio.gather(
            off.add(given, BY, NOW), planner.add(plan(day * 24, day * 24 + 8), BY, NOW), return_exceptions=True
        )
        assert not [one for one in done if isinstance(one, BaseException) and not isinstance(one, TimeOffError)]

    assert await all_of(shifts) == []


async def test_each_agent_whose_plan_is_changed_has_an_event(planner: ShiftPlanner, pool: Pool) -> None:
    requests = ShiftRequestStore(pool)
    one = await planner.add(plan(), BY, NOW)
    asked = await requests.ask(RequestPlan("cover", one.shift.id, None, None, None, None, ""), reader(AGENT), NOW)
    await pool.execute("delete from events")

    await requests.take(asked.request.id, None, reader(OTHER_AGENT), NOW)

    rows = await pool.fetch(
        "select topic, type, person_id, actor_id, internal, ticket_number from events where topic = 'shifts'"
    )
    assert sorted(tuple(row.values()) for row in rows) == sorted(
        ("shifts", "shift.changed", agent, OTHER_AGENT, True, None) for agent in (AGENT, OTHER_AGENT)
    )


async def test_a_rota_is_laid_out_further_as_days_go_by(rotas: RotaStore, shifts: ShiftStore) -> None:
    lunch = BreakPattern(kind=BreakKind.LUNCH, after_minutes=240, minutes=30)
    made = await rotas.add(a_rota(breaks=(lunch,)), BY, NOW)
    first = await all_of(shifts)

    for weeks in range(1, 30):
        await rotas.extend(NOW + timedelta(weeks=weeks))

    laid = await all_of(shifts)
    assert laid[: len(first)] == first
    assert made.laid_until == date(2030, 3, 4)
    assert (await rotas.read(made.id)).laid_until == date(2030, 3, 4) + timedelta(weeks=29)
    assert len(laid) == 37 * 5 - 1
    assert {one.breaks[0].starts_at - one.starts_at for one in laid} == {4 * HOUR}
    assert {one.starts_at.hour for one in laid} == {6, 7}


async def test_two_workers_that_lay_out_at_once_lay_out_once(rotas: RotaStore, shifts: ShiftStore, pool: Pool) -> None:
    await rotas.add(a_rota(rule="FREQ=DAILY"), BY, NOW)
    later = NOW + timedelta(weeks=3)

    await asyncio.gather(*(rotas.extend(later) for _ in range(4)))

    days = [one.starts_at.date() for one in await all_of(shifts)]
    assert len(days) == len(set(days)) == 11 * 7 - 1
    assert await pool.fetchval("select count(*) from shifts") == len(days)


async def test_a_rota_that_began_in_the_past_lays_out_what_is_to_come(rotas: RotaStore, shifts: ShiftStore) -> None:
    now = datetime(2030, 1, 16, 12, tzinfo=UTC)

    await rotas.add(a_rota(begins_on=date(2029, 1, 1)), BY, now)

    assert (await all_of(shifts))[0].starts_at == datetime(2030, 1, 17, 7, tzinfo=UTC)


async def test_a_rota_that_counts_its_shifts_ends_by_itself(rotas: RotaStore, shifts: ShiftStore) -> None:
    await rotas.add(a_rota(rule="FREQ=WEEKLY;BYDAY=TU;COUNT=12"), BY, NOW)
    for weeks in range(1, 20):
        await rotas.extend(NOW + timedelta(weeks=weeks))

    assert len(await all_of(shifts)) == 12


async def test_what_time_off_took_from_a_rota_stays_taken(rotas: RotaStore, shifts: ShiftStore, pool: Pool) -> None:
    made = await rotas.add(a_rota(zone="UTC"), BY, NOW)
    off = TimeOffPlan(AGENT, NOW + 24 * HOUR, NOW + 26 * HOUR, "holiday", "", is_approved=True)
    decided = await TimeOffStore(pool).add(off, BY, NOW)
    assert [len(loss.left) for loss in decided.losses] == [2]

    await rotas.change(made.id, a_rota(zone="UTC", minutes=420), BY, NOW, None)

    tuesday = [(one.starts_at.hour, one.ends_at.hour) for one in await all_of(shifts) if one.starts_at.day == 8]
    assert tuesday[:2] == [(8, 9), (11, 16)]
    await rotas.end(made.id, BY, NOW, None)
    assert await all_of(shifts) == []


async def test_a_change_that_is_refused_leaves_the_rota_as_it_was(
    rotas: RotaStore, planner: ShiftPlanner, shifts: ShiftStore
) -> None:
    made = await rotas.add(a_rota(zone="UTC"), BY, NOW)
    await planner.add(plan(24 + 8, 24 + 10), BY, NOW)
    before = await all_of(shifts)

    with pytest.raises(ConflictError):
        await rotas.change(made.id, a_rota(zone="UTC", starts=time(12)), BY, NOW, None)

    assert await all_of(shifts) == before
    assert await rotas.read(made.id) == made
