"""Connections to PostgreSQL."""

from typing import TypeAlias

import asyncpg

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]"

STATEMENT_SECONDS = 5
PATIENT_SECONDS = 120
"""For statements that look at all tickets."""

UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server said goodbye while the connection lay idle in the pool
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
"""What a database that is down, restarting or full raises: worth a retry, and 503 for a caller."""


async def _leave_no_transaction(connection: Connection) -> None:
    """All that a connection may carry to its next user is an open transaction: we set nothing and listen elsewhere.

    asyncpg's own reset asks the server each time, which doubles the round trips of a short query.
    """
    if connection.is_in_transaction():
        await connection.execute("rollback")


async def open_pool(dsn: str, size: int) -> Pool:
    """A pool that also opens while the database is down; each use then raises one of UNAVAILABLE until it is back.

    A statement that takes longer than five seconds is given up with TimeoutError, so that a database that hangs is
    found out; the few that may take longer say so.
    """
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        timeout=5,
        command_timeout=STATEMENT_SECONDS,
        max_inactive_connection_lifetime=300,
        reset=_leave_no_transaction,
        server_settings={"idle_in_transaction_session_timeout": "5000", "jit": "off"},
    )
