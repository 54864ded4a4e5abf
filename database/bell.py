"""Hears NOTIFY on one direct connection. A bell says only "look again" and where; who hears it reads the tables."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

import asyncpg

from database.pool import UNAVAILABLE

BELL = "tickets_changed"
"""The channel that says "look again"; it carries nothing."""
START_BELL = "start_requested"
"""The channel that says "a workflow is to be started"."""
DISPATCH_BELL = "dispatch_asked"
"""The channel that says "a team's dispatcher is to look again"; it carries the team."""
ACCESS_BELL = "access_changed"
"""The channel that says "somebody's rights, or what they sign in with, changed"; it carries the person's id."""
MAIL_BELL = "account_mail_asked"
"""The channel that says "a mail about an account is to be sent"; it carries nothing."""
NOTICE_BELL = "notifications_written"
"""The channel that says "somebody was told of something"; it carries nothing. The database itself rings it."""
WEBHOOK_BELL = "webhook_called"
"""The channel that says "something waits to be sent to a webhook"; it carries the webhook's id."""
REPORT_MAIL_BELL = "report_mail_changed"
"""The channel that says "a mailed report changed, or is to be sent now"; it carries its id."""
REPORT_BELL = "facts_folded"
"""The channel that says "facts and spans have gone on"; it carries nothing."""
CALL_DISPATCHERS = f"""
(select count(pg_notify('{DISPATCH_BELL}', team)) from team_members where person_id = $1)
"""
"""SQL: calls the dispatchers of all teams of the person that is the statement's first value."""
RETRY_SECONDS = 1.0
log = logging.getLogger(__name__)


class Bell:
    """Listens for as long as `run` runs, and reconnects when the connection is lost.

    A callback gets what the bell carries. After every (re)connect all are called once with nothing, for what rang
    meanwhile.
    """

    def __init__(self, dsn: str, callbacks: Mapping[str, Callable[[str], None]]) -> None:
        self._dsn = dsn
        self._callbacks = callbacks
        self.is_connected = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._listen()
            except UNAVAILABLE as error:
                log.warning("the bell is silent, reconnecting: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            for channel, callback in self._callbacks.items():
                await connection.add_listener(channel, lambda *heard, ring=callback: ring(heard[-1]))
            self.is_connected = True
            for callback in self._callbacks.values():
                callback("")
            await lost.wait()
        finally:
            self.is_connected = False
            with contextlib.suppress(*UNAVAILABLE):  # of whoever is cancelled, the cancellation is what is to be heard
                await connection.close(timeout=1)
