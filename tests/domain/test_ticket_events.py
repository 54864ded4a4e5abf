"""Events as they are kept: each comes back as what it was."""

from datetime import timedelta
from typing import get_args
from uuid import UUID

import pytest

from domain.ids import DecisionId
from domain.offer import Offer
from domain.sla_clock import Clock, PlannedWarning, Segment, TicketSla
from domain.sla_ladder import (
    AddWatcher,
    CallWebhook,
    Ladder,
    LadderRun,
    LadderStep,
    NotifyPerson,
    NotifyRole,
    NotifyTeam,
    RaiseLevel,
    RaisePriority,
)
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import BreachTarget
from domain.ticket_events import (
    TICKET_EVENT,
    AttachmentAdded,
    AttachmentRemoved,
    CommandRefused,
    TicketAcknowledged,
    TicketAssigned,
    TicketDeescalated,
    TicketEdited,
    TicketEscalated,
    TicketEvent,
    TicketLadderClimbed,
    TicketLadderHeld,
    TicketMomentCancelled,
    TicketMoved,
    TicketNoted,
    TicketOfferDeclined,
    TicketOffered,
    TicketOfferExpired,
    TicketOfferWithdrawn,
    TicketOpened,
    TicketRated,
    TicketReplied,
    TicketSeniorMissing,
    TicketSlaBreached,
    TicketSlaChanged,
    TicketSlaWarned,
    TicketSnoozed,
    TicketStatusChanged,
    TicketTermsTaken,
    TicketTermsTakenBack,
    TicketUnassigned,
    TicketUnwatched,
    TicketWatched,
    TicketWoken,
)
from tests.factories import AGENT, NOW, OTHER_AGENT, attachment_id, opening_change, text_id

KINDS: tuple[type[TicketEvent], ...] = get_args(get_args(TicketEvent)[0])

CLOCK = Clock(
    target="resolution",
    cycle=2,
    goal=timedelta(minutes=60),
    policy_version=3,
    calendar_version=4,
    started_at=NOW,
    since=NOW,
    used=timedelta(seconds=1, microseconds=1),
    why="reopened",
    due_at=NOW + timedelta(hours=1),
    warnings=(PlannedWarning(percent=50, at=NOW),),
)
LADDER = Ladder(
    steps=(
        LadderStep(
            after_minutes=45,
            since="start",
            actions=(
                RaiseLevel(level=2),
                RaisePriority(priority="high"),
                NotifyRole(role="supervisor"),
                NotifyPerson(person_id=AGENT),
                NotifyTeam(),
                AddWatcher(person_id=AGENT),
                CallWebhook(url="https://example.org/alarm"),
            ),
        ),
    ),
    repeats=1,
)
SLA = TicketSla(
    policy_version=3,
    calendar_version=4,
    zone_data="2026.1",
    clocks=(CLOCK,),
    ladder=LadderRun(ladder=LADDER, policy_version=3, priority="high", cycle=1, next_at=NOW, last_at=NOW),
)
SEGMENT = Segment(
    target="resolution",
    audience="customer",
    cycle=1,
    phase="paused",
    since=NOW,
    until=NOW + timedelta(hours=1),
    used=timedelta(),
    why="status became pending",
    time="business",
    policy_version=3,
    calendar_version=4,
    zone_data="2026.1",
)
OFFER = Offer(to=(AGENT, OTHER_AGENT), expires_at=NOW, decision_id=DecisionId(UUID(int=7)), is_hand_over=True)
EVENTS: list[TicketEvent] = [
    opening_change(due_at=NOW, at=NOW.replace(year=2029), tags=("vip",), team="support").events[0],
    TicketEdited(priority=Priority.HIGH, due_at=NOW, tags=("vip",), clear=("estimated_minutes",)),
    TicketMoved(team=None, previous="support"),
    TicketReplied(text_id=text_id("reply"), by_desk=True, is_answer=True, first_responded_at=NOW),
    TicketNoted(text_id=text_id("note")),
    AttachmentAdded(attachment_id=attachment_id("log"), internal=False),
    AttachmentRemoved(attachment_id=attachment_id("log"), internal=True),
    TicketStatusChanged(
        status=Status.RESOLVED, previous=Status.OPEN, reason="by_hand", resolved_at=NOW, closed_at=None
    ),
    TicketAssigned(assignee_id=AGENT, previous_id=OTHER_AGENT),
    TicketUnassigned(previous_id=AGENT),
    TicketOffered(offer=OFFER),
    TicketOfferDeclined(declined_by=AGENT, offer=None, passed_by=(AGENT,)),
    TicketOfferExpired(offered_to=(AGENT,), passed_by=(AGENT,)),
    TicketOfferWithdrawn(withdrawn_from=(AGENT, OTHER_AGENT)),
    TicketEscalated(escalation_level=2),
    TicketDeescalated(),
    TicketSnoozed(snoozed_until=NOW),
    TicketWoken(reason="moment_came"),
    TicketSlaChanged(sla=SLA, segments=(SEGMENT,), over=(CLOCK,)),
    TicketSlaWarned(audience="customer", target="resolution", cycle=2, percent=50, clock_due_at=NOW, sla=SLA),
    TicketSlaBreached(audience="team", target="first_response", cycle=1, clock_due_at=NOW, sla=SLA),
    TicketLadderClimbed(round=1, step=0, actions=LADDER.steps[0].actions, sla=SLA),
    TicketLadderHeld(until=NOW, sla=SLA),
    TicketAcknowledged(sla=SLA),
    TicketWatched(watcher_ids=(AGENT, OTHER_AGENT)),
    TicketUnwatched(watcher_ids=(AGENT,)),
    TicketRated(rating=4, previous_rating=None, rated_at=NOW, rating_text_id=text_id("comment"), resolver_id=AGENT),
    TicketSeniorMissing(skill="network", min_level=4),
    TicketMomentCancelled(
        moment="sla_breach.customer.resolution.1",
        moment_at=NOW,
        brings=BreachTarget(audience="customer", target="resolution", cycle=1),
        held_open=False,
    ),
    TicketTermsTaken(rollout_id=1, policy_version=3, calendar_version=4, moves_ladder=True),
    TicketTermsTakenBack(rollout_id=1),
    CommandRefused(command="claim", code="ticket_closed"),
]


def name_of(kind: type[TicketEvent]) -> str:
    return kind.__name__


def test_every_kind_of_event_is_looked_at_here() -> None:
    assert {type(event) for event in EVENTS} == set(KINDS)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.type))
def test_an_event_is_read_back_as_what_was_written(event: TicketEvent) -> None:
    assert TICKET_EVENT.validate_json(event.model_dump_json()) == event


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_what_an_event_sets_is_a_field_of_its_own_and_of_the_ticket(kind: type[TicketEvent]) -> None:
    assert set(kind.sets) <= set(kind.model_fields)
    assert set(kind.sets) <= set(Ticket.model_fields)


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_a_field_named_like_one_of_the_tickets_is_its_new_value(kind: type[TicketEvent]) -> None:
    shared = set(kind.model_fields) & set(Ticket.model_fields)
    if kind not in (TicketOpened, TicketEdited):  # these two are taken over whole
        assert shared == set(kind.sets)


def test_notes_clocks_offers_and_refusals_are_the_desks() -> None:
    assert {kind for kind in KINDS if kind.is_internal} == {
        TicketNoted,
        TicketSlaChanged,
        TicketSlaWarned,
        TicketSlaBreached,
        TicketLadderClimbed,
        TicketLadderHeld,
        TicketAcknowledged,
        TicketWatched,
        TicketUnwatched,
        TicketSeniorMissing,
        TicketOffered,
        TicketOfferDeclined,
        TicketOfferExpired,
        TicketOfferWithdrawn,
        TicketMomentCancelled,
        TicketTermsTaken,
        TicketTermsTakenBack,
        CommandRefused,
    }


def test_everything_that_an_edit_may_empty_can_be_empty() -> None:
    """Fields that are None in an edit are unchanged, so a new field that may be empty must be clearable."""
    optional = {name for name in TicketEdited.model_fields if name in Ticket.model_fields} & {
        name for name, field in Ticket.model_fields.items() if type(None) in get_args(field.annotation)
    }

    assert optional == {"due_at", "estimated_minutes"}
