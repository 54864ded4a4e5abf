"""Breaks over HTTP: planned by their agent and by supervisors, moved, cancelled, and what cannot be."""

from uuid import uuid4

import httpx2
import pytest

from domain.ids import PersonId
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.shift_desk import SHIFTS, a_break, a_shift, at, listed, planned, said

pytestmark = pytest.mark.usefixtures("empty_plan")


@pytest.fixture
def alex(api: ApiDesk) -> PersonId:
    """The agent of team support who is signed in as `agent`."""
    return api.people["agent"].id


async def test_a_break_outside_its_shift_is_refused(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    one = await planned(supervisor, alex)
    path = f"{SHIFTS}/{one['id']}/breaks"

    for since, until in ((7, 9), (15.5, 16.5), (17, 18)):
        assert_problem(await agent.post(path, json=a_break(since, until)), 422, "break_outside_shift")
    assert_problem(await agent.post(path, json=a_break(13, 12)), 422, "invalid")
    assert_problem(await agent.post(path, json=a_break(12, 13, "nap")), 422, "invalid")
    body = a_shift(alex, day=1, breaks=[a_break(17, 18, day=1)])
    assert_problem(await supervisor.post(SHIFTS, json=body), 422, "break_outside_shift")
    assert await listed(supervisor) == [one]


async def test_agents_plan_their_own_breaks(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient, alex: PersonId
) -> None:
    one = await planned(supervisor, alex)
    path = f"{SHIFTS}/{one['id']}/breaks"
    made = await said(agent, "POST", path, 201, json=a_break(12, 12.5))
    lunch = made["breaks"][0]["id"]

    assert_problem(await agent.post(path, json=a_break(12.25, 13)), 409, "break_overlap")
    assert_problem(await colleague.post(path, json=a_break(10, 11)), 403)
    moved = await said(agent, "PUT", f"{path}/{lunch}", json=a_break(12.25, 13, "training"))
    assert [(item["kind"], item["starts_at"]) for item in moved["breaks"]] == [("training", at(12.25))]
    assert (await said(supervisor, "DELETE", f"{path}/{lunch}"))["breaks"] == []
    assert_problem(await agent.delete(f"{path}/{lunch}"), 404)


async def test_a_repeated_request_plans_one_break(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    path = f"{SHIFTS}/{(await planned(supervisor, alex))['id']}/breaks"
    key = {"Idempotency-Key": str(uuid4())}

    for _ in range(2):
        made = await said(agent, "POST", path, 201, json=a_break(12, 12.5), headers=key)

        assert len(made["breaks"]) == 1


async def test_a_break_that_was_started_is_ended_and_not_moved(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    one = await planned(supervisor, alex, breaks=[a_break(12, 12.5)])
    path = f"{SHIFTS}/{one['id']}/breaks/{one['breaks'][0]['id']}"
    await api.parts.pool.execute("update shift_breaks set started_at = now()")

    assert_problem(await agent.put(path, json=a_break(13, 14)), 409, "shift_state")
    assert_problem(await agent.delete(path), 409, "shift_state")
