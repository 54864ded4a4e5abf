"""Accounts of services: what they do bears their name, and nobody takes them for an agent."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from domain.ids import PersonId
from domain.permissions import GRANTABLE
from settings import Settings
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, ticket_of, timeline_of
from tests.api.keys import a_key, a_service, with_key
from tests.api.listening import stream_server
from tests.api.staff import NOBODY
from tests.workflows.engine_desk import eventually

ALL = sorted(GRANTABLE)


@pytest.fixture
async def service(admin: httpx2.AsyncClient) -> dict[str, Any]:
    """An agent's rights, in team `support`."""
    return await a_service(admin)


@pytest.fixture
async def machine(
    api: ApiDesk, admin: httpx2.AsyncClient, service: dict[str, Any]
) -> AsyncIterator[httpx2.AsyncClient]:
    """The service, signed in with a key for everything."""
    async with with_key(api, await a_key(admin, *ALL, of=service)) as client:
        yield client


async def test_an_account_is_added_read_changed_and_listed(admin: httpx2.AsyncClient) -> None:
    made = await a_service(admin, name="Telephony", role="requester", teams=[])
    assert made == {"id": made["id"], "name": "Telephony", "role": "requester", "teams": [], "is_active": True}

    path = f"/api/service-accounts/{made['id']}"
    changed = await admin.patch(path, json={"role": "agent", "teams": ["billing"], "name": "Calls", "is_active": False})
    assert changed.json() == (await admin.get(path)).json()
    assert changed.json() == {
        "id": made["id"], "name": "Calls", "role": "agent", "teams": ["billing"], "is_active": False,
    }  # fmt: skip
    seen, cursor = [], ""
    while True:
        page = (await admin.get(f"/api/service-accounts?limit=2{cursor}")).json()
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(set(seen))
    assert made["id"] in seen


async def test_a_repeated_request_adds_one_account(admin: httpx2.AsyncClient) -> None:
    body, headers = {"name": "Once", "role": "agent"}, {"Idempotency-Key": f"service-{uuid4()}"}

    first = await admin.post("/api/service-accounts", json=body, headers=headers)
    second = await admin.post("/api/service-accounts", json=body, headers=headers)

    assert first.json() == second.json()


@pytest.mark.parametrize(
    "bad",
    [{}, {"name": ""}, {"role": "boss"}, {"teams": ["nowhere"]}, {"email": "a@example.com"}, {"password": "12345678"}],
)
async def test_what_no_account_can_be_is_refused(admin: httpx2.AsyncClient, bad: dict[str, Any]) -> None:
    body = {"name": "Bad", "role": "agent", **bad} if bad else {}
    assert_problem(await admin.post("/api/service-accounts", json=body), 422)


async def test_accounts_and_their_keys_are_for_admins(
    admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, machine: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    path = f"/api/service-accounts/{service['id']}"
    for client in (supervisor, machine):
        assert_problem(await client.get("/api/service-accounts"), 403, "forbidden")
        assert_problem(await client.get(path), 403, "forbidden")
        assert_problem(await client.patch(path, json={"role": "admin"}), 403, "forbidden")
        assert_problem(await client.get(f"{path}/keys"), 403, "forbidden")
        body = {"name": "mine", "scopes": ["tickets:read"]}
        assert_problem(await client.post(f"{path}/keys", json=body), 403, "forbidden")


async def test_also_an_admins_key_makes_no_key(
    api: ApiDesk, admin: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    path, key = f"/api/service-accounts/{service['id']}", await a_key(admin, *ALL)
    async with with_key(api, key) as client:
        assert (await client.get(f"{path}/keys")).status_code == 200
        for answer in (
            await client.post(f"{path}/keys", json={"name": "more", "scopes": ["tickets:read"]}),
            await client.post(f"{path}/keys/{key['id']}/rotate", json={}),
            await client.delete(f"{path}/keys/{key['id']}"),
        ):
            assert_problem(answer, 403, "forbidden")


async def test_keys_are_listed_rotated_and_revoked(
    api: ApiDesk, admin: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    path = f"/api/service-accounts/{service['id']}/keys"
    first = await a_key(admin, of=service)
    second = (await admin.post(f"{path}/{first['id']}/rotate", json={"grace_seconds": 0})).json()

    assert [one["id"] for one in (await admin.get(path)).json()["items"]] == [second["id"], first["id"]]
    async with with_key(api, first) as old, with_key(api, second) as new:
        assert_problem(await old.get("/api/auth/me"), 401, "unauthenticated")
        assert (await new.get("/api/auth/me")).status_code == 200
        assert (await admin.delete(f"{path}/{second['id']}")).status_code == 204
        assert_problem(await new.get("/api/auth/me"), 401, "unauthenticated")


async def test_a_person_and_nobody_are_no_service_accounts(
    api: ApiDesk, admin: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    key = await a_key(admin, of=service)
    other = await a_service(admin)
    for id in (str(api.people["agent"].id), NOBODY):
        path = f"/api/service-accounts/{id}"
        assert_problem(await admin.get(path), 404, "not_found")
        assert_problem(await admin.patch(path, json={"role": "admin"}), 404, "not_found")
        assert_problem(await admin.get(f"{path}/keys"), 404, "not_found")
        body = {"name": "mine", "scopes": ["tickets:read"]}
        assert_problem(await admin.post(f"{path}/keys", json=body), 404, "not_found")
    assert_problem(await admin.delete(f"/api/service-accounts/{other['id']}/keys/{key['id']}"), 404, "not_found")
    assert_problem(await admin.patch(f"/api/users/{service['id']}", json={"role": "admin"}), 404, "not_found")


async def test_a_change_of_the_account_counts_at_once(
    machine: httpx2.AsyncClient, admin: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    number = (await opened(admin, team="support"))["number"]
    path = f"/api/service-accounts/{service['id']}"
    assert (await machine.get(f"/api/tickets/{number}")).status_code == 200

    await admin.patch(path, json={"teams": ["billing"]})
    assert_problem(await machine.get(f"/api/tickets/{number}"), 404, "ticket_not_found")
    await admin.patch(path, json={"is_active": False})
    assert_problem(await machine.get("/api/auth/me"), 401, "unauthenticated")
    await admin.patch(path, json={"is_active": True})
    assert (await machine.get("/api/auth/me")).status_code == 200


async def test_nobody_signs_in_as_a_service_with_a_password(
    api: ApiDesk, nobody: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    row = await api.parts.pool.fetchrow("select email, password_hash from people where id = $1", UUID(service["id"]))
    assert row is not None
    assert row["password_hash"] is None

    for password in ("", "None", "nobody has this password"):
        answer = await nobody.post("/api/auth/login", json={"email": row["email"], "password": password})
        assert_problem(answer, 401, "invalid_credentials")
    taken = {"email": f"{uuid4()}@service.invalid", "name": "Machine", "password": "long enough"}
    assert_problem(await nobody.post("/api/auth/register", json=taken), 422, "invalid")


async def test_what_a_service_does_bears_its_name(machine: httpx2.AsyncClient, service: dict[str, Any]) -> None:
    number = (await opened(machine, team="support"))["number"]
    await do(machine, number, "replies", {"body": "Disk is full", "internal": True})
    await do(machine, number, "escalate")

    timeline = await timeline_of(machine, number)

    name = {"kind": "integration", "id": service["id"], "name": "Monitoring"}
    assert [item["actor"] for item in timeline[:3]] == [name, name, name]


async def test_the_stream_names_the_service(
    api_settings: Settings, api: ApiDesk, machine: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    async with stream_server(api_settings) as server, server.listen(api.headers("agent")) as stream:
        number = (await opened(machine, team="support"))["number"]
        seen = await stream.until_event("ticket.opened", number)

    assert seen[-1].data["actor"] == {"kind": "integration", "id": service["id"], "name": "Monitoring"}


async def test_a_services_reply_is_no_answer(
    machine: httpx2.AsyncClient, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    number = (await opened(requester, team="support"))["number"]

    await do(machine, number, "replies", {"body": "We have received your request."})
    ticket = await ticket_of(agent, number)
    assert (ticket["status"], ticket["first_responded_at"]) == ("new", None)

    await do(agent, number, "replies", {"body": "Hello, which printer?"})
    ticket = await ticket_of(agent, number)
    assert (ticket["status"], ticket["first_responded_at"] is None) == ("open", False)


async def test_a_service_never_owns_a_ticket(
    machine: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    number = (await opened(supervisor, team="support"))["number"]

    assert_problem(await machine.post(f"/api/tickets/{number}/claim", json={}), 409, "assignee_unavailable")
    given = await supervisor.post(f"/api/tickets/{number}/assign", json={"assignee": service["id"]})
    assert_problem(given, 409, "assignee_unavailable")
    assert (await ticket_of(supervisor, number))["assignee"] is None


@pytest.mark.parametrize("role", ["agent", "supervisor", "admin"])
async def test_a_service_is_in_no_list_of_the_desk(
    api: ApiDesk, admin: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, role: str
) -> None:
    service = await a_service(admin, role=role, name=f"Machine {uuid4().hex}")
    today = datetime.now(UTC).replace(microsecond=0)
    span = f"from={_z(today)}&until={_z(today + timedelta(days=1))}"

    for path in (
        "/api/agents?limit=200",
        "/api/agents?active=false&limit=200",
        "/api/agents/available",
        "/api/teams/support",
        "/api/workload/agents?limit=200",
        "/api/workload/summary",
        "/api/workload/teams/support",
        "/api/users?limit=200",
        f"/api/shifts/coverage?{span}",
        f"/api/shifts?{span}",
    ):
        answer = await admin.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert service["id"] not in answer.text, path
        assert service["name"] not in answer.text, path

    for path in ("", "/presence", "/skills", "/tickets", "/performance", "/hand-over"):
        assert_problem(await supervisor.get(f"/api/agents/{service['id']}{path}"), 404, "not_found")
    person = PersonId(UUID(service["id"]))
    members = await api.parts.dispatch.members_of(datetime.now(UTC), teams=["support"], people=[person])
    assert person not in {one.member.candidate.id for one in members}
    assert members, "people are found"


def _z(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_service_has_no_place_at_the_desk(
    machine: httpx2.AsyncClient, supervisor: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    starts = datetime.now(UTC) + timedelta(days=2)
    shift = {"agent": service["id"], "starts_at": _z(starts), "ends_at": _z(starts + timedelta(hours=8))}
    for answer in (
        await machine.get("/api/agents/me"),
        await machine.put("/api/agents/me/presence", json={"presence": "online"}),
        await supervisor.put(f"/api/agents/{service['id']}/presence", json={"presence": "online"}),
        await supervisor.put(f"/api/agents/{service['id']}/skills", json={"items": []}),
        await supervisor.put(f"/api/teams/billing/members/{service['id']}"),
        await supervisor.post("/api/shifts", json=shift),
    ):
        assert answer.status_code in (404, 422), answer.text
        assert_problem(answer, answer.status_code, "not_found", "unknown_reference")


async def test_a_service_gets_no_notices(
    api: ApiDesk, admin: httpx2.AsyncClient, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    services = [await a_service(admin, role=role) for role in ("agent", "supervisor", "admin")]
    number = (await opened(requester, team="support"))["number"]

    await do(agent, number, "escalate")

    told = await api.parts.pool.fetch("select person_id from notifications where ticket_number = $1", number)
    heard = {row["person_id"] for row in told}
    assert api.people["supervisor"].id in heard
    assert not heard & {UUID(one["id"]) for one in services}


async def test_a_services_stream_makes_nobody_present(
    api: ApiDesk, api_settings: Settings, admin: httpx2.AsyncClient, service: dict[str, Any]
) -> None:
    key = await a_key(admin, "events:read", of=service)

    async def connected() -> set[UUID]:
        rows = await api.parts.pool.fetch("select person_id from agent_connections where streams > 0")
        return {row["person_id"] for row in rows}

    async with (
        stream_server(api_settings) as server,
        server.listen({"X-API-Key": key["key"]}),
        server.listen(api.headers("agent2")),
    ):
        seen = await eventually(connected, lambda people: api.people["agent2"].id in people)

    assert UUID(service["id"]) not in seen
