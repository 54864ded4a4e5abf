"""Files of tickets over HTTP: who attaches, sees and removes what, and how it comes out."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from settings import Settings
from tests.api.attaching import MAX_BYTES, PNG, UNKNOWN, attached, listed, rows, send, zipped
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, running_app, ticket_of, timeline_of
from tests.api.listening import stream_server

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
            headers=api.headers("requester"),
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
