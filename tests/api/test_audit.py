"""The audit trail over HTTP: every change by its author, every refusal, and what admins see of both."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from settings import Settings
from tests.api.desk_api import BASE, ApiDesk, assert_problem, running_app
from tests.api.sla_desk import CALENDARS, POLICIES, a_calendar, a_policy
from tests.api.staff import PASSWORD, MakeAgent, a_person, signed_in
from tests.workflows.engine_desk import eventually

ADDRESS = "198.51.100.7"
AUDITED = ("/api/users", "/api/categories", "/api/agents", "/api/teams", "/api/sla")
"""Below these, every route that writes changes what is under audit, but these:"""
NOT_AUDITED = {("PUT", "/api/agents/{agent}/presence"), ("POST", "/api/sla/calendars/{calendar}/test")}


@pytest.fixture
async def own(api: ApiDesk, api_settings: Settings) -> AsyncIterator[ApiDesk]:
    """A process of the test's own: nobody else uses up its share of refusals."""
    async with running_app(api_settings) as app:
        yield ApiDesk(app, api.settings, api.people, api.sessions)


def client_at(desk: ApiDesk, address: str = ADDRESS, **headers: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(desk.app, client=(address, 4711)), base_url=BASE, headers=headers
    )


class Writes:
    """Does what admins do, and remembers by which routes and what came of it."""

    def __init__(self, api: ApiDesk, client: httpx2.AsyncClient) -> None:
        self._api = api
        self._client = client
        self._admin = api.people["admin"].id
        self.done: set[tuple[str, str]] = set()

    async def __call__(self, method: str, route: str, body: Any, *actions: str, **names: Any) -> Any:
        """One request; its entries are these, and all of them are the admin's."""
        before = (await self._api.parts.audit.head()).number
        answer = await self._client.request(method, route.format(**names), json=body)
        assert answer.is_success, answer.text
        self.done.add((method, route))
        found: list[dict[str, Any]] = []
        entries = (await self._client.get("/api/audit?limit=200")).json()["items"]
        for entry in reversed(entries):
            if entry["number"] <= before or entry["action"].startswith("access."):
                continue
            assert (entry["author"], entry["author_role"]) == (str(self._admin), "admin"), entry
            if entry["credential"] != "program:rollout":  # of a workflow, whose beginning is an entry with all that
                assert entry["credential"].startswith("session:"), entry
                assert {"person": str(self._admin), "data": {"address": ADDRESS}} in entry["personal"], entry
            found.append(entry)
        told = [entry["action"] for entry in found]
        assert set(actions) <= set(told), told
        return answer.json() if answer.content else None


async def test_every_route_that_changes_what_is_under_audit_names_who_did_it(api: ApiDesk, shipped_terms: None) -> None:
    async with client_at(api, **api.headers("admin")) as client:
        do = Writes(api, client)
        user = await do("POST", "/api/users", a_person(role="requester"), "person.made")
        await do("PATCH", "/api/users/{person}", {"role": "agent"}, "person.changed", "agent.made", person=user["id"])
        await api.parts.pool.execute("insert into totp_factors (person_id, secret) values ($1, '')", user["id"])
        await do("DELETE", "/api/users/{person}/totp", None, "second_factor.deleted", person=user["id"])
        await do("POST", "/api/users/{person}/erase", None, "person.changed", "person.erased", person=user["id"])
        slug = f"c-{uuid4().hex[:12]}"
        await do("POST", "/api/categories", {"slug": slug, "name": "New"}, "category.made")
        agent = await do("POST", "/api/agents", a_person(teams=["support"], skills=[{"skill": "vpn", "level": 2}]),
            "person.made", "agent.made", "team_member.made", "agent_skill.made")  # fmt: skip
        person = {"person": agent["id"]}
        await do("PATCH", "/api/agents/{person}", {"seniority": 4, "teams": ["support", "billing"]},
            "agent.changed", "team_member.made", **person)  # fmt: skip
        await do("PUT", "/api/agents/{person}/skills", {"items": [{"skill": "vpn", "level": 3}]},
            "agent_skill.changed", **person)  # fmt: skip
        team = {"team": f"t-{uuid4().hex[:12]}"}
        await do("POST", "/api/teams", {"slug": team["team"], "name": "New"}, "team.made")
        await do("PATCH", "/api/teams/{team}", {"offer_to": 3}, "team.changed", **team)
        await do("PUT", "/api/teams/{team}/members/{person}", None, "team_member.made", **team, **person)
        await do("DELETE", "/api/teams/{team}/members/{person}", None, "team_member.deleted", **team, **person)
        await _write_terms(do, client, "calendar", CALENDARS, a_calendar())
        await _write_terms(do, client, "policy", POLICIES, a_policy())
        await do("POST", POLICIES, a_policy(place=1), "sla_policy.made")
        order = [one["id"] for one in (await client.get(POLICIES)).json()["items"]]
        await do("PUT", "/api/sla/policies/order", {"policies": order[1::-1] + order[2:]}, "sla_policy.changed")

    writing = {
        (method.upper(), path)
        for path, operations in api.app.openapi()["paths"].items()
        for method in operations
        if method != "get" and path.startswith(AUDITED)
    }
    assert do.done == writing - NOT_AUDITED


async def _write_terms(do: Writes, client: httpx2.AsyncClient, kind: str, path: str, body: dict[str, Any]) -> None:
    """Everything that is done to a policy or a calendar."""
    one = f"{path}/{{{kind}}}"
    made = await do("POST", path, body, f"sla_{kind}.made", f"sla_{kind}_version.made")
    id = {kind: made["id"]}
    await do(
        "PUT", one, body | {"name": f"{body['name']} again"}, f"sla_{kind}.changed", f"sla_{kind}_version.made", **id
    )
    rollout = await do("POST", f"{one}/preview", {"draft": body}, f"sla_{kind}_version.made", "sla_rollout.made", **id)
    for status, method_route, asked, payload in (
        ("previewed", f"{one}/apply", "apply", {"rollout": rollout["id"]}),
        ("applied", "/api/sla/rollouts/{rollout}/undo", "undo", None),
        ("undone", None, "", None),
    ):
        await eventually(
            lambda: client.get(f"/api/sla/rollouts/{rollout['id']}"),
            lambda answer, status=status: answer.json()["status"] == status,  # type: ignore[misc]
        )
        if method_route is not None:
            await do("POST", method_route, payload, f"sla_rollout.{asked}_asked", "sla_rollout.changed",
                **id, rollout=rollout["id"])  # fmt: skip
    await do("DELETE", one, None, f"sla_{kind}.changed", **id)


async def newest(client: httpx2.AsyncClient, **wanted: Any) -> dict[str, Any]:
    answer = await client.get("/api/audit", params=wanted | {"limit": 1})
    assert answer.status_code == 200, answer.text
    entry: dict[str, Any] = answer.json()["items"][0]
    return entry


async def test_who_registers_is_nobody_yet(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    new = a_person()
    async with client_at(api) as client:
        assert (await client.post("/api/auth/register", json=new)).status_code == 202
    person = await api.parts.people.find_by_email(new["email"])
    assert person is not None

    entry = await newest(admin, subject_kind="person", subject_id=str(person.id), action="person.made")
    assert (entry["author"], entry["credential"]) == (None, "registration")
    assert entry["personal"][0]["data"] == {"after": {"email": new["email"], "name": "Nina New"}}
    assert entry["after"]["password_hash"] == "(hidden)"


async def test_what_is_refused_is_told_by_route_code_and_whoever_tried(
    own: ApiDesk, admin: httpx2.AsyncClient, ticket: dict[str, Any]
) -> None:
    async with client_at(own, "203.0.113.9", **{"user-agent": "probe/1.0 " + "x" * 300}) as nobody:
        assert_problem(await nobody.get("/api/users?secret=of-mine"), 401, "unauthenticated")
    entry = await newest(admin, action="access.refused")
    assert entry["after"] == {"method": "GET", "route": "/users", "code": "unauthenticated"}
    assert (entry["author"], entry["subject_kind"], entry["subject_id"]) == (None, "route", "/users")
    agent, address = [part["data"] for part in entry["personal"]]
    assert agent == {"user_agent": ("probe/1.0 " + "x" * 300)[:200]}
    assert address == {"address": "203.0.113.9"}

    stranger = str(own.people["requester2"].id)
    async with client_at(own, **own.headers("requester2")) as client:
        assert_problem(await client.patch(f"/api/users/{stranger}", json={"role": "admin"}), 403, "forbidden")
        told = await newest(admin, author=stranger)
        assert (told["action"], told["author_role"]) == ("access.refused", "requester")
        assert (told["subject_kind"], told["subject_id"]) == ("person", stranger)
        assert told["after"] == {"method": "PATCH", "route": "/users/{person}", "code": "forbidden"}

        for path in ("", "/replies"):
            number = ticket["number"]
            answer = await client.request(
                "POST" if path else "GET", f"/api/tickets/{number}{path}", json={"body": "mine"} if path else None
            )
            assert_problem(answer, 404, "ticket_not_found")
            told = await newest(admin, author=stranger)
            assert (told["subject_kind"], told["subject_id"]) == ("ticket", str(number))
            assert told["after"]["code"] == "ticket_not_found"
        assert [part["person"] for part in told["personal"]] == [stranger, stranger]

        head = await own.parts.audit.head()
        assert_problem(await client.get("/api/agents/me/nothing"), 404)
        assert_problem(await client.post("/api/tickets", json={}), 422)
        assert await own.parts.audit.head() == head, "what is no refusal is no entry"


async def test_a_flood_of_refusals_becomes_a_count_also_when_the_process_stops(
    api: ApiDesk, api_settings: Settings, admin: httpx2.AsyncClient
) -> None:
    address = "203.0.113.77"
    head = (await api.parts.audit.head()).number
    async with running_app(api_settings) as app, client_at(ApiDesk(app, api_settings, {}, {}), address) as client:
        for _ in range(30):
            assert_problem(await client.get("/api/users"), 401)

    entries = (await admin.get("/api/audit?limit=200&q=access.")).json()["items"]
    mine = [one for one in entries if one["number"] > head and {"address": address} in [
        part["data"] for part in one["personal"]]]  # fmt: skip
    assert [one["action"] for one in mine] == ["access.refused_more"] + ["access.refused"] * 10
    assert mine[0]["after"]["count"] == 20


async def test_a_password_is_in_no_entry(api: ApiDesk, admin: httpx2.AsyncClient, make_agent: MakeAgent) -> None:
    await make_agent()
    async with client_at(api) as client:
        await client.post("/api/auth/login", json={"email": "admin@example.com", "password": "tale-telling"})
    told = (await admin.get("/api/audit?limit=200")).text
    assert PASSWORD not in told
    assert "tale-telling" not in told
    assert "argon2" not in told


async def test_the_trail_is_for_admins(
    api: ApiDesk, nobody: httpx2.AsyncClient, requester: httpx2.AsyncClient, agent: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
) -> None:  # fmt: skip
    assert_problem(await nobody.get("/api/audit"), 401)
    for person in (requester, agent, supervisor):
        assert_problem(await person.get("/api/audit"), 403, "forbidden")


async def test_pages_and_filters(api: ApiDesk, admin: httpx2.AsyncClient, make_agent: MakeAgent) -> None:
    made = await make_agent(skills=[{"skill": "vpn", "level": 1}])
    mine: dict[str, Any] = {"subject_kind": "person", "subject_id": made["id"]}
    whole = (await admin.get("/api/audit", params=mine)).json()
    assert {one["action"] for one in whole["items"]} >= {"person.made", "agent.made", "agent_skill.made"}
    assert whole["next_cursor"] is None
    assert [one["number"] for one in whole["items"]] == sorted((one["number"] for one in whole["items"]), reverse=True)

    paged: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while cursor.get("cursor", "") is not None:
        page = (await admin.get("/api/audit", params=mine | {"limit": 1} | cursor)).json()
        paged += page["items"]
        cursor = {"cursor": page["next_cursor"]}
    assert paged == whole["items"]

    at = whole["items"][0]["at"]
    later = (datetime.fromisoformat(at) + timedelta(microseconds=1)).isoformat()
    for filter, expected in (
        ({"author": str(api.people["admin"].id)}, whole["items"]),
        ({"author": made["id"]}, []),
        ({"action": "agent.made"}, [one for one in whole["items"] if one["action"] == "agent.made"]),
        ({"q": "skill"}, [one for one in whole["items"] if "skill" in one["action"]]),
        ({"from": at}, whole["items"][:1]),
        ({"until": at}, whole["items"][1:]),
        ({"from": at, "until": later}, whole["items"][:1]),
    ):
        assert (await admin.get("/api/audit", params=mine | filter)).json()["items"] == expected, filter


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "cursor=0", "cursor=x", "cursor=9223372036854775808", "author=me", "from=yesterday",
        "from=2026-01-01T00:00:00", "q=", "q=%00", "subject_id=%00", f"action={'x' * 201}"],
)  # fmt: skip
async def test_bad_input_is_refused(admin: httpx2.AsyncClient, query: str) -> None:
    assert_problem(await admin.get(f"/api/audit?{query}"), 422, "invalid")


async def test_who_is_erased_leaves_the_entries_without_names(
    api: ApiDesk, admin: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent()
    async with client_at(api, **await signed_in(api, made)) as client:
        assert_problem(await client.get("/api/users"), 403)
    await api.parts.audit.erase(made["id"])

    entries = (await admin.get("/api/audit?limit=200")).json()["items"]
    of_them = [one for one in entries if made["id"] in (one["subject_id"], one["author"])]
    assert any(one["erased"] for one in of_them)
    assert made["email"] not in str(of_them)
    assert all(part["person"] != made["id"] for one in of_them for part in one["personal"])
