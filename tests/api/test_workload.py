"""Workload over HTTP: who sees which figures, plans that are proposed and carried out, and queues on the stream."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2
import pytest
from temporalio.client import Client

from database.shifts import ShiftStore
from database.workload import WorkloadStore
from domain.audit import Author
from domain.balance import Held
from domain.dispatch import Board
from domain.ids import PersonId, TicketNumber
from domain.ticket import Slug, Ticket
from domain.ticket_commands import CommandEnvelope, Receipt
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, ticket_of, timeline_of
from tests.api.listening import StreamServer, stream_server
from workflows.client import CommandPendingError, EngineUnavailableError
from workflows.dispatch_client import DispatchClient, dispatcher_id
from workflows.ticket_client import TicketClient


class Team(NamedTuple):
    """A team of two of its own, so that nobody else's tickets are in its way. Its dispatcher does not run."""

    api: ApiDesk
    supervisor: httpx2.AsyncClient
    slug: str
    one: PersonId
    other: PersonId

    async def has(self, person: PersonId, **fields: Any) -> None:
        for field, value in fields.items():
            await self.api.parts.pool.execute(f"update agents set {field} = $2 where person_id = $1", person, value)  # noqa: S608  our own names

    async def given(self, person: PersonId | None, count: int = 1, **fields: Any) -> list[int]:
        numbers = []
        for _ in range(count):
            ticket = await opened(self.supervisor, team=self.slug, **fields)
            if person is not None:
                await do(self.supervisor, ticket["number"], "assign", {"assignee": str(person), "override": True})
            numbers.append(ticket["number"])
        return numbers

    async def asks(self, what: str, key: str | None = None, **body: Any) -> dict[str, Any]:
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.supervisor.post(f"/api/workload/{what}", json={"team": self.slug, **body}, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def owners(self, numbers: list[int]) -> list[str | None]:
        rows = [await self.api.parts.tickets.state(TicketNumber(number)) for number in numbers]
        return [None if row is None or row.assignee_id is None else str(row.assignee_id) for row in rows]


@pytest.fixture
async def team(api: ApiDesk, supervisor: httpx2.AsyncClient) -> AsyncIterator[Team]:
    pool, slug = api.parts.pool, f"team-{uuid4().hex[:8]}"
    one, other = sorted([PersonId(uuid4()), PersonId(uuid4())])
    await pool.execute("insert into teams (slug, name) values ($1, $1)", slug)
    for person in (one, other):
        await pool.execute(
            "insert into people (id, email, name, role, password_hash) values ($1, $2, $2, 'agent', '')",
            person,
            f"{person}@example.com",
        )
        await pool.execute("insert into team_members (person_id, team) values ($1, $2)", person, slug)
        await pool.execute("update agents set presence = 'online', capacity_tickets = 4 where person_id = $1", person)
    yield Team(api, supervisor, slug, one, other)
    await pool.execute("update teams set is_active = false where slug = $1", slug)
    await pool.execute("delete from team_members where team = $1", slug)
    await pool.execute("update people set is_active = false where id = any($1::uuid[])", [one, other])


def moves(plan: dict[str, Any]) -> list[tuple[int, str | None, str, str]]:
    return [
        (move["ticket"], move["from"] and move["from"]["id"], move["to"]["id"], move["outcome"])
        for move in plan["moves"]
    ]


# Figures.


async def test_a_team_shows_its_queue_and_its_agents(team: Team) -> None:
    await team.api.parts.skills.set(team.one, {"vpn": 3}, Author(team.api.people["supervisor"].id))
    await team.has(team.other, presence="offline")
    await team.given(team.one, 2, estimated_minutes=30)
    await team.given(None)

    answer = await team.supervisor.get(f"/api/workload/teams/{team.slug}")

    assert answer.status_code == 200
    found = answer.json()
    assert (found["queue"]["waiting"], found["queue"]["owned"], found["queue"]["by_status"]["new"]) == (1, 2, 2)
    staff = found["staff"]
    assert (staff["agents"], staff["there"], staff["presence"]["offline"]) == (2, 1, 1)
    assert (staff["load"], staff["capacity"], staff["utilisation"], staff["room"]) == (2, 8, 0.25, 2)
    assert staff["skills"] == [{"skill": "vpn", "agents": 1, "there": 1}]
    one, other = found["members"]
    assert (one["agent"]["id"], one["utilisation"], one["load_minutes"]) == (str(team.one), 0.5, 60)
    assert one["next_free_at"] == found["as_of"]
    assert (other["there"], other["next_free_at"], other["owned"]) == (False, None, 0)
    listed = (await team.supervisor.get("/api/workload/teams")).json()["items"]
    assert [item["queue"] for item in listed if item["slug"] == team.slug] == [found["queue"]]


async def test_the_summary_is_what_the_teams_come_to(team: Team) -> None:
    await team.given(None, 2)

    summary = (await team.supervisor.get("/api/workload/summary")).json()
    teams = (await team.supervisor.get("/api/workload/teams")).json()["items"]

    assert summary["teams"] == len(teams)
    for count in ("waiting", "offered", "owned", "overdue", "due_soon"):
        assert summary["queue"][count] == sum(item["queue"][count] for item in teams)
    assert summary["queue"]["waiting"] >= 2
    assert summary["staff"]["agents"] == sum(summary["staff"]["presence"].values())


async def test_agents_come_a_page_at_a_time(team: Team) -> None:
    path = f"/api/workload/agents?team={team.slug}&limit=1"
    first = (await team.supervisor.get(path)).json()
    second = (await team.supervisor.get(f"{path}&cursor={first['next_cursor']}")).json()

    assert [page["items"][0]["agent"]["id"] for page in (first, second)] == [str(team.one), str(team.other)]
    assert second["next_cursor"] is None
    assert_problem(await team.supervisor.get(f"{path}&cursor=yesterday"), 422, "invalid")
    assert_problem(await team.supervisor.get("/api/workload/agents?team=nowhere"), 422, "unknown_reference")


async def test_agents_see_their_teams_and_requesters_nothing(
    team: Team, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    assert [item["slug"] for item in (await agent.get("/api/workload/teams")).json()["items"]] == ["support"]
    assert (await agent.get("/api/workload/summary")).json()["teams"] == 1
    assert_problem(await agent.get(f"/api/workload/teams/{team.slug}"), 403, "forbidden")
    assert_problem(await agent.get(f"/api/workload/agents?team={team.slug}"), 403, "forbidden")
    for path in ("summary", "teams", "agents", "teams/support"):
        assert_problem(await requester.get(f"/api/workload/{path}"), 403, "forbidden")
    assert_problem(await team.supervisor.get("/api/workload/teams/nowhere"), 404, "not_found")


# Plans.


async def test_a_dry_run_proposes_and_changes_nothing(team: Team) -> None:
    numbers = await team.given(team.one, 4)

    plan = await team.asks("rebalance", key=uuid4().hex)

    assert {move[1:] for move in moves(plan)} == {(str(team.one), str(team.other), "proposed")}
    assert len(plan["moves"]) == 2
    assert (plan["measure"], plan["before"]["measure"], plan["after"]["measure"]) == ("spread", 4, 2)
    assert await team.owners(numbers) == [str(team.one)] * 4
    assert [(await ticket_of(team.supervisor, number))["revision"] for number in numbers] == [2] * 4


async def test_a_rebalance_moves_tickets_and_a_repeat_moves_nothing_twice(team: Team) -> None:
    numbers = await team.given(team.one, 4)
    key = uuid4().hex

    plan = await team.asks("rebalance", key, dry_run=False)
    again = await team.asks("rebalance", key, dry_run=False)

    assert {move[1:] for move in moves(plan)} == {(str(team.one), str(team.other), "done")}
    assert again == plan
    assert sorted(owner or "" for owner in await team.owners(numbers)) == [str(team.one)] * 2 + [str(team.other)] * 2
    moved = [move["ticket"] for move in plan["moves"]]
    last = (await timeline_of(team.supervisor, moved[0]))[-1]
    assert (last["type"], last["revision"]) == ("ticket.assigned", 3)
    assert last["actor"]["id"] == str(team.api.people["supervisor"].id)
    settled = await team.asks("rebalance", dry_run=False)
    assert settled["moves"] == []
    other = await team.supervisor.post(
        "/api/workload/rebalance",
        json={"team": team.slug, "most": 3, "dry_run": False},
        headers={"Idempotency-Key": key},
    )
    assert_problem(other, 422, "idempotency_key_reused")


async def test_what_its_owner_has_begun_moves_only_when_it_is_asked_for(team: Team) -> None:
    numbers = await team.given(team.one, 2)
    token = await team.api.token_of(team.one)
    async with team.api.client() as owner:
        owner.headers["Authorization"] = f"Bearer {token}"
        for number in numbers:
            await do(owner, number, "replies", {"body": "I am at it.", "internal": True})

    assert (await team.asks("rebalance"))["moves"] == []
    assert len((await team.asks("rebalance", include_begun=True))["moves"]) == 1


class Overtaken(WorkloadStore):
    """Somebody else is quicker: a ticket is escalated right after it was looked at."""

    def __init__(self, team: Team, ticket: int) -> None:
        desk = team.api.parts
        super().__init__(desk.pool, desk.dispatch, ShiftStore(desk.pool))
        self._team, self._ticket = team, ticket

    async def standing(self, team: Slug, now: datetime) -> tuple[Board, list[Held]]:
        found = await super().standing(team, now)
        await do(self._team.supervisor, self._ticket, "escalate")
        return found


async def test_a_ticket_that_went_on_refuses_and_the_others_move(team: Team) -> None:
    numbers = await team.given(team.one, 4)
    plan = await team.asks("rebalance")
    first = plan["moves"][0]["ticket"]

    desk = team.api.parts
    team.api.app.state.desk = replace(desk, workload=Overtaken(team, first))
    try:
        done = await team.asks("rebalance", uuid4().hex, dry_run=False)
    finally:
        team.api.app.state.desk = desk

    outcomes = {move["ticket"]: (move["outcome"], move["code"]) for move in done["moves"]}
    assert outcomes[first] == ("refused", "stale_revision")
    assert [one for one in outcomes.values() if one == ("done", None)] == [("done", None)]
    assert (await team.owners(numbers)).count(str(team.other)) == 1


class Unheard(TicketClient):
    """An engine that does not answer: the first command in time, all others not at all."""

    def __init__(self, engine: Client) -> None:
        super().__init__(engine, 1)
        self.told: list[TicketNumber] = []

    async def apply(self, ticket: Ticket, envelope: CommandEnvelope) -> Receipt:
        self.told.append(ticket.number)
        if len(self.told) == 1:
            raise CommandPendingError(envelope.id)
        raise EngineUnavailableError("nobody is there")


async def test_when_the_engine_does_not_answer_each_move_says_so_and_the_same_key_makes_them_later(
    team: Team, engine: Client
) -> None:
    numbers = await team.given(team.one, 4)
    await team.has(team.other, capacity_tickets=20)
    key, desk, unheard = uuid4().hex, team.api.parts, Unheard(engine)

    team.api.app.state.desk = replace(desk, workflows=unheard)
    try:
        plan = await team.asks("rebalance", key, dry_run=False)
    finally:
        team.api.app.state.desk = desk

    assert [(move["outcome"], move["code"]) for move in plan["moves"]] == [
        ("pending", "command_pending"),
        ("refused", "engine_unavailable"),
        ("refused", "engine_unavailable"),
    ]
    assert len(unheard.told) == 2
    assert await team.owners(numbers) == [str(team.one)] * 4

    later = await team.asks("rebalance", key, dry_run=False)
    assert [move["outcome"] for move in later["moves"]] == ["done"] * 3
    assert [move["ticket"] for move in later["moves"]] == [move["ticket"] for move in plan["moves"]]


async def test_an_optimum_gives_what_waits_to_who_suits(team: Team) -> None:
    await team.api.parts.skills.set(team.other, {"vpn": 3}, Author(team.api.people["supervisor"].id))
    (number,) = await team.given(None, required_skills=["vpn"])

    plan = await team.asks("optimize", uuid4().hex, dry_run=False)

    assert moves(plan) == [(number, None, str(team.other), "done")]
    assert plan["after"]["measure"] == pytest.approx(plan["before"]["measure"] + plan["moves"][0]["gain"])
    assert await team.owners([number]) == [str(team.other)]


async def test_a_plan_is_for_supervisors_and_for_a_team_at_work(
    team: Team, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    for path in ("/api/workload/rebalance", "/api/workload/optimize"):
        for client in (agent, requester):
            assert_problem(await client.post(path, json={"team": "support"}), 403, "forbidden")
        for body in ({}, {"team": "Not a slug"}, {"team": "support", "most": 0}, {"team": "support", "why": 1}):
            assert_problem(await team.supervisor.post(path, json=body), 422, "invalid")
        assert_problem(await team.supervisor.post(path, json={"team": "nowhere"}), 422, "unknown_reference")
    await team.api.parts.pool.execute("update teams set is_active = false where slug = $1", team.slug)
    assert_problem(await team.supervisor.post("/api/workload/rebalance", json={"team": team.slug}), 409, "conflict")


# Live.


@pytest.fixture
async def server(api: ApiDesk) -> AsyncIterator[StreamServer]:
    async with stream_server(api.settings) as server:
        yield server


async def test_a_queue_that_changed_is_told_to_its_team_and_to_supervisors_only(
    team: Team, engine: Client, server: StreamServer
) -> None:
    api, pool = team.api, team.api.parts.pool
    await pool.execute("insert into team_members (team, person_id) values ($1, $2)", team.slug, api.people["agent"].id)
    await pool.execute(
        "update agents set presence = 'offline' where person_id = any($1::uuid[])", [team.one, team.other]
    )
    async with (
        server.listen(api.headers("supervisor")) as supervisor,
        server.listen(api.headers("agent"), "?topics=queue") as agent,
        server.listen(api.headers("agent3"), "?topics=queue,tickets") as other,
        server.listen(api.headers("requester")) as requester,
    ):
        await team.given(None)
        await DispatchClient(engine, 30).look(team.slug)
        seen = [
            (
                await listener.until(
                    lambda one: one.event == "queue.changed" and one.data["change"]["team"] == team.slug
                )
            )[-1]
            for listener in (supervisor, agent)
        ]
        async with api.client("requester") as client:
            last = await opened(client, team="billing")
        for listener in (other, requester):
            await listener.until_event("ticket.opened", last["number"])
            assert "queue.changed" not in {
                one.event for one in listener.received if one.data.get("change", {}).get("team") == team.slug
            }
    for one in seen:
        change = one.data["change"]
        assert (change["waiting"], change["offered"], change["there"]) == (1, 0, 0)
        assert change["oldest_waiting_at"] is not None
        assert (one.data["ticket"], one.data["actor"]["kind"]) == (None, "dispatcher")
    await engine.get_workflow_handle(dispatcher_id(team.slug)).terminate()
