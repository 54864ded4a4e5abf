"""What an agent did in a period, computed from the event log. `docs/agents.md` defines every figure."""

from typing import NamedTuple

from database.pool import PATIENT_SECONDS, Pool
from domain.ids import PersonId
from domain.period import Period

_DID = """
with resolved as (
    select e.ticket_number, min(e.revision) as first_revision, max(e.at) as last_at
    from events e join tickets t on t.number = e.ticket_number and t.requester_id <> $1
    where e.actor_id = $1 and e.actor_role <> 'requester' and e.type = 'ticket.status_changed'
        and e.data ->> 'status' = 'resolved'
        and e.at >= $2 and e.at < $3
    group by e.ticket_number
), handled as (
    select extract(epoch from r.last_at - t.created_at)::double precision as seconds,
        exists (select from events e where e.ticket_number = r.ticket_number and e.revision > r.first_revision
            and e.type = 'ticket.status_changed' and e.data ->> 'status' = 'open'
            and e.data ->> 'previous' in ('resolved', 'closed')) as is_reopened
    from resolved r join tickets t on t.number = r.ticket_number
), answers as (
    select extract(epoch from e.at - t.created_at)::double precision as seconds,
        (e.data ->> 'first_responded_at')::timestamptz = e.at as is_first
    from events e join tickets t on t.number = e.ticket_number
    where e.actor_id = $1 and e.actor_role <> 'requester' and e.type = 'ticket.replied'
        and (e.data ->> 'is_answer')::boolean
        and e.at >= $2 and e.at < $3
)
select
    (select count(*) from handled) as handled,
    (select count(*) from handled where is_reopened) as reopened,
    (select count(*) from answers where is_first) as first_responses,
    (select count(*) from answers) as replies,
    (select percentile_cont(array[0.5, 0.9]) within group (order by seconds) from answers where is_first)
        as first_response,
    (select percentile_cont(array[0.5, 0.9]) within group (order by seconds) from handled) as resolution
"""


class Times(NamedTuple):
    """How long things took, in seconds of wall-clock time; nine of ten stayed within `p90`."""

    median: float
    p90: float


class Performance(NamedTuple):
    """What somebody did in a period. Times are None when there is nothing to measure."""

    handled: int
    reopened: int
    """Of the handled."""
    first_responses: int
    replies: int
    first_response: Times | None
    resolution: Times | None

    @property
    def reopen_rate(self) -> float | None:
        return self.reopened / self.handled if self.handled else None


class PerformanceFigures:
    """Reads what people did."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, agent: PersonId, period: Period) -> Performance:
        """What the agent did in the period, as it stands by now."""
        row = await self._pool.fetchrow(_DID, agent, *period, timeout=PATIENT_SECONDS)
        assert row is not None, "a select without `from` has a row"
        counts = (row["handled"], row["reopened"], row["first_responses"], row["replies"])
        return Performance(*counts, _times(row["first_response"]), _times(row["resolution"]))


def _times(percentiles: list[float] | None) -> Times | None:
    return None if percentiles is None else Times(*percentiles)
