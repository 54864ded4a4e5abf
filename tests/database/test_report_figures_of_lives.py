"""Figures of tickets are what a count by hand over the raw events gives, whatever was asked, and so are their rows."""

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, get_args

import pytest

from database.pool import Pool
from database.report_catalogue import FIGURES, REPORTS
from database.report_log import ReportLog
from database.reports import Counted, Group, PieceValues, Reports, Values
from database.tickets import TicketStore
from domain.business_calendar import time_zone
from domain.errors import InvalidError
from domain.ids import TicketNumber
from domain.period import IntervalKind, Period, pieces_of
from domain.report import Dimension, Question, ReportFilter
from domain.ticket import Priority
from domain.ticket_facts import Channel
from tests.counted_figures import TICKETS, Row, Rows, is_known, rows_behind, rows_in, rows_of, values_of
from tests.database.figure_lives import Lives, OfficeTerms, office_calendar, raw_events
from tests.factories import ADMIN, AGENT, OTHER_AGENT, SUPERVISOR, TEAMS

MICROSECOND = timedelta(microseconds=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
BEGIN = datetime(2030, 3, 4, 9, tzinfo=UTC)
"""The lives go through the changes of the clocks on 10 and 31 March and 7 April."""
QUESTIONS = 100
_TICKETS = REPORTS["tickets"]


class Lived(NamedTuple):
    """Tickets and their rows; `now` is the moment after the last event."""

    reports: Reports
    rows: Rows
    now: datetime


@pytest.fixture(params=[1, 2])
async def lived(request: pytest.FixtureRequest, pool: Pool, store: TicketStore) -> AsyncIterator[Lived]:
    async with office_calendar(pool) as version:
        terms = OfficeTerms(version)
        lives = Lives(store, terms, request.param)
        lives.now = BEGIN
        for _ in range(25):
            await lives.open()
            for _ in range(9):
                await lives.step()
        log = ReportLog(pool)
        while await log.catch_up():
            pass
        histories = [await raw_events(pool, number) for number in lives.numbers]
        yield Lived(Reports(pool), rows_of(histories, terms.calendars), lives.now + MICROSECOND)


# Questions by chance.


def some_question(chance: random.Random, lived: Lived) -> tuple[Question, IntervalKind]:
    zone = chance.choice(ZONES)
    interval: IntervalKind = chance.choice(get_args(IntervalKind))
    period = some_period(chance, lived, zone)
    question = Question(
        period,
        lived.now,
        some_filter(chance),
        chance.choice([None, *Dimension, Dimension.HOUR_OF_WEEK]),
        pieces_of(period, interval, zone) if chance.random() < 0.7 else (),
        zone,
        chance.random() < 0.5,
    )
    return question, interval


def some_period(chance: random.Random, lived: Lived, zone: str) -> Period:
    """From and to any moment, a midnight of the zone, or right at, before or after something that counts."""
    at = [row.at for some in lived.rows.values() for row in some]

    def end() -> datetime:
        moment = chance.choice([BEGIN, lived.now, BEGIN + chance.random() * (lived.now - BEGIN), chance.choice(at)])
        local = moment.astimezone(time_zone(zone))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        return chance.choice([midnight, moment, moment + MICROSECOND])

    ends = {end(), end(), BEGIN - timedelta(days=chance.randint(1, 20))}
    return Period(*sorted(chance.sample(sorted(ends), 2)))


def some_filter(chance: random.Random) -> ReportFilter:
    def some(values: Iterable[Any]) -> list[Any]:
        known = list(values)
        return chance.sample(known, chance.randint(1, len(known))) if chance.random() < 0.12 else []

    return ReportFilter(
        team=some(TEAMS),
        priority=some(Priority),
        category=some(["general", "technical"]),
        channel=some(get_args(Channel)),
        agent=some([AGENT, OTHER_AGENT, SUPERVISOR, ADMIN]),
        no_agent=chance.random() < 0.05,
        within=frozenset(chance.sample(TEAMS, chance.randint(0, 3))) if chance.random() < 0.2 else None,
    )


def chance_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  nothing secret


def same(values: Values | None, counted: Mapping[str, Any]) -> bool:
    """But for the last bits of what is no whole number."""
    assert values is not None
    assert list(values) == list(counted)
    for name, value in counted.items():
        expected = value if value is None or isinstance(value, int) else pytest.approx(value, rel=1e-9)
        assert values[name] == expected, name
    return True


def of_group(question: Question, key: str | None) -> Callable[[Row], bool]:
    dimension = question.group_by
    assert dimension is not None
    return lambda row: row.group(dimension, question.zone) == key


def of_date(on: date, interval: IntervalKind, zone: str) -> Callable[[Row], bool]:
    return lambda row: row.first_date(interval, zone) == on


# The proof.


async def test_figures_are_what_hands_count(lived: Lived) -> None:
    chance, told = chance_of(0), 0
    for _ in range(QUESTIONS):
        question, interval = some_question(chance, lived)

        answer = await lived.reports.ask(_TICKETS, question)

        before = None
        if question.compare:
            assert answer.previous_period is not None
            assert answer.previous_period.until == question.period.since
            before = question._replace(period=answer.previous_period)
            assert same(answer.previous, values_of(TICKETS, lived.rows, before))
        assert same(answer.values, values_of(TICKETS, lived.rows, question))
        told += expect_groups(lived, question, before, answer.groups)
        told += expect_pieces(lived, question, interval, answer.pieces)
        told += sum(value is not None for value in answer.values.values())
    assert told > 3_000, "the questions were too dull to prove anything"


def expect_groups(lived: Lived, question: Question, before: Question | None, groups: list[Group]) -> int:
    """Each group that has a row in the period, or in the one before."""
    dimension, told = question.group_by, 0
    if dimension is None:
        assert groups == []
        return 0
    assert {group.key for group in groups} == {
        row.group(dimension, question.zone)
        for asked in (question, before)
        if asked is not None
        for kind in lived.rows
        if is_known(kind, question.wanted, dimension)
        for row in rows_in(kind, lived.rows, asked)
    }
    assert None not in [group.key for group in groups[:-1]], "those of none come last"
    for group in groups:
        is_of_it = of_group(question, group.key)
        assert same(group.values, values_of(TICKETS, lived.rows, question, is_of_it, dimension))
        assert (group.previous is None) == (before is None)
        if before is not None:
            assert same(group.previous, values_of(TICKETS, lived.rows, before, is_of_it, dimension))
        told += sum(value is not None for value in group.values.values())
    return told


def expect_pieces(lived: Lived, question: Question, interval: IntervalKind, pieces: list[PieceValues]) -> int:
    assert [one.piece for one in pieces] == list(question.pieces)
    for piece, values in pieces:
        assert same(values, values_of(TICKETS, lived.rows, question, of_date(piece.on, interval, question.zone)))
    return sum(value is not None for one in pieces for value in one.values.values())


async def test_the_rows_behind_a_number_are_those_that_hands_count(lived: Lived) -> None:
    chance, behind = chance_of(1), 0
    for _ in range(QUESTIONS):
        question, _ = some_question(chance, lived)
        answer = await lived.reports.ask(_TICKETS, question)
        for name, twin in TICKETS.items():
            group = chance.choice([None, chance.choice(answer.groups)]) if answer.groups else None
            dimension = question.group_by if group else None
            is_of_it = of_group(question, group.key) if group else lambda _: True
            key = (group.key if group else None, group is not None)
            if not is_known(twin.rows, question.wanted, dimension):
                with pytest.raises(InvalidError, match=name):
                    await lived.reports.tickets_of(FIGURES[name], question, key[0], has_key=key[1])
                continue
            found = await all_pages(lived.reports, name, question, *key, limit=chance.randint(1, 9))
            assert [tuple(one) for one in found] == [
                tuple(one) for one in rows_behind(twin, lived.rows, question, is_of_it)
            ]
            behind += len(found)
    assert behind > 800, "the questions were too dull to prove anything"


async def all_pages(
    reports: Reports, name: str, question: Question, key: str | None, has_key: bool, limit: int
) -> list[Counted]:
    rows: list[Counted] = []
    after: TicketNumber | None = None
    while page := await reports.tickets_of(FIGURES[name], question, key, has_key=has_key, after=after, limit=limit):
        assert len({one.number for one in page}) <= limit
        assert not {one.number for one in rows} & {one.number for one in page}, "all rows of a ticket are on one page"
        rows += page
        after = page[-1].number
    return rows
