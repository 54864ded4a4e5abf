"""Receives one file of a multipart body: read piece by piece under bounds, and looked into before it is taken.

A body is counted while it arrives and goes to a temporary file beyond a mebibyte, so that many slow senders cost no
memory; only a few files at a time are held as a whole, to be looked into and stored.
"""

import asyncio
import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import puremagic
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from domain.attachment import OFFICE_FOLDERS, TEXT, is_plain_text, kind_of, safe_name
from domain.errors import ContentTooLargeError, InvalidError, UnsupportedMediaTypeError

FRAME_BYTES = 65_536
"""What a body may have beyond its file: boundaries, headers, fields."""
HELD_AT_ONCE = 4
"""Files that a process holds as a whole at the same time."""
MAX_FIELDS = 4
MAX_FIELD_BYTES = 100
MAX_MEMBERS = 10_000
"""An archive with more is not looked into: its table of contents would cost far more memory than it has bytes."""
ZIP = "application/zip"
_FLAGS = {"true": True, "false": False}
_UNREADABLE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error,
    ValueError, OSError, EOFError, KeyError, RuntimeError, NotImplementedError, OverflowError,
)  # fmt: skip


class Upload(NamedTuple):
    """A file that is fit to be kept, under its safe name and as what it was found to be."""

    name: str
    media_type: str
    internal: bool
    content: bytes
    sha256: bytes


class Uploads:
    """The files that this process receives, of up to `max_bytes` each."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._room = asyncio.Semaphore(HELD_AT_ONCE)

    @asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[Upload]:
        """The file of a body with the parts `file` and, if any, `internal` (`true` or `false`).

        Raises InvalidError for a body that is malformed, has other parts or no file; ContentTooLargeError;
        UnsupportedMediaTypeError for a body or a file of a kind that is not taken.
        """
        form = await _parsed(request)
        try:
            file, internal = _parts(form)
            if not file.size:
                raise InvalidError("The file is empty.")
            if file.size > self._max_bytes:
                raise ContentTooLargeError(f"A file may have at most {self._max_bytes} bytes.")
            async with self._room:
                content = await file.read()
                name = safe_name(file.filename or "")
                found, digest = await asyncio.to_thread(_looked_into, content)
                yield Upload(name, kind_of(name, found).media_type, internal, content, digest)
        finally:
            await form.close()


async def _parsed(request: Request) -> FormData:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise UnsupportedMediaTypeError("Send the file as multipart/form-data.")
    parser = _Parser(
        request.headers, request.stream(), max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise InvalidError(f"The multipart body is malformed: {error.message}") from error
    except ValueError as error:  # it names a character set that cannot be read
        raise InvalidError("The names in the multipart body are malformed.") from error
    except ClientDisconnect as error:  # nobody hears the answer, and it is no fault of ours
        raise InvalidError("The multipart body ends too early.") from error
    if not parser.is_whole:
        parser.close()
        raise InvalidError("The multipart body ends too early.")
    return form


class _Parser(MultiPartParser):
    """Knows whether the body came to its end: the framework's own parser leaves the file of one that did not open."""

    is_whole = False

    def on_end(self) -> None:
        self.is_whole = True

    def close(self) -> None:
        for file in self._files_to_close_on_error:
            file.close()


def _parts(form: FormData) -> tuple[UploadFile, bool]:
    parts = form.multi_items()
    names = [name for name, _ in parts]
    if len(set(names)) < len(names) or not {"file"} <= set(names) <= {"file", "internal"}:
        raise InvalidError("Send one part `file` with a file name and at most one part `internal`.")
    file, internal = form["file"], form.get("internal", "false")
    if not isinstance(file, UploadFile):
        raise InvalidError("The part `file` has no file name.")
    if not isinstance(internal, str) or internal not in _FLAGS:
        raise InvalidError("The part `internal` is `true` or `false`.")
    return file, _FLAGS[internal]


def _looked_into(content: bytes) -> tuple[frozenset[str], bytes]:
    """The media types that are found in the content, and its digest."""
    return found_in(content), hashlib.sha256(content).digest()


def found_in(content: bytes) -> frozenset[str]:
    """The media types that the content can be, by how it begins and, of an archive, by what is in it."""
    try:
        found = {match.mime_type for match in puremagic.magic_string(content)}
    except puremagic.PureError:  # it knows no such beginning
        found = set()
    if ZIP in found:
        found = _found_in_archive(content)
    return frozenset(found | ({TEXT} if is_plain_text(content) else set()))


def _found_in_archive(content: bytes) -> set[str]:
    """By its first bytes an archive could be any of the formats that are zipped."""
    if content.count(b"PK\1\2") > MAX_MEMBERS:
        return {ZIP}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            first = next(iter(archive.infolist()), None)
            # OpenDocument says it itself, uncompressed: to unpack a hundred bytes could take gigabytes.
            if first is not None and first.filename == "mimetype" and first.compress_type == zipfile.ZIP_STORED:
                with archive.open(first) as said:
                    return {ZIP, said.read(100).decode("ascii")}
    except _UNREADABLE:
        return set()
    if "[Content_Types].xml" not in names or any(name.lower().endswith("vbaproject.bin") for name in names):
        return {ZIP}
    return {ZIP, *(media_type for folder, media_type in OFFICE_FOLDERS.items() if _has(names, folder))}


def _has(names: list[str], folder: str) -> bool:
    return any(name.startswith(folder) for name in names)
