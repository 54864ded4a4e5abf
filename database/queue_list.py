"""The tickets of the queue, now or at a past moment, a page at a time: each as it stood."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from database.past import IS_WAITING
from database.pool import PATIENT_SECONDS, Pool
from database.queue_figures import QUEUE
from database.report_statements import rows_of
from database.statement_arguments import Arguments
from domain.ids import PersonId, TicketNumber
from domain.report import Question
from domain.sla_clock import SlaState
from domain.ticket import Priority, Slug, Status
from domain.ticket_facts import Channel

_COLUMNS = f"""
number, status, team, priority, category, assignee_id, sla_state, snoozed, escalation_level, {IS_WAITING} as is_waiting,
    since, opened_at, channel
"""


class StoodTicket(NamedTuple):
    """How a ticket stood, and since when it had stood exactly so."""

    number: TicketNumber
    status: Status
    team: Slug | None
    priority: Priority
    category: Slug
    assignee_id: PersonId | None
    sla_state: SlaState
    snoozed: bool
    escalation_level: int
    is_waiting: bool
    since: datetime
    opened_at: datetime
    channel: Channel
    assignee_name: str | None


class QueueList:
    """Reads the queue."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(
        self,
        question: Question,
        *,
        status: Sequence[Status] = (),
        is_waiting: bool | None = None,
        after: TicketNumber | None = None,
        limit: int = 50,
    ) -> list[StoodTicket]:
        """The newest tickets first; `after` goes on behind one. The question's period does not matter."""
        arguments = Arguments()
        rows, conditions = rows_of(QUEUE, question, arguments), list[str]()
        if status:
            conditions.append(f"status = any({arguments.add(list(status))}::text[])")
        if is_waiting is not None:
            conditions.append(f"({IS_WAITING}) = {arguments.add(is_waiting)}")
        if after is not None:
            conditions.append(f"number < {arguments.add(after)}")
        narrowed = "".join(f" and {one}" for one in conditions)
        found = await self._pool.fetch(
            f"select one.*, p.name from (select {_COLUMNS} {rows}{narrowed} order by number desc "
            f"limit {arguments.add(limit)}) one left join people p on p.id = one.assignee_id order by number desc",
            *arguments.values,
            timeout=PATIENT_SECONDS,
        )
        return [
            StoodTicket(*row)._replace(status=Status(row["status"]), priority=Priority(row["priority"]))
            for row in found
        ]  # fmt: skip
