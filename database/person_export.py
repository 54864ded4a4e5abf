"""Everything about one person, for them to take away."""

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from database.personal_data import PERSONAL, PersonalTable
from database.pool import PATIENT_SECONDS, Pool
from domain.ids import PersonId

_CONVERSATION = """
select to_jsonb(x) - 'search' - 'author_id' from ticket_texts x join tickets t on t.number = x.ticket_number
where t.requester_id = $1 and x.author_id is distinct from $1
    and not exists (select from events e where e.ticket_number = x.ticket_number and e.text_id = x.id and e.internal)
order by x.ticket_number, x.created_at
"""
"""What others wrote to them: on their own tickets, without the desk's notes."""


class ExportedRow(NamedTuple):
    section: str
    row: dict[str, Any]


class PersonExport:
    """Reads what is kept about a person."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def rows(self, person: PersonId) -> AsyncIterator[ExportedRow]:
        """Row by row, section by section, as of one moment."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            for section, statement in _SECTIONS:
                async for (row,) in connection.cursor(statement, person, timeout=PATIENT_SECONDS):
                    yield ExportedRow(section, json.loads(row))


def _rows_of(table: PersonalTable) -> str:
    where = " or ".join(f"{column} = $1" for column in table.people)
    without = "".join(f" - '{column}'" for column in sorted(table.secret))
    return f"select to_jsonb(p){without} from {table.name} p where ({where}) and {table.condition}"


_SECTIONS = (*((table.name, _rows_of(table)) for table in PERSONAL), ("written_to_them", _CONVERSATION))
