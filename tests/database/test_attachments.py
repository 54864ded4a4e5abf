"""Files of tickets: stored first, tied and deleted with the change that says so, and swept when no change came."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from database.attachments import CHUNK_BYTES, AttachmentStore, NewAttachment
from database.events import EventLog
from database.pool import Pool
from database.tickets import TicketStore
from domain.attachment import MAX_ATTACHMENTS
from domain.errors import AttachmentNotFoundError, LimitReachedError, RevisionMismatchError
from domain.ids import AttachmentId
from domain.ticket import Ticket
from domain.ticket_commands import AddAttachment, ClaimTicket, RemoveAttachment
from domain.ticket_rules import decide
from tests.database.storing import recorded, state_of, stored_ticket
from tests.factories import AGENT, NOW, command_id, envelope

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def attachments(pool: Pool) -> AttachmentStore:
    return AttachmentStore(pool, limit=5)


def a_file(ticket: Ticket, **changes: Any) -> NewAttachment:
    """A file that an agent sends; only what differs is named."""
    content: bytes = changes.get("content", CONTENT)
    given: dict[str, Any] = {
        "id": AttachmentId(uuid4()),
        "number": ticket.number,
        "author": AGENT,
        "name": "trace.png",
        "media_type": "image/png",
        "sha256": hashlib.sha256(content).digest(),
        "internal": False,
        "content": content,
    }
    return NewAttachment(**{**given, **changes})


async def untied(attachments: AttachmentStore, ticket: Ticket, **changes: Any) -> NewAttachment:
    new = a_file(ticket, **changes)
    await attachments.store(new)
    return new


async def attached(
    store: TicketStore, attachments: AttachmentStore, ticket: Ticket, **changes: Any
) -> tuple[Ticket, NewAttachment]:
    new = await untied(attachments, ticket, **changes)
    return await recorded(store, ticket, AddAttachment(attachment_id=new.id, internal=new.internal)), new


async def content_of(attachments: AttachmentStore, ticket: Ticket, id: AttachmentId) -> list[bytes]:
    found = await attachments.read(ticket.number, id)
    assert found is not None
    return [piece async for piece in attachments.content(found)]


async def count(pool: Pool) -> int:
    return int(await pool.fetchval("select count(*) from attachments"))


async def test_a_file_is_seen_from_the_change_on_that_attaches_it(
    store: TicketStore, attachments: AttachmentStore
) -> None:
    ticket = await stored_ticket(store)
    new = await untied(attachments, ticket)
    assert await attachments.of_ticket(ticket.number, True) == []
    assert await attachments.read(ticket.number, new.id) is None

    ticket = await recorded(store, ticket, AddAttachment(attachment_id=new.id))

    (found,) = await attachments.of_ticket(ticket.number, False)
    assert found == await attachments.read(ticket.number, new.id)
    assert (found.id, found.revision, found.author_id, found.author_name) == (new.id, ticket.revision, AGENT, "agent")
    assert (found.name, found.media_type, found.size_bytes) == ("trace.png", "image/png", len(CONTENT))
    assert (found.sha256, found.internal, found.added_at) == (new.sha256, False, NOW)


@pytest.mark.parametrize("size", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
async def test_content_comes_out_as_it_went_in_piece_by_piece(
    store: TicketStore, attachments: AttachmentStore, size: int
) -> None:
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    ticket, new = await attached(store, attachments, await stored_ticket(store), content=content)

    pieces = await content_of(attachments, ticket, new.id)

    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= CHUNK_BYTES


async def test_content_is_kept_as_it_is_and_apart(pool: Pool) -> None:
    """Otherwise a piece of it could not be read without the rest."""
    storage = await pool.fetchval(
        "select attstorage from pg_attribute where attrelid = 'attachments'::regclass and attname = 'content'"
    )

    assert storage == b"e"


async def test_internal_files_are_listed_for_the_desk_alone(store: TicketStore, attachments: AttachmentStore) -> None:
    ticket, public = await attached(store, attachments, await stored_ticket(store))
    ticket, internal = await attached(store, attachments, ticket, internal=True)

    assert [one.id for one in await attachments.of_ticket(ticket.number, True)] == [public.id, internal.id]
    assert [one.id for one in await attachments.of_ticket(ticket.number, False)] == [public.id]


async def test_the_events_name_the_file_by_its_id_alone(
    store: TicketStore, attachments: AttachmentStore, log: EventLog, pool: Pool
) -> None:
    ticket, new = await attached(store, attachments, await stored_ticket(store), internal=True, name="Planted.png")
    await recorded(store, ticket, RemoveAttachment(attachment_id=new.id, internal=True))

    seen = await log.timeline(ticket.number, 1, 10, with_internal=True)
    assert [(entry.type, entry.internal) for entry in seen] == [
        ("ticket.attachment_added", True),
        ("ticket.attachment_removed", True),
    ]
    assert await log.timeline(ticket.number, 1, 10, with_internal=False) == []
    assert not await pool.fetchval("select exists (select from events where data::text like '%Planted%')")


async def test_a_file_that_is_removed_leaves_nothing_behind(
    store: TicketStore, attachments: AttachmentStore, pool: Pool
) -> None:
    ticket, new = await attached(store, attachments, await stored_ticket(store))

    await recorded(store, ticket, RemoveAttachment(attachment_id=new.id))

    assert await attachments.of_ticket(ticket.number, True) == []
    assert await count(pool) == 0


async def test_a_download_ends_when_its_file_is_removed(store: TicketStore, attachments: AttachmentStore) -> None:
    content = bytes(2 * CHUNK_BYTES)
    ticket, new = await attached(store, attachments, await stored_ticket(store), content=content)
    found = await attachments.read(ticket.number, new.id)
    assert found is not None
    pieces = attachments.content(found)
    await anext(pieces)
    await recorded(store, ticket, RemoveAttachment(attachment_id=new.id))

    with pytest.raises(AttachmentNotFoundError):
        await anext(pieces)


@pytest.mark.parametrize("kind", ["unknown", "another ticket's", "on the other side", "attached already"])
async def test_what_cannot_be_attached_leaves_the_ticket_as_it_was(
    store: TicketStore, attachments: AttachmentStore, kind: str
) -> None:
    ticket = await stored_ticket(store)
    new = a_file(ticket)
    if kind == "another ticket's":
        new = await untied(attachments, await stored_ticket(store))
    elif kind == "on the other side":
        new = await untied(attachments, ticket, internal=True)
    elif kind == "attached already":
        ticket, new = await attached(store, attachments, ticket)

    with pytest.raises(AttachmentNotFoundError):
        await store.record(decide(ticket, envelope(AddAttachment(attachment_id=new.id)), NOW))

    assert await state_of(store, ticket.number) == ticket


@pytest.mark.parametrize("kind", ["unknown", "untied", "another ticket's", "on the other side"])
async def test_what_cannot_be_removed_leaves_the_ticket_as_it_was(
    store: TicketStore, attachments: AttachmentStore, kind: str, pool: Pool
) -> None:
    ticket = await stored_ticket(store)
    new = a_file(ticket)
    if kind == "untied":
        new = await untied(attachments, ticket)
    elif kind == "another ticket's":
        _, new = await attached(store, attachments, await stored_ticket(store))
    elif kind == "on the other side":
        ticket, new = await attached(store, attachments, ticket, internal=True)
    before = await count(pool)

    with pytest.raises(AttachmentNotFoundError):
        await store.record(decide(ticket, envelope(RemoveAttachment(attachment_id=new.id)), NOW))

    assert await state_of(store, ticket.number) == ticket
    assert await count(pool) == before


async def test_a_change_that_comes_too_late_ties_nothing(store: TicketStore, attachments: AttachmentStore) -> None:
    ticket = await stored_ticket(store)
    new = await untied(attachments, ticket)
    late = decide(ticket, envelope(AddAttachment(attachment_id=new.id)), NOW)
    await recorded(store, ticket, ClaimTicket())

    with pytest.raises(RevisionMismatchError):
        await store.record(late)

    assert await attachments.of_ticket(ticket.number, True) == []


@pytest.mark.parametrize("what", ["attach", "remove"])
async def test_a_change_is_recorded_once_however_many_try(
    store: TicketStore, attachments: AttachmentStore, what: str
) -> None:
    ticket = await stored_ticket(store)
    if what == "attach":
        new = await untied(attachments, ticket)
        made = decide(ticket, envelope(AddAttachment(attachment_id=new.id), id=command_id("attach")), NOW)
    else:
        ticket, new = await attached(store, attachments, ticket)
        made = decide(ticket, envelope(RemoveAttachment(attachment_id=new.id), id=command_id("remove")), NOW)

    receipts = await asyncio.gather(*(store.record(made) for _ in range(6)))

    assert sorted(receipt.is_repeat for receipt in receipts) == [False, *[True] * 5]
    assert len({receipt.revision for receipt in receipts}) == 1
    assert len(await attachments.of_ticket(ticket.number, True)) == (1 if what == "attach" else 0)


async def test_a_file_that_is_stored_again_stays_the_first_one(
    store: TicketStore, attachments: AttachmentStore
) -> None:
    ticket, new = await attached(store, attachments, await stored_ticket(store))

    await attachments.store(new._replace(name="other.png", content=b"other"))

    assert b"".join(await content_of(attachments, ticket, new.id)) == CONTENT


async def test_a_ticket_has_so_many_files_and_no_more(store: TicketStore, attachments: AttachmentStore) -> None:
    ticket, other = await stored_ticket(store), await stored_ticket(store)
    first = await untied(attachments, ticket)
    ticket, last = await attached(store, attachments, ticket)
    for _ in range(3):
        ticket, _ = await attached(store, attachments, ticket)

    with pytest.raises(LimitReachedError, match="5 attachments"):
        await untied(attachments, ticket)

    await attachments.store(first)  # a repetition is no sixth
    await untied(attachments, other)
    await recorded(store, ticket, RemoveAttachment(attachment_id=last.id))
    await untied(attachments, ticket)


async def test_those_who_send_at_once_do_not_go_over_it_together(
    store: TicketStore, attachments: AttachmentStore, pool: Pool
) -> None:
    ticket, one = await attached(store, attachments, await stored_ticket(store))
    last, over = await untied(attachments, ticket), await untied(attachments, ticket)
    await pool.execute(
        "insert into attachments select gen_random_uuid(), ticket_number, author_id, name, media_type, size_bytes, "
        "sha256, internal, content, created_at, revision, added_at from attachments, generate_series(1, $2::int) "
        "where id = $1",
        one.id,
        MAX_ATTACHMENTS - 2,
    )
    ticket = await recorded(store, ticket, AddAttachment(attachment_id=last.id))

    with pytest.raises(LimitReachedError):
        await recorded(store, ticket, AddAttachment(attachment_id=over.id))

    assert len(await attachments.of_ticket(ticket.number, True)) == MAX_ATTACHMENTS
    assert await state_of(store, ticket.number) == ticket


async def test_what_nobody_attached_is_swept_by_its_age(
    store: TicketStore, attachments: AttachmentStore, pool: Pool
) -> None:
    ticket, kept = await attached(store, attachments, await stored_ticket(store))
    await untied(attachments, ticket)
    await pool.execute("update attachments set created_at = now() - interval '25 hours'")
    young = await untied(attachments, ticket)

    assert await attachments.delete_untied(timedelta(days=1)) == 1
    assert await attachments.delete_untied(timedelta(days=1)) == 0

    left = {row["id"] for row in await pool.fetch("select id from attachments")}
    assert left == {kept.id, young.id}


async def test_only_what_is_untied_is_dropped(store: TicketStore, attachments: AttachmentStore, pool: Pool) -> None:
    ticket, kept = await attached(store, attachments, await stored_ticket(store))
    refused = await untied(attachments, ticket)

    for new in (kept, refused):
        await attachments.drop_untied(new.id)

    assert [row["id"] for row in await pool.fetch("select id from attachments")] == [kept.id]


@pytest.mark.parametrize("change", [{"content": b""}, {"name": ""}, {"sha256": b"short"}])
async def test_the_table_itself_refuses_what_is_no_file(
    store: TicketStore, attachments: AttachmentStore, change: dict[str, Any]
) -> None:
    ticket = await stored_ticket(store)

    with pytest.raises(asyncpg.CheckViolationError):
        await attachments.store(a_file(ticket)._replace(**change))
