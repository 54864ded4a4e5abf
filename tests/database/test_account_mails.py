"""Mails about accounts wait in the outbox of the transaction that asked for them."""

import asyncio
import uuid

import asyncpg

from database.account_mails import AccountMailStore, ask_for_mail
from database.bell import MAIL_BELL
from database.pool import Pool
from domain.account_mail import AccountMailKind
from domain.ids import AccountMailId
from tests.factories import REQUESTER

VERIFY = AccountMailKind.VERIFY_EMAIL


async def asked(pool: Pool, kind: AccountMailKind = VERIFY) -> AccountMailId:
    async with pool.acquire() as connection, connection.transaction():
        return await ask_for_mail(connection, REQUESTER, kind)


async def test_a_mail_is_claimed_by_one_relay_and_again_when_its_claim_has_lapsed(pool: Pool) -> None:
    mails = AccountMailStore(pool)
    mail = await asked(pool)
    assert sorted(await asyncio.gather(mails.claim(9), mails.claim(9))) == [[], [mail]]
    await pool.execute("update account_mails set next_at = next_at - interval '10 seconds'")
    assert await mails.claim(9) == [mail]


async def test_a_released_claim_is_free_at_once(pool: Pool) -> None:
    mails = AccountMailStore(pool)
    mail = await asked(pool)
    await mails.release(await mails.claim(9))
    assert await mails.claim(9) == [mail]


async def test_a_started_mail_that_nobody_finished_is_started_again_an_hour_later(pool: Pool) -> None:
    mails = AccountMailStore(pool)
    mail = await asked(pool)
    await mails.mark_started(await mails.claim(9))
    await pool.execute("update account_mails set next_at = next_at - interval '59 minutes'")
    assert await mails.claim(9) == []
    await pool.execute("update account_mails set next_at = next_at - interval '1 minute'")
    assert await mails.claim(9) == [mail]


async def test_every_kind_is_stored_and_read_with_the_account_as_it_stands(pool: Pool) -> None:
    mails = AccountMailStore(pool)
    await pool.execute("update people set credential_version = 3 where id = $1", REQUESTER)
    for kind in AccountMailKind:
        request = await mails.read_unsent(await asked(pool, kind))
        assert request is not None
        assert (request.kind, request.person, request.credential_version) == (kind, REQUESTER, 3)
        assert request.email == await pool.fetchval("select email from people where id = $1", REQUESTER)


async def test_a_mail_is_sent_or_failed_once_and_for_all(pool: Pool) -> None:
    mails = AccountMailStore(pool)
    sent, failed = await asked(pool), await asked(pool)
    await mails.mark_sent(sent)
    await mails.mark_failed(sent, "mail_refused")
    await mails.mark_failed(failed, "mail_refused")
    await mails.mark_sent(failed)
    rows = await pool.fetch("select id, sent_at is not null as is_sent, failure from account_mails")
    assert {tuple(row) for row in rows} == {(sent, True, None), (failed, False, "mail_refused")}
    assert await mails.read_unsent(sent) is None
    assert await mails.read_unsent(failed) is None
    assert await mails.claim(9) == []


async def test_an_unknown_mail_is_none(pool: Pool) -> None:
    assert await AccountMailStore(pool).read_unsent(AccountMailId(uuid.uuid4())) is None


async def test_the_bell_rings_when_the_transaction_is_committed_and_a_rolled_back_one_asks_for_nothing(
    pool: Pool, desk_dsn: str
) -> None:
    listener = await asyncpg.connect(desk_dsn)
    heard = asyncio.Event()
    await listener.add_listener(MAIL_BELL, lambda *_: heard.set())
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await ask_for_mail(connection, REQUESTER, VERIFY)
        await transaction.rollback()
    assert await AccountMailStore(pool).claim(9) == []
    assert not heard.is_set()
    await asked(pool)
    await asyncio.wait_for(heard.wait(), 5)
    await listener.close()
