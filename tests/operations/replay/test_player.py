from itertools import pairwise

import pytest

from operations.replay.cast import Cast, agents_for, make_cast, team_slug
from operations.replay.desk import Desk, Json, Person
from operations.replay.plan import Plan, groups_of, plan
from operations.replay.player import Pace, Played, Player, key_of
from tests.operations.replay.fake_desk import FakeDesk
from tests.operations.replay.incidents import incident

pytestmark = pytest.mark.asyncio


async def a_cast(desk: Desk, plans: list[Plan]) -> Cast:
    admin = Person("admin@example.com", "secret")
    await desk.sign_in(admin)
    return await make_cast(desk, admin, "t1", groups_of(plans), requesters=2, agents=3)


async def played(desk: Desk, plans: list[Plan], at_once: int = 4) -> Played:
    return await Player(plans, desk, await a_cast(desk, plans), run="t1", pace=Pace()).play(at_once)


def on_tickets(fake: FakeDesk) -> list[tuple[str, str, Json]]:
    return [effect for effect in fake.effects if effect[1].startswith("/tickets")]


async def test_every_step_goes_over_the_wire_in_the_order_of_its_ticket(desk: Desk, fake: FakeDesk) -> None:
    plans = [plan(incident(reassignments=1, final_group="39", pending_s=60), requesters=2, seed=1)]

    await played(desk, plans)

    (_, _, opened), *later = on_tickets(fake)
    assert (opened["team"], opened["priority"], opened["tags"]) == ("group-70", "normal", ["replay-t1", "kind-26"])
    assert [(method, path.removeprefix("/tickets/1001")) for method, path, _ in later] == [
        ("POST", "/assign"),
        ("POST", "/replies"),
        ("PATCH", ""),
        ("POST", "/assign"),
        ("POST", "/status"),
        ("POST", "/replies"),
        ("POST", "/status"),
        ("POST", "/status"),
    ]


async def test_tickets_are_opened_in_the_order_of_arrival(desk: Desk, fake: FakeDesk) -> None:
    plans = [
        plan(incident(ticket=f"A{n}", arrival_offset_s=60 * n, category=str(n)), requesters=2, seed=1)
        for n in range(12)
    ]

    result = await played(desk, plans, at_once=1)

    assert [result.numbers[plan.incident] for plan in plans] == list(range(1001, 1013))


async def test_a_busy_desk_doubles_nothing(desk: Desk, fake: FakeDesk) -> None:
    plans = [plan(incident(), requesters=2, seed=1)]
    cast = await a_cast(desk, plans)
    fake.busy = [202, 503, 202]

    result = await Player(plans, desk, cast, run="t1", pace=Pace()).play(at_once=2)

    assert len(on_tickets(fake)) == len(plans[0].steps)
    assert result.failures == {}


async def test_a_refused_step_ends_its_ticket_only(desk: Desk, fake: FakeDesk) -> None:
    plans = [plan(incident(ticket=name), requesters=2, seed=1) for name in ("A1", "A2")]
    cast = await a_cast(desk, plans)
    fake.busy = [400]
    steps: list[int] = []

    result = await Player(plans, desk, cast, run="t1", pace=Pace(), stepped=steps.append).play(at_once=1)

    assert list(result.failures) == ["A1"]
    assert "400" in result.failures["A1"]
    assert list(result.numbers) == ["A2"]
    assert sum(steps) == sum(len(plan.steps) for plan in plans)


async def test_the_cast_is_one_team_per_group_with_two_agents_each(desk: Desk, fake: FakeDesk) -> None:
    plans = [plan(incident(ticket=n, first_group=n, final_group=n), requesters=2, seed=1) for n in ("1", "2", "3")]

    await a_cast(desk, plans)

    teams = [body["slug"] for _, path, body in fake.effects if path == "/teams"]
    agents = [body for _, path, body in fake.effects if path == "/agents"]
    assert teams == ["group-1", "group-2", "group-3"]
    assert all(sum(team in agent["teams"] for agent in agents) == 2 for team in teams)


async def test_the_two_agents_of_a_group_are_two() -> None:
    for agents in (2, 3, 8):
        pairs = [agents_for(group, agents) for group in range(20)]
        assert all(one != other for one, other in pairs)
        assert {agent for pair in pairs for agent in pair} == set(range(agents))
    assert team_slug("70") == "group-70"


async def test_each_step_has_a_key_of_its_own_and_the_same_one_again() -> None:
    keys = [key_of(run, incident, step) for run in "ab" for incident in "AB" for step in (0, 1)]

    assert len(set(keys)) == len(keys)
    assert key_of("a", "A", 0) == keys[0]


async def test_a_speed_up_turns_log_time_into_waiting_and_max_does_not_wait() -> None:
    assert Pace(60).due_in_s(log_s=600, passed_s=4) == 6
    assert Pace(60).due_in_s(log_s=600, passed_s=40) == 0
    assert Pace(None).due_in_s(log_s=600, passed_s=0) == 0
    dues = [Pace(60).due_in_s(log_s, passed_s=0) for log_s in (0, 60, 120)]
    assert all(sooner < later for sooner, later in pairwise(dues))
