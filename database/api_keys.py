"""API keys: made, listed, taken over from, revoked. Only the digest of a secret is here.

Whatever changes what a key is good for rings the bell of its account: every process asks again, and open streams end.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from database.audit import authored
from database.idempotency import RequestKey, create_once
from database.people import tell_person_changed
from database.pool import Connection, Pool
from domain.api_key import MAX_KEYS, ApiKey
from domain.audit import Author
from domain.errors import KeyOverError, LimitReachedError, NotFoundError
from domain.ids import ApiKeyId, PersonId
from domain.permissions import Scope

LISTED_DAYS = 90
"""How long a key that is over is still listed."""
_SELECT = """
select id, person_id, name, scopes, created_by, created_at, expires_at, revoked_at, last_used_at, replaces from api_keys
"""
_INSERT = """
insert into api_keys (id, person_id, name, secret_hash, scopes, created_by, created_at, expires_at, replaces)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_GOOD = "revoked_at is null and expires_at > $2"
_NOTE_USES = """
with used as (
    select k.id, u.at from unnest($1::uuid[], $2::timestamptz[]) as u (id, at) join api_keys k on k.id = u.id
    for update of k skip locked
)
update api_keys k set last_used_at = greatest(k.last_used_at, used.at) from used where k.id = used.id
"""
"""Whoever holds the row's lock is writing down another use of the same minute."""


class KeyPlan(NamedTuple):
    """What a new key is to be."""

    name: str
    scopes: frozenset[Scope]
    expires_at: datetime


class ApiKeyRecord(NamedTuple):
    """A key as its owner sees it."""

    id: ApiKeyId
    person_id: PersonId
    name: str
    scopes: frozenset[Scope]
    created_by: PersonId | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute; None: never, as far as was written down."""
    replaces: ApiKeyId | None
    """The key that it takes over from."""

    def is_good(self, now: datetime) -> bool:
        return self.revoked_at is None and self.expires_at > now


class ApiKeyStore:
    """Keys in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, owner: PersonId) -> list[ApiKeyRecord]:
        """The account's keys, the newest first; without those that have long been over."""
        rows = await self._pool.fetch(
            f"{_SELECT} where person_id = $1 and coalesce(revoked_at, expires_at) > now() - make_interval(days => $2) "
            "order by created_at desc, id",
            owner,
            LISTED_DAYS,
        )
        return [_key_of(row) for row in rows]

    async def read(self, owner: PersonId, id: ApiKeyId) -> ApiKeyRecord:
        """Raises NotFoundError when the account has no such key."""
        return await _read(self._pool, owner, id)

    async def add(
        self, owner: PersonId, key: ApiKey, plan: KeyPlan, by: Author, now: datetime, request: RequestKey | None = None
    ) -> ApiKeyRecord:
        """Keep a new key. A repeat under the request's key adds none, and answers with the first one's record: its id
        is another one then than the given key's.

        Raises LimitReachedError.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            await _insert(connection, owner, key, plan, by, now)
            return {"id": str(key.id)}

        answer = await create_once(self._pool, request, create, by)
        return await self.read(owner, ApiKeyId(UUID(answer["id"])))

    async def take_over(
        self, owner: PersonId, old: ApiKeyId, key: ApiKey, old_until: datetime, by: Author, now: datetime
    ) -> tuple[ApiKeyRecord, ApiKeyRecord]:
        """Keep a new key with the old one's name, scopes and length of life; the old one is good until that moment, or
        its own end. Returns the new one and the old one.

        Raises NotFoundError, KeyOverError when the old one is not good any more, and LimitReachedError.
        """
        async with authored(self._pool, by) as connection:
            before = await _read(connection, owner, old, "for update")
            if not before.is_good(now):
                raise KeyOverError("This key is over already; make a new one.")
            plan = KeyPlan(before.name, before.scopes, now + (before.expires_at - before.created_at))
            await _insert(connection, owner, key, plan, by, now, replaces=old)
            await connection.execute(
                "update api_keys set expires_at = least(expires_at, $2) where id = $1", old, old_until
            )
            await tell_person_changed(connection, owner, by)
            return await _read(connection, owner, key.id), await _read(connection, owner, old)

    async def revoke(self, owner: PersonId, id: ApiKeyId, by: Author, now: datetime) -> None:
        """Let nobody sign in with it any more. Harmless to repeat. Raises NotFoundError."""
        async with authored(self._pool, by) as connection:
            await _read(connection, owner, id, "for update")
            await connection.execute("update api_keys set revoked_at = coalesce(revoked_at, $2) where id = $1", id, now)
            await tell_person_changed(connection, owner, by)

    async def note_uses(self, uses: Mapping[ApiKeyId, datetime]) -> None:
        """Write down when keys were used last. One statement, however many they are; it waits for nobody."""
        await self._pool.execute(_NOTE_USES, list(uses), list(uses.values()))


async def _read(connection: "Connection | Pool", owner: PersonId, id: ApiKeyId, lock: str = "") -> ApiKeyRecord:
    row = await connection.fetchrow(f"{_SELECT} where id = $1 and person_id = $2 {lock}", id, owner)
    if row is None:
        raise NotFoundError("There is no such key.")
    return _key_of(row)


async def _insert(
    connection: Connection,
    owner: PersonId,
    key: ApiKey,
    plan: KeyPlan,
    by: Author,
    now: datetime,
    replaces: ApiKeyId | None = None,
) -> None:
    await connection.execute("select from people where id = $1 for no key update", owner)  # one at a time counts
    held = await connection.fetchval(f"select count(*) from api_keys where person_id = $1 and {_GOOD}", owner, now)
    if held >= MAX_KEYS:
        raise LimitReachedError(f"An account may have {MAX_KEYS} keys; revoke one that is not needed.")
    await connection.execute(
        _INSERT, key.id, owner, plan.name, key.digest, sorted(plan.scopes), by.id, now, plan.expires_at, replaces
    )


def _key_of(row: asyncpg.Record) -> ApiKeyRecord:
    record = ApiKeyRecord._make(row)
    return record._replace(scopes=frozenset(map(Scope, record.scopes)))
