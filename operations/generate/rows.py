"""A made ticket as rows of the tables, and the same life again in another week.

Copying costs a twentieth of living: the moments move by whole weeks, and only the ticket's own ids are new.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from database.ticket_rows import CLOCK_COLUMNS, as_columns, fields_of
from database.ticket_rows import COLUMNS as TICKET_COLUMNS
from operations.generate.life import ClockRow, MadeTicket

_TICKETS = (*TICKET_COLUMNS, "sla_state", "sla_due_at")
_TEXTS = ("id", "ticket_number", "author_id", "title", "body", "created_at")
_EVENTS = (
    *("topic", "type", "at", "recorded_at", "ticket_number", "revision"),
    *("actor_kind", "actor_id", "actor_role", "internal", "text_id", "data"),
)
_CLOCKS = ("ticket_number", *CLOCK_COLUMNS, "team", "priority", "category", "assignee_id")
TABLES = {"tickets": _TICKETS, "ticket_texts": _TEXTS, "events": _EVENTS, "sla_clocks": _CLOCKS}
_DATE = re.compile(r'"(\d{4}-\d\d-\d\d)T')
_AT = _EVENTS.index("at")


class Rows(NamedTuple):
    """The rows of one ticket, by their tables."""

    tickets: list[tuple[Any, ...]]
    ticket_texts: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]
    sla_clocks: list[tuple[Any, ...]]

    @property
    def opened_at(self) -> datetime:
        at: datetime = self.events[0][_AT]
        return at

    @property
    def last_at(self) -> datetime:
        at: datetime = self.events[-1][_AT]
        return at


def rows_of(made: MadeTicket) -> Rows:
    """A ticket's rows. `ticket_commands` is left empty: no figure reads it."""
    ticket = made.ticket
    columns = {"sla_state": "none", "sla_due_at": None} | as_columns(
        dict(zip(TICKET_COLUMNS, fields_of(ticket), strict=True))
    )
    text = (
        ticket.wording_id,
        ticket.number,
        ticket.requester_id,
        f"Made ticket about {ticket.category}",
        "Made.",
        ticket.created_at,
    )
    events = [
        (
            *("tickets", event.type, change.at, change.at, ticket.number, revision),
            *(change.actor.kind, change.actor.id, change.actor.role, event.for_desk_only),
            *(event.brings_text, event.model_dump_json()),
        )
        for change in made.changes
        for revision, event in enumerate(change.events, start=change.first_revision)
    ]
    clocks = [(ticket.number, *_clock(row)) for row in made.clocks]
    return Rows([tuple(columns[name] for name in _TICKETS)], [text], events, clocks)


def _clock(row: ClockRow) -> tuple[Any, ...]:
    clock = row.clock
    values = {
        **{name: getattr(clock, name, None) for name in CLOCK_COLUMNS},
        "goal_seconds": clock.goal.total_seconds(),
        "used_seconds": clock.used.total_seconds(),
    }
    return (*values.values(), row.team, row.priority, row.category, row.assignee_id)


class Copier:
    """Copies lives into other weeks."""

    def __init__(self, later: timedelta) -> None:
        self._later = later
        self._dates: dict[str, str] = {}

    def copy(self, rows: Rows, number: int, words: UUID) -> Rows:
        """The same life, so much later, under another number and with other words."""
        (text,) = rows.ticket_texts
        old, old_number = text[0], text[1]
        old_text, new_text = str(old), str(words)

        def moved(value: Any) -> Any:
            if isinstance(value, datetime):
                return value + self._later
            if isinstance(value, str) and value[:1] == "{":
                return _DATE.sub(self._moved_date, value).replace(old_text, new_text)
            return words if value == old else value

        def renumbered(table: Iterable[tuple[Any, ...]], place: int) -> list[tuple[Any, ...]]:
            copies = []
            for row in table:
                values = [moved(value) for value in row]
                if values[place] != old_number:
                    raise ValueError("a row is another ticket's")
                values[place] = number
                copies.append(tuple(values))
            return copies

        places = [columns.index("number" if name == "tickets" else "ticket_number") for name, columns in TABLES.items()]
        return Rows(*(renumbered(table, place) for table, place in zip(rows, places, strict=True)))

    def _moved_date(self, found: re.Match[str]) -> str:
        day = found[1]
        if day not in self._dates:
            self._dates[day] = (datetime.fromisoformat(day) + self._later).date().isoformat()
        return f'"{self._dates[day]}T'


async def write(connection: "asyncpg.Connection[asyncpg.Record]", tickets: Sequence[Rows]) -> int:
    """Write tickets with all that belongs to them, their events in the order of time. Returns how many events.

    Its caller has switched foreign keys and triggers off: rows that belong together come together.
    """
    for name, columns in TABLES.items():
        records = list(chain.from_iterable(getattr(rows, name) for rows in tickets))
        if name == "events":
            records.sort(key=lambda row: row[_AT])
        await connection.copy_records_to_table(name, records=records, columns=columns)
    return sum(len(rows.events) for rows in tickets)
