"""SLA clocks in the workflow, on a server whose clock can be moved: weeks of a ticket in moments of a test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, Span
from domain.ids import PersonId
from domain.sla_clock import Clock, Target, TicketSla
from domain.sla_keeping import begin
from domain.sla_ladder import Ladder, LadderStep, NotifyRole, RaiseLevel, ReassignToSenior
from domain.sla_policy import Goal, Goals, SlaPolicy, Terms
from domain.ticket import Priority, Slug, Status, Ticket
from domain.ticket_commands import (
    AcknowledgeTicket,
    AddReply,
    AdvanceMoment,
    CancelMoment,
    ChangeStatus,
    EditTicket,
    TicketCommand,
)
from domain.ticket_events import TicketEvent, TicketSlaBreached, TicketSlaWarned
from domain.ticket_timers import pending_moments
from tests import factories
from tests.workflows.timed_desk import TimedDesk, timed_desk

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OFFICE = BusinessCalendar(zone="Europe/Berlin", week=((Span(since=9 * 60, until=17 * 60),),) * 5 + ((), ()))
ANSWER = AddReply(text_id=factories.text_id("an answer"))
QUESTION = AddReply(text_id=factories.text_id("and what now?"))


def goals(response: int, resolution: int) -> Goals:
    return Goals(
        first_response=Goal(minutes=response),
        next_response=Goal(minutes=response),
        resolution=Goal(minutes=resolution),
    )


ROUND_THE_CLOCK = SlaPolicy(goals={Priority.NORMAL: goals(60, 240), Priority.HIGH: goals(30, 120)})
ALL_AT_ONCE = SlaPolicy(goals={Priority.NORMAL: goals(60, 60)})
IN_THE_OFFICE = SlaPolicy(goals={Priority.NORMAL: goals(60, 40 * 60)})
LADDER = Ladder(
    steps=(
        LadderStep(after_minutes=45, since="start", actions=(RaiseLevel(level=1), NotifyRole(role="supervisor"))),
        LadderStep(after_minutes=15, since="breach", actions=(RaiseLevel(level=2), ReassignToSenior(skill="network"))),
    ),
    repeats=1,
)
WITH_A_LADDER = ROUND_THE_CLOCK.model_copy(update={"ladders": {Priority.NORMAL: LADDER}})
WITH_A_PATIENT_LADDER = ROUND_THE_CLOCK.model_copy(
    update={"ladders": {Priority.NORMAL: LADDER.model_copy(update={"hold_until_staffed": True, "repeats": 0})}}
)
TERMS = {
    1: Terms(1, 1, ROUND_THE_CLOCK, 1, ALWAYS_OPEN, "test"),
    2: Terms(2, 2, IN_THE_OFFICE, 2, OFFICE, "test"),
    3: Terms(3, 3, WITH_A_LADDER, 3, ALWAYS_OPEN, "test"),
    4: Terms(4, 4, ALL_AT_ONCE, 1, ALWAYS_OPEN, "test"),
    5: Terms(5, 5, WITH_A_PATIENT_LADDER, 3, ALWAYS_OPEN, "test"),
}


class FixedTerms:
    """A desk with one policy on offer, and another one that some tickets run on."""

    zone_data = "test"

    async def offer_to(self, requester: PersonId) -> tuple[Slug, tuple[Terms, ...]]:
        return "standard", (TERMS[1],)

    async def terms_of(self, sla: TicketSla | None) -> Terms | None:
        return None if sla is None or sla.policy_version is None else TERMS[sla.policy_version]

    async def terms_at(self, policy_version: int | None, calendar_version: int | None) -> Terms | None:
        return None if policy_version is None else TERMS[policy_version]

    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]:
        return {version: terms.calendar for version, terms in TERMS.items()}.__getitem__


class OneSenior:
    """The senior agent of this desk, who knows networks; of team `network` nobody is there before `shift`."""

    shift: datetime | None = None

    async def staffed_at(self, team: Slug, at: datetime) -> datetime:
        return max(at, self.shift) if team == "network" and self.shift else at

    async def senior_for(self, ticket: Ticket, skill: Slug | None, min_level: int) -> PersonId | None:
        return factories.OTHER_AGENT if skill == "network" and ticket.assignee_id != factories.OTHER_AGENT else None


STAFF = OneSenior()


@pytest.fixture
async def desk(time_skipping_env: WorkflowEnvironment) -> AsyncIterator[TimedDesk]:
    async with timed_desk(time_skipping_env, FixedTerms(), STAFF) as desk:
        yield desk


async def opened(desk: TimedDesk, terms: int = 1, **changes: Any) -> Ticket:
    """A ticket with its clocks, opened now."""
    at = await desk.at(timedelta())
    sla = begin(factories.ticket(created_at=at, updated_at=at), TERMS[terms], "test")
    return await desk.running(sla=sla, **changes)


def clock_of(ticket: Ticket, target: Target) -> Clock:
    assert ticket.sla is not None
    clock = ticket.sla.clock("customer", target)
    assert clock is not None
    return clock


async def send_now(desk: TimedDesk, ticket: Ticket, command: TicketCommand, **changes: object) -> None:
    """A command that says by the server's clock when it was sent, as those of the API do."""
    await desk.send(ticket, command, **{"at": await desk.at(timedelta()), **changes})


def alarms(desk: TimedDesk, ticket: Ticket) -> list[tuple[Target, int | None]]:
    """The warnings and breaches that there were, in order."""
    return [_told(event) for event in desk.memory.events[ticket.number] if _is_alarm(event)]


def _is_alarm(event: TicketEvent) -> bool:
    return isinstance(event, TicketSlaWarned | TicketSlaBreached)


def _told(event: TicketEvent) -> tuple[Target, int | None]:
    if isinstance(event, TicketSlaWarned):
        return event.target, event.percent
    assert isinstance(event, TicketSlaBreached)
    return event.target, None


async def test_what_nobody_answers_is_warned_of_and_breached_once_each_at_its_moment(desk: TimedDesk) -> None:
    ticket = await opened(desk)
    expected = [(moment.at, moment.kind) for moment in pending_moments(ticket)]

    await desk.passes(20 * DAY)

    row = await desk.settled(ticket)
    assert alarms(desk, ticket) == [
        ("first_response", 50), ("first_response", 75), ("first_response", 90), ("first_response", None),
        ("resolution", 50), ("resolution", 75), ("resolution", 90), ("resolution", None),
    ]  # fmt: skip
    assert [change.at for change in desk.memory.changes[ticket.number]] == [at for at, _ in expected]
    for target in ("first_response", "resolution"):
        clock = clock_of(row, target)
        assert (clock.state, clock.breached_at, clock.is_open) == ("breached", clock_of(ticket, target).due_at, True)
    assert pending_moments(row) == []


async def test_an_answer_in_time_is_never_called_late(desk: TimedDesk) -> None:
    ticket = await opened(desk)

    await desk.passes(40 * MINUTE)
    await send_now(desk, ticket, ANSWER)
    await desk.passes(30 * MINUTE)
    await send_now(desk, ticket, ChangeStatus(status=Status.RESOLVED))
    await desk.passes(2 * DAY)

    row = await desk.settled(ticket)
    assert [clock.state for clock in row.sla.clocks if row.sla] == ["met", "met"]  # type: ignore[union-attr]
    assert alarms(desk, ticket) == [("first_response", 50)]


async def test_a_late_answer_is_breached_and_then_met_late(desk: TimedDesk) -> None:
    ticket = await opened(desk)

    await desk.passes(90 * MINUTE)
    await send_now(desk, ticket, ANSWER)

    clock = clock_of(await desk.settled(ticket), "first_response")
    assert (clock.state, clock.phase) == ("breached", "met")
    assert clock.breached_at == clock_of(ticket, "first_response").due_at
    assert clock.met_at is not None
    assert clock.met_at - clock.started_at == clock.used >= 90 * MINUTE


async def test_waiting_for_the_requester_moves_the_due_moment_by_as_much(desk: TimedDesk) -> None:
    ticket = await opened(desk)

    await desk.passes(HOUR)
    await send_now(desk, ticket, ChangeStatus(status=Status.PENDING))
    paused = clock_of(await desk.settled(ticket), "resolution")
    await desk.passes(3 * DAY)
    await send_now(
        desk, ticket, AddReply(text_id=factories.text_id("it is the left one")), actor=factories.BY_REQUESTER
    )
    resumed = clock_of(await desk.settled(ticket), "resolution")

    assert (paused.state, paused.due_at) == ("paused", None)
    assert (resumed.state, resumed.used) == ("running", paused.used)
    before = clock_of(ticket, "resolution").due_at
    assert resumed.due_at is not None
    assert before is not None
    assert resumed.due_at - before == resumed.since - paused.since
    assert ("resolution", None) not in alarms(desk, ticket)

    await desk.passes(3 * HOUR)
    assert alarms(desk, await desk.settled(ticket))[-1] == ("resolution", None)


async def test_a_higher_priority_brings_the_due_moment_forward(desk: TimedDesk) -> None:
    ticket = await opened(desk)

    await desk.passes(20 * MINUTE)
    await send_now(desk, ticket, EditTicket(priority=Priority.HIGH))
    row = await desk.settled(ticket)
    await desk.passes(11 * MINUTE)

    first = clock_of(row, "first_response")
    assert first.due_at == first.started_at + 30 * MINUTE, "what was used counts"
    assert clock_of(await desk.settled(ticket), "first_response").breached_at == first.due_at


async def test_nights_and_weekends_do_not_count(desk: TimedDesk) -> None:
    ticket = await opened(desk, terms=2)
    due = clock_of(ticket, "resolution").due_at
    assert due is not None
    assert due - ticket.created_at > 4 * DAY, "forty hours of work are a week"

    await desk.passes(due - ticket.created_at + HOUR)

    assert clock_of(await desk.settled(ticket), "resolution").breached_at == due
    (breach,) = [c for c in desk.memory.changes[ticket.number] if c.events[0].type == "ticket.sla_breached"][1:]
    assert breach.at == due


async def test_what_came_before_a_command_comes_first_although_its_timer_has_not_rung(desk: TimedDesk) -> None:
    """As when the engine was away while the target passed, and the answer is the first that it hears of."""
    ticket = await opened(desk)
    due = clock_of(ticket, "first_response").due_at
    assert due is not None

    await desk.send(ticket, ANSWER, at=due + timedelta(microseconds=1))

    clock = clock_of(await desk.settled(ticket), "first_response")
    assert (clock.breached_at, clock.met_at) == (due, due + timedelta(microseconds=1))
    assert desk.types(ticket)[:5] == [
        "ticket.sla_warning", "ticket.sla_warning", "ticket.sla_warning", "ticket.sla_breached", "ticket.replied",
    ]  # fmt: skip


async def test_an_answer_at_the_very_moment_is_in_time(desk: TimedDesk) -> None:
    ticket = await opened(desk)
    due = clock_of(ticket, "first_response").due_at

    await desk.send(ticket, ANSWER, at=due)

    assert clock_of(await desk.settled(ticket), "first_response").state == "met"


async def test_a_ticket_has_one_timer_at_a_time(desk: TimedDesk) -> None:
    ticket = await opened(desk)
    for priority in (Priority.HIGH, Priority.NORMAL, Priority.HIGH):
        await send_now(desk, ticket, EditTicket(priority=priority))
    await desk.settled(ticket)

    history = await desk.history(ticket)
    is_over = (EventType.EVENT_TYPE_TIMER_CANCELED, EventType.EVENT_TYPE_TIMER_FIRED)
    started = [event for event in history if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    over = [event for event in history if event.event_type in is_over]
    assert len(started) - len(over) == 1


async def test_moments_that_come_together_need_one_ring(desk: TimedDesk) -> None:
    ticket = await opened(desk, terms=4)

    await desk.passes(2 * HOUR)

    await desk.settled(ticket)
    assert alarms(desk, ticket) == [
        (target, percent) for percent in (50, 75, 90, None) for target in ("first_response", "resolution")
    ]
    fired = [e for e in await desk.history(ticket) if e.event_type == EventType.EVENT_TYPE_TIMER_FIRED]
    assert len(fired) == 4 * 2, "four rings, each with a look at the clock"


async def test_next_responses_have_a_cycle_each(desk: TimedDesk) -> None:
    ticket = await opened(desk)
    await send_now(desk, ticket, ANSWER)
    for cycle in (1, 2):
        await desk.passes(10 * MINUTE)
        await send_now(desk, ticket, QUESTION, actor=factories.BY_REQUESTER)
        clock = clock_of(await desk.settled(ticket), "next_response")
        assert (clock.cycle, clock.state) == (cycle, "running")
        await desk.passes(10 * MINUTE)
        await send_now(desk, ticket, ANSWER)
        assert clock_of(await desk.settled(ticket), "next_response").state == "met"


async def test_the_timers_of_a_thousand_days_ago_ring_at_once(desk: TimedDesk) -> None:
    """A ticket that was opened while the engine was away has no grace."""
    at = datetime(2020, 1, 1, tzinfo=UTC)
    old = begin(factories.ticket(created_at=at, updated_at=at), TERMS[1], "test")
    ticket = await desk.running(sla=old)

    while pending_moments(await desk.settled(ticket)):
        await asyncio.sleep(0.02)

    assert len(alarms(desk, ticket)) == 8


async def test_the_ladder_is_climbed_at_its_moments_until_its_end(desk: TimedDesk) -> None:
    ticket = await opened(desk, terms=3)

    await desk.passes(2 * DAY)

    row = await desk.settled(ticket)
    at, changes = clock_of(ticket, "resolution").started_at, desk.memory.changes[ticket.number]
    climbed = [change for change in changes if change.events[0].type == "ticket.ladder_climbed"]
    assert [change.at - at for change in climbed] == [45 * MINUTE, 75 * MINUTE, 75 * MINUTE + 45 * MINUTE, 135 * MINUTE]
    assert [event.type for event in climbed[1].events] == [
        "ticket.ladder_climbed", "ticket.escalated", "ticket.assigned", "ticket.sla_changed",
    ]  # fmt: skip
    assert [event.type for event in climbed[3].events if "senior" in event.type] == ["ticket.senior_missing"]
    assert (row.escalation_level, row.assignee_id) == (2, factories.OTHER_AGENT)


async def test_a_ladder_that_waits_for_staff_takes_its_step_when_somebody_comes(desk: TimedDesk) -> None:
    ticket = await opened(desk, terms=5, team="network")
    started = clock_of(ticket, "resolution").started_at
    STAFF.shift = started + 50 * MINUTE

    await desk.passes(51 * MINUTE)
    await desk.settled(ticket)

    taken = [
        (event.type, change.at - started)
        for change in desk.memory.changes[ticket.number]
        for event in change.events
        if "ladder" in event.type
    ]
    assert taken == [("ticket.ladder_held", 45 * MINUTE), ("ticket.ladder_climbed", 50 * MINUTE)]


async def test_a_step_that_a_supervisor_lets_come_waits_for_nobody(desk: TimedDesk) -> None:
    ticket = await opened(desk, terms=5, team="network")
    STAFF.shift = clock_of(ticket, "resolution").started_at + DAY

    await send_now(desk, ticket, AdvanceMoment(moment="ladder_step.1.0"))

    assert (await desk.settled(ticket)).escalation_level == 1


async def test_who_acknowledges_in_time_stops_the_ladder(desk: TimedDesk) -> None:
    ticket = await opened(desk, terms=3)

    await desk.passes(50 * MINUTE)
    await send_now(desk, ticket, AcknowledgeTicket())
    await desk.passes(DAY)

    row = await desk.settled(ticket)
    assert desk.types(ticket).count("ticket.ladder_climbed") == 1
    assert (row.escalation_level, row.assignee_id) == (1, None)


async def test_what_is_brought_forward_comes_now_and_what_is_cancelled_never(desk: TimedDesk) -> None:
    ticket = await opened(desk, terms=3)

    await send_now(desk, ticket, AdvanceMoment(moment="ladder_step.1.0"))
    await send_now(desk, ticket, CancelMoment(moment="sla_breach.customer.first_response.1"))
    await desk.passes(DAY)

    row = await desk.settled(ticket)
    assert row.escalation_level == 1
    assert ("first_response", None) not in alarms(desk, ticket)
    assert clock_of(row, "first_response").state == "cancelled"


async def test_the_moments_that_are_told_are_those_that_the_engine_waits_for(desk: TimedDesk) -> None:
    ticket = await opened(desk, terms=3)
    while moments := pending_moments(row := await desk.settled(ticket)):
        timers = await desk.timers(ticket)
        assert timers[-1] == f"{moments[0].kind} at {moments[0].at:%Y-%m-%d %H:%M:%SZ}", row.revision
        assert (await desk.told_moments(ticket)) == moments
        await desk.passes(moments[0].at - await desk.at(timedelta()) + timedelta(seconds=1))
