"""Identities: whose account opens for whom an identity provider names, and accounts made at the first sign-in."""

import logging
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import asyncpg

from database.audit import authored
from database.people import DEFAULT_TIER, PERSON, PersonRecord, change_person, lock_agent, person_of
from database.pool import Connection, Pool
from domain.access import Reader
from domain.audit import Author
from domain.email_address import email_key
from domain.errors import AddressNotTrustedError
from domain.identity import Account, Current, Identity, Rights, changed_rights, decide_account
from domain.ids import PersonId
from domain.people import Role

log = logging.getLogger(__name__)

_KNOWN = f"""
select {PERSON} from identities i join people p on p.id = i.person_id where i.provider = $1 and i.subject = $2
"""
_BY_ADDRESS = f"select {PERSON} from people p where p.email_key = $1"
_BY_ID = f"select {PERSON} from people p where p.id = $1"
_SEEN = """
insert into identities (provider, subject, person_id, email, created_at, last_seen_at) values ($1, $2, $3, $4, $5, $5)
on conflict (provider, subject) do update set email = excluded.email, last_seen_at = excluded.last_seen_at
"""


class IdentityEntry(NamedTuple):
    """Somebody who came in by an identity."""

    person: PersonRecord
    left_desk_as: Reader | None
    """Who they were before, when the claims have just made them a requester: their tickets are to be returned."""


class IdentityStore:
    """Identities in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def enter(
        self, provider: str, identity: Identity, rights: Rights, default_role: Role, now: datetime
    ) -> IdentityEntry:
        """Find, link or make the account of an identity, and give it the rights of the claims. Harmless to repeat.

        Raises what `decide_account` does; then nothing has changed.
        """
        try:
            async with authored(self._pool, Author(credential=f"provider:{provider}")) as connection:
                return await self._enter(connection, provider, identity, rights, default_role, now)
        except asyncpg.UniqueViolationError as error:  # somebody took the address at the same moment
            raise AddressNotTrustedError("Somebody has just made an account with this e-mail address.") from error

    async def _enter(
        self,
        connection: Connection,
        provider: str,
        identity: Identity,
        rights: Rights,
        default_role: Role,
        now: datetime,
    ) -> IdentityEntry:
        # Two first sign-ins of the same identity at the same moment: the second one waits, and finds the account.
        await connection.execute(
            "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"{provider}\n{identity.subject}"
        )
        known = await _person(connection, _KNOWN, provider, identity.subject)
        same_address = (
            None if identity.email is None else await _person(connection, _BY_ADDRESS, email_key(identity.email))
        )
        id = decide_account(identity, _account(known), _account(same_address))
        if id is None:
            id = await _make(connection, identity, rights.role or default_role, now)
        left_desk_as = await _give(connection, id, await _existing(connection, rights))
        await connection.execute(_SEEN, provider, identity.subject, id, identity.email, now)
        person = await _person(connection, _BY_ID, id)
        assert person is not None
        return IdentityEntry(person, left_desk_as)


async def _make(connection: Connection, identity: Identity, role: Role, now: datetime) -> PersonId:
    """An account without a password."""
    person = PersonId(uuid4())
    await connection.execute(
        "insert into people (id, email, name, role, password_hash, tier, email_verified_at) "
        "values ($1, $2, $3, $4, null, $5, $6)",
        person,
        identity.email,
        identity.name or identity.email,
        role,
        DEFAULT_TIER,
        now if identity.is_email_proven else None,
    )
    return person


async def _give(connection: Connection, id: PersonId, rights: Rights) -> Reader | None:
    """Change what the claims change. It is written down as the person's own doing: their sign-in brought it."""
    await lock_agent(connection, id)
    person = await _person(connection, _BY_ID, id)
    assert person is not None
    changed = changed_rights(Current(person.role, person.teams, person.organisation), rights)
    if changed.organisation is not None:
        await connection.execute("update people set organisation = $2 where id = $1", id, changed.organisation)
    if changed == Rights(None, None, None):
        return None
    await change_person(
        connection, id, Author(id, person.role), role=changed.role, teams=changed.teams, leaves_tickets=True
    )
    return person.reader if changed.role is Role.REQUESTER else None


async def _existing(connection: Connection, rights: Rights) -> Rights:
    """The rights without the teams and organisations that the mapping names and nobody made: they lock nobody out."""
    teams, organisation = rights.teams, rights.organisation
    if teams:
        rows = await connection.fetch("select slug from teams where slug = any($1) order by slug", list(teams))
        teams = tuple(row["slug"] for row in rows)
        for missing in set(rights.teams or ()) - set(teams):
            log.warning("the claims are mapped to team %s, which does not exist", missing)
    if organisation is not None and not await connection.fetchval(
        "select true from organisations where slug = $1", organisation
    ):
        log.warning("the claims are mapped to organisation %s, which does not exist", organisation)
        organisation = None
    return Rights(rights.role, teams, organisation)


async def _person(connection: Connection, statement: str, *arguments: object) -> PersonRecord | None:
    row = await connection.fetchrow(statement, *arguments)
    return None if row is None else person_of(row)


def _account(person: PersonRecord | None) -> Account | None:
    if person is None:
        return None
    return Account(person.id, person.is_active, person.kind, person.email_verified_at is not None)
