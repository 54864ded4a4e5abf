"""Which agents' apps are connected: how many streams each API process holds open for whom.

A row is as good as its last refresh. A process that was killed leaves rows that grow stale; one that lets a stream go
writes 0, and until that has settled a client that only reconnects is not gone.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from database.pool import Pool
from domain.ids import PersonId

REFRESH_SECONDS = 10.0
"""How often a process says that its streams are still there."""
STALE_SECONDS = 25.0
"""After two refreshes that did not come a process is taken for dead."""
KEPT_HOURS = 24

_KEEP = """
insert into agent_connections (person_id, process_id, streams, seen_at)
select p.id, $1, held.streams, now()
from unnest($2::uuid[], $3::int[]) as held (person_id, streams) join people p on p.id = held.person_id
on conflict (person_id, process_id) do update set streams = excluded.streams, seen_at = excluded.seen_at
"""
_DIFFERING = """
with held as (
    select person_id, max(seen_at) as seen_at,
        bool_or(streams > 0 and seen_at > now() - make_interval(secs => $1)) as is_open,
        bool_or(streams = 0 and seen_at > now() - make_interval(secs => $2)) as is_settling
    from agent_connections group by person_id
)
select a.person_id, coalesce(h.is_open, false) as is_open, h.seen_at
from agents a left join held h on h.person_id = a.person_id
where case when coalesce((a.life -> 'state' ->> 'is_connected')::boolean, false)
    then not coalesce(h.is_open or h.is_settling, false)
    else coalesce(h.is_open, false) end
order by a.person_id
"""


class Connection(NamedTuple):
    """Whether any stream of an agent's is open, and when one was seen last."""

    agent: PersonId
    is_open: bool
    seen_at: datetime | None


class AgentConnectionStore:
    """The connections of all API processes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, process: UUID, streams: Mapping[PersonId, int]) -> None:
        """Say how many streams of these people the process holds now. One statement, however many they are."""
        await self._pool.execute(_KEEP, process, list(streams), list(streams.values()))

    async def differing(self, settle_seconds: float) -> list[Connection]:
        """The agents whose recorded life does not say what their connections do. A stream that was closed less than
        `settle_seconds` ago still counts."""
        rows = await self._pool.fetch(_DIFFERING, STALE_SECONDS, settle_seconds)
        return [Connection(PersonId(row["person_id"]), row["is_open"], row["seen_at"]) for row in rows]

    async def forget_old(self) -> None:
        """Remove what processes that are long gone have left."""
        await self._pool.execute(
            "delete from agent_connections where seen_at < now() - make_interval(hours => $1)", KEPT_HOURS
        )
