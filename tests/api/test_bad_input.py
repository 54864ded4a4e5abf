"""Whatever is sent, the answer is a problem with the right status, and nothing is half-written."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, do, opened

TABLES = (
    "tickets",
    "ticket_texts",
    "ticket_commands",
    "events",
    "start_requests",
    "people",
    "teams",
    "idempotency_keys",
)
JSON = {"Content-Type": "application/json"}

MALFORMED: dict[str, bytes] = {
    "no JSON": b"{not json",
    "half a body": b'{"title": "x"',
    "a second body": b'{"title": "x"}{}',
    "invalid UTF-8": b'{"title": "\xff\xfe"}',
    "a raw control character": b'{"title": "a\nb"}',
}
NOT_A_TICKET: dict[str, Any] = {
    "no body": None,
    "a list": [],
    "a text": "title",
    "a number": 7,
    "nothing in it": {},
    "no title": {"description": "x"},
    "null title": {"title": None},
    "empty title": {"title": ""},
    "blank title": {"title": " \t\n "},
    "title is a number": {"title": 7},
    "title is a list": {"title": ["x"]},
    "title too long": {"title": "x" * 201},
    "description too long": {"title": "x", "description": "x" * 50_001},
    "NUL in the title": {"title": "a\0b"},
    "NUL in the description": {"title": "x", "description": "a\0b"},
    "a lone surrogate in the title": {"title": "a\ud800b"},
    "a lone surrogate in the description": {"title": "x", "description": "\udfff"},
    "an unknown field": {"title": "x", "statsu": "open"},
    "an unknown field of a lone surrogate": {"title": "x", "\ud800": 1},
    "an unknown field with NUL": {"title": "x", "a\0b": 1},
    "an unknown field without a name": {"title": "x", "": 1},
    "a status": {"title": "x", "status": "closed"},
    "a number of its own": {"title": "x", "number": 1},
    "an unknown priority": {"title": "x", "priority": "highest"},
    "priority is a number": {"title": "x", "priority": 1},
    "priority in capitals": {"title": "x", "priority": "HIGH"},
    "category is no slug": {"title": "x", "category": "Technical Things"},
    "an unknown category": {"title": "x", "category": "nowhere"},
    "an unknown team": {"title": "x", "team": "nowhere"},
    "team is no slug": {"title": "x", "team": "../etc"},
    "NUL in the team": {"title": "x", "team": "a\0"},
    "a team with a line break": {"title": "x", "team": "support\n"},
    "requester is no id": {"title": "x", "requester": "me"},
    "an unknown requester": {"title": "x", "requester": "00000000-0000-4000-8000-000000000000"},
    "due in the past": {"title": "x", "due_at": "2001-01-01T00:00:00Z"},
    "due without a zone": {"title": "x", "due_at": "2100-01-01T00:00:00"},
    "due on a date": {"title": "x", "due_at": "2100-01-01"},
    "due in year 9999": {"title": "x", "due_at": "9999-12-31T23:59:59Z"},
    "due at the end of time, west": {"title": "x", "due_at": "9999-12-31T23:59:59-23:59"},
    "due in year 0001": {"title": "x", "due_at": "0001-01-01T00:00:00Z"},
    "due at the begin of time, east": {"title": "x", "due_at": "0001-01-01T00:00:00+23:59"},
    "due in year 10000": {"title": "x", "due_at": "10000-01-01T00:00:00Z"},
    "due on 30 February": {"title": "x", "due_at": "2100-02-30T00:00:00Z"},
    "due soon": {"title": "x", "due_at": "soon"},
    "due at a huge number": {"title": "x", "due_at": 10**30},
    "due at a huge float": {"title": "x", "due_at": 1e300},
    "minutes is zero": {"title": "x", "estimated_minutes": 0},
    "minutes below zero": {"title": "x", "estimated_minutes": -5},
    "minutes is huge": {"title": "x", "estimated_minutes": 10**400},
    "minutes is half": {"title": "x", "estimated_minutes": 1.5},
    "minutes is a text": {"title": "x", "estimated_minutes": "a while"},
    "minutes too many": {"title": "x", "estimated_minutes": 60 * 24 * 30 + 1},
    "tags is a text": {"title": "x", "tags": "vip"},
    "tags with a space": {"title": "x", "tags": ["v i p"]},
    "a tag too long": {"title": "x", "tags": ["x" * 41]},
    "too many tags": {"title": "x", "tags": [f"t{n}" for n in range(21)]},
    "too many skills": {"title": "x", "required_skills": [f"s{n}" for n in range(21)]},
    "tags is an object": {"title": "x", "tags": {"vip": True}},
}
RAW_TICKETS: dict[str, bytes] = {
    "minutes is not a number": b'{"title": "x", "estimated_minutes": NaN}',
    "minutes is endless": b'{"title": "x", "estimated_minutes": Infinity}',
    "minutes has a huge exponent": b'{"title": "x", "estimated_minutes": 1e999999}',
    "minutes has 5000 digits": b'{"title": "x", "estimated_minutes": ' + b"9" * 5000 + b"}",
    "very deep": b'{"title": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "empty": b"",
}


@pytest.fixture(scope="module")
async def number(requester: httpx2.AsyncClient) -> int:
    """One ticket on which nothing ever succeeds."""
    return int((await opened(requester, team="support"))["number"])


@pytest.fixture(autouse=True)
async def nothing_is_written(api: ApiDesk, number: int) -> AsyncIterator[None]:
    """No bad input leaves a row, but for texts whose command was refused: those are swept after a day."""

    async def rows() -> dict[str, int]:
        counts = {table: await api.parts.pool.fetchval(f"select count(*) from {table}") for table in TABLES}  # noqa: S608
        counts["revision"] = await api.parts.pool.fetchval("select revision from tickets where number = $1", number)
        counts["ticket_texts"] = await api.parts.pool.fetchval(
            "select count(*) from ticket_texts x join events e on e.text_id = x.id"
        )
        return counts

    # The workflow of the ticket removes the request to start it whenever it first runs.
    await api.parts.pool.execute("delete from start_requests")
    before = await rows()
    yield
    assert await rows() == before


def ascii_json(body: Any) -> bytes:
    """As a careless client encodes it: lone surrogates become escapes."""
    return json.dumps(body).encode()


@pytest.mark.parametrize("kind", MALFORMED)
async def test_what_is_no_json_is_said_to_be_none(requester: httpx2.AsyncClient, number: int, kind: str) -> None:
    for path in ("/api/tickets", f"/api/tickets/{number}/status"):
        answer = await requester.post(path, content=MALFORMED[kind], headers=JSON)
        assert answer.status_code == 422
        assert_problem(answer, answer.status_code)


@pytest.mark.parametrize("kind", NOT_A_TICKET)
async def test_a_body_that_is_no_ticket_opens_none(agent: httpx2.AsyncClient, kind: str) -> None:
    answer = await agent.post("/api/tickets", content=ascii_json(NOT_A_TICKET[kind]), headers=JSON)

    problem = assert_problem(answer, 422)
    assert "Traceback" not in answer.text
    assert problem["code"] in ("invalid", "unknown_reference", "moment_passed")


@pytest.mark.parametrize("kind", RAW_TICKETS)
async def test_json_at_the_edge_opens_no_ticket(agent: httpx2.AsyncClient, kind: str) -> None:
    answer = await agent.post("/api/tickets", content=RAW_TICKETS[kind], headers=JSON)

    assert answer.status_code == 422
    assert_problem(answer, answer.status_code)


async def test_the_fields_that_are_wrong_are_named(agent: httpx2.AsyncClient) -> None:
    answer = await agent.post("/api/tickets", json={"title": "", "tags": ["OK?", "fine"], "colour": "red"})

    problem = assert_problem(answer, 422, "invalid")
    assert {tuple(field["loc"]) for field in problem["errors"]} == {
        ("body", "title"), ("body", "tags", "0"), ("body", "colour"),
    }  # fmt: skip
    assert all(field["message"] for field in problem["errors"])


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense", ""]
)
async def test_another_content_type_is_refused(agent: httpx2.AsyncClient, content_type: str) -> None:
    answer = await agent.post("/api/tickets", content=b'{"title": "x"}', headers={"Content-Type": content_type})

    assert answer.status_code in (415, 422)
    assert_problem(answer, answer.status_code)


BAD_COMMANDS: list[tuple[str, Any]] = [
    ("replies", {}),
    ("replies", {"body": ""}),
    ("replies", {"body": "  "}),
    ("replies", {"body": None}),
    ("replies", {"body": "x" * 50_001}),
    ("replies", {"body": "nul\0"}),
    ("replies", {"body": "\ud800"}),
    ("replies", {"body": "x", "internal": "perhaps"}),
    ("replies", {"body": "x", "public": True}),
    ("status", {}),
    ("status", {"status": "done"}),
    ("status", {"status": None}),
    ("status", {"status": ["open"]}),
    ("status", {"status": "open", "force": True}),
    ("assign", {}),
    ("assign", {"assignee": "me"}),
    ("assign", {"assignee": None}),
    ("assign", {"assignee": 7}),
    ("escalate", {"level": 0}),
    ("escalate", {"level": 4}),
    ("escalate", {"level": 10**30}),
    ("escalate", {"level": "high"}),
    ("escalate", {"to": 2}),
    ("snooze", {"until": "tomorrow"}),
    ("snooze", {"until": "2001-01-01T00:00:00Z"}),
    ("snooze", {"until": "9999-12-31T23:59:59Z"}),
    ("snooze", {"until": "0001-01-01T00:00:00Z"}),
    ("snooze", {"until": "2100-01-01T00:00:00"}),
    ("claim", {"for": "somebody"}),
    ("claim", []),
    ("wake", "now"),
    ("unassign", {"assignee": None}),
    ("de-escalate", {"level": 1}),
]


@pytest.mark.parametrize(("what", "body"), BAD_COMMANDS)
async def test_a_malformed_command_is_refused(agent: httpx2.AsyncClient, number: int, what: str, body: Any) -> None:
    answer = await agent.post(f"/api/tickets/{number}/{what}", content=ascii_json(body), headers=JSON)

    assert_problem(answer, 422, "invalid", "moment_passed")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"title": None},
        {"title": ""},
        {"description": None},
        {"priority": None},
        {"category": None},
        {"tags": None},
        {"required_skills": None},
        {"status": "open"},
        {"requester": "00000000-0000-4000-8000-000000000000"},
        {"due_at": "2001-01-01T00:00:00Z"},
        {"team": "nowhere"},
        {"category": "nowhere"},
        {"title": "\0"},
        {"description": "\udc00"},
        {"assignee": None},
    ],
)
async def test_a_malformed_edit_is_refused(agent: httpx2.AsyncClient, number: int, body: Any) -> None:
    answer = await agent.patch(f"/api/tickets/{number}", content=ascii_json(body), headers=JSON)

    assert_problem(answer, 422, "invalid", "moment_passed", "unknown_reference")


def forged(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


FORGED_CURSORS = {
    "garbage": "garbage",
    "empty": "",
    "bytes": "%00%FF",
    "no base64": "!!!!",
    "other letters": "%C3%A4%E2%82%AC",
    "a number": forged()[:2],
    "too few parts": forged("-created_at", "2020-01-01T00:00:00+00:00"),
    "too many parts": forged("-created_at", "2020-01-01T00:00:00+00:00", 1, 2),
    "another sort": forged("number", "5", 5),
    "a huge number": forged("-created_at", "2020-01-01T00:00:00+00:00", 10**30),
    "a negative huge number": forged("-created_at", "2020-01-01T00:00:00+00:00", -(10**30)),
    "a truth for a number": forged("-created_at", "2020-01-01T00:00:00+00:00", True),
    "a fraction": forged("-created_at", "2020-01-01T00:00:00+00:00", 1.5),
    "a moment that is none": forged("-created_at", "yesterday", 1),
    "a moment of another calendar": forged("-created_at", "2020-W01-1", 1),
    "a moment with NUL": forged("-created_at", "2020-01-01\0", 1),
    "a moment far away": forged("-created_at", "9999-12-31T23:59:59-23:59", 1),
    "a list for a moment": forged("-created_at", [], 1),
    "too long": "A" * 301,
}
FORGED_SORTED = {
    "number": [
        forged("number", "9" * 30, 1),
        forged("number", "٣", 1),
        forged("number", "--5", 1),
        forged("number", "²", 1),
    ],
    "priority": [forged("priority", "99999", 1), forged("priority", "-99999999999", 1)],
    "due_at": [forged("due_at", "2020-W01-1", 1), forged("due_at", "-infinity", 1)],
}


@pytest.mark.parametrize("kind", FORGED_CURSORS)
async def test_a_cursor_that_no_list_made_is_refused(requester: httpx2.AsyncClient, kind: str) -> None:
    answer = await requester.get(f"/api/tickets?cursor={FORGED_CURSORS[kind]}")

    if answer.status_code != 200:  # a forged cursor that a list might have made is only a place in it
        assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize(
    ("sort", "cursor"), [(sort, one) for sort, cursors in FORGED_SORTED.items() for one in cursors]
)
async def test_a_forged_cursor_of_another_sort_is_refused(
    requester: httpx2.AsyncClient, sort: str, cursor: str
) -> None:
    answer = await requester.get(f"/api/tickets?sort={sort}&cursor={cursor}")

    if answer.status_code != 200:
        assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize(
    "query",
    [
        "sort=title", "sort=", "sort=--number", "limit=0", "limit=201", "limit=-1", "limit=many", "limit=1e2",
        "limit=" + "9" * 5000, "status=done", "status=", "priority=HIGH", "category=No+Slug", "team=%00", "tag=a%20b",
        "assignee=you", "assignee=", "requester=none", "q=%00", "q=" + "x" * 201, "snoozed=perhaps",
    ],
)  # fmt: skip
async def test_a_malformed_question_is_refused(requester: httpx2.AsyncClient, query: str) -> None:
    assert_problem(await requester.get(f"/api/tickets?{query}"), 422, "invalid")


@pytest.mark.parametrize(
    "q", ["%FF%FE", "%ED%A0%80", "'", "\\", "%25", ":*", "a%26%26", "(", "%F0%9F%8E%AB", "1" * 200]
)
async def test_any_words_may_be_searched_for(requester: httpx2.AsyncClient, q: str) -> None:
    answer = await requester.get(f"/api/tickets?q={q}")

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("wrong", ["0", "-1", "abc", "1.5", "1e3", "%00", "9" * 30, "9007199254740993", "%D9%A3x"])
async def test_a_number_that_no_ticket_can_have_is_refused(agent: httpx2.AsyncClient, wrong: str) -> None:
    for answer in (
        await agent.get(f"/api/tickets/{wrong}"),
        await agent.get(f"/api/tickets/{wrong}/timeline"),
        await agent.post(f"/api/tickets/{wrong}/claim"),
        await agent.get(f"/api/events?ticket={wrong}"),
    ):
        assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9" * 20, "2147483648", "%D9%A3x", "%C2%B2", "%00"])
async def test_a_malformed_place_in_a_timeline_is_refused(agent: httpx2.AsyncClient, number: int, cursor: str) -> None:
    assert_problem(await agent.get(f"/api/tickets/{number}/timeline?cursor={cursor}"), 422, "invalid")


@pytest.mark.parametrize(
    "header", ["x", '"x"', '"1", "2"', "'1'", '"-1"', '"1.0"', '"99999999999999"', "", '""', "\xb2"]
)
async def test_a_malformed_if_match_is_refused(agent: httpx2.AsyncClient, number: int, header: str) -> None:
    answer = await agent.post(
        f"/api/tickets/{number}/claim", headers=[(b"if-match", header.encode("latin-1"))], json={}
    )

    assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize("key", ["", "with space", "x" * 201, "\xe9", "tab\there"])
async def test_a_malformed_idempotency_key_is_refused(admin: httpx2.AsyncClient, number: int, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    for path, body in (
        ("/api/tickets", {"title": "x"}),
        (f"/api/tickets/{number}/claim", {}),
        ("/api/teams", {"slug": "keyed", "name": "Keyed"}),
    ):
        assert_problem(await admin.post(path, json=body, headers=headers), 422, "invalid")


BIG = b'{"title": "x", "description": "' + b"x" * 1_100_000 + b'"}'


async def test_a_body_over_a_mebibyte_is_refused(agent: httpx2.AsyncClient, number: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(BIG), 65_536):
            yield BIG[start : start + 65_536]

    for path in ("/api/tickets", f"/api/tickets/{number}/replies", "/api/auth/login"):
        assert_problem(await agent.post(path, content=chunks(), headers=JSON), 413)


async def test_a_body_that_says_it_is_over_a_mebibyte_is_refused(agent: httpx2.AsyncClient, number: int) -> None:
    for path in ("/api/tickets", f"/api/tickets/{number}/replies", "/api/auth/login"):
        assert_problem(await agent.post(path, content=BIG, headers=JSON), 413)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nowhere", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/api/tickets/1/nowhere", 404),
        ("DELETE", "/api/tickets/1", 405),
        ("PUT", "/api/tickets", 405),
        ("POST", "/api/events", 405),
        ("GET", "/api/tickets/1/claim", 405),
        ("BREW", "/api/tickets", 405),
    ],
)
async def test_a_way_that_does_not_exist(agent: httpx2.AsyncClient, method: str, path: str, status: int) -> None:
    assert_problem(await agent.request(method, path), status)


@pytest.mark.parametrize("command", ["1", "x", "%00", "00000000-0000-0000-0000-00000000000g"])
async def test_a_malformed_command_id_is_refused(agent: httpx2.AsyncClient, number: int, command: str) -> None:
    assert_problem(await agent.get(f"/api/tickets/{number}/commands/{command}"), 422, "invalid")


async def test_a_malformed_sign_in_is_refused(nobody: httpx2.AsyncClient) -> None:
    bodies: list[Any] = [
        {}, {"email": "a@example.com"}, {"email": None, "password": "x"}, {"email": 7, "password": 7}, [],
        {"email": "x" * 255, "password": "x"}, {"email": "a@example.com", "password": "x" * 201},
        {"email": "\ud800@example.com", "password": "x"}, {"email": "nul\0@example.com", "password": "x"},
        {"email": "a@example.com", "password": "x", "role": "admin"},
    ]  # fmt: skip
    for body in bodies:
        assert_problem(await nobody.post("/api/auth/login", content=ascii_json(body), headers=JSON), 422, "invalid")
    odd = ascii_json({"email": "agent@example.com", "password": "\ud800"})
    assert_problem(await nobody.post("/api/auth/login", content=odd, headers=JSON), 401, "invalid_credentials")
    registration = {"email": "r@example.com", "name": "R", "password": "long enough"}
    for change in (
        {"email": "r"}, {"email": "r@"}, {"email": "nul\0@example.com"}, {"email": f"{'x' * 250}@example.com"},
        {"name": ""}, {"name": " "}, {"name": "nul\0"}, {"name": "x" * 201}, {"name": "\ud800"},
        {"password": "short"}, {"password": "x" * 201}, {"is_active": True},
    ):  # fmt: skip
        answer = await nobody.post("/api/auth/register", content=ascii_json(registration | change), headers=JSON)
        assert_problem(answer, 422, "invalid")


async def test_a_refused_reply_is_nowhere_to_be_seen(agent: httpx2.AsyncClient, number: int) -> None:
    path = f"/api/tickets/{number}"
    stale = {"If-Match": '"99"'}

    assert_problem(await agent.post(f"{path}/replies", json={"body": "Plantedrefused"}, headers=stale), 412)
    assert_problem(await agent.patch(path, json={"title": "Plantedrefused"}, headers=stale), 412)

    assert "Plantedrefused" not in (await agent.get(f"{path}/timeline")).text
    assert "Plantedrefused" not in (await agent.get(path)).text
    assert (await agent.get("/api/tickets?q=Plantedrefused")).json()["items"] == []
    assert (await do(agent, number, "de-escalate"))["revision"] == 1


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b'{"title": "\xe9"}', b"[" * 100_000])
async def test_a_body_that_cannot_be_read_is_malformed(requester: httpx2.AsyncClient, body: bytes) -> None:
    answer = await requester.post("/api/tickets", content=body, headers={"Content-Type": "application/json"})

    assert_problem(answer, 422, "malformed_body", "malformed_json")
