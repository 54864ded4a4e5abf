"""Every number of the overview is what a count by hand over the raw events gives: now, and at any past moment."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import pytest

from database.overview import Overviews, queue_counts
from database.pool import Pool
from database.queue_figures import OVERVIEW_FIGURES, QUEUE_COUNTS
from database.queue_list import QueueList
from database.report_catalogue import FIGURES
from database.report_log import ReportLog
from database.reports import Reports
from database.tickets import TicketStore
from domain.ids import TicketNumber
from domain.period import Period
from domain.queue_counts import QueueCounts
from domain.report import Dimension, Question, ReportFilter, Spread
from domain.ticket import Priority, Status
from tests.counted_queue import (
    DIMENSIONS,
    KNOWN,
    QUEUE_RULES,
    Life,
    Narrowing,
    counted_overview,
    fits,
    life_of,
    standing,
)
from tests.database.figure_lives import Lives, OfficeTerms, office_calendar, raw_events
from tests.factories import AGENT, NOW, OTHER_AGENT

GROUPS = [Dimension(one) for one in DIMENSIONS]


class Desk(NamedTuple):
    """Tickets that have lived, all folded, and what hands make of their raw events."""

    lives: Lives
    counted_lives: list[Life]
    overviews: Overviews

    def moment(self) -> datetime:
        """Some moment of the tickets' lives, often the very one of an event."""
        chance = self.lives.chance
        if chance.random() < 0.6:
            return chance.choice(chance.choice(self.counted_lives).moments)
        return NOW + chance.random() * (self.lives.now - NOW)

    def counted(self, question: Question, narrowing: Narrowing) -> dict[str, Any]:
        return counted_overview(self.counted_lives, question.as_of or question.now, question.period, narrowing)


@pytest.fixture
async def terms(pool: Pool) -> AsyncIterator[OfficeTerms]:
    async with office_calendar(pool) as version:
        yield OfficeTerms(version)


@pytest.fixture
async def desk(pool: Pool, store: TicketStore, terms: OfficeTerms) -> Desk:
    lives, log = Lives(store, terms, 21), ReportLog(pool)
    for _ in range(30):
        await lives.open()
        for _ in range(13):
            await lives.step()
    while await log.catch_up():
        pass
    counted = [life_of(await raw_events(pool, number), terms.calendars) for number in lives.numbers]
    return Desk(lives, counted, Overviews(Reports(pool), log))


def some_narrowing(desk: Desk) -> tuple[Narrowing, ReportFilter]:
    """A filter in both languages."""
    chance = desk.lives.chance
    narrowing: Narrowing = {}
    if chance.random() < 0.5:
        narrowing["team"] = chance.sample(["support", "network", "billing"], 2)
    if chance.random() < 0.4:
        narrowing["priority"] = chance.sample(list(Priority), 2)
    if chance.random() < 0.3:
        narrowing["category"] = ["technical"]
    if chance.random() < 0.3:
        narrowing["channel"] = ["self_service", "integration"]
    if chance.random() < 0.3:
        narrowing["agent"] = chance.choice([[AGENT, None], [None], [AGENT, OTHER_AGENT]])
    agents = narrowing.get("agent", ())
    wanted = ReportFilter(
        team=narrowing.get("team", ()),
        priority=narrowing.get("priority", ()),
        category=narrowing.get("category", ()),
        channel=narrowing.get("channel", ()),
        agent=[one for one in agents if one is not None],
        no_agent=None in agents,
    )
    return narrowing, wanted


def assert_same(found: Any, expected: dict[str, Any], what: object) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, tuple):
            assert isinstance(found[name], Spread), (name, what)
            assert tuple(found[name]) == pytest.approx(value), (name, what)
        else:
            assert found[name] == pytest.approx(value), (name, what)


def test_what_is_told_live_is_what_is_counted() -> None:
    assert [one.name for one in QUEUE_COUNTS] == [*QueueCounts.model_fields][2:]
    assert {one.name for one in OVERVIEW_FIGURES} == {*QUEUE_RULES, *KNOWN, "backlog_age", "backlog_oldest"}
    for one in QUEUE_COUNTS:
        assert FIGURES[one.name].expression == f"count(*) filter (where {one.condition})"


async def test_every_figure_is_what_hands_count_now_and_at_any_past_moment(desk: Desk) -> None:
    past = [desk.moment() for _ in range(60)]
    known: dict[str, int] = {}

    for place, as_of in enumerate([None, None, None, NOW - timedelta(days=1), *past]):
        narrowing, wanted = some_narrowing(desk) if place % 2 else ({}, ReportFilter())
        until = as_of or desk.lives.now
        period = Period(until - timedelta(days=desk.lives.chance.randint(1, 40)), until)
        question = Question(period, desk.lives.now, wanted, as_of=as_of)
        found = (await desk.overviews.read(question)).answer.values
        assert_same(found, desk.counted(question, narrowing), question)
        for name, value in found.items():
            known[name] = known.get(name, 0) + bool(value)

    assert not [name for name, times in known.items() if not times], "the lives were too dull to prove anything"


async def test_groups_are_what_hands_count(desk: Desk) -> None:
    for group_by, as_of in [(one, at) for one in GROUPS for at in (None, desk.moment(), desk.moment())]:
        narrowing, wanted = some_narrowing(desk)
        until = as_of or desk.lives.now
        question = Question(Period(until - timedelta(days=20), until), desk.lives.now, wanted, group_by, as_of=as_of)
        answer = (await desk.overviews.read(question)).answer
        keys = {one.key for one in answer.groups}
        everywhere = {getattr(one.place, group_by) for one in standing(desk.counted_lives, until)}
        for key in {*everywhere, *(_value(key, group_by) for key in keys)}:
            within = narrowing.get(group_by)
            of_group = {**narrowing, group_by: [key] if within is None or key in within else []}
            expected = desk.counted(question, of_group)
            found = next((one.values for one in answer.groups if _value(one.key, group_by) == key), None)
            if found is None:
                assert not any(expected.values()), (key, question)
            else:
                assert_same(found, expected, (key, question))


def _value(key: str | None, dimension: Dimension) -> Any:
    """A group's key as raw events have it."""
    if key is None:
        return None
    if dimension is Dimension.AGENT:
        return type(AGENT)(key)  # type: ignore[arg-type]
    return int(key) if dimension is Dimension.LEVEL else key


async def test_the_period_before_comes_with_the_queue_at_its_end(desk: Desk) -> None:
    at = desk.moment()
    period, before = Period(at - timedelta(hours=9), at), Period(at - timedelta(hours=33), at - timedelta(hours=24))
    question = Question(period, desk.lives.now, compare=True, before=before, as_of=at)

    answer = (await desk.overviews.read(question)).answer

    assert answer.previous_period == before
    assert answer.previous is not None
    assert_same(answer.previous, desk.counted(question._replace(period=before, as_of=before.until), {}), before)


async def test_a_past_moment_that_is_now_is_the_present(desk: Desk) -> None:
    now = desk.lives.now + timedelta(hours=1)
    question = Question(Period(NOW, now), now, group_by=Dimension.TEAM)

    present = await desk.overviews.read(question)
    past = await desk.overviews.read(question._replace(as_of=now))

    assert past.answer.values == present.answer.values
    assert past.answer.groups == present.answer.groups
    assert (past.teams, past.stream_cursor) == ([], None)


async def test_the_tickets_behind_each_number_are_as_many_also_in_the_past(desk: Desk, pool: Pool) -> None:
    reports = Reports(pool)
    for as_of in (None, desk.moment(), desk.moment()):
        question = Question(Period(NOW, as_of or desk.lives.now), desk.lives.now, as_of=as_of)
        values = (await desk.overviews.read(question)).answer.values
        for figure in OVERVIEW_FIGURES:
            rows = await reports.tickets_of(figure, question, limit=200)
            if figure.name == "net":
                assert sum(cast(float, one.value) for one in rows) == values["net"]
            elif figure.adds_up:
                assert len(rows) == values[figure.name], figure.name


async def test_the_counts_of_teams_are_those_of_the_figures(desk: Desk, pool: Pool) -> None:
    question = Question(Period(NOW, desk.lives.now), desk.lives.now, group_by=Dimension.TEAM)

    overview = await desk.overviews.read(question)
    ours = await desk.overviews.read(
        question._replace(wanted=ReportFilter(priority=["low"], within=frozenset(["support"])))  # type: ignore[list-item]
    )

    groups = {one.key: one.values for one in overview.answer.groups}
    assert {one.team for one in overview.teams} >= groups.keys()
    for one in overview.teams:
        counts = one.model_dump(exclude={"team", "revision"})
        expected = groups.get(one.team, {})
        assert counts == {name: expected.get(name, 0) for name in counts}
    assert ours.teams == [one for one in overview.teams if one.team == "support"]
    async with pool.acquire() as connection:
        assert await queue_counts(connection, [None]) == [one for one in overview.teams if one.team is None]


async def test_the_queue_is_listed_as_it_stood(desk: Desk, pool: Pool) -> None:
    queue, chance, seen = QueueList(pool), desk.lives.chance, 0
    for as_of in [None, *(desk.moment() for _ in range(8))]:
        narrowing, wanted = some_narrowing(desk)
        status = chance.choice([[], [Status.NEW, Status.OPEN], [Status.RESOLVED]])
        is_waiting = chance.choice([None, None, True, False])
        question = Question(Period(NOW, desk.lives.now), desk.lives.now, wanted, as_of=as_of)
        rows, after = [], None
        while page := await queue.page(question, status=status, is_waiting=is_waiting, after=after, limit=3):
            rows += page
            after = TicketNumber(page[-1].number)
        expected = [
            one
            for one in standing(desk.counted_lives, as_of or desk.lives.now)
            if fits(one.place, narrowing)
            and (not status or one.ticket.status in status)
            and is_waiting in (None, one.ticket.is_waiting)
        ]
        assert [
            (row.number, row.status, row.team, row.priority, row.assignee_id, row.snoozed, row.is_waiting, row.since)
            for row in rows
        ] == [
            (it.number, it.status, it.team, it.priority, it.assignee_id, it.snoozed, it.is_waiting, one.since)
            for one in sorted(expected, key=lambda one: -one.ticket.number)
            for it in [one.ticket]
        ]
        assert all((row.assignee_name is None) == (row.assignee_id is None) for row in rows)
        seen += len(rows)
    assert seen > 10
