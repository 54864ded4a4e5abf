"""Shifts as they are planned and kept: what is read of them."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
from pydantic import TypeAdapter

from database.pool import Pool
from domain.duty import PLAN_REACH, Duty, duty_of
from domain.ids import PersonId, ShiftId
from domain.shift import Break, Shift

_BREAKS = TypeAdapter(tuple[Break, ...])
SHIFT = """
s.id, s.agent_id, s.team, s.starts_at, s.ends_at, s.kind, s.status, s.started_at, s.ended_at,
coalesce((
    select jsonb_agg(jsonb_build_object('id', b.id, 'kind', b.kind, 'starts_at', b.starts_at, 'ends_at', b.ends_at,
        'started_at', b.started_at, 'ended_at', b.ended_at) order by b.starts_at, b.id)
    from shift_breaks b where b.shift_id = s.id and not b.is_cancelled), '[]') as breaks
"""
"""The columns that `shift_of` reads, of `shifts s`."""
_WITHIN = "(s.starts_at < $3 and s.ends_at > $2 or s.started_at < $3 and s.ended_at is null)"
_OF = f"""
select {SHIFT} from shifts s
where s.agent_id = any($1::uuid[]) and (s.status = 'published' or s.status = 'draft' and $4) and {_WITHIN}
order by s.starts_at, s.id
"""


class ShiftStore:
    """Reads shifts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, agent: PersonId, since: datetime, until: datetime, *, drafts: bool = False) -> list[Shift]:
        """An agent's published shifts that lie between two instants, also in part, earliest first; and one that was
        started before and has not been ended, whatever its plan says. Cancelled ones, and cancelled breaks, are left
        out; drafts too, unless they are asked for."""
        return [shift_of(row) for row in await self._pool.fetch(_OF, [agent], since, until, drafts)]

    async def coming(self, agents: Sequence[PersonId], since: datetime, until: datetime) -> dict[PersonId, list[Shift]]:
        """As `of`, for several agents at once; also of those who have none."""
        planned: dict[PersonId, list[Shift]] = {agent: [] for agent in agents}
        for row in await self._pool.fetch(_OF, list(agents), since, until, False):
            planned[PersonId(row["agent_id"])].append(shift_of(row))
        return planned

    async def duties(self, agents: Sequence[PersonId], now: datetime) -> dict[PersonId, Duty]:
        """How each of these agents stands to their shifts now; also of those who have none."""
        planned = await self.coming(agents, now - PLAN_REACH, now + PLAN_REACH)
        return {agent: duty_of(shifts, now) for agent, shifts in planned.items()}


def shift_of(row: asyncpg.Record) -> Shift:
    """The shift of a row with the columns of SHIFT."""
    return Shift(
        id=ShiftId(row["id"]),
        agent_id=PersonId(row["agent_id"]),
        team=row["team"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        kind=row["kind"],
        status=row["status"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        breaks=_BREAKS.validate_json(row["breaks"]),
    )
