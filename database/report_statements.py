"""How a question becomes a statement: the rows of a population that it asks of, and what is summed up over them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from database.report_figure import Figure, Population
from database.statement_arguments import Arguments
from database.ticket_lists import in_scope
from domain.access import TicketScope
from domain.errors import InvalidError
from domain.ids import TicketNumber
from domain.period import offsets_of
from domain.report import Dimension, Question, ReportFilter

_TYPES = {"since": "timestamptz", "until": "timestamptz", "now": "timestamptz", "starts": "timestamptz[]"}
"""What the rows of a population may name."""


def knows(population: Population, wanted: ReportFilter) -> bool:
    """Whether the population has the dimensions that are narrowed."""
    narrowed = {
        Dimension.TEAM: bool(wanted.team) or wanted.within is not None,
        Dimension.PRIORITY: bool(wanted.priority),
        Dimension.CATEGORY: bool(wanted.category),
        Dimension.CHANNEL: bool(wanted.channel),
        Dimension.AGENT: bool(wanted.agent) or wanted.no_agent,
    }
    return all(population.knows(dimension) for dimension, is_narrowed in narrowed.items() if is_narrowed)


def figures_statement(population: Population, figures: Sequence[Figure], question: Question) -> tuple[Any, ...]:
    """The figures of one population: of all, by group, and by piece."""
    arguments = Arguments()
    sought = {"key": _key(population, question, arguments), "piece": _piece(population, question, arguments)}
    known = {name: column for name, column in sought.items() if column is not None}
    places = [
        "grouping(key) = 0, key::text" if "key" in known else "false, null",
        "grouping(piece) = 0, piece" if "piece" in known else "false, null",
    ]
    columns = [f"{column} as {name}" for name, column in known.items()]
    rows = ", ".join([*columns, "counted.*"])
    statement = f"""
        select {", ".join(places)}, {", ".join(figure.expression for figure in figures)}
        from (select {rows} {rows_of(population, question, arguments)}) counted
        group by grouping sets ({", ".join(["()", *(f"({name})" for name in known)])})
    """
    return statement, *arguments.values


def page_statement(
    figure: Figure, question: Question, key: str | None, has_key: bool, after: TicketNumber | None, limit: int
) -> tuple[Any, ...]:
    """A page of the rows that a figure counts, by ticket."""
    arguments = Arguments()
    rows = _rows(figure, question, key, has_key, arguments)
    before = "" if after is None else f"where ticket < {arguments.add(after)}"
    page = f"select distinct ticket from counted {before} order by ticket desc limit {arguments.add(limit)}"
    statement = f"""
        with counted as ({rows})
        select ticket, at, value from counted where ticket in ({page}) order by ticket desc, at desc
    """
    return statement, *arguments.values


def all_rows_statement(
    figure: Figure, question: Question, key: str | None, has_key: bool, scope: TicketScope
) -> tuple[Any, ...]:
    """All rows that a figure counts, with what their tickets are now and how many rows there are."""
    arguments = Arguments()
    rows = _rows(figure, question, key, has_key, arguments)
    statement = f"""
        with counted as (select c.*, count(*) over () as total from ({rows}) c)
        select c.ticket, c.at, c.value, w.title, t.status, t.priority, t.team, c.total
        from counted c
            left join tickets t on t.number = c.ticket and {in_scope(scope, arguments)}
            left join ticket_texts w on w.id = t.wording_id
        order by c.ticket desc, c.at desc
    """
    return statement, *arguments.values


def _rows(figure: Figure, question: Question, key: str | None, has_key: bool, arguments: Arguments) -> str:
    """SQL: the rows that a figure counts."""
    population = figure.population
    if not population.ticket:
        raise InvalidError(f"{figure.name} does not rest on tickets.")
    if not knows(population, question.wanted):
        raise InvalidError(f"{figure.name} cannot be narrowed like that: it knows nothing of it.")
    conditions = [figure.of]
    if has_key:
        column = _key(population, question, arguments)
        if column is None:
            raise InvalidError(f"{figure.name} is not known by {question.group_by}.")
        conditions.append(f"({column})::text is not distinct from {arguments.add(key)}::text")
    ticket, at, value = population.ticket, population.at or "null::timestamptz", figure.value or "null"
    return f"""
        select {ticket} as ticket, {at} as at, ({value})::float8 as value {rows_of(population, question, arguments)}
            and {" and ".join(f"({one})" for one in conditions)}
    """


def _key(population: Population, question: Question, arguments: Arguments) -> str | None:
    """SQL: the key of a row's group; None when there are no groups, or the population does not know them."""
    if question.group_by is None or not population.knows(question.group_by):
        return None
    if question.group_by is not Dimension.HOUR_OF_WEEK:
        return population.places[question.group_by]
    offsets = offsets_of(question.period, question.zone)
    since = arguments.add([one.since for one in offsets])
    ahead = arguments.add([one.offset for one in offsets])
    offset = f"({ahead}::interval[])[width_bucket({population.at}, {since}::timestamptz[])]"
    local = f"({population.at} at time zone 'UTC' + {offset})"
    return f"((extract(isodow from {local}) - 1) * 24 + extract(hour from {local}))::int"


def _piece(population: Population, question: Question, arguments: Arguments) -> str | None:
    """SQL: which piece of the period a row lies in, from 1 on; None when there are no pieces, or no moments."""
    if not question.pieces or not population.at:
        return None
    return f"width_bucket({population.at}, {arguments.add([one.since for one in question.pieces])}::timestamptz[])"


def rows_of(population: Population, question: Question, arguments: Arguments) -> str:
    """SQL: the population's rows of the period, narrowed."""
    as_of = question.as_of if population.past_rows else None
    moments: dict[str, datetime | list[datetime]] = {
        "since": question.period.since,
        "until": question.period.until,
        "now": as_of or question.now,
        "starts": [one.since for one in question.pieces] or [question.period.since],
    }
    of_period = f"{population.at} >= {{since}} and {population.at} < {{until}}" if population.at else "true"
    source = population.past_rows if as_of else population.rows
    words = f"from {source} counted where ({population.condition}) and {of_period}"
    named = {name: moment for name, moment in moments.items() if f"{{{name}}}" in words}
    rows = words.format(**{name: f"{arguments.add(moment)}::{_TYPES[name]}" for name, moment in named.items()})
    return " and ".join([rows, *_narrowing(population, question.wanted, arguments)])


def _narrowing(population: Population, wanted: ReportFilter, arguments: Arguments) -> Iterator[str]:
    """SQL: a condition for each dimension that is narrowed."""
    places = population.places
    for dimension, values in (
        (Dimension.TEAM, wanted.team),
        (Dimension.PRIORITY, wanted.priority),
        (Dimension.CATEGORY, wanted.category),
        (Dimension.CHANNEL, wanted.channel),
    ):
        if values:
            yield f"{places[dimension]} = any({arguments.add(list(values))}::text[])"
    if wanted.within is not None:
        yield f"{places[Dimension.TEAM]} = any({arguments.add(sorted(wanted.within))}::text[])"
    if wanted.agent or wanted.no_agent:
        agent = places[Dimension.AGENT]
        nobody = f" or {agent} is null" if wanted.no_agent else ""
        yield f"({agent} = any({arguments.add(list(wanted.agent))}::uuid[]){nobody})"
