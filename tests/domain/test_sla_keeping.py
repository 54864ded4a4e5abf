"""What starts, pauses, resumes and ends a clock: each rule by an example."""

from datetime import date, timedelta

import pytest

from domain.business_calendar import BusinessCalendar, Span, SpecialDay
from domain.people import Actor, Role
from domain.sla_counting import used_by
from domain.sla_keeping import asks_for_terms, concerns, follow
from domain.sla_policy import Conditions, Pauses, Terms
from domain.ticket import Priority, Status
from domain.ticket_commands import AssignTicket
from domain.ticket_events import (
    TicketAssigned,
    TicketEdited,
    TicketEvent,
    TicketMoved,
    TicketNoted,
    TicketReplied,
    TicketStatusChanged,
)
from tests.domain.keeping import (
    CALENDARS,
    HOUR_TO_ANSWER,
    MINUTE,
    NOTE,
    QUESTION,
    after,
    answers,
    asks,
    becomes,
    clock,
    desk,
    edits,
    goals,
    names,
    parts,
    policy,
    spent,
    terms,
)
from tests.domain.sla_desk import ZONE_DATA, Alarm, SlaDesk
from tests.factories import AGENT, BY_AGENT, NOW, REQUESTER, text_id, ticket

# Starting.


def test_clocks_start_with_the_ticket() -> None:
    opened = desk()

    assert [(one.target, one.phase, one.due_at, one.why) for one in opened.sla.clocks] == [
        ("first_response", "running", after(60), "opened"),
        ("resolution", "running", after(240), "opened"),
    ]
    assert [(one.percent, one.at) for one in clock(opened, "first_response").warnings] == [
        (50, after(30)),
        (75, after(45)),
        (90, after(54)),
    ]


def test_a_target_without_a_goal_has_no_clock() -> None:
    assert names(desk(terms(policy(goals={Priority.NORMAL: goals(None, 60)})))) == [
        ("customer", "resolution", 1, "running")
    ]
    assert names(desk(priority="low")) == []


def test_a_ticket_that_no_policy_fits_has_no_clock_and_says_so() -> None:
    unfit = desk(terms(policy(conditions=Conditions(categories=("billing",)))))
    answers(unfit, 10)

    assert names(unfit) == []
    assert unfit.sla.policy_version is None


def test_the_first_policy_from_the_top_that_fits_counts() -> None:
    for_billing = terms(policy(conditions=Conditions(categories=("billing",)), goals={Priority.NORMAL: goals(5, 9)}), 2)

    assert clock(desk(for_billing, HOUR_TO_ANSWER, category="billing"), "resolution").due_at == after(9)
    assert clock(desk(for_billing, HOUR_TO_ANSWER), "resolution").due_at == after(240)


def test_a_ticket_that_comes_under_a_policy_later_starts_its_clocks_then() -> None:
    unfit = desk(terms(policy(conditions=Conditions(categories=("billing",)))))

    edits(unfit, 100, category="billing")

    assert clock(unfit, "first_response").started_at == after(100)
    assert clock(unfit, "resolution").due_at == after(340)


def test_a_ticket_from_before_there_were_policies_can_be_given_one() -> None:
    kept = follow(ticket(), (), after(5), HOUR_TO_ANSWER, CALENDARS.__getitem__, ZONE_DATA, "policies were introduced")

    assert kept is not None
    assert [(one.started_at, one.why) for one in kept.sla.clocks] == [(after(5), "policies were introduced")] * 2


# Pausing.


def test_waiting_for_the_requester_pauses_the_resolution_only() -> None:
    waiting = desk()
    becomes(waiting, Status.PENDING, 20)

    assert names(waiting) == [("customer", "first_response", 1, "running"), ("customer", "resolution", 1, "paused")]
    assert clock(waiting, "resolution").due_at is None
    assert clock(waiting, "resolution").warnings == ()
    assert spent(waiting, "resolution", 500) == 20


def test_a_resumed_clock_is_due_later_by_the_pause() -> None:
    resumed = desk()
    becomes(resumed, Status.PENDING, 20)
    becomes(resumed, Status.ON_HOLD, 30)
    becomes(resumed, Status.OPEN, 50)

    assert clock(resumed, "resolution").due_at == after(240 + 30)
    assert clock(resumed, "resolution").why == "status became open"
    assert parts(resumed, "resolution") == [("running", 20, 20), ("paused", 30, 0)]


def test_a_clock_may_begin_paused() -> None:
    silent = desk(terms(policy(pauses=Pauses(first_response=(Status.NEW,)))))

    assert clock(silent, "first_response").state == "paused"
    becomes(silent, Status.OPEN, 15)
    assert clock(silent, "first_response").due_at == after(75)


def test_only_the_hours_of_the_calendar_count() -> None:
    office = desk(terms(policy(goals={Priority.NORMAL: goals(None, 10 * 60)}), calendar=2))
    becomes(office, Status.PENDING, 7 * 60)
    becomes(office, Status.OPEN, 20 * 60)

    assert spent(office, "resolution", 20 * 60) == 7 * 60
    assert clock(office, "resolution").due_at == NOW + timedelta(days=1, hours=3)


def test_wall_clock_time_counts_at_night_too() -> None:
    office = desk(terms(policy(goals={Priority.NORMAL: goals(None, 10 * 60, "wall")}), calendar=2))

    assert clock(office, "resolution").due_at == after(10 * 60)
    assert spent(office, "resolution", 20 * 60) == 20 * 60


def test_an_answer_or_a_pause_at_the_very_moment_is_in_time() -> None:
    answered, paused = desk(), desk()
    answers(answered, 60)
    becomes(paused, Status.PENDING, 240)
    paused.passes(after(10_000))

    assert clock(answered, "first_response").state == "met"
    assert clock(paused, "resolution").state == "paused"
    becomes(paused, Status.OPEN, 10_000)
    paused.passes(after(10_001))
    assert clock(paused, "resolution").breached_at == after(10_000), "there was no time left"


def test_hours_that_never_come_bring_no_due_moment() -> None:
    once = BusinessCalendar(
        zone="UTC", week=((),) * 7, special_days=(SpecialDay(on=date(2029, 1, 1), spans=(Span(since=0, until=60),)),)
    )
    on = Terms(1, 1, policy(carry="tighter_wins"), 1, once, ZONE_DATA)
    never = SlaDesk(ticket(), [on], {1: once}.__getitem__)

    assert clock(never, "resolution").state == "running"
    assert clock(never, "resolution").due_at is None
    assert never.next_moment is None

    edits(never, 10, priority="high")
    assert clock(never, "resolution").due_at is None


# Ending.


def test_a_public_answer_by_the_desk_meets_the_first_response() -> None:
    answered = desk()
    answers(answered, 40)

    one = clock(answered, "first_response")
    assert (one.state, one.met_at, one.used) == ("met", after(40), 40 * MINUTE)
    assert parts(answered, "first_response") == [("running", 40, 40)]
    assert used_by(one, after(500), CALENDARS.__getitem__) == 40 * MINUTE


def test_neither_an_assignment_nor_a_note_nor_the_requesters_own_words_are_an_answer() -> None:
    open_ticket = desk()
    assert open_ticket.does(AssignTicket(assignee_id=AGENT), BY_AGENT, after(1))
    assert open_ticket.does(NOTE, BY_AGENT, after(2))
    assert open_ticket.does(QUESTION, Actor.person(REQUESTER, Role.ADMIN), after(3))

    assert clock(open_ticket, "first_response").state == "running"
    assert clock(open_ticket, "first_response").cycle == 1


def test_a_late_answer_is_breached_and_then_met_late() -> None:
    late = desk()
    answers(late, 90)

    one = clock(late, "first_response")
    assert (one.state, one.phase) == ("breached", "met")
    assert (one.breached_at, one.met_at, one.used) == (after(60), after(90), 90 * MINUTE)
    assert late.alarms == [
        Alarm(one.key, percent, after(at)) for percent, at in ((50, 30), (75, 45), (90, 54), (100, 60))
    ]


def test_a_breached_clock_still_stands_still_while_others_have_the_word() -> None:
    broken = desk()
    becomes(broken, Status.PENDING, 300)
    becomes(broken, Status.OPEN, 400)

    one = clock(broken, "resolution")
    assert (one.state, one.phase, one.breached_at) == ("breached", "running", after(240))
    assert spent(broken, "resolution", 410) == 310


def test_a_resolution_without_an_answer_cancels_the_wait_for_one() -> None:
    resolved = desk()
    becomes(resolved, Status.RESOLVED, 30)
    becomes(resolved, Status.CLOSED, 40)

    assert names(resolved) == [("customer", "first_response", 1, "cancelled"), ("customer", "resolution", 1, "met")]
    assert {one.ended_at for one in resolved.sla.clocks} == {after(30)}
    assert [moment.percent for moment in resolved.alarms] == []


def test_a_resolution_cancels_the_wait_for_the_next_answer_too() -> None:
    resolved = desk()
    answers(resolved, 5)
    asks(resolved, 10)
    becomes(resolved, Status.RESOLVED, 30)

    assert clock(resolved, "next_response").state == "cancelled"
    becomes(resolved, Status.OPEN, 40)
    assert clock(resolved, "next_response").ended_at == after(30), "a reopening by hand asks nothing"


def test_a_reopening_starts_the_resolution_again_from_nothing() -> None:
    reopened = desk()
    answers(reopened, 10)
    becomes(reopened, Status.RESOLVED, 30)
    becomes(reopened, Status.OPEN, 100)

    assert names(reopened) == [
        ("customer", "first_response", 1, "met"),
        ("customer", "resolution", 1, "met"),
        ("customer", "resolution", 2, "running"),
    ]
    assert clock(reopened, "resolution", cycle=2).due_at == after(340)
    assert clock(reopened, "resolution", cycle=2).why == "reopened"


def test_a_reopening_waits_for_the_first_answer_again_if_there_was_none() -> None:
    by_hand, by_words = desk(), desk()
    for one in (by_hand, by_words):
        becomes(one, Status.RESOLVED, 30)
    becomes(by_hand, Status.OPEN, 100)
    asks(by_words, 100)

    assert clock(by_hand, "first_response", cycle=2).why == "reopened"
    assert clock(by_words, "first_response", cycle=2).why == "the requester wrote"
    for one in (by_hand, by_words):
        assert clock(one, "first_response", cycle=2).due_at == after(160)
        assert clock(one, "resolution", cycle=2).due_at == after(340)


def test_each_wait_for_a_next_answer_is_a_cycle() -> None:
    talk = desk()
    asks(talk, 5)
    answers(talk, 10)
    asks(talk, 20)
    asks(talk, 30)
    answers(talk, 50)
    answers(talk, 55)
    asks(talk, 70)

    assert names(talk)[2:] == [("customer", "next_response", 1, "met"), ("customer", "next_response", 2, "running")]
    assert clock(talk, "next_response").used == 30 * MINUTE, "from the first of the two questions"
    assert clock(talk, "next_response", cycle=2).due_at == after(130)


# The teams' own clocks.


def with_team_goals() -> Terms:
    return terms(policy(team_goals={Priority.NORMAL: goals(20, 100)}))


def test_a_teams_clocks_begin_anew_with_the_next_team() -> None:
    moved = desk(with_team_goals(), team="support")
    edits(moved, 15, team="network")

    assert (clock(moved, "resolution").due_at, clock(moved, "resolution").cycle) == (after(240), 1)
    assert clock(moved, "first_response", 2, "team").due_at == after(35)
    assert clock(moved, "first_response", 2, "team").why == "came to the team"


def test_how_a_teams_clock_ended_is_recorded_although_the_next_has_begun() -> None:
    """Or it would look, for ever, as if it still ran."""
    moved = desk(with_team_goals(), team="support")
    edits(moved, 25, team="network")

    first = clock(moved, "first_response", 1, "team")
    assert (first.state, first.phase, first.ended_at, first.used) == ("breached", "cancelled", after(25), 25 * MINUTE)


def test_what_a_team_has_met_stays_met_with_the_next_team() -> None:
    moved = desk(with_team_goals(), team="support")
    answers(moved, 10)
    edits(moved, 15, team="network")

    assert ("team", "first_response", 2, "running") not in names(moved)
    assert clock(moved, "first_response", 1, "team").state == "met"


# Whether there is anything to do.


@pytest.mark.parametrize(
    ("event", "touches", "asks"),
    [
        (TicketNoted(text_id=text_id("a note")), False, False),
        (TicketAssigned(assignee_id=AGENT, previous_id=None), False, False),
        (TicketEdited(estimated_minutes=5), False, False),
        (TicketEdited(priority=Priority.HIGH), True, True),
        (TicketEdited(category="billing"), True, True),
        (TicketEdited(tags=()), True, True),
        (TicketMoved(team="support", previous=None), True, True),
        (TicketReplied(text_id=text_id("words"), by_desk=True, is_answer=True, first_responded_at=NOW), True, False),
        (
            TicketStatusChanged(
                status=Status.OPEN, previous=Status.NEW, reason="by_hand", resolved_at=None, closed_at=None
            ),
            True,
            False,
        ),
    ],
    ids=lambda value: value.type if hasattr(value, "type") else "",
)
def test_which_events_may_touch_clocks_and_which_the_policies(event: TicketEvent, touches: bool, asks: bool) -> None:
    assert concerns([event]) is touches
    assert asks_for_terms([event]) is asks


def test_clocks_that_go_on_as_they_did_are_not_written_again() -> None:
    opened = desk()
    edit = TicketEdited(tags=("urgent",))

    assert opened.kept_again(after(10)) is None
    kept = follow(opened.ticket, [edit], after(10), HOUR_TO_ANSWER, CALENDARS.__getitem__, "newer time-zone data")
    assert kept is None


def test_a_change_that_is_kept_names_the_time_zone_data_that_it_was_computed_with() -> None:
    opened = desk()
    event = TicketReplied(text_id=text_id("words"), by_desk=True, is_answer=True, first_responded_at=after(10))
    kept = follow(opened.ticket, [event], after(10), HOUR_TO_ANSWER, CALENDARS.__getitem__, "newer")

    assert kept is not None
    assert kept.sla.zone_data == "newer"
    assert [part.zone_data for part in kept.segments] == ["newer"]


def test_what_begins_and_ends_at_one_moment_leaves_no_segment() -> None:
    quick = desk()
    answers(quick, 0)

    assert quick.segments == []
    assert clock(quick, "first_response").ended_at == clock(quick, "first_response").started_at
