"""What agents did: the figures in SQL are those of a count by hand from the events of tickets that lived."""

import json
import random
import statistics
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from database.agent_performance import Performance, PerformanceFigures, Times
from database.pool import Pool
from database.sla_figures import ClockFilter, SlaFigures
from database.tickets import TicketStore
from domain.ids import PersonId
from domain.people import Actor, Role
from domain.period import Period
from domain.sla_clock import TARGETS, ClockKey
from domain.ticket import Status
from domain.ticket_commands import AddReply, AssignTicket, ChangeStatus
from tests.database.clock_lives import Life
from tests.database.storing import stored_text
from tests.factories import (
    AGENT,
    BY_AGENT,
    BY_REQUESTER,
    NOW,
    OTHER_AGENT,
    OTHER_REQUESTER,
    REQUESTER,
    SUPERVISOR,
)

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
MONTH = Period(NOW, NOW + 30 * DAY)
DESK = {AGENT, OTHER_AGENT, SUPERVISOR}
BY_OTHER = Actor.person(OTHER_AGENT, Role.AGENT)
PERIODS = (
    MONTH,
    Period(NOW + 3 * DAY, NOW + 6 * DAY),
    Period(NOW - 9 * DAY, NOW),
    Period(NOW + 8 * DAY, NOW + 9 * DAY),
)


@pytest.fixture
def performance(pool: Pool) -> PerformanceFigures:
    return PerformanceFigures(pool)


class Fact(NamedTuple):
    """A stored event, as plain as can be."""

    ticket: int
    revision: int
    type: str
    at: datetime
    actor: PersonId | None
    data: dict[str, Any]
    requester: PersonId


async def facts_in(pool: Pool) -> list[Fact]:
    rows = await pool.fetch(
        "select e.ticket_number, e.revision, e.type, e.at, e.actor_id, e.data, t.requester_id "
        "from events e join tickets t on t.number = e.ticket_number order by 1, 2"
    )
    return [Fact(*(json.loads(value) if name == "data" else value for name, value in row.items())) for row in rows]


def counted(facts: list[Fact], agent: PersonId, period: Period) -> Performance:
    """What the agent did, by walking through each ticket's life."""
    first_responses, resolutions, reopened, replies = [], [], 0, 0
    for ticket in sorted({fact.ticket for fact in facts}):
        life = [fact for fact in facts if fact.ticket == ticket]
        opened_at, is_answered, mine, is_reopened = life[0].at, False, [], False
        for fact in life:
            is_mine = fact.actor == agent and fact.requester != agent and period.since <= fact.at < period.until
            if fact.type == "ticket.replied" and fact.actor in DESK - {fact.requester}:
                replies += is_mine
                if is_mine and not is_answered:
                    first_responses.append((fact.at - opened_at) / SECOND)
                is_answered = True
            if fact.type == "ticket.status_changed":
                if fact.data["status"] == "resolved" and is_mine:
                    mine.append((fact.at - opened_at) / SECOND)
                is_reopened |= (
                    bool(mine) and fact.data["previous"] in ("resolved", "closed") and (fact.data["status"] == "open")
                )
        if mine:
            resolutions.append(mine[-1])
            reopened += is_reopened
    return Performance(
        len(resolutions), reopened, len(first_responses), replies, _times(first_responses), _times(resolutions)
    )


def _times(values: list[float]) -> Times | None:
    if not values:
        return None
    tenths = statistics.quantiles(values * (2 if len(values) == 1 else 1), n=10, method="inclusive")
    return Times(statistics.median(values), tenths[8])


def close(performance: Performance) -> Any:
    return tuple(
        tuple(pytest.approx(part) for part in value) if isinstance(value, Times) else value for value in performance
    )


async def lives(store: TicketStore, chance: random.Random) -> AsyncIterator[Life]:
    """Tickets to which people do what is legal, many things right at the edges of the periods."""
    edges = [edge for period in PERIODS for edge in period]
    people = [BY_AGENT, BY_OTHER, Actor.person(SUPERVISOR, Role.SUPERVISOR), BY_REQUESTER]
    for _ in range(40):
        asks = chance.choice([REQUESTER, OTHER_REQUESTER, AGENT])
        life = await Life.begun(store, at=NOW + chance.choice([-10, -1, 0, 2]) * DAY, team="support", requester_id=asks)
        moments = sorted(
            moment
            for moment in (*chance.choices(edges, k=3), *(NOW + chance.random() * 9 * DAY for _ in range(6)))
            if moment > life.ticket.created_at
        )
        for before, moment in pairwise([life.ticket.created_at, *moments]):
            if moment == before:
                continue
            by, status = chance.choice(people), life.ticket.status
            match chance.randint(0, 3):
                case 0 | 1:
                    text = await stored_text(store, life.ticket.number)
                    await life.does(AddReply(text_id=text, internal=chance.random() < 0.2), moment, by)
                case 2 if status is not Status.RESOLVED:
                    await life.does(ChangeStatus(status=Status.RESOLVED), moment, by)
                case 2 | 3 if status in (Status.NEW, Status.RESOLVED):
                    await life.does(ChangeStatus(status=Status.OPEN), moment, by)
                case _:
                    other = OTHER_AGENT if life.ticket.assignee_id == AGENT else AGENT
                    await life.does(AssignTicket(assignee_id=other), moment, by)
        yield life


@pytest.mark.parametrize("seed", range(3))
async def test_the_figures_are_those_of_a_count_by_hand(
    pool: Pool, store: TicketStore, performance: PerformanceFigures, seed: int
) -> None:
    async for _ in lives(store, random.Random(seed)):  # noqa: S311  nothing secret
        pass
    facts = await facts_in(pool)

    for period in PERIODS:
        for agent in (AGENT, OTHER_AGENT, SUPERVISOR):
            assert await performance.of(agent, period) == close(counted(facts, agent, period)), (period, agent)
    seen = [counted(facts, agent, MONTH) for agent in DESK]
    assert sum(one.handled for one in seen) > sum(one.reopened for one in seen) > 0, "chance gave too little"
    assert sum(one.replies for one in seen) > sum(one.first_responses for one in seen) > 0


@pytest.mark.parametrize("seed", range(2))
async def test_promises_count_for_whoever_had_the_ticket_when_they_were_decided(
    pool: Pool, store: TicketStore, figures: SlaFigures, seed: int
) -> None:
    async for _ in lives(store, random.Random(seed)):  # noqa: S311  nothing secret
        pass
    now = NOW + 40 * DAY
    clocks = await pool.fetch("select c.*, t.assignee_id as has_now from sla_clocks c join tickets t on t.number = "
                              "c.ticket_number where c.audience = 'customer'")  # fmt: skip

    kept = (await figures.metrics(MONTH, ClockFilter(agent=[AGENT]), None, now)).decided

    for target in TARGETS:
        decided, met = 0, 0
        for clock in clocks:
            is_due = clock["ended_at"] is None and clock["phase"] == "running" and clock["decided_at"] is None
            at = clock["due_at"] if is_due else clock["decided_at"]
            owner = clock["has_now"] if is_due else clock["assignee_id"]
            if clock["target"] != target or owner != AGENT or at is None or not MONTH.since <= at < MONTH.until:
                continue
            if is_due or clock["breached_at"] is not None:
                decided += 1
            elif clock["phase"] == "met":
                decided, met = decided + 1, met + 1
        assert (kept[target].counts.decided, kept[target].counts.met_in_time) == (decided, met), target


async def test_a_ticket_that_is_resolved_twice_is_handled_once_until_its_last_end(
    store: TicketStore, performance: PerformanceFigures
) -> None:
    life = await Life.begun(store, team="support")
    await life.answered(NOW + HOUR)
    for at, status in ((2, Status.RESOLVED), (3, Status.OPEN), (5, Status.RESOLVED)):
        await life.does(ChangeStatus(status=status), NOW + at * HOUR)

    did = await performance.of(AGENT, MONTH)

    assert did == Performance(1, 1, 1, 1, Times(3_600, 3_600), Times(5 * 3_600, 5 * 3_600))
    assert did.reopen_rate == 1
    early = await performance.of(AGENT, Period(NOW, NOW + 4 * HOUR))
    assert (early.resolution, early.reopened) == (Times(7_200, 7_200), 1), "reopened by now, whenever that was"
    late = await performance.of(AGENT, Period(NOW + 4 * HOUR, NOW + DAY))
    assert (late.handled, late.reopened, late.first_responses) == (1, 0, 0)


async def test_what_the_requester_or_somebody_else_did_counts_for_them(
    store: TicketStore, performance: PerformanceFigures
) -> None:
    life = await Life.begun(store, team="support")
    await life.does(AssignTicket(assignee_id=AGENT), NOW + HOUR)
    await life.breached(ClockKey("customer", "first_response", 1))
    await life.does(AddReply(text_id=await stored_text(store, life.ticket.number)), NOW + 2 * HOUR, BY_OTHER)
    await life.does(ChangeStatus(status=Status.RESOLVED), NOW + 3 * HOUR, BY_REQUESTER)

    assert await performance.of(AGENT, MONTH) == Performance(0, 0, 0, 0, None, None)
    assert (await performance.of(AGENT, MONTH)).reopen_rate is None
    assert await performance.of(OTHER_AGENT, MONTH) == Performance(0, 0, 1, 1, Times(7_200, 7_200), None)
