"""Tickets that had better change hands: what may move, what is proposed, and what no proposal ever does."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.matching import solve
from domain.agent import Capacity, Presence, Weights
from domain.assignment import Candidate, exclusion
from domain.balance import LEAST_GAIN, Balance, Held, movable, rebalance, spread, without
from domain.balance_optimum import SWITCHING_COST, optimise
from domain.dispatch import Board, Member, Queued, TeamRules, asked_candidates, waiting_ticket
from domain.duty import Duty
from domain.ids import PersonId
from domain.offer import Offer
from domain.ticket import Priority, Status
from tests.factories import AGENT, BILLING_AGENT, NOW, OTHER_AGENT, person_id, ticket

HOUR = timedelta(hours=1)
RULES = TeamRules(team="support")
UNPLANNED = Duty(is_planned=False)


def member(id: PersonId = AGENT, duty: Duty = UNPLANNED, **changes: Any) -> Member:
    candidate = Candidate(
        **{
            "id": id,
            "presence": Presence.ONLINE,
            "skills": {},
            "capacity": Capacity(tickets=4),
            "on_shift": not duty.is_planned or duty.on_shift,
            **changes,
        }
    )
    return Member(candidate, duty, NOW - HOUR)


def held(
    number: int = 1, owner: PersonId = AGENT, *, begun: bool = False, senior: bool = False, **changes: Any
) -> Held:
    fields = {"number": number, "team": "support", "assignee_id": owner, "assigned_at": NOW, **changes}
    return Held(Queued(ticket(**fields)), begun, senior)


def board(members: Sequence[Member], tickets: Sequence[Held] = (), waiting: Sequence[Queued] = ()) -> Board:
    """The members carry these tickets."""
    carrying = []
    for one in members:
        candidate = one.candidate
        for theirs in (found for found in tickets if found.ticket.assignee_id == one.id):
            candidate = candidate.with_ticket(waiting_ticket(theirs.queued, RULES, NOW))
        carrying.append(one._replace(candidate=candidate))
    return Board(RULES, waiting, (), carrying)


def moved(found: Balance) -> list[tuple[int, PersonId | None, PersonId]]:
    return [(move.ticket.number, move.from_id, move.to_id) for move in found.moves]


# What may move.


def test_a_ticket_that_nobody_has_begun_may_move() -> None:
    one = held()
    assert movable(board([member()]), [one]) == [one]


@pytest.mark.parametrize(
    "stays",
    [
        held(status=Status.PENDING),
        held(status=Status.RESOLVED),
        held(snoozed=True),
        held(offer=Offer(to=(OTHER_AGENT,), expires_at=NOW + HOUR)),
        held(senior=True),
        held(owner=BILLING_AGENT),
    ],
    ids=["pending", "resolved", "snoozed", "handed over", "a ladder's", "somebody else's"],
)
def test_what_stays_with_its_owner_stays_even_when_begun_ones_may_move(stays: Held) -> None:
    assert movable(board([member()]), [stays], with_begun=True) == []


def test_a_begun_ticket_moves_only_when_it_is_asked_for() -> None:
    one = held(begun=True)
    assert movable(board([member()]), [one]) == []
    assert movable(board([member()]), [one], with_begun=True) == [one]


def test_what_can_wait_for_an_owner_who_is_off_waits() -> None:
    off = member(duty=Duty(is_planned=True, next_on_at=NOW + 10 * HOUR), presence=Presence.OFFLINE)
    patient, pressing = held(1, due_at=NOW + 20 * HOUR), held(2, due_at=NOW + 2 * HOUR)

    assert movable(board([off]), [patient, pressing]) == [pressing]


# Rebalance.


def test_tickets_go_from_who_has_much_to_who_has_little_until_that_is_even() -> None:
    tickets = [held(number) for number in range(1, 5)]

    found = rebalance(board([member(), member(OTHER_AGENT)], tickets), tickets, NOW)

    assert [(owner, to) for _, owner, to in moved(found)] == [(AGENT, OTHER_AGENT)] * 2
    assert (found.before.greatest, found.before.least) == (1, 0)
    assert (found.after.greatest, found.after.least) == (0.5, 0.5)
    assert (found.before.measure, found.after.measure) == (4, 2)
    assert [move.gain for move in found.moves] == [1.5, 0.5]
    assert found.moves[0].sentence == (
        "Its owner goes from 100% to 75% of what they can carry, its taker from 0% to 25%."
    )


def test_an_even_load_is_the_same_share_of_what_each_can_carry() -> None:
    tickets = [held(number) for number in range(1, 7)]
    members = [member(capacity=Capacity(tickets=8)), member(OTHER_AGENT, capacity=Capacity(tickets=4))]

    found = rebalance(board(members, tickets), tickets, NOW)

    assert len(found.moves) == 2
    assert (found.after.greatest, found.after.least) == (0.5, 0.5)


def test_who_may_not_take_a_ticket_is_proposed_nothing() -> None:
    tickets = [held(number, required_skills=("vpn:3",)) for number in range(1, 5)]
    others = [
        member(OTHER_AGENT, skills={"vpn": 2}),
        member(BILLING_AGENT, skills={"vpn": 5}, presence=Presence.ON_BREAK),
    ]

    assert rebalance(board([member(), *others], tickets), tickets, NOW).moves == ()


def test_no_more_moves_are_proposed_than_are_wanted() -> None:
    tickets = [held(number) for number in range(1, 5)]

    assert len(rebalance(board([member(), member(OTHER_AGENT)], tickets), tickets, NOW, most=1).moves) == 1


def test_a_team_of_nobody_has_nothing_to_balance() -> None:
    found = rebalance(board([]), [], NOW)

    assert (found.moves, found.before, found.before == found.after) == ((), (0, 0, 0, 0), True)


# Optimise.


def test_a_ticket_goes_to_who_suits_better_when_that_is_worth_the_change() -> None:
    one = held(required_skills=("vpn",), category="technical")
    members = [
        member(skills={"vpn": 1, "mail": 1, "web": 1}),
        member(OTHER_AGENT, skills={"vpn": 5}, specialisations=frozenset({"technical"})),
    ]

    found = optimise(board(members, [one]), [one], NOW, solve)

    assert moved(found) == [(1, AGENT, OTHER_AGENT)]
    assert found.moves[0].gain > SWITCHING_COST
    assert "skill +" in found.moves[0].sentence
    assert found.after.measure == pytest.approx(found.before.measure + found.moves[0].gain)
    dear = optimise(board(members, [one]), [one], NOW, solve, switching_cost=found.moves[0].gain + 0.1)
    assert dear.moves == ()


def test_a_waiting_ticket_costs_no_change() -> None:
    waiting = Queued(ticket(number=5, team="support"))

    found = optimise(board([member()], waiting=[waiting]), [], NOW, solve, switching_cost=1_000)

    assert moved(found) == [(5, None, AGENT)]
    assert found.moves[0].sentence.startswith("It waits, and its taker can begin it")


def test_what_is_offered_is_left_to_those_who_were_asked() -> None:
    offered = Queued(ticket(number=5, team="support", offer=Offer(to=(AGENT,), expires_at=NOW + HOUR)))

    assert optimise(board([member()], waiting=[offered]), [], NOW, solve).moves == ()


def test_what_an_owner_has_who_is_not_there_is_worth_nothing_where_it_is() -> None:
    one = held()
    members = [member(presence=Presence.AWAY), member(OTHER_AGENT)]

    found = optimise(board(members, [one]), [one], NOW, solve)

    assert moved(found) == [(1, AGENT, OTHER_AGENT)]
    assert found.moves[0].sentence.startswith("Its owner is not there, its taker is")


def test_two_who_are_full_do_not_swap() -> None:
    """Each move is made by itself, and for a moment one of them would carry too much."""
    tickets = [held(1, AGENT, required_skills=("vpn",)), held(2, OTHER_AGENT, required_skills=("mail",))]
    full = Capacity(tickets=1)
    members = [
        member(capacity=full, skills={"vpn": 1, "mail": 5}),
        member(OTHER_AGENT, capacity=full, skills={"vpn": 5, "mail": 1}),
    ]

    assert optimise(board(members, tickets), tickets, NOW, solve, switching_cost=0).moves == ()


# What no proposal ever does.

PEOPLE = [person_id(name) for name in ("one", "two", "three", "four")]
SKILLS = ("vpn", "mail")
weights = st.builds(Weights, urgent=st.sampled_from([1, 1.5, 3]), low=st.sampled_from([0, 0.3, 1]))
capacities = st.builds(
    Capacity, tickets=st.sampled_from([0, 1, 2.5, 4]), minutes=st.sampled_from([None, 0, 45, 200]), weights=weights
)


@st.composite
def teams(draw: st.DrawFn) -> tuple[Board, list[Held]]:
    """Anybody with anything: also over their capacity, absent, and without the skills for what they have."""
    people = PEOPLE[: draw(st.integers(1, 4))]
    members = [
        member(
            id,
            capacity=draw(capacities),
            skills=draw(st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5))),
            presence=draw(st.sampled_from([Presence.ONLINE, Presence.ONLINE, *Presence])),
            free_until=draw(st.sampled_from([None, NOW + HOUR / 4, NOW + 5 * HOUR])),
        )
        for id in people
    ]
    some = {
        "priority": st.sampled_from(Priority),
        "estimated_minutes": st.sampled_from([None, 10, 90]),
        "required_skills": st.sampled_from([(), ("vpn",), ("mail:3",)]),
        "due_at": st.sampled_from([None, NOW - HOUR, NOW + HOUR]),
        "passed_by": st.sampled_from([(), tuple(people[:1])]),
        "escalation_level": st.integers(0, 3),
    }
    tickets = [
        held(
            number,
            draw(st.sampled_from(people)),
            begun=draw(st.booleans()),
            senior=draw(st.booleans()),
            status=draw(st.sampled_from([Status.NEW, Status.OPEN])),
            **{name: draw(values) for name, values in some.items()},
        )
        for number in range(1, draw(st.integers(1, 9)))
    ]
    waiting = [
        Queued(ticket(number=100 + number, team="support", **{name: draw(values) for name, values in some.items()}))
        for number in range(draw(st.integers(0, 4)))
    ]
    return board(members, tickets, waiting), tickets


MANY = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def check(found: Balance, team: Board, tickets: Sequence[Held], *, with_begun: bool) -> None:
    """Carries the moves out, one by one, as they are proposed."""
    assert max(Counter(move.ticket.number for move in found.moves).values(), default=1) == 1
    by_number = {one.ticket.number: one.queued for one in tickets}
    by_number |= {one.ticket.number: one for one in team.queued}
    free_to_go = {one.ticket.number for one in movable(team, tickets, with_begun=with_begun)}
    standing = {one.id: one for one in asked_candidates(team, NOW)}
    over = found.before.over_capacity
    for move in found.moves:
        wanted = waiting_ticket(by_number[move.ticket.number], RULES, NOW)
        assert move.from_id == move.ticket.assignee_id != move.to_id
        assert move.from_id is None or move.ticket.number in free_to_go
        assert exclusion(wanted, standing[move.to_id], NOW) is None
        if move.from_id is not None:
            standing[move.from_id] = without(standing[move.from_id], wanted)
        standing[move.to_id] = standing[move.to_id].with_ticket(wanted)
        now_over = sum(max(0.0, one.load - one.capacity.tickets) for one in standing.values())
        assert now_over <= over + 1e-6
        over = now_over
    assert found.after.over_capacity == pytest.approx(over)


@MANY
@given(teams(), st.booleans(), st.integers(1, 6))
def test_every_move_of_a_rebalance_is_allowed_and_evens_the_load_out(
    made: tuple[Board, list[Held]], with_begun: bool, most: int
) -> None:
    team, tickets = made

    found = rebalance(team, tickets, NOW, with_begun=with_begun, most=most)

    check(found, team, tickets, with_begun=with_begun)
    assert len(found.moves) <= most
    assert all(move.gain > LEAST_GAIN and move.from_id is not None for move in found.moves)
    assert found.before.measure == pytest.approx(spread(asked_candidates(team, NOW)))
    assert found.after.measure == pytest.approx(found.before.measure - sum(move.gain for move in found.moves))
    assert found.after.greatest <= found.before.greatest + 1e-6


@MANY
@given(teams(), st.booleans(), st.integers(1, 6), st.sampled_from([0.0, SWITCHING_COST, 5.0]))
def test_every_move_of_an_optimum_is_allowed_and_worth_its_cost(
    made: tuple[Board, list[Held]], with_begun: bool, most: int, cost: float
) -> None:
    team, tickets = made

    found = optimise(team, tickets, NOW, solve, with_begun=with_begun, most=most, switching_cost=cost)

    check(found, team, tickets, with_begun=with_begun)
    assert len(found.moves) <= most
    assert all(move.gain > (0 if move.from_id is None else cost) for move in found.moves)
    assert found.after.measure == pytest.approx(found.before.measure + sum(move.gain for move in found.moves))
