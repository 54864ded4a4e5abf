"""A table of figures as it leaves the desk: in a file, in a mail. Its columns say what kind of values they hold, and
each form (CSV, a workbook, HTML) decides how that kind looks."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal, NamedTuple

Kind = Literal["text", "integer", "number", "share", "seconds", "moment", "date"]
"""`share` is from 0 to 1, but for a change, which may be less or more. A `moment` is a datetime with its zone."""
Cell = str | int | float | date | None
"""A datetime is a date too; None is an empty cell."""
Row = Sequence[Cell]


class Column(NamedTuple):
    """`name` is for machines, `title` for people."""

    name: str
    title: str
    kind: Kind


class Table(NamedTuple):
    """`zone`: on whose clocks moments are shown."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Iterable[Row]
    zone: str = "UTC"
