"""Whatever people, integrations and timers send, in whatever order: what always holds."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import DomainError
from domain.lifecycle import TRANSITIONS, allowed_transitions, apply, opened, rebuild
from domain.people import INTEGRATION, TIMER, Actor, Role
from domain.ticket import MAX_ESCALATION_LEVEL, MAX_RATING, Priority, Status, Ticket
from domain.ticket_commands import (
    AddAttachment,
    AddReply,
    AssignTicket,
    AutoCloseTicket,
    ChangeStatus,
    ClaimTicket,
    Clearable,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    RateTicket,
    SnoozeTicket,
    TicketCommand,
    UnassignTicket,
    WakeTicket,
)
from domain.ticket_events import TicketChange, TicketOpened, TicketStatusChanged
from domain.ticket_rules import decide
from domain.ticket_timers import describe_wait, next_moment, pending_moments
from tests.factories import (
    AGENT,
    BILLING_AGENT,
    BY_AGENT,
    BY_REQUESTER,
    NOW,
    NUMBER,
    OTHER_AGENT,
    REQUESTER,
    attachment_id,
    envelope,
    opening_change,
    text_id,
)

MANY = settings(max_examples=80, deadline=None, derandomize=True)

moments = st.integers(-2, 24 * 60).map(lambda hours: NOW + timedelta(hours=hours))
slugs = st.sampled_from(["support", "billing", "network", "general"])
OTHER_PEOPLE = [Actor.person(OTHER_AGENT, Role.AGENT), Actor.person(REQUESTER, Role.ADMIN)]
actors = st.sampled_from([BY_AGENT, BY_REQUESTER, TIMER, INTEGRATION, *OTHER_PEOPLE])
labels = st.lists(slugs, max_size=3).map(tuple)


def edit(clear: list[Clearable], **values: Any) -> EditTicket:
    """An edit that empties some fields and gives others; nothing is both."""
    return EditTicket(**(values | dict.fromkeys(clear)), clear=tuple(clear))


commands: st.SearchStrategy[TicketCommand] = st.one_of(
    st.builds(
        edit,
        wording_id=st.none() | st.sampled_from([text_id("wording"), text_id("other wording")]),
        priority=st.none() | st.sampled_from(Priority),
        category=st.none() | slugs,
        team=st.none() | slugs,
        due_at=st.none() | moments,
        required_skills=st.none() | labels,
        estimated_minutes=st.none() | st.integers(1, 500),
        tags=st.none() | labels,
        clear=st.lists(st.sampled_from(["team", "due_at", "estimated_minutes"]), unique=True),
    ),
    st.builds(AddReply, text_id=st.just(text_id("reply")), internal=st.booleans()),
    st.builds(AddAttachment, attachment_id=st.just(attachment_id("log")), internal=st.booleans()),
    st.builds(ChangeStatus, status=st.sampled_from(Status)),
    st.builds(AssignTicket, assignee_id=st.sampled_from([AGENT, OTHER_AGENT, BILLING_AGENT])),
    st.builds(EscalateTicket, level=st.none() | st.integers(1, MAX_ESCALATION_LEVEL)),
    st.builds(SnoozeTicket, until=st.none() | moments),
    st.builds(RateTicket, score=st.integers(1, MAX_RATING), text_id=st.none() | st.just(text_id("comment"))),
    st.sampled_from([UnassignTicket(), ClaimTicket(), DeescalateTicket(), WakeTicket(), AutoCloseTicket()]),
)
pauses = st.integers(0, 10 * 24).map(lambda hours: timedelta(hours=hours))
asks = st.tuples(commands, actors, pauses)
lives = st.lists(asks, max_size=20)


def started() -> tuple[TicketChange, Ticket]:
    change = opening_change(estimated_minutes=30, due_at=NOW + timedelta(days=2), at=NOW)
    event = change.events[0]
    assert isinstance(event, TicketOpened)
    return change, opened(NUMBER, event, NOW)


def lived(life: list[tuple[TicketCommand, Actor, timedelta]]) -> tuple[list[TicketChange], list[Ticket]]:
    """The changes that a life brought about, and the ticket after each of them. Refusals must be named."""
    change, ticket = started()
    changes, tickets, now = [change], [ticket], NOW
    for command, actor, pause in life:
        now += pause
        try:
            change = decide(ticket, envelope(command, actor=actor), now)
        except DomainError:
            continue
        ticket = apply(ticket, change)
        changes.append(change)
        tickets.append(ticket)
    return changes, tickets


@MANY
@given(lives)
def test_the_events_add_up_to_the_ticket(life: Any) -> None:
    changes, tickets = lived(life)

    history = [(event, change.at) for change in changes for event in change.events]

    assert rebuild(NUMBER, history) == tickets[-1]
    assert tickets[-1].revision == len(history)
    assert Ticket.model_validate(tickets[-1].model_dump()) == tickets[-1]


@MANY
@given(lives)
def test_every_revision_has_one_event_and_none_is_left_out(life: Any) -> None:
    changes, tickets = lived(life)

    expected = 1
    for change, ticket in zip(changes, tickets, strict=True):
        assert change.first_revision == expected
        assert change.last_revision == ticket.revision
        expected = change.last_revision + 1


@MANY
@given(lives)
def test_a_ticket_never_contradicts_itself(life: Any) -> None:
    for ticket in lived(life)[1]:
        assert (ticket.resolved_at is not None) is ticket.is_finished
        assert (ticket.closed_at is not None) is (ticket.status is Status.CLOSED)
        assert ticket.resolver_id is None or ticket.is_finished
        assert (ticket.rated_at is None) is (ticket.rating is None)
        assert ticket.snoozed or ticket.snoozed_until is None
        assert not (ticket.snoozed and ticket.is_finished)
        assert 0 <= ticket.escalation_level <= MAX_ESCALATION_LEVEL
        assert ticket.updated_at >= ticket.created_at


@MANY
@given(lives)
def test_a_status_only_ever_follows_another_by_the_table(life: Any) -> None:
    changes, _ = lived(life)
    steps = [event for change in changes for event in change.events if isinstance(event, TicketStatusChanged)]

    assert all(step.status in TRANSITIONS[step.previous] for step in steps)
    assert [Status.NEW, *(step.status for step in steps)][:-1] == [step.previous for step in steps]


@MANY
@given(lives)
def test_the_first_answer_is_set_once_and_stays(life: Any) -> None:
    answers = [ticket.first_responded_at for ticket in lived(life)[1]]
    first = next((answer for answer in answers if answer is not None), None)

    assert [answer for answer in answers if answer is not None] == [first] * (len(answers) - answers.count(None))
    assert answers == sorted(answers, key=lambda answer: answer is not None)


@MANY
@given(lives)
def test_a_move_leaves_the_ticket_unassigned(life: Any) -> None:
    _, tickets = lived(life)

    assert all(after.assignee_id is None for before, after in pairwise(tickets) if before.team != after.team)


@MANY
@given(lives)
def test_the_pending_moments_are_in_order_and_follow_from_the_state(life: Any) -> None:
    for ticket in lived(life)[1]:
        pending = pending_moments(ticket)
        assert [moment.at for moment in pending] == sorted(moment.at for moment in pending)
        assert {moment.kind for moment in pending} == kinds_expected(ticket)
        assert describe_wait(ticket, next_moment(ticket)).endswith(f"(revision {ticket.revision})")


def kinds_expected(ticket: Ticket) -> set[str]:
    return (
        ({"wake"} if ticket.snoozed and ticket.snoozed_until else set())
        | ({"auto_close"} if ticket.status is Status.RESOLVED else set())
        | ({"reopen_window_ends"} if ticket.status is Status.CLOSED else set())
    )


@MANY
@given(lives)
def test_a_moment_that_comes_is_spent_by_its_command(life: Any) -> None:
    """Were it still pending afterwards, the timer would ring for ever."""
    ticket = lived(life)[1][-1]
    for moment in pending_moments(ticket):
        command = moment.command
        if command is None:
            continue
        rung = apply(ticket, decide(ticket, envelope(command, actor=TIMER), moment.at))
        assert moment not in pending_moments(rung)
        too_early = moment.at - timedelta(microseconds=1)
        assert decide(ticket, envelope(command, actor=TIMER), too_early).events == ()


@MANY
@given(lives, st.sampled_from(Status), pauses)
def test_what_is_allowed_is_done_and_what_is_not_is_refused(life: Any, status: Status, pause: timedelta) -> None:
    _, tickets = lived(life)
    ticket = tickets[-1]
    now: datetime = ticket.updated_at + pause
    try:
        change = decide(ticket, envelope(ChangeStatus(status=status)), now)
    except DomainError:
        assert status not in allowed_transitions(ticket, now)
    else:
        assert (status in allowed_transitions(ticket, now)) is bool(change.events)
        assert apply(ticket, change).status is status
