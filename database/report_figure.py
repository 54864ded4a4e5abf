"""What a figure is made of: a population of rows, and what is summed up over them.

A population says which rows there are, at which moment and in which place each counts, and which ticket it is of. A
figure is an aggregate over a population, and the condition by which its tickets are found: a number and the list of its
tickets come from the same words.
"""

from collections.abc import Mapping
from typing import NamedTuple

from domain.report import Dimension, Unit


class Population(NamedTuple):
    """Rows that are counted.

    `rows` is what stands after `from`: a table, a view or a query in brackets. It may name `{since}`, `{until}` and
    `{now}`, the ends of the period and the moment of asking. With `at` empty it already is of the period, and cannot be
    cut into pieces; else rows count whose column `at` lies in it. `places` are the columns of the dimensions that it
    knows. `ticket` is the column of the ticket's number; empty: its rows are of no ticket. `condition` leaves out rows.
    """

    name: str
    rows: str
    places: Mapping[Dimension, str]
    at: str = ""
    ticket: str = "number"
    condition: str = "true"

    def knows(self, dimension: Dimension | None) -> bool:
        """Whether its rows can be told apart by this dimension."""
        return dimension in self.places or (dimension is Dimension.HOUR_OF_WEEK and bool(self.at))


class Figure(NamedTuple):
    """A number of a report.

    `expression` is an aggregate; of a spread it is an array (count, mean, median, p90). `of` is the condition of the
    rows that a drill-down shows, and `value` what each of them counts with (empty: nothing but that it is there).
    """

    name: str
    population: Population
    unit: Unit
    expression: str
    meaning: str
    of: str = "true"
    value: str = ""
    is_spread: bool = False
    adds_up: bool = False
    """Whether the figures of groups add up to that of the whole: nothing is 0 then."""


def count(name: str, population: Population, meaning: str, of: str = "true") -> Figure:
    """How many rows."""
    return Figure(name, population, Unit.COUNT, f"count(*) filter (where {of})", meaning, of, adds_up=True)


def share(name: str, population: Population, meaning: str, part: str, whole: str = "true") -> Figure:
    """How much of the rows of `whole` are of `part` too; none when there are none of `whole`."""
    counted = f"count(*) filter (where ({whole}) and ({part}))::float8"
    return Figure(
        name,
        population,
        Unit.SHARE,
        f"{counted} / nullif(count(*) filter (where {whole}), 0)",
        meaning,
        f"({whole}) and ({part})",
    )


def by(name: str, population: Population, meaning: str, these: str, those: str) -> Figure:
    """How many rows of `these` there are for each of `those`, which need not be among them."""
    return Figure(
        name,
        population,
        Unit.SHARE,
        f"count(*) filter (where {these})::float8 / nullif(count(*) filter (where {those}), 0)",
        meaning,
        these,
    )


def total(
    name: str, population: Population, meaning: str, column: str, unit: Unit = Unit.COUNT, of: str | None = None
) -> Figure:
    """The sum of a column."""
    summed = f"coalesce(sum({column}), 0)"
    return Figure(name, population, unit, summed, meaning, of or f"{column} > 0", column, adds_up=True)


def mean(name: str, population: Population, meaning: str, column: str, unit: Unit = Unit.NUMBER) -> Figure:
    """The mean of a column over the rows that have it."""
    return Figure(name, population, unit, f"avg({column})::float8", meaning, f"{column} is not null", column)


def ratio(
    name: str, population: Population, meaning: str, part: str, whole: str, unit: Unit = Unit.SHARE
) -> Figure:  # fmt: skip
    """The sum of a column by the sum of another one."""
    return Figure(
        name, population, unit, f"(sum({part}) / nullif(sum({whole}), 0))::float8", meaning, f"{part} > 0", part
    )


def spread(name: str, population: Population, meaning: str, column: str) -> Figure:
    """How long things took: of the rows that have the column, in seconds."""
    return Figure(
        name,
        population,
        Unit.SECONDS,
        f"array[count({column})::float8, avg({column})::float8] "
        f"|| percentile_cont(array[0.5, 0.9]) within group (order by {column})",
        meaning,
        f"{column} is not null",
        column,
        is_spread=True,
    )
