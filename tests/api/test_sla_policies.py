"""SLA policies over HTTP: versions, order, refusals, and what they do to tickets."""

import asyncio
from datetime import datetime, timedelta
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
    a_calendar,
    a_policy,
    added,
    named,
    names_in_order,
    replaced,
)

pytestmark = pytest.mark.usefixtures("shipped_terms")
SHIPPED = ["Urgent matters", "Standard"]
NOBODY = "00000000-0000-4000-8000-000000000000"
ACTION: dict[str, Any] = dict.fromkeys(
    ("type", "level", "priority", "role", "person", "team", "skill", "min_level", "url")
)


def action(type: str, **fields: Any) -> dict[str, Any]:
    return ACTION | {"type": type} | fields


def ladder(*actions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """One step, for tickets of normal priority."""
    return {"ladders": {"normal": {"steps": [{"after_minutes": 30, "actions": list(actions), **changes}]}}}


def tags_of(policy: dict[str, Any]) -> dict[str, Any]:
    """Fields of a ticket that the policy is for."""
    return {"tags": policy["conditions"]["tags"]}


def promised(ticket: dict[str, Any]) -> dict[str, timedelta]:
    """Target -> how long after its opening the ticket is due, for the customer."""
    opened_at = datetime.fromisoformat(ticket["created_at"])
    return {
        clock["target"]: datetime.fromisoformat(clock["due_at"]) - opened_at
        for clock in ticket["sla"]
        if clock["audience"] == "customer" and clock["due_at"]
    }


def minutes(first_response: int, resolution: int) -> dict[str, timedelta]:
    return {
        "first_response": timedelta(minutes=first_response),
        "resolution": timedelta(minutes=resolution),
    }


def goals(first_response: int, resolution: int) -> dict[str, Any]:
    """The same for each priority."""
    both = {"first_response": {"minutes": first_response}, "resolution": {"minutes": resolution}}
    return dict.fromkeys(("low", "normal", "high", "urgent"), both)


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
                action("notify_role", role="supervisor"),
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
        "ladders": {"high": {"target": "resolution", "steps": steps, "repeats": 2, "hold_until_open": True}},
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


# The order.


async def test_a_policy_goes_as_far_down_as_it_is_reached(admin: httpx2.AsyncClient) -> None:
    first = await added(admin, POLICIES, a_policy())
    urgent = await added(admin, POLICIES, a_policy(conditions={"categories": ["urgent"], "tags": ["fire"]}))

    assert (urgent["place"], first["place"]) == (1, 2)
    assert await names_in_order(admin) == [urgent["name"], SHIPPED[0], first["name"], SHIPPED[1]]


async def test_a_policy_is_put_where_it_is_wished(admin: httpx2.AsyncClient, agent: httpx2.AsyncClient) -> None:
    tag = f"t-{uuid4().hex[:12]}"
    low = await added(admin, POLICIES, a_policy(conditions={"tags": [tag, "x"]}, goals=goals(10, 20)))
    top = await added(admin, POLICIES, a_policy(conditions={"tags": [tag]}, goals=goals(1, 2), place=1))

    assert await names_in_order(agent) == [top["name"], SHIPPED[0], low["name"], SHIPPED[1]]
    assert promised(await opened(agent, tags=[tag])) == minutes(1, 2)
    assert (await added(admin, POLICIES, a_policy(place=MAX_POLICIES) | {"conditions": {"tiers": ["x"]}, "place": 3}))[
        "place"
    ] == 3


async def test_the_order_is_changed_as_a_whole(admin: httpx2.AsyncClient, agent: httpx2.AsyncClient) -> None:
    tag = f"t-{uuid4().hex[:12]}"
    one = await added(admin, POLICIES, a_policy(conditions={"tags": [tag, "x"]}, goals=goals(10, 20)))
    other = await added(admin, POLICIES, a_policy(conditions={"tags": [tag, "y"]}, goals=goals(1, 2)))
    assert promised(await opened(agent, tags=[tag])) == minutes(10, 20)
    seen = await admin.get(POLICIES)
    assert seen.headers["ETag"] == f'"{seen.json()["edition"]}"'
    ids = [policy["id"] for policy in seen.json()["items"]]
    assert ids[1:3] == [one["id"], other["id"]]
    moved = [ids[0], other["id"], one["id"], ids[3]]

    answer = await admin.put(f"{POLICIES}/order", json={"policies": moved}, headers={"If-Match": seen.headers["ETag"]})

    assert answer.status_code == 200, answer.text
    assert [policy["id"] for policy in answer.json()["items"]] == moved
    assert [policy["place"] for policy in answer.json()["items"]] == [1, 2, 3, 4]
    assert answer.headers["ETag"] == (await admin.get(POLICIES)).headers["ETag"] != seen.headers["ETag"]
    assert promised(await opened(agent, tags=[tag])) == minutes(1, 2)


async def test_of_two_who_reorder_at_once_one_is_told(admin: httpx2.AsyncClient) -> None:
    for _ in range(2):
        await added(admin, POLICIES, a_policy())
    seen = await admin.get(POLICIES)
    urgent, one, other, standard = [policy["id"] for policy in seen.json()["items"]]
    orders = [[urgent, other, one, standard], [one, other, urgent, standard]]

    answers = await asyncio.gather(
        *(
            admin.put(f"{POLICIES}/order", json={"policies": ids}, headers={"If-Match": seen.headers["ETag"]})
            for ids in orders
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    won = next(order for order, answer in zip(orders, answers, strict=True) if answer.status_code == 200)
    assert [policy["id"] for policy in (await admin.get(POLICIES)).json()["items"]] == won


async def test_an_order_names_every_policy_once(admin: httpx2.AsyncClient) -> None:
    ids = [policy["id"] for policy in (await admin.get(POLICIES)).json()["items"]]

    for wrong in ([], ids[:1], [*ids, ids[0]], [*ids, 2**31 - 1], [ids[0], ids[0]]):
        assert_problem(await admin.put(f"{POLICIES}/order", json={"policies": wrong}), 409, "conflict")
    for malformed in (
        None,
        {},
        {"policies": None},
        {"policies": ["x"]},
        {"policies": [0] * 101},
        {"policies": [2**80]},
    ):
        assert_problem(await admin.put(f"{POLICIES}/order", json=malformed), 422, "invalid")
    assert await names_in_order(admin) == SHIPPED


async def test_a_policy_that_nothing_would_reach_is_refused(admin: httpx2.AsyncClient) -> None:
    below = a_policy(conditions={"categories": ["urgent"], "tags": ["fire"]}, place=2)

    problem = assert_problem(await admin.post(POLICIES, json=below), 409, "policy_unreachable")

    assert f"“{below['name']}”: “Urgent matters” above it covers" in problem["detail"]
    assert await names_in_order(admin) == SHIPPED


async def test_a_policy_that_would_take_all_from_another_is_refused(admin: httpx2.AsyncClient) -> None:
    for place in (None, 1, 2):
        everything = a_policy(conditions={}, place=place)
        problem = assert_problem(await admin.post(POLICIES, json=everything), 409, "policy_unreachable")
        assert f"“{everything['name']}” above it covers" in problem["detail"]


async def test_policies_that_share_the_priorities_may_cover_one_together(admin: httpx2.AsyncClient) -> None:
    tags = {"tags": ["together"]}
    high = a_policy(conditions={"priorities": ["high", "urgent"]} | tags, place=1)
    low = a_policy(conditions={"priorities": ["normal", "low"]} | tags, place=1)
    both = a_policy(conditions=tags, place=3)
    first = await added(admin, POLICIES, high)
    await added(admin, POLICIES, low)

    problem = assert_problem(await admin.post(POLICIES, json=both), 409, "policy_unreachable")

    assert f"“{low['name']}” and “{high['name']}” above it cover" in problem["detail"]
    assert (await admin.delete(f"{POLICIES}/{first['id']}")).status_code == 204
    assert (await added(admin, POLICIES, both | {"place": 2}))["place"] == 2


async def test_an_edit_may_not_take_all_from_another(admin: httpx2.AsyncClient) -> None:
    narrow, wide = a_policy(conditions={"tags": ["a"]}, place=1), a_policy(conditions={"tags": ["a", "b"]}, place=2)
    top, below = await added(admin, POLICIES, narrow), await added(admin, POLICIES, wide)
    del narrow["place"], wide["place"]

    wider = narrow | {"conditions": {"tags": ["b", "a"]}}
    problem = assert_problem(await admin.put(f"{POLICIES}/{top['id']}", json=wider), 409, "policy_unreachable")
    assert f"“{below['name']}”: “{top['name']}” above it covers" in problem["detail"]
    same = wide | {"conditions": {"tags": ["a"]}}
    problem = assert_problem(await admin.put(f"{POLICIES}/{below['id']}", json=same), 409, "policy_unreachable")
    assert f"“{below['name']}”: “{top['name']}” above it covers" in problem["detail"]

    assert [(await admin.get(f"{POLICIES}/{one['id']}")).json()["version"] for one in (top, below)] == [1, 1]


async def test_a_reorder_may_not_take_all_from_another(admin: httpx2.AsyncClient) -> None:
    ids = [policy["id"] for policy in (await admin.get(POLICIES)).json()["items"]]

    answer = await admin.put(f"{POLICIES}/order", json={"policies": ids[::-1]})

    assert "“Urgent matters”: “Standard” above" in assert_problem(answer, 409, "policy_unreachable")["detail"]
    assert await names_in_order(admin) == SHIPPED


async def test_two_at_once_cannot_cover_each_other(admin: httpx2.AsyncClient) -> None:
    bodies = [a_policy(conditions={"tags": ["once"]}) for _ in range(4)]

    answers = await asyncio.gather(*(admin.post(POLICIES, json=body) for body in bodies))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(await names_in_order(admin)) == len(SHIPPED) + 1


# Refusals.

ZERO = {"normal": {"first_response": {"minutes": 0}}}
LATE = {"normal": {"first_response": {"minutes": 61}, "resolution": {"minutes": 60}}}
LATER = {"normal": {"next_response": {"minutes": 61, "time": "wall"}, "resolution": {"minutes": 60, "time": "wall"}}}
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a goal of zero": ({"goals": ZERO}, "goals.normal.first_response.minutes", "greater than or equal to 1"),
    "a team's goal of zero": ({"team_goals": ZERO}, "team_goals.normal.first_response.minutes", "greater than"),
    "a goal below zero": ({"goals": {"low": {"resolution": {"minutes": -1}}}}, "goals.low.resolution.minutes", "equal"),
    "a goal beyond a year": (
        {"goals": {"low": {"resolution": {"minutes": 366 * 24 * 60 + 1}}}}, "goals.low.resolution.minutes", "less",
    ),
    "a huge goal": ({"goals": {"low": {"resolution": {"minutes": 10**400}}}}, "goals.low.resolution.minutes", ""),
    "half a minute": ({"goals": {"low": {"resolution": {"minutes": 0.5}}}}, "goals.low.resolution.minutes", "integer"),
    "response after resolution": ({"goals": LATE}, "goals.normal", "first_response would be due after the resolution"),
    "next response after resolution": ({"team_goals": LATER}, "team_goals.normal", "next_response would be due after"),
    "an unknown time": (
        {"goals": {"low": {"resolution": {"minutes": 1, "time": "lunar"}}}}, "goals.low.resolution.time", "'wall'",
    ),
    "an unknown target": ({"goals": {"low": {"rest": {"minutes": 1}}}}, "goals.low.rest", "not permitted"),
    "an unknown priority's goal": ({"goals": {"highest": {}}}, "goals.highest.[key]", "'urgent'"),
    "no goals": ({"goals": {}}, "", "needs a goal"),
    "empty goals": ({"goals": {"low": {}}}, "", "needs a goal"),
    "goals for other priorities": (
        {"goals": {"low": {"resolution": {"minutes": 1}}}, "conditions": {"priorities": ["high"]}}, "", "needs a goal",
    ),
    "a warning over 100 %": ({"warnings": [50, 101]}, "warnings.1", "less than or equal to 99"),
    "a warning at 100 %": ({"warnings": [100]}, "warnings.0", "less than or equal to 99"),
    "a warning at 0 %": ({"warnings": [0]}, "warnings.0", "greater than or equal to 1"),
    "a warning twice": ({"warnings": [50, 50]}, "warnings", "warned of once"),
    "too many warnings": ({"warnings": list(range(1, 12))}, "warnings", "at most 10"),
    "a pause when it is over": ({"pauses": {"resolution": ["resolved"]}}, "pauses.resolution.0", "'on_hold'"),
    "too many pauses": ({"pauses": {"resolution": ["new"] * 5}}, "pauses.resolution", "at most 4"),
    "an unknown carry rule": ({"carry": "drop"}, "carry", "'tighter_wins'"),
    "an unknown condition": ({"conditions": {"weather": ["rain"]}}, "conditions.weather", "not permitted"),
    "an unknown priority": ({"conditions": {"priorities": ["highest"]}}, "conditions.priorities.0", "'urgent'"),
    "too many priorities": ({"conditions": {"priorities": ["low"] * 5}}, "conditions.priorities", "at most 4"),
    "too many tags": ({"conditions": {"tags": [f"t{n}" for n in range(101)]}}, "conditions.tags", "at most 100"),
    "a tag that is no slug": ({"conditions": {"tags": ["V I P"]}}, "conditions.tags.0", "match"),
    "a team that is no slug": ({"conditions": {"teams": ["\0"]}}, "conditions.teams.0", "match"),
    "no name": ({"name": ""}, "name", "at least 1"),
    "an endless name": ({"name": "x" * 201}, "name", "at most 200"),
    "an unknown field": ({"shade": 1}, "shade", "not permitted"),
    "no calendar": ({"calendar": None}, "calendar", "integer"),
    "a calendar that cannot be": ({"calendar": 0}, "calendar", "greater"),
    "a calendar beyond numbers": ({"calendar": 2**31}, "calendar", "less"),
    "a ladder without steps": ({"ladders": {"low": {"steps": []}}}, "ladders.low.steps", "at least 1"),
    "too many steps": (
        {"ladders": {"low": {"steps": [{"after_minutes": 1, "actions": [{"type": "notify_team"}]}] * 11}}},
        "ladders.low.steps", "at most 10",
    ),
    "too many repeats": (
        {"ladders": {"low": {"repeats": 11, "steps": [{"after_minutes": 1, "actions": [{"type": "notify_team"}]}]}}},
        "ladders.low.repeats", "less",
    ),
    "a step after nothing": (ladder({"type": "notify_team"}, since="last_step"), "ladders.normal", "no step before"),
    "a step before its time": (
        ladder({"type": "notify_team"}, after_minutes=-1), "ladders.normal.steps.0.after_minutes", "greater",
    ),
    "a step without an action": (ladder(), "ladders.normal.steps.0.actions", "at least 1"),
    "too many actions": (ladder(*[{"type": "notify_team"}] * 11), "ladders.normal.steps.0.actions", "at most 10"),
    "an unknown action": (ladder({"type": "shout"}), "ladders.normal.steps.0.actions.0.type", "a step can raise_level"),
    "an action without a type": (ladder({"level": 1}), "ladders.normal.steps.0.actions.0.type", "required"),
    "an action without what it takes": (
        ladder({"type": "raise_level"}), "ladders.normal.steps.0.actions.0.level", "required",
    ),
    "an action without a person": (
        ladder({"type": "notify_person"}), "ladders.normal.steps.0.actions.0.person", "required",
    ),
    "an action with what another takes": (
        ladder({"type": "notify_team", "level": 1}), "ladders.normal.steps.0.actions.0", "notify_team takes no level",
    ),
    "an action with what none takes": (
        ladder({"type": "notify_team", "loud": 1}), "ladders.normal.steps.0.actions.0.loud", "not permitted",
    ),
    "level 4": (ladder({"type": "raise_level", "level": 4}), "ladders.normal.steps.0.actions.0.level", "less"),
    "a requester's role": (
        ladder({"type": "notify_role", "role": "requester"}), "ladders.normal.steps.0.actions.0.role", "'supervisor'",
    ),
    "a person without an id": (
        ladder({"type": "notify_person", "person": "Ada"}), "ladders.normal.steps.0.actions.0.person", "UUID",
    ),
}  # fmt: skip
URL = "ladders.normal.steps.0.actions.0.url"
BAD_URLS = (
    "", "example.com", "ftp://example.com/x", "file:///etc/passwd", "javascript:alert(1)", "http://", "https:///path",
    "https://exa mple.com", "https://example.com/\n", "https://example.com/\0", "https://example.com/" + "x" * 2000,
    "//example.com", "https://ex\u00e4mple.com", "https://example.com:99999/",
)  # fmt: skip


async def refuses(admin: httpx2.AsyncClient, change: dict[str, Any]) -> list[dict[str, Any]]:
    """The problems with adding such a policy, and with changing one to it."""
    standard = (await admin.get(POLICIES)).json()["items"][-1]
    before = (await admin.get(POLICIES)).json()
    answers = (
        await admin.post(POLICIES, json=a_policy() | change),
        await admin.put(f"{POLICIES}/{standard['id']}", json=a_policy() | change),
    )
    assert (await admin.get(POLICIES)).json() == before
    return [assert_problem(answer, 422) for answer in answers]


@pytest.mark.parametrize("why", BAD)
async def test_a_policy_that_makes_no_sense_is_refused(admin: httpx2.AsyncClient, why: str) -> None:
    change, loc, sentence = BAD[why]

    for problem in await refuses(admin, change):
        assert problem["code"] == "invalid"
        (wrong, *_) = problem["errors"]
        assert ".".join(wrong["loc"]) == f"body.{loc}".rstrip(".")
        assert sentence in wrong["message"]


@pytest.mark.parametrize("url", BAD_URLS)
async def test_a_webhook_that_is_none_is_refused(admin: httpx2.AsyncClient, url: str) -> None:
    for problem in await refuses(admin, ladder({"type": "call_webhook", "url": url})):
        assert [".".join(wrong["loc"]) for wrong in problem["errors"]] == [f"body.{URL}"]


async def test_what_a_policy_names_must_be_there(api: ApiDesk, admin: httpx2.AsyncClient) -> None:
    requester = str(api.people["requester"].id)
    for change, sentence in (
        ({"calendar": 2**31 - 1}, "There is no calendar 2147483647."),
        ({"conditions": {"teams": ["support", "nowhere"]}}, "There is no team nowhere."),
        ({"conditions": {"categories": ["b-none", "a-none", "general"]}}, "There is no category a-none, b-none."),
        (ladder({"type": "notify_team", "team": "nowhere"}), "There is no team nowhere."),
        (ladder({"type": "notify_person", "person": NOBODY}), f"Nobody at the desk has the id {NOBODY}."),
        (ladder({"type": "add_watcher", "person": NOBODY}), f"Nobody at the desk has the id {NOBODY}."),
        (ladder({"type": "add_watcher", "person": requester}), f"Nobody at the desk has the id {requester}."),
    ):
        for problem in await refuses(admin, change):
            assert (problem["code"], problem["detail"]) == ("unknown_reference", sentence)


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
