"""Rows of `ticket_facts` and `ended_spans`: their columns, and the way between rows and the domain."""

from collections.abc import Iterable, Sequence

import asyncpg

from database.pool import PATIENT_SECONDS, Connection
from domain.ids import TicketNumber
from domain.ticket import Priority, Status
from domain.ticket_facts import TicketFacts
from domain.ticket_span import TicketSpan

FACT_COLUMNS: dict[str, str] = {
    "number": "bigint",
    "revision": "int",
    "updated_at": "timestamptz",
    "status": "text",
    "team": "text",
    "priority": "text",
    "category": "text",
    "assignee_id": "uuid",
    "sla_state": "text",
    "snoozed": "boolean",
    "escalation_level": "smallint",
    "spans": "int",
    "span_since": "timestamptz",
    "previous_status": "text",
    "requester_id": "uuid",
    "channel": "text",
    "opened_at": "timestamptz",
    "opened_team": "text",
    "opened_priority": "text",
    "opened_category": "text",
    "policy_version": "int",
    "calendar_version": "int",
    "first_responded_at": "timestamptz",
    "responder_id": "uuid",
    "responded_team": "text",
    "response_seconds": "double precision",
    "response_business_seconds": "double precision",
    "response_calendar": "int",
    "first_resolved_at": "timestamptz",
    "resolved_at": "timestamptz",
    "closed_at": "timestamptz",
    "resolver_id": "uuid",
    "resolved_team": "text",
    "resolution_seconds": "double precision",
    "resolution_business_seconds": "double precision",
    "resolution_calendar": "int",
    "status_since": "timestamptz",
    "pending_seconds": "double precision",
    "on_hold_seconds": "double precision",
    "reopenings": "int",
    "desk_replies": "int",
    "requester_replies": "int",
    "notes": "int",
    "assignments": "int",
    "reassignments": "int",
    "last_assignee_id": "uuid",
    "moves": "int",
    "escalations": "int",
    "highest_level": "smallint",
    "one_touch": "boolean",
    "rating": "smallint",
    "rated_at": "timestamptz",
    "rated_resolver_id": "uuid",
    "rated_team": "text",
}
"""The columns of `ticket_facts` in the order of TicketFacts, with their types; a test holds both together."""
_NAMES = ", ".join(FACT_COLUMNS)
_ARRAYS = ", ".join(f"${place}::{type}[]" for place, type in enumerate(FACT_COLUMNS.values(), start=1))
FACTS_OF = f"select {_NAMES} from ticket_facts where number = any($1::bigint[])"
_KEEP = f"""
insert into ticket_facts ({_NAMES}) select * from unnest({_ARRAYS})
on conflict (number) do update set {", ".join(f"{name} = excluded.{name}" for name in FACT_COLUMNS if name != "number")}
"""
_STATUS = {status.value: status for status in Status}
_PRIORITY = {priority.value: priority for priority in Priority}


def facts_of(row: asyncpg.Record) -> TicketFacts:
    """The facts from a row of FACTS_OF, or of another statement whose first columns are those."""
    facts = TicketFacts._make(row[: len(FACT_COLUMNS)])
    return facts._replace(
        status=_STATUS[facts.status],
        priority=_PRIORITY[facts.priority],
        opened_priority=_PRIORITY[facts.opened_priority],
        previous_status=None if facts.previous_status is None else _STATUS[facts.previous_status],
    )


def span_of(row: asyncpg.Record) -> TicketSpan:
    """The span from a row of the view `ticket_spans`."""
    span = TicketSpan._make(row[: len(TicketSpan._fields)])
    return span._replace(
        status=_STATUS[span.status],
        priority=_PRIORITY[span.priority],
        previous_status=None if span.previous_status is None else _STATUS[span.previous_status],
    )


async def keep_facts(connection: Connection, facts: Iterable[TicketFacts]) -> None:
    """Write rows, of known tickets too."""
    columns = list(zip(*facts, strict=True))
    if columns:
        await connection.execute(_KEEP, *columns, timeout=PATIENT_SECONDS)


async def add_facts(connection: Connection, facts: Sequence[TicketFacts]) -> None:
    """Write rows of tickets that have none."""
    await connection.copy_records_to_table(
        "ticket_facts", records=facts, columns=list(FACT_COLUMNS), timeout=PATIENT_SECONDS
    )


async def add_spans(connection: Connection, spans: Sequence[TicketSpan]) -> None:
    """Write spans that are over."""
    if spans:
        await connection.copy_records_to_table(
            "ended_spans", records=spans, columns=list(TicketSpan._fields), timeout=PATIENT_SECONDS
        )


async def forget_facts(connection: Connection, numbers: Sequence[TicketNumber]) -> None:
    """Remove the facts and spans of these tickets."""
    for statement in (
        "delete from ended_spans where ticket_number = any($1::bigint[])",
        "delete from ticket_facts where number = any($1::bigint[])",
    ):
        await connection.execute(statement, numbers, timeout=PATIENT_SECONDS)
