"""Files of tickets: attach, list, download, remove.

A file comes out as it went in, but never as a page: always to be saved, of the media type that its content was found
to be, and without any right in the browser.
"""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID, uuid5

from fastapi import Path, Request, Response, status
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.http.area_router import AreaRouter
from api.http.problems import PendingCommand, Problem
from api.http.uploads import Upload
from api.requests import Ask, AskBeforeBody, Asked, AsReader, CommandKey, InDesk, Number
from api.state import Desk
from api.ticket_models import PersonRef
from api.tickets import send, visible
from database.attachments import AttachmentRecord, NewAttachment
from domain.access import Reader, check_command, check_own_or_supervisor, may_see_internal
from domain.errors import AttachmentNotFoundError, DomainError
from domain.ids import AttachmentId, TicketNumber
from domain.ticket_commands import AddAttachment, RemoveAttachment

_ATTACHMENTS = UUID("d3a3f1de-5a53-4c3e-9b1d-2f0a6f1f7f5c")
_PENDING: dict[int | str, dict[str, Any]] = {
    202: {"model": PendingCommand, "description": "The engine has not answered in time; see `location`."}
}
_REFUSED: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "content": {"application/problem+json": {}}, "description": text}
    for code, text in {413: "Too large", 415: "A kind of file that is not taken, or not what its name says"}.items()
}
_MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                        "internal": {"type": "boolean", "default": False, "description": "For the desk alone."},
                    },
                }
            }
        },
    }
}
_DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The file, as its own media type."}
}
_HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
upload_router = AreaRouter(prefix="/tickets/{number}/attachments", tags=["attachments"], responses=_PENDING)
"""Apart from the rest, because its bodies alone may be large."""
router = AreaRouter(prefix="/tickets/{number}/attachments", tags=["attachments"])
Id = Annotated[UUID, Path(alias="id", description="The attachment's id.")]


class AttachmentOut(BaseModel):
    """A file of a ticket."""

    id: UUID
    ticket: TicketNumber
    revision: int
    author: PersonRef
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    internal: bool
    created_at: datetime


class AttachmentsOut(BaseModel):
    """A ticket's files, oldest first."""

    items: list[AttachmentOut]


@upload_router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    response_model=AttachmentOut,
    responses=_REFUSED,
    openapi_extra=_MULTIPART,
)
async def add_attachment(request: Request, asked: AskBeforeBody, desk: InDesk) -> Response:
    """Attach a file, for everybody who sees the ticket or, with `internal`, for the desk alone."""
    reader, ticket, number = asked.reader, asked.ticket(), asked.number
    key, new, size = await _stored(request, asked, desk)
    command = AddAttachment(attachment_id=new.id, internal=new.internal)
    try:
        receipt = await send(desk, reader, ticket, command, key, asked.expected)
    except DomainError:
        await desk.attachments.drop_untied(new.id)
        raise
    attached = AttachmentOut(
        id=new.id,
        ticket=number,
        revision=receipt.first_revision,
        author=PersonRef(id=reader.id, name=asked.signed.person.name),
        name=new.name,
        media_type=new.media_type,
        size_bytes=size,
        sha256=new.sha256.hex(),
        internal=new.internal,
        created_at=receipt.at,
    )
    return Response(
        attached.model_dump_json(),
        status_code=status.HTTP_201_CREATED,
        headers={"ETag": f'"{receipt.revision}"', "Location": f"/api/tickets/{number}/attachments/{new.id}"},
        media_type="application/json",
    )


@router.get("")
async def list_attachments(number: Number, desk: InDesk, reader: AsReader) -> AttachmentsOut:
    """The ticket's files; internal ones only for the desk."""
    ticket = await visible(desk, reader, number)
    found = await desk.attachments.of_ticket(number, may_see_internal(reader, ticket))
    return AttachmentsOut(items=[_spoken(one) for one in found])


@router.get("/{id}", response_class=Response, responses=_DOWNLOAD)
async def download_attachment(number: Number, id: Id, desk: InDesk, reader: AsReader) -> Response:
    """The file itself, to be saved."""
    found = await _found(desk, reader, number, AttachmentId(id))
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        "Content-Length": str(found.size_bytes),
        "ETag": f'"{found.sha256.hex()}"',
        **_HARMLESS,
    }
    answer = StreamingResponse(desk.attachments.content(found), headers=headers)
    answer.headers["Content-Type"] = found.media_type  # as it is: a charset would be a guess
    return answer


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT, responses=_PENDING)
async def remove_attachment(asked: Ask, id: Id, desk: InDesk) -> Response:
    """Take the file away for good: who attached it may, and supervisors. The timeline still tells that there was one.
    Also of a closed ticket."""
    reader, ticket, number = asked.reader, asked.ticket(), asked.number
    try:
        found = await _found(desk, reader, number, AttachmentId(id))
    except AttachmentNotFoundError:
        if not await _has_removed(desk, reader, number, asked.key):
            raise
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    check_own_or_supervisor(reader, found.author_id)
    command = RemoveAttachment(attachment_id=found.id, internal=found.internal)
    check_command(reader, command, asked.audience())
    receipt = await send(desk, reader, ticket, command, asked.key, asked.expected)
    return Response(status_code=status.HTTP_204_NO_CONTENT, headers={"ETag": f'"{receipt.revision}"'})


async def _stored(request: Request, asked: Asked, desk: Desk) -> tuple[CommandKey, NewAttachment, int]:
    """The file that came, stored and untied, with its size and the key that names it. Without its content, which shall
    not stay in memory while the ticket's workflow is asked."""
    reader, number = asked.reader, asked.number
    async with desk.uploads.receive(request) as upload:
        key = _key_of(asked.key, number, upload)
        id = AttachmentId(uuid5(_ATTACHMENTS, f"{key.id}:{key.fingerprint}:{number}"))
        check_command(reader, AddAttachment(attachment_id=id, internal=upload.internal), asked.audience())
        new = NewAttachment(
            id, number, reader.id, upload.name, upload.media_type, upload.sha256, upload.internal, upload.content
        )
        await desk.attachments.store(new)
        return key, new._replace(content=b""), len(upload.content)


def _key_of(key: CommandKey, number: TicketNumber, upload: Upload) -> CommandKey:
    """The key with the digest of what was sent: not of the body, whose boundary is another one each time."""
    said = json.dumps(["attach", number, upload.name, upload.internal, upload.sha256.hex()])
    return key._replace(fingerprint=hashlib.sha256(said.encode()).hexdigest())


async def _found(desk: Desk, reader: Reader, number: TicketNumber, id: AttachmentId) -> AttachmentRecord:
    """Raises TicketNotFoundError and AttachmentNotFoundError for what this reader may not see."""
    ticket = await visible(desk, reader, number)
    found = await desk.attachments.read(number, id)
    if found is None or (found.internal and not may_see_internal(reader, ticket)):
        raise AttachmentNotFoundError(f"Ticket {number} has no attachment {id}.")
    return found


async def _has_removed(desk: Desk, reader: Reader, number: TicketNumber, key: CommandKey) -> bool:
    """Whether the reader sent the very same request before, and it was done."""
    receipt = await desk.tickets.receipt(number, key.id, reader.id) if key.is_given else None
    return receipt is not None and receipt.fingerprint == key.fingerprint


def _spoken(found: AttachmentRecord) -> AttachmentOut:
    return AttachmentOut(
        id=found.id,
        ticket=found.number,
        revision=found.revision,
        author=PersonRef(id=found.author_id, name=found.author_name),
        name=found.name,
        media_type=found.media_type,
        size_bytes=found.size_bytes,
        sha256=found.sha256.hex(),
        internal=found.internal,
        created_at=found.added_at,
    )
