"""Addresses of calendar feeds: who knows one may read one agent's shifts. Only a digest of it is stored."""

import hashlib
import secrets
from datetime import datetime

from database.agent_rows import IS_DESK
from database.pool import Pool
from database.shifts import RECORD, ShiftRecord, record_of
from domain.ids import PersonId

_FEED = f"""
select {RECORD} from shifts s join people p on p.id = s.agent_id
where s.agent_id = $1 and s.published_at is not null and s.status <> 'draft' and s.ends_at > $2 and s.starts_at < $3
order by s.starts_at, s.id
"""


class ShiftFeedStore:
    """Each agent has one address at a time, or none."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def make(self, person: PersonId) -> str:
        """A new secret token; the former one is good for nothing from now on."""
        token = secrets.token_urlsafe(32)
        await self._pool.execute(
            "insert into shift_feeds (person_id, token_hash) values ($1, $2) "
            "on conflict (person_id) do update set token_hash = excluded.token_hash, made_at = now()",
            person,
            _digest(token),
        )
        return token

    async def revoke(self, person: PersonId) -> None:
        """Harmless when there is none."""
        await self._pool.execute("delete from shift_feeds where person_id = $1", person)

    async def owner(self, token: str) -> tuple[PersonId, str] | None:
        """Whose feed this token opens, and their name; None when it opens none, or theirs is no account of the desk
        any more."""
        row = await self._pool.fetchrow(
            "select p.id, p.name from shift_feeds f join people p on p.id = f.person_id "
            f"where f.token_hash = $1 and p.is_active and {IS_DESK}",
            _digest(token),
        )
        return None if row is None else (PersonId(row["id"]), row["name"])

    async def shifts(self, agent: PersonId, since: datetime, until: datetime) -> list[ShiftRecord]:
        """What was ever published to the agent in this time, also what was cancelled since."""
        return [record_of(row) for row in await self._pool.fetch(_FEED, agent, since, until)]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
