"""Whatever a team's dispatcher looks at: what its orders always keep to."""

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from activities.matching import solve
from domain.agent import Capacity, Presence, Weights
from domain.assignment import Candidate, exclusion
from domain.dispatch import (
    AWAY_AFTER,
    STAYS,
    Ask,
    Board,
    Give,
    Member,
    Owned,
    Queued,
    TakeBack,
    TeamRules,
    asked_candidates,
    cannot_wait,
    plan,
    waiting_ticket,
)
from domain.duty import Duty
from domain.offer import Offer
from domain.team import Strategy
from domain.ticket import Priority, Status
from tests.factories import NOW, person_id, ticket

MANY = settings(max_examples=150, deadline=None, derandomize=True)
PEOPLE = [person_id(f"member {number}") for number in range(5)]
STRANGER = person_id("of another team")
minutes = st.integers(-600, 600).map(lambda count: timedelta(minutes=count))
soon = st.integers(1, 600).map(lambda count: timedelta(minutes=count))
weights = st.sampled_from([0.0, 0.5, 1.0, 2.0])
some_people = st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2).map(tuple)
asked_people = st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1, max_size=2).map(tuple)


@st.composite
def duties(draw: st.DrawFn) -> Duty:
    if draw(st.booleans()):
        return Duty(is_planned=False)
    next_on_at = draw(st.none() | soon.map(lambda later: NOW + later))
    if draw(st.booleans()):
        return Duty(is_planned=True, next_on_at=next_on_at)
    ends_at = draw(st.none() | soon.map(lambda later: NOW + later))
    free_until = draw(st.none() | soon.map(lambda later: NOW + later)) or ends_at
    return Duty(True, on_shift=True, free_until=free_until, shift_ends_at=ends_at, next_on_at=next_on_at)


@st.composite
def members(draw: st.DrawFn, person: Any) -> Member:
    duty, presence = draw(duties()), draw(st.just(Presence.ONLINE) | st.sampled_from(Presence))
    candidate = Candidate(
        id=person,
        presence=presence,
        skills=draw(st.dictionaries(st.sampled_from(["network", "billing"]), st.integers(1, 5))),
        capacity=Capacity(
            tickets=draw(st.sampled_from([0, 1, 2.5, 4])),
            minutes=draw(st.none() | st.integers(0, 90)),
            weights=Weights(**{priority.value: draw(weights) for priority in Priority}),
        ),
        load=draw(st.just(0.0) | st.sampled_from([0.0, 0.5, 1.0, 3.0])),
        load_minutes=draw(st.integers(0, 60)),
        on_shift=not duty.is_planned or duty.on_shift or presence is Presence.ONLINE,
        free_until=duty.free_until,
    )
    return Member(candidate, duty, NOW - draw(soon))


@st.composite
def tickets(draw: st.DrawFn, /, number: int, **changes: Any) -> Any:
    offer = Offer(to=draw(asked_people), expires_at=NOW + timedelta(minutes=1))
    return ticket(
        **{
            "number": number,
            "team": "support",
            "priority": draw(st.sampled_from(Priority)),
            "required_skills": draw(
                st.just(()) | st.sampled_from([("network",), ("network:3",), ("network", "billing:2")])
            ),
            "estimated_minutes": draw(st.none() | st.integers(1, 90)),
            "due_at": draw(st.none() | minutes.map(lambda later: NOW + later)),
            "created_at": NOW - timedelta(days=1),
            "updated_at": NOW - draw(soon),
            "passed_by": draw(st.just(()) | some_people),
            "offer": draw(st.none() | st.none() | st.just(offer)),
            **changes,
        }
    )


@st.composite
def boards(draw: st.DrawFn) -> Board:
    rules = TeamRules(
        team="support",
        strategy=draw(st.just(Strategy.AUTOMATIC) | st.sampled_from(Strategy)),
        offer_to=draw(st.integers(1, 3)),
        hand_over_minutes=draw(st.sampled_from([0, 30, 300])),
    )
    queued = [
        Queued(draw(tickets(1000 + place)), draw(st.none() | st.sampled_from(PEOPLE)))
        for place in range(draw(st.integers(0, 8)))
    ]
    owned = [
        Owned(
            draw(
                tickets(
                    2000 + place,
                    status=draw(st.sampled_from(Status)),
                    assignee_id=draw(st.sampled_from([*PEOPLE, STRANGER])),
                    snoozed=draw(st.booleans()),
                )
            ),
            draw(st.none() | minutes.map(lambda later: NOW + later)),
        )
        for place in range(draw(st.integers(0, 6)))
    ]
    return Board(rules, queued, owned, [draw(members(person)) for person in PEOPLE[: draw(st.integers(0, 5))]])


@MANY
@given(boards())
def test_nobody_is_given_more_than_they_can_carry(board: Board) -> None:
    carried = {candidate.id: candidate for candidate in asked_candidates(board, NOW)}

    for order in plan(board, NOW, solve).orders:
        if isinstance(order, TakeBack) or (isinstance(order, Ask) and order.is_hand_over):
            continue
        taker = order.to if isinstance(order, Give) else order.to[0]
        wanted = waiting_ticket(Queued(order.ticket), board.rules, NOW)
        weight = carried[taker].capacity.weights.of(wanted.priority)
        assert carried[taker].load + weight <= carried[taker].capacity.tickets
        most = carried[taker].capacity.minutes
        assert most is None or carried[taker].load_minutes + wanted.minutes <= most
        carried[taker] = carried[taker].with_ticket(wanted)


@MANY
@given(boards())
def test_each_ticket_has_one_order_at_most_and_only_waiting_ones_are_given(board: Board) -> None:
    orders = plan(board, NOW, solve).orders

    assert [number for number, times in Counter(order.ticket.number for order in orders).items() if times > 1] == []
    waiting = {one.ticket.number for one in board.queued if one.ticket.offer is None}
    for order in orders:
        if isinstance(order, Give) or (isinstance(order, Ask) and not order.is_hand_over):
            assert order.ticket.number in waiting
            assert board.rules.strategy == ("automatic" if isinstance(order, Give) else "offer")


@MANY
@given(boards())
def test_nobody_is_given_or_asked_for_what_they_cannot_take(board: Board) -> None:
    candidates = {member.id: member for member in board.members}

    for order in plan(board, NOW, solve).orders:
        if isinstance(order, TakeBack):
            continue
        wanted = waiting_ticket(Queued(order.ticket), board.rules, NOW)
        for person in (order.to,) if isinstance(order, Give) else order.to:
            assert exclusion(wanted, candidates[person].candidate, NOW) is None
            if isinstance(order, Ask) and order.is_hand_over:
                assert person != order.ticket.assignee_id
                assert candidates[person].stays_until(NOW + STAYS)
        if isinstance(order, Ask):
            assert len(set(order.to)) == len(order.to) <= board.rules.offer_to
            assert order.expires_at > NOW


@MANY
@given(boards())
def test_a_ticket_is_taken_back_for_the_reason_that_is_told_and_no_other(board: Board) -> None:
    by_person = {member.id: member for member in board.members}
    silent = {one.ticket.number: one.silent_at for one in board.owned}

    for order in plan(board, NOW, solve).orders:
        if not isinstance(order, TakeBack):
            continue
        assert order.ticket.assignee_id is not None
        assert not order.ticket.is_finished
        owner = by_person[order.ticket.assignee_id]
        if order.reason == "shift_ended":
            assert owner.is_absent
            assert cannot_wait(order.ticket, owner.duty.next_on_at)
        elif order.reason == "away":
            assert owner.candidate.presence is Presence.AWAY
            assert owner.presence_since + AWAY_AFTER <= NOW
            assert order.ticket.priority in (Priority.URGENT, Priority.HIGH)
        else:
            moment = silent[order.ticket.number]
            assert order.reason == "silent"
            assert moment is not None
            assert moment <= NOW


@MANY
@given(boards())
def test_the_next_look_lies_ahead_and_the_same_board_gives_the_same_plan(board: Board) -> None:
    planned = plan(board, NOW, solve)

    assert planned.next_at is None or planned.next_at > NOW
    assert plan(board, NOW, solve) == planned
