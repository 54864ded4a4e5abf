"""The life of a ticket: its opening, its statuses, and how events add up to it."""

from datetime import datetime, timedelta

import pytest

from domain.errors import (
    DomainError,
    IllegalTransitionError,
    MomentPassedError,
    ReopenWindowPassedError,
    StaleRevisionError,
    TicketClosedError,
)
from domain.ids import TicketNumber
from domain.lifecycle import (
    TRANSITIONS,
    allowed_transitions,
    apply,
    auto_close_at,
    evolve,
    open_ticket,
    opened,
    opening,
    rebuild,
    reopen_until,
)
from domain.people import INTEGRATION, TIMER
from domain.ticket import Priority, Status
from domain.ticket_commands import (
    AddAttachment,
    AddReply,
    AssignTicket,
    AutoCloseTicket,
    ChangeStatus,
    ClaimTicket,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    OpenTicket,
    RateTicket,
    RemoveAttachment,
    SnoozeTicket,
    TicketCommand,
    UnassignTicket,
    WakeTicket,
)
from domain.ticket_events import TicketEdited, TicketOpened, TicketStatusChanged, TicketUnassigned
from domain.ticket_rules import decide
from tests.domain.deciding import after, events_of, only, types_of
from tests.factories import (
    AGENT,
    BY_REQUESTER,
    NOW,
    NUMBER,
    OTHER_AGENT,
    REQUESTER,
    RULES,
    attachment_id,
    change,
    command_id,
    envelope,
    text_id,
    ticket,
)

LATER = NOW + timedelta(hours=1)
DAY = timedelta(days=1)

ALLOWED = {
    ("new", "open"),
    ("new", "pending"),
    ("new", "on_hold"),
    ("new", "resolved"),
    ("open", "pending"),
    ("open", "on_hold"),
    ("open", "resolved"),
    ("pending", "open"),
    ("pending", "on_hold"),
    ("pending", "resolved"),
    ("on_hold", "open"),
    ("on_hold", "pending"),
    ("on_hold", "resolved"),
    ("resolved", "open"),
    ("resolved", "closed"),
    ("closed", "open"),
}
"""Every pair of statuses that a person may set one after the other, as the documentation promises it."""

EVERY_PAIR = [(before, wanted) for before in Status for wanted in Status]

EVERY_COMMAND: list[TicketCommand] = [
    EditTicket(priority=Priority.HIGH),
    AddReply(text_id=text_id("reply")),
    AddReply(text_id=text_id("note"), internal=True),
    AddAttachment(attachment_id=attachment_id("log")),
    RemoveAttachment(attachment_id=attachment_id("log")),
    ChangeStatus(status=Status.OPEN),
    AssignTicket(assignee_id=AGENT),
    UnassignTicket(),
    ClaimTicket(),
    EscalateTicket(),
    DeescalateTicket(),
    SnoozeTicket(),
    WakeTicket(),
    AutoCloseTicket(),
    RateTicket(score=5),
]


def name_of(command: TicketCommand) -> str:
    return f"{command.type} internally" if getattr(command, "internal", False) else command.type


# Opening.


def test_an_opening_carries_all_that_was_asked_and_the_rules_of_its_day() -> None:
    asked = OpenTicket(
        wording_id=text_id("wording"),
        requester_id=REQUESTER,
        priority=Priority.URGENT,
        category="billing",
        team="support",
        due_at=LATER,
        required_skills=("dns",),
        estimated_minutes=30,
        tags=("vip",),
    )

    event = open_ticket(asked, RULES, NOW)

    assert event.model_dump(exclude={"type", "status", "auto_close_days", "reopen_days", "sla"}) == asked.model_dump()
    assert event.status is Status.NEW
    assert (event.auto_close_days, event.reopen_days) == (RULES.auto_close_days, RULES.reopen_days)


@pytest.mark.parametrize("due_at", [NOW - DAY, NOW], ids=["yesterday", "this very moment"])
def test_a_ticket_cannot_be_opened_with_a_due_date_that_has_passed(due_at: datetime) -> None:
    with pytest.raises(MomentPassedError):
        open_ticket(OpenTicket(wording_id=text_id("w"), requester_id=REQUESTER, due_at=due_at), RULES, NOW)


def test_an_opening_is_the_first_revision_of_its_ticket() -> None:
    event = open_ticket(OpenTicket(wording_id=text_id("w"), requester_id=REQUESTER), RULES, NOW)

    made = opening(NUMBER, command_id("open"), "digest", BY_REQUESTER, event, NOW)
    begun = opened(NUMBER, event, NOW)

    assert (made.command_id, made.fingerprint, made.actor) == (command_id("open"), "digest", BY_REQUESTER)
    assert (made.number, made.at) == (NUMBER, NOW)
    assert (made.first_revision, made.last_revision) == (1, 1)
    assert (begun.revision, begun.status, begun.created_at, begun.updated_at) == (1, Status.NEW, NOW, NOW)
    assert (begun.assignee_id, begun.escalation_level, begun.snoozed, begun.first_responded_at) == (
        None,
        0,
        False,
        None,
    )


# Revisions.


@pytest.mark.parametrize("expected", [6, 8, 0])
def test_who_looked_at_another_revision_is_refused(expected: int) -> None:
    with pytest.raises(StaleRevisionError, match=f"revision {expected} .* revision 7"):
        decide(ticket(revision=7), envelope(ClaimTicket(), expected_revision=expected), NOW)


def test_a_stale_revision_is_told_before_anything_else_is_judged() -> None:
    with pytest.raises(StaleRevisionError):
        decide(ticket(revision=7, status="closed"), envelope(ClaimTicket(), expected_revision=6), NOW)


def test_a_change_begins_at_the_next_revision_and_says_who_did_it_when_under_which_id() -> None:
    asked = envelope(ClaimTicket(), id=command_id("claim"), expected_revision=7, fingerprint="digest")

    made = decide(ticket(revision=7), asked, LATER)

    assert (made.first_revision, made.last_revision) == (8, 8)
    assert (made.command_id, made.fingerprint, made.actor, made.at) == (asked.id, "digest", asked.actor, LATER)
    assert made.number == NUMBER


def test_a_change_without_events_ends_at_the_revision_it_began_on() -> None:
    assert decide(ticket(revision=7), envelope(UnassignTicket()), NOW).last_revision == 7


# Statuses.


@pytest.mark.parametrize(("before", "wanted"), EVERY_PAIR)
def test_a_status_follows_another_only_by_the_table(before: Status, wanted: Status) -> None:
    given = ticket(status=before)
    if before is wanted:
        assert events_of(given, ChangeStatus(status=wanted)) == ()
    elif (before.value, wanted.value) in ALLOWED:
        event = only(TicketStatusChanged, events_of(given, ChangeStatus(status=wanted), at=LATER))
        assert (event.previous, event.status, event.reason) == (before, wanted, "by_hand")
    else:
        with pytest.raises(IllegalTransitionError, match=f"is {before}; .* not {wanted}"):
            decide(given, envelope(ChangeStatus(status=wanted)), LATER)


def test_the_table_says_of_every_status_what_the_documentation_promises() -> None:
    assert {(str(before), str(wanted)) for before in TRANSITIONS for wanted in TRANSITIONS[before]} == ALLOWED
    assert set(TRANSITIONS) == set(Status)


@pytest.mark.parametrize("status", Status)
def test_allowed_transitions_are_the_row_of_the_table(status: Status) -> None:
    assert allowed_transitions(ticket(status=status), LATER) == TRANSITIONS[status]


def test_resolving_and_closing_leave_their_moments_and_reopening_takes_them_back() -> None:
    resolved = after(ticket(status="open"), ChangeStatus(status=Status.RESOLVED), at=NOW)
    closed = after(resolved, ChangeStatus(status=Status.CLOSED), at=LATER)
    reopened = after(closed, ChangeStatus(status=Status.OPEN), at=LATER + DAY)

    assert (resolved.resolved_at, resolved.closed_at) == (NOW, None)
    assert (closed.resolved_at, closed.closed_at) == (NOW, LATER)
    assert (reopened.resolved_at, reopened.closed_at, reopened.updated_at) == (None, None, LATER + DAY)


def test_resolving_wakes_a_snoozed_ticket() -> None:
    snoozed = ticket(status="open", snoozed=True, snoozed_until=LATER)

    resolved = after(snoozed, ChangeStatus(status=Status.RESOLVED))

    assert types_of(snoozed, ChangeStatus(status=Status.RESOLVED)) == ["ticket.woken", "ticket.status_changed"]
    assert (resolved.snoozed, resolved.snoozed_until, resolved.revision) == (False, None, snoozed.revision + 2)


def test_any_other_status_leaves_a_snoozed_ticket_asleep() -> None:
    pending = after(ticket(status="open", snoozed=True, snoozed_until=LATER), ChangeStatus(status=Status.PENDING))

    assert (pending.snoozed, pending.snoozed_until) == (True, LATER)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [(timedelta(0), True), (timedelta(days=30, microseconds=-1), True), (timedelta(days=30), False)],
    ids=["at once", "in the last microsecond", "when the window has ended"],
)
def test_a_closed_ticket_may_be_reopened_until_its_window_ends(moment: timedelta, is_open: bool) -> None:
    closed = ticket(status="closed", reopen_days=30)
    now = NOW + moment
    if is_open:
        assert after(closed, ChangeStatus(status=Status.OPEN), at=now).status is Status.OPEN
        assert allowed_transitions(closed, now) == (Status.OPEN,)
    else:
        with pytest.raises(ReopenWindowPassedError, match="30 days"):
            decide(closed, envelope(ChangeStatus(status=Status.OPEN)), now)
        assert allowed_transitions(closed, now) == ()


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=name_of)
def test_a_closed_ticket_only_reopens_gives_up_files_and_is_rated(command: TicketCommand) -> None:
    closed = ticket(status="closed")
    if isinstance(command, ChangeStatus):
        assert types_of(closed, command) == ["ticket.status_changed"]
    elif isinstance(command, AutoCloseTicket):
        assert types_of(closed, command) == []
    elif isinstance(command, RemoveAttachment):
        assert types_of(closed, command) == ["ticket.attachment_removed"]
    elif isinstance(command, RateTicket):
        assert types_of(closed, command) == ["ticket.rated"]
    else:
        with pytest.raises(TicketClosedError, match="reopen it first"):
            decide(closed, envelope(command), NOW)


ON_A_RESOLVED_TICKET: dict[str, str | list[str]] = {
    "edit": ["ticket.edited"],
    "reply": ["ticket.replied"],
    "reply internally": ["ticket.noted"],
    "add_attachment": ["ticket.attachment_added"],
    "remove_attachment": ["ticket.attachment_removed"],
    "change_status": ["ticket.status_changed"],
    "assign": ["ticket.assigned"],
    "unassign": ["ticket.unassigned"],
    "claim": "already_assigned",
    "escalate": "ticket_resolved",
    "de_escalate": ["ticket.de_escalated"],
    "snooze": "ticket_resolved",
    "wake": "not_snoozed",
    "auto_close": [],
    "rate": ["ticket.rated"],
}
"""What each command of an agent brings about, or the code of its refusal."""


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=name_of)
def test_on_a_resolved_ticket_every_command_has_its_answer(command: TicketCommand) -> None:
    resolved = ticket(status="resolved", assignee_id=OTHER_AGENT, escalation_level=2)
    answer = ON_A_RESOLVED_TICKET[name_of(command)]
    if isinstance(answer, list):
        assert types_of(resolved, command) == answer
    else:
        with pytest.raises(DomainError) as refusal:
            decide(resolved, envelope(command), NOW)
        assert refusal.value.code == answer


# Closing by itself.


@pytest.mark.parametrize("moment", [timedelta(days=7), timedelta(days=8)], ids=["on time", "late"])
def test_a_resolved_ticket_closes_by_itself_when_its_days_are_over(moment: timedelta) -> None:
    closed = after(ticket(status="resolved", auto_close_days=7), AutoCloseTicket(), TIMER, NOW + moment)

    assert (closed.status, closed.resolved_at, closed.closed_at) == (Status.CLOSED, NOW, NOW + moment)


def test_a_ticket_that_closed_by_itself_says_so() -> None:
    event = only(TicketStatusChanged, events_of(ticket(status="resolved"), AutoCloseTicket(), TIMER, NOW + 7 * DAY))

    assert event.reason == "auto_closed"


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RESOLVED])
def test_closing_by_itself_does_nothing_when_something_else_was_quicker(status: Status) -> None:
    assert events_of(ticket(status=status), AutoCloseTicket(), TIMER, NOW + 7 * DAY) == ()


def test_closing_by_itself_does_nothing_before_its_moment() -> None:
    """An integration may send the timer's command, and a ticket may be reopened and resolved anew."""
    too_early = NOW + timedelta(days=7, microseconds=-1)

    assert events_of(ticket(status="resolved"), AutoCloseTicket(), INTEGRATION, too_early) == ()


def test_the_moments_of_an_end_are_known_only_once_it_has_come() -> None:
    assert auto_close_at(ticket(status="resolved", auto_close_days=3)) == NOW + 3 * DAY
    assert reopen_until(ticket(status="closed", reopen_days=5)) == NOW + 5 * DAY
    with pytest.raises(ValueError, match="not resolved"):
        auto_close_at(ticket(status="open"))
    with pytest.raises(ValueError, match="not closed"):
        reopen_until(ticket(status="resolved"))


# Adding up.


def test_an_event_moves_revision_and_update_by_one() -> None:
    moved = evolve(ticket(revision=4, assignee_id=AGENT), TicketUnassigned(previous_id=AGENT), LATER)

    assert (moved.revision, moved.updated_at, moved.created_at, moved.assignee_id) == (5, LATER, NOW, None)


def test_an_edit_sets_what_it_gives_and_empties_what_it_clears() -> None:
    given = ticket(due_at=LATER, estimated_minutes=5, tags=("vip",), priority=Priority.LOW)

    edited = evolve(given, TicketEdited(tags=(), priority=Priority.HIGH, clear=("due_at", "estimated_minutes")), NOW)

    assert (edited.tags, edited.priority) == ((), Priority.HIGH)
    assert (edited.due_at, edited.estimated_minutes, edited.category) == (None, None, given.category)


def test_a_change_adds_all_its_events() -> None:
    given = ticket(assignee_id=AGENT)
    made = change(given, TicketEdited(tags=("vip",)), TicketUnassigned(previous_id=AGENT))

    changed = apply(given, made)

    assert (changed.revision, changed.tags, changed.assignee_id) == (3, ("vip",), None)
    assert made.last_revision == changed.revision


def test_a_ticket_is_rebuilt_from_its_opening_on() -> None:
    event = open_ticket(OpenTicket(wording_id=text_id("w"), requester_id=REQUESTER), RULES, NOW)

    rebuilt = rebuild(NUMBER, [(event, NOW), (TicketEdited(tags=("vip",)), LATER)])

    assert (rebuilt.revision, rebuilt.tags, rebuilt.created_at, rebuilt.updated_at) == (2, ("vip",), NOW, LATER)


def test_what_does_not_begin_with_an_opening_is_no_history() -> None:
    with pytest.raises(ValueError, match=r"ticket 7 does not begin with its opening but with ticket\.edited"):
        rebuild(TicketNumber(7), [(TicketEdited(), NOW)])


def test_an_opening_has_a_value_for_every_field_that_has_no_default() -> None:
    """A field added to the ticket but not to its opening would be found here and not by the first reader."""
    event = TicketOpened.model_fields
    ours = {name for name, field in type(ticket()).model_fields.items() if field.is_required()}

    assert ours - {"number", "revision", "created_at", "updated_at"} <= set(event)
