"""What a letter of the forecast tells: the week to come in a few figures, and its hours in two charts."""

import math
from collections.abc import Callable, Sequence

from database.forecast_reports import ForecastReport
from database.forecast_tables import forecast_table, forecast_tables, hour_name
from database.people import PersonRecord
from database.report_mails import ReportMailRecord
from database.report_tables import title_of
from domain.forecast_report import FORECAST, ExpectedHour, ForecastHour
from domain.report import Unit, Value
from domain.report_mail import Chart, FigureLine, ReportLetter


def forecast_letter(record: ReportMailRecord, receiver: PersonRecord, id: str, report: ForecastReport) -> ReportLetter:
    """What this receiver is told of an answer that is already cut to what they may see."""
    return ReportLetter(
        id=id,
        mail=record.id,
        person=receiver.id,
        address=receiver.email,
        name=receiver.name,
        report=FORECAST,
        title=title_of(FORECAST),
        period=report.question.period,
        previous_period=None,
        zone=report.zone,
        lines=_lines(report),
        charts=_charts(report.hours),
        attachment=record.plan.attachment,
        flat=forecast_table(report),
        tables=forecast_tables(report),
    )


def _lines(report: ForecastReport) -> list[FigureLine]:
    """Sums over the hours of the table."""
    ahead = [hour.ahead for hour in report.hours if hour.ahead is not None]
    lines: list[tuple[str, Value]] = [
        ("Tickets expected", math.fsum(one.expected for one in ahead) if ahead else None),
        ("Tickets that came in a week, mean", report.tickets / report.weeks if report.weeks else None),
        ("Hours of work expected", math.fsum(one.load for one in ahead) if ahead else None),
        ("Hours of staff needed", sum(one.staff.expected for one in ahead) if ahead else None),
        ("Hours of staff planned", math.fsum(hour.planned or 0.0 for hour in report.hours)),
    ]
    busiest = max(report.hours, key=lambda hour: -1.0 if hour.ahead is None else hour.ahead.expected)
    if busiest.ahead is not None:
        lines.append((f"Busiest hour: {hour_name(busiest.hour_of_week)}, tickets expected", busiest.ahead.expected))
    return [FigureLine(title, Unit.NUMBER, value, None, None) for title, value in lines]


def _charts(hours: Sequence[ForecastHour]) -> list[Chart]:
    """Without forecasts and history, none."""

    def ahead(of: Callable[[ExpectedHour], float]) -> list[float]:
        return [math.nan if hour.ahead is None else of(hour.ahead) for hour in hours]

    labels = [hour_name(hour.hour_of_week, 3) for hour in hours]
    tickets = {
        "Low": ahead(lambda one: one.low),
        "High": ahead(lambda one: one.high),
        "Expected": ahead(lambda one: one.expected),
        "Came, mean": [math.nan if hour.came is None else hour.came.mean for hour in hours],
    }
    staff = {
        "Low": ahead(lambda one: one.staff.low),
        "High": ahead(lambda one: one.staff.high),
        "Needed": ahead(lambda one: one.staff.expected),
        "Planned": [math.nan if hour.planned is None else hour.planned for hour in hours],
    }
    if not any(map(math.isfinite, (*tickets["Expected"], *tickets["Came, mean"]))):
        return []
    return [
        Chart("Tickets hour by hour", labels, tickets, "band", Unit.NUMBER),
        Chart("People on shift hour by hour", labels, staff, "band", Unit.NUMBER),
    ]
