"""Agents over HTTP: what is planned for them, what they carry and what they did."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.api.desk_api import ApiDesk, assert_problem, do, numbers, still, ticket_of
from tests.api.sla_desk import NINE_TO_FIVE, OFFICE
from tests.api.staff import NOBODY, PASSWORD, MakeAgent, a_person, given, signed_in

HOURS: dict[str, Any] = {
    "zone": "Europe/Berlin",
    "always_open": False,
    "week": OFFICE,
    "special_days": [{"on": "2030-12-24", "spans": []}, {"on": "2030-12-31", "spans": NINE_TO_FIVE}],
}


# Adding and reading.


async def test_an_admin_adds_an_agent_with_all_that_is_planned(admin: httpx2.AsyncClient) -> None:
    plan = {
        "role": "supervisor", "teams": ["billing", "support"], "specialisations": ["vpn"], "seniority": 4,
        "working_hours": HOURS,
    }  # fmt: skip
    body = a_person(**plan, skills=[{"skill": "vpn", "level": 5}], capacity={"tickets": 4.5, "weights": {"urgent": 2}})

    answer = await admin.post("/api/agents", json=body)

    assert answer.status_code == 201, answer.text
    agent = answer.json()
    assert answer.headers["Location"] == f"/api/agents/{agent['id']}"
    assert agent == plan | {
        "id": agent["id"], "name": "Nina New", "email": body["email"], "is_active": True,
        "skills": [{"skill": "vpn", "level": 5}],
        "capacity": {"tickets": 4.5, "minutes": None, "weights": {"low": 1, "normal": 1, "high": 1, "urgent": 2}},
        "load": {"tickets": 0, "weight": 0, "minutes": 0},
        "presence": "offline", "presence_since": agent["presence_since"],
    }  # fmt: skip
    read = await admin.get(f"/api/agents/{agent['id']}")
    assert (read.json(), read.headers["ETag"]) == (agent, answer.headers["ETag"])
    sign_in = await admin.post("/api/auth/login", json={"email": body["email"], "password": PASSWORD})
    assert sign_in.json()["person"]["teams"] == ["billing", "support"]
    assert PASSWORD not in answer.text


async def test_a_repeated_request_adds_an_agent_once(admin: httpx2.AsyncClient) -> None:
    body, headers = a_person(), {"Idempotency-Key": str(uuid4())}

    answers = [await admin.post("/api/agents", json=body, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    other = await admin.post("/api/agents", json=body | {"name": "Else"}, headers=headers)
    assert_problem(other, 422, "idempotency_key_reused")


async def test_the_desk_lists_whom_it_may_give_tickets_to(
    agent: httpx2.AsyncClient, requester: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent(name="Zoe", skills=[{"skill": "fax", "level": 3}])
    page = (await agent.get("/api/agents?limit=200")).json()

    names = [one["name"] for one in page["items"]]
    assert {"Alex Agent", "Sam Supervisor", "Ada Admin", "Zoe"} <= set(names)
    assert "Robin Requester" not in names
    assert {"id", "name", "role", "teams"} <= page["items"][0].keys()
    assert page["stream_cursor"]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        part = (await agent.get(f"/api/agents?limit=3{cursor and f'&cursor={cursor}'}")).json()
        seen += [one["id"] for one in part["items"]]
        cursor = part["next_cursor"]
    assert seen == [one["id"] for one in page["items"]]
    for query, is_found in (
        ("skill=fax", True), ("skill=fax:3&team=support", True), ("skill=fax:4", False),
        ("skill=fax&team=billing", False), ("skill=fax&presence=offline&presence=away", True),
        ("skill=fax&presence=online", False), ("skill=fax&active=false", False),
    ):  # fmt: skip
        found = (await agent.get(f"/api/agents?{query}")).json()["items"]
        assert [one["id"] for one in found] == [made["id"]] * is_found, query
    for query in (
        "team=nowhere",
        "skill=Fax",
        "skill=fax:6",
        "presence=asleep",
        "active=perhaps",
        "cursor=WyJcdWQ4MDAiLCAieCJd",
        "limit=0",
    ):
        assert_problem(await agent.get(f"/api/agents?{query}"), 422)
    assert_problem(await requester.get("/api/agents"), 403, "forbidden")


async def test_everybody_of_the_desk_reads_themselves_and_the_others(
    api: ApiDesk, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    me = (await agent.get("/api/agents/me")).json()

    assert (me["id"], me["name"]) == (str(api.people["agent"].id), "Alex Agent")
    assert (await agent.get(f"/api/agents/{api.people['agent3'].id}")).json()["name"] == "Aki Agent"
    for path in ("me", str(api.people["agent"].id), f"{api.people['agent'].id}/tickets"):
        assert_problem(await requester.get(f"/api/agents/{path}"), 403, "forbidden")
    for person in (NOBODY, api.people["requester"].id):
        for path in ("", "/skills", "/tickets"):
            assert_problem(await agent.get(f"/api/agents/{person}{path}"), 404, "not_found")
    assert_problem(await agent.get("/api/agents/somebody"), 422, "invalid")


# Changing.


async def test_a_supervisor_changes_what_is_named(supervisor: httpx2.AsyncClient, make_agent: MakeAgent) -> None:
    made = await make_agent(capacity={"minutes": 300, "weights": {"low": 0.5}})
    path = f"/api/agents/{made['id']}"

    changed = (await supervisor.patch(path, json={"capacity": {"tickets": 3, "weights": {"high": 2}}})).json()
    weights = {"low": 0.5, "normal": 1, "high": 2, "urgent": 1}
    assert changed == made | {"capacity": {"tickets": 3, "minutes": 300, "weights": weights}}
    endless = (await supervisor.patch(path, json={"capacity": {"minutes": None}})).json()
    assert endless["capacity"] == {"tickets": 3, "minutes": None, "weights": weights}
    edit = {"name": "Nina", "teams": ["network"], "seniority": 5, "specialisations": ["fax"], "working_hours": HOURS}
    planned = (await supervisor.patch(path, json=edit)).json()
    assert planned == endless | edit
    assert (await supervisor.patch(path, json={"working_hours": None})).json() == planned | {"working_hours": None}
    assert (await supervisor.patch(path, json={})).json() == planned | {"working_hours": None}


async def test_whoever_was_slower_is_told(supervisor: httpx2.AsyncClient, make_agent: MakeAgent) -> None:
    path = f"/api/agents/{(await make_agent())['id']}"
    seen = (await supervisor.get(path)).headers["ETag"]

    answers = await asyncio.gather(
        *(supervisor.patch(path, json={"seniority": level}, headers={"If-Match": seen}) for level in (2, 3))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    fresh = next(answer for answer in answers if answer.status_code == 200).headers["ETag"]
    assert fresh != seen
    assert (await supervisor.patch(path, json={"seniority": 4}, headers={"If-Match": fresh})).status_code == 200


NONSENSE: dict[str, Any] = {
    "negative capacity": {"capacity": {"tickets": -1}},
    "too much capacity": {"capacity": {"tickets": 1001}},
    "no capacity": {"capacity": None},
    "negative minutes": {"capacity": {"minutes": -1}},
    "half a minute": {"capacity": {"minutes": 0.5}},
    "a negative weight": {"capacity": {"weights": {"urgent": -1}}},
    "a weight of an unknown priority": {"capacity": {"weights": {"highest": 1}}},
    "seniority 0": {"seniority": 0},
    "seniority 6": {"seniority": 6},
    "an unknown team": {"teams": ["nowhere"]},
    "no team": {"teams": None},
    "a specialisation that is no slug": {"specialisations": ["All Sorts"]},
    "a blank name": {"name": " "},
    "a role": {"role": "admin"},
    "a presence": {"presence": "online"},
    "skills": {"skills": []},
    "an unknown zone": {"working_hours": HOURS | {"zone": "Europe/Atlantis"}},
    "a week of six days": {"working_hours": HOURS | {"week": OFFICE[:6]}},
    "hours that overlap": {
        "working_hours": HOURS | {"week": [[*NINE_TO_FIVE, {"from": "16:00", "to": "18:00"}], *OFFICE[1:]]}
    },
    "hours that overlap across midnight": {
        "working_hours": HOURS | {"week": [[{"from": "22:00", "to": "09:30"}], *OFFICE[1:]]}
    },
    "no hours at all": {"working_hours": {"zone": "UTC", "week": [[]] * 7}},
}


@pytest.mark.parametrize("kind", NONSENSE)
async def test_a_plan_that_makes_no_sense_changes_nothing(api: ApiDesk, admin: httpx2.AsyncClient, kind: str) -> None:
    made = (await admin.get(f"/api/agents/{api.people['agent2'].id}")).json()
    edit = {"name": "Changed", "is_active": True} | NONSENSE[kind]

    problem = assert_problem(await admin.patch(f"/api/agents/{made['id']}", json=edit), 422)

    assert problem["code"] == "unknown_reference" or problem["errors"][0]["message"]
    assert (await admin.get(f"/api/agents/{made['id']}")).json() == made
    if kind not in ("a role", "skills", "no team"):
        email = a_person()["email"]
        assert_problem(await admin.post("/api/agents", json=a_person(email=email) | NONSENSE[kind]), 422)
        assert await api.parts.people.find_by_email(email) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"capacity": {"tickets": NaN}}', b'{"capacity": {"tickets": Infinity}}',
        b'{"capacity": {"weights": {"low": -Infinity}}}', b'{"capacity": {"minutes": 1e999999}}',
        b'{"seniority": ' + b"9" * 5000 + b"}", b'{"name": "a\\u0000b"}', b'{"name": "\\ud800"}',
        b'{"specialisations": ["\\u0000"]}', b'{"teams": [null]}', b'{"capacity": []}', b"[]", b"null", b"",
    ],
)  # fmt: skip
async def test_json_at_the_edge_changes_nothing(api: ApiDesk, admin: httpx2.AsyncClient, body: bytes) -> None:
    path = f"/api/agents/{api.people['agent2'].id}"
    made = (await admin.get(path)).json()

    answer = await admin.patch(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert_problem(answer, answer.status_code)

    assert (await admin.get(path)).json() == made


async def test_hours_that_overlap_are_named_where_they_stand(
    supervisor: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    path = f"/api/agents/{(await make_agent())['id']}"

    problem = assert_problem(await supervisor.patch(path, json=NONSENSE["hours that overlap"]), 422, "invalid")

    assert problem["errors"] == [
        {
            "loc": ["body", "working_hours", "week"],
            "message": "Value error, spans must not overlap: one goes on until Monday 17:00, "
            "the next begins at Monday 16:00",
        }
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "admin"}, {"role": "requester"}, {"password": "short"}, {"email": "no address"}, {"is_active": False},
        {"skills": [{"skill": "vpn", "level": 6}]}, {"teams": ["nowhere"]},
        {"skills": [{"skill": "vpn", "level": 1}, {"skill": "vpn", "level": 2}]},
    ],
    ids=str,
)  # fmt: skip
async def test_an_agent_that_makes_no_sense_is_not_added(api: ApiDesk, admin: httpx2.AsyncClient, wrong: Any) -> None:
    body = a_person() | wrong

    assert_problem(await admin.post("/api/agents", json=body), 422)

    assert await api.parts.people.find_by_email(body["email"]) is None


async def test_an_address_is_somebodys_already(admin: httpx2.AsyncClient) -> None:
    assert_problem(await admin.post("/api/agents", json=a_person(email="agent@example.com")), 409, "already_exists")


async def test_agents_are_the_supervisors_to_change_and_the_admins_to_add_and_end(
    api: ApiDesk, make_agent: MakeAgent
) -> None:
    path = f"/api/agents/{(await make_agent())['id']}"
    for name in ("agent", "requester"):
        async with api.client(name) as client:
            assert_problem(await client.patch(path, json={"seniority": 2}), 403, "forbidden")
            assert_problem(await client.post("/api/agents", json=a_person()), 403, "forbidden")
            assert_problem(await client.put(f"{path}/skills", json={"items": []}), 403, "forbidden")
    async with api.client("supervisor") as supervisor:
        assert_problem(await supervisor.post("/api/agents", json=a_person()), 403, "forbidden")
        for is_active in (True, False):
            assert_problem(await supervisor.patch(path, json={"is_active": is_active}), 403, "forbidden")
        assert_problem(await supervisor.patch(f"/api/agents/{NOBODY}", json={"seniority": 2}), 404, "not_found")


# What they carry.


async def test_a_capacity_below_what_somebody_carries_takes_nothing_away(
    supervisor: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent(capacity={"weights": {"urgent": 3}})
    for fields in ({"priority": "urgent", "estimated_minutes": 40}, {"priority": "low"}):
        await given(supervisor, made, **fields)

    changed = (await supervisor.patch(f"/api/agents/{made['id']}", json={"capacity": {"tickets": 1}})).json()

    assert changed["load"] == {"tickets": 2, "weight": 4, "minutes": 55}
    listed = (await supervisor.get("/api/agents?limit=200")).json()["items"]
    assert next(one for one in listed if one["id"] == made["id"]) == changed


async def test_somebodys_open_tickets_come_by_when_something_must_happen(
    api: ApiDesk, supervisor: httpx2.AsyncClient, billing_agent: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent(teams=["support", "billing"])
    low, urgent, other = [
        await given(supervisor, made, **fields)
        for fields in ({"priority": "low"}, {"priority": "urgent"}, {"team": "billing", "priority": "high"})
    ]
    done = await given(supervisor, made)
    await do(supervisor, done["number"], "status", {"status": "resolved"})
    path = f"/api/agents/{made['id']}/tickets"

    page = (await supervisor.get(path)).json()

    due = {ticket["number"]: ticket["next_due_at"] for ticket in (low, urgent, other)}
    assert numbers(page["items"]) == sorted(due, key=lambda number: (due[number], number))
    assert numbers(page["items"])[-1] == low["number"]
    assert still(page["items"][0]) == still(await ticket_of(supervisor, page["items"][0]["number"]))
    assert numbers((await billing_agent.get(path)).json()["items"]) == [other["number"]], "in the reader's scope"
    async with api.client() as client:
        mine = await client.get(path, headers=await signed_in(api, made))
        assert numbers(mine.json()["items"]) == numbers(page["items"])
    first = (await supervisor.get(f"{path}?limit=2")).json()
    rest = (await supervisor.get(f"{path}?limit=2&cursor={first['next_cursor']}")).json()
    assert numbers(first["items"] + rest["items"]) == numbers(page["items"])


async def test_what_somebody_did_is_for_them_and_for_supervisors(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, make_agent: MakeAgent
) -> None:
    made = await make_agent()
    path = f"/api/agents/{made['id']}/performance"
    ticket = await given(supervisor, made)
    async with api.client() as client:
        client.headers.update(await signed_in(api, made))
        await do(client, ticket["number"], "replies", {"body": "Use water."})
        await do(client, ticket["number"], "status", {"status": "resolved"})
        await do(client, ticket["number"], "status", {"status": "open"})
        own = await client.get(path)

    did = own.json()
    assert own.status_code == 200, own.text
    counts = ("handled", "reopened", "reopen_rate", "first_responses", "replies")
    assert [did[name] for name in counts] == [1, 1, 1.0, 1, 1]
    assert did["first_response"]["median_seconds"] == did["first_response"]["p90_seconds"] > 0
    assert did["resolution"]["median_seconds"] > did["first_response"]["median_seconds"]
    kept = {one["target"]: (one["decided"], one["met_in_time"], one["met_share"]) for one in did["sla"]}
    assert kept == {"first_response": (1, 1, 1.0), "next_response": (0, 0, None), "resolution": (1, 1, 1.0)}
    assert (await supervisor.get(path)).json() | {"from": did["from"], "to": did["to"]} == did
    assert (await supervisor.get(f"{path}?days=1")).json()["handled"] == 1
    assert_problem(await agent.get(path), 403, "forbidden")
    for days in (0, 367, "x"):
        assert_problem(await supervisor.get(f"{path}?days={days}"), 422, "invalid")
    assert_problem(await supervisor.get(f"/api/agents/{NOBODY}/performance"), 404, "not_found")
