"""The facts of a ticket: each rule by an example, and all of them against a count by hand over whatever happens."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given

from domain.lifecycle import rebuild
from domain.people import INTEGRATION, Actor, Role
from domain.sla_clock import TicketSla
from domain.ticket import Status
from domain.ticket_commands import (
    AddReply,
    AssignTicket,
    ChangeStatus,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    RateTicket,
    TicketCommand,
    UnassignTicket,
)
from domain.ticket_events import TicketChange
from domain.ticket_facts import LoggedEvent, TicketFacts, fold
from domain.ticket_span import TicketSpan, ended_span, present_span
from tests.counted_facts import CALENDARS, Told, counted_facts, counted_spans
from tests.domain.test_lifecycle_properties import MANY, lived, lives
from tests.factories import AGENT, BY_AGENT, BY_REQUESTER, NOW, NUMBER, OTHER_AGENT, REQUESTER, SERVICE, text_id

HOUR = timedelta(hours=1)
REPLY = AddReply(text_id=text_id("reply"))


def told(history: Iterable[LoggedEvent]) -> list[Told]:
    """The same, for who counts by hand."""
    return [Told(*one) for one in history]


def logged(changes: Iterable[TicketChange]) -> list[LoggedEvent]:
    return [
        LoggedEvent(change.number, revision, change.at, change.actor, event)
        for change in changes
        for revision, event in enumerate(change.events, start=change.first_revision)
    ]


def folded(history: Iterable[LoggedEvent]) -> tuple[TicketFacts, list[TicketSpan]]:
    facts: TicketFacts | None = None
    ended: list[TicketSpan] = []
    for one in history:
        before, facts = facts, fold(facts, one, CALENDARS.__getitem__)
        span = None if before is None else ended_span(before, facts)
        ended += [] if span is None else [span]
    assert facts is not None
    return facts, [*ended, present_span(facts)]


def facts_of(*life: tuple[TicketCommand, Actor]) -> TicketFacts:
    """The facts of a ticket to which this happened, an hour between one and the next."""
    return folded(logged(lived([(command, actor, HOUR) for command, actor in life])[0]))[0]


@MANY
@given(lives)
def test_facts_and_spans_are_what_a_count_by_hand_gives(life: Any) -> None:
    history = logged(lived(life)[0])

    facts, spans = folded(history)

    assert facts._asdict() == counted_facts(told(history))
    assert [tuple(span) for span in spans] == [tuple(span) for span in counted_spans(told(history))]


@MANY
@given(lives)
def test_spans_follow_one_another_without_a_gap_and_the_last_is_open(life: Any) -> None:
    facts, spans = folded(logged(lived(life)[0]))

    assert [span.place for span in spans] == list(range(1, facts.spans + 1))
    assert [span.until for span in spans] == [*(span.since for span in spans[1:]), None]
    assert all(span.since <= span.until for span in spans if span.until)
    assert [span.previous_status for span in spans] == [None, *(span.status for span in spans[:-1])]
    assert all(span.since < span.until or span.status != after.status for span, after in pairwise(spans) if span.until)


@MANY
@given(lives)
def test_the_span_around_a_moment_tells_how_the_ticket_stood_then(life: Any) -> None:
    history = logged(lived(life)[0])
    _, spans = folded(history)

    for moment in {one.at + more for one in history for more in (timedelta(), timedelta(minutes=1))}:
        ticket = rebuild(NUMBER, [(one.event, one.at) for one in told(history) if one.at <= moment])
        (around,) = [span for span in spans if span.since <= moment and (span.until is None or moment < span.until)]
        assert (around.status, around.team, around.assignee_id) == (ticket.status, ticket.team, ticket.assignee_id)
        assert (around.snoozed, around.escalation_level) == (ticket.snoozed, ticket.escalation_level)


def test_how_a_ticket_came_is_told_by_who_opened_it() -> None:
    opening = logged(lived([])[0])[0]
    came = {
        actor: fold(None, opening._replace(actor=actor), CALENDARS.__getitem__).channel
        for actor in (BY_REQUESTER, Actor.person(REQUESTER, Role.AGENT), BY_AGENT, SERVICE, INTEGRATION)
    }

    assert list(came.values()) == ["self_service", "self_service", "desk", "integration", "integration"]


def test_the_first_answer_of_a_person_of_the_desk_is_the_response() -> None:
    facts = facts_of((REPLY, BY_REQUESTER), (REPLY, INTEGRATION), (REPLY, BY_AGENT), (REPLY, BY_AGENT))

    assert (facts.first_responded_at, facts.responder_id) == (NOW + 3 * HOUR, AGENT)
    assert (facts.response_seconds, facts.response_business_seconds) == (3 * 3600, 3 * 3600)
    assert facts.response_calendar is None, "it ran on no calendar: that is wall-clock time"
    assert (facts.desk_replies, facts.requester_replies) == (2, 1), "a robot's receipt is nobody's answer"


def test_working_time_is_that_of_the_calendar_the_ticket_ran_on() -> None:
    friday = datetime(2030, 1, 11, 16, 0, tzinfo=UTC)
    terms = TicketSla(policy_version=1, calendar_version=2, zone_data="test")
    moments = [friday, friday + timedelta(days=3), friday + timedelta(days=3, hours=2)]
    history = logged(lived([(REPLY, BY_AGENT, HOUR), (ChangeStatus(status=Status.RESOLVED), BY_AGENT, HOUR)])[0])
    opened = history[0].event
    assert opened is not None
    opening = history[0]._replace(event=opened.model_copy(update={"sla": terms}))
    at = [moments[0], moments[1], moments[1], moments[2]]

    facts, _ = folded(
        [one._replace(at=moment) for one, moment in zip([opening, *history[1:]], at, strict=True)]
    )  # fmt: skip

    assert (facts.response_seconds, facts.response_business_seconds) == (3 * 86_400, 8 * 3600)
    assert (facts.resolution_seconds, facts.resolution_business_seconds) == (3 * 86_400 + 7_200, 9 * 3600)
    assert (facts.response_calendar, facts.resolution_calendar) == (2, 2)


def test_a_reopening_takes_the_resolution_back_and_the_first_one_stays() -> None:
    resolved, again = ChangeStatus(status=Status.RESOLVED), ChangeStatus(status=Status.OPEN)

    once = facts_of((AssignTicket(assignee_id=OTHER_AGENT), BY_AGENT), (resolved, BY_AGENT), (again, BY_AGENT))
    twice = facts_of((resolved, BY_AGENT), (again, BY_AGENT), (resolved, BY_AGENT))

    assert (once.reopenings, once.resolved_at, once.resolver_id, once.resolution_seconds) == (1, None, None, None)
    assert once.first_resolved_at == NOW + 2 * HOUR
    assert (twice.first_resolved_at, twice.resolved_at) == (NOW + HOUR, NOW + 3 * HOUR)
    assert (twice.resolver_id, twice.resolution_seconds) == (AGENT, 3 * 3600), "without an owner, who resolved it"


@pytest.mark.parametrize(
    ("owners", "reassignments"),
    [
        ([AGENT], 0),
        ([AGENT, None, AGENT], 0),
        ([AGENT, OTHER_AGENT], 1),
        ([AGENT, None, OTHER_AGENT], 1),
        ([AGENT, OTHER_AGENT, None, AGENT], 2),
    ],
)
def test_a_reassignment_is_another_owner_than_the_last(owners: list[Any], reassignments: int) -> None:
    life = [UnassignTicket() if owner is None else AssignTicket(assignee_id=owner) for owner in owners]

    facts = facts_of(*[(command, BY_AGENT) for command in life])

    assert facts.reassignments == reassignments
    assert facts.assignments == len([owner for owner in owners if owner])


def test_one_touch_is_one_answer_and_the_end() -> None:
    resolved = (ChangeStatus(status=Status.RESOLVED), BY_AGENT)
    answer, note = (REPLY, BY_AGENT), (AddReply(text_id=text_id("note"), internal=True), BY_AGENT)

    assert facts_of(answer, note, resolved).one_touch
    assert not facts_of(answer, note).one_touch
    assert not facts_of(resolved).one_touch
    assert not facts_of(answer, answer, resolved).one_touch
    assert not facts_of(answer, resolved, (ChangeStatus(status=Status.OPEN), BY_AGENT), resolved).one_touch
    assert not facts_of(answer, resolved, answer).one_touch, "it took another one after all"


def test_a_rating_is_of_the_resolution_before_it_and_outlives_a_reopening() -> None:
    resolved, reopened = ((ChangeStatus(status=one), BY_AGENT) for one in (Status.RESOLVED, Status.OPEN))
    to_support, to_billing = ((EditTicket(team=team), BY_AGENT) for team in ("support", "billing"))
    to_me, to_other = ((AssignTicket(assignee_id=one), BY_AGENT) for one in (AGENT, OTHER_AGENT))
    good, bad = ((RateTicket(score=one), BY_REQUESTER) for one in (5, 1))
    life: list[tuple[TicketCommand, Actor]] = [to_support, to_me, resolved, to_billing, to_other, good, reopened]

    once = facts_of(*life)
    twice = facts_of(*life, resolved, bad)

    assert (once.rating, once.rated_resolver_id, once.rated_team) == (5, AGENT, "support")
    assert once.rated_at == NOW + 6 * HOUR
    assert (once.resolver_id, once.resolved_team) == (None, None)
    assert (twice.rating, twice.rated_resolver_id, twice.rated_team) == (1, OTHER_AGENT, "billing")


def test_waiting_for_the_requester_adds_up_over_all_its_stays() -> None:
    pending, opened, held = (ChangeStatus(status=one) for one in (Status.PENDING, Status.OPEN, Status.ON_HOLD))

    facts = facts_of((pending, BY_AGENT), (opened, BY_AGENT), (pending, BY_AGENT), (held, BY_AGENT), (opened, BY_AGENT))

    assert (facts.pending_seconds, facts.on_hold_seconds) == (2 * 3600, 3600)


def test_levels_rise_and_fall_and_the_highest_stays() -> None:
    facts = facts_of((EscalateTicket(level=2), BY_AGENT), (DeescalateTicket(), BY_AGENT), (EscalateTicket(), BY_AGENT))

    assert (facts.escalations, facts.highest_level, facts.escalation_level) == (2, 2, 1)


def test_a_move_counts_where_it_left_a_team() -> None:
    edits = EditTicket(team="support"), EditTicket(team="billing"), EditTicket(clear=("team",))

    facts = facts_of(*[(edit, BY_AGENT) for edit in edits])

    assert (facts.moves, facts.opened_team, facts.team) == (2, None, None)


def test_an_event_that_does_not_follow_is_refused() -> None:
    history = logged(lived([(REPLY, BY_AGENT, HOUR)])[0])
    facts, _ = folded(history[:2])

    for unfit in (history[0], history[1]._replace(revision=4)):
        with pytest.raises(ValueError, match="does not follow"):
            fold(facts, unfit, CALENDARS.__getitem__)
    with pytest.raises(ValueError, match="opening"):
        fold(None, history[1]._replace(revision=1), CALENDARS.__getitem__)


def test_a_moment_before_the_last_one_is_the_last_one() -> None:
    """No span runs backwards, whatever a clock of a machine said."""
    history = logged(lived([(ChangeStatus(status=Status.OPEN), BY_AGENT, HOUR)])[0])

    facts, spans = folded([history[0], history[1]._replace(at=NOW - HOUR)])

    assert (facts.updated_at, spans[-1].since) == (NOW, NOW)
