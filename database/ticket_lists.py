"""Pages of tickets: filters, the reader's scope, a sort from a fixed set, and a cursor that survives inserts."""

import base64
import json
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import asyncpg

from database.events import STREAM_CURSOR, StreamCursor, cursor_of
from database.pool import Pool
from database.statement_arguments import Arguments
from database.ticket_rows import RECORD_JOINS, RECORD_SELECT, TicketRecord, record_of
from domain.access import TicketScope
from domain.errors import InvalidError
from domain.ids import PersonId
from domain.ticket import Priority, Slug, Status

Sort = Literal[
    "-created_at",
    "created_at",
    "-updated_at",
    "updated_at",
    "-number",
    "number",
    "due_at",
    "-due_at",
    "next_due_at",
    "-next_due_at",
    "-priority",
    "priority",
]

NOT_OURS = "This cursor was not made by this list."
_SORT_COLUMNS: dict[str, tuple[str, str]] = {
    "created_at": ("t.created_at", "timestamptz"),
    "updated_at": ("t.updated_at", "timestamptz"),
    "number": ("t.number", "bigint"),
    "due_at": ("coalesce(t.due_at, 'infinity')", "timestamptz"),
    "next_due_at": ("coalesce(t.next_due_at, 'infinity')", "timestamptz"),
    "priority": ("t.priority_rank", "smallint"),
}


class TicketFilter(NamedTuple):
    """What a page is narrowed to; empty means all."""

    status: Sequence[Status] = ()
    priority: Sequence[Priority] = ()
    category: Sequence[Slug] = ()
    team: Sequence[Slug] = ()
    assignee: Sequence[PersonId] = ()
    unassigned: bool = False
    requester: PersonId | None = None
    tag: Sequence[Slug] = ()
    snoozed: bool | None = None
    text: str | None = None


class TicketPage(NamedTuple):
    items: list[TicketRecord]
    next_cursor: str | None
    stream_cursor: StreamCursor


class TicketLists:
    """Reads pages of tickets."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(
        self, scope: TicketScope, wanted: TicketFilter, sort: Sort, limit: int, cursor: str | None
    ) -> TicketPage:
        """One page, and the stream's cursor as of the same snapshot: what changes later is in the stream after it.

        Raises InvalidError for a cursor that is none, or one of another sort.
        """
        arguments = Arguments()
        filters = _wanted(wanted, arguments)
        conditions = [in_scope(scope, arguments), *filters]
        column, cast = _SORT_COLUMNS[sort.removeprefix("-")]
        order, after = ("desc", "<") if sort.startswith("-") else ("asc", ">")
        if cursor is not None:
            value, number = _decode(cursor, sort)
            conditions.append(
                f"({column}, t.number) {after} ({arguments.add(value)}::text::{cast}, {arguments.add(number)})"
            )
        where = " and ".join(conditions) or "true"
        # A statement that says how many rows it wants is planned once for each connection. What a filter leaves depends
        # on its values: such a statement is planned anew each time.
        many = arguments.add(limit + 1) if filters else str(int(limit) + 1)
        try:
            rows = await self._pool.fetch(
                f"select {RECORD_SELECT}, ({column})::text as sort_value, page.stream_cursor "
                f"from (select {STREAM_CURSOR} as stream_cursor) page left join lateral ("
                f"select t.* from tickets t {_text_join(wanted)} where {where} "
                f"order by {column} {order}, t.number {order} limit {many}) t on true "
                f"{RECORD_JOINS} order by {column} {order}, t.number {order}",
                *arguments.values,
            )
        except asyncpg.DataError as error:
            raise InvalidError(NOT_OURS) from error
        found = [row for row in rows if row["number"] is not None]
        items = [record_of(row) for row in found[:limit]]
        more = len(found) > limit
        next_cursor = _encode(sort, found[limit - 1]["sort_value"], items[-1].number) if more else None
        return TicketPage(items, next_cursor, cursor_of(rows[0]["stream_cursor"]))


def in_scope(scope: TicketScope, arguments: Arguments) -> str:
    """SQL: whether the ticket `t` is in a scope."""
    if scope.everything:
        return "true"
    person = arguments.add(scope.person)
    mine = f"t.requester_id = {person} or t.watcher_ids @> array[{person}::uuid]"
    if scope.organisation is not None:
        organisation = arguments.add(scope.organisation)
        mine += f" or t.requester_id in (select id from people where organisation = {organisation})"
    mine = f"({mine})"
    if not scope.unrouted:
        return mine
    teams = arguments.add(sorted(scope.teams))
    return f"({mine} or t.assignee_id = {person} or t.team is null or t.team = any({teams}::text[]))"


def _wanted(wanted: TicketFilter, arguments: Arguments) -> list[str]:
    conditions = [
        f"t.{column} = any({arguments.add(list(values))}::text[])"
        for column, values in (
            ("status", wanted.status),
            ("priority", wanted.priority),
            ("category", wanted.category),
            ("team", wanted.team),
        )
        if values
    ]
    if wanted.assignee or wanted.unassigned:
        assigned = f"t.assignee_id = any({arguments.add(list(wanted.assignee))}::uuid[])"
        conditions.append(f"({assigned} or t.assignee_id is null)" if wanted.unassigned else assigned)
    if wanted.requester is not None:
        conditions.append(f"t.requester_id = {arguments.add(wanted.requester)}")
    if wanted.tag:
        conditions.append(f"t.tags @> {arguments.add(list(wanted.tag))}::text[]")
    if wanted.snoozed is not None:
        conditions.append(f"t.snoozed = {arguments.add(wanted.snoozed)}")
    if wanted.text is not None:
        words = f"found.search @@ websearch_to_tsquery('simple', {arguments.add(wanted.text)})"
        if wanted.text.strip("# ").isdecimal():
            words = f"({words} or t.number::text = {arguments.add(wanted.text.strip('# '))})"
        conditions.append(words)
    return conditions


def _text_join(wanted: TicketFilter) -> str:
    return "" if wanted.text is None else "join ticket_texts found on found.id = t.wording_id"


def _encode(sort: str, value: str, number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, value, number]).encode()).decode().rstrip("=")


def _decode(cursor: str, sort: str) -> tuple[str, int]:
    """The sort value and number of a cursor; whether they are the column's kind of value, the database tells, which
    reads more words as moments ("yesterday") than we write."""
    try:
        cursor_sort, value, number = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError) as error:
        raise InvalidError(NOT_OURS) from error
    if not isinstance(value, str) or not isinstance(number, int) or not re.fullmatch(r"infinity|[0-9:.+ -]+", value):
        raise InvalidError(NOT_OURS)
    if cursor_sort != sort:
        raise InvalidError("This cursor belongs to a list with another sort.")
    return value, number
