"""All the tickets behind a number, for a file: the rows of the list that people page through, of one snapshot."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any, NamedTuple

from database.pool import PATIENT_SECONDS, Pool
from database.report_figure import Figure
from database.reports import Question, rows_statement
from database.statement_arguments import Arguments
from database.ticket_lists import in_scope
from domain.access import TicketScope
from domain.errors import InvalidError
from domain.ids import TicketNumber
from domain.ticket import Priority, Slug, Status

MAX_ROWS = 1_000_000
"""A sheet of a spreadsheet program has not many more."""
ROWS_AT_A_TIME = 1_000
READERS = 2
"""Each has a connection for as long as it reads; others wait."""


class TicketsAsked(NamedTuple):
    """The rows of a figure that are wanted: with `has_key` those of the group `key` (None: of none) of the question's
    dimension. What their tickets are is told of those in `scope`."""

    figure: Figure
    question: Question
    key: str | None
    has_key: bool
    scope: TicketScope


class CountedTicket(NamedTuple):
    """A row that a figure counts, as `Counted`, and what its ticket is now: empty for those who may not see it."""

    number: TicketNumber
    at: datetime | None
    value: float | None
    title: str | None
    status: Status | None
    priority: Priority | None
    team: Slug | None


class CountedTickets:
    """Reads them, for a few at a time."""

    def __init__(self, pool: Pool, at_most: int = MAX_ROWS) -> None:
        self._pool = pool
        self._at_most = at_most
        self._turns = asyncio.Semaphore(READERS)

    async def read(self, asked: TicketsAsked) -> AsyncGenerator[list[CountedTicket], None]:
        """The newest ticket first, some rows at a time.

        A transaction is open until the last of them: whoever reads waits for nobody, or the database ends it. Raises
        what `Reports.tickets_of` does, and InvalidError when there are too many rows, both before the first.
        """
        statement = _statement(asked)
        async with (
            self._turns,
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            cursor = await connection.cursor(*statement, timeout=PATIENT_SECONDS)
            while rows := await cursor.fetch(ROWS_AT_A_TIME, timeout=PATIENT_SECONDS):
                if rows[0]["total"] > self._at_most:
                    raise InvalidError(f"A file has at most {self._at_most:,} rows: ask for a shorter period.")
                yield [CountedTicket(*row[:-1]) for row in rows]


def _statement(asked: TicketsAsked) -> tuple[Any, ...]:
    arguments = Arguments()
    rows, *arguments.values = rows_statement(
        asked.figure, asked.question, asked.key, asked.has_key, after=None, limit=None
    )  # fmt: skip
    statement = f"""
        select c.ticket, c.at, c.value, w.title, t.status, t.priority, t.team, c.total
        from (select r.*, count(*) over () as total from ({rows}) r) c
            left join tickets t on t.number = c.ticket and {in_scope(asked.scope, arguments)}
            left join ticket_texts w on w.id = t.wording_id
        order by c.ticket desc, c.at desc
    """
    return statement, *arguments.values
