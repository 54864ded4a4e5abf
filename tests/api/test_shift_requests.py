"""Requests over HTTP: shifts are covered and swapped, whole and in part, and the first who takes one gets it."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.ids import PersonId
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.shift_desk import REQUESTS, SHIFTS, TIME_OFF, a_break, at, listed, planned, said, times
from tests.api.staff import NOBODY

pytestmark = pytest.mark.usefixtures("empty_plan")


@pytest.fixture
def alex(api: ApiDesk) -> PersonId:
    """Who is signed in as `agent`."""
    return api.people["agent"].id


@pytest.fixture
def ana(api: ApiDesk) -> PersonId:
    """Who is signed in as `colleague`."""
    return api.people["agent2"].id


@pytest.fixture
async def approving(api: ApiDesk, empty_plan: None) -> None:
    """Team support approves swaps."""
    await api.parts.pool.execute("update teams set approves_swaps = true where slug = 'support'")


async def asked(client: httpx2.AsyncClient, shift: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await said(client, "POST", REQUESTS, 201, json={"shift": shift["id"], **more})


async def taken(client: httpx2.AsyncClient, request: dict[str, Any], **body: Any) -> dict[str, Any]:
    return await said(client, "POST", f"{REQUESTS}/{request['id']}/take", json=body)


async def of(client: httpx2.AsyncClient, agent: PersonId) -> list[tuple[str, str]]:
    """The times of an agent's shifts."""
    return times(await listed(client, agent=str(agent)))


async def notices(api: ApiDesk, name: str) -> list[str]:
    rows = await api.parts.pool.fetch(
        "select kind from notifications where person_id = $1 and ticket_number is null order by id",
        api.people[name].id,
    )
    return [row["kind"] for row in rows]


async def test_a_colleague_covers_a_shift(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    alex: PersonId, ana: PersonId,
) -> None:  # fmt: skip
    one = await planned(supervisor, alex, breaks=[a_break(12, 12.5)])
    request = await asked(agent, one, note="Dentist")
    assert (request["state"], request["starts_at"], request["ends_at"]) == ("open", at(8), at(16))
    assert (await said(colleague, "GET", REQUESTS, params={"pending": "true"}))["items"] == [request]

    done = await taken(colleague, request)

    assert (done["state"], done["taken_by"]) == ("done", str(ana))
    assert await of(supervisor, alex) == []
    (theirs,) = await listed(supervisor, agent=str(ana))
    assert (times([theirs]), times(theirs["breaks"])) == ([(at(8), at(16))], [(at(12), at(12.5))])
    assert (await said(agent, "GET", f"{SHIFTS}/{one['id']}"))["status"] == "cancelled"
    assert await notices(api, "agent2") == ["shift.cover_requested"]
    assert await notices(api, "agent") == ["shift.request_taken"]
    assert await notices(api, "agent3") == []


async def test_a_part_of_a_shift_is_covered(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    alex: PersonId, ana: PersonId,
) -> None:  # fmt: skip
    one = await planned(supervisor, alex)
    await planned(supervisor, ana, 4, 8)

    await taken(colleague, await asked(agent, one, starts_at=at(10), ends_at=at(12)))

    assert await of(supervisor, alex) == [(at(8), at(10)), (at(12), at(16))]
    assert await of(supervisor, ana) == [(at(4), at(8)), (at(10), at(12))]


async def test_the_first_taker_wins(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    alex: PersonId,
) -> None:  # fmt: skip
    request = await asked(agent, await planned(supervisor, alex))
    path = f"{REQUESTS}/{request['id']}/take"

    answers = await asyncio.gather(*(client.post(path, json={}) for client in [colleague, supervisor] * 3))

    by_taker = [{answer.status_code for answer in answers[first::2]} for first in (0, 1)]
    assert sorted(by_taker, key=max) == [{200}, {409}]
    for answer in answers:
        if answer.status_code == 409:
            assert_problem(answer, 409, "shift_request_state")
    assert len(await listed(supervisor)) == 1
    assert await of(supervisor, alex) == []


async def test_a_taker_who_works_or_is_off_then_is_refused(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    alex: PersonId, ana: PersonId,
) -> None:  # fmt: skip
    request = await asked(agent, await planned(supervisor, alex))
    path = f"{REQUESTS}/{request['id']}/take"
    own = await planned(supervisor, ana, 15, 20)
    assert_problem(await colleague.post(path, json={}), 409, "shift_overlap")
    await said(supervisor, "DELETE", f"{SHIFTS}/{own['id']}")
    off = {"agent": str(ana), "starts_at": at(0), "ends_at": at(9)}
    given = await said(supervisor, "POST", TIME_OFF, 201, json=off)
    assert_problem(await colleague.post(path, json={}), 409, "time_off")

    await said(supervisor, "DELETE", f"{TIME_OFF}/{given['id']}")

    assert (await taken(colleague, request))["state"] == "done"


async def test_a_request_is_for_the_team_or_for_the_one_who_is_named(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient, requester: httpx2.AsyncClient, api: ApiDesk, alex: PersonId, ana: PersonId,
) -> None:  # fmt: skip
    open_to_all = await asked(agent, await planned(supervisor, alex))
    to_sam = await asked(agent, await planned(supervisor, alex, day=1), to=str(api.people["supervisor"].id))

    assert_problem(await billing_agent.post(f"{REQUESTS}/{open_to_all['id']}/take", json={}), 404)
    assert_problem(await colleague.post(f"{REQUESTS}/{to_sam['id']}/take", json={}), 404)
    assert_problem(await agent.post(f"{REQUESTS}/{open_to_all['id']}/take", json={}), 403)
    assert_problem(await requester.get(REQUESTS), 403)
    assert (await said(colleague, "GET", REQUESTS))["items"] == [open_to_all]
    assert (await said(billing_agent, "GET", REQUESTS))["items"] == []
    third = await planned(supervisor, alex, day=2)
    to_billing = {"shift": third["id"], "to": str(api.people["agent3"].id)}
    assert_problem(await agent.post(REQUESTS, json=to_billing), 409, "assignee_unavailable")
    assert_problem(await agent.post(REQUESTS, json={"shift": third["id"], "to": str(alex)}), 422, "invalid")
    assert_problem(await colleague.post(REQUESTS, json={"shift": third["id"]}), 404)
    assert (await taken(supervisor, to_sam))["state"] == "done"


async def test_two_swap_their_shifts(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    alex: PersonId, ana: PersonId,
) -> None:  # fmt: skip
    mine, theirs = await planned(supervisor, alex, 8, 16), await planned(supervisor, ana, 14, 22)

    request = await asked(agent, mine, kind="swap", wanted_shift=theirs["id"])
    assert request["to"] == str(ana)
    done = await taken(colleague, request)

    assert (done["state"], done["given_shift"]) == ("done", theirs["id"])
    assert await of(supervisor, alex) == [(at(14), at(22))]
    assert await of(supervisor, ana) == [(at(8), at(16))]


async def test_to_swap_the_taker_says_which_shift_they_give(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    alex: PersonId, ana: PersonId,
) -> None:  # fmt: skip
    mine, theirs = await planned(supervisor, alex), await planned(supervisor, ana, day=2)
    await planned(supervisor, alex, 12, 20, day=3)
    unfit = await planned(supervisor, ana, day=3)
    request = await asked(agent, mine, kind="swap")
    path = f"{REQUESTS}/{request['id']}/take"

    assert_problem(await colleague.post(path, json={}), 422, "invalid")
    assert_problem(await colleague.post(path, json={"gives": mine["id"]}), 422, "invalid")
    assert_problem(await colleague.post(path, json={"gives": 987654321}), 404)
    assert_problem(await colleague.post(path, json={"gives": unfit["id"]}), 409, "shift_overlap")
    await taken(colleague, request, gives=theirs["id"])

    assert await of(supervisor, alex) == [(at(8, 2), at(16, 2)), (at(12, 3), at(20, 3))]
    assert await of(supervisor, ana) == [(at(8), at(16)), (at(8, 3), at(16, 3))]


async def test_where_swaps_are_approved_nothing_moves_before(
    api: ApiDesk, approving: None, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient,
    colleague: httpx2.AsyncClient, alex: PersonId, ana: PersonId,
) -> None:  # fmt: skip
    request = await asked(agent, await planned(supervisor, alex))
    path = f"{REQUESTS}/{request['id']}"

    waiting = await taken(colleague, request)
    assert waiting["state"] == "taken"
    assert (await of(supervisor, alex), await of(supervisor, ana)) == ([(at(8), at(16))], [])
    assert_problem(await colleague.post(f"{path}/approve"), 403)
    assert_problem(await supervisor.post(f"{path}/take", json={}), 409, "shift_request_state")
    done = await said(supervisor, "POST", f"{path}/approve", headers={"If-Match": f'"{waiting["version"]}"'})

    assert (done["state"], done["decided_by"]) == ("done", str(api.people["supervisor"].id))
    assert (await of(supervisor, alex), await of(supervisor, ana)) == ([], [(at(8), at(16))])
    assert "shift.approval_needed" in await notices(api, "supervisor")
    assert await notices(api, "agent") == ["shift.request_taken", "shift.request_approved"]
    assert await notices(api, "agent2") == ["shift.cover_requested", "shift.request_approved"]
    assert_problem(await supervisor.post(f"{path}/reject"), 409, "shift_request_state")


async def test_a_supervisor_rejects_a_swap(
    approving: None, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    alex: PersonId, ana: PersonId,
) -> None:  # fmt: skip
    request = await asked(agent, await planned(supervisor, alex))
    assert_problem(await supervisor.post(f"{REQUESTS}/{request['id']}/approve"), 409, "shift_request_state")
    await taken(colleague, request)

    rejected = await said(supervisor, "POST", f"{REQUESTS}/{request['id']}/reject")

    assert rejected["state"] == "rejected"
    assert (await of(supervisor, alex), await of(supervisor, ana)) == ([(at(8), at(16))], [])


async def test_what_became_impossible_is_not_approved(
    approving: None, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    alex: PersonId, ana: PersonId,
) -> None:  # fmt: skip
    request = await asked(agent, await planned(supervisor, alex))
    await taken(colleague, request)
    await planned(supervisor, ana, 12, 20)

    assert_problem(await supervisor.post(f"{REQUESTS}/{request['id']}/approve"), 409, "shift_overlap")

    assert (await said(agent, "GET", f"{REQUESTS}/{request['id']}"))["state"] == "taken"
    assert await of(supervisor, alex) == [(at(8), at(16))]


async def test_a_request_is_withdrawn_by_who_asked(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient, alex: PersonId
) -> None:
    one = await planned(supervisor, alex)
    request = await asked(agent, one)
    path = f"{REQUESTS}/{request['id']}"
    assert_problem(await agent.post(REQUESTS, json={"shift": one["id"]}), 409, "shift_request_state")
    assert_problem(await colleague.delete(path), 403)

    assert (await said(agent, "DELETE", path))["state"] == "withdrawn"

    assert_problem(await colleague.post(f"{path}/take", json={}), 409, "shift_request_state")
    assert_problem(await agent.delete(path), 409, "shift_request_state")
    assert (await asked(agent, one))["state"] == "open"


async def test_a_request_expires_when_the_shift_begins(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, colleague: httpx2.AsyncClient,
    alex: PersonId,
) -> None:  # fmt: skip
    one = await planned(supervisor, alex)
    request = await asked(agent, one)
    for table in ("shifts", "shift_requests"):
        await api.parts.pool.execute(f"update {table} set starts_at = now() - interval '1 second'")  # noqa: S608

    assert (await said(agent, "GET", f"{REQUESTS}/{request['id']}"))["state"] == "expired"
    assert_problem(await colleague.post(f"{REQUESTS}/{request['id']}/take", json={}), 409, "shift_request_state")
    assert (await said(colleague, "GET", REQUESTS, params={"pending": "true"}))["items"] == []


async def test_a_shift_that_is_cancelled_or_cut_takes_its_request_along(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    cancelled, cut = await planned(supervisor, alex), await planned(supervisor, alex, day=1)
    requests = [await asked(agent, cancelled), await asked(agent, cut, starts_at=at(14, 1))]

    await said(supervisor, "DELETE", f"{SHIFTS}/{cancelled['id']}")
    await said(supervisor, "PATCH", f"{SHIFTS}/{cut['id']}", json={"ends_at": at(15, 1)})

    for request in requests:
        assert (await said(agent, "GET", f"{REQUESTS}/{request['id']}"))["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"starts_at": at(12), "ends_at": at(10)}, 422, "invalid"),
        ({"starts_at": at(7)}, 422, "invalid"),
        ({"ends_at": at(17)}, 422, "invalid"),
        ({"wanted_shift": 1}, 422, "invalid"),
        ({"kind": "swap", "wanted_shift": 987654321}, 404, "not_found"),
        ({"shift": 987654321}, 404, "not_found"),
        ({"to": NOBODY}, 422, "unknown_reference"),
        ({"kind": "gift"}, 422, "invalid"),
    ],
    ids=str,
)
async def test_requests_that_make_no_sense_are_refused(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId,
    more: dict[str, Any], status: int, code: str,
) -> None:  # fmt: skip
    one = await planned(supervisor, alex)

    assert_problem(await agent.post(REQUESTS, json={"shift": one["id"], **more}), status, code)

    assert (await said(supervisor, "GET", REQUESTS))["items"] == []


async def test_a_draft_is_not_handed_over(supervisor: httpx2.AsyncClient, api: ApiDesk) -> None:
    own = await planned(supervisor, api.people["supervisor"].id, publish=False)

    assert_problem(await supervisor.post(REQUESTS, json={"shift": own["id"]}), 409, "shift_state")


async def test_a_repeated_request_asks_once(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    one = await planned(supervisor, alex)
    key = {"Idempotency-Key": str(uuid4())}
    first = await said(agent, "POST", REQUESTS, 201, json={"shift": one["id"]}, headers=key)

    assert await said(agent, "POST", REQUESTS, 201, json={"shift": one["id"]}, headers=key) == first
    assert await notices(api, "agent2") == ["shift.cover_requested"]
