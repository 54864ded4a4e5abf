"""The attachment store: files of tickets with their content, in the same database and the same backup as the tickets.

A file is stored first, untied. The change that attaches it ties it in its own transaction, and the one that removes it
deletes the row: so no file is seen that the timeline does not tell of, and none stays that was taken away.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NamedTuple

from database.pool import PATIENT_SECONDS, Connection, Pool
from domain.attachment import MAX_ATTACHMENTS
from domain.errors import AttachmentNotFoundError, LimitReachedError
from domain.ids import AttachmentId, PersonId, TicketNumber
from domain.ticket_events import AttachmentAdded, AttachmentRemoved, TicketChange

CHUNK_BYTES = 262_144
"""How much of a content is read at a time: whoever downloads slowly holds that much memory and no connection."""


class NewAttachment(NamedTuple):
    """A file that was sent and is fit to be kept; `sha256` is of its content."""

    id: AttachmentId
    number: TicketNumber
    author: PersonId
    name: str
    media_type: str
    sha256: bytes
    internal: bool
    content: bytes


class AttachmentRecord(NamedTuple):
    """An attached file without its content; `revision` is that of the event which attached it."""

    id: AttachmentId
    number: TicketNumber
    revision: int
    author_id: PersonId
    author_name: str
    name: str
    media_type: str
    size_bytes: int
    sha256: bytes
    internal: bool
    added_at: datetime


_STORE = """
insert into attachments (id, ticket_number, author_id, name, media_type, size_bytes, sha256, internal, content)
select $1, $2, $3, $4, $5, length($8::bytea), $6, $7, $8
where (select count(*) from attachments where ticket_number = $2 and id <> $1) < $9
on conflict (id) do nothing
"""
_COLUMNS = """
select a.id, a.ticket_number, a.revision, a.author_id, p.name as author_name, a.name, a.media_type, a.size_bytes,
    a.sha256, a.internal, a.added_at
from attachments a join people p on p.id = a.author_id
"""
_RECORD = f"{_COLUMNS} where a.ticket_number = $1 and a.revision is not null"


class AttachmentStore:
    """Attachments in PostgreSQL."""

    def __init__(self, pool: Pool, limit: int = MAX_ATTACHMENTS) -> None:
        self._pool = pool
        self._limit = limit

    async def store(self, new: NewAttachment) -> None:
        """Store a file before the command that attaches it. Harmless to repeat: an id is stored once.

        Raises LimitReachedError when the ticket has as many as it may have; those that were never attached count until
        they are deleted.
        """
        done: str = await self._pool.execute(_STORE, *new, self._limit, timeout=PATIENT_SECONDS)
        if _count(done) == 0 and not await self._pool.fetchval(
            "select exists (select from attachments where id = $1)", new.id
        ):
            raise LimitReachedError(f"Ticket {new.number} has {self._limit} attachments already.")

    async def drop_untied(self, id: AttachmentId) -> None:
        """Delete a file whose command was refused."""
        await self._pool.execute("delete from attachments where id = $1 and revision is null", id)

    async def delete_untied(self, older_than: timedelta) -> int:
        """Delete files that no command attached within this time. Returns how many.

        A command that was answered with 202 may still come to attach its file: give it a day.
        """
        done: str = await self._pool.execute(
            "delete from attachments where revision is null and created_at < now() - $1::interval",
            older_than,
            timeout=PATIENT_SECONDS,
        )
        return _count(done)

    async def of_ticket(self, number: TicketNumber, with_internal: bool) -> list[AttachmentRecord]:
        """A ticket's attachments, oldest first; internal ones only for those who may see them."""
        rows = await self._pool.fetch(
            f"{_RECORD} and (not a.internal or $2) order by a.revision, a.id", number, with_internal
        )
        return [AttachmentRecord(*row.values()) for row in rows]

    async def read(self, number: TicketNumber, id: AttachmentId) -> AttachmentRecord | None:
        """One attachment of the ticket."""
        row = await self._pool.fetchrow(f"{_RECORD} and a.id = $2", number, id)
        return None if row is None else AttachmentRecord(*row.values())

    async def of_author(self, person: PersonId) -> list[AttachmentRecord]:
        """All that somebody attached, oldest first."""
        rows = await self._pool.fetch(
            f"{_COLUMNS} where a.author_id = $1 and a.revision is not null order by a.added_at, a.id", person
        )
        return [AttachmentRecord(*row.values()) for row in rows]

    async def content(self, found: AttachmentRecord) -> AsyncIterator[bytes]:
        """The content, piece by piece. Raises AttachmentNotFoundError when it is removed meanwhile."""
        for start in range(1, found.size_bytes + 1, CHUNK_BYTES):
            piece: bytes | None = await self._pool.fetchval(
                "select substring(content from $2 for $3) from attachments where id = $1", found.id, start, CHUNK_BYTES
            )
            if piece is None:
                raise AttachmentNotFoundError(f"Attachment {found.id} was removed.")
            yield piece


async def settle_attachments(connection: Connection, change: TicketChange) -> None:
    """Tie the files that the change attaches, and delete those that it removes, in the change's own transaction.

    Raises AttachmentNotFoundError when it names a file that is not there for this, or is on the other side: an internal
    file that was attached publicly would be shown to everybody. Raises LimitReachedError when many who sent at once
    would leave the ticket with more than it may have.
    """
    for revision, event in enumerate(change.events, start=change.first_revision):
        if isinstance(event, AttachmentAdded):
            done: str = await connection.execute(
                "update attachments set revision = $4, added_at = $5 "
                "where id = $1 and ticket_number = $2 and internal = $3 and revision is null",
                event.attachment_id,
                change.number,
                event.internal,
                revision,
                change.at,
            )
        elif isinstance(event, AttachmentRemoved):
            done = await connection.execute(
                "delete from attachments where id = $1 and ticket_number = $2 and internal = $3 "
                "and revision is not null",
                event.attachment_id,
                change.number,
                event.internal,
            )
        else:
            continue
        if _count(done) == 0:
            raise AttachmentNotFoundError(f"Ticket {change.number} has no such attachment.")
        tied = await connection.fetchval(
            "select count(*) from attachments where ticket_number = $1 and revision is not null", change.number
        )
        if isinstance(event, AttachmentAdded) and tied > MAX_ATTACHMENTS:
            raise LimitReachedError(f"Ticket {change.number} has {MAX_ATTACHMENTS} attachments already.")


def _count(done: str) -> int:
    return int(done.rsplit(maxsplit=1)[-1])
