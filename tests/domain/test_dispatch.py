"""A dispatcher's round: what it takes back, hands over, gives and offers, and when it looks again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from activities.matching import solve
from domain.agent import Capacity, Presence
from domain.assignment import Candidate
from domain.dispatch import (
    AWAY_AFTER,
    FORGIVEN_AFTER,
    Ask,
    Board,
    Give,
    Member,
    Owned,
    Plan,
    Queued,
    TakeBack,
    TeamRules,
    hand_over,
    plan,
    promised,
    waiting_ticket,
)
from domain.duty import Duty
from domain.ids import PersonId
from domain.offer import Offer
from domain.sla_clock import Clock, TicketSla
from domain.ticket import Priority, Status, Ticket
from tests.factories import AGENT, BILLING_AGENT, NOW, OTHER_AGENT, ticket

HOUR = timedelta(hours=1)
UNPLANNED = Duty(is_planned=False)
ON_SHIFT = Duty(is_planned=True, on_shift=True, free_until=NOW + 5 * HOUR, shift_ends_at=NOW + 5 * HOUR)
OFF_UNTIL_TOMORROW = Duty(is_planned=True, next_on_at=NOW + 20 * HOUR)
LEAVING = Duty(
    is_planned=True,
    on_shift=True,
    free_until=NOW + HOUR / 3,
    shift_ends_at=NOW + HOUR / 3,
    next_on_at=NOW + 16 * HOUR,
)


def member(
    id: PersonId = AGENT,
    duty: Duty = UNPLANNED,
    presence: Presence = Presence.ONLINE,
    since: datetime = NOW - HOUR,
    **changes: Any,
) -> Member:
    candidate = Candidate(
        **{
            "id": id,
            "presence": presence,
            "skills": {},
            "capacity": Capacity(tickets=5),
            "on_shift": not duty.is_planned or duty.on_shift,
            **changes,
        }
    )
    return Member(candidate, duty, since)


def numbered(count: int, **changes: Any) -> list[Queued]:
    return [Queued(ticket(number=1000 + place, team="support", **changes)) for place in range(count)]


def ordered(
    members: Sequence[Member],
    queued: Sequence[Queued] = (),
    owned: Sequence[Owned] = (),
    now: datetime = NOW,
    **rules: Any,
) -> Plan:
    return plan(Board(TeamRules(team="support", **rules), queued, owned, members), now, solve)


def owned(assignee: PersonId = AGENT, silent_at: datetime | None = None, **changes: Any) -> Owned:
    return Owned(ticket(**{"assignee_id": assignee, "team": "support", **changes}), silent_at)


# Giving.


def test_a_waiting_ticket_is_given_to_who_can_take_it_with_the_reasons() -> None:
    (order,) = ordered([member(), member(OTHER_AGENT, presence=Presence.OFFLINE)], numbered(1)).orders

    assert isinstance(order, Give)
    assert order.to == AGENT
    assert order.decision.chosen_id == AGENT
    assert [one.rule for one in order.decision.excluded] == ["offline"]


def test_nobody_is_given_more_than_they_have_room_for() -> None:
    members = [member(capacity=Capacity(tickets=2)), member(OTHER_AGENT, capacity=Capacity(tickets=1))]

    orders = ordered(members, numbered(10)).orders

    given = [order.to for order in orders if isinstance(order, Give)]
    assert sorted(given) == sorted([AGENT, AGENT, OTHER_AGENT])


def test_a_manual_team_gives_nothing() -> None:
    assert ordered([member()], numbered(1), strategy="manual").orders == ()


def test_what_is_offered_already_is_not_given_and_weighs_on_who_was_asked() -> None:
    offered = Queued(ticket(number=1, team="support", offer=Offer(to=(AGENT,), expires_at=NOW + HOUR)))

    assert ordered([member()], [offered]).orders == ()
    assert ordered([member(capacity=Capacity(tickets=1))], [offered, *numbered(1)]).orders == ()


# Offering.


def test_an_offer_goes_to_the_best_until_its_moment() -> None:
    (order,) = ordered(
        [member(), member(OTHER_AGENT, load=4.0)], numbered(1), strategy="offer", offer_seconds=90
    ).orders

    assert isinstance(order, Ask)
    assert (order.to, order.expires_at) == ((AGENT,), NOW + timedelta(seconds=90))


def test_an_offer_to_several_asks_the_next_best_as_well_but_nobody_who_cannot() -> None:
    members = [member(), member(OTHER_AGENT, load=4.0), member(BILLING_AGENT, presence=Presence.AWAY)]

    (order,) = ordered(members, numbered(1), strategy="offer", offer_to=3).orders

    assert isinstance(order, Ask)
    assert order.to == (AGENT, OTHER_AGENT)


def test_who_passed_a_ticket_by_is_asked_again_only_when_nothing_happened_for_long() -> None:
    passed = numbered(1, passed_by=(AGENT,))

    before = ordered([member()], passed, now=NOW + FORGIVEN_AFTER - timedelta(seconds=1))
    after = ordered([member()], passed, now=NOW + FORGIVEN_AFTER)

    assert before == Plan((), NOW + FORGIVEN_AFTER)
    assert [type(order) for order in after.orders] == [Give]


# Taking back.


def test_at_the_end_of_a_shift_what_is_due_before_the_next_one_goes_back_and_the_rest_stays() -> None:
    absent = member(duty=OFF_UNTIL_TOMORROW, presence=Presence.OFFLINE)
    due, can_wait = owned(number=1, due_at=NOW + HOUR), owned(number=2, due_at=NOW + 21 * HOUR)

    assert ordered([absent], owned=[due, can_wait, owned(number=3)]).orders == (TakeBack(due.ticket, "shift_ended"),)


def test_what_somebody_had_who_left_the_desk_goes_back() -> None:
    left = Owned(ticket(assignee_id=BILLING_AGENT, team="support"), owner_is_gone=True)

    assert ordered([member()], owned=[left]).orders == (TakeBack(left.ticket, "deactivated"),)


def test_who_went_away_and_whose_hours_are_over_is_absent_too() -> None:
    away = member(duty=OFF_UNTIL_TOMORROW, presence=Presence.AWAY)

    assert ordered([away], owned=[owned(due_at=NOW + HOUR)]).orders == (
        TakeBack(owned(due_at=NOW + HOUR).ticket, "shift_ended"),
    )


def test_who_comes_later_or_is_free_then_is_a_reason_to_look_again() -> None:
    assert ordered([member(duty=OFF_UNTIL_TOMORROW, presence=Presence.OFFLINE)]).next_at == NOW + 20 * HOUR
    assert ordered([member(duty=ON_SHIFT)]).next_at == NOW + 4.5 * HOUR


def test_who_will_not_be_back_keeps_nothing() -> None:
    gone = member(duty=Duty(is_planned=True), presence=Presence.OFFLINE)

    assert ordered([gone], owned=[owned()]).orders == (TakeBack(owned().ticket, "shift_ended"),)


@pytest.mark.parametrize(
    "present",
    [member(duty=ON_SHIFT), member(presence=Presence.OFFLINE), member(duty=OFF_UNTIL_TOMORROW)],
    ids=["on shift", "offline without a plan", "there by their own will"],
)
def test_who_is_not_absent_by_plan_keeps_their_tickets(present: Member) -> None:
    assert ordered([present], owned=[owned(due_at=NOW + timedelta(minutes=1))]).orders == ()


def test_a_resolved_ticket_stays_where_it_is() -> None:
    gone = member(duty=Duty(is_planned=True), presence=Presence.OFFLINE)

    assert ordered([gone], owned=[owned(status=Status.RESOLVED)]).orders == ()


def test_urgent_tickets_that_nobody_answered_go_on_when_their_owner_is_away_for_long() -> None:
    away = member(presence=Presence.AWAY, since=NOW)
    urgent = owned(priority=Priority.URGENT)

    before = ordered([away], owned=[urgent])
    after = ordered([away], owned=[urgent], now=NOW + AWAY_AFTER)

    assert before == Plan((), NOW + AWAY_AFTER)
    assert after.orders == (TakeBack(urgent.ticket, "away"),)


@pytest.mark.parametrize(
    "kept",
    [
        owned(priority=Priority.NORMAL),
        owned(priority=Priority.URGENT, first_responded_at=NOW),
        owned(priority=Priority.URGENT, snoozed=True),
    ],
    ids=["not urgent", "answered", "snoozed"],
)
def test_what_presses_nobody_waits_for_its_owner(kept: Owned) -> None:
    assert ordered([member(presence=Presence.AWAY, since=NOW - 9 * HOUR)], owned=[kept]).orders == ()


def test_a_silent_owner_loses_the_ticket_at_its_moment() -> None:
    silent = owned(silent_at=NOW + HOUR)

    assert ordered([member()], owned=[silent]) == Plan((), NOW + HOUR)
    assert ordered([member()], owned=[silent], now=NOW + HOUR).orders == (TakeBack(silent.ticket, "silent"),)


def test_what_somebody_outside_the_team_has_is_left_to_them() -> None:
    assert ordered([member()], owned=[owned(BILLING_AGENT, silent_at=NOW)]).orders == ()


# Handing over.


def test_before_a_shift_ends_what_cannot_wait_is_offered_to_who_stays_two_hours() -> None:
    due = owned(due_at=NOW + 2 * HOUR)
    members = [member(duty=LEAVING), member(OTHER_AGENT, duty=ON_SHIFT), member(BILLING_AGENT, duty=LEAVING)]

    (order,) = ordered(members, owned=[due, owned(number=2, due_at=NOW + 17 * HOUR)]).orders

    assert isinstance(order, Ask)
    assert (order.ticket, order.to, order.is_hand_over) == (due.ticket, (OTHER_AGENT,), True)
    assert order.expires_at == LEAVING.shift_ends_at


def test_a_hand_over_begins_in_its_time_and_asks_once() -> None:
    due = owned(due_at=NOW + 2 * HOUR)
    members = [member(duty=LEAVING), member(OTHER_AGENT)]
    asked = Owned(due.ticket.model_copy(update={"offer": Offer(to=(OTHER_AGENT,), expires_at=NOW + HOUR)}))

    assert ordered(members, owned=[due], hand_over_minutes=15) == Plan((), NOW + timedelta(minutes=5))
    assert ordered(members, owned=[due], hand_over_minutes=0).orders == ()
    assert ordered(members, owned=[asked]).orders == ()


def test_without_anybody_who_stays_nothing_is_offered() -> None:
    assert ordered([member(duty=LEAVING)], owned=[owned(due_at=NOW + 2 * HOUR)]).orders == ()


def test_a_hand_over_lists_the_tickets_by_their_due_time() -> None:
    tickets = [
        owned(number=1),
        owned(number=2, due_at=NOW + 3 * HOUR),
        owned(number=3, due_at=NOW + 2 * HOUR),
        owned(number=4, due_at=NOW + 17 * HOUR),
        owned(number=6, status=Status.CLOSED),
    ]

    can_wait, cannot = hand_over([one.ticket for one in tickets], LEAVING.next_on_at)

    assert [one.number for one in can_wait] == [4, 1]
    assert [one.number for one in cannot] == [3, 2]


# What a ticket looks like to the assignment.


def clock(target: Any, **changes: Any) -> Clock:
    return Clock(
        **{
            "audience": "customer",
            "target": target,
            "cycle": 1,
            "goal": HOUR,
            "time": "business",
            "policy_version": 1,
            "calendar_version": 1,
            "started_at": NOW,
            "since": NOW,
            "why": "opened",
            "due_at": NOW + HOUR,
            **changes,
        }
    )


def with_clocks(*clocks: Clock, **changes: Any) -> Ticket:
    return ticket(sla=TicketSla(policy_version=1, calendar_version=1, zone_data="2026.1", clocks=clocks), **changes)


def test_what_was_promised_is_the_earliest_open_answer_and_solution() -> None:
    given = with_clocks(clock("first_response"), clock("resolution", due_at=NOW + 3 * HOUR), due_at=NOW + 2 * HOUR)

    assert promised(given) == (NOW + HOUR, NOW + 2 * HOUR)


def test_a_broken_promise_counts_from_its_moment_and_a_kept_or_inner_one_not_at_all() -> None:
    broken = clock("first_response", breached_at=NOW - HOUR, due_at=None)

    assert promised(with_clocks(broken))[0] == NOW - HOUR
    assert promised(with_clocks(clock("first_response", phase="met"))) == (None, None)
    assert promised(with_clocks(clock("resolution", audience="team"))) == (None, None)


def test_what_is_late_already_cannot_wait() -> None:
    late = Owned(with_clocks(clock("resolution", breached_at=NOW - HOUR, due_at=None), assignee_id=AGENT))

    assert hand_over([late.ticket], LEAVING.next_on_at).cannot_wait == [late.ticket]


def test_a_ticket_without_an_estimate_takes_as_long_as_is_usual() -> None:
    rules = TeamRules(team="support", usual_minutes=25)

    assert waiting_ticket(Queued(ticket()), rules, NOW).minutes == 25
    assert waiting_ticket(Queued(ticket(estimated_minutes=7)), rules, NOW).minutes == 7
