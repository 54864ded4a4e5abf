"""What a receiver of a mailed report is told: its figures with the receiver's rights of this moment, and its charts."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from database.forecast_letters import forecast_letter
from database.forecast_reports import ForecastQuestion, ForecastReports
from database.forecast_tables import WEEKDAYS
from database.forecasts import ForecastStore
from database.people import PeopleStore, PersonRecord
from database.pool import Pool
from database.report_catalogue import REPORTS
from database.report_figure import Figure
from database.report_log import ReportLog
from database.report_mails import ReportMailRecord, ReportMailStore
from database.report_tables import answer_tables, flat_table, title_of
from database.reports import Answer, Reports, Values
from domain.access import agent_with_figures, teams_with_figures
from domain.forecast_report import FORECAST
from domain.ids import PersonId, ReportMailId, ReportMailRunId
from domain.period import pieces_of
from domain.report import Dimension, Question, ReportFilter, Spread, Unit, Value, change
from domain.report_mail import Chart, FigureLine, LetterOutcome, PeriodKind, ReportLetter, letter_id, period_at

SHOWN_GROUPS = 12
"""In a chart, those with the most; all are in the file."""
SHOWN_LINES = 2


class ReportLetters:
    """Reads what is in a letter."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._people = PeopleStore(pool)
        self._mails = ReportMailStore(pool)
        self._reports = Reports(pool)
        self._forecasts = ForecastReports(ForecastStore(pool), self._reports)
        self._log = ReportLog(pool)

    async def read(
        self, mail: ReportMailId, run: ReportMailRunId, person: PersonId, at: datetime
    ) -> ReportLetter | LetterOutcome:
        """The letter of a run that was due at that moment; or why there is none: it was sent, say.

        Raises FactsBehindError until facts have come past the end of its period; of a forecast, past its beginning.
        """
        known = await self._pool.fetchval(
            "select outcome from report_mail_letters where run_id = $1 and person_id = $2", run, person
        )
        if known is not None:
            return LetterOutcome(known)
        record, receiver = await self._mails.find(mail), await self._people.read(person)
        if record is None or person not in record.recipients:
            return LetterOutcome.LEFT
        if receiver is None or not (receiver.is_active and receiver.reader.is_agent):
            return LetterOutcome.NOT_OF_DESK
        wanted = _may_be_told(record, receiver)
        if wanted is None:
            return LetterOutcome.NO_RIGHTS
        if record.plan.report == FORECAST:
            return await self._forecast(record, receiver, letter_id(run, person), wanted, at)
        figures = REPORTS[record.plan.report]
        question = _question(record, wanted, at)
        await self._log.check_reached(question.period.until, question.now)
        answer = await self._reports.ask(figures, question)
        return _letter(record, receiver, letter_id(run, person), figures, answer)

    async def _forecast(
        self, record: ReportMailRecord, receiver: PersonRecord, id: str, wanted: ReportFilter, at: datetime
    ) -> ReportLetter:
        question = ForecastQuestion(at, wanted.within, wanted.team, zone=record.plan.zone)
        await self._log.check_reached(question.period.since, datetime.now(UTC))
        return forecast_letter(record, receiver, id, await self._forecasts.ask(question))


def _may_be_told(record: ReportMailRecord, receiver: PersonRecord) -> ReportFilter | None:
    """What is asked for, as far as the receiver may see it; None when that is nothing."""
    filters, reader = record.plan.filters, receiver.reader
    within, alone = teams_with_figures(reader), agent_with_figures(reader)
    teams, agents = list(filters.team), list(filters.agent)
    if within is not None:
        teams = [one for one in teams if one in within]
    if alone is not None:
        agents = [one for one in agents if one == alone]
    if (filters.team and not teams) or (filters.agent and not agents and not filters.no_agent) or within == frozenset():
        return None
    return ReportFilter(
        teams, filters.priority, filters.category, filters.channel, agents, filters.no_agent, within, alone
    )


def _question(record: ReportMailRecord, wanted: ReportFilter, at: datetime) -> Question:
    plan = record.plan
    period = period_at(plan.period, at, plan.zone)
    pieces = [] if plan.period is PeriodKind.YESTERDAY else pieces_of(period, "day", plan.zone)
    return Question(period, datetime.now(UTC), wanted, plan.groups, pieces, plan.zone, plan.compare)


def _letter(
    record: ReportMailRecord, receiver: PersonRecord, id: str, figures: Sequence[Figure], answer: Answer
) -> ReportLetter:
    report, previous = record.plan.report, answer.previous
    lines = [
        FigureLine(title_of(one.name), one.unit, value, before, None if previous is None else change(value, before))
        for one in figures
        for value in [answer.values[one.name]]
        for before in [None if previous is None else previous[one.name]]
    ]
    return ReportLetter(
        id=id,
        mail=record.id,
        person=receiver.id,
        address=receiver.email,
        name=receiver.name,
        report=report,
        title=title_of(report),
        period=answer.question.period,
        previous_period=answer.previous_period,
        zone=record.plan.zone,
        lines=lines,
        charts=[*_over_time(figures, answer), *_by_group(figures, answer)],
        attachment=record.plan.attachment,
        flat=flat_table(report, figures, answer),
        tables=answer_tables(report, figures, answer),
    )


def _over_time(figures: Sequence[Figure], answer: Answer) -> list[Chart]:
    shown = _leading(figures, [values for _, values in answer.pieces])[:SHOWN_LINES]
    if not shown:
        return []
    labels = [f"{piece.on.day} {piece.on:%b}" for piece, _ in answer.pieces]
    series = {title_of(one.name): [_drawn(values[one.name]) for _, values in answer.pieces] for one in shown}
    return [Chart("Day by day", labels, series, "line" if len(labels) > 7 else "bar", shown[0].unit)]


def _by_group(figures: Sequence[Figure], answer: Answer) -> list[Chart]:
    dimension = answer.question.group_by
    shown = _leading(figures, [group.values for group in answer.groups])[:1]
    if dimension is None or not shown:
        return []
    (figure,) = shown
    title = f"{title_of(figure.name)} by {title_of(dimension).lower()}"
    drawn = {group.key: _drawn(group.values[figure.name]) for group in answer.groups}
    if dimension is Dimension.HOUR_OF_WEEK:
        rows = {
            day: [drawn.get(str(place * 24 + hour), 0.0) for hour in range(24)] for place, day in enumerate(WEEKDAYS)
        }
        return [Chart(title, [str(hour) for hour in range(24)], rows, "heat", figure.unit)]
    most = sorted(answer.groups, key=lambda group: -_rank(drawn[group.key]))[:SHOWN_GROUPS]
    labels = [group.name or group.key or "(none)" for group in most]
    return [Chart(title, labels, {title_of(figure.name): [drawn[one.key] for one in most]}, "bar", figure.unit)]


def _leading(figures: Sequence[Figure], all_values: Sequence[Values]) -> list[Figure]:
    """The figures that a chart shows: counts that are known, or else the first figure that is."""
    known = [one for one in figures if any(values[one.name] is not None for values in all_values)]
    return [one for one in known if one.unit is Unit.COUNT] or known[:1]


def _drawn(value: Value) -> float:
    """A spread by its median; NaN where there is nothing."""
    number = value.median if isinstance(value, Spread) else value
    return math.nan if number is None else float(number)


def _rank(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
