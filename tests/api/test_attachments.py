"""Files of tickets over HTTP: who attaches, sees and removes what, and what is no file that we take."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from starlette.requests import Request

from api.uploads import FRAME_BYTES, MAX_MEMBERS, Uploads, found_in
from domain.errors import InvalidError
from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, running_app, ticket_of, timeline_of
from tests.api.listening import stream_server

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(60)
MAX_BYTES = 10_485_760
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def zipped(*names: str, compression: int = zipfile.ZIP_STORED, **members: str) -> bytes:
    """An archive of these members, the named ones with content."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name in names:
            archive.writestr(name, members.get(name.partition(".")[0], "x"))
    return made.getvalue()


DOCX = zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml")
ODT = zipped("mimetype", "content.xml", mimetype="application/vnd.oasis.opendocument.text")
TAKEN: dict[str, tuple[bytes, str]] = {
    "screen.png": (PNG, "image/png"),
    "SCREEN.PNG": (PNG, "image/png"),
    "photo.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(40), "image/jpeg"),
    "photo.jpeg": (b"\xff\xd8\xff\xe1\0\x10Exif\0\0" + bytes(40), "image/jpeg"),
    "dance.gif": (b"GIF89a" + bytes(40), "image/gif"),
    "small.webp": (b"RIFF\x20\0\0\0WEBPVP8 " + bytes(40), "image/webp"),
    "invoice.pdf": (b"%PDF-1.7\n1 0 obj\n%%EOF\n", "application/pdf"),
    "notes.txt": (b"It smells of smoke.", "text/plain"),
    "old.txt": ("Grüße".encode("latin-1"), "text/plain"),
    "server.log": (b"2030-01-07 ERROR <b>fire</b>\n", "text/plain"),
    "table.csv": (b"a,b\n1,2\n", "text/csv"),
    "dump.json": (b'{"a": 1}', "application/json"),
    "mail.eml": (b"From: a@example.com\nSubject: fire\n\nHelp.", "message/rfc822"),
    "logs.zip": (zipped("a.log"), "application/zip"),
    "letter.docx": (DOCX, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "letter.odt": (ODT, "application/vnd.oasis.opendocument.text"),
    "holiday.php.png": (PNG, "image/png"),
}
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


async def send(
    client: httpx2.AsyncClient, number: int, name: str = "screen.png", content: bytes = PNG, **more: Any
) -> httpx2.Response:
    """Attach a file; `internal` is a field, everything else a header."""
    fields = {"internal": more.pop("internal")} if "internal" in more else {}
    headers = {header.replace("_", "-"): value for header, value in more.items()}
    path = f"/api/tickets/{number}/attachments"
    return await client.post(
        path, files={"file": (name, content, "application/octet-stream")}, data=fields, headers=headers
    )


async def attached(client: httpx2.AsyncClient, number: int, *args: Any, **more: Any) -> dict[str, Any]:
    answer = await send(client, number, *args, **more)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def listed(client: httpx2.AsyncClient, number: int) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/tickets/{number}/attachments")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def rows(api: ApiDesk, number: int) -> int:
    return int(await api.parts.pool.fetchval("select count(*) from attachments where ticket_number = $1", number))


@pytest.fixture
async def number(ticket: dict[str, Any]) -> int:
    return int(ticket["number"])


# Attaching and reading.


@pytest.mark.parametrize("name", TAKEN)
async def test_a_file_comes_out_as_it_went_in_and_never_as_a_page(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, number: int, name: str
) -> None:
    content, media_type = TAKEN[name]
    made = await attached(requester, number, name, content)

    answer = await agent.get(f"/api/tickets/{number}/attachments/{made['id']}")

    assert (made["name"], made["media_type"], made["size_bytes"]) == (name, media_type, len(content))
    assert made["sha256"] == hashlib.sha256(content).hexdigest()
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["cache-control"] == "private, no-store"


async def test_an_attachment_is_an_event_of_its_ticket(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, number: int
) -> None:
    answer = await send(requester, number, "Planted.png")
    made = answer.json()

    assert answer.headers["location"] == f"/api/tickets/{number}/attachments/{made['id']}"
    assert answer.headers["etag"] == '"2"'
    assert made["revision"] == (await ticket_of(agent, number))["revision"] == 2
    assert made["author"]["name"] == (await ticket_of(agent, number))["requester"]["name"]
    assert await listed(agent, number) == [made]
    added = (await timeline_of(requester, number))[-1]
    assert added["type"] == "ticket.attachment_added"
    assert added["change"] == {"attachment_id": made["id"], "internal": False}
    assert "Planted" not in (await agent.get(f"/api/tickets/{number}/timeline")).text


async def test_a_requesters_file_reopens_what_waited_for_it(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, number: int
) -> None:
    await do(agent, number, "status", {"status": "pending"})
    await attached(requester, number)

    assert (await ticket_of(requester, number))["status"] == "open"


async def test_the_largest_file_is_taken_and_one_byte_more_is_not(
    api: ApiDesk, requester: httpx2.AsyncClient, number: int
) -> None:
    largest = PNG + bytes(MAX_BYTES - len(PNG))
    made = await attached(requester, number, "large.png", largest)
    assert_problem(await send(requester, number, "larger.png", largest + b"\0"), 413, "content_too_large")

    assert (await requester.get(f"/api/tickets/{number}/attachments/{made['id']}")).content == largest
    assert await rows(api, number) == 1


async def test_many_send_at_once(requester: httpx2.AsyncClient, number: int) -> None:
    await asyncio.gather(*(attached(requester, number, f"{place}.png", PNG + bytes([place])) for place in range(12)))

    found = await listed(requester, number)
    assert {one["name"] for one in found} == {f"{place}.png" for place in range(12)}
    assert [one["revision"] for one in found] == sorted({one["revision"] for one in found})


# The same request again.


async def test_a_file_sent_again_is_attached_once(api: ApiDesk, requester: httpx2.AsyncClient, number: int) -> None:
    """Although each client draws another boundary each time."""
    key = str(uuid4())
    first = await send(requester, number, Idempotency_Key=key)
    again = await send(requester, number, Idempotency_Key=key)

    assert (again.status_code, again.json()) == (201, first.json())
    assert await rows(api, number) == 1
    assert_problem(
        await send(requester, number, content=PNG + b"x", Idempotency_Key=key), 422, "idempotency_key_reused"
    )
    assert_problem(await send(requester, number, "b.png", Idempotency_Key=key), 422, "idempotency_key_reused")
    assert await rows(api, number) == 1


async def test_a_removal_sent_again_is_answered_again(requester: httpx2.AsyncClient, number: int) -> None:
    path = f"/api/tickets/{number}/attachments/{(await attached(requester, number))['id']}"
    headers = {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        assert (await requester.delete(path, headers=headers)).status_code == 204
    assert_problem(await requester.delete(path), 404, "attachment_not_found")

    assert [entry["type"] for entry in await timeline_of(requester, number)][1:] == [
        "ticket.attachment_added", "ticket.attachment_removed",
    ]  # fmt: skip


async def test_who_saw_an_older_revision_attaches_nothing(
    api: ApiDesk, requester: httpx2.AsyncClient, number: int
) -> None:
    assert_problem(await send(requester, number, If_Match='"99"'), 412, "stale_revision")

    assert await rows(api, number) == 0
    assert (await ticket_of(requester, number))["revision"] == 1


# Who may what.


async def test_strangers_are_told_that_there_is_no_such_ticket(
    stranger: httpx2.AsyncClient, billing_agent: httpx2.AsyncClient, requester: httpx2.AsyncClient, number: int
) -> None:
    id = (await attached(requester, number))["id"]
    path = f"/api/tickets/{number}/attachments"
    for person in (stranger, billing_agent):
        for answer in (
            await send(person, number), await person.get(path), await person.get(f"{path}/{id}"),
            await person.delete(f"{path}/{id}"),
        ):  # fmt: skip
            assert_problem(answer, 404, "ticket_not_found")
    assert len(await listed(requester, number)) == 1


async def test_who_is_not_signed_in_gets_and_sends_nothing(
    nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient, number: int
) -> None:
    path = f"/api/tickets/{number}/attachments/{(await attached(requester, number))['id']}"

    for answer in (await send(nobody, number), await nobody.get(path), await nobody.delete(path)):
        assert_problem(answer, 401)


async def test_internal_files_are_not_there_for_requesters(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, number: int
) -> None:
    made = await attached(agent, number, "planted.txt", b"Plantedinternal", internal="true")
    path = f"/api/tickets/{number}/attachments/{made['id']}"

    assert made["internal"]
    assert await listed(requester, number) == []
    assert_problem(await requester.get(path), 404, "attachment_not_found")
    assert_problem(await requester.delete(path), 404, "attachment_not_found")
    assert made["id"] not in (await requester.get(f"/api/tickets/{number}/timeline")).text
    assert (await agent.get(path)).content == b"Plantedinternal"
    assert (await timeline_of(agent, number))[-1]["internal"]
    await agent.delete(path)
    assert made["id"] not in (await requester.get(f"/api/tickets/{number}/timeline")).text


async def test_a_hidden_file_is_answered_like_one_that_does_not_exist(
    requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, number: int
) -> None:
    made = await attached(agent, number, internal="true")
    hidden = (await requester.get(f"/api/tickets/{number}/attachments/{made['id']}")).text
    missing = (await requester.get(f"/api/tickets/{number}/attachments/{UNKNOWN}")).text

    assert hidden == missing.replace(UNKNOWN, made["id"])


async def test_a_requester_attaches_nothing_internally(
    api: ApiDesk, requester: httpx2.AsyncClient, number: int
) -> None:
    assert_problem(await send(requester, number, internal="true"), 403, "forbidden")

    assert await rows(api, number) == 0


async def test_another_tickets_file_is_not_this_ones(requester: httpx2.AsyncClient, number: int) -> None:
    other = await opened(requester, team="support")
    made = await attached(requester, other["number"])
    path = f"/api/tickets/{number}/attachments/{made['id']}"

    for answer in (await requester.get(path), await requester.delete(path)):
        assert_problem(answer, 404, "attachment_not_found")


async def test_only_who_sent_a_file_and_supervisors_remove_it(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient, number: int,
) -> None:  # fmt: skip
    theirs, ours = await attached(requester, number), await attached(agent, number, content=PNG + b"x")
    path = f"/api/tickets/{number}/attachments"
    for person, id in ((requester, ours["id"]), (agent, theirs["id"]), (colleague, ours["id"])):
        assert_problem(await person.delete(f"{path}/{id}"), 403, "forbidden")

    assert (await agent.delete(f"{path}/{ours['id']}")).status_code == 204
    assert (await supervisor.delete(f"{path}/{theirs['id']}")).status_code == 204

    assert await rows(api, number) == 0
    assert_problem(await agent.get(f"{path}/{ours['id']}"), 404, "attachment_not_found")


async def test_a_closed_ticket_takes_no_file_but_gives_one_up(
    api: ApiDesk, requester: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, number: int
) -> None:
    id = (await attached(requester, number))["id"]
    for status in ("resolved", "closed"):
        await do(requester, number, "status", {"status": status})

    assert_problem(await send(requester, number, content=PNG + b"x"), 409, "ticket_closed")
    assert await rows(api, number) == 1
    assert (await supervisor.delete(f"/api/tickets/{number}/attachments/{id}")).status_code == 204
    assert (await ticket_of(requester, number))["status"] == "closed"


async def test_the_stream_tells_each_what_is_theirs_to_know(
    api: ApiDesk, api_settings: Settings, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, number: int
) -> None:
    async with (
        stream_server(api_settings) as server,
        server.listen(api.headers("requester"), f"?ticket={number}") as outside,
        server.listen(api.headers("agent"), f"?ticket={number}") as inside,
    ):
        internal = await attached(agent, number, "Planted.png", internal="true")
        public = await attached(agent, number, content=PNG + b"x")
        await requester.delete(f"/api/tickets/{number}/attachments/{internal['id']}")
        await agent.delete(f"/api/tickets/{number}/attachments/{public['id']}")
        heard = await outside.until_event("ticket.attachment_removed", number)
        told = await inside.until_event("ticket.attachment_removed", number)

    assert [(message.event, message.data["revision"]) for message in heard] == [
        ("ticket.attachment_added", 3), ("ticket.attachment_removed", 4),
    ]  # fmt: skip
    assert heard[0].data["change"] == {"attachment_id": public["id"], "internal": False}
    assert [message.data["change"]["attachment_id"] for message in told] == [
        internal["id"], public["id"], public["id"],
    ]  # fmt: skip
    assert "Planted" not in str([*heard, *told])


# What is no file that we take.


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
        assert answer.status_code in ((413,) if announced else (413, 405, 307, 404)), (method, path, answer.text)
    assert len(await listed(requester, number)) == 1


@pytest.mark.parametrize("id", ["1", "x", "%00", "..%2f..%2fetc%2fpasswd"])
async def test_a_malformed_id_is_refused(requester: httpx2.AsyncClient, number: int, id: str) -> None:
    path = f"/api/tickets/{number}/attachments/{id}"
    for answer in (await requester.get(path), await requester.delete(path)):
        assert answer.status_code in (404, 422)
        assert_problem(answer, answer.status_code)


# Bounds.


async def test_a_ticket_has_a_hundred_files_and_no_more(
    api: ApiDesk, requester: httpx2.AsyncClient, number: int
) -> None:
    id = (await attached(requester, number))["id"]
    await api.parts.pool.execute(
        "insert into attachments select gen_random_uuid(), ticket_number, author_id, name, media_type, size_bytes, "
        "sha256, internal, content, created_at, revision, added_at from attachments, generate_series(1, 99) "
        "where id = $1",
        id,
    )

    assert_problem(await send(requester, number, content=PNG + b"x"), 409, "limit_reached")
    await requester.delete(f"/api/tickets/{number}/attachments/{id}")
    await attached(requester, number, content=PNG + b"x")


async def test_the_bound_is_a_setting(api: ApiDesk, api_settings: Settings, number: int) -> None:
    small = api_settings.model_copy(update={"attachment_max_bytes": 1_024})
    async with running_app(small) as app:
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://desk",
            headers={"Authorization": f"Bearer {app.state.desk.tokens.make(api.people['requester'].id)}"},
        )  # fmt: skip
        async with client:
            assert_problem(await send(client, number, "a.txt", b"x" * 1_025), 413, "content_too_large")
            assert_problem(await send(client, number, "a.txt", b"x" * 70_000), 413)
            await attached(client, number, "a.txt", b"x" * 1_024)


async def test_an_upload_whose_command_never_came_is_nowhere_to_be_seen_and_swept(
    api: ApiDesk, requester: httpx2.AsyncClient, number: int
) -> None:
    made = await attached(requester, number)
    await api.parts.pool.execute(
        "update attachments set revision = null, added_at = null, created_at = now() - interval '2 days' where id = $1",
        made["id"],
    )

    assert await listed(requester, number) == []
    assert_problem(await requester.get(f"/api/tickets/{number}/attachments/{made['id']}"), 404, "attachment_not_found")
    assert await api.parts.attachments.delete_untied(timedelta(days=1)) >= 1
    assert await rows(api, number) == 0


def test_an_archive_with_too_many_members_is_not_looked_into() -> None:
    many = DOCX + b"PK\1\2" * MAX_MEMBERS

    assert found_in(many) == {"application/zip"}
    assert "application/vnd.openxmlformats-officedocument.wordprocessingml.document" in found_in(DOCX)


def test_what_is_no_archive_behind_its_first_bytes_is_nothing() -> None:
    assert found_in(b"PK\3\4" + bytes(100)) == frozenset()
