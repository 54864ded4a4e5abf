"""A letter of the forecast: the hours of the week to come, with what came, of the receiver's teams."""

import io
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from joserfc.jwk import KeySet, OKPKey
from openpyxl import load_workbook

from database.forecast_reports import ForecastQuestion, ForecastReports
from database.forecasts import ForecastStore
from database.pool import Pool
from database.report_letters import ReportLetters
from database.report_log import FactsBehindError, ReportLog
from database.report_mails import ReportMailStore
from database.reports import Reports
from domain.forecast import AHEAD_WEEKS, HOURS_A_WEEK, Forecast, HandlingTime
from domain.ids import PersonId
from domain.report_mail import Cadence, LetterOutcome, MailFilters, PeriodKind, ReportLetter, ReportMailPlan, run_id
from integrations.report_mail_texts import ReportMailWriter
from integrations.unsubscribe_links import ReportMailLinks
from tests.arrivals import fold_arrivals, store_arrivals
from tests.factories import ADMIN, AGENT, BILLING_AGENT, REQUESTER, SUPERVISOR, author

KEY = OKPKey.generate_key("Ed25519")
DESK = "https://desk.example.com"
WRITER = ReportMailWriter(ReportMailLinks(lambda: (KEY, KeySet([KEY])), DESK), DESK)
MIDNIGHT = datetime(2026, 3, 30, tzinfo=UTC)
"""A Monday. In Berlin the clocks went forward the day before."""
DUE = MIDNIGHT + timedelta(hours=5, minutes=30)
TEAMS = {"support": 4.0, "billing": 2.5}
"""Tickets an hour that are expected of each."""
ALL_HOURS = AHEAD_WEEKS * HOURS_A_WEEK


class Letters(NamedTuple):
    """The letters of one mail."""

    mails: ReportMailStore
    letters: ReportLetters
    pool: Pool

    async def read(self, person: PersonId, *teams: str, attachment: str = "none") -> ReportLetter | LetterOutcome:
        plan = {
            "report": "forecast", "period": PeriodKind.NEXT_7_DAYS, "zone": "Europe/Berlin", "attachment": attachment,
            "filters": MailFilters(team=teams), "cadence": Cadence(every="week", weekdays=(0,), hour=7, minute=30),
        }  # fmt: skip
        mail = await self.mails.add(ReportMailPlan.model_validate(plan), [person], author(SUPERVISOR))
        return await self.letters.read(mail.id, run_id(mail.id, "one"), person, DUE)


@pytest.fixture
async def letters(pool: Pool) -> Letters:
    """With forecasts of two teams that were made in the night."""
    for team, expected in TEAMS.items():
        forecast = Forecast(
            method="hour_of_week_mean",
            zone="Europe/Berlin",
            since=MIDNIGHT - timedelta(weeks=1),
            until=MIDNIGHT,
            tickets=100,
            expected=(expected,) * (ALL_HOURS - 1) + (99.0,),
            low=(1,) * ALL_HOURS,
            high=(7,) * ALL_HOURS,
            deviation=(2.0,) * ALL_HOURS,
        )
        await ForecastStore(pool).save(team, MIDNIGHT, forecast, HandlingTime(20.0, 0.0))
    counts = [0] * 9 + [3] + [0] * (2 * HOURS_A_WEEK - 10)
    await store_arrivals(pool, "support", REQUESTER, MIDNIGHT - timedelta(weeks=2), counts)
    await fold_arrivals(pool, "support")
    return Letters(ReportMailStore(pool), ReportLetters(pool), pool)


async def told(letters: Letters, person: PersonId, *teams: str, attachment: str = "none") -> ReportLetter:
    letter = await letters.read(person, *teams, attachment=attachment)
    assert isinstance(letter, ReportLetter)
    return letter


def lines_of(letter: ReportLetter) -> dict[str, float | None]:
    assert all(line.previous is None and line.change is None for line in letter.lines)
    return {line.title: float(line.value) for line in letter.lines if isinstance(line.value, int | float)}


async def test_its_hours_are_those_of_the_report(letters: Letters) -> None:
    letter = await told(letters, ADMIN)

    question = ForecastQuestion(DUE, None, zone="Europe/Berlin")
    report = await ForecastReports(ForecastStore(letters.pool), Reports(letters.pool)).ask(question)
    assert letter.period == (MIDNIGHT + timedelta(hours=5), MIDNIGHT + timedelta(days=7, hours=5))
    assert letter.previous_period is None
    tickets, staff = letter.charts
    assert [len(one) for one in tickets.series.values()] == [168] * 4
    for name, of in (("Low", "low"), ("High", "high"), ("Expected", "expected")):
        assert tickets.series[name] == [hour.ahead and getattr(hour.ahead, of) for hour in report.hours]
    assert tickets.series["Came, mean"] == [hour.came and hour.came.mean for hour in report.hours]
    assert [place for place, came in enumerate(tickets.series["Came, mean"]) if came] == [10], "it was winter then"
    assert staff.series["Needed"] == [hour.ahead and hour.ahead.staff.expected for hour in report.hours]
    assert staff.series["Planned"] == [hour.planned for hour in report.hours]
    assert tickets.labels[:2] == ["Mon 00:00", "Mon 01:00"]
    assert [row[3] for row in letter.flat.rows] == [hour.ahead and hour.ahead.expected for hour in report.hours]
    assert lines_of(letter)["Tickets expected"] == pytest.approx(168 * 6.5)
    assert lines_of(letter)["Hours of work expected"] == pytest.approx(168 * 6.5 / 3, abs=0.05), "of rounded ones"
    assert lines_of(letter)["Tickets that came in a week, mean"] == 1.5


@pytest.mark.parametrize(
    ("person", "teams", "expected"),
    [
        (AGENT, (), 4.0),
        (BILLING_AGENT, (), 2.5),
        (SUPERVISOR, ("billing",), 2.5),
        (AGENT, ("support", "billing"), 4.0),
    ],
)
async def test_receivers_are_told_of_their_teams(
    letters: Letters, person: PersonId, teams: tuple[str, ...], expected: float
) -> None:
    letter = await told(letters, person, *teams)

    assert set(letter.charts[0].series["Expected"]) == {expected}
    of = {row[0] for row in letter.tables[1].rows}
    assert of == {team for team, often in TEAMS.items() if often == expected}


async def test_who_may_see_nothing_of_it_gets_none(letters: Letters) -> None:
    assert await letters.read(AGENT, "billing") is LetterOutcome.NO_RIGHTS


async def test_it_becomes_a_mail_with_its_pictures_and_its_file(letters: Letters) -> None:
    letter = await told(letters, ADMIN, attachment="xlsx")

    mail = WRITER.write(letter, DUE)

    assert mail.subject == "Forecast: 30 March 2026 to 6 April 2026"
    assert len(mail.pictures) == 2
    (file,) = mail.files
    assert file.name == "forecast-2026-03-30-to-2026-04-06.xlsx"
    rows = list(load_workbook(io.BytesIO(file.content))["Forecast"].iter_rows(min_row=2, values_only=True))
    assert [row[3] for row in rows] == letter.charts[0].series["Expected"]
    assert "Tickets expected: 1,092" in mail.text
    assert "Busiest hour: Monday 00:00, tickets expected: 6.5" in mail.text
    assert "https://desk.example.com/reports/forecast" in mail.text
    (lines,) = WRITER.write(await told(letters, ADMIN, attachment="csv"), DUE).files
    assert lines.content.count(b"\r\n") == 169


async def test_without_a_forecast_there_is_a_letter_all_the_same(pool: Pool) -> None:
    bare = Letters(ReportMailStore(pool), ReportLetters(pool), pool)
    await pool.execute("delete from forecasts")

    letter = await told(bare, ADMIN)

    assert lines_of(letter) == {"Hours of staff planned": 0}
    assert not letter.charts
    assert "Tickets expected: –" in WRITER.write(letter, DUE).text  # noqa: RUF001  a dash


async def test_it_waits_for_the_facts(letters: Letters) -> None:
    log = ReportLog(letters.pool)
    await log.rebuild()

    with pytest.raises(FactsBehindError):
        await letters.read(ADMIN)
    while await log.catch_up():
        pass
