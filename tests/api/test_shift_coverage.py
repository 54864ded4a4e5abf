"""Coverage over HTTP: who is on when, gaps against the need, and the score."""

from typing import Any

import httpx2
import pytest

from domain.audit import Author
from domain.ids import PersonId
from tests.api.desk_api import ApiDesk, assert_problem
from tests.api.shift_desk import COVERAGE, a_break, at, planned, said

pytestmark = pytest.mark.usefixtures("empty_plan")


@pytest.fixture
def alex(api: ApiDesk) -> PersonId:
    return api.people["agent"].id


@pytest.fixture
def ana(api: ApiDesk) -> PersonId:
    return api.people["agent2"].id


async def coverage(client: httpx2.AsyncClient, since: float = 8, until: float = 16, **query: Any) -> dict[str, Any]:
    return await said(client, "GET", COVERAGE, params={"team": "support", "from": at(since), "to": at(until), **query})


async def test_who_is_on_when_and_where_somebody_is_missing(
    api: ApiDesk, supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId, ana: PersonId
) -> None:
    await planned(supervisor, alex, 8, 12, breaks=[a_break(10, 10.5, "short_break")])
    await planned(supervisor, ana, 11, 16)
    await planned(supervisor, api.people["agent3"].id, team="billing")
    await api.parts.skills.set(ana, {"vpn": 3}, Author(api.people["supervisor"].id))

    told = await coverage(agent, required=1)

    assert [(one["starts_at"], one["ends_at"], one["agents"], one["missing"]) for one in told["stretches"]] == [
        (at(8), at(10), [str(alex)], 0),
        (at(10), at(10.5), [], 1),
        (at(10.5), at(11), [str(alex)], 0),
        (at(11), at(12), sorted([str(alex), str(ana)]), 0),
        (at(12), at(16), [str(ana)], 0),
    ]
    assert told["stretches"][1]["on_break"] == [str(alex)]
    assert told["stretches"][4]["skills"] == [{"skill": "vpn", "agents": 1, "best_level": 3}]
    assert (
        told["gaps"]
        == told["worst_gaps"]
        == [{"starts_at": at(10), "ends_at": at(10.5), "missing": 1, "missing_minutes": 30}]
    )
    assert told["score"] == 93.8
    assert [one["name"] for one in told["agents"]] == ["Alex Agent", "Ana Agent"]
    await api.parts.skills.set(ana, {}, Author(api.people["supervisor"].id))


async def test_the_stored_need_of_a_team_counts(supervisor: httpx2.AsyncClient, alex: PersonId) -> None:
    week = [[0] * 24 for _ in range(7)]
    week[0][8:16] = [1] * 4 + [2] * 4
    need = {"zone": "UTC", "week": week}
    await planned(supervisor, alex)
    assert (await coverage(supervisor))["score"] is None

    assert await said(supervisor, "PUT", f"{COVERAGE}/needs/support", json=need) == need

    told = await coverage(supervisor, 0, 24)
    assert (told["score"], [(gap["starts_at"], gap["missing_minutes"]) for gap in told["gaps"]]) == (
        66.7,
        [(at(12), 240)],
    )
    assert await said(supervisor, "GET", f"{COVERAGE}/needs/support") == need
    assert (await coverage(supervisor, required=0))["score"] is None


async def test_drafts_are_counted_when_a_supervisor_asks_for_it(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, alex: PersonId
) -> None:
    await planned(supervisor, alex, publish=False)

    assert (await coverage(supervisor, required=1))["score"] == 0
    assert (await coverage(supervisor, required=1, drafts="true"))["score"] == 100
    assert (await coverage(agent, required=1, drafts="true"))["score"] == 0


async def test_hours_are_told_by_the_clock_of_the_zone_that_is_asked_for(
    supervisor: httpx2.AsyncClient, alex: PersonId
) -> None:
    await planned(supervisor, alex, 8, 9)

    told = await coverage(supervisor, 8, 10, required=1, zone="Asia/Kolkata")

    assert (told["zone"], told["starts_at"], told["ends_at"]) == ("Asia/Kolkata", at(8), at(10))
    assert [(one["starts_at"], one["hour"], one["agents"], one["missing_minutes"]) for one in told["hours"]] == [
        (at(8), 13, 1, 0),
        (at(8.5), 14, 0.5, 30),
        (at(9.5), 15, 0, 30),
    ]
    query = {"zone": "Mars/Base", "team": "support"}
    assert_problem(await supervisor.get(COVERAGE, params=query), 422, "invalid")


async def test_coverage_is_the_teams_own(
    supervisor: httpx2.AsyncClient, agent: httpx2.AsyncClient, requester: httpx2.AsyncClient
) -> None:
    for query in ({"team": "billing"}, {}):
        assert_problem(await agent.get(COVERAGE, params=query), 403)
    assert_problem(await requester.get(COVERAGE, params={"team": "support"}), 403)
    assert (await supervisor.get(COVERAGE)).status_code == 200
    need = {"zone": "UTC", "week": [[0] * 24] * 7}
    assert_problem(await agent.put(f"{COVERAGE}/needs/support", json=need), 403)
    assert_problem(await supervisor.put(f"{COVERAGE}/needs/nowhere", json=need), 422, "unknown_reference")
    assert_problem(await supervisor.get(f"{COVERAGE}/needs/network"), 404)


@pytest.mark.parametrize(
    "query", [{"from": at(8), "to": at(8)}, {"required": "-1"}, {"required": "many"}, {"from": at(0), "to": at(0, 200)}]
)
async def test_a_question_that_makes_no_sense_is_refused(supervisor: httpx2.AsyncClient, query: dict[str, str]) -> None:
    assert_problem(await supervisor.get(COVERAGE, params={"team": "support", **query}), 422)
