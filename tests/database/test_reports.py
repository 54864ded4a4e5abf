"""Questions of figures: groups and pieces add up to the whole, and a number's tickets are those that it counts."""

from datetime import timedelta

import pytest

from database.pool import Pool
from database.report_catalogue import FIGURES, REPORTS
from database.report_log import ReportLog
from database.reports import Question, Reports
from database.tickets import TicketStore
from domain.errors import InvalidError
from domain.ids import TicketNumber
from domain.period import Period, pieces_of
from domain.report import Dimension, ReportFilter
from tests.database.figure_lives import Lives, OfficeTerms, office_calendar
from tests.factories import NOW

ADDING = [one.name for one in FIGURES.values() if one.adds_up]


@pytest.fixture
async def lives(pool: Pool, store: TicketStore) -> Lives:
    async with office_calendar(pool) as version:
        lives = Lives(store, OfficeTerms(version), 5)
        for _ in range(12):
            await lives.open()
        for _ in range(150):
            await lives.step()
        log = ReportLog(pool)
        while await log.catch_up():
            pass
    return lives


def test_a_name_means_one_figure() -> None:
    for figures in REPORTS.values():
        assert all(FIGURES[one.name] is one for one in figures)
        assert len({one.name for one in figures}) == len(figures)


@pytest.mark.parametrize("group_by", [*Dimension])
async def test_groups_and_pieces_add_up(pool: Pool, lives: Lives, group_by: Dimension) -> None:
    period = Period(NOW - timedelta(days=1), lives.now + timedelta(hours=1))
    pieces = pieces_of(period, "week", "Europe/Berlin")
    question = Question(period, lives.now, group_by=group_by, pieces=pieces, zone="Europe/Berlin", compare=True)

    answer = await Reports(pool).ask(list(FIGURES.values()), question)

    assert answer.values["opened"] == len(lives.numbers)
    for name in ADDING:
        whole = answer.values[name]
        values = [group.values[name] for group in answer.groups]
        assert not values or None in values or sum(one for one in values if isinstance(one, int)) == whole, name
        of_pieces = [one.values[name] for one in answer.pieces]
        if FIGURES[name].population.at:
            assert sum(one for one in of_pieces if isinstance(one, int)) == whole, name
        else:
            assert set(of_pieces) == {None}, name


async def test_a_number_s_tickets_are_those_that_it_counts(pool: Pool, lives: Lives) -> None:
    reports, period = Reports(pool), Period(NOW - timedelta(days=1), lives.now + timedelta(hours=1))
    question = Question(period, lives.now, group_by=Dimension.TEAM)
    answer = await reports.ask(list(FIGURES.values()), question)

    for figure in FIGURES.values():
        if not figure.adds_up or figure.value or not figure.population.ticket:
            continue
        for group in answer.groups:
            rows, after = [], None
            while some := await reports.tickets_of(figure, question, group.key, has_key=True, after=after, limit=2):
                rows += some
                after = TicketNumber(some[-1].number)
            assert len(rows) == (group.values[figure.name] or 0), figure.name


async def test_what_a_population_does_not_know_has_no_value(pool: Pool, lives: Lives) -> None:
    question = Question(Period(NOW, lives.now), lives.now, ReportFilter(no_agent=True))
    reports = Reports(pool)

    answer = await reports.ask([FIGURES["opened"], FIGURES["resolved"]], question)

    assert answer.values["opened"] is None
    assert answer.values["resolved"] is not None
    with pytest.raises(InvalidError):
        await reports.tickets_of(FIGURES["opened"], question)
