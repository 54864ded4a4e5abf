"""The audit trail: who changed what of people, rights, policies and keys, what was refused, and the chain that tells
whether an entry was removed or changed since (`docs/audit.md`)."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from domain.ids import PersonId
from domain.people import Role

FIRST_HASH = bytes(32)
"""What stands before the first entry."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Author(NamedTuple):
    """Who acts, and from where. Nobody signed in has no id; a program has none either, and its name as credential."""

    id: PersonId | None = None
    role: Role | None = None
    address: str | None = None
    """Of the network; kept as something personal of the author."""
    credential: str | None = None
    """Its kind, and its id where it has one: `access-token`, `session:<id>`, `api-key:<id>`, `program:admin`."""


class PersonalPart(NamedTuple):
    """What of an entry is about one person; None: nobody whom we know."""

    person: PersonId | None
    data: dict[str, Any]


class ChainedEntry(NamedTuple):
    """An entry as the chain sees it: `before` and `after` as the database writes them."""

    number: int
    at: datetime
    author_id: PersonId | None
    author_role: str | None
    credential: str | None
    action: str
    subject_kind: str
    subject_id: str | None
    before: str | None
    after: str | None
    personal_hashes: tuple[bytes, ...]
    previous_hash: bytes
    hash: bytes


class ChainedPart(NamedTuple):
    """A personal part as its entry's hash sees it: `data` as the database writes it, `place` from 1."""

    number: int
    place: int
    person: PersonId | None
    salt: bytes
    data: str


class Head(NamedTuple):
    """Where a chain ends."""

    number: int
    hash: bytes


def hash_of(entry: ChainedEntry) -> bytes:
    """What an entry's hash must be, from the one before it and all that it says."""
    fields = (
        str(entry.number),
        str((entry.at - _EPOCH) // timedelta(microseconds=1)),
        None if entry.author_id is None else str(entry.author_id),
        entry.author_role,
        entry.credential,
        entry.action,
        entry.subject_kind,
        entry.subject_id,
        entry.before,
        entry.after,
        ",".join(one.hex() for one in entry.personal_hashes) or None,
    )
    return hashlib.sha256(entry.previous_hash + _written(fields)).digest()


def hash_of_part(part: ChainedPart) -> bytes:
    """What its entry must have as the hash of a personal part."""
    person = None if part.person is None else str(part.person)
    return hashlib.sha256(part.salt + _written((person, part.data))).digest()


def _written(fields: Sequence[str | None]) -> bytes:
    """Each field as its length in bytes, a colon and itself, None as a dash: no two lists are written alike."""
    return b"".join(b"-" if field is None else f"{len(field.encode())}:{field}".encode() for field in fields)
