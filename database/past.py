"""The past as it was: the queue at a moment, and one ticket.

The queue is counted over spans (`domain/ticket_span.py`), so it reaches as far as the facts have come; one ticket is
rebuilt from its events, which are always all there.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from database.pool import PATIENT_SECONDS, Pool
from database.ticket_rows import TicketRecord
from database.tickets import TicketStore
from domain.ids import TicketNumber
from domain.sla_clock import SlaState
from domain.ticket import Priority, Slug, Status

SPANS_AT = """
select ticket_number, place, since, until, previous_status, status, team, priority, category, assignee_id, sla_state,
    snoozed, escalation_level
from ended_spans where status <> 'closed' and tstzrange(since, until) @> {at}::timestamptz
union all
select number, spans, span_since, null, previous_status, status, team, priority, category, assignee_id, sla_state,
    snoozed, escalation_level
from ticket_facts where status <> 'closed' and span_since <= {at}::timestamptz
"""
"""SQL: the span of every ticket that was not closed at a moment. `{at}` is the moment, an argument or an expression. It
says what the view `ticket_spans` would, in words that the indexes are made for."""
IS_WAITING = "assignee_id is null and status in ('new', 'open') and not snoozed"
"""SQL: what `Ticket.is_waiting` says, of a span or of facts."""
_QUEUE_AT = f"""
select status, team, priority, sla_state, {IS_WAITING} as is_waiting, count(*) as tickets, min(since) as oldest_since
from ({SPANS_AT.format(at="$1")}) span
where $2::text[] is null or team = any($2)
group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
"""
_REVISION_AT = """
select coalesce(min(revision) filter (where at > $2) - 1, max(revision)) from events where ticket_number = $1
"""


class QueueCount(NamedTuple):
    """So many tickets stood so; the one that did so longest, since `oldest_since`."""

    status: Status
    team: Slug | None
    priority: Priority
    sla_state: SlaState
    is_waiting: bool
    tickets: int
    oldest_since: datetime


class Past:
    """Reads how things stood."""

    def __init__(self, pool: Pool, tickets: TicketStore) -> None:
        self._pool = pool
        self._tickets = tickets

    async def queue_at(self, at: datetime, within: Collection[Slug] | None = None) -> list[QueueCount]:
        """How many tickets that were not closed at this moment stood how; only those of some teams, or all."""
        rows = await self._pool.fetch(_QUEUE_AT, at, None if within is None else list(within), timeout=PATIENT_SECONDS)
        return [
            QueueCount(Status(status), team, Priority(priority), *rest) for status, team, priority, *rest in rows
        ]  # fmt: skip

    async def ticket_at(self, number: TicketNumber, at: datetime) -> TicketRecord | None:
        """A ticket after all that had happened to it by this moment; None when it was not opened by then."""
        revision = await self._pool.fetchval(_REVISION_AT, number, at)
        return None if not revision else await self._tickets.read_as_of(number, revision)
