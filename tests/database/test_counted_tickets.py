"""All tickets behind a number: those of the list, page by page, and never a part of them."""

from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from database.pool import Pool
from database.report_catalogue import FIGURES
from database.report_figure import Figure, Population, count
from database.report_log import ReportLog
from database.reports import ROWS_AT_A_TIME, CountedTicket, Reports
from database.tickets import TicketStore
from domain.access import TicketScope
from domain.errors import InvalidError
from domain.ids import TicketNumber
from domain.period import Period
from domain.report import Dimension, Question, ReportFilter
from tests.database.figure_lives import Lives, OfficeTerms, office_calendar
from tests.factories import AGENT, NOW

EVERYTHING = TicketScope(True, AGENT, frozenset(), unrouted=True)


@pytest.fixture
async def lives(pool: Pool, store: TicketStore) -> Lives:
    async with office_calendar(pool) as version:
        lives = Lives(store, OfficeTerms(version), 7)
        for _ in range(10):
            await lives.open()
        for _ in range(100):
            await lives.step()
        log = ReportLog(pool)
        while await log.catch_up():
            pass
    return lives


def question_of(lives: Lives, **asked: Any) -> Question:
    return Question(Period(NOW - timedelta(days=1), lives.now + timedelta(hours=1)), lives.now, **asked)


async def read(reports: Reports, figure: Figure, question: Question, **more: Any) -> list[CountedTicket]:
    async with aclosing(reports.all_tickets_of(figure, question, **{"scope": EVERYTHING, **more})) as batches:
        return [row async for rows in batches for row in rows]


async def test_they_are_those_of_the_list(pool: Pool, lives: Lives) -> None:
    reports, question = Reports(pool), question_of(lives, group_by=Dimension.PRIORITY)
    for figure in FIGURES.values():
        if not figure.population.ticket or not figure.population.knows(Dimension.PRIORITY):
            continue
        for key, has_key in ((None, False), ("high", True), ("nothing", True)):
            listed, after = list[Any](), None
            while page := await reports.tickets_of(figure, question, key, has_key=has_key, after=after, limit=3):
                listed += page
                after = TicketNumber(page[-1].number)

            found = await read(reports, figure, question, key=key, has_key=has_key)

            assert [row[:3] for row in found] == [tuple(row) for row in listed], figure.name


async def test_what_a_ticket_is_is_told_to_those_who_may_see_it(pool: Pool, lives: Lives, store: TicketStore) -> None:
    reports, figure, question = Reports(pool), FIGURES["opened"], question_of(lives)
    billing = TicketScope(False, AGENT, frozenset({"billing"}), unrouted=True)

    everything = await read(reports, figure, question)
    some = await read(reports, figure, question, scope=billing)

    records = {one.number: one for one in await store.read_some([row.number for row in everything])}
    assert len(everything) == len(lives.numbers)
    for row, seen in zip(everything, some, strict=True):
        record = records[row.number]
        told = (record.title, record.status, record.priority, record.team)
        assert row[3:] == told
        assert seen[3:] == (told if billing.includes(record) else (None,) * 4)
    assert {row.title is None for row in some} == {True, False}


async def test_more_than_a_file_holds_is_refused_and_not_cut(pool: Pool, lives: Lives) -> None:
    reports, figure, question = Reports(pool), FIGURES["opened"], question_of(lives)

    assert len(await read(reports, figure, question, at_most=10)) == 10
    with pytest.raises(InvalidError, match="more than 9 rows"):
        await read(reports, figure, question, at_most=9)


async def test_what_is_not_known_is_refused(pool: Pool, lives: Lives) -> None:
    nameless = count("none", Population("none", "ticket_facts", {}, at="opened_at", ticket=""), "Of no ticket.")

    with pytest.raises(InvalidError):
        await read(Reports(pool), FIGURES["opened"], question_of(lives, wanted=ReportFilter(no_agent=True)))
    with pytest.raises(InvalidError):
        await read(Reports(pool), nameless, question_of(lives))


async def test_whoever_stops_in_the_middle_leaves_the_connection_to_others(pool: Pool, lives: Lives) -> None:
    rows = f"(select 1 as number, {{since}} as at from generate_series(1, {ROWS_AT_A_TIME * 3}))"  # noqa: S608
    figure = count("many", Population("many", rows, {}, at="at"), "Many.")
    reports, question = Reports(pool), question_of(lives)
    for _ in range(20):
        async with aclosing(reports.all_tickets_of(figure, question, scope=EVERYTHING)) as batches:
            assert len(await anext(batches)) == ROWS_AT_A_TIME

    assert len(await read(reports, figure, question)) == ROWS_AT_A_TIME * 3
