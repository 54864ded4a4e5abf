"""What people do to their own accounts: register, confirm an address, set another password.

Each is one transaction with the mail about it and, where somebody is signed out, with what tells every process so. One
function stands for each happening.
"""

from typing import Any
from uuid import UUID

import asyncpg

from database.account_mails import ask_for_mail
from database.audit import authored, name_author
from database.idempotency import RequestKey, create_once
from database.people import insert_person
from database.pool import Connection, Pool
from database.sessions import revoke_sessions, tell_account_changed
from domain.account_mail import AccountMailKind, LinkPurpose, SignedLink, check_mark
from domain.audit import Author
from domain.email_address import email_domain, email_key
from domain.errors import LinkInvalidError
from domain.ids import PersonId
from domain.people import Role

PASSWORD_CHANGED, PASSWORD_RESET = "password_changed", "password_reset"
_LOCK = "select id, email, credential_version, is_active, email_verified_at from people where id = $1 for no key update"


class AccountStore:
    """Accounts in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def register(
        self, email: str, name: str, password_hash: str, key: RequestKey | None, *, may_replace: bool, may_send: bool
    ) -> None:
        """Make a requester's account, or tell the owner of a known one by mail; the caller learns nothing of it.

        A registration that nobody confirmed is replaced by the next one if that may be, and the links of the first are
        worth nothing then: else a stranger could register first, with a password of their own, and wait for the owner
        to confirm it. Unless a mail may be sent, nothing becomes of a registration with a known address.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            known = await connection.fetchrow(
                "select id, email_verified_at, kind from people where email_key = $1 for no key update",
                email_key(email),
            )
            if known is None:
                person = await insert_person(
                    connection, email, name, Role.REQUESTER, password_hash, (), is_verified=False
                )
                await ask_for_mail(connection, person, AccountMailKind.VERIFY_EMAIL)
            elif may_send and may_replace and known["email_verified_at"] is None and known["kind"] == "person":
                await _register_anew(connection, PersonId(known["id"]), name, password_hash)
            elif may_send:
                await ask_for_mail(connection, PersonId(known["id"]), AccountMailKind.ALREADY_REGISTERED)
            return {}

        try:
            await create_once(self._pool, key, create, Author(credential="registration"))
        except asyncpg.UniqueViolationError:  # somebody registered the address in this moment: now it is known
            await create_once(self._pool, key, create, Author(credential="registration"))

    async def ask_for_reset(self, email: str) -> None:
        """Have a link sent by which a new password is set, if somebody has this address."""
        await self._ask(email, AccountMailKind.RESET_PASSWORD, "is_active and kind = 'person'")

    async def ask_for_verification(self, email: str) -> None:
        """Have the link of a registration sent once more, if one waits for it."""
        await self._ask(email, AccountMailKind.VERIFY_EMAIL, "is_active and email_verified_at is null")

    async def _ask(self, email: str, kind: AccountMailKind, condition: str) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            person = await connection.fetchval(
                f"select id from people where email_key = $1 and {condition}", email_key(email)
            )
            if person is not None:
                await ask_for_mail(connection, PersonId(person), kind)

    async def verify_email(self, link: SignedLink) -> PersonId:
        """Their address is theirs. Repeating it changes nothing. Raises LinkInvalidError."""
        async with self._pool.acquire() as connection, connection.transaction():
            account = await _locked(connection, link, LinkPurpose.VERIFY_EMAIL)
            await _take_as_verified(connection, account)
        return PersonId(account["id"])

    async def reset_password(self, link: SignedLink, password_hash: str) -> PersonId:
        """Set the password by the link of a mail, end all sessions, and take the address as verified: whoever has the
        link reads its mail. Raises LinkInvalidError, also for a link that was used."""
        async with self._pool.acquire() as connection, connection.transaction():
            account = await _locked(connection, link, LinkPurpose.RESET_PASSWORD)
            await _take_as_verified(connection, account)
            await _set_password(connection, PersonId(account["id"]), password_hash)
            await revoke_sessions(connection, PersonId(account["id"]), PASSWORD_RESET)
        return PersonId(account["id"])

    async def email_of(self, link: SignedLink, purpose: LinkPurpose) -> str:
        """The address of the account that a link opens. Raises LinkInvalidError."""
        async with self._pool.acquire() as connection, connection.transaction():
            email: str = (await _locked(connection, link, purpose))["email"]
        return email

    async def change_password(
        self, person: PersonId, password_hash: str, but: UUID | None, by: Author | None = None
    ) -> None:
        """Set the password, and end all sessions but the one in which that is done."""
        async with authored(self._pool, by or Author(person)) as connection:
            await _set_password(connection, person, password_hash)
            await revoke_sessions(connection, person, PASSWORD_CHANGED, but=but)


async def _locked(connection: Connection, link: SignedLink, purpose: LinkPurpose) -> asyncpg.Record:
    await name_author(connection, Author(link.person, credential="mail-link"))
    account = await connection.fetchrow(_LOCK, link.person)
    if account is None or not account["is_active"]:
        raise LinkInvalidError("There is no such account any more.")
    check_mark(link, purpose, account["email"], account["credential_version"])
    return account


async def _register_anew(connection: Connection, person: PersonId, name: str, password_hash: str) -> None:
    await connection.execute(
        "update people set name = $2, password_hash = $3, credential_version = credential_version + 1, "
        "updated_at = now() where id = $1",
        person,
        name,
        password_hash,
    )
    await ask_for_mail(connection, person, AccountMailKind.VERIFY_EMAIL)


async def _set_password(connection: Connection, person: PersonId, password_hash: str) -> None:
    await connection.execute(
        "update people set password_hash = $2, credential_version = credential_version + 1, updated_at = now() "
        "where id = $1",
        person,
        password_hash,
    )
    await ask_for_mail(connection, person, AccountMailKind.PASSWORD_CHANGED)


async def _take_as_verified(connection: Connection, account: asyncpg.Record) -> None:
    """The address is its owner's, and so is the place in the organisation whose domain it has."""
    if account["email_verified_at"] is not None:
        return
    await connection.execute(
        "update people set email_verified_at = now(), updated_at = now(), organisation = coalesce(organisation, "
        "(select slug from organisations where domains @> array[$2::text] order by slug limit 1)) where id = $1",
        account["id"],
        email_domain(account["email"]),
    )
    await tell_account_changed(connection, PersonId(account["id"]))
