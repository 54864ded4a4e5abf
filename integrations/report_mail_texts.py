"""What mailed reports say and show. The wording is in `templates/reports/`, as text and as HTML.

Takes time, for charts are drawn and files written: call it in a thread.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from domain.business_calendar import Zone, time_zone
from domain.mail import Mail, MailFile, MailPicture
from domain.message_sentences import cut
from domain.period import Period
from domain.report import Spread, Unit, Value
from domain.report_mail import Chart, FigureLine, ReportLetter
from domain.report_mail_switch import ReportMailSwitch
from integrations.report_charts import chart_png
from integrations.report_files import CSV_TYPE, XLSX_TYPE, csv_bytes, xlsx_bytes

MOST_POINTS = 12
"""Of a chart, told in words beside it."""
LONGEST_LABEL = 60
NOTHING = "–"  # noqa: RUF001  a dash


class ShownLine(NamedTuple):
    """A figure as it is written."""

    title: str
    value: str
    previous: str
    change: str


class ShownChart(NamedTuple):
    """A chart by its picture's name, and in words for who sees no pictures."""

    name: str
    title: str
    words: str


class UnsubscribeAddresses(Protocol):
    """Makes the address that ends a mailed report."""

    def address(self, switch: ReportMailSwitch, now: datetime) -> str: ...


class ReportMailWriter:
    """Writes the mail for a letter."""

    def __init__(self, unsubscribing: UnsubscribeAddresses, public_url: str) -> None:
        self._unsubscribing = unsubscribing
        self._home = public_url.rstrip("/")
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates" / "reports"),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def write(self, letter: ReportLetter, now: datetime) -> Mail:
        """The mail with its pictures and its file; the link that ends such mails counts from `now`."""
        unsubscribe = self._unsubscribing.address(ReportMailSwitch(letter.person, letter.mail), now)
        days = _days(letter.period, letter.zone)
        charts = [
            ShownChart(f"chart-{place}", chart.title, _words(chart))
            for place, chart in enumerate(letter.charts, start=1)
        ]
        facts = {
            "title": letter.title,
            "days": days,
            "zone": letter.zone,
            "before": None if letter.previous_period is None else _days(letter.previous_period, letter.zone),
            "lines": [_line(line) for line in letter.lines],
            "charts": charts,
            "report": f"{self._home}/reports/{letter.report}",
            "unsubscribe": unsubscribe,
        }
        return Mail(
            id=letter.id,
            address=letter.address,
            subject=f"{letter.title}: {days}",
            text=self._templates.get_template("report.txt").render(facts),
            html=self._templates.get_template("report.html").render(facts),
            name=letter.name,
            unsubscribe=unsubscribe,
            kind=f"{letter.mail}.reports",
            pictures=tuple(
                MailPicture(shown.name, chart_png(one.title, one.labels, one.series, one.kind, one.unit))
                for shown, one in zip(charts, letter.charts, strict=True)
            ),
            files=tuple(_files(letter)),
        )


def _files(letter: ReportLetter) -> Sequence[MailFile]:
    first, last = _first_and_last(letter.period, letter.zone)
    name = f"{letter.report}-{first:%Y-%m-%d}-to-{last:%Y-%m-%d}.{letter.attachment}"
    if letter.attachment == "csv":
        return [MailFile(name, CSV_TYPE, csv_bytes(letter.flat))]
    if letter.attachment == "xlsx":
        return [MailFile(name, XLSX_TYPE, xlsx_bytes(letter.tables, letter.title))]
    return []


def _first_and_last(period: Period, zone: Zone) -> tuple[datetime, datetime]:
    since, last = (end.astimezone(time_zone(zone)) for end in (period.since, period.until - timedelta(microseconds=1)))
    return since, last


def _days(period: Period, zone: Zone) -> str:
    first, last = (f"{one.day} {one:%B %Y}" for one in _first_and_last(period, zone))
    return first if first == last else f"{first} to {last}"


def _line(line: FigureLine) -> ShownLine:
    written = "" if line.change is None else f"{round(line.change, 2) + 0.0:+.0%}".replace("+0%", "0%")
    title = f"{line.title} (median)" if isinstance(line.value, Spread) else line.title
    return ShownLine(title, spoken(line.value, line.unit), spoken(line.previous, line.unit), written)


def spoken(value: Value, unit: Unit) -> str:
    """A value for people; a spread by its median."""
    number = value.median if isinstance(value, Spread) else value
    if number is None or not math.isfinite(number):
        return NOTHING
    if unit is Unit.SECONDS:
        return _duration(round(number))
    if unit is Unit.SHARE:
        return f"{number:.1%}"
    return f"{number:,}" if isinstance(number, int) else f"{number:,.2f}".rstrip("0").rstrip(".")


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _words(chart: Chart) -> str:
    """The latest points of a chart of time, the first of another one; the hours of a week are no words."""
    if chart.kind in ("heat", "band"):
        return ""
    places = range(len(chart.labels))
    shown = places[-MOST_POINTS:] if chart.title == "Day by day" else places[:MOST_POINTS]
    return "; ".join(
        f"{name}: "
        + ", ".join(f"{cut(chart.labels[one], LONGEST_LABEL)} {spoken(values[one], chart.unit)}" for one in shown)
        for name, values in chart.series.items()
    )
