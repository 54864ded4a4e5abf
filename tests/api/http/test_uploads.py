"""What is no file that we take: refused with the contract's answers, and nothing is kept of it."""

import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from api.http.uploads import FRAME_BYTES, MAX_MEMBERS, Uploads, found_in
from domain.errors import InvalidError
from tests.api.attaching import MAX_BYTES, PNG, attached, listed, rows, send, zipped
from tests.api.desk_api import ApiDesk, assert_problem, ticket_of

DOCX = zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml")
HTML = b"<!DOCTYPE html><script>alert(1)</script>"
NOT_TAKEN: dict[str, bytes] = {
    "page.html": HTML,
    "page.HTM": HTML,
    "picture.svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "run.exe": b"MZ\x90\0" + bytes(60),
    "run.sh": b"#!/bin/sh\n",
    "run.js": b"alert(1)",
    "run.bat": b"del *",
    "screen.png.exe": PNG,
    "screen.png.html": PNG,
    "screen.png/x.html": PNG,
    "macro.docm": DOCX,
    "old.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
    "no_extension": b"text",
    ".png": PNG,
    "turned\u202egnp.exe": PNG,
    "shortcut.lnk": b"text",
    "page.png": HTML,
    "page.txt": HTML,
    "page.csv": b"\n <HTML><body>",
    "picture.txt": b"<svg onload=alert(1)>",
    "script.log": b"#!/bin/sh\nrm -rf /\n",
    "program.txt": b"\x7fELF\2\1\1" + bytes(50),
    "program.pdf": b"MZ\x90\0" + bytes(60),
    "archive.png": zipped("a.txt"),
    "picture.zip": PNG,
    "picture.jpg": PNG,
    "archive.docx": zipped("a.txt"),
    "table.docx": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "macro.docx": zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
    "table.odt": zipped("mimetype", mimetype="application/vnd.oasis.opendocument.spreadsheet"),
    "packed.odt": zipped("mimetype", compression=zipfile.ZIP_BZIP2, mimetype="application/vnd.oasis.opendocument.text"),
    "broken.zip": zipped("a.txt")[:30],
    "polyglot.pdf": HTML + b"%PDF-1.7\n",
}


@pytest.fixture
async def number(ticket: dict[str, Any]) -> int:
    return int(ticket["number"])


@pytest.mark.parametrize("name", NOT_TAKEN)
async def test_what_is_not_taken(api: ApiDesk, requester: httpx2.AsyncClient, number: int, name: str) -> None:
    assert_problem(await send(requester, number, name, NOT_TAKEN[name]), 415, "unsupported_media_type")

    assert await rows(api, number) == 0


async def test_an_empty_file_is_refused(requester: httpx2.AsyncClient, number: int) -> None:
    assert_problem(await send(requester, number, "empty.txt", b""), 422, "invalid")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../../etc/cron.d/x.png", "x.png"),
        ("..\\..\\x.png", "x.png"),
        ("C:\\temp\\x.png", "x.png"),
        ("x.exe%00.png", "x.exe%00.png"),
        ("a%0d%0aSet-Cookie: x=1.png", "a%0d%0aSet-Cookie_ x=1.png"),
        ("\u202egnp.x.png", "gnp.x.png"),
        ("a;b='c'.png", "a;b='c'.png"),
        ("Grüße 😀.png", "Grüße 😀.png"),
        ("CON.png", "_CON.png"),
        ("x" * 300 + ".png", "x" * 116 + ".png"),
    ],
)
async def test_a_tricky_name_is_made_a_plain_one(
    requester: httpx2.AsyncClient, number: int, given: str, kept: str
) -> None:
    made = await attached_raw(requester, number, f'form-data; name="file"; filename="{given}"'.encode())
    answer = await requester.get(f"/api/tickets/{number}/attachments/{made['id']}")

    assert made["name"] == kept
    disposition = answer.headers["content-disposition"]
    assert disposition.isascii()
    assert disposition.isprintable()
    assert disposition.removeprefix("attachment; filename*=UTF-8''").replace("%", "").replace("-", "").replace(
        "_", ""
    ).replace(".", "").replace("~", "").isalnum()  # fmt: skip
    assert "set-cookie" not in answer.headers


MULTIPART = "multipart/form-data; boundary=XX"


def body_of(*parts: tuple[bytes, bytes], end: bytes = b"--XX--\r\n") -> bytes:
    """A multipart body of parts given by their Content-Disposition and content."""
    return b"".join(b"--XX\r\nContent-Disposition: %b\r\n\r\n%b\r\n" % part for part in parts) + end


async def send_raw(
    client: httpx2.AsyncClient, number: int, body: Any, content_type: str | None = MULTIPART
) -> httpx2.Response:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return await client.post(f"/api/tickets/{number}/attachments", content=body, headers=headers)


async def attached_raw(client: httpx2.AsyncClient, number: int, disposition: bytes) -> dict[str, Any]:
    answer = await send_raw(client, number, body_of((disposition, PNG)))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


FILE = b'form-data; name="file"; filename="a.png"'
MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no part": b"--XX--\r\n",
    "no file": body_of((b'form-data; name="internal"', b"true")),
    "a file without a name": body_of((b'form-data; name="file"', b"content")),
    "an empty name": body_of((b'form-data; name="file"; filename=""', PNG)),
    "a name of dots": body_of((b'form-data; name="file"; filename="../.."', PNG)),
    "two files": body_of((FILE, PNG), (FILE, PNG)),
    "two files of other names": body_of((FILE, PNG), (b'form-data; name="other"; filename="a.png"', PNG)),
    "a file of another name": body_of((b'form-data; name="attachment"; filename="a.png"', PNG)),
    "another field": body_of((FILE, PNG), (b'form-data; name="author"', b"me")),
    "internal twice": body_of((FILE, PNG), *[(b'form-data; name="internal"', b"true")] * 2),
    "internal is a file": body_of((b'form-data; name="internal"; filename="a.png"', PNG)),
    "internal is maybe": body_of((FILE, PNG), (b'form-data; name="internal"', b"maybe")),
    "many fields": body_of((FILE, PNG), *[(b'form-data; name="x%d"' % place, b"") for place in range(5_000)]),
    "a long field": body_of((FILE, PNG), (b'form-data; name="internal"', b"true" * 100)),
    "a part without a name": body_of((b"form-data", PNG)),
    "a long header": b"--XX\r\nX: " + b"x" * 60_000 + b"\r\n\r\n\r\n--XX--\r\n",
    "many headers": b"--XX\r\n" + b"X: x\r\n" * 1_000 + b"\r\n\r\n--XX--\r\n",
    "cut off": body_of((FILE, PNG), end=b"")[:-2],
    "cut off in a header": b"--XX\r\nContent-Disp",
    "another boundary": body_of((FILE, PNG)).replace(b"XX", b"YY"),
    "no multipart at all": PNG,
}


@pytest.mark.parametrize("kind", MALFORMED)
async def test_a_body_that_holds_no_one_file_is_refused(
    api: ApiDesk, requester: httpx2.AsyncClient, number: int, kind: str
) -> None:
    assert_problem(await send_raw(requester, number, MALFORMED[kind]), 422, "invalid")

    assert await rows(api, number) == 0
    assert (await ticket_of(requester, number))["revision"] == 1


async def test_a_name_that_breaks_its_line_ends_there(requester: httpx2.AsyncClient, number: int) -> None:
    body = body_of((b'form-data; name="file"; filename="a.html\r\nX-Rest: b.png"', PNG))

    assert_problem(await send_raw(requester, number, body), 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", [None, "", "application/json", "image/png", "multipart/mixed; boundary=XX"])
async def test_a_body_of_another_type_is_refused(
    requester: httpx2.AsyncClient, number: int, content_type: str | None
) -> None:
    answer = await send_raw(requester, number, body_of((FILE, PNG)), content_type)

    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("charset", ["undefined", "punycode", "idna", "hex", "nonsense", "utf-7", "utf-16", "\xe9"])
async def test_a_strange_character_set_is_no_fault_of_ours(
    requester: httpx2.AsyncClient, number: int, charset: str
) -> None:
    headers = [(b"content-type", f"{MULTIPART}; charset={charset}".encode("latin-1"))]
    name = b"x" * 300 + b"\xff\xd8-..png"
    body = body_of((b'form-data; name="file"; filename="%b"' % name, PNG))

    answer = await requester.post(f"/api/tickets/{number}/attachments", content=body, headers=headers)

    assert answer.status_code in (201, 415, 422), answer.text


async def test_a_sender_who_is_gone_is_no_fault_of_ours() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "headers": [(b"content-type", MULTIPART.encode())]}, gone)
    with pytest.raises(InvalidError, match="too early"):
        async with Uploads(MAX_BYTES).receive(request):
            pass


@pytest.mark.parametrize("boundary", ["", "; boundary=", f"; boundary={'x' * 1_000}", "; boundary=\xe9"])
async def test_a_strange_boundary_is_refused(requester: httpx2.AsyncClient, number: int, boundary: str) -> None:
    path, headers = f"/api/tickets/{number}/attachments", [(b"content-type", f"multipart/form-data{boundary}".encode())]

    assert_problem(await requester.post(path, content=body_of((FILE, PNG)), headers=headers), 422, "invalid")


class Endless:
    """A body that goes on as long as somebody listens."""

    def __init__(self, bound: int) -> None:
        self.sent = 0
        self._bound = bound

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"--XX\r\nContent-Disposition: " + FILE + b"\r\n\r\n" + PNG
        while self.sent < self._bound:
            self.sent += 65_536
            yield bytes(65_536)


async def test_a_body_that_never_ends_is_cut_at_the_bound(
    api: ApiDesk, requester: httpx2.AsyncClient, number: int
) -> None:
    body = Endless(10 * MAX_BYTES)
    assert_problem(await send_raw(requester, number, aiter(body)), 413)

    assert body.sent <= MAX_BYTES + 2 * FRAME_BYTES
    assert await rows(api, number) == 0


async def test_a_body_that_says_it_is_too_large_is_refused_unread(requester: httpx2.AsyncClient, number: int) -> None:
    headers = {"Content-Type": MULTIPART, "Content-Length": str(MAX_BYTES + FRAME_BYTES + 1)}
    body = Endless(65_536)

    answer = await requester.post(f"/api/tickets/{number}/attachments", content=aiter(body), headers=headers)

    assert_problem(answer, 413, "content_too_large")


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in pieces"])
async def test_only_files_may_be_large(requester: httpx2.AsyncClient, number: int, announced: bool) -> None:
    id = (await attached(requester, number))["id"]
    large = bytes(1_100_000)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    for method, path in (
        ("POST", f"/api/tickets/{number}/replies"),
        ("DELETE", f"/api/tickets/{number}/attachments/{id}"),
        ("POST", f"/api/tickets/{number}/attachments/{id}"),
        ("POST", f"/api/tickets/{number}/attachments/"),
    ):
        answer = await requester.request(method, path, content=large if announced else pieces())
        assert answer.status_code in ((413,) if announced else (413, 415, 405, 307, 404)), (method, path, answer.text)
    assert len(await listed(requester, number)) == 1


@pytest.mark.parametrize("id", ["1", "x", "%00", "..%2f..%2fetc%2fpasswd"])
async def test_a_malformed_id_is_refused(requester: httpx2.AsyncClient, number: int, id: str) -> None:
    path = f"/api/tickets/{number}/attachments/{id}"
    for answer in (await requester.get(path), await requester.delete(path)):
        assert answer.status_code in (404, 422)
        assert_problem(answer, answer.status_code)


def test_an_archive_with_too_many_members_is_not_looked_into() -> None:
    many = DOCX + b"PK\1\2" * MAX_MEMBERS

    assert found_in(many) == {"application/zip"}
    assert "application/vnd.openxmlformats-officedocument.wordprocessingml.document" in found_in(DOCX)


def test_what_is_no_archive_behind_its_first_bytes_is_nothing() -> None:
    assert found_in(b"PK\3\4" + bytes(100)) == frozenset()
