"""Answers what is asked of figures: of a period, whole, by groups and by pieces, and beside the period before.

The one place that turns figures into statements. Cards, tables, charts, exports and mails ask here, and so does the
list of tickets behind a number: its rows are chosen by the same words as those that are counted. Each answer is of one
snapshot, and a population is read once for all figures that count it.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from database.known_references import check_known
from database.pool import PATIENT_SECONDS, Connection, Pool
from database.report_figure import Figure, Population
from database.report_statements import all_rows_statement, figures_statement, knows, page_statement
from domain.access import TicketScope
from domain.errors import ForbiddenError, InvalidError
from domain.ids import TicketNumber
from domain.period import Period, Piece, period_before
from domain.report import Dimension, Question, ReportFilter, Spread, Unit, Value
from domain.ticket import Priority, Slug, Status

MAX_ROWS = 1_000_000
"""Of a file: a sheet of a spreadsheet program has not many more."""
ROWS_AT_A_TIME = 1_000
_NAMES: dict[Dimension, str] = {
    Dimension.TEAM: "select slug, name from teams where slug = any($1) order by name, slug",
    Dimension.PRIORITY: "select p, p from unnest(array['urgent', 'high', 'normal', 'low']) p where p = any($1)",
    Dimension.CATEGORY: "select slug, name from categories where slug = any($1) order by name, slug",
    Dimension.CHANNEL: "select c, c from unnest(array['self_service', 'desk', 'integration']) c where c = any($1)",
    Dimension.AGENT: "select id::text, name from people where id::text = any($1) order by name, id",
    Dimension.POLICY: "select id::text, name from sla_policies where id::text = any($1) order by place, id",
    Dimension.LEVEL: "select n::text, n::text from generate_series(0, 99) n where n::text = any($1) order by n",
    Dimension.SCORE: "select n::text, n::text from generate_series(1, 5) n where n::text = any($1) order by n",
    Dimension.HOUR_OF_WEEK: "select n::text, n::text from generate_series(0, 167) n where n::text = any($1) order by n",
}
"""The names of groups, in the order in which groups are given."""


Values = Mapping[str, Value]
"""Figures by name."""


class Group(NamedTuple):
    """The figures of one team, priority, ...; `key` None: of none."""

    key: str | None
    name: str | None
    values: Values
    previous: Values | None


class PieceValues(NamedTuple):
    """The figures of a piece of the period."""

    piece: Piece
    values: Values


class Answer(NamedTuple):
    """The figures that were asked for. `previous_period` and `previous`: None unless compared."""

    question: Question
    values: Values
    previous_period: Period | None
    previous: Values | None
    groups: list[Group]
    pieces: list[PieceValues]


class Counted(NamedTuple):
    """A row that a figure counts: its ticket, when it counts, and with what (None: only that it is there)."""

    number: TicketNumber
    at: datetime | None
    value: float | None


class CountedTicket(NamedTuple):
    """A row that a figure counts, and what its ticket is now: empty for those who may not see it."""

    number: TicketNumber
    at: datetime | None
    value: float | None
    title: str | None
    status: Status | None
    priority: Priority | None
    team: Slug | None


class _Found(NamedTuple):
    """The values of one period: of all, by group, by piece (from 1 on)."""

    whole: dict[str, Value]
    groups: dict[str | None, dict[str, Value]]
    pieces: dict[int, dict[str, Value]]


class Reports:
    """Reads figures."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def check_known(self, wanted: ReportFilter) -> None:
        """Raises UnknownReferenceError for a team, category or person that does not exist."""
        await check_known(self._pool, wanted.team, wanted.category, wanted.agent)

    async def ask(self, figures: Sequence[Figure], question: Question) -> Answer:
        """The figures of a period."""
        async with self.snapshot() as connection:
            return await answered(connection, figures, question)

    async def tickets_of(
        self,
        figure: Figure,
        question: Question,
        key: str | None = None,
        *,
        has_key: bool = False,
        after: TicketNumber | None = None,
        limit: int = 50,
    ) -> list[Counted]:
        """The rows that a figure counts, by their tickets, the newest ticket first; `after` goes on behind a ticket.

        `has_key`: only those of the group `key` (None: of none) of the question's dimension. A ticket stands in it as
        often as it counts; all rows of a ticket are in one answer, so that there may be more than `limit`. Raises
        InvalidError for a figure that rests on no tickets, or does not know the dimension, and ForbiddenError for
        somebody whose figures are not to be told.
        """
        if has_key and not _may_be_told(question, key):
            raise ForbiddenError("You see your own figures and those of your teams.")
        async with self.snapshot() as connection:
            rows = await connection.fetch(
                *page_statement(figure, question, key, has_key, after, limit), timeout=PATIENT_SECONDS
            )
        return [Counted(*row) for row in rows]

    async def all_tickets_of(
        self,
        figure: Figure,
        question: Question,
        key: str | None = None,
        *,
        has_key: bool = False,
        scope: TicketScope,
        at_most: int = MAX_ROWS,
    ) -> AsyncGenerator[list[CountedTicket], None]:
        """All rows that a figure counts, as `tickets_of`, some at a time, of one snapshot.

        A transaction is open until the last of them: whoever reads goes on at once and waits for nobody, or the
        database ends it. Raises InvalidError also when there are more than `at_most` rows, before the first.
        """
        if has_key and not _may_be_told(question, key):
            raise ForbiddenError("You see your own figures and those of your teams.")
        statement = all_rows_statement(figure, question, key, has_key, scope)
        async with self.snapshot() as connection:
            cursor = await connection.cursor(*statement, timeout=PATIENT_SECONDS)
            while rows := await cursor.fetch(ROWS_AT_A_TIME, timeout=PATIENT_SECONDS):
                if rows[0]["total"] > at_most:
                    raise InvalidError(f"These are more than {at_most:,} rows: ask for a shorter period, or for fewer.")
                yield [CountedTicket(*row[:-1]) for row in rows]

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A connection to which nothing changes any more."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


async def answered(connection: Connection, figures: Sequence[Figure], question: Question) -> Answer:
    """The figures of a period, in somebody's snapshot."""
    before = (question.before or period_before(question.period, question.zone)) if question.compare else None
    found = await _read(connection, figures, question)
    previous = None
    if before is not None:
        previous = await _read(connection, figures, question._replace(period=before, pieces=(), as_of=before.until))
    keys = found.groups.keys() | (previous.groups.keys() if previous else set())
    told = [key for key in keys if _may_be_told(question, key)]
    names = await _names(connection, question.group_by, told)
    in_group = _nothing(figures, question.wanted, lambda one: one.knows(question.group_by))
    in_piece = _nothing(figures, question.wanted, lambda one: bool(one.at))
    return Answer(
        question,
        found.whole,
        before,
        None if previous is None else previous.whole,
        [
            Group(
                key,
                name,
                in_group | found.groups.get(key, {}),
                None if previous is None else in_group | previous.groups.get(key, {}),
            )
            for key, name in names.items()
        ],
        [
            PieceValues(piece, in_piece | found.pieces.get(place, {}))
            for place, piece in enumerate(question.pieces, start=1)
        ],
    )


async def _read(connection: Connection, figures: Sequence[Figure], question: Question) -> _Found:
    found = _Found({figure.name: None for figure in figures}, {}, {})
    for those in _by_population(figures):
        population = those[0].population
        if not knows(population, question.wanted):
            continue
        for row in await connection.fetch(*figures_statement(population, those, question), timeout=PATIENT_SECONDS):
            is_by_key, key, is_by_piece, piece, *values = row
            if is_by_piece:
                place = found.pieces.setdefault(piece, {})
            elif is_by_key:
                place = found.groups.setdefault(key, {})
            else:
                place = found.whole
            place |= {figure.name: _value(figure, value) for figure, value in zip(those, values, strict=True)}
    return found


def _may_be_told(question: Question, key: str | None) -> bool:
    """Whether a group's figures may be told apart: those of one agent not to everybody."""
    alone = question.wanted.alone
    return alone is None or question.group_by is not Dimension.AGENT or key in (None, str(alone))


def _by_population(figures: Iterable[Figure]) -> Iterable[list[Figure]]:
    these: dict[str, list[Figure]] = {}
    for figure in figures:
        these.setdefault(figure.population.name, []).append(figure)
    return these.values()


def _value(figure: Figure, value: Any) -> Value:
    if not figure.is_spread:
        return value if value is None or isinstance(value, int) else float(value)
    return None if value is None or not value[0] else Spread(int(value[0]), *(float(one) for one in value[1:]))


def _nothing(
    figures: Sequence[Figure], wanted: ReportFilter, is_known: Callable[[Population], bool]
) -> dict[str, Value]:  # fmt: skip
    """What a group or a piece has that no row is in: a count of nothing is 0, all else is None."""
    counts = {one.name for one in figures if one.adds_up or one.unit is Unit.COUNT}
    return {
        one.name: 0 if one.name in counts and is_known(one.population) and knows(one.population, wanted) else None
        for one in figures
    }


async def _names(
    connection: Connection, group_by: Dimension | None, keys: Iterable[str | None]
) -> dict[str | None, str | None]:
    """The groups in their order, with their names; what is of none comes last."""
    if group_by is None:
        return {}
    known = [key for key in keys if key is not None]
    rows: list[asyncpg.Record] = await connection.fetch(_NAMES[group_by], known, timeout=PATIENT_SECONDS)
    names: dict[str | None, str | None] = {row[0]: row[1] for row in rows}
    nameless = sorted(key for key in known if key not in names)
    return names | dict.fromkeys([*nameless, *(key for key in keys if key is None)])
