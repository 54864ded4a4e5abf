"""What reports answer."""

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import BaseModel, Field

from database.report_figure import Figure
from database.reports import Answer, Values
from domain.report import Dimension, Spread, Unit, Value, change


class SpreadValueOut(BaseModel):
    """How long so many things took."""

    size: int = Field(description="How many were measured.")
    mean_seconds: float
    median_seconds: float
    p90_seconds: float = Field(description="Nine of ten stayed within.")


FigureValue = int | float | SpreadValueOut | None


class FigureOut(BaseModel):
    """What a figure means. `docs/metrics.md` defines it in full."""

    name: str
    unit: Unit
    meaning: str
    has_tickets: bool = Field(description="Whether `drill_down` leads to tickets.")


class ValuesOut(BaseModel):
    """Figures by name; null where there is nothing to measure, or where a figure knows nothing of what was asked."""

    values: dict[str, FigureValue]
    previous: dict[str, FigureValue] | None = Field(description="Of the period before; null unless compared.")
    change: dict[str, float | None] | None = Field(
        description="(value - previous) / previous, of a spread's medians; null where there is no previous one, or 0."
    )


class ReportGroupOut(ValuesOut):
    """The figures of one group; those of no team, nobody and so on have the key null."""

    key: str | None
    name: str | None


class ReportPieceOut(BaseModel):
    """A day, week or month of the zone, as far as it lies in the period: [`from`, `to`). `date` is its first date."""

    date: date
    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    values: dict[str, FigureValue]


class PeriodOut(BaseModel):
    """[`from`, `to`)."""

    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")


class ReportOut(BaseModel):
    """Figures of the period [`from`, `to`) as they stood at `as_of`."""

    report: str
    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    as_of: datetime
    zone: str
    group_by: Dimension | None
    previous_period: PeriodOut | None
    figures: list[FigureOut]
    total: ValuesOut
    groups: list[ReportGroupOut]
    pieces: list[ReportPieceOut]
    drill_down: str = Field(
        description="A URI template (RFC 6570) to the tickets behind a number: `figure`, and of a group its `key` "
        "(`none` for null)."
    )


def spoken_report(report: str, figures: Sequence[Figure], answer: Answer, drill_down: str) -> ReportOut:
    """A report as the API tells it."""
    question, before = answer.question, answer.previous_period
    return ReportOut(
        report=report,
        since=question.period.since,
        until=question.period.until,
        as_of=question.as_of or question.now,
        zone=question.zone,
        group_by=question.group_by,
        previous_period=None if before is None else PeriodOut(since=before.since, until=before.until),
        figures=[
            FigureOut(name=one.name, unit=one.unit, meaning=one.meaning, has_tickets=bool(one.population.ticket))
            for one in figures
        ],
        total=ValuesOut.model_validate(_compared(answer.values, answer.previous)),
        groups=[
            ReportGroupOut.model_validate(
                {"key": group.key, "name": group.name, **_compared(group.values, group.previous)}
            )
            for group in answer.groups
        ],
        pieces=[
            ReportPieceOut(date=piece.on, since=piece.since, until=piece.until, values=_spoken(values))
            for piece, values in answer.pieces
        ],
        drill_down=drill_down,
    )


def _compared(values: Values, previous: Values | None) -> dict[str, object]:
    return {
        "values": _spoken(values),
        "previous": None if previous is None else _spoken(previous),
        "change": None if previous is None else {name: change(one, previous[name]) for name, one in values.items()},
    }


def _spoken(values: Values) -> dict[str, FigureValue]:
    return {name: _spoken_value(value) for name, value in values.items()}


def _spoken_value(value: Value) -> FigureValue:
    if not isinstance(value, Spread):
        return value
    return SpreadValueOut(
        size=value.size, mean_seconds=value.mean, median_seconds=value.median, p90_seconds=value.p90
    )  # fmt: skip
