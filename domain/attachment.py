"""Which files a ticket takes, and under which name.

The name's last extension says what a file claims to be, and its content must be that: an image one of the same kind, a
text some text, an office document a document of the same program. What a browser or a shell would carry out (HTML, SVG,
scripts, programs, macros) is not taken under any name. The media type that the sender declares counts for nothing.
"""

import re
import unicodedata
from typing import NamedTuple

from domain.errors import InvalidError, UnsupportedMediaTypeError

MAX_ATTACHMENTS = 100
"""Of one ticket."""
MAX_NAME = 120
"""Characters of a file's name."""
MAX_NAME_BYTES = 240
"""In UTF-8; file systems allow 255."""

TEXT = "text/plain"
"""The kind of content that is a text of whatever language."""
HTML, SVG, XML = "text/html", "image/svg+xml", "application/xml"
_CARRIED_OUT = {HTML, SVG, XML}
_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"


class FileKind(NamedTuple):
    """What a file of an extension is sent out as, and what its content must be found to be."""

    media_type: str
    content: str


KINDS: dict[str, FileKind] = {
    "png": FileKind("image/png", "image/png"),
    "jpg": FileKind("image/jpeg", "image/jpeg"),
    "jpeg": FileKind("image/jpeg", "image/jpeg"),
    "gif": FileKind("image/gif", "image/gif"),
    "webp": FileKind("image/webp", "image/webp"),
    "pdf": FileKind("application/pdf", "application/pdf"),
    "txt": FileKind("text/plain", TEXT),
    "log": FileKind("text/plain", TEXT),
    "md": FileKind("text/markdown", TEXT),
    "csv": FileKind("text/csv", TEXT),
    "json": FileKind("application/json", TEXT),
    "eml": FileKind("message/rfc822", TEXT),
    "zip": FileKind("application/zip", "application/zip"),
    "docx": FileKind(f"{_OOXML}.wordprocessingml.document", f"{_OOXML}.wordprocessingml.document"),
    "xlsx": FileKind(f"{_OOXML}.spreadsheetml.sheet", f"{_OOXML}.spreadsheetml.sheet"),
    "pptx": FileKind(f"{_OOXML}.presentationml.presentation", f"{_OOXML}.presentationml.presentation"),
    "odt": FileKind(f"{_ODF}.text", f"{_ODF}.text"),
    "ods": FileKind(f"{_ODF}.spreadsheet", f"{_ODF}.spreadsheet"),
    "odp": FileKind(f"{_ODF}.presentation", f"{_ODF}.presentation"),
}
"""Extension -> kind. The older office formats are left out: any of them may carry macros."""
OFFICE_FOLDERS = {"word/": KINDS["docx"].content, "xl/": KINDS["xlsx"].content, "ppt/": KINDS["pptx"].content}
"""What the folder inside a zipped office document says it is."""

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories of what is not seen: controls, marks that turn the writing round, halves of pairs, line ends."""
_MARKUP = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<iframe", b"<svg", b"<?xml", b"<!--", b"#!")
"""How a text begins that is no plain text: a page, a picture, a script."""
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))


def safe_name(given: str) -> str:
    """The name under which the file is kept: a plain one, of the same extension, that no system takes for anything
    else. What stands before the last slash or backslash goes, and so does what is not seen.

    Raises InvalidError when nothing is left of it.
    """
    last = re.split(r"[/\\]", given)[-1]
    seen = "".join(" " if char.isspace() else char for char in last if _is_seen(char))
    name = " ".join(_FORBIDDEN.sub("_", unicodedata.normalize("NFC", seen)).split()).strip(". ")
    if not name:
        raise InvalidError("The file has no name.")
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    if _RESERVED.fullmatch(name.split(".")[0].strip()):
        stem = f"_{stem}"
    return _cut(stem, dot + extension)


def kind_of(name: str, found: frozenset[str]) -> FileKind:
    """The kind of a file of this (safe) name in which these media types were found.

    Raises UnsupportedMediaTypeError when the kind is not taken, or when the content is of another one.
    """
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    kind = KINDS.get(extension)
    if kind is None:
        raise UnsupportedMediaTypeError(f"Files of this kind are not taken. These are: {', '.join(KINDS)}.")
    if kind.content not in found or (kind.content == TEXT and found & _CARRIED_OUT):
        raise UnsupportedMediaTypeError(f"The content of the file is not what its name says (.{extension}).")
    return kind


def is_plain_text(content: bytes) -> bool:
    """Whether the content is a text and neither a page, a picture nor a script: UTF-8, or an older encoding of one byte
    a character, or UTF-16 that says so."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeError:
            return False
    begin = content.removeprefix(b"\xef\xbb\xbf")[:1024].lstrip().lower()
    return content.translate(None, _CONTROLS) == content and not begin.startswith(_MARKUP)


def _is_seen(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in _UNSEEN


def _cut(stem: str, ending: str) -> str:
    """The name with its stem made short enough; an ending that alone is too long is no extension that we know."""
    if len(ending) > MAX_NAME // 2:
        stem, ending = stem + ending, ""
    stem = stem[: MAX_NAME - len(ending)]
    while len((stem + ending).encode()) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return stem.rstrip(". ") + ending if ending else stem.rstrip(". ")
