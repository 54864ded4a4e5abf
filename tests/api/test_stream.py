"""The event stream: what happened, each event once, in order, and only to those who may know."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from starlette.types import Message

from api.credentials.token_keys import KeyRing
from api.credentials.tokens import AccessTokens
from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, ticket_of, timeline_of
from tests.api.listening import Stream, StreamServer, stream_server
from tests.workflows.engine_desk import eventually


@pytest.fixture(scope="module")
async def server(api: ApiDesk, api_settings: Settings) -> AsyncIterator[StreamServer]:
    async with stream_server(api_settings) as server:
        yield server


async def place(client: httpx2.AsyncClient) -> str:
    """The cursor of now."""
    return str((await client.get("/api/tickets?limit=1")).json()["stream_cursor"])


async def test_the_first_event_says_hello(api: ApiDesk, server: StreamServer) -> None:
    async with server.listen(api.headers("agent")) as stream:
        hello = stream.received[0]

        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"] == "no-store"
        assert hello.id == hello.data["cursor"]
        assert hello.data["at"].endswith("Z")
        assert hello.data["ends_at"] > hello.data["at"]


async def test_what_happens_arrives_once_and_in_order(
    api: ApiDesk, server: StreamServer, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    async with server.listen(api.headers("agent")) as stream:
        number = (await opened(requester, team="support"))["number"]
        await do(agent, number, "claim")
        await do(agent, number, "replies", {"body": "Which printer?"})
        await do(agent, number, "escalate")
        await agent.patch(f"/api/tickets/{number}", json={"title": "New title", "priority": "high"})
        await do(agent, number, "status", {"status": "resolved"})
        seen = [
            message
            for message in await stream.until(lambda message: message.what == ("ticket.sla_changed", number, 10))
            if message.data["ticket"] == number
        ]

    assert [message.what for message in seen] == [
        ("ticket.opened", number, 1),
        ("ticket.assigned", number, 2),
        ("ticket.replied", number, 3),
        ("ticket.status_changed", number, 4),
        ("ticket.sla_changed", number, 5),
        ("ticket.escalated", number, 6),
        ("ticket.edited", number, 7),
        ("ticket.sla_changed", number, 8),
        ("ticket.status_changed", number, 9),
        ("ticket.sla_changed", number, 10),
    ]
    changes = [message.data["change"] for message in seen]
    me = {"id": str(api.people["agent"].id), "name": "Alex Agent"}
    assert changes[0]["title"] == "The printer is on fire"
    assert changes[1]["assignee"] == me
    assert "body" not in changes[2]
    assert changes[6]["title"] == "New title"
    assert [clock["state"] for clock in changes[-1]["sla"]] == ["met", "met"]
    assert changes[6]["priority"] == "high"
    assert (changes[8]["status"], changes[8]["previous"]) == ("resolved", "open")
    assert all(message.data["actor"] == {"kind": "person", **me} for message in seen[1:])
    assert "Which printer?" not in str(seen)
    ids = [message.id for message in seen]
    assert len(set(ids)) == len(ids)
    assert [message.data["id"] for message in seen] == ids


async def test_a_listener_who_comes_back_goes_on_where_they_were(
    api: ApiDesk, server: StreamServer, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    number = ticket["number"]
    for turn in range(4):
        await do(agent, number, "escalate" if turn % 2 == 0 else "de-escalate")
    start = f"?ticket={number}&cursor=1.0-0"
    async with server.listen(api.headers("agent"), start) as stream:
        whole = [await stream.next() for _ in range(5)]
    assert [message.data["revision"] for message in whole] == [1, 2, 3, 4, 5]

    for seen in range(5):
        last = whole[seen].id
        assert last is not None
        async with server.listen(api.headers("agent"), f"?ticket={number}", **{"Last-Event-ID": last}) as stream:
            assert stream.received[0].id == last
            assert [await stream.next() for _ in whole[seen + 1 :]] == whole[seen + 1 :]
            await do(agent, number, "escalate" if seen % 2 == 0 else "de-escalate")
            whole.append(await stream.next())
    assert [message.data["revision"] for message in whole] == list(range(1, 11))


async def test_the_header_wins_over_the_query(
    api: ApiDesk, server: StreamServer, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    now = await place(agent)

    async with server.listen(api.headers("agent"), "?cursor=1.0-0", **{"Last-Event-ID": now}) as stream:
        assert stream.received[0].data["cursor"] == now


async def test_a_list_and_the_stream_behind_its_cursor_are_the_new_list(
    api: ApiDesk, server: StreamServer, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    tag = f"joined-{uuid4().hex[:8]}"
    tickets = [await opened(agent, tags=[tag]) for _ in range(3)]
    stop = asyncio.Event()

    async def change() -> None:
        """Somebody works while the list is read."""
        turn = 0
        while not stop.is_set():
            await do(agent, tickets[turn % 3]["number"], ("escalate", "de-escalate")[turn // 3 % 2])
            turn += 1

    changing = asyncio.create_task(change())
    page = (await agent.get(f"/api/tickets?tag={tag}")).json()
    known = {item["number"]: (item["revision"], item["escalation_level"]) for item in page["items"]}
    async with server.listen(api.headers("agent"), f"?cursor={page['stream_cursor']}") as stream:
        for _ in range(6):
            await stream.until(lambda message: message.data.get("ticket") in known)
        stop.set()
        await changing
        last = await opened(agent)
        await stream.until_event("ticket.opened", last["number"])

    for message in stream.received[1:]:
        if message.data["ticket"] in known and message.data["revision"] > known[message.data["ticket"]][0]:
            revision = known[message.data["ticket"]][0]
            assert message.data["revision"] == revision + 1
            known[message.data["ticket"]] = (revision + 1, message.data["change"]["escalation_level"])
    now = (await agent.get(f"/api/tickets?tag={tag}")).json()["items"]
    assert known == {item["number"]: (item["revision"], item["escalation_level"]) for item in now}


async def test_a_transaction_that_commits_late_is_not_skipped(
    api: ApiDesk, server: StreamServer, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    late = await opened(agent, team="support")
    connection = await asyncpg.connect(api.settings.database_dsn)
    try:
        slow = connection.transaction()
        await slow.start()
        await connection.execute(
            "insert into events (topic, type, at, ticket_number, revision, actor_kind, internal, data) "
            "values ('tickets', 'ticket.escalated', now(), $1, 1000, 'integration', false, $2)",
            late["number"],
            '{"escalation_level": 1}',
        )
        await do(agent, ticket["number"], "escalate")
        cursor = await place(agent)
        async with server.listen(api.headers("agent"), f"?cursor={cursor}") as stream:
            await slow.commit()
            seen = await stream.until_event("ticket.escalated", ticket["number"])
    finally:
        await connection.close()

    ours = [message.what for message in seen if message.data["ticket"] in (late["number"], ticket["number"])]
    assert ours == [("ticket.escalated", late["number"], 1000), ("ticket.escalated", ticket["number"], 2)]


async def test_a_filter_for_one_ticket(
    api: ApiDesk, server: StreamServer, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    other = await opened(agent, team="support")
    async with server.listen(api.headers("agent"), f"?ticket={ticket['number']}") as stream:
        await do(agent, other["number"], "claim")
        await do(agent, ticket["number"], "claim")

        assert (await stream.next()).what == ("ticket.assigned", ticket["number"], 2)


async def test_a_filter_for_topics(
    api: ApiDesk, server: StreamServer, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    async with (
        server.listen(api.headers("agent"), "?topics=presence,tickets") as both,
        server.listen(api.headers("agent"), "?topics=presence") as presence,
    ):
        await do(agent, ticket["number"], "claim")
        await both.until_event("ticket.assigned", ticket["number"])

        assert [message.event for message in presence.received] == ["hello"]


@pytest.mark.parametrize(
    "query",
    [
        "?topics=ticket", "?topics=tickets,people", "?topics=%00", "?topics=" + "x" * 201,
        "?cursor=x", "?cursor=1", "?cursor=1.1", "?cursor=1.1-", "?cursor=-1.1-1", "?cursor=1.99999999999999999999-1",
        "?cursor=1.9999999999999999999-1", "?cursor=9999999999.1-1", "?cursor=%D9%A3.x", "?cursor=1.1-1%0A",
        "?ticket=x", "?ticket=0", "?ticket=" + "9" * 30,
    ],
)  # fmt: skip
async def test_a_malformed_wish_is_refused(agent: httpx2.AsyncClient, query: str) -> None:
    assert_problem(await agent.get(f"/api/events{query}"), 422, "invalid")


async def test_a_malformed_last_event_id_is_refused(agent: httpx2.AsyncClient) -> None:
    for given in (b"x", b"1.1", b"\xff", b"1.99999999999999999999-1"):
        answer = await agent.get("/api/events", headers=[(b"last-event-id", given)])
        assert_problem(answer, 422, "invalid")


async def test_a_cursor_of_another_epoch_is_answered_with_a_reset(
    api: ApiDesk, server: StreamServer, agent: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    async with server.listen(api.headers("agent"), "?cursor=0.5-5") as stream:
        reset = await stream.next()
        await do(agent, ticket["number"], "claim")
        seen = await stream.until_event("ticket.assigned", ticket["number"])

    assert reset.event == "reset"
    assert reset.data["reason"]
    assert stream.received[0].id is None, "cut off before the reset, a client has to come back to it"
    assert reset.id == stream.received[0].data["cursor"]
    assert reset.id is not None
    assert not reset.id.startswith("0.")
    assert seen[-1].data["revision"] == 2


async def test_a_cursor_older_than_the_log_keeps_is_answered_with_a_reset(
    api: ApiDesk, server: StreamServer, ticket: dict[str, Any]
) -> None:
    row = await api.parts.pool.fetchrow(
        "update events set recorded_at = recorded_at - make_interval(days => $2) where ticket_number = $1 "
        "returning xid::text, id",
        ticket["number"],
        api.settings.event_retention_days + 1,
    )
    assert row is not None

    async with server.listen(api.headers("agent"), f"?cursor=1.{row['xid']}-{row['id'] - 1}") as stream:
        assert (await stream.next()).event == "reset"
    async with server.listen(api.headers("agent"), f"?cursor=1.{row['xid']}-{row['id']}&ticket={ticket['number']}"):
        pass


# Rights.


async def seen_by(stream: Stream, client: httpx2.AsyncClient) -> list[tuple[str, int | None, int | None]]:
    """What has arrived before a ticket that this listener surely sees, but for what they were notified of."""
    mark = await opened(client)
    seen = (await stream.until_event("ticket.opened", mark["number"]))[:-1]
    return [message.what for message in seen if message.event != "notification.created"]


async def test_a_requester_hears_of_their_own_tickets_and_no_notes(
    api: ApiDesk, server: StreamServer, requester: httpx2.AsyncClient, stranger: httpx2.AsyncClient,
    agent: httpx2.AsyncClient, engine: Any,
) -> None:  # fmt: skip
    async with server.listen(api.headers("requester"), "?topics=tickets") as stream:
        mine, theirs = await opened(requester, team="support"), await opened(stranger, team="support")
        for number in (mine["number"], theirs["number"]):
            await do(agent, number, "replies", {"body": "Plantednote", "internal": True})
            await do(agent, number, "claim")
        handle = engine.get_workflow_handle(f"ticket-{mine['number']}")
        await handle.signal("submit", {"type": "nonsense"})
        await do(agent, mine["number"], "replies", {"body": "Come at three."})
        seen = await seen_by(stream, requester)

    assert seen == [
        ("ticket.opened", mine["number"], 1),
        ("ticket.assigned", mine["number"], 3),
        ("ticket.replied", mine["number"], 5),
        ("ticket.status_changed", mine["number"], 6),
    ]
    assert "Plantednote" not in str(stream.received)
    refused = [entry["type"] for entry in await timeline_of(agent, mine["number"])]
    assert "ticket.command_refused" in refused


async def test_a_stranger_hears_nothing_of_others_even_from_the_beginning(
    api: ApiDesk, server: StreamServer, stranger: httpx2.AsyncClient
) -> None:
    async with server.listen(api.headers("requester2"), "?cursor=1.0-0") as stream:
        mark = await opened(stranger)
        seen = await stream.until_event("ticket.opened", mark["number"])

    for number in {message.data["ticket"] for message in seen} - {None}:
        await ticket_of(stranger, number)


@pytest.fixture
async def changing_agent(admin: httpx2.AsyncClient, nobody: httpx2.AsyncClient) -> tuple[str, dict[str, str]]:
    """An agent of `support` of the test's own: id and headers."""
    person = {
        "email": f"{uuid4()}@example.com", "name": "Changing", "role": "agent", "password": "long enough",
        "teams": ["support"],
    }  # fmt: skip
    made = (await admin.post("/api/users", json=person)).json()
    login = {"email": person["email"], "password": person["password"]}
    token = (await nobody.post("/api/auth/login", json=login)).json()["access_token"]
    return made["id"], {"Authorization": f"Bearer {token}"}


async def test_a_change_of_teams_and_role_takes_effect_mid_stream(
    server: StreamServer, admin: httpx2.AsyncClient, changing_agent: tuple[str, dict[str, str]]
) -> None:
    person, headers = changing_agent
    async with server.listen(headers) as stream:

        async def seen_of(*teams: str) -> set[str]:
            made = {(await opened(admin, team=team))["number"]: team for team in teams}
            return {made[ticket] for _, ticket, _ in await seen_by(stream, admin) if ticket in made}

        assert await seen_of("support", "billing") == {"support"}
        await admin.patch(f"/api/users/{person}", json={"teams": ["billing"]})
        assert await seen_of("support", "billing") == {"billing"}
        await admin.patch(f"/api/users/{person}", json={"role": "supervisor"})
        assert await seen_of("support", "billing") == {"support", "billing"}
        await admin.patch(f"/api/users/{person}", json={"role": "requester"})
        await opened(admin, team="billing")
        last = await admin.post("/api/tickets", json={"title": "For you", "requester": person})
        seen = await stream.until_event("ticket.opened", last.json()["number"])

    assert [message.what for message in seen] == [("ticket.opened", last.json()["number"], 1)]


async def test_a_deactivated_listener_is_sent_away(
    server: StreamServer, admin: httpx2.AsyncClient, changing_agent: tuple[str, dict[str, str]]
) -> None:
    person, headers = changing_agent
    async with server.listen(headers) as stream:
        await admin.patch(f"/api/users/{person}", json={"is_active": False})
        bye = (await stream.until_end())[-1]

        with pytest.raises(StopAsyncIteration):
            await stream.next()
    assert bye.data["reason"] == "signed out"


async def test_a_ticket_that_leaves_the_team_leaves_the_stream(
    api: ApiDesk, server: StreamServer, supervisor: httpx2.AsyncClient, requester: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
) -> None:  # fmt: skip
    ticket = await opened(requester, team="support")
    async with server.listen(api.headers("agent")) as stream:
        await supervisor.patch(f"/api/tickets/{ticket['number']}", json={"team": "billing"})
        await do(supervisor, ticket["number"], "escalate")
        assert ticket["number"] not in {number for _, number, _ in await seen_by(stream, agent)}
        await supervisor.patch(f"/api/tickets/{ticket['number']}", json={"team": "support"})
        seen = await stream.until_event("ticket.moved", ticket["number"])

    assert seen[-1].data["change"] == {"team": "support", "previous": "billing"}


async def test_a_stream_ends_with_its_token(api: ApiDesk, server: StreamServer) -> None:
    keys = KeyRing(api.settings.token_key_path)
    token = AccessTokens(keys, timedelta(seconds=2)).make(api.people["agent"].id, api.sessions["agent"])

    async with server.listen({"Authorization": f"Bearer {token}"}) as stream:
        bye = (await stream.until_end())[-1]

    assert bye.data["reason"] == "time to reconnect"


async def test_streams_end_with_a_bye_when_the_process_stops(api: ApiDesk, api_settings: Settings) -> None:
    async with (
        stream_server(api_settings) as server,
        server.listen(api.headers("agent")) as one,
        server.listen(api.headers("requester")) as other,
    ):
        server.server.should_exit = True
        for stream in (one, other):
            bye = (await stream.until_end())[-1]
            assert bye.data["reason"] == "shutdown"
            assert bye.id is not None  # all that was committed until then had been told
            with pytest.raises(StopAsyncIteration):
                await stream.next()


async def test_streams_that_ended_are_forgotten(api: ApiDesk, api_settings: Settings) -> None:
    async with stream_server(api_settings) as server, httpx2.AsyncClient(base_url=server.base) as client:
        for _ in range(3):
            async with server.listen(api.headers("agent")):
                pass

        async def metrics() -> str:
            return str((await client.get("/metrics")).text)

        await eventually(metrics, lambda text: "\nevent_streams 0.0" in text)


async def test_a_listener_who_is_gone_before_the_first_byte_is_forgotten(api: ApiDesk) -> None:
    token = api.headers("agent")["Authorization"].encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/api/events", "raw_path": b"/api/events", "query_string": b"", "root_path": "",
        "headers": [(b"authorization", token)], "client": ("127.0.0.1", 1), "server": ("desk", 80), "state": {},
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise OSError("the connection is gone")

    before = api.parts.feed.subscribers
    with contextlib.suppress(OSError, RuntimeError):
        await api.app(scope, receive, send)

    assert api.parts.feed.subscribers == before
