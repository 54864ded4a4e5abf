"""An answer as tables, for files and mails: the whole, its groups and its pieces, each figure a column.

A spread is four columns: `<name>_mean`, `<name>_median`, `<name>_p90` and `<name>_size`. Compared figures have two
more: `<name>_previous`, of a spread the median, and `<name>_change`.
"""

from collections.abc import Container, Iterator, Sequence
from datetime import datetime

from database.report_figure import Figure
from database.reports import Answer, Values
from domain.business_calendar import Zone, time_zone
from domain.period import Period
from domain.report import NONE, Dimension, Question, ReportFilter, Spread, Unit, Value, change
from domain.report_table import Cell, Column, Kind, Row, Table

_KINDS: dict[Unit, Kind] = {
    Unit.COUNT: "integer",
    Unit.SHARE: "share",
    Unit.SECONDS: "seconds",
    Unit.NUMBER: "number",
}
_PART = Column("part", "Part", "text")
_KEY, _NAME = Column("key", "Key", "text"), Column("name", "Name", "text")
_DATE = Column("date", "Date", "date")
_FROM, _TO = Column("from", "From", "moment"), Column("to", "To", "moment")
_LABELS = (_PART, _KEY, _NAME, _DATE, _FROM, _TO)
_SHOWN: dict[str, tuple[Column, ...]] = {"total": (_FROM, _TO), "group": (_KEY, _NAME), "piece": (_DATE, _FROM, _TO)}
"""Parts of an answer -> by which columns their rows are told apart."""


def title_of(name: str) -> str:
    """What people call a figure, a report, a dimension."""
    return name.replace("_", " ").capitalize()


def flat_table(report: str, figures: Sequence[Figure], answer: Answer) -> Table:
    """The whole answer in one table: `part` says whether a row is the total, a group or a piece.

    The key of a group of none is `none`, as in the address of its tickets.
    """
    question = answer.question
    rows: list[Row] = [
        ("total", None, None, None, *question.period, *_cells(figures, answer.values, answer.previous, answer)),
        *(
            (
                "group", NONE if group.key is None else group.key, group.name or f"({NONE})", None,
                *question.period, *_cells(figures, group.values, group.previous, answer),
            )
            for group in answer.groups
        ),
        *(
            ("piece", None, None, piece.on, piece.since, piece.until, *_cells(figures, values, None, answer))
            for piece, values in answer.pieces
        ),
    ]  # fmt: skip
    return Table(report, title_of(report), [*_LABELS, *_columns(figures, answer)], rows, question.zone)


def answer_tables(report: str, figures: Sequence[Figure], answer: Answer) -> list[Table]:
    """The answer in a table for each of its parts: `total`, `groups` and `pieces` as far as they were asked for, and
    `about`: what was asked, and what each figure means."""
    question, flat = answer.question, flat_table(report, figures, answer)
    tables = [_part(flat, "total", "total", "Total")]
    if question.group_by is not None:
        tables.append(_part(flat, "group", "groups", f"By {title_of(question.group_by).lower()}"))
    if question.pieces:
        nothing_before = {f"{figure.name}_{what}" for figure in figures for what in ("previous", "change")}
        tables.append(_part(flat, "piece", "pieces", "Piece by piece", nothing_before))
    return [*tables, _about(report, figures, answer)]


def _part(flat: Table, part: str, name: str, title: str, without: Container[str] = ()) -> Table:
    places = [
        place
        for place, column in enumerate(flat.columns)
        if column in _SHOWN[part] or (column not in _LABELS and column.name not in without)
    ]
    rows = [[row[place] for place in places] for row in flat.rows if row[0] == part]
    return Table(name, title, [flat.columns[place] for place in places], rows, flat.zone)


def _columns(figures: Sequence[Figure], answer: Answer) -> Iterator[Column]:
    for figure in figures:
        name, title, kind = figure.name, title_of(figure.name), _KINDS[figure.unit]
        if figure.is_spread:
            for what, said in (("mean", "mean"), ("median", "median"), ("p90", "90 % within")):
                yield Column(f"{name}_{what}", f"{title}, {said}", kind)
            yield Column(f"{name}_size", f"{title}, measured", "integer")
        else:
            yield Column(name, title, kind)
        if answer.previous is not None:
            of = f"{title}, median" if figure.is_spread else title
            yield Column(f"{name}_previous", f"{of} before", kind)
            yield Column(f"{name}_change", f"{of}, change", "share")


def _cells(figures: Sequence[Figure], values: Values, previous: Values | None, answer: Answer) -> Iterator[Cell]:
    for figure in figures:
        value = values[figure.name]
        if figure.is_spread:
            yield from _spread_cells(value)
        else:
            assert not isinstance(value, Spread)
            yield value
        if answer.previous is not None:
            before = None if previous is None else previous[figure.name]
            yield before.median if isinstance(before, Spread) else before
            yield change(value, before)


def _spread_cells(value: Value) -> tuple[Cell, ...]:
    if value is None:
        return (None, None, None, 0)
    assert isinstance(value, Spread)
    return (value.mean, value.median, value.p90, value.size)


def _about(report: str, figures: Sequence[Figure], answer: Answer) -> Table:
    question = answer.question
    rows: list[Row] = [
        ("Report", title_of(report)),
        ("Period", spoken_stretch(question.period, question.zone)),
        ("As of", spoken_moment(question.as_of or question.now, question.zone)),
        ("Time zone", question.zone),
        *_narrowed(question),
    ]
    if answer.previous_period is not None:
        rows.append(("Compared with", spoken_stretch(answer.previous_period, question.zone)))
    rows += [(title_of(figure.name), figure.meaning) for figure in figures]
    return Table(
        "about", "About", [Column("what", "What", "text"), Column("meaning", "Meaning", "text")], rows, question.zone
    )


def spoken_stretch(period: Period, zone: Zone) -> str:
    """From where to where, on the zone's clocks."""
    return f"{spoken_moment(period.since, zone)} to {spoken_moment(period.until, zone)}"


def spoken_moment(moment: datetime, zone: Zone) -> str:
    """What the zone's clocks show then, to the minute."""
    return moment.astimezone(time_zone(zone)).isoformat(" ", "minutes")


def _narrowed(question: Question) -> Iterator[Row]:
    wanted: ReportFilter = question.wanted
    for dimension, values in (
        (Dimension.TEAM, wanted.team or sorted(wanted.within or ())),
        (Dimension.PRIORITY, wanted.priority),
        (Dimension.CATEGORY, wanted.category),
        (Dimension.CHANNEL, wanted.channel),
        (Dimension.AGENT, [*(str(one) for one in wanted.agent), *([NONE] if wanted.no_agent else [])]),
    ):
        if values:
            yield title_of(dimension), ", ".join(values)
