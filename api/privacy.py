"""Privacy: everything about a person for them to take away, their erasure, and for how long what is kept."""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Annotated, Any
from uuid import UUID

from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.http.area_router import AreaRouter
from api.requests import AsAuthor, AsReader, InDesk
from api.state import Desk
from domain.audit import Author
from domain.errors import InvalidError, NotFoundError
from domain.ids import PersonId
from domain.retention import RETENTION, SHORTEST_DAYS, RetentionKind

CHUNK = 65_536
ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}
router = AreaRouter(tags=["privacy"])


class ErasureOut(BaseModel):
    """What was done."""

    person: PersonId
    erased_at: datetime
    mentions: int = Field(description="Texts of others from which the person's name or address was taken.")


class RetentionEdit(BaseModel):
    model_config = ConfigDict(extra="forbid")
    days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(description="`null` keeps it for ever.")


class RetentionOut(BaseModel):
    """A rule, and what its last run did."""

    kind: RetentionKind
    removes: str
    days: int | None
    applied_at: datetime | None
    removed: int | None


class RetentionsOut(BaseModel):
    items: list[RetentionOut]


@router.get("/users/{person}/export", response_class=StreamingResponse, responses=ZIP)
async def export_person(person: UUID, desk: InDesk, author: AsAuthor) -> StreamingResponse:
    """Everything that is kept about a person, as a ZIP of JSON files; for admins."""
    return await _export(desk, PersonId(person), author)


@router.get("/auth/export", response_class=StreamingResponse, responses=ZIP)
async def export_own(desk: InDesk, reader: AsReader, author: AsAuthor) -> StreamingResponse:
    """Everything that is kept about you, as a ZIP of JSON files."""
    return await _export(desk, reader.id, author)


@router.post("/users/{person}/erase")
async def erase_person(person: UUID, desk: InDesk, author: AsAuthor) -> ErasureOut:
    """Take away everything that tells who somebody was: name, address, sign-in, and every word they wrote; others'
    words lose their name and address. Counts and moments stay. It cannot be undone; for admins."""
    done = await desk.erasing.erase(PersonId(person), author)
    desk.principals.forget(done.person)
    return ErasureOut(person=done.person, erased_at=done.erased_at, mentions=done.mentions)


@router.get("/retention")
async def list_retention(desk: InDesk, reader: AsReader) -> RetentionsOut:
    """For how long what is kept; for admins."""
    return await _retention(desk)


@router.put("/retention/{kind}")
async def set_retention(kind: RetentionKind, body: RetentionEdit, desk: InDesk, author: AsAuthor) -> RetentionsOut:
    """Keep what is of this kind for so many days; for admins. It is applied every night."""
    shortest = SHORTEST_DAYS.get(kind, 1)
    if body.days is not None and body.days < shortest:
        raise InvalidError(f"{kind} are kept for {shortest} days at least.")
    await desk.retention.choose(kind, body.days, author)
    return await _retention(desk)


async def _retention(desk: Desk) -> RetentionsOut:
    return RetentionsOut(
        items=[
            RetentionOut(
                kind=one.kind,
                removes=RETENTION[one.kind].removes,
                days=one.days,
                applied_at=one.applied_at,
                removed=one.removed,
            )
            for one in await desk.retention.rules()
        ]
    )


async def _export(desk: Desk, person: PersonId, author: Author) -> StreamingResponse:
    """Raises NotFoundError."""
    if await desk.people.read(person) is None:
        raise NotFoundError("There is no such person.")
    await desk.audit.note(author, "person.exported", "person", str(person))
    file = tempfile.TemporaryFile()  # noqa: SIM115  it is closed when the answer is sent
    try:
        await _write(desk, person, file)
    except BaseException:
        file.close()
        raise
    headers = {"Content-Disposition": f'attachment; filename="person-{person}.zip"', "Cache-Control": "no-store"}
    return StreamingResponse(_chunks(file), media_type="application/zip", headers=headers)


async def _write(desk: Desk, person: PersonId, file: IO[bytes]) -> None:
    """One JSON file per section, each an array; written row by row, whatever there is of them. Then their files."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        section, out = "", None
        try:
            async for name, row in desk.exporting.rows(person):
                if name != section or out is None:
                    _end(out)
                    section, out = name, archive.open(f"{name}.json", "w", force_zip64=True)
                    out.write(b"[\n")
                else:
                    out.write(b",\n")
                out.write(json.dumps(row, ensure_ascii=False).encode())
        finally:
            _end(out)
        for found in await desk.attachments.of_author(person):
            with archive.open(f"files/{found.id}-{found.name}", "w", force_zip64=True) as entry:
                async for piece in desk.attachments.content(found):
                    entry.write(piece)


def _end(out: IO[bytes] | None) -> None:
    if out is not None:
        out.write(b"\n]\n")
        out.close()


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk
