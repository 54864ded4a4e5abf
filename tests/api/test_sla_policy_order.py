"""The order of the policies: tried from the top, none without a ticket that reaches it."""

import asyncio
from uuid import uuid4

import httpx2
import pytest

from database.sla_policies import MAX_POLICIES
from tests.api.desk_api import assert_problem, opened
from tests.api.sla_desk import POLICIES, SHIPPED, a_policy, added, goals, minutes, names_in_order, promised

pytestmark = pytest.mark.usefixtures("shipped_terms")


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
