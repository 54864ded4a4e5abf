"""SLA policies over HTTP: versions, order, refusals, and what they do to tickets."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from database.sla_policies import MAX_POLICIES
from tests.api.desk_api import ApiDesk, assert_problem, do, opened, ticket_of
from tests.api.sla_desk import (
    AROUND_THE_CLOCK,
    CALENDARS,
    POLICIES,
    SHIPPED,
    a_calendar,
    a_policy,
    added,
    goals,
    minutes,
    named,
    names_in_order,
    promised,
    replaced,
)

pytestmark = pytest.mark.usefixtures("shipped_terms")
ACTION: dict[str, Any] = dict.fromkeys(
    ("type", "level", "priority", "role", "person", "team", "skill", "min_level", "url", "on_shift")
)


def action(type: str, **fields: Any) -> dict[str, Any]:
    return ACTION | {"type": type} | fields


def tags_of(policy: dict[str, Any]) -> dict[str, Any]:
    """Fields of a ticket that the policy is for."""
    return {"tags": policy["conditions"]["tags"]}


async def test_a_policy_is_kept_as_it_was_written(
    api: ApiDesk, admin: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    person = str(api.people["agent"].id)
    goal = {"first_response": {"minutes": 1, "time": "wall"}, "next_response": None, "resolution": None}
    steps = [
        {
            "after_minutes": 0,
            "since": "start",
            "time": "business",
            "actions": [
                action("raise_level", level=2),
                action("raise_priority", priority="urgent"),
                action("notify_role", role="supervisor", on_shift=True),
                action("notify_person", person=person),
                action("notify_team", team="billing"),
                action("notify_team"),
                action("add_watcher", person=person),
                action("call_webhook", url="https://example.com/hook?a=b"),
            ],
        },
        {
            "after_minutes": 525_600,
            "since": "last_step",
            "time": "wall",
            "actions": [action("raise_level", level=3)],
        },
    ]
    body = {
        "name": named("Everything"),
        "calendar": AROUND_THE_CLOCK,
        "conditions": {
            "priorities": ["high", "low"],
            "categories": ["billing"],
            "teams": ["support", "billing"],
            "tiers": ["gold"],
            "tags": ["vip", "vvip"],
        },
        "goals": {"high": goal},
        "team_goals": {"low": goal},
        "warnings": [10, 99],
        "pauses": {"first_response": ["on_hold"], "next_response": [], "resolution": ["new", "open"]},
        "carry": "tighter_wins",
        "ladders": {
            "high": {
                "target": "resolution",
                "steps": steps,
                "repeats": 2,
                "hold_until_open": True,
                "hold_until_staffed": True,
            }
        },
    }

    answer = await admin.post(POLICIES, json=body)
    made = answer.json()

    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{POLICIES}/{made['id']}"
    assert {name: made[name] for name in body} == body
    assert made["version"] == 1
    read = await agent.get(f"{POLICIES}/{made['id']}")
    assert (read.json(), read.headers["ETag"]) == (made, '"1"')
    assert made in (await agent.get(POLICIES)).json()["items"]
    again = await replaced(admin, POLICIES, made, {name: made[name] for name in body})
    assert {name: again[name] for name in body} == body


async def test_what_is_not_said_is_the_usual(admin: httpx2.AsyncClient) -> None:
    made = await added(admin, POLICIES, a_policy(warnings=[90, 10]))

    assert made["warnings"] == [10, 90]
    assert made["goals"]["low"]["resolution"] == {"minutes": 240, "time": "business"}
    assert made["pauses"] == {"first_response": [], "next_response": [], "resolution": ["pending", "on_hold"]}
    assert (made["carry"], made["ladders"], made["team_goals"]) == ("carry", {}, {})


async def test_a_new_version_is_for_new_tickets_and_open_ones_keep_theirs(
    admin: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    body = a_policy(goals=goals(60, 240))
    policy = await added(admin, POLICIES, body)
    older = await opened(agent, team="support", **tags_of(policy))
    assert promised(older) == minutes(60, 240)

    changed = await replaced(admin, POLICIES, policy, body | {"goals": goals(7, 14)})

    assert (changed["version"], changed["version_id"]) != (1, policy["version_id"])
    newer = await opened(agent, team="support", **tags_of(policy))
    assert promised(newer) == minutes(7, 14)
    assert promised(await ticket_of(agent, older["number"])) == minutes(60, 240)
    await agent.patch(f"/api/tickets/{older['number']}", json={"priority": "high"})
    assert promised(await ticket_of(agent, older["number"])) == minutes(60, 240)


async def test_a_new_version_of_a_calendar_is_for_new_tickets(
    admin: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    def from_now_on(year: int) -> dict[str, Any]:
        """Open on one date, far enough away that no test runs on it."""
        day = {"on": f"{year}-01-02", "spans": [{"from": "00:00", "to": "24:00"}]}
        return a_calendar(zone="UTC", week=[[]] * 7, special_days=[day])

    year = datetime.now().astimezone().year
    calendar = await added(admin, CALENDARS, from_now_on(year + 2))
    policy = await added(admin, POLICIES, a_policy(calendar=calendar["id"]))
    older = await opened(agent, team="support", **tags_of(policy))
    await replaced(admin, CALENDARS, calendar, from_now_on(year + 3))
    newer = await opened(agent, team="support", **tags_of(policy))

    due = {clock["target"]: clock["due_at"] for clock in newer["sla"]}
    assert due == {
        "first_response": f"{year + 3}-01-02T01:00:00Z",
        "resolution": f"{year + 3}-01-02T04:00:00Z",
    }
    assert (await ticket_of(agent, older["number"]))["next_due_at"] == f"{year + 2}-01-02T01:00:00Z"


async def test_a_deleted_policy_is_for_nobody_any_more(admin: httpx2.AsyncClient, agent: httpx2.AsyncClient) -> None:
    policy = await added(admin, POLICIES, a_policy(goals=goals(61, 241)))
    path = f"{POLICIES}/{policy['id']}"
    older = await opened(agent, team="support", **tags_of(policy))

    assert (await admin.delete(path)).status_code == 204

    assert await names_in_order(agent) == SHIPPED
    for answer in (await admin.get(path), await admin.put(path, json=a_policy()), await admin.delete(path)):
        assert_problem(answer, 404, "not_found")
    assert promised(await opened(agent, team="support", **tags_of(policy))) == minutes(240, 720)
    assert promised(await ticket_of(agent, older["number"])) == minutes(61, 241)
    await do(agent, older["number"], "replies", {"body": "Hello"})
    assert promised(await ticket_of(agent, older["number"])) == minutes(61, 241)


async def test_a_ticket_that_no_policy_is_for_has_no_clock(
    admin: httpx2.AsyncClient, agent: httpx2.AsyncClient
) -> None:
    standard = (await admin.get(POLICIES)).json()["items"][-1]
    assert (await admin.delete(f"{POLICIES}/{standard['id']}")).status_code == 204

    ticket = await opened(agent, team="support")

    assert (ticket["sla"], ticket["sla_state"], ticket["next_due_at"]) == ([], "none", None)


async def test_the_requesters_tier_chooses(
    api: ApiDesk, admin: httpx2.AsyncClient, agent: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    await added(admin, POLICIES, a_policy(conditions={"tiers": ["gold"]}, goals=goals(5, 10)))
    person = str(api.people["requester2"].id)
    assert promised(await opened(stranger)) == minutes(240, 720)

    assert (await admin.patch(f"/api/users/{person}", json={"tier": "gold"})).json()["tier"] == "gold"

    assert promised(await opened(stranger)) == minutes(5, 10)
    assert promised(await opened(agent, requester=person)) == minutes(5, 10)
    assert promised(await opened(agent)) == minutes(240, 720)
    assert (await admin.patch(f"/api/users/{person}", json={"tier": "standard"})).json()["tier"] == "standard"


async def test_whoever_was_slower_is_told(admin: httpx2.AsyncClient) -> None:
    body = a_policy()
    made = await added(admin, POLICIES, body)
    path, seen = f"{POLICIES}/{made['id']}", {"If-Match": '"1"'}

    answers = await asyncio.gather(*(admin.put(path, json=body, headers=seen) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    for answer in (await admin.put(path, json=body, headers=seen), await admin.delete(path, headers=seen)):
        assert_problem(answer, 412, "stale_revision")
    assert (await admin.get(path)).headers["ETag"] == '"2"'
    assert (await admin.put(path, json=body, headers={"If-Match": '"2"'})).headers["ETag"] == '"3"'
    assert (await admin.delete(path, headers={"If-Match": '"3"'})).status_code == 204


async def test_changes_at_once_all_come_about(admin: httpx2.AsyncClient) -> None:
    body = a_policy()
    made = await added(admin, POLICIES, body)

    await asyncio.gather(*(replaced(admin, POLICIES, made, body) for _ in range(6)))

    assert (await admin.get(f"{POLICIES}/{made['id']}")).json()["version"] == 7


async def test_a_name_is_given_once_among_those_that_exist(admin: httpx2.AsyncClient) -> None:
    made, other = await added(admin, POLICIES, a_policy()), await added(admin, POLICIES, a_policy())
    upper = a_policy(name=made["name"].upper())

    assert_problem(await admin.post(POLICIES, json=upper), 409, "already_exists")
    assert_problem(await admin.put(f"{POLICIES}/{other['id']}", json=upper), 409, "already_exists")

    assert (await admin.delete(f"{POLICIES}/{made['id']}")).status_code == 204
    assert (await replaced(admin, POLICIES, other, upper))["name"] == upper["name"]


async def test_there_are_not_more_than_a_list_holds(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    await api.parts.pool.execute(
        """
        with made as (
            insert into sla_policies (name, place)
            select gen_random_uuid(), n from generate_series(10, $1) n returning id
        ) insert into sla_policy_versions (policy_id, version, calendar_id, policy)
            select id, 1, 1, jsonb_build_object(
                'conditions', jsonb_build_object('tags', jsonb_build_array('t' || id)),
                'goals', '{"low": {"resolution": {"minutes": 1}}}'::jsonb)
            from made
        """,
        MAX_POLICIES + 10,
    )

    assert_problem(await admin.post(POLICIES, json=a_policy()), 409, "limit_reached")


async def test_the_first_answer_is_given_again(admin: httpx2.AsyncClient) -> None:
    key, body = {"Idempotency-Key": str(uuid4())}, a_policy()
    first = await admin.post(POLICIES, json=body, headers=key)
    await replaced(admin, POLICIES, first.json(), a_policy(name=named("Renamed")))

    again = await asyncio.gather(*(admin.post(POLICIES, json=body, headers=key) for _ in range(3)))

    assert {(answer.status_code, answer.text) for answer in again} == {(201, first.text)}
    assert_problem(await admin.post(POLICIES, json=a_policy(), headers=key), 422, "idempotency_key_reused")
    assert len(await names_in_order(admin)) == len(SHIPPED) + 1


async def test_the_desk_reads_and_admins_change(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    path = f"{POLICIES}/{(await added(admin, POLICIES, a_policy()))['id']}"
    ids = [policy["id"] for policy in (await admin.get(POLICIES)).json()["items"]]
    for name in ("requester", "agent", "supervisor"):
        async with api.client(name) as client:
            reads = (await client.get(POLICIES), await client.get(path))
            changes = (
                await client.post(POLICIES, json=a_policy()),
                await client.put(path, json=a_policy()),
                await client.put(f"{POLICIES}/order", json={"policies": ids}),
                await client.delete(path),
            )
        for answer in (*changes, *(reads if name == "requester" else ())):
            assert_problem(answer, 403, "forbidden")
        assert name == "requester" or {answer.status_code for answer in reads} == {200}


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.5", "2147483648", "%00"])
async def test_an_id_that_no_policy_can_have_is_refused(admin: httpx2.AsyncClient, wrong: str) -> None:
    for answer in (
        await admin.get(f"{POLICIES}/{wrong}"),
        await admin.put(f"{POLICIES}/{wrong}", json=a_policy()),
        await admin.delete(f"{POLICIES}/{wrong}"),
    ):
        assert_problem(answer, 422, "invalid")
