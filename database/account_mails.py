"""Mails about accounts: asked for in the transaction of what they tell, then sent by the workflow that the relay
starts."""

from datetime import timedelta

from database.bell import MAIL_BELL
from database.pool import Connection, Pool
from domain.account_mail import AccountMailKind, AccountMailRequest
from domain.ids import AccountMailId, PersonId

CLAIM = timedelta(seconds=10)
"""How long a claimed mail is left alone before somebody else may start its workflow."""
LOOK_AGAIN = timedelta(hours=1)
"""After how long a started mail that is neither sent nor failed is started again: harmless while its workflow runs,
and what heals an engine that lost its store."""


async def ask_for_mail(connection: Connection, person: PersonId, kind: AccountMailKind) -> AccountMailId:
    """Ask within the caller's transaction for a mail to the person's address: it is sent if and only if the
    transaction is committed."""
    id = await connection.fetchval(
        "insert into account_mails (person_id, kind) values ($1, $2) returning id", person, kind
    )
    await connection.execute(f"select pg_notify('{MAIL_BELL}', '')")
    return AccountMailId(id)


class AccountMailStore:
    """The outbox of mails about accounts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, limit: int) -> list[AccountMailId]:
        """Take up to `limit` mails whose workflow is to be started, oldest first. A claim lapses by itself."""
        rows = await self._pool.fetch(
            "with waiting as materialized (select id from account_mails where sent_at is null and failed_at is null "
            "and next_at <= now() order by next_at limit $1 for update skip locked) "
            "update account_mails m set next_at = now() + $2::interval from waiting where m.id = waiting.id "
            "returning m.id",
            limit,
            CLAIM,
        )
        return [AccountMailId(row["id"]) for row in rows]

    async def mark_started(self, mails: list[AccountMailId]) -> None:
        """Their workflows run."""
        await self._pool.execute(
            "update account_mails set started_at = coalesce(started_at, now()), next_at = now() + $2::interval "
            "where id = any($1::uuid[])",
            mails,
            LOOK_AGAIN,
        )

    async def release(self, mails: list[AccountMailId]) -> None:
        """Give claims back after the engine did not answer."""
        await self._pool.execute("update account_mails set next_at = now() where id = any($1::uuid[])", mails)

    async def read_unsent(self, mail: AccountMailId) -> AccountMailRequest | None:
        """The mail, if it is still to be sent."""
        row = await self._pool.fetchrow(
            "select m.id, m.kind, m.requested_at, p.id as person, p.email, p.credential_version "
            "from account_mails m join people p on p.id = m.person_id "
            "where m.id = $1 and m.sent_at is null and m.failed_at is null",
            mail,
        )
        if row is None:
            return None
        id, kind, *rest = row
        return AccountMailRequest(id, AccountMailKind(kind), *rest)

    async def mark_sent(self, mail: AccountMailId) -> None:
        """Repeating it changes nothing."""
        await self._pool.execute(
            "update account_mails set sent_at = now() where id = $1 and sent_at is null and failed_at is null", mail
        )

    async def mark_failed(self, mail: AccountMailId, failure: str) -> None:
        """Repeating it changes nothing. The failure is a code, for an error's text may name somebody."""
        await self._pool.execute(
            "update account_mails set failed_at = now(), failure = $2 "
            "where id = $1 and sent_at is null and failed_at is null",
            mail,
            failure,
        )
