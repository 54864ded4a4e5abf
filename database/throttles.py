"""How often somebody tried, counted for all processes together."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from database.pool import Connection, Pool
from domain.throttle import Counted, Tally, after_attempt, longest_wait

_LOCK_OR_MAKE = """
insert into throttles (bucket, count, last_at) select unnest($1::bytea[]), 0, $2
on conflict (bucket) do update set bucket = excluded.bucket returning bucket, count, last_at, blocked_until
"""
"""SQL: locks tallies in the order in which they are named, and makes those that are missing."""
_LOCK = "select from throttles where bucket = any($1::bytea[]) order by bucket for update"


class ThrottleStore:
    """The tallies of `domain.throttle` in PostgreSQL. They survive a restart, and name nobody."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self, counted: Sequence[Counted], now: datetime) -> timedelta:
        """Count an attempt, and return zero; or count nothing, and return how long to wait first.

        Two at once come one after the other: the tallies are locked, always in the same order.
        """
        buckets = sorted((_bucket(one), one) for one in counted)
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_LOCK_OR_MAKE, [bucket for bucket, _ in buckets], now)
            tallies = {row["bucket"]: Tally(*list(row.values())[1:]) for row in rows}
            wait = longest_wait(tallies.values(), now)
            if not wait:
                for bucket, one in buckets:
                    await _write(connection, bucket, after_attempt(tallies[bucket], one.limit, now))
        return wait

    async def forgive(self, counted: Sequence[Counted], at: datetime) -> None:
        """Take an attempt of that moment back, for it succeeded. What is counted for an account begins anew; of an
        address one try is taken back, or whoever has one account of their own could guess at others without end."""
        own = [_bucket(one) for one in counted if one.names[1] != "address"]
        shared = [_bucket(one) for one in counted if one.names[1] == "address"]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK, own + shared)
            # Not deleted: of rows that come and go, no order of locks keeps two from waiting for each other.
            await connection.execute(
                "update throttles set count = 0, blocked_until = null where bucket = any($1::bytea[])", own
            )
            await connection.execute(
                "update throttles set count = greatest(count - 1, 0), "
                "blocked_until = case when last_at = $2 then null else blocked_until end "
                "where bucket = any($1::bytea[])",
                shared,
                at,
            )


async def _write(connection: Connection, bucket: bytes, tally: Tally) -> None:
    await connection.execute(
        "update throttles set count = $2, last_at = $3, blocked_until = $4 where bucket = $1", bucket, *tally
    )


def _bucket(one: Counted) -> bytes:
    return hashlib.sha256("\0".join(one.names).encode()).digest()
