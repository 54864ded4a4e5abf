"""Who is there: said by hand, by the app's own stream, and told on the stream."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest
from temporalio.client import Client

from database.agent_connections import AgentConnectionStore
from database.agent_lives import AgentLifeStore
from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem, running_app
from tests.api.listening import StreamServer, stream_server
from tests.api.presence_desk import Member, member, planned
from tests.workflows.engine_desk import eventually
from worker import build_worker, presence_rules
from workflows.agent_client import AgentClient, agent_workflow_id
from workflows.client import connect
from workflows.presence_watch import PresenceWatch


@pytest.fixture
async def somebody(api: ApiDesk) -> AsyncIterator[Member]:
    async with member(api) as somebody:
        yield somebody


@pytest.fixture(scope="module")
async def server(api: ApiDesk, api_settings: Settings) -> AsyncIterator[StreamServer]:
    async with stream_server(api_settings) as server:
        yield server


@pytest.fixture(scope="module")
async def watch(api: ApiDesk, api_settings: Settings, engine: Client) -> AsyncIterator[PresenceWatch]:
    """The watch that runs beside the worker."""
    pool = api.parts.pool
    agents = AgentClient(engine, 30)
    watch = PresenceWatch(
        AgentConnectionStore(pool), AgentLifeStore(pool), agents, presence_rules(api_settings)
    )  # fmt: skip
    running = asyncio.create_task(watch.run())
    yield watch
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_a_new_agent_is_offline(somebody: Member) -> None:
    spoken = await somebody.presence()

    assert spoken["agent"] == {"id": str(somebody.id), "name": somebody.name}
    assert (spoken["presence"], spoken["connected"], spoken["shift"], spoken["current_break"], spoken["revision"]) == (
        "offline", False, None, None, 0
    )  # fmt: skip


async def test_agents_say_what_they_are(somebody: Member, agent: httpx2.AsyncClient) -> None:
    answer = await somebody.sets("busy")

    spoken = answer.json()
    assert (answer.status_code, spoken["presence"], spoken["cause"], spoken["revision"]) == (200, "busy", "by_hand", 1)
    assert spoken == await somebody.presence()
    assert spoken == (await agent.get(f"/api/agents/{somebody.id}/presence")).json()


async def test_supervisors_say_it_of_anybody(somebody: Member, supervisor: httpx2.AsyncClient) -> None:
    answer = await supervisor.put(f"/api/agents/{somebody.id}/presence", json={"presence": "away"})

    assert answer.status_code == 200
    assert (await somebody.presence())["presence"] == "away"


async def test_agents_say_it_of_nobody_else(somebody: Member, agent: httpx2.AsyncClient) -> None:
    answer = await agent.put(f"/api/agents/{somebody.id}/presence", json={"presence": "away"})

    assert_problem(answer, 403, "forbidden")
    assert (await somebody.presence())["revision"] == 0


async def test_requesters_are_told_nothing(somebody: Member, requester: httpx2.AsyncClient) -> None:
    for path in ("/api/agents/me/presence", f"/api/agents/{somebody.id}/presence", "/api/agents/available"):
        assert_problem(await requester.get(path), 403, "forbidden")
    answer = await requester.put("/api/agents/me/presence", json={"presence": "online"})
    assert_problem(answer, 403, "forbidden")


async def test_who_is_no_agent_has_no_presence(api: ApiDesk, supervisor: httpx2.AsyncClient) -> None:
    for id in (uuid4(), api.people["requester"].id):
        assert_problem(await supervisor.get(f"/api/agents/{id}/presence"), 404, "not_found")
        answer = await supervisor.put(f"/api/agents/{id}/presence", json={"presence": "online"})
        assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("body", [{}, {"presence": "asleep"}, {"presence": None}, {"presence": "busy", "at": 1}, []])
async def test_a_malformed_presence_is_refused(somebody: Member, body: object) -> None:
    assert_problem(await somebody.client.put("/api/agents/me/presence", json=body), 422, "invalid")


async def test_nobody_is_called_so(somebody: Member) -> None:
    assert_problem(await somebody.client.get("/api/agents/you/presence"), 422, "invalid")


async def test_the_same_key_acts_once(somebody: Member) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    await somebody.sets("busy", **key)
    await somebody.sets("online")

    again = await somebody.sets("busy", **key)
    other = await somebody.sets("away", **key)

    assert (again.status_code, again.json()["presence"]) == (200, "online")
    assert_problem(other, 422, "idempotency_key_reused")
    assert (await somebody.presence())["revision"] == 2


async def test_a_break_by_hand_begins_and_ends(somebody: Member) -> None:
    assert_problem(await somebody.sets("on_break"), 409, "not_at_work")
    await somebody.sets("online")

    on_break = (await somebody.sets("on_break")).json()
    back = (await somebody.sets("online")).json()

    assert (on_break["presence"], on_break["current_break"]["kind"]) == ("on_break", "short_break")
    assert (on_break["current_break"]["id"], on_break["current_break"]["ends_at"]) == (None, None)
    assert (back["presence"], back["current_break"]) == ("online", None)


async def test_those_who_are_online_are_available(somebody: Member, agent: httpx2.AsyncClient) -> None:
    async def available() -> list[dict[str, object]]:
        items = (await agent.get("/api/agents/available")).json()["items"]
        return [item for item in items if item["id"] == str(somebody.id)]

    assert await available() == []
    await somebody.sets("online")
    (item,) = await available()
    await somebody.sets("busy")

    assert (item["name"], item["teams"], item["presence"]) == (somebody.name, ["support"], "online")
    assert await available() == []


# On the stream.


async def test_the_desk_is_told_and_requesters_are_not(
    api: ApiDesk, server: StreamServer, somebody: Member, requester: httpx2.AsyncClient
) -> None:
    async with (
        server.listen(api.headers("agent2"), "?topics=presence") as desk,
        server.listen(api.headers("supervisor")) as everything,
        server.listen(api.headers("requester")) as outside,
    ):
        await somebody.sets("busy")
        (told,) = await desk.until(lambda message: message.data["change"]["agent"]["id"] == str(somebody.id))
        await everything.until(
            lambda message: message.event == told.event and message.data["change"] == told.data["change"]
        )
        opened = await requester.post("/api/tickets", json={"title": "Marker"})
        seen = await outside.until_event("ticket.opened", opened.json()["number"])

    assert (told.event, told.data["ticket"], told.data["revision"]) == ("agent.presence_changed", None, None)
    assert told.data["actor"] == {"kind": "person", "id": str(somebody.id), "name": somebody.name}
    assert told.data["change"] == {
        "agent": {"id": str(somebody.id), "name": somebody.name},
        "presence": "busy",
        "previous": "offline",
        "cause": "by_hand",
    }
    assert "agent.presence_changed" not in [message.event for message in seen]


async def test_a_stream_of_one_ticket_or_of_other_topics_tells_nothing_of_agents(
    api: ApiDesk, server: StreamServer, somebody: Member, requester: httpx2.AsyncClient
) -> None:
    number = (await requester.post("/api/tickets", json={"title": "Marker", "team": "support"})).json()["number"]
    async with (
        server.listen(api.headers("agent2"), f"?ticket={number}") as ticket,
        server.listen(api.headers("agent2"), "?topics=tickets") as tickets,
    ):
        await somebody.sets("busy")
        await requester.post(f"/api/tickets/{number}/replies", json={"body": "After that."})
        seen = [
            *await ticket.until_event("ticket.replied", number),
            *await tickets.until_event("ticket.replied", number),
        ]

    assert "agent.presence_changed" not in [message.event for message in seen]


async def test_what_was_missed_is_told_when_the_stream_is_resumed(
    api: ApiDesk, server: StreamServer, somebody: Member, agent: httpx2.AsyncClient
) -> None:
    cursor = (await agent.get("/api/tickets?limit=1")).json()["stream_cursor"]
    await somebody.sets("busy")

    async with server.listen(api.headers("agent2"), f"?topics=presence&cursor={cursor}") as stream:
        seen = await stream.until(lambda message: message.data["change"]["agent"]["id"] == str(somebody.id))

    assert seen[-1].data["change"]["presence"] == "busy"


# By the app's own stream.


async def test_a_stream_that_is_gone_makes_away_and_one_that_comes_back_makes_what_was_before(
    server: StreamServer, watch: PresenceWatch, somebody: Member
) -> None:
    await somebody.sets("busy")
    async with server.listen(somebody.headers):
        await eventually(somebody.presence, lambda spoken: bool(spoken["connected"]))
        assert (await somebody.presence())["presence"] == "busy"

    away = await somebody.becomes("away", "disconnected")
    async with server.listen(somebody.headers):
        back = await somebody.becomes("busy", "reconnected")

    assert not away["connected"]
    assert back["connected"]


async def test_the_streams_of_a_process_that_was_killed_do_not_keep_anybody_present(
    api: ApiDesk, watch: PresenceWatch, somebody: Member
) -> None:
    connections = AgentConnectionStore(api.parts.pool)
    killed = uuid4()
    await somebody.sets("online")
    await connections.keep(killed, {somebody.id: 2})
    await eventually(somebody.presence, lambda spoken: bool(spoken["connected"]))

    await api.parts.pool.execute(
        "update agent_connections set seen_at = seen_at - interval '1 minute' where process_id = $1", killed
    )

    assert not (await somebody.becomes("away", "disconnected"))["connected"]


async def test_requesters_are_not_counted(api: ApiDesk, server: StreamServer, somebody: Member) -> None:
    async with server.listen(api.headers("requester2")), server.listen(somebody.headers):
        await eventually(somebody.presence, lambda spoken: bool(spoken["connected"]))

    counted = await api.parts.pool.fetch("select person_id from agent_connections")
    assert api.people["requester2"].id not in [row["person_id"] for row in counted]


async def test_a_process_that_stops_says_that_its_streams_are_gone(api: ApiDesk, api_settings: Settings) -> None:
    async with member(api) as leaving:

        async def streams() -> list[int]:
            rows = await api.parts.pool.fetch(
                "select streams from agent_connections where person_id = $1", leaving.id
            )  # fmt: skip
            return [row["streams"] for row in rows]

        async with stream_server(api_settings) as stopping, stopping.listen(leaving.headers) as stream:
            assert await eventually(streams, bool) == [1]
            stopping.server.should_exit = True
            await stream.until_end()

        assert await eventually(streams, lambda found: found == [0]) == [0]


# When a part is down.


async def test_without_the_engine_streams_go_on_and_a_presence_is_to_be_set_later(
    api: ApiDesk, api_settings: Settings, free_port: Callable[[], int]
) -> None:
    settings = api_settings.model_copy(update={"temporal_address": f"127.0.0.1:{free_port()}"})
    async with (
        member(api) as alone,
        stream_server(settings) as server,
        server.listen(alone.headers, "?topics=presence") as stream,
        httpx2.AsyncClient(base_url=server.base, headers=alone.headers) as client,
    ):
        answer = await client.put("/api/agents/me/presence", json={"presence": "busy"})
        assert_problem(answer, 503, "engine_unavailable")
        assert (await client.get("/api/agents/me/presence")).json()["presence"] == "offline"

        await alone.sets("busy")  # through another process, whose engine is there

        seen = await stream.until(lambda message: message.data["change"]["agent"]["id"] == str(alone.id))
    assert seen[-1].data["change"]["presence"] == "busy"


async def test_without_a_worker_a_presence_is_accepted_and_set_later(
    api: ApiDesk, api_settings: Settings, engine: Client
) -> None:
    task_queue = f"no-worker-{uuid4()}"
    async with running_app(api_settings) as app, member(api, app) as patient:
        client = await connect(api_settings.temporal_target, api_settings.temporal_namespace)
        app.state.desk = dataclasses.replace(app.state.desk, agent_workflows=AgentClient(client, 0.5, task_queue))

        answer = await patient.sets("busy")

        assert answer.status_code == 202
        assert answer.headers["Location"] == answer.json()["location"] == f"/api/agents/{patient.id}/presence"
        assert (await patient.presence())["presence"] == "offline"
        async with build_worker(engine, app.state.desk.pool, task_queue=task_queue):
            await patient.becomes("busy", "by_hand")
            await engine.get_workflow_handle(agent_workflow_id(patient.id)).terminate(
                reason="no worker will come again"
            )


async def test_a_roll_call_starts_who_ought_to_run(api: ApiDesk, watch: PresenceWatch, engine: Client) -> None:
    agents = AgentClient(engine, 30)
    async with member(api) as planned_for:
        shift = await planned(api, planned_for.id, timedelta(hours=3))
        assert await agents.state(planned_for.id) is None

        assert await watch.call_the_roll() >= 1

        state = await eventually(lambda: agents.state(planned_for.id), lambda state: state is not None)
        assert state is not None
        assert (state.presence, shift.starts_at > state.since) == ("offline", True)


async def test_a_roll_call_tells_who_is_behind_their_row(api: ApiDesk, watch: PresenceWatch, engine: Client) -> None:
    agents = AgentClient(engine, 30)
    async with member(api) as behind:
        await behind.sets("busy")
        await api.parts.pool.execute(
            "update agents set revision = 2, life = jsonb_set(life, '{state,revision}', '2') where person_id = $1",
            behind.id,
        )

        assert await watch.call_the_roll() >= 1

        state = await agents.state(behind.id)
        assert state is not None
        assert state.revision == 2
