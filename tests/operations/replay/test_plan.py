from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.replay.log import Incident
from operations.replay.made_log import make_log
from operations.replay.plan import (
    SECOND_LINE,
    Assign,
    Move,
    Open,
    Plan,
    Reply,
    SetStatus,
    Step,
    groups_of,
    outcome,
    plan,
    until,
    with_waits_up_to,
)
from tests.operations.replay.incidents import incident

LEGAL = {
    "new": {"open", "pending", "resolved"},
    "open": {"pending", "resolved"},
    "pending": {"open", "resolved"},
    "resolved": {"open", "closed"},
    "closed": {"open"},
}


def planned(**different: object) -> Plan:
    return plan(incident(**different), requesters=3, seed=1)


def kinds(steps: tuple[Step, ...]) -> list[str]:
    return [type(step).__name__ for step in steps]


def test_an_ordinary_incident_is_opened_taken_answered_resolved_and_closed() -> None:
    ordinary = planned()

    assert kinds(ordinary.steps) == ["Open", "Assign", "Reply", "SetStatus", "SetStatus"]
    assert [step.at_s for step in ordinary.steps] == [0, 300, 300, 3600, 400_000]


def test_the_logs_words_become_the_desks() -> None:
    opened = planned(priority=1, category="26").steps[0]

    assert isinstance(opened, Open)
    assert (opened.priority, opened.group, opened.tags) == ("urgent", "70", ("kind-26",))


def test_an_incident_that_nobody_touched_is_not_answered() -> None:
    assert "Reply" not in kinds(planned(log_steps=0).steps)


def test_one_reassignment_moves_from_the_first_to_the_final_group() -> None:
    steps = planned(reassignments=1, final_group="39").steps

    moves = [step for step in steps if isinstance(step, Move)]
    assert [(move.by.group, move.group) for move in moves] == [("70", "39")]


def test_more_reassignments_go_through_the_second_line() -> None:
    steps = planned(reassignments=4, final_group="39").steps

    path = [step.group for step in steps if isinstance(step, Open | Move)]
    assert (path[0], path[-1], len(path)) == ("70", "39", 5)
    assert set(path[1:-1]) <= set(SECOND_LINE)
    assert all(here != there for here, there in pairwise(path))


@pytest.mark.parametrize("ticket", ["A1", "A2", "A3", "A4"])
@pytest.mark.parametrize("resolver", ["11", "12"])
def test_one_reassignment_within_the_group_changes_the_assignee(ticket: str, resolver: str) -> None:
    steps = planned(ticket=ticket, resolver=resolver, reassignments=1).steps

    first, second = (step.to for step in steps if isinstance(step, Assign))
    assert "Move" not in kinds(steps)
    assert (first.group, second.group) == ("70", "70")
    assert first != second


def test_a_wait_lasts_as_long_as_the_log_says_and_ends_with_the_requesters_reply() -> None:
    steps = planned(pending_s=600).steps

    waiting = next(step for step in steps if isinstance(step, SetStatus) and step.status == "pending")
    replied = next(step for step in steps if isinstance(step, Reply) and step.by is None)
    assert replied.at_s - waiting.at_s == 600


@pytest.mark.parametrize("times", [0, 1, 2, 8])
def test_an_incident_is_reopened_as_often_as_the_log_says(times: int) -> None:
    assert outcome(planned(reopens=times).steps).reopens == times


def test_an_incident_without_a_resolution_is_resolved_when_it_is_closed() -> None:
    *_, resolved, closed = planned(resolution_s=None).steps

    assert isinstance(resolved, SetStatus)
    assert (resolved.status, resolved.at_s, closed.at_s) == ("resolved", 400_000, 400_000)


def test_the_same_seed_gives_the_same_plan() -> None:
    assert planned(reassignments=5) == planned(reassignments=5)


def test_the_end_and_the_events_follow_from_the_steps() -> None:
    end = outcome(planned(reassignments=1, final_group="39", pending_s=60).steps)

    assert (end.status, end.group, end.assignee and end.assignee.group) == ("closed", "39", "39")
    assert end.events == (
        "ticket.opened",
        "ticket.assigned",
        "ticket.replied",
        "ticket.status_changed",
        "ticket.moved",
        "ticket.unassigned",
        "ticket.assigned",
        "ticket.status_changed",
        "ticket.replied",
        "ticket.status_changed",
        "ticket.status_changed",
        "ticket.status_changed",
    )


def test_a_cut_leaves_what_had_happened_by_then() -> None:
    (cut,) = until([planned(), planned(ticket="A2", arrival_offset_s=10_000)], horizon_s=400)

    assert kinds(cut.steps) == ["Open", "Assign", "Reply"]
    assert outcome(cut.steps).status == "open"


def test_long_waits_are_shortened_and_short_ones_kept() -> None:
    short = with_waits_up_to(planned(), longest_s=1000)

    assert [step.at_s for step in short.steps] == [0, 300, 300, 1300, 2300]


def test_the_groups_of_all_plans_are_told_once_each() -> None:
    assert groups_of([planned(), planned(reassignments=1, final_group="39")]) == ["39", "70"]


@given(st.integers(min_value=1, max_value=10_000))
def test_every_made_incident_has_a_lawful_plan(seed: int) -> None:
    for made in make_log(5, seed):
        assert_lawful(made, plan(made, requesters=3, seed=seed))


@given(
    first=st.sampled_from(["1", "2"]),
    final=st.sampled_from(["1", "2"]),
    hops=st.integers(min_value=0, max_value=5),
    resolver=st.integers(min_value=1, max_value=99),
    waits_s=st.integers(min_value=0, max_value=5000),
    reopens=st.integers(min_value=0, max_value=3),
)
def test_every_mixture_has_a_lawful_plan(
    first: str, final: str, hops: int, resolver: int, waits_s: int, reopens: int
) -> None:
    mixed = incident(
        first_group=first,
        final_group=first if hops == 0 else final,
        reassignments=hops,
        resolver=str(resolver),
        pending_s=waits_s,
        reopens=reopens,
    )

    assert_lawful(mixed, plan(mixed, requesters=3, seed=resolver))


def assert_lawful(made: Incident, its: Plan) -> None:
    """In time order, by agents of the group that has it, with legal changes of status only, to the end in the log."""
    assert all(earlier.at_s <= later.at_s for earlier, later in pairwise(its.steps))
    for length in range(1, len(its.steps)):
        before, step = outcome(its.steps[:length]), its.steps[length]
        if isinstance(step, SetStatus):
            assert step.status in LEGAL[before.status]
        seat = getattr(step, "by", None)
        assert seat is None or seat.group == before.group
        if isinstance(step, Assign):
            assert step.to != before.assignee
            assert step.to.group == before.group
    end = outcome(its.steps)
    assert (end.status, end.group, end.reopens) == ("closed", made.final_group, made.reopens)
    moves = end.events.count("ticket.moved")
    assert moves == made.reassignments or (moves, made.reassignments) == (0, 1)
