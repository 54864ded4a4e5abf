"""Replies and notes, and what they do to the status, the first answer and a snooze; snoozing and waking."""

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import MomentPassedError, NotSnoozedError, TicketResolvedError
from domain.people import INTEGRATION, TIMER, Actor, Role
from domain.ticket import Status
from domain.ticket_commands import AddReply, SnoozeTicket, WakeTicket
from domain.ticket_events import TicketNoted, TicketReplied, TicketSnoozed, TicketStatusChanged, TicketWoken
from domain.ticket_rules import decide
from tests.domain.deciding import after, events_of, only, types_of
from tests.factories import BY_AGENT, BY_REQUESTER, BY_SUPERVISOR, NOW, REQUESTER, SERVICE, envelope, text_id, ticket

LATER = NOW + timedelta(hours=1)
EARLIER = NOW - timedelta(hours=1)
REPLY = AddReply(text_id=text_id("reply"))
NOTE = AddReply(text_id=text_id("note"), internal=True)

DESK = [
    pytest.param(BY_AGENT, id="an agent"),
    pytest.param(BY_SUPERVISOR, id="a supervisor"),
]


# The requester's reply.


@pytest.mark.parametrize(
    ("status", "is_snoozed", "becomes"),
    [
        (Status.NEW, False, Status.NEW),
        (Status.NEW, True, Status.NEW),
        (Status.OPEN, False, Status.OPEN),
        (Status.OPEN, True, Status.OPEN),
        (Status.PENDING, False, Status.OPEN),
        (Status.PENDING, True, Status.OPEN),
        (Status.ON_HOLD, False, Status.ON_HOLD),
        (Status.ON_HOLD, True, Status.ON_HOLD),
        (Status.RESOLVED, False, Status.OPEN),
    ],
)
def test_the_requesters_reply_brings_back_what_waits_for_them(
    status: Status, is_snoozed: bool, becomes: Status
) -> None:
    given = ticket(status=status, snoozed=is_snoozed, snoozed_until=LATER if is_snoozed else None)

    changed = after(given, REPLY, BY_REQUESTER)

    expected = ["ticket.replied"]
    expected += ["ticket.woken"] if is_snoozed else []
    expected += ["ticket.status_changed"] if status is not becomes else []
    assert types_of(given, REPLY, BY_REQUESTER) == expected
    assert (changed.status, changed.snoozed, changed.snoozed_until) == (becomes, False, None)
    assert (changed.resolved_at, changed.first_responded_at) == (None, None)


def test_the_requesters_reply_says_why_the_ticket_came_back() -> None:
    replied, woken, reopened = events_of(ticket(status="pending", snoozed=True), REPLY, BY_REQUESTER)

    assert replied == TicketReplied(text_id=text_id("reply"), by_desk=False, is_answer=False, first_responded_at=None)
    assert woken == TicketWoken(reason="requester_replied")
    assert isinstance(reopened, TicketStatusChanged)
    assert (reopened.previous, reopened.status, reopened.reason) == (Status.PENDING, Status.OPEN, "requester_replied")


def test_the_requesters_reply_leaves_the_first_answer_as_it_was() -> None:
    assert after(ticket(first_responded_at=EARLIER), REPLY, BY_REQUESTER).first_responded_at == EARLIER


@pytest.mark.parametrize("role", Role)
def test_whoever_opened_the_ticket_replies_as_its_requester_also_a_person_of_the_desk(role: Role) -> None:
    actor = Actor.person(REQUESTER, role)

    changed = after(ticket(status="pending"), REPLY, actor)

    assert (changed.status, changed.first_responded_at) == (Status.OPEN, None)


# The desk's reply.


@pytest.mark.parametrize("actor", DESK)
def test_the_desks_first_reply_opens_a_new_ticket_and_is_its_first_answer(actor: Actor) -> None:
    replied, changed = events_of(ticket(), REPLY, actor, LATER)

    assert replied == TicketReplied(text_id=text_id("reply"), by_desk=True, is_answer=True, first_responded_at=LATER)
    assert isinstance(changed, TicketStatusChanged)
    assert (changed.previous, changed.status, changed.reason) == (Status.NEW, Status.OPEN, "agent_replied")


@pytest.mark.parametrize("status", [Status.OPEN, Status.PENDING, Status.ON_HOLD, Status.RESOLVED])
def test_the_desks_reply_leaves_any_other_status_as_it_is(status: Status) -> None:
    assert types_of(ticket(status=status), REPLY) == ["ticket.replied"]


@pytest.mark.parametrize("actor", [INTEGRATION, TIMER, SERVICE], ids=["integration", "timer", "service"])
def test_what_no_person_says_is_no_answer(actor: Actor) -> None:
    (replied,) = events_of(ticket(), REPLY, actor, LATER)

    assert replied == TicketReplied(text_id=text_id("reply"), by_desk=True, is_answer=False, first_responded_at=None)


def test_only_the_first_answer_is_the_first() -> None:
    once = after(ticket(), REPLY, at=NOW)
    twice = after(once, REPLY, at=LATER)

    assert (once.first_responded_at, twice.first_responded_at) == (NOW, NOW)


def test_the_desks_reply_does_not_wake_a_snoozed_ticket() -> None:
    assert after(ticket(status="open", snoozed=True), REPLY).snoozed


# Notes.


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.CLOSED])
def test_a_note_changes_neither_the_status_nor_the_first_answer(status: Status) -> None:
    given = ticket(status=status)

    event = only(TicketNoted, events_of(given, NOTE))

    assert (event.text_id, event.is_internal) == (text_id("note"), True)
    assert after(given, NOTE) == given.model_copy(update={"revision": given.revision + 1})


# Snoozing.


@pytest.mark.parametrize("until", [LATER, None], ids=["until a moment", "until the reply"])
def test_a_snooze_lasts_until_its_moment_or_the_reply(until: Any) -> None:
    snoozed = after(ticket(), SnoozeTicket(until=until))

    assert (snoozed.snoozed, snoozed.snoozed_until) == (True, until)


@pytest.mark.parametrize(
    ("before", "until", "types"),
    [
        (LATER, LATER, []),
        (None, None, []),
        (LATER, None, ["ticket.snoozed"]),
        (None, LATER, ["ticket.snoozed"]),
        (LATER, LATER + timedelta(hours=1), ["ticket.snoozed"]),
    ],
)
def test_a_snooze_moves_only_to_another_moment(before: Any, until: Any, types: list[str]) -> None:
    given = ticket(snoozed=True, snoozed_until=before)

    assert types_of(given, SnoozeTicket(until=until)) == types
    assert after(given, SnoozeTicket(until=until)).snoozed_until == until


@pytest.mark.parametrize("until", [EARLIER, NOW], ids=["an hour ago", "this very moment"])
def test_nothing_is_snoozed_until_a_moment_that_has_passed(until: Any) -> None:
    with pytest.raises(MomentPassedError):
        decide(ticket(), envelope(SnoozeTicket(until=until)), NOW)


def test_what_is_resolved_is_not_snoozed() -> None:
    with pytest.raises(TicketResolvedError, match="cannot be snoozed"):
        decide(ticket(status=Status.RESOLVED), envelope(SnoozeTicket()), NOW)


def test_a_snooze_tells_its_moment() -> None:
    assert only(TicketSnoozed, events_of(ticket(), SnoozeTicket(until=LATER))).snoozed_until == LATER


# Waking.


@pytest.mark.parametrize("until", [LATER, None], ids=["until a moment", "until the reply"])
def test_a_person_wakes_a_ticket_before_its_time(until: Any) -> None:
    given = ticket(snoozed=True, snoozed_until=until)

    assert only(TicketWoken, events_of(given, WakeTicket())).reason == "by_hand"
    assert (after(given, WakeTicket()).snoozed, after(given, WakeTicket()).snoozed_until) == (False, None)


@pytest.mark.parametrize("actor", [BY_AGENT, INTEGRATION], ids=lambda actor: str(actor.kind))
def test_only_what_sleeps_can_be_woken(actor: Actor) -> None:
    with pytest.raises(NotSnoozedError):
        decide(ticket(), envelope(WakeTicket(), actor=actor), NOW)


@pytest.mark.parametrize("now", [LATER, LATER + timedelta(days=1)], ids=["on time", "late"])
def test_the_timer_wakes_a_ticket_when_its_moment_has_come(now: Any) -> None:
    given = ticket(snoozed=True, snoozed_until=LATER)

    assert only(TicketWoken, events_of(given, WakeTicket(), TIMER, now)).reason == "moment_came"


@pytest.mark.parametrize(
    "overtaken",
    [
        pytest.param({"snoozed": False}, id="somebody woke it"),
        pytest.param({"snoozed": True, "snoozed_until": None}, id="it waits for the reply now"),
        pytest.param({"snoozed": True, "snoozed_until": LATER + timedelta(seconds=1)}, id="it sleeps longer now"),
    ],
)
def test_a_timer_that_was_overtaken_does_nothing(overtaken: dict[str, Any]) -> None:
    assert events_of(ticket(**overtaken), WakeTicket(), TIMER, LATER) == ()
