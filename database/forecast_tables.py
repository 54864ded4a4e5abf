"""The forecast beside the history as tables, for files and mails: a row for each hour of the week."""

from collections.abc import Iterator

from database.forecast_reports import ForecastReport
from database.report_tables import spoken_moment, spoken_stretch, title_of
from domain.forecast import HOURS_A_DAY
from domain.forecast_report import FORECAST, ForecastHour
from domain.report_table import Cell, Column, Row, Table
from domain.stored_forecast import forecast_status

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOUR_COLUMNS = (
    (Column("hour_of_week", "Hour of the week", "integer"), "0 is Monday's first, 167 Sunday's last."),
    (Column("hour", "Hour", "text"), "The same, on the clocks of the time zone."),
    (Column("starts_at", "Starts at", "moment"), "When it begins in the week to come; empty: clocks skip it."),
    (Column("expected", "Expected", "number"), "Tickets; empty where no team has a forecast."),
    (Column("low", "Low", "integer"), "One hour of ten has fewer; of several teams: if each is busy on its own."),
    (Column("high", "High", "integer"), "One hour of ten has more."),
    (Column("outer_low", "Outer low", "integer"), "The sum of the teams' low: if their quiet hours came together."),
    (Column("outer_high", "Outer high", "integer"), "The sum of the teams' high: if their busy hours came together."),
    (Column("load", "Load", "number"), "The expected work in Erlangs: people whom it keeps busy without a pause."),
    (Column("staff_expected", "Staff", "integer"), "People on shift that the expected tickets take."),
    (Column("staff_low", "Staff, low", "integer"), "People on shift that low takes."),
    (Column("staff_high", "Staff, high", "integer"), "People on shift that high takes."),
    (Column("planned", "Planned", "number"), "People on published shifts, on the average over the hour."),
    (Column("came_mean", "Came, mean", "number"), "Tickets that came in this hour of the weeks before."),
    (Column("came_deviation", "Came, deviation", "number"), "Their standard deviation; empty of a single week."),
    (Column("came_least", "Came, least", "integer"), "In the quietest of those weeks."),
    (Column("came_most", "Came, most", "integer"), "In the busiest of them."),
)
_TEAM_COLUMNS = (
    Column("team", "Team", "text"),
    Column("status", "Status", "text"),
    Column("method", "Method", "text"),
    Column("zone", "Time zone", "text"),
    Column("computed_at", "Computed at", "moment"),
    Column("from", "History from", "moment"),
    Column("to", "History to", "moment"),
    Column("tickets", "Tickets", "integer"),
    Column("wape", "Error (WAPE)", "share"),
    Column("coverage", "Hours within the band", "share"),
)


def forecast_table(report: ForecastReport) -> Table:
    """The hours of the week, in its order."""
    columns = [column for column, _ in _HOUR_COLUMNS]
    return Table(FORECAST, title_of(FORECAST), columns, [_hour_row(hour) for hour in report.hours], report.zone)


def forecast_tables(report: ForecastReport) -> list[Table]:
    """The hours, the forecasts that are summed up, and what was asked and each column means."""
    about = [Column("what", "What", "text"), Column("meaning", "Meaning", "text")]
    return [
        forecast_table(report),
        Table("teams", "Teams", _TEAM_COLUMNS, list(_team_rows(report)), report.zone),
        Table("about", "About", about, list(_about_rows(report)), report.zone),
    ]


def hour_name(hour_of_week: int, letters: int | None = None) -> str:
    """As people say it: "Monday 09:00"; with so many letters of the day."""
    day, hour = divmod(hour_of_week, HOURS_A_DAY)
    return f"{WEEKDAYS[day][:letters]} {hour:02}:00"


def _hour_row(hour: ForecastHour) -> Row:
    ahead, came = hour.ahead, hour.came
    expected: tuple[Cell, ...] = (None,) * 9 if ahead is None else (*ahead[:-1], *ahead.staff)
    return (
        hour.hour_of_week,
        hour_name(hour.hour_of_week),
        hour.starts_at,
        *expected,
        hour.planned,
        *((None,) * 4 if came is None else came),
    )


def _team_rows(report: ForecastReport) -> Iterator[Row]:
    for team, stored in report.teams.items():
        status = forecast_status(stored, report.question.now)
        if stored is None:
            yield (team, status, *((None,) * (len(_TEAM_COLUMNS) - 2)))
            continue
        forecast, error = stored.forecast, stored.forecast.error
        yield (
            team,
            status,
            forecast.method,
            forecast.zone,
            stored.computed_at,
            forecast.since,
            forecast.until,
            forecast.tickets,
            None if error is None else error.wape,
            None if error is None else error.coverage,
        )


def _about_rows(report: ForecastReport) -> Iterator[Row]:
    question, target = report.question, report.question.target
    yield "Report", title_of(FORECAST)
    yield "Week to come", spoken_stretch(question.period, report.zone)
    yield "As of", spoken_moment(question.now, report.zone)
    yield "Time zone", report.zone
    if question.team or question.within is not None:
        yield "Team", ", ".join(question.team or sorted(question.within or ()))
    yield (
        "Service target",
        f"{target.share:.1%} begun within {target.within_minutes:g} min, shrinkage {target.shrinkage:.1%}",
    )
    yield "History", f"{spoken_stretch(report.history, report.zone)}: {report.weeks} weeks, {report.tickets} tickets"
    for column, meaning in _HOUR_COLUMNS:
        yield column.title, meaning
