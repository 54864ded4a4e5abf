"""Escalation ladders: what they are made of, and when their steps are taken."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, Span
from domain.lifecycle import apply
from domain.sla_keeping import begin, follow
from domain.sla_ladder import (
    AddWatcher,
    Ladder,
    LadderRun,
    LadderStep,
    NotifyRole,
    RaiseLevel,
    RaisePriority,
)
from domain.sla_policy import Goal, Goals, SlaPolicy, Terms
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import (
    AcknowledgeTicket,
    AddReply,
    ChangeStatus,
    ClimbLadder,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    TicketCommand,
)
from domain.ticket_events import TicketSlaChanged
from domain.ticket_rules import decide
from domain.ticket_timers import pending_moments
from tests.domain.deciding import types_of
from tests.factories import AGENT, BY_AGENT, NOW, envelope, text_id, ticket

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OFFICE = BusinessCalendar(zone="UTC", week=((Span(since=9 * 60, until=17 * 60),),) * 5 + ((), ()))
TELL = NotifyRole(role="supervisor")
ANSWER = AddReply(text_id=text_id("an answer"))


def step(minutes: int, *actions: Any, **changes: Any) -> LadderStep:
    return LadderStep(after_minutes=minutes, actions=actions or (TELL,), **changes)


def terms(*steps: LadderStep, calendar: BusinessCalendar = ALWAYS_OPEN, version: int = 1, **changes: Any) -> Terms:
    """An hour to answer, four to solve, and this ladder for tickets of normal priority."""
    goals = Goals(first_response=Goal(minutes=60), resolution=Goal(minutes=240))
    policy = SlaPolicy(
        goals={Priority.NORMAL: goals, Priority.HIGH: goals, Priority.URGENT: goals},
        ladders={Priority.NORMAL: Ladder(steps=steps, **changes)},
    )
    return Terms(1, version, policy, version, calendar, "test")


def opened(on: Terms) -> Ticket:
    new = ticket()
    return new.model_copy(update={"sla": begin(new, on, "test")})


def run_of(ticket: Ticket) -> LadderRun:
    assert ticket.sla is not None
    assert ticket.sla.ladder is not None
    return ticket.sla.ladder


def after(ticket: Ticket, command: TicketCommand, on: Terms, at: datetime, by: Any = BY_AGENT) -> Ticket:
    """The ticket after the command, with its clocks kept over it, as its activity keeps them."""
    change = decide(ticket, envelope(command, actor=by), at)
    kept = follow(ticket, change.events, at, on, lambda _: on.calendar, "test") if change.events else None
    if kept is not None:
        change = change.followed_by(TicketSlaChanged(sla=kept.sla, segments=kept.segments))
    return apply(ticket, change)


def waited(ticket: Ticket, on: Terms, until: datetime) -> tuple[Ticket, list[tuple[datetime, int, int]]]:
    """The ticket once nobody did anything until then, and the steps that were taken: moment, round, step."""
    taken = []
    while (moment := next(iter(pending_moments(ticket)), None)) is not None and moment.at <= until:
        assert moment.command is not None
        if isinstance(moment.command, ClimbLadder):
            taken.append((moment.at, moment.command.round, moment.command.step))
        ticket = after(ticket, moment.command, on, moment.at)
    return ticket, taken


def test_a_step_counts_from_the_start_from_the_breach_or_from_the_step_before() -> None:
    on = terms(step(45, since="start"), step(10), step(15, since="last_step"))

    _, taken = waited(opened(on), on, NOW + 10 * HOUR)

    assert taken == [(NOW + 45 * MINUTE, 1, 0), (NOW + 70 * MINUTE, 1, 1), (NOW + 85 * MINUTE, 1, 2)]


def test_after_its_last_step_a_ladder_begins_again_as_often_as_it_says() -> None:
    on = terms(step(0), step(10, since="last_step"), repeats=2)

    ticket, taken = waited(opened(on), on, NOW + 10 * HOUR)

    due = NOW + HOUR
    assert taken == [
        (due, 1, 0), (due + 10 * MINUTE, 1, 1),
        (due + 10 * MINUTE, 2, 0), (due + 20 * MINUTE, 2, 1),
        (due + 20 * MINUTE, 3, 0), (due + 30 * MINUTE, 3, 1),
    ]  # fmt: skip
    assert run_of(ticket).ended == "at_its_end"


def test_working_time_and_wall_clock_time() -> None:
    on = terms(step(30, since="breach"), step(30, since="last_step", time="wall"), calendar=OFFICE)
    evening = opened(on).model_copy(update={"created_at": NOW})
    evening = evening.model_copy(
        update={"sla": begin(evening.model_copy(update={"created_at": NOW.replace(hour=15, minute=45)}), on, "test")}
    )

    _, taken = waited(evening, on, NOW + 72 * HOUR)

    next_morning = (NOW + 24 * HOUR).replace(hour=9, minute=15)
    assert [at for at, _, _ in taken] == [next_morning, next_morning + 30 * MINUTE]


def test_a_ladder_can_be_held_until_the_desk_is_open() -> None:
    on = terms(step(30, since="breach", time="wall"), calendar=OFFICE, hold_until_open=True)
    late = ticket(created_at=NOW.replace(hour=15, minute=45))
    late = late.model_copy(update={"sla": begin(late, on, "test")})

    _, taken = waited(late, on, NOW + 72 * HOUR)

    assert [at for at, _, _ in taken] == [(NOW + 24 * HOUR).replace(hour=9)]


def test_a_step_from_the_start_stands_still_with_its_clock() -> None:
    on = terms(step(45, since="start"))
    pausing = on.policy.model_copy(
        update={"pauses": on.policy.pauses.model_copy(update={"first_response": (Status.ON_HOLD,)})}
    )
    on = on._replace(policy=pausing)

    held = after(opened(on), ChangeStatus(status=Status.ON_HOLD), on, NOW + 30 * MINUTE)
    goes_on = after(held, ChangeStatus(status=Status.OPEN), on, NOW + 5 * HOUR)

    assert run_of(held).next_at is None
    assert run_of(goes_on).next_at == NOW + 5 * HOUR + 15 * MINUTE


def test_an_answer_ends_the_ladder_of_its_clock() -> None:
    on = terms(step(45, since="start"))

    answered = after(opened(on), ANSWER, on, NOW + MINUTE)

    assert answered.sla is not None
    assert answered.sla.ladder is None
    assert waited(answered, on, NOW + 10 * HOUR)[1] == []


def test_the_actions_of_a_step_change_the_ticket_upwards_only() -> None:
    on = terms(
        step(10, RaiseLevel(level=2), RaisePriority(priority="high"), AddWatcher(person_id=AGENT), since="start")
    )
    calm, urgent = opened(on), opened(on).model_copy(update={"escalation_level": 3, "watcher_ids": (AGENT,)})

    raised, _ = waited(calm, on, NOW + 10 * MINUTE)
    kept, _ = waited(urgent, on, NOW + 10 * MINUTE)

    assert (raised.escalation_level, raised.priority, raised.watcher_ids) == (2, Priority.HIGH, (AGENT,))
    assert (kept.escalation_level, kept.watcher_ids) == (3, (AGENT,))


def test_who_acknowledges_an_escalation_stops_the_ladder() -> None:
    on = terms(step(10, RaiseLevel(level=1), since="start"), step(10, since="last_step"))
    escalated, _ = waited(opened(on), on, NOW + 10 * MINUTE)

    taken_on = after(escalated, AcknowledgeTicket(), on, NOW + 15 * MINUTE)

    assert run_of(taken_on).ended == "acknowledged"
    assert waited(taken_on, on, NOW + 10 * HOUR)[1] == []
    assert types_of(taken_on, AcknowledgeTicket(), at=NOW + 16 * MINUTE) == []


def test_without_an_escalation_there_is_nothing_to_acknowledge() -> None:
    calm = opened(terms(step(10, since="start")))

    assert types_of(calm, AcknowledgeTicket()) == []
    assert types_of(ticket(), AcknowledgeTicket()) == []


def test_an_escalation_by_hand_is_acknowledged_too() -> None:
    on = terms(step(10, since="start"))

    escalated = after(opened(on), EscalateTicket(), on, NOW + MINUTE)

    assert run_of(after(escalated, AcknowledgeTicket(), on, NOW + 2 * MINUTE)).ended == "acknowledged"


def test_taking_an_escalation_back_acknowledges_it_but_leaves_a_ladder_alone_that_took_no_step() -> None:
    on = terms(step(10, RaiseLevel(level=1), since="start"), step(10, since="last_step"))
    climbed, _ = waited(opened(on), on, NOW + 10 * MINUTE)
    by_hand = after(opened(on), EscalateTicket(), on, NOW + MINUTE)

    assert run_of(after(climbed, DeescalateTicket(), on, NOW + 11 * MINUTE)).ended == "acknowledged"
    assert run_of(after(by_hand, DeescalateTicket(), on, NOW + 2 * MINUTE)).next_at == NOW + 10 * MINUTE


def test_before_its_first_step_another_priority_brings_another_ladder_and_after_it_does_not() -> None:
    on = terms(step(10, since="start"), step(10, since="last_step"))
    climbed, _ = waited(opened(on), on, NOW + 10 * MINUTE)
    to_high = EditTicket(priority=Priority.HIGH)

    early = after(opened(on), to_high, on, NOW + MINUTE)
    late = after(climbed, to_high, on, NOW + 11 * MINUTE)

    assert early.sla is not None
    assert early.sla.ladder is None, "high has no ladder"
    assert run_of(late).next_at == NOW + 20 * MINUTE


def test_a_timer_that_was_overtaken_takes_no_step() -> None:
    on = terms(step(10, since="start"), step(10, since="last_step"))
    climbed, _ = waited(opened(on), on, NOW + 10 * MINUTE)

    assert types_of(climbed, ClimbLadder(round=1, step=0), at=NOW + HOUR) == []
    assert types_of(climbed, ClimbLadder(round=1, step=1), at=NOW + 19 * MINUTE) == []
    assert types_of(ticket(), ClimbLadder(round=1, step=0), at=NOW + HOUR) == []


@pytest.mark.parametrize(
    ("steps_taken", "new_steps", "repeats", "expected"),
    [
        (1, 3, 0, (1, 1, None)),
        (2, 2, 1, (2, 0, None)),
        (2, 2, 0, (1, 0, "at_its_end")),
        (2, 1, 0, (1, 0, "at_its_end")),
    ],
)
def test_a_run_goes_on_as_that_of_another_ladder_with_as_many_steps_taken(
    steps_taken: int, new_steps: int, repeats: int, expected: tuple[int, int, str | None]
) -> None:
    run = LadderRun(
        ladder=Ladder(steps=(step(10),) * 3),
        policy_version=1,
        priority="normal",
        cycle=1,
        step=steps_taken,
        last_at=NOW,
    )

    other = run.on(Ladder(steps=(step(5),) * new_steps, repeats=repeats), 2, "normal")

    assert (other.round, other.step, other.ended) == expected
    assert other.policy_version == 2


def test_a_run_at_its_end_goes_on_when_the_other_ladder_is_longer_but_not_when_it_was_acknowledged() -> None:
    run = LadderRun(ladder=Ladder(steps=(step(10),)), policy_version=1, priority="normal", cycle=1).climbed(NOW)
    longer = Ladder(steps=(step(5), step(5)))

    assert run.ended == "at_its_end"
    assert (run.on(longer, 2, "normal").step, run.on(longer, 2, "normal").ended) == (1, None)
    assert run.stopped("acknowledged").on(longer, 2, "normal").ended == "acknowledged"


def test_a_ladder_that_begins_again_takes_some_time() -> None:
    with pytest.raises(ValidationError, match="needs some time"):
        Ladder(steps=(step(0), step(0, since="last_step")), repeats=3)


def test_the_first_step_has_no_step_before_it() -> None:
    with pytest.raises(ValidationError, match="no step before"):
        Ladder(steps=(step(10, since="last_step"),))
