"""The ticket row: columns of the table, the record that readers get, and the way between row and domain."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

import asyncpg
from pydantic_core import to_json

from domain.ids import PersonId, TextId, TicketNumber
from domain.lifecycle import opened
from domain.offer import Offer
from domain.sla_clock import Clock, TicketSla, sla_due_at, sla_state
from domain.ticket import Priority, Slug, Status, Ticket
from domain.ticket_events import TicketChange, TicketOpened

COLUMNS = tuple(Ticket.model_fields)
"""A column for each field of the domain's ticket, by the same name; a test holds the two together."""

SELECT = ", ".join(f"t.{name}" for name in COLUMNS)


class TicketRecord(NamedTuple):
    """A ticket as it is read: the columns of its row, the current wording and the names of its people.

    A tuple and no model, for lists are read far more often than anything else: it costs a tenth.
    """

    number: TicketNumber
    revision: int
    wording_id: TextId
    status: Status
    priority: Priority
    category: Slug
    team: Slug | None
    requester_id: PersonId
    assignee_id: PersonId | None
    required_skills: list[Slug]
    estimated_minutes: int | None
    due_at: datetime | None
    tags: list[Slug]
    escalation_level: int
    snoozed: bool
    snoozed_until: datetime | None
    auto_close_days: int
    reopen_days: int
    created_at: datetime
    updated_at: datetime
    first_responded_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    resolver_id: PersonId | None
    held_open: bool
    watcher_ids: list[PersonId]
    sla: TicketSla | None
    assigned_at: datetime | None
    offer: Offer | None
    passed_by: list[PersonId]
    rating: int | None
    rated_at: datetime | None
    rating_text_id: TextId | None
    title: str
    description: str
    requester_name: str
    assignee_name: str | None
    organisation: Slug | None
    """The requester's, as of today."""
    rating_comment: str | None

    @property
    def ticket(self) -> Ticket:
        """The domain's ticket."""
        return _ticket(dict(zip(COLUMNS, self, strict=False)))


RECORD_SELECT = (
    f"{SELECT}, w.title, w.body as description, r.name as requester_name, a.name as assignee_name, r.organisation, "
    "c.body as rating_comment"
)
RECORD_JOINS = """
    left join ticket_texts w on w.id = t.wording_id
    left join people r on r.id = t.requester_id
    left join people a on a.id = t.assignee_id
    left join ticket_texts c on c.id = t.rating_text_id
"""
RECORD_FROM = f"from tickets t {RECORD_JOINS}"

_STATUS = {status.value: status for status in Status}
_PRIORITY = {priority.value: priority for priority in Priority}


SLAS_KEPT = 2_000
"""As many clocks as the screens of a desk show; some 10 KiB each."""


def ticket_of(row: asyncpg.Record) -> Ticket:
    """The domain's ticket from a row of SELECT."""
    return _ticket({name: row[name] for name in COLUMNS})


def record_of(row: asyncpg.Record) -> TicketRecord:
    """The record from a row of RECORD_SELECT; further columns are ignored."""
    values = list(row[: len(TicketRecord._fields)])
    for place, read in _READ:
        values[place] = read(values[place])
    return TicketRecord._make(values)


def record_from(ticket: Ticket, names: asyncpg.Record) -> TicketRecord:
    """The record of a ticket with its wording and names, in the order of the record's last fields."""
    return TicketRecord(*fields_of(ticket), *names.values())


def opened_record(
    change: TicketChange, title: str, description: str, requester_name: str, organisation: Slug | None
) -> TicketRecord:
    """The record of a ticket that was stored just now, so that it need not be read back."""
    ticket = opened(change.number, cast(TicketOpened, change.events[0]), change.at)
    return TicketRecord._make((*fields_of(ticket), title, description, requester_name, None, organisation, None))


def _ticket(values: dict[str, Any]) -> Ticket:
    """The row is trusted, for only checked changes were written."""
    values["status"] = _STATUS[values["status"]]
    values["priority"] = _PRIORITY[values["priority"]]
    values["required_skills"] = tuple(values["required_skills"])
    values["tags"] = tuple(values["tags"])
    values["watcher_ids"] = tuple(values["watcher_ids"])
    values["passed_by"] = tuple(values["passed_by"])
    if isinstance(values["sla"], str):
        values["sla"] = _sla_of(values["sla"])
    if isinstance(values["offer"], str):
        values["offer"] = _offer_of(values["offer"])
    return Ticket.model_construct(_fields_set=None, **values)


@lru_cache(maxsize=SLAS_KEPT)
def _sla_of(data: str | None) -> TicketSla | None:
    """Clocks change less often than they are read: with each list, say, that shows their ticket."""
    return None if data is None else TicketSla.model_validate_json(data)


def _offer_of(data: str | None) -> Offer | None:
    return None if data is None else Offer.model_validate_json(data)


_MORE_THAN_TEXT: dict[str, Callable[[Any], Any]] = {
    "status": _STATUS.__getitem__,
    "priority": _PRIORITY.__getitem__,
    "sla": _sla_of,
    "offer": _offer_of,
}
_READ = [(TicketRecord._fields.index(name), read) for name, read in _MORE_THAN_TEXT.items()]
"""The columns that come as text and are more, each by its place in a record."""


def fields_of(ticket: Ticket) -> list[Any]:
    """The ticket's fields in the order of COLUMNS."""
    return [getattr(ticket, name) for name in COLUMNS]


def as_columns(fields: dict[str, Any]) -> dict[str, Any]:
    """Columns and their values for some of the ticket's fields: the clocks come with what is searched and sorted by."""
    if isinstance(offer := fields.get("offer"), Offer):
        fields = {**fields, "offer": offer.model_dump_json()}
    sla = fields.get("sla")
    if not isinstance(sla, TicketSla):
        return fields
    derived = {"sla": sla.model_dump_json(), "sla_state": sla_state(sla), "sla_due_at": sla_due_at(sla)}
    return {**fields, **derived}


def clock_rows(sla: TicketSla | None, over: Iterable[Clock] = ()) -> str:
    """The rows of `sla_clocks`, as JSON; `over` are cycles that are not in `sla` any more."""
    return to_json([_clock_row(clock) for clock in (*over, *(() if sla is None else sla.clocks))]).decode()


def _clock_row(clock: Clock) -> dict[str, Any]:
    return {
        "audience": clock.audience,
        "target": clock.target,
        "cycle": clock.cycle,
        "phase": clock.phase,
        "goal_seconds": clock.goal.total_seconds(),
        "used_seconds": clock.used.total_seconds(),
        "warned": clock.warned,
        "policy_version": clock.policy_version,
        "calendar_version": clock.calendar_version,
        "started_at": clock.started_at,
        "since": clock.since,
        "due_at": clock.due_at,
        "breached_at": clock.breached_at,
        "ended_at": clock.ended_at,
    }


CLOCK_COLUMNS: dict[str, str] = {
    "audience": "text",
    "target": "text",
    "cycle": "int",
    "phase": "text",
    "goal_seconds": "double precision",
    "used_seconds": "double precision",
    "warned": "int",
    "policy_version": "int",
    "calendar_version": "int",
    "started_at": "timestamptz",
    "since": "timestamptz",
    "due_at": "timestamptz",
    "breached_at": "timestamptz",
    "ended_at": "timestamptz",
}
"""The columns of `sla_clocks` beside the ticket's number, with their types."""
CLOCK_FIELDS = ", ".join(CLOCK_COLUMNS)
CLOCK_TYPES = ", ".join(f"{name} {type}" for name, type in CLOCK_COLUMNS.items())
CLOCK_CIRCUMSTANCES = "team, priority, category, assignee_id"
"""What `sla_clocks` keeps of the ticket, as it was when the clock was decided: the past's figures stay as they were."""
_STILL = {
    "team": "sla_clocks.decided_at is null and sla_clocks.audience = 'customer'",  # a team's own clock is that team's
    **dict.fromkeys(("priority", "category", "assignee_id"), "sla_clocks.decided_at is null"),
}
CLOCKS_KEPT = ", ".join(
    [f"{name} = excluded.{name}" for name in CLOCK_COLUMNS]
    + [f"{name} = case when {still} then excluded.{name} else sla_clocks.{name} end" for name, still in _STILL.items()]
)


class NewWording(NamedTuple):
    """A ticket's title and description, to be stored under `id`."""

    id: TextId
    author: PersonId
    title: str
    description: str


class Opening(NamedTuple):
    """What an opening came to: the ticket's number, and whether this very call made it."""

    number: TicketNumber
    fingerprint: str
    is_new: bool
