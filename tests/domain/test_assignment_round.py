"""A round: which tickets go to whom."""

from array import array
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.matching import solve
from domain.agent import Capacity, Presence, Weights
from domain.assignment import Candidate, WaitingTicket, exclusion
from domain.assignment_round import EXCLUDED, Matching, Waiting, match
from domain.assignment_score import ScoreWeights, score
from domain.ids import TicketNumber
from domain.ticket import Priority
from tests.domain.staffing import HOUR, MINUTE, MONDAY_NINE, candidate, person, waiting

WEIGHTS = ScoreWeights()
STEADY = settings(derandomize=True, database=None, deadline=None, max_examples=150)


def round_of(tickets: Sequence[WaitingTicket], candidates: Sequence[Candidate], **limits: int) -> Matching:
    return match(tickets, candidates, MONDAY_NINE, WEIGHTS, solve, **limits)


def owners(matching: Matching) -> dict[int, int]:
    return {pair.ticket.number: pair.candidate_id.int for pair in matching.pairs}


def test_a_ticket_goes_to_the_freer_of_two() -> None:
    matching = round_of([waiting(1)], [candidate(1, load=2.0, tickets_carried=2), candidate(2)])

    assert owners(matching) == {1: 2}
    assert matching.waiting == ()


def test_several_tickets_are_spread() -> None:
    matching = round_of([waiting(number) for number in range(6)], [candidate(1), candidate(2), candidate(3)])

    assert sorted(owners(matching).values()) == [1, 1, 2, 2, 3, 3]


def test_a_ticket_is_bound_late_it_waits_in_the_one_queue_while_everybody_is_full() -> None:
    one_at_a_time = candidate(1, capacity=Capacity(tickets=1), load=1.0)

    assert round_of([waiting(7)], [one_at_a_time]).waiting == (Waiting(waiting(7).number, "nobody"),)


def test_the_most_urgent_goes_first_and_the_others_wait() -> None:
    urgent, low = waiting(1, priority=Priority.URGENT), waiting(2, priority=Priority.LOW)
    matching = round_of([low, urgent], [candidate(1, capacity=Capacity(tickets=1))])

    assert owners(matching) == {1: 1}
    assert matching.waiting == (Waiting(low.number, "others_first"),)


def test_as_many_as_possible_are_given_out() -> None:
    generalist = candidate(1, skills={"vpn": 5, "mail": 5}, capacity=Capacity(tickets=1))
    mailer = candidate(2, skills={"mail": 1}, capacity=Capacity(tickets=1), minutes_lately=2900)
    mail, vpn = waiting(1, required_skills=("mail",)), waiting(2, required_skills=("vpn",), priority=Priority.LOW)

    assert owners(round_of([mail, vpn], [generalist, mailer])) == {1: 2, 2: 1}


def test_who_wrote_last_with_the_requester_has_it_again() -> None:
    matching = round_of([waiting(1, last_contact_id=person(2))], [candidate(1), candidate(2), candidate(3)])

    assert owners(matching) == {1: 2}


def test_nobody_gets_again_what_they_declined() -> None:
    matching = round_of([waiting(1, passed_by=frozenset({person(1)}))], [candidate(1), candidate(2, load=4.0)])

    assert owners(matching) == {1: 2}


def test_heavy_tickets_take_more_of_a_capacity() -> None:
    heavy = Capacity(tickets=5, weights=Weights(urgent=2.5))
    tickets = [waiting(number, priority=Priority.URGENT) for number in range(4)]

    assert len(round_of(tickets, [candidate(1, capacity=heavy)]).pairs) == 2


def test_tickets_that_weigh_nothing_take_no_room() -> None:
    light = candidate(1, load=5.0, capacity=Capacity(tickets=5, weights=Weights(low=0)))
    tickets = [waiting(number, priority=Priority.LOW) for number in range(7)]

    assert len(round_of([*tickets, waiting(8)], [light]).pairs) == 7


def test_three_tenths_are_no_more_than_three_times_a_tenth() -> None:
    tenths = candidate(1, capacity=Capacity(tickets=0.3, weights=Weights(normal=0.1)))

    assert len(round_of([waiting(number) for number in range(4)], [tenths]).pairs) == 3


def test_a_round_in_passes_gives_out_as_much() -> None:
    tickets = [waiting(number, priority=list(Priority)[number % 4]) for number in range(40)]
    agents = [candidate(number, capacity=Capacity(tickets=3 + number)) for number in range(4)]

    in_passes, whole = round_of(tickets, agents, max_cells=30), round_of(tickets, agents)

    assert len(in_passes.pairs) == len(whole.pairs) == 18
    assert {pair.ticket.number for pair in in_passes.pairs} == {pair.ticket.number for pair in whole.pairs}


def test_minutes_are_counted_within_a_round() -> None:
    agent = candidate(1, capacity=Capacity(tickets=5, minutes=60))

    assert len(round_of([waiting(number, minutes=25) for number in range(4)], [agent]).pairs) == 2


def test_long_work_is_not_begun_before_a_break_but_short_work_is() -> None:
    agent = candidate(1, free_until=MONDAY_NINE + 20 * MINUTE)
    matching = round_of([waiting(1, minutes=30, priority=Priority.URGENT), waiting(2, minutes=20)], [agent])

    assert owners(matching) == {2: 1}
    assert [left.why for left in matching.waiting] == ["nobody"]


@pytest.mark.parametrize(("tickets", "candidates"), [([], [candidate()]), ([waiting()], []), ([], [])])
def test_without_tickets_or_people_nothing_happens(tickets: Any, candidates: Any) -> None:
    matching = round_of(tickets, candidates)

    assert matching.pairs == ()
    assert [left.number for left in matching.waiting] == [ticket.number for ticket in tickets]


skill_names = st.sampled_from(["vpn", "mail", "sap"])
tickets_of = st.lists(
    st.builds(
        waiting,
        priority=st.sampled_from(Priority),
        category=st.sampled_from(["general", "network"]),
        minutes=st.integers(1, 90),
        required_skills=st.lists(
            st.builds("{}:{}".format, skill_names, st.integers(1, 5)), max_size=2, unique_by=lambda need: need[:3]
        ).map(tuple),
        response_due_at=st.none() | st.integers(-300, 600).map(lambda minutes: MONDAY_NINE + minutes * MINUTE),
        resolution_due_at=st.none() | st.integers(-3, 60).map(lambda hours: MONDAY_NINE + hours * HOUR),
        escalation_level=st.integers(0, 3),
        last_contact_id=st.none() | st.integers(0, 7).map(person),
        passed_by=st.frozensets(st.integers(0, 7).map(person), max_size=2),
    ),
    max_size=12,
).map(lambda tickets: [ticket._replace(number=TicketNumber(1001 + place)) for place, ticket in enumerate(tickets)])
weights_of = st.builds(Weights, urgent=st.sampled_from([0, 1, 2.5]), low=st.sampled_from([0, 0.5, 1]))
capacities = st.builds(
    Capacity, tickets=st.sampled_from([0, 1, 2, 3.5]), minutes=st.none() | st.integers(0, 120), weights=weights_of
)


def candidates_of(capacity: st.SearchStrategy[Capacity]) -> st.SearchStrategy[list[Candidate]]:
    agents = st.builds(
        candidate,
        presence=st.sampled_from([Presence.ONLINE] * 4 + list(Presence)),
        skills=st.dictionaries(skill_names, st.integers(1, 5)),
        specialisations=st.frozensets(st.sampled_from(["general", "network"])),
        seniority=st.integers(1, 5),
        capacity=capacity,
        load=st.sampled_from([0, 0.5, 1]),
        load_minutes=st.integers(0, 60),
        on_shift=st.sampled_from([True, True, True, False]),
        free_until=st.none() | st.integers(-5, 120).map(lambda minutes: MONDAY_NINE + minutes * MINUTE),
        minutes_lately=st.integers(0, 4000),
    )
    return st.lists(agents, max_size=5).map(
        lambda agents: [agent._replace(id=person(place)) for place, agent in enumerate(agents)]
    )


@STEADY
@given(tickets_of, candidates_of(capacities), st.sampled_from([500_000, 20, 1]))
def test_nobody_gets_what_they_may_not_have_and_nothing_is_left_that_somebody_could_take(
    tickets: list[WaitingTicket], candidates: list[Candidate], max_cells: int
) -> None:
    matching = round_of(tickets, candidates, max_cells=max_cells)

    given = {agent.id: agent for agent in candidates}
    for pair in matching.pairs:
        agent = given[pair.candidate_id]
        assert exclusion(pair.ticket, agent, MONDAY_NINE) is None
        assert pair.score == score(pair.ticket, agent, MONDAY_NINE, WEIGHTS)
        assert pair.score.total == pytest.approx(sum(pair.score))
        given[agent.id] = agent.with_ticket(pair.ticket)
    numbers = [pair.ticket.number for pair in matching.pairs] + [left.number for left in matching.waiting]
    assert sorted(numbers) == [ticket.number for ticket in tickets]
    waiting_on = {left.number: left.why for left in matching.waiting}
    for ticket in tickets:
        if ticket.number in waiting_on:
            assert all(exclusion(ticket, agent, MONDAY_NINE) is not None for agent in given.values())
            could = any(exclusion(ticket, agent, MONDAY_NINE) is None for agent in candidates)
            assert waiting_on[ticket.number] == ("others_first" if could else "nobody")


@STEADY
@given(tickets_of, candidates_of(st.builds(Capacity, tickets=st.integers(0, 3))))
def test_a_round_is_at_least_as_good_as_giving_out_the_best_pair_each_time(
    tickets: list[WaitingTicket], candidates: list[Candidate]
) -> None:
    matching = round_of(tickets, candidates)
    greedy = greedily(tickets, candidates)

    assert len(matching.pairs) >= len(greedy)
    if len(matching.pairs) == len(greedy):
        assert sum(pair.score.total for pair in matching.pairs) >= sum(greedy) - 1e-6


def greedily(tickets: list[WaitingTicket], candidates: list[Candidate]) -> list[float]:
    """The scores when always the best pair that is possible is taken."""
    left, agents, taken = list(tickets), {agent.id: agent for agent in candidates}, []
    while pairs := [
        (score(ticket, agent, MONDAY_NINE, WEIGHTS).total, -ticket.number, ticket, agent)
        for ticket in left
        for agent in agents.values()
        if exclusion(ticket, agent, MONDAY_NINE) is None
    ]:
        points, _, ticket, agent = max(pairs, key=lambda pair: pair[:2])
        taken.append(points)
        left.remove(ticket)
        agents[agent.id] = agent.with_ticket(ticket)
    return taken


@STEADY
@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_the_solver_finds_the_most_pairs_and_of_these_the_best(rows: int, columns: int, data: st.DataObject) -> None:
    at = st.sampled_from([EXCLUDED, -3.0, 0.0, 1.5, 40.0])
    worth = [array("d", [data.draw(at) for _ in range(columns)]) for _ in range(rows)]

    pairs = solve(worth)

    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    points = [worth[row][column] for row, column in pairs]
    assert (len(points), sum(points)) == pytest.approx(best(worth))


def best(worth: list["array[float]"]) -> tuple[int, float]:
    """By trying every way."""
    columns = len(worth[0])
    found = (0, 0.0)
    for chosen in permutations([*range(columns), *[None] * len(worth)], len(worth)):
        points = [row[column] for row, column in zip(worth, chosen, strict=True) if column is not None]
        if EXCLUDED not in points:
            found = max(found, (len(points), sum(points)))
    return found
