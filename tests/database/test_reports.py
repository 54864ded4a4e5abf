"""Questions of figures: groups and pieces add up to the whole, and a number's tickets are those that it counts."""

from datetime import UTC, datetime, timedelta

import pytest

from database.pool import Pool
from database.report_catalogue import FIGURES, REPORTS
from database.report_figure import Population
from database.report_log import ReportLog
from database.reports import Reports
from database.ticket_figures import OPENED, RESOLVED, RESPONDED, STEPS
from database.tickets import TicketStore
from domain.errors import InvalidError
from domain.ids import TicketNumber
from domain.period import Period, pieces_of
from domain.report import Dimension, Question, ReportFilter, Value
from domain.ticket import Status
from domain.ticket_commands import AddReply, ChangeStatus
from tests.database.figure_lives import Lives, OfficeTerms, office_calendar
from tests.database.storing import recorded, stored_text, stored_ticket
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


async def test_pieces_have_what_groups_do_not_know(pool: Pool, lives: Lives) -> None:
    period = Period(NOW - timedelta(days=2), lives.now)
    pieces = pieces_of(period, "day", "UTC")

    answer = await Reports(pool).ask(
        REPORTS["tickets"], Question(period, lives.now, group_by=Dimension.AGENT, pieces=pieces)
    )

    assert {group.values["opened"] for group in answer.groups} == {None}
    assert answer.pieces[0].values["opened"] == 0
    assert sum(one.values["opened"] or 0 for one in answer.pieces) == answer.values["opened"]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("population", "indexes"),
    [
        (OPENED, ["ticket_facts_by_opening"]),
        (RESPONDED, ["ticket_facts_by_response"]),
        (RESOLVED, ["ticket_facts_by_resolution"]),
        (STEPS, ["ended_spans_steps", "ticket_facts_steps"]),
    ],
    ids=lambda one: one.name if isinstance(one, Population) else "",
)
async def test_the_rows_of_a_period_are_found_by_their_index(
    pool: Pool, population: Population, indexes: list[str]
) -> None:
    period = f"{population.at} >= '2030-01-07' and {population.at} < '2030-01-08'"
    question = f"explain select number from {population.rows} counted where {period}"  # noqa: S608  our own words
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("set local enable_seqscan = off")  # the tables are small
        await connection.execute("drop index ended_spans_around, ticket_facts_unclosed")  # they would do as well, then
        plan = await connection.fetch(question)
        await transaction.rollback()

    text = "\n".join(row[0] for row in plan)
    assert all(name in text for name in indexes), text


async def test_the_example_of_the_documentation(pool: Pool, store: TicketStore) -> None:
    def at(hours: float) -> datetime:
        """Hours after Monday's midnight."""
        return datetime(2030, 1, 7, tzinfo=UTC) + timedelta(hours=hours)

    async def monday(name: str) -> Value:
        while await ReportLog(pool).catch_up():
            pass
        answer = await Reports(pool).ask(REPORTS["tickets"], Question(Period(at(0), at(24)), at(48)))
        return answer.values[name]

    first, second = await stored_ticket(store, at=at(9)), await stored_ticket(store, at=at(10))
    first = await recorded(store, first, AddReply(text_id=await stored_text(store, first.number)), at=at(9.5))
    await recorded(store, first, ChangeStatus(status=Status.RESOLVED), at=at(11))
    second = await recorded(store, second, ChangeStatus(status=Status.RESOLVED), at=at(12))

    counts = [await monday(name) for name in ("opened", "resolved", "resolutions", "reopenings", "one_touch")]
    assert counts == [2, 2, 2, 0, 0.5]
    assert await monday("first_response") == (1, 1_800, 1_800, 1_800)
    assert await monday("resolution") == (2, 7_200, 7_200, 7_200)

    await recorded(store, second, ChangeStatus(status=Status.OPEN), at=at(33))

    counts = [await monday(name) for name in ("opened", "resolved", "resolutions", "reopenings", "one_touch")]
    assert counts == [2, 1, 2, 0, 1.0]
    assert await monday("resolution") == (1, 7_200, 7_200, 7_200)
    tuesday = await Reports(pool).ask(REPORTS["tickets"], Question(Period(at(24), at(48)), at(48)))
    assert (tuesday.values["reopenings"], tuesday.values["reopen_rate"]) == (1, None)
