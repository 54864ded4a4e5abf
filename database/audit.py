"""The audit trail in PostgreSQL: naming the author of a transaction, noting what is no row's change, reading, erasing.

Changes of rows are written by triggers (`migrations/versions/0008_audit.py`), which no code can forget.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from database.pool import PATIENT_SECONDS, Connection, Pool
from domain.audit import Author, ChainedEntry, ChainedPart, Head, PersonalPart
from domain.ids import PersonId

_NOTE = "select audit_write($1, $2, $3, null, $4::jsonb, $5::jsonb)"
_PAGE = """
select e.number, e.at, e.author_id, e.author_role, e.credential, e.action, e.subject_kind, e.subject_id,
    e.before, e.after, e.hash, cardinality(e.personal_hashes) as parts,
    (select jsonb_agg(jsonb_build_object('person_id', p.person_id, 'data', p.data) order by p.place)
        from audit_personal p where p.number = e.number) as personal
from audit_entries e
where ($1::bigint is null or e.number < $1)
    and ($2::uuid is null or e.author_id = $2)
    and ($3::text is null or e.subject_kind = $3)
    and ($4::text is null or e.subject_id = $4)
    and ($5::text is null or e.action = $5)
    and ($6::timestamptz is null or e.at >= $6)
    and ($7::timestamptz is null or e.at < $7)
    and ($8::text is null or position($8 in e.action) > 0)
order by e.number desc limit $9
"""
_CHAIN = """
select number, at, author_id, author_role, credential, action, subject_kind, subject_id,
    before::text, after::text, personal_hashes, previous_hash, hash
from audit_entries where number > $1 order by number limit $2
"""
_PARTS = """
select number, place, person_id, salt, data::text from audit_personal
where number > $1 and number <= $2 order by number, place
"""


class AuditFilter(NamedTuple):
    """What a page is narrowed to; None means all."""

    author: PersonId | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Up to, but without this moment."""
    q: str | None = None
    """A part of the action."""


class AuditEntry(NamedTuple):
    """An entry as it is read."""

    number: int
    at: datetime
    author_id: PersonId | None
    author_role: str | None
    credential: str | None
    action: str
    subject_kind: str
    subject_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    personal: tuple[PersonalPart, ...]
    erased: int
    """How many personal parts it had that are gone."""
    hash: bytes


@asynccontextmanager
async def authored(pool: Pool, author: Author) -> AsyncIterator[Connection]:
    """A connection in a transaction whose changes are this author's."""
    async with pool.acquire() as connection, connection.transaction():
        await name_author(connection, author)
        yield connection


async def name_author(connection: Connection, author: Author) -> None:
    """Say within the caller's transaction whose changes it makes: all of them, for entries are written at its end."""
    await connection.execute("select set_config('audit.author', $1, true)", json.dumps(author._asdict(), default=str))


class AuditStore:
    """The trail. Entries are added and read, never changed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(
        self,
        author: Author,
        action: str,
        subject_kind: str,
        subject_id: str | None = None,
        detail: dict[str, Any] | None = None,
        personal: Sequence[PersonalPart] = (),
    ) -> int:
        """Write down what is no change of an audited row (`sign_in.failed`), and return the entry's number.

        `detail` stays for ever: whatever could tell who somebody is belongs into `personal`, where it can be erased.
        """
        async with authored(self._pool, author) as connection:
            return await note(connection, action, subject_kind, subject_id, detail, personal)

    async def page(self, wanted: AuditFilter, limit: int, before: int | None = None) -> list[AuditEntry]:
        """The newest entries, of those with a number below `before` where that is given."""
        rows = await self._pool.fetch(_PAGE, before, *wanted, limit)
        return [_entry(row) for row in rows]

    async def erase(self, person: PersonId) -> int:
        """As `erase`, in a transaction of its own."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await erase(connection, person)

    async def forget_personal(self, before: datetime) -> int:
        """Delete the personal parts of entries from before a moment. Returns how many; the chain stays whole."""
        return _count(
            await self._pool.execute(
                "delete from audit_personal p using audit_entries e where e.number = p.number and e.at < $1",
                before,
                timeout=PATIENT_SECONDS,
            )
        )

    async def head(self) -> Head:
        """Where the chain ends, as its writers have it."""
        row = await self._pool.fetchrow("select number, hash from audit_head")
        if row is None:
            raise LookupError("the head of the audit trail is gone")
        return Head(row["number"], row["hash"])

    async def chain(self, after: int, limit: int) -> list[ChainedEntry]:
        """Entries behind a number, in order, as they were hashed."""
        rows = await self._pool.fetch(_CHAIN, after, limit, timeout=PATIENT_SECONDS)
        return [ChainedEntry(**{**row, "personal_hashes": tuple(row["personal_hashes"])}) for row in rows]

    async def parts(self, after: int, until: int) -> list[ChainedPart]:
        """The personal parts of entries behind a number, up to another one, as they were hashed."""
        rows = await self._pool.fetch(_PARTS, after, until, timeout=PATIENT_SECONDS)
        return [ChainedPart(*row.values()) for row in rows]


async def note(
    connection: Connection,
    action: str,
    subject_kind: str,
    subject_id: str | None = None,
    detail: dict[str, Any] | None = None,
    personal: Sequence[PersonalPart] = (),
) -> int:
    """As `AuditStore.note`, within the caller's transaction, which has named its author. Best its last statement: other
    writers wait from here on until it ends."""
    parts = [{"person_id": part.person, "data": part.data} for part in personal]
    number: int = await connection.fetchval(
        _NOTE,
        action,
        subject_kind,
        subject_id,
        None if detail is None else json.dumps(detail, default=str),
        json.dumps(parts, default=str),
    )
    return number


async def erase(connection: Connection, person: PersonId) -> int:
    """Delete all that entries know of a person but their id, within the caller's transaction. Returns how many parts;
    the chain stays whole.

    What this transaction changed of the person before is told by entries that are written now, and erased with the
    others. Best its last statement: other writers wait from here on until it ends.
    """
    await connection.execute("set constraints all immediate")
    return _count(await connection.execute("delete from audit_personal where person_id = $1", person))


def _entry(row: asyncpg.Record) -> AuditEntry:
    parts = [] if row["personal"] is None else json.loads(row["personal"])
    return AuditEntry(
        row["number"],
        row["at"],
        row["author_id"],
        row["author_role"],
        row["credential"],
        row["action"],
        row["subject_kind"],
        row["subject_id"],
        before=None if row["before"] is None else json.loads(row["before"]),
        after=None if row["after"] is None else json.loads(row["after"]),
        personal=tuple(PersonalPart(_person(part["person_id"]), part["data"]) for part in parts),
        erased=row["parts"] - len(parts),
        hash=row["hash"],
    )


def _person(id: str | None) -> PersonId | None:
    return None if id is None else PersonId(UUID(id))


def _count(answer: str) -> int:
    return int(answer.rsplit(" ", 1)[1])
