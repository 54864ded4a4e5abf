"""Time off over HTTP: asked for, decided on, and what it does to shifts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.ids import PersonId
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.shift_desk import SHIFTS, TIME_OFF, a_break, a_shift, at, listed, planned, said, times

pytestmark = pytest.mark.usefixtures("empty_plan")


@pytest.fixture
def alex(api: ApiDesk) -> PersonId:
    return api.people["agent"].id


def off(since: float, until: float, **more: Any) -> dict[str, Any]:
    return {"starts_at": at(since), "ends_at": at(until), **more}


async def notices(api: ApiDesk, name: str) -> list[str]:
    rows = await api.parts.pool.fetch(
        "select kind from notifications where person_id = $1 and ticket_number is null order by id",
        api.people[name].id,
    )
    return [row["kind"] for row in rows]


async def test_time_off_that_is_approved_cancels_and_cuts_shifts(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    under = await planned(supervisor, alex, 8, 16)
    reaching = await planned(supervisor, alex, 20, 28, breaks=[a_break(24, 24.5), a_break(22, 23, "meeting")])
    beside = await planned(supervisor, alex, day=2)
    asked = await said(agent, "POST", TIME_OFF, 201, json=off(0, 24, note="Skiing"))
    assert (asked["state"], asked["shifts"], asked["agent"]["id"]) == ("asked", [], str(alex))
    assert await listed(supervisor) == [under, reaching, beside]

    approved = await said(supervisor, "POST", f"{TIME_OFF}/{asked['id']}/approve")

    assert approved["state"] == "approved"
    assert approved["shifts"] == [
        {"shift": under["id"], "starts_at": at(8), "ends_at": at(16), "left": []},
        {
            "shift": reaching["id"],
            "starts_at": at(20),
            "ends_at": at(28),
            "left": [{"starts_at": at(24), "ends_at": at(28)}],
        },
    ]
    left = await listed(supervisor)
    assert times(left) == [(at(24), at(28)), (at(8, 2), at(16, 2))]
    assert times(left[0]["breaks"]) == [(at(24), at(24.5))]
    assert await notices(api, "supervisor") == ["time_off.asked"]
    assert await notices(api, "agent") == ["time_off.approved"]


async def test_an_hour_off_splits_a_shift(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    one = await planned(supervisor, alex, breaks=[a_break(9, 10), a_break(14, 15, "meeting")])

    given = await said(supervisor, "POST", TIME_OFF, 201, json=off(11, 12, agent=str(alex), kind="other"))

    assert given["state"] == "approved"
    morning, afternoon = await listed(supervisor)
    assert times([morning, afternoon]) == [(at(8), at(11)), (at(12), at(16))]
    assert (morning["id"], afternoon["status"], afternoon["team"]) == (one["id"], "published", "support")
    assert [times(item["breaks"]) for item in (morning, afternoon)] == [[(at(9), at(10))], [(at(14), at(15))]]


async def test_nobody_is_planned_in_their_time_off(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    asked = await said(agent, "POST", TIME_OFF, 201, json=off(0, 24))
    await planned(supervisor, alex, 0, 4)
    await said(supervisor, "POST", f"{TIME_OFF}/{asked['id']}/approve")
    other = await planned(supervisor, alex, day=1)

    assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex)), 409, "time_off")
    into = {"starts_at": at(20), "ends_at": at(28)}
    assert_problem(await supervisor.patch(f"{SHIFTS}/{other['id']}", json=into), 409, "time_off")
    assert times(await listed(supervisor)) == [(at(8, 1), at(16, 1))]


async def test_a_shift_that_is_on_is_cut_now(api: ApiDesk, supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    now = datetime.now(UTC)
    began, ends = now - timedelta(hours=1), now + timedelta(hours=3)
    one = await planned(supervisor, alex, starts_at=began.isoformat(), ends_at=ends.isoformat())
    await api.parts.pool.execute("update shifts set started_at = starts_at where id = $1", one["id"])
    sick = {"agent": str(alex), "kind": "sickness", "starts_at": began.isoformat(), "ends_at": ends.isoformat()}

    given = await said(supervisor, "POST", TIME_OFF, 201, json=sick)

    (loss,) = given["shifts"]
    (left,) = loss["left"]
    assert datetime.fromisoformat(left["starts_at"]) == began
    assert now <= datetime.fromisoformat(left["ends_at"]) <= datetime.now(UTC)


async def test_time_off_is_refused_or_withdrawn_and_decided_once(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    one = await planned(supervisor, alex)
    asked = await said(agent, "POST", TIME_OFF, 201, json=off(0, 24))
    path = f"{TIME_OFF}/{asked['id']}"

    assert (await said(supervisor, "POST", f"{path}/reject"))["state"] == "rejected"

    for answer in (
        await supervisor.post(f"{path}/approve"),
        await supervisor.post(f"{path}/reject"),
        await agent.delete(path),
    ):
        assert_problem(answer, 409, "time_off")
    again = await said(agent, "POST", TIME_OFF, 201, json=off(0, 24))
    assert (await said(agent, "DELETE", f"{TIME_OFF}/{again['id']}"))["state"] == "withdrawn"
    assert await listed(supervisor) == [one]
    assert await notices(api, "agent") == ["time_off.rejected"]


async def test_time_off_that_makes_no_sense_is_refused(agent: httpx2.AsyncClient) -> None:
    assert_problem(await agent.post(TIME_OFF, json=off(24, 0)), 422, "invalid")
    assert_problem(await agent.post(TIME_OFF, json=off(0, 24 * 400)), 422, "invalid")
    assert_problem(await agent.post(TIME_OFF, json=off(-24 * 40, -24 * 30)), 422, "moment_passed")
    assert_problem(await agent.post(TIME_OFF, json=off(0, 24, kind="siesta")), 422, "invalid")
    await said(agent, "POST", TIME_OFF, 201, json=off(0, 24))
    assert_problem(await agent.post(TIME_OFF, json=off(23, 48)), 409, "time_off")


async def test_agents_ask_for_themselves_and_supervisors_decide(
    supervisor: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    colleague: httpx2.AsyncClient,
    requester: httpx2.AsyncClient,
    alex: PersonId,
) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    asked = await said(agent, "POST", TIME_OFF, 201, json=off(0, 24), headers=key)
    assert await said(agent, "POST", TIME_OFF, 201, json=off(0, 24), headers=key) == asked
    path = f"{TIME_OFF}/{asked['id']}"

    assert_problem(await colleague.post(TIME_OFF, json=off(0, 24, agent=str(alex))), 403)
    assert_problem(await requester.post(TIME_OFF, json=off(0, 24)), 403)
    assert_problem(await agent.post(f"{path}/approve"), 403)
    assert_problem(await agent.post(f"{path}/reject"), 403)
    assert_problem(await colleague.get(path), 404)
    assert_problem(await colleague.delete(path), 404)
    assert_problem(await colleague.get(TIME_OFF, params={"agent": str(alex)}), 403)
    assert (await said(colleague, "GET", TIME_OFF))["items"] == []
    assert (await said(agent, "GET", TIME_OFF))["items"] == [asked]
    assert (await said(supervisor, "GET", TIME_OFF, params={"state": "asked"}))["items"] == [asked]
    assert_problem(await supervisor.post(f"{path}/approve", headers={"If-Match": '"7"'}), 412)
