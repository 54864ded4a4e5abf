"""What signing in leaves behind, and when nobody needs it any more. Whatever keeps retention calls it now and then."""

from datetime import datetime, timedelta
from typing import NamedTuple

from database.pool import Pool

TALLIES = timedelta(days=2)
"""Older than any limit remembers."""
SESSIONS = timedelta(days=90)
"""How long an ended session says that its owner signed in from there."""
_STATEMENTS = (
    "delete from throttles where last_at < $1",
    "delete from refresh_tokens where expires_at < $1",
    "delete from sessions where least(expires_at, coalesce(revoked_at, expires_at)) < $1",
)


class Forgotten(NamedTuple):
    """How many rows went."""

    tallies: int
    refresh_tokens: int
    sessions: int


async def forget_leftovers(pool: Pool, now: datetime) -> Forgotten:
    """Delete tallies that no limit remembers, refresh tokens that have ended, and sessions that ended long ago. It is
    harmless at any time."""
    moments = (now - TALLIES, now, now - SESSIONS)
    answers = [await pool.execute(sql, moment) for sql, moment in zip(_STATEMENTS, moments, strict=True)]
    return Forgotten(*(int(answer.split()[-1]) for answer in answers))
