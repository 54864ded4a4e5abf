"""Requests to start a ticket's workflow: written with the ticket, removed by its workflow once it runs."""

from database.pool import Pool
from database.ticket_rows import SELECT, ticket_of
from domain.ids import TicketNumber
from domain.ticket import Ticket

CLAIM_SECONDS = 10
"""How long a claimed request is left alone before somebody else may try it."""


class StartRequestStore:
    """The outbox of openings."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, limit: int) -> list[Ticket]:
        """Take up to `limit` waiting requests, oldest first, and return their tickets. A claim lapses by itself."""
        rows = await self._pool.fetch(
            f"with waiting as materialized (select ticket_number from start_requests where claimed_at is null "
            f"or claimed_at < now() - make_interval(secs => {CLAIM_SECONDS}) "
            f"order by ticket_number limit $1 for update skip locked), "
            f"taken as (update start_requests set claimed_at = now() "
            f"where ticket_number in (select ticket_number from waiting) returning ticket_number) "
            f"select {SELECT} from tickets t join taken on taken.ticket_number = t.number order by t.number",
            limit,
        )
        return [ticket_of(row) for row in rows]

    async def release(self, numbers: list[TicketNumber]) -> None:
        """Give claims back after the engine did not answer."""
        await self._pool.execute(
            "update start_requests set claimed_at = null where ticket_number = any($1::bigint[])", numbers
        )
