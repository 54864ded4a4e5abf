"""What becomes of a clock, and of the time that it has used, under other terms: each rule by an example."""

import pytest

from domain.sla_keeping import terms_for
from domain.sla_policy import CarryRule, Conditions, Pauses
from domain.ticket import Priority, Status
from tests.domain.keeping import (
    HOUR_TO_ANSWER,
    MINUTE,
    Minutes,
    after,
    answers,
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
from tests.factories import NOW, ticket


@pytest.mark.parametrize(
    ("carry", "used", "due"),
    [("carry", 40, 120), ("restart", 0, 160), ("tighter_wins", 40, 120)],
)
def test_the_time_used_is_carried_to_a_shorter_goal_by_the_policys_rule(
    carry: CarryRule, used: Minutes, due: Minutes
) -> None:
    raised = desk(terms(policy(carry)))
    answers(raised, 10)
    edits(raised, 40, priority="high")

    assert spent(raised, "resolution", 40) == used
    assert clock(raised, "resolution").due_at == after(due)
    assert clock(raised, "resolution").started_at == NOW
    assert parts(raised, "resolution") == [("running", 40, 40)], "the ledger keeps what a restart forgets"


@pytest.mark.parametrize(
    ("carry", "used", "due"),
    [("carry", 40, 240), ("restart", 0, 280), ("tighter_wins", 40, 120)],
)
def test_and_to_a_longer_one(carry: CarryRule, used: Minutes, due: Minutes) -> None:
    lowered = desk(terms(policy(carry)), priority="high")
    answers(lowered, 10)
    edits(lowered, 40, priority="normal")

    assert spent(lowered, "resolution", 40) == used
    assert clock(lowered, "resolution").due_at == after(due)


def test_another_priority_with_the_same_goal_leaves_the_clock_alone() -> None:
    same = policy("restart", goals={Priority.NORMAL: goals(60, 240), Priority.HIGH: goals(30, 240)})
    raised = desk(terms(same))
    before = clock(raised, "resolution")
    edits(raised, 10, priority="high")

    assert clock(raised, "resolution") == before
    assert parts(raised, "resolution") == []
    assert clock(raised, "first_response").due_at == after(40)


def test_a_restart_warns_again() -> None:
    restarted = desk(terms(policy("restart", warnings=(50,))))
    answers(restarted, 10)
    edits(restarted, 130, priority="high")
    restarted.passes(after(191))

    assert [(one.percent, one.at) for one in restarted.alarms] == [(50, after(120)), (50, after(190))]


def test_nothing_restarts_when_the_promise_stays_the_same() -> None:
    before = terms(policy("restart"))
    kept = desk(before)
    kept.takes(terms(policy("restart", warnings=(10,)), version=2), after(40), "other warnings")

    assert spent(kept, "resolution", 50) == 50
    assert clock(kept, "resolution").due_at == after(240)
    assert clock(kept, "resolution").policy_version == 2


def test_wall_clock_time_does_not_restart_with_another_calendar() -> None:
    wall = {Priority.NORMAL: goals(60, 240, "wall")}
    kept = desk(terms(policy("restart", goals=wall)))
    kept.takes(terms(policy("restart", goals=wall), version=2, calendar=2), after(40), "other hours")

    assert spent(kept, "resolution", 50) == 50
    kept.takes(terms(policy("restart"), version=3, calendar=2), after(50), "working time")
    assert spent(kept, "resolution", 50) == 0


def test_shares_that_are_past_already_are_warned_of_as_one_at_once() -> None:
    raised = desk()
    answers(raised, 10)
    edits(raised, 100, priority="high")
    raised.passes(after(101))

    assert [(one.percent, one.at) for one in raised.alarms] == [(75, after(100))], "83 % of two hours"


def test_a_share_that_was_warned_of_is_not_warned_of_again() -> None:
    wavering = desk()
    answers(wavering, 10)
    edits(wavering, 125, priority="high")
    edits(wavering, 125, priority="normal")
    becomes(wavering, Status.PENDING, 130)
    becomes(wavering, Status.OPEN, 150)
    wavering.passes(after(260))

    assert [(one.percent, one.at) for one in wavering.alarms] == [(50, after(120)), (75, after(200)), (90, after(236))]


def test_a_goal_that_is_past_already_is_broken_at_once() -> None:
    raised = desk()
    answers(raised, 10)
    edits(raised, 150, priority="high")
    raised.passes(after(151))

    assert clock(raised, "resolution").breached_at == after(150)


def test_what_is_broken_stays_broken() -> None:
    lowered = desk(priority="high")
    answers(lowered, 10)
    edits(lowered, 125, priority="normal")
    edits(lowered, 126, priority="low")

    one = clock(lowered, "resolution")
    assert (one.state, one.breached_at, one.goal) == ("breached", after(120), 120 * MINUTE)
    becomes(lowered, Status.RESOLVED, 130)
    assert clock(lowered, "resolution").met_at == after(130)


def test_a_broken_clock_stands_still_when_the_present_terms_say_so() -> None:
    """Else it would count on in a status in which no clock counts, until the status changes."""
    broken = desk()
    answers(broken, 10)
    broken.takes(terms(policy(pauses=Pauses(resolution=(Status.OPEN,))), version=2), after(300), "the policy changed")

    one = clock(broken, "resolution")
    assert (one.phase, one.state, one.breached_at) == ("paused", "breached", after(240))
    assert spent(broken, "resolution", 500) == 300


def test_a_priority_without_a_goal_cancels_and_another_one_begins_anew() -> None:
    wandered = desk()
    edits(wandered, 10, priority="low")
    edits(wandered, 20, priority="normal")

    assert names(wandered) == [
        ("customer", "first_response", 1, "cancelled"),
        ("customer", "resolution", 1, "cancelled"),
        ("customer", "first_response", 2, "running"),
        ("customer", "resolution", 2, "running"),
    ]


def test_a_finished_ticket_starts_no_clock() -> None:
    finished = desk(priority="low")
    becomes(finished, Status.RESOLVED, 10)
    edits(finished, 20, priority="normal")

    assert names(finished) == []
    becomes(finished, Status.OPEN, 30)
    assert clock(finished, "resolution").started_at == after(30)


def test_work_that_was_reopened_without_a_goal_gets_its_clock_with_the_goal() -> None:
    reopened = desk()
    answers(reopened, 5)
    becomes(reopened, Status.RESOLVED, 10)
    edits(reopened, 20, priority="low")
    becomes(reopened, Status.OPEN, 30)
    assert clock(reopened, "resolution").state == "met"

    edits(reopened, 40, priority="high")

    assert clock(reopened, "resolution", cycle=2).due_at == after(160)


def test_a_ticket_that_no_policy_fits_any_more_keeps_what_was_broken_only() -> None:
    left = desk(terms(policy(conditions=Conditions(categories=("general",)))))
    becomes(left, Status.ON_HOLD, 61)
    edits(left, 70, category="billing")

    assert [(one.target, one.state) for one in left.sla.clocks] == [
        ("first_response", "breached"),
        ("resolution", "cancelled"),
    ]
    assert left.sla.policy_version is None
    answers(left, 80)
    assert clock(left, "first_response").met_at == after(80)


def test_another_version_carries_the_time_and_says_why() -> None:
    changed = desk()
    answers(changed, 10)
    changed.takes(
        terms(policy(goals={Priority.NORMAL: goals(60, 500)}), version=2), after(100), "version 2 was applied"
    )

    one = clock(changed, "resolution")
    assert (one.used, one.due_at, one.why) == (100 * MINUTE, after(500), "version 2 was applied")
    assert (one.policy_version, changed.sla.policy_version) == (2, 2)


def test_another_calendar_counts_from_then_on() -> None:
    changed = desk()
    answers(changed, 10)
    changed.takes(terms(policy(), version=1, calendar=2), after(180), "office hours")
    changed.passes(after(9 * 60))

    assert clock(changed, "resolution").breached_at == after(240)
    assert [part.calendar_version for part in changed.segments if part.target == "resolution"] == [1]
    assert spent(changed, "resolution", 20 * 60) == 8 * 60, "closed from the eighth hour on"


def test_the_tighter_of_two_calendars_wins() -> None:
    office = terms(policy("tighter_wins", goals={Priority.NORMAL: goals(None, 600)}), calendar=2)
    always = terms(policy("tighter_wins", goals={Priority.NORMAL: goals(None, 600)}), version=2, calendar=1)
    to_office, to_always = desk(always), desk(office)
    to_office.takes(office, after(60), "office hours")
    to_always.takes(always, after(60), "round the clock")

    assert clock(to_office, "resolution").due_at == clock(to_always, "resolution").due_at == after(600)


def test_going_back_to_a_version_brings_back_its_pauses_and_warnings() -> None:
    """Also for a clock that had never left it, because its own due moment was the earlier one."""
    first = terms(policy("tighter_wins", warnings=(50,)))
    other = policy("tighter_wins", warnings=(80,), pauses=Pauses(resolution=(Status.NEW,)))
    longer = terms(other.model_copy(update={"goals": {Priority.NORMAL: goals(500, 500)}}), version=2)
    undone = desk(first)
    undone.takes(longer, after(10), "applied")
    assert clock(undone, "resolution").phase == "paused"

    undone.takes(first, after(30), "taken back")

    one = clock(undone, "resolution")
    assert (one.phase, one.due_at) == ("running", after(260))
    assert [warning.percent for warning in one.warnings] == [50]


def test_the_version_that_a_ticket_has_of_a_policy_stays_until_another_is_applied() -> None:
    newer = terms(policy(goals={Priority.NORMAL: goals(1, 1), Priority.HIGH: goals(1, 1)}), version=2)
    other = terms(policy(), version=3, policy_id=3)

    assert terms_for(ticket(), "standard", [newer], HOUR_TO_ANSWER) is HOUR_TO_ANSWER
    assert terms_for(ticket(), "standard", [other, newer], HOUR_TO_ANSWER) is other
    assert terms_for(ticket(), "standard", [newer], None) is newer
    assert terms_for(ticket(), "standard", [], HOUR_TO_ANSWER) is None
