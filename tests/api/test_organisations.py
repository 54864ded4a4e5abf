"""Organisations, and who sees what of their people's tickets."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, do, numbers, opened

PASSWORD = "long enough for all"


class Colleagues(NamedTuple):
    """Two of an organisation, one of whom sees all of its tickets, and one of another one."""

    organisation: str
    one: httpx2.AsyncClient
    one_id: str
    seeing: httpx2.AsyncClient
    seeing_id: str
    other: httpx2.AsyncClient
    other_id: str


async def organisation(admin: httpx2.AsyncClient, **fields: Any) -> str:
    slug = f"org-{uuid4().hex[:8]}"
    made = await admin.post("/api/organisations", json={"slug": slug, "name": "Acme", **fields})
    assert made.status_code == 201, made.text
    return slug


@pytest.fixture
async def colleagues(api: ApiDesk, admin: httpx2.AsyncClient) -> AsyncIterator[Colleagues]:
    ours, theirs = await organisation(admin), await organisation(admin)
    clients, ids = [], []
    for slug, sees in ((ours, False), (ours, True), (theirs, True)):
        body = {
            "email": f"{uuid4().hex}@example.com", "name": "Carol", "role": "requester", "password": PASSWORD,
            "organisation": slug, "sees_organisation": sees,
        }  # fmt: skip
        made = await admin.post("/api/users", json=body)
        assert made.status_code == 201, made.text
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(api.app), base_url="http://desk")
        login = await client.post("/api/auth/login", json={"email": body["email"], "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        clients.append(client)
        ids.append(made.json()["id"])
    yield Colleagues(ours, clients[0], ids[0], clients[1], ids[1], clients[2], ids[2])
    for client in clients:
        await client.aclose()


async def test_organisations_are_made_by_admins_and_read_by_the_desk(
    admin: httpx2.AsyncClient, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    domain = f"{uuid4().hex}.example"
    slug = await organisation(admin, domains=[domain.upper(), domain])

    found = {one["slug"]: one for one in (await agent.get("/api/organisations")).json()["items"]}
    assert found[slug] == {"slug": slug, "name": "Acme", "domains": [domain]}
    assert_problem(await requester.get("/api/organisations"), 403, "forbidden")
    assert_problem(await agent.post("/api/organisations", json={"slug": "mine", "name": "Mine"}), 403, "forbidden")
    assert_problem(await agent.patch(f"/api/organisations/{slug}", json={"name": "Mine"}), 403, "forbidden")


async def test_a_domain_belongs_to_one_organisation(admin: httpx2.AsyncClient) -> None:
    domain = f"{uuid4().hex}.example"
    first, second = await organisation(admin, domains=[domain]), await organisation(admin)

    taken = {"slug": f"org-{uuid4().hex[:8]}", "name": "Late", "domains": ["free.example", domain]}
    assert_problem(await admin.post("/api/organisations", json=taken), 409, "already_exists")
    changed = await admin.patch(f"/api/organisations/{second}", json={"domains": [domain]})
    assert assert_problem(changed, 409, "already_exists")["detail"] == f"{domain} belongs to {first} already."
    kept = await admin.patch(f"/api/organisations/{first}", json={"name": "First", "domains": [domain]})
    assert kept.json() == {"slug": first, "name": "First", "domains": [domain]}
    assert_problem(await admin.patch("/api/organisations/nobodys", json={"name": "No"}), 404, "not_found")
    assert_problem(await admin.post("/api/organisations", json={"slug": first, "name": "Two"}), 409, "already_exists")


@pytest.mark.parametrize("domain", ["", "example", "exa mple.com", "http://example.com", "-a.example", "a..example"])
async def test_what_is_no_domain_is_refused(admin: httpx2.AsyncClient, domain: str) -> None:
    body = {"slug": f"org-{uuid4().hex[:8]}", "name": "Odd", "domains": [domain]}

    assert_problem(await admin.post("/api/organisations", json=body), 422, "invalid")


async def test_whoever_may_sees_the_tickets_of_their_organisation_from_outside(
    colleagues: Colleagues, admin: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    number = (await opened(colleagues.one, team="support"))["number"]
    await do(agent, number, "replies", {"body": "secret note", "internal": True})

    seen = await colleagues.seeing.get(f"/api/tickets/{number}")
    assert seen.status_code == 200
    assert (seen.json()["organisation"], seen.json()["allowed_transitions"]) == (colleagues.organisation, [])
    assert number in numbers((await colleagues.seeing.get("/api/tickets")).json()["items"])
    assert "secret note" not in (await colleagues.seeing.get(f"/api/tickets/{number}/timeline")).text
    assert (await do(colleagues.seeing, number, "replies", {"body": "me too"}))["internal"] is False
    assert_problem(
        await colleagues.seeing.post(f"/api/tickets/{number}/status", json={"status": "resolved"}), 403, "forbidden"
    )
    assert_problem(await colleagues.other.get(f"/api/tickets/{number}"), 404, "ticket_not_found")

    mine = (await opened(colleagues.seeing, team="support"))["number"]
    assert_problem(await colleagues.one.get(f"/api/tickets/{mine}"), 404, "ticket_not_found")


async def test_who_leaves_an_organisation_sees_its_tickets_no_more(
    colleagues: Colleagues, admin: httpx2.AsyncClient
) -> None:
    number = (await opened(colleagues.one))["number"]
    assert (await colleagues.seeing.get(f"/api/tickets/{number}")).status_code == 200

    left = await admin.patch(f"/api/users/{colleagues.seeing_id}", json={"organisation": None})

    assert left.json()["organisation"] is None
    assert_problem(await colleagues.seeing.get(f"/api/tickets/{number}"), 404, "ticket_not_found")
    unknown = await admin.patch(f"/api/users/{colleagues.seeing_id}", json={"organisation": "nobodys"})
    assert_problem(unknown, 422, "unknown_reference")


async def test_the_requester_lets_a_colleague_watch_and_they_see_it(
    colleagues: Colleagues, agent: httpx2.AsyncClient
) -> None:
    number = (await opened(colleagues.seeing, team="support"))["number"]
    path = f"/api/tickets/{number}/watchers"
    assert_problem(await colleagues.one.get(path), 404, "ticket_not_found")
    assert_problem(await colleagues.seeing.put(f"{path}/{colleagues.other_id}"), 403, "forbidden")

    for _ in range(2):
        watched = await colleagues.seeing.put(f"{path}/{colleagues.one_id}")
        assert watched.json() == {"items": [{"id": colleagues.one_id, "name": "Carol"}]}
    assert (await colleagues.one.get(f"/api/tickets/{number}")).status_code == 200
    assert number in numbers((await colleagues.one.get("/api/tickets")).json()["items"])

    assert (await colleagues.one.delete(f"{path}/me")).status_code in (200, 404)
    assert (await agent.get(path)).json() == {"items": []}
    assert_problem(await colleagues.one.get(f"/api/tickets/{number}"), 404, "ticket_not_found")


async def test_somebody_of_another_team_who_is_made_to_watch_reads_the_notes(
    api: ApiDesk, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient, supervisor: httpx2.AsyncClient
) -> None:
    number = (await opened(requester, team="support"))["number"]
    await do(agent, number, "replies", {"body": "secret note", "internal": True})
    async with api.client("agent3") as other_team:
        assert_problem(await other_team.put(f"/api/tickets/{number}/watchers/me"), 404, "ticket_not_found")
        await agent.put(f"/api/tickets/{number}/watchers/{api.people['agent3'].id}")

        assert "secret note" in (await other_team.get(f"/api/tickets/{number}/timeline")).text
        assert (await requester.get(f"/api/tickets/{number}/watchers")).json() == {"items": []}


async def test_nobody_watches_who_is_not_there(agent: httpx2.AsyncClient, requester: httpx2.AsyncClient) -> None:
    number = (await opened(requester, team="support"))["number"]

    assert_problem(await agent.put(f"/api/tickets/{number}/watchers/{uuid4()}"), 422, "unknown_reference")
    assert_problem(await agent.put(f"/api/tickets/{number}/watchers/you"), 422, "invalid")
