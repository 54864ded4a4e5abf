"""The overview is kept current: what the stream says of it, on top of what was read, is what is read anew."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from api.streaming.feed import may_see
from database.bell import BELL, Bell
from database.events import EventLog, StreamCursor
from database.facts_relay import FactsRelay
from database.overview_log import OverviewLog
from database.report_log import ReportLog
from domain.access import Reader
from tests.api.desk_api import ApiDesk, do, opened
from tests.api.listening import Stream, StreamServer, stream_server
from tests.workflows.engine_desk import eventually

Counts = dict[str | None, dict[str, Any]]


@pytest.fixture
async def facts(api: ApiDesk) -> AsyncIterator[ReportLog]:
    """Figures are kept current, as beside the worker."""
    pool = api.parts.pool
    log = ReportLog(pool)
    relay = FactsRelay(log, OverviewLog(pool, 0.05))
    tasks = [asyncio.create_task(part.run()) for part in (relay, Bell(api.settings.database_dsn, {BELL: relay.ring}))]
    yield log
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def server(api: ApiDesk) -> AsyncIterator[StreamServer]:
    async with stream_server(api.settings) as server:
        yield server


async def read(client: httpx2.AsyncClient) -> tuple[Counts, str]:
    """The counts of each team, and where the stream goes on."""
    answer = await client.get("/api/reports/overview")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return {one["team"]: one for one in body["teams"]}, body["stream_cursor"]


async def quiet(api: ApiDesk, log: ReportLog) -> None:
    """All that happened is folded and told."""

    async def is_quiet() -> bool:
        behind = (await log.standing()).behind_seconds
        return not behind and not await api.parts.pool.fetchval(
            "select exists (select from queue_revisions where revision > told_revision)"
        )

    await eventually(is_quiet, lambda is_so: is_so)


async def followed(stream: Stream, counts: Counts, until: Counts) -> Counts:
    """The counts after all events up to those revisions."""

    def take(change: dict[str, Any]) -> None:
        known = counts.get(change["team"])
        if known is None or change["revision"] > known["revision"]:
            counts[change["team"]] = change

    async with asyncio.timeout(20):
        while any(counts.get(team, {}).get("revision", 0) < one["revision"] for team, one in until.items()):
            message = await stream.next()
            if message.event == "overview.changed":
                take(message.data["change"])
    return counts


async def test_read_and_then_followed_is_what_a_new_read_shows(
    api: ApiDesk,
    server: StreamServer,
    facts: ReportLog,
    requester: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
) -> None:
    chance = random.Random(4)  # noqa: S311  nothing secret
    numbers = [int((await opened(requester, team="support"))["number"])]
    doings: list[tuple[str, Any]] = [
        ("claim", None), ("unassign", None), ("snooze", {}), ("wake", None), ("status", {"status": "pending"}),
        ("status", {"status": "resolved"}), ("status", {"status": "open"}), ("status", {"status": "closed"}),
    ]  # fmt: skip
    clients: list[tuple[httpx2.AsyncClient, str, Counts, str]] = []
    for place in range(40):
        if place % 3 == 0:
            team = chance.choice(["support", "billing", None])
            numbers.append(int((await opened(requester, team=team))["number"]))
        what, body = chance.choice(doings)
        await supervisor.post(f"/api/tickets/{chance.choice(numbers)}/{what}", json=body or {})  # or it is refused
        if place % 10 == 5:
            for client, name in ((supervisor, "supervisor"), (agent, "agent")):
                counts, cursor = await read(client)
                clients.append((client, name, counts, cursor))
    await quiet(api, facts)

    for client, name, counts, cursor in clients:
        async with server.listen(api.headers(name), "?topics=queue", **{"Last-Event-ID": cursor}) as stream:
            fresh, _ = await read(client)
            await followed(stream, counts, fresh)
            while any(one["revision"] > fresh[team]["revision"] for team, one in counts.items()):
                fresh, _ = await read(client)  # something came of itself meanwhile
                await followed(stream, counts, fresh)
            assert counts == fresh
        assert set(fresh) == {"support"} if name == "agent" else {"support", "billing", None} <= set(fresh)


async def test_nobody_hears_what_a_read_would_refuse(
    api: ApiDesk,
    server: StreamServer,
    facts: ReportLog,
    requester: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
) -> None:
    async with (
        server.listen(api.headers("supervisor"), "?topics=queue") as everything,
        server.listen(api.headers("agent"), "?topics=queue,tickets") as support,
        server.listen(api.headers("requester")) as outside,
    ):
        for team in ("billing", None, "support"):
            await opened(requester, team=team)
        await quiet(api, facts)
        fresh, _ = await read(supervisor)
        counts = await followed(everything, {}, {team: fresh[team] for team in ("billing", None, "support")})
        last = await opened(requester, team="support")
        await support.until_event("ticket.opened", last["number"])
        await outside.until_event("ticket.opened", last["number"])

    assert counts.keys() == {"billing", None, "support"}
    heard = {one.data["change"]["team"] for one in support.received if one.event == "overview.changed"}
    assert heard == {"support"}
    assert "overview.changed" not in {one.event for one in outside.received}


async def test_events_are_for_whom_the_read_counts_them(
    api: ApiDesk, facts: ReportLog, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    """Event by event, by the rule that the stream asks."""
    for team in ("billing", None, "support"):
        await opened(requester, team=team)
    await quiet(api, facts)
    page, events = await EventLog(api.parts.pool).after(StreamCursor(1, 0, 0), 5000), []
    while page:
        events += [one for one in page if one.type == "overview.changed"]
        page = await EventLog(api.parts.pool).after(page[-1].cursor, 5000)

    shown, _ = await read(agent)
    reader = Reader(id=api.people["agent"].id, role=api.people["agent"].role, teams=frozenset({"support"}))
    assert {one.team for one in events} >= {"billing", None, "support"}
    assert {one.team for one in events if may_see(reader, one)} == shown.keys()


async def test_a_fact_is_told_within_seconds(
    api: ApiDesk, server: StreamServer, facts: ReportLog, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    counts, cursor = await read(agent)
    before = counts.get("support", {"open": 0, "revision": 0})
    async with server.listen(api.headers("agent"), "?topics=queue", **{"Last-Event-ID": cursor}) as stream:
        number = int((await opened(requester, team="support"))["number"])
        await do(agent, number, "claim")

        async with asyncio.timeout(20):
            seen = await stream.until(
                lambda one: one.event == "overview.changed" and one.data["change"]["revision"] > before["revision"]
            )

    change = seen[-1].data
    assert (change["ticket"], change["revision"], change["actor"]["kind"]) == (None, None, "timer")
    assert change["change"]["open"] >= 1
