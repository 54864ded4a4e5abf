"""Shifts over HTTP: planned, published, changed, cancelled; who sees and does what; and what cannot be."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from domain.ids import PersonId
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.shift_desk import SHIFTS, a_break, a_shift, at, listed, planned, said, times

pytestmark = pytest.mark.usefixtures("empty_plan")


@pytest.fixture
def alex(api: ApiDesk) -> PersonId:
    """The agent of team support who is signed in as `agent`."""
    return api.people["agent"].id


@pytest.fixture
def ana(api: ApiDesk) -> PersonId:
    return api.people["agent2"].id


async def test_a_shift_is_kept_as_it_was_planned(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    body = a_shift(alex, breaks=[a_break(12, 12.5), a_break(10, 10.25, "short_break")], note="Front desk")

    answer = await supervisor.post(SHIFTS, json=body)
    made = answer.json()

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{SHIFTS}/{made['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert (made["agent"], made["team"]) == ({"id": str(alex), "name": "Alex Agent"}, "support")
    assert (made["starts_at"], made["ends_at"]) == (at(8), at(16))
    assert (made["status"], made["kind"], made["note"]) == ("published", "regular", "Front desk")
    assert [(one["kind"], one["starts_at"]) for one in made["breaks"]] == [
        ("short_break", at(10)),
        ("lunch", at(12)),
    ]
    assert await said(supervisor, "GET", f"{SHIFTS}/{made['id']}") == made


async def test_a_shift_that_ends_before_it_starts_is_refused(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    for since, until in ((16, 8), (8, 8)):
        refused = assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex, since, until)), 422, "invalid")
        assert refused["detail"] == "A shift ends after it starts."
    assert await listed(supervisor) == []


async def test_a_shift_is_not_too_long_nor_over_already(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    too_long = assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex, 0, 16.5)), 422, "invalid")
    assert too_long["detail"] == "A shift has at most 16 hours."
    assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex, day=-30)), 422, "moment_passed")
    assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex, day=9_000)), 422, "invalid")


async def test_overlapping_shifts_of_an_agent_are_refused(
    supervisor: httpx2.AsyncClient, alex: PersonId, ana: PersonId
) -> None:
    one = await planned(supervisor, alex, 8, 16)

    for since, until in ((7, 9), (15, 17), (10, 11), (7, 17), (8, 16)):
        refused = assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex, since, until)), 409, "shift_overlap")
        assert f"shift {one['id']}" in refused["detail"]
    await planned(supervisor, alex, 6, 8)
    await planned(supervisor, alex, 16, 18)
    await planned(supervisor, ana, 8, 16)
    assert len(await listed(supervisor)) == 4


async def test_a_draft_is_in_the_way_too_and_a_cancelled_shift_is_not(
    supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    draft = await planned(supervisor, alex, publish=False)
    assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex)), 409, "shift_overlap")

    cancelled = await said(supervisor, "DELETE", f"{SHIFTS}/{draft['id']}")

    assert cancelled["status"] == "cancelled"
    await planned(supervisor, alex)


async def test_of_many_who_plan_the_same_time_at_once_one_succeeds(
    supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    bodies = [a_shift(alex, 8 + quarter / 4, 16) for quarter in range(8)]

    answers = await asyncio.gather(*(supervisor.post(SHIFTS, json=body) for body in bodies))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(await listed(supervisor)) == 1


async def test_a_repeated_request_plans_one_shift(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = await supervisor.post(SHIFTS, json=a_shift(alex), headers=key)
    again = await supervisor.post(SHIFTS, json=a_shift(alex), headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = await supervisor.post(SHIFTS, json=a_shift(alex, 9), headers=key)
    assert_problem(other, 422, "idempotency_key_reused")


async def test_a_shift_is_for_an_active_agent_of_its_team(
    supervisor: httpx2.AsyncClient, api: ApiDesk, alex: PersonId
) -> None:
    for body, status, code in (
        (a_shift(uuid4()), 422, "unknown_reference"),
        (a_shift(api.people["requester"].id), 422, "unknown_reference"),
        (a_shift(alex, team="nowhere"), 422, "unknown_reference"),
        (a_shift(api.people["agent3"].id), 409, "assignee_unavailable"),
    ):
        assert_problem(await supervisor.post(SHIFTS, json=body), status, code)
    assert (await planned(supervisor, alex, team=None))["team"] is None


async def test_agents_see_their_teams_published_shifts_and_supervisors_drafts_too(
    supervisor: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    requester: httpx2.AsyncClient,
    alex: PersonId,
    ana: PersonId,
) -> None:
    seen = [
        await planned(supervisor, alex),
        await planned(supervisor, ana),
        await planned(supervisor, ana, 16, 18, team=None),
    ]
    draft = await planned(supervisor, alex, day=1, publish=False)

    assert await listed(agent) == seen
    assert await listed(supervisor) == [*seen, draft]
    assert await listed(billing_agent) == []
    assert await listed(agent, f"{SHIFTS}/mine") == [seen[0]]
    assert await listed(supervisor, agent=str(ana)) == seen[1:]
    assert await listed(supervisor, team="billing") == []
    assert_problem(await requester.get(SHIFTS), 403)
    for client, one in ((agent, draft), (billing_agent, seen[0])):
        assert_problem(await client.get(f"{SHIFTS}/{one['id']}"), 404, "not_found")


async def test_only_supervisors_plan_shifts(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, nobody: httpx2.AsyncClient, alex: PersonId
) -> None:
    one = await planned(supervisor, alex)
    path = f"{SHIFTS}/{one['id']}"

    for answer in (
        await agent.post(SHIFTS, json=a_shift(alex, day=1)),
        await agent.patch(path, json={"note": "mine"}),
        await agent.delete(path),
        await agent.post(f"{SHIFTS}/publish", json={"starts_at": at(0), "ends_at": at(0, 7)}),
    ):
        assert_problem(answer, 403, "forbidden")
    assert_problem(await nobody.get(path), 401)


async def test_shifts_are_listed_page_by_page(supervisor: httpx2.AsyncClient, alex: PersonId, ana: PersonId) -> None:
    made = [await planned(supervisor, one, day=day) for day in range(3) for one in (alex, ana)]
    found, cursor = list[Any](), None
    while True:
        query = {"from": at(0), "to": at(0, 7), "limit": "4", **({"cursor": cursor} if cursor else {})}
        page = await said(supervisor, "GET", SHIFTS, params=query)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == made
    assert_problem(await supervisor.get(SHIFTS, params={"cursor": "x"}), 422)


@pytest.mark.parametrize(
    "query", [{"from": at(5), "to": at(4)}, {"from": at(0), "to": at(0, 101)}, {"from": "yesterday"}, {"limit": "0"}]
)
async def test_a_time_that_makes_no_sense_is_refused(supervisor: httpx2.AsyncClient, query: dict[str, str]) -> None:
    assert_problem(await supervisor.get(SHIFTS, params=query), 422)


async def test_drafts_of_a_team_are_published_at_once(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId, ana: PersonId
) -> None:
    mine = await planned(supervisor, alex, publish=False)
    theirs = await planned(supervisor, ana, publish=False)
    later = await planned(supervisor, ana, day=7, publish=False)
    assert await listed(agent) == []
    body = {"starts_at": at(0), "ends_at": at(0, 7), "team": "support"}

    published = await said(supervisor, "POST", f"{SHIFTS}/publish", json=body)

    assert published["shifts"] == [mine["id"], theirs["id"]]
    assert sorted(published["agents"]) == sorted([str(alex), str(ana)])
    assert [one["id"] for one in await listed(agent)] == [mine["id"], theirs["id"]]
    assert (await said(supervisor, "GET", f"{SHIFTS}/{later['id']}"))["status"] == "draft"
    assert (await said(supervisor, "POST", f"{SHIFTS}/publish", json=body))["shifts"] == []


async def test_a_shift_that_is_moved_takes_its_breaks_along(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    one = await planned(supervisor, alex, breaks=[a_break(12, 12.5)])
    body = {"starts_at": at(10), "ends_at": at(18)}

    moved = await said(supervisor, "PATCH", f"{SHIFTS}/{one['id']}", json=body)

    assert times([moved]) == [(at(10), at(18))]
    assert times(moved["breaks"]) == [(at(14), at(14.5))]
    assert moved["version"] == 2


async def test_what_is_so_already_is_no_change(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    one = await planned(supervisor, alex, breaks=[a_break(12, 12.5)])
    path = f"{SHIFTS}/{one['id']}"

    for body in ({}, {"team": "support", "ends_at": at(16), "note": ""}, {"kind": "regular"}):
        assert await said(supervisor, "PATCH", path, json=body) == one

    changed = await said(supervisor, "PATCH", path, json={"team": None, "kind": "overtime"})
    assert (changed["team"], changed["kind"], changed["version"]) == (None, "overtime", 2)
    assert_problem(await supervisor.patch(path, json={"team": "billing"}), 409, "assignee_unavailable")


async def test_a_shift_is_not_cut_below_its_breaks(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    one = await planned(supervisor, alex, breaks=[a_break(12, 12.5)])

    refused = await supervisor.patch(f"{SHIFTS}/{one['id']}", json={"ends_at": at(12.25)})

    assert "lunch" in assert_problem(refused, 422, "break_outside_shift")["detail"]
    assert await said(supervisor, "GET", f"{SHIFTS}/{one['id']}") == one


async def test_whoever_was_slower_is_told(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    one = await planned(supervisor, alex)
    path, seen = f"{SHIFTS}/{one['id']}", {"If-Match": '"1"'}

    answers = await asyncio.gather(*(supervisor.patch(path, json={"note": "x"}, headers=seen) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert_problem(await supervisor.delete(path, headers=seen), 412, "stale_revision")
    assert (await said(supervisor, "DELETE", path, headers={"If-Match": '"2"'}))["version"] == 3


async def test_a_shift_is_not_moved_onto_another_one(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    await planned(supervisor, alex)
    two = await planned(supervisor, alex, day=1)

    refused = await supervisor.patch(f"{SHIFTS}/{two['id']}", json={"starts_at": at(12), "ends_at": at(20)})

    assert_problem(refused, 409, "shift_overlap")
    assert times(await listed(supervisor)) == [(at(8), at(16)), (at(8, 1), at(16, 1))]


async def test_a_cancelled_shift_stays_cancelled(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    one = await planned(supervisor, alex)
    path = f"{SHIFTS}/{one['id']}"
    await said(supervisor, "DELETE", path)

    for answer in (
        await supervisor.delete(path),
        await supervisor.patch(path, json={"note": "again"}),
        await supervisor.post(f"{path}/breaks", json=a_break(12, 13)),
    ):
        assert_problem(answer, 409, "shift_state")
    assert await listed(supervisor) == []
    assert [item["status"] for item in await listed(supervisor, cancelled="true")] == ["cancelled"]


async def test_a_shift_under_way_is_not_cancelled_but_cut(
    api: ApiDesk, supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    now = datetime.now(UTC)
    one = await planned(
        supervisor,
        alex,
        starts_at=(now - timedelta(hours=2)).isoformat(),
        ends_at=(now + timedelta(hours=2)).isoformat(),
    )
    await api.parts.pool.execute("update shifts set started_at = starts_at where id = $1", one["id"])
    path = f"{SHIFTS}/{one['id']}"

    assert_problem(await supervisor.delete(path), 409, "shift_state")
    assert_problem(await supervisor.patch(path, json={"starts_at": now.isoformat()}), 409, "shift_state")
    sooner = (now + timedelta(hours=1)).isoformat()
    cut = await said(supervisor, "PATCH", path, json={"ends_at": sooner})
    assert datetime.fromisoformat(cut["ends_at"]) == datetime.fromisoformat(sooner)


async def test_who_is_on_now(
    supervisor: httpx2.AsyncClient,
    agent: httpx2.AsyncClient,
    billing_agent: httpx2.AsyncClient,
    alex: PersonId,
    ana: PersonId,
) -> None:
    now = datetime.now(UTC)
    began, ends, rests = now - timedelta(hours=1), now + timedelta(hours=3), now + timedelta(hours=1)
    lunch = {"kind": "lunch", "starts_at": rests.isoformat(), "ends_at": (rests + timedelta(minutes=30)).isoformat()}
    on = await planned(supervisor, alex, starts_at=began.isoformat(), ends_at=ends.isoformat(), breaks=[lunch])
    await planned(supervisor, ana)

    (one,) = (await said(agent, "GET", f"{SHIFTS}/current"))["items"]

    assert (one["agent"]["id"], one["shift"], one["on_break"]) == (str(alex), on["id"], False)
    assert datetime.fromisoformat(one["free_until"]) == rests
    assert datetime.fromisoformat(one["ends_at"]) == ends
    assert (await said(billing_agent, "GET", f"{SHIFTS}/current"))["items"] == []
    assert (await said(supervisor, "GET", f"{SHIFTS}/current", params={"team": "network"}))["items"] == []


async def test_every_change_of_a_plan_is_an_event(api: ApiDesk, supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    async def events() -> list[tuple[Any, ...]]:
        rows = await api.parts.pool.fetch(
            "select person_id, actor_id, data ->> 'shifts' as shifts from events "
            "where topic = 'shifts' and type = 'shift.changed' order by id"
        )
        return [tuple(row.values()) for row in rows]

    before = len(await events())
    one = await planned(supervisor, alex)
    path = f"{SHIFTS}/{one['id']}"
    await said(supervisor, "PATCH", path, json={"ends_at": at(17)})
    await said(supervisor, "POST", f"{path}/breaks", 201, json=a_break(12, 13))
    assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex)), 409)
    await said(supervisor, "DELETE", path)

    by = api.people["supervisor"].id
    assert (await events())[before:] == [(alex, by, f"[{one['id']}]")] * 4


async def test_a_shift_that_is_not_there(supervisor: httpx2.AsyncClient) -> None:
    for answer in (
        await supervisor.get(f"{SHIFTS}/987654321"),
        await supervisor.patch(f"{SHIFTS}/987654321", json={"note": "x"}),
        await supervisor.delete(f"{SHIFTS}/987654321"),
        await supervisor.post(f"{SHIFTS}/987654321/breaks", json=a_break(1, 2)),
    ):
        assert_problem(answer, 404, "not_found")
    assert_problem(await supervisor.get(f"{SHIFTS}/0"), 422)


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts_at": "2030-01-01T08:00:00"},
        {"starts_at": "0001-01-01T00:00:00Z"},
        {"ends_at": "9999-12-31T23:59:59Z"},
        {"note": "\0"},
        {"note": "x" * 501},
        {"kind": "night"},
        {"agent": "alex"},
        {"colour": "red"},
        {"breaks": [{"kind": "lunch"}]},
    ],
    ids=str,
)
async def test_malformed_shifts_are_refused(
    supervisor: httpx2.AsyncClient, alex: PersonId, wrong: dict[str, Any]
) -> None:
    assert_problem(await supervisor.post(SHIFTS, json=a_shift(alex) | wrong), 422)
    assert await listed(supervisor) == []
