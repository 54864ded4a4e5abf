"""Offers: made to some, taken by one, declined, expired, withdrawn."""

from datetime import timedelta

import pytest

from domain.access import Audience, check_command
from domain.errors import (
    AlreadyAssignedError,
    ForbiddenError,
    MomentFixedError,
    MomentPassedError,
    OfferGoneError,
    TicketResolvedError,
)
from domain.ids import PersonId
from domain.notices import notices_of
from domain.offer import Offer
from domain.people import DISPATCHER, TIMER, Actor, Role
from domain.ticket import Status, Ticket
from domain.ticket_commands import (
    AcceptOffer,
    AdvanceMoment,
    AssignTicket,
    CancelMoment,
    ChangeStatus,
    ClaimTicket,
    DeclineOffer,
    EditTicket,
    ExpireOffer,
    OfferTicket,
    SnoozeTicket,
    TicketCommand,
    UnassignTicket,
)
from domain.ticket_events import TicketAssigned, TicketOfferDeclined, TicketOfferExpired, TicketOfferWithdrawn
from domain.ticket_rules import decide
from domain.ticket_timers import pending_moments
from tests.domain.deciding import after, events_of, only, types_of
from tests.factories import (
    AGENT,
    BILLING_AGENT,
    BY_AGENT,
    BY_SUPERVISOR,
    NOW,
    OTHER_AGENT,
    SUPERVISOR,
    envelope,
    reader,
    ticket,
)

LATER = NOW + timedelta(minutes=2)
BY_OTHER = Actor.person(OTHER_AGENT, Role.AGENT)
BOTH = (AGENT, OTHER_AGENT)


def offered(*to: PersonId, **changes: object) -> Ticket:
    return ticket(offer=Offer(to=to or BOTH, expires_at=LATER), **changes)


def test_an_offer_is_made_until_a_moment_and_those_asked_hear_of_it() -> None:
    command = OfferTicket(to=BOTH, expires_at=LATER)

    changed = after(ticket(), command, DISPATCHER)
    told = [notice.who for notice in notices_of(decide(ticket(), envelope(command, actor=DISPATCHER), NOW))]

    assert changed.offer == Offer(to=BOTH, expires_at=LATER)
    assert changed.assignee_id is None
    assert told == [str(AGENT), str(OTHER_AGENT)]


def test_an_offer_that_would_have_ended_is_refused() -> None:
    with pytest.raises(MomentPassedError):
        decide(ticket(), envelope(OfferTicket(to=BOTH, expires_at=NOW)), NOW)


def test_what_somebody_has_is_offered_only_as_a_hand_over_and_not_to_them() -> None:
    given = ticket(assignee_id=AGENT)
    with pytest.raises(AlreadyAssignedError):
        decide(given, envelope(OfferTicket(to=(OTHER_AGENT,), expires_at=LATER)), NOW)

    changed = after(given, OfferTicket(to=BOTH, expires_at=LATER, is_hand_over=True))

    assert changed.assignee_id == AGENT
    assert changed.offer == Offer(to=(OTHER_AGENT,), expires_at=LATER, is_hand_over=True)


def test_a_hand_over_to_none_but_its_owner_is_no_offer() -> None:
    command = OfferTicket(to=(AGENT,), expires_at=LATER, is_hand_over=True)
    assert events_of(ticket(assignee_id=AGENT), command) == ()


def test_a_resolved_ticket_is_not_offered() -> None:
    with pytest.raises(TicketResolvedError):
        decide(ticket(status=Status.RESOLVED), envelope(OfferTicket(to=BOTH, expires_at=LATER)), NOW)


def test_who_is_asked_instead_of_others_takes_their_offer_away() -> None:
    withdrawn, made = events_of(offered(AGENT, OTHER_AGENT), OfferTicket(to=(OTHER_AGENT,), expires_at=LATER))

    assert isinstance(withdrawn, TicketOfferWithdrawn)
    assert withdrawn.withdrawn_from == (AGENT,)
    assert made.type == "ticket.offered"


def test_the_first_who_accepts_has_it_and_the_other_is_told() -> None:
    given = offered()

    change = decide(given, envelope(AcceptOffer()), NOW)
    changed = after(given, AcceptOffer())

    assert (changed.assignee_id, changed.assigned_at, changed.offer) == (AGENT, NOW, None)
    assert [(notice.kind, notice.who) for notice in notices_of(change)] == [
        ("ticket.offer_withdrawn", str(OTHER_AGENT)),
        ("ticket.assigned", str(AGENT)),
    ]
    with pytest.raises(OfferGoneError):
        decide(changed, envelope(AcceptOffer(), actor=BY_OTHER), NOW)


def test_a_hand_over_that_is_accepted_changes_the_owner() -> None:
    given = ticket(
        assignee_id=AGENT, offer=Offer(to=(OTHER_AGENT,), expires_at=LATER, is_hand_over=True), assigned_at=NOW
    )

    taken = only(TicketAssigned, events_of(given, AcceptOffer(), BY_OTHER))

    assert (taken.assignee_id, taken.previous_id, taken.by) == (OTHER_AGENT, AGENT, "offer")


@pytest.mark.parametrize("command", [AcceptOffer(), DeclineOffer()], ids=lambda command: str(command.type))
def test_only_who_was_asked_can_answer_and_only_in_time(command: TicketCommand) -> None:
    for given, by, at in (
        (ticket(), BY_AGENT, NOW),
        (offered(OTHER_AGENT), BY_AGENT, NOW),
        (offered(AGENT), BY_AGENT, LATER),
        (offered(AGENT), TIMER, NOW),
    ):
        with pytest.raises(OfferGoneError):
            decide(given, envelope(command, actor=by), at)


def test_who_declines_leaves_it_to_the_others() -> None:
    declined = only(TicketOfferDeclined, events_of(offered(), DeclineOffer()))
    last = after(after(offered(), DeclineOffer()), DeclineOffer(), BY_OTHER)

    assert declined.offer == Offer(to=(OTHER_AGENT,), expires_at=LATER)
    assert (last.offer, last.passed_by) == (None, BOTH)


def test_an_offer_that_nobody_took_expires_in_its_time() -> None:
    given = offered()

    expired = only(TicketOfferExpired, events_of(given, ExpireOffer(), TIMER, LATER))

    assert expired.passed_by == BOTH
    assert events_of(given, ExpireOffer(), TIMER, NOW) == ()
    assert events_of(ticket(), ExpireOffer(), TIMER, LATER) == ()


def test_the_end_of_an_offer_is_a_pending_moment_that_may_be_let_come_but_not_cancelled() -> None:
    (moment,) = pending_moments(offered())

    assert (moment.id, moment.at) == ("offer_expires", LATER)
    assert types_of(offered(), AdvanceMoment(moment="offer_expires")) == ["ticket.offer_expired"]
    with pytest.raises(MomentFixedError):
        decide(offered(), envelope(CancelMoment(moment="offer_expires")), NOW)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (AssignTicket(assignee_id=BILLING_AGENT), BOTH),
        (ClaimTicket(), (OTHER_AGENT,)),
        (EditTicket(team="billing"), BOTH),
        (SnoozeTicket(), BOTH),
        (ChangeStatus(status=Status.RESOLVED), BOTH),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
def test_whatever_ends_the_waiting_takes_the_offer_away(command: TicketCommand, told: tuple[object, ...]) -> None:
    given = offered()

    withdrawn = [event for event in events_of(given, command) if isinstance(event, TicketOfferWithdrawn)]

    assert [event.withdrawn_from for event in withdrawn] == [told]
    assert after(given, command).offer is None


def test_being_assigned_forgets_who_had_passed_it_by() -> None:
    assert after(ticket(passed_by=(OTHER_AGENT,)), AssignTicket(assignee_id=AGENT)).passed_by == ()


def test_what_the_dispatcher_gives_says_so_and_what_it_takes_back_says_why() -> None:
    given = only(TicketAssigned, events_of(ticket(), AssignTicket(assignee_id=AGENT), DISPATCHER))
    taken = decide(
        ticket(assignee_id=AGENT, assigned_at=NOW),
        envelope(UnassignTicket(reason="silent"), actor=DISPATCHER),
        NOW,
    )

    assert given.by == "dispatch"
    assert [(notice.kind, notice.who) for notice in notices_of(taken)] == [("ticket.unassigned", str(AGENT))]


def test_only_a_supervisor_gives_somebody_else_more_than_they_can_carry() -> None:
    """Oneself one may."""
    given = ticket(team="support")
    audience = Audience.of(given, None)
    too_much = AssignTicket(assignee_id=OTHER_AGENT, override=True)

    with pytest.raises(ForbiddenError):
        check_command(reader(AGENT), too_much, audience)
    check_command(reader(SUPERVISOR), too_much, audience)
    check_command(reader(AGENT), AssignTicket(assignee_id=AGENT, override=True), audience)
    assert only(TicketAssigned, events_of(given, too_much, BY_SUPERVISOR)).override


def test_agents_do_not_make_offers() -> None:
    with pytest.raises(ForbiddenError):
        check_command(reader(AGENT), OfferTicket(to=BOTH, expires_at=LATER), Audience.of(ticket(team="support"), None))
