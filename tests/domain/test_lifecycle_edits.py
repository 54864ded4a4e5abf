"""Editing, moving between teams, assigning and escalating."""

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import (
    AlreadyAssignedError,
    AssigneeUnavailableError,
    EscalationLimitError,
    MomentPassedError,
    StaleRevisionError,
    TicketResolvedError,
)
from domain.ids import TextId
from domain.people import INTEGRATION, TIMER, Actor
from domain.ticket import MAX_ESCALATION_LEVEL, Priority, Status
from domain.ticket_commands import (
    AssignTicket,
    ClaimTicket,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    UnassignTicket,
)
from domain.ticket_events import TicketAssigned, TicketEdited, TicketEscalated, TicketMoved, TicketUnassigned
from domain.ticket_rules import decide
from tests.domain.deciding import after, events_of, only, types_of
from tests.factories import AGENT, NOW, OTHER_AGENT, SERVICE, envelope, text_id, ticket

LATER = NOW + timedelta(hours=1)
EARLIER = NOW - timedelta(hours=1)

EDITS: list[dict[str, Any]] = [
    {"wording_id": text_id("other wording")},
    {"priority": Priority.URGENT},
    {"category": "billing"},
    {"due_at": LATER},
    {"required_skills": ("dns",)},
    {"required_skills": ()},
    {"estimated_minutes": 45},
    {"tags": ("vip", "beta")},
    {"tags": ()},
]


def full_ticket(**changes: Any) -> Any:
    return ticket(
        **{"due_at": NOW + timedelta(days=9), "required_skills": ("vpn",), "estimated_minutes": 5, "tags": ("alpha",)}
        | changes
    )


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_an_edit_changes_what_it_gives_and_nothing_else(edit: dict[str, Any]) -> None:
    given = full_ticket()

    event = only(TicketEdited, events_of(given, EditTicket(**edit), at=LATER - timedelta(minutes=1)))

    assert event.model_dump(exclude_none=True, exclude={"type", "clear"}) == edit
    changed = after(given, EditTicket(**edit), at=NOW)
    assert changed == given.model_copy(update={**edit, "revision": given.revision + 1})


def test_an_edit_of_several_fields_is_one_event() -> None:
    edit = EditTicket(priority=Priority.URGENT, tags=("vip",), clear=("due_at",))

    event = only(TicketEdited, events_of(full_ticket(), edit))

    assert (event.priority, event.tags, event.clear, event.category) == (Priority.URGENT, ("vip",), ("due_at",), None)


@pytest.mark.parametrize(
    "edit",
    [
        EditTicket(),
        EditTicket(wording_id=text_id("wording")),
        EditTicket(priority=Priority.NORMAL),
        EditTicket(category="general"),
        EditTicket(team="support"),
        EditTicket(required_skills=()),
        EditTicket(tags=()),
        EditTicket(clear=("due_at", "estimated_minutes")),
    ],
    ids=str,
)
def test_an_edit_that_changes_nothing_leaves_no_event(edit: EditTicket) -> None:
    assert events_of(ticket(team="support"), edit) == ()


def test_an_edit_drops_from_its_event_what_the_ticket_has_already() -> None:
    event = only(TicketEdited, events_of(ticket(), EditTicket(priority=Priority.NORMAL, category="billing")))

    assert event.model_dump(exclude_none=True) == {"type": "ticket.edited", "category": "billing", "clear": ()}


def test_clearing_empties_the_due_date_and_the_estimate() -> None:
    cleared = after(full_ticket(), EditTicket(clear=("due_at", "estimated_minutes")))

    assert (cleared.due_at, cleared.estimated_minutes) == (None, None)


@pytest.mark.parametrize("due_at", [EARLIER, NOW], ids=["an hour ago", "this very moment"])
def test_a_due_date_that_has_passed_cannot_be_set(due_at: Any) -> None:
    with pytest.raises(MomentPassedError):
        decide(ticket(), envelope(EditTicket(due_at=due_at)), NOW)


def test_a_due_date_that_passed_meanwhile_may_be_sent_along_unchanged() -> None:
    """A form sends back all its fields."""
    edit = EditTicket(due_at=EARLIER, priority=Priority.HIGH)

    assert types_of(ticket(due_at=EARLIER), edit) == ["ticket.edited"]


OLD, NEW, OTHER = text_id("wording"), text_id("new wording"), text_id("other wording")


@pytest.mark.parametrize("previous", [None, OLD], ids=["without saying which", "the present one"])
def test_a_new_wording_replaces_the_one_that_its_writer_saw(previous: TextId | None) -> None:
    edit = EditTicket(wording_id=NEW, previous_wording_id=previous)

    event = only(TicketEdited, events_of(ticket(wording_id=OLD), edit))

    assert event.model_dump(exclude_none=True, exclude={"type", "clear"}) == {"wording_id": NEW}


def test_a_new_wording_does_not_bury_one_that_its_writer_never_saw() -> None:
    """A wording is title and description in one: who changes the title sends the description along."""
    with pytest.raises(StaleRevisionError, match="reworded"):
        decide(ticket(wording_id=OTHER), envelope(EditTicket(wording_id=NEW, previous_wording_id=OLD)), NOW)


def test_an_edit_without_a_wording_does_not_care_which_one_there_is() -> None:
    edit = EditTicket(previous_wording_id=OLD, tags=("vip",))

    assert types_of(ticket(wording_id=OTHER), edit) == ["ticket.edited"]


# Moving.


def test_moving_to_another_team_unassigns() -> None:
    given = ticket(team="support", assignee_id=AGENT)

    moved, unassigned = events_of(given, EditTicket(team="billing"))

    assert moved == TicketMoved(team="billing", previous="support")
    assert unassigned == TicketUnassigned(previous_id=AGENT)
    changed = after(given, EditTicket(team="billing"))
    assert (changed.team, changed.assignee_id, changed.revision) == ("billing", None, given.revision + 2)


def test_moving_a_ticket_that_nobody_has_is_one_event() -> None:
    assert types_of(ticket(team=None), EditTicket(team="billing")) == ["ticket.moved"]


def test_clearing_the_team_returns_the_ticket_to_the_unrouted() -> None:
    given = ticket(team="support", assignee_id=AGENT)

    changed = after(given, EditTicket(clear=("team",)))

    assert types_of(given, EditTicket(clear=("team",))) == ["ticket.moved", "ticket.unassigned"]
    assert (changed.team, changed.assignee_id) == (None, None)


def test_clearing_the_team_of_an_unrouted_ticket_changes_nothing() -> None:
    assert events_of(ticket(team=None, assignee_id=AGENT), EditTicket(clear=("team",))) == ()


def test_an_edit_that_also_moves_tells_the_edit_first() -> None:
    edit = EditTicket(team="billing", priority=Priority.HIGH)

    assert types_of(ticket(assignee_id=AGENT), edit) == ["ticket.edited", "ticket.moved", "ticket.unassigned"]


# Assigning.


def test_assigning_says_who_had_it_before() -> None:
    first = only(TicketAssigned, events_of(ticket(), AssignTicket(assignee_id=AGENT)))
    second = only(TicketAssigned, events_of(ticket(assignee_id=AGENT), AssignTicket(assignee_id=OTHER_AGENT)))

    assert (first.assignee_id, first.previous_id) == (AGENT, None)
    assert (second.assignee_id, second.previous_id) == (OTHER_AGENT, AGENT)


def test_assigning_to_who_has_it_already_changes_nothing() -> None:
    assert events_of(ticket(assignee_id=AGENT), AssignTicket(assignee_id=AGENT)) == ()


def test_unassigning_says_who_had_it() -> None:
    assert only(TicketUnassigned, events_of(ticket(assignee_id=AGENT), UnassignTicket())).previous_id == AGENT


def test_unassigning_what_nobody_has_changes_nothing() -> None:
    assert events_of(ticket(), UnassignTicket()) == ()


def test_claiming_assigns_to_oneself() -> None:
    assert after(ticket(), ClaimTicket()).assignee_id == AGENT


def test_claiming_ones_own_ticket_changes_nothing() -> None:
    assert events_of(ticket(assignee_id=AGENT), ClaimTicket()) == ()


def test_what_another_has_cannot_be_claimed() -> None:
    with pytest.raises(AlreadyAssignedError):
        decide(ticket(assignee_id=OTHER_AGENT), envelope(ClaimTicket()), NOW)


@pytest.mark.parametrize("actor", [TIMER, INTEGRATION, SERVICE], ids=["timer", "integration", "service"])
def test_only_a_person_can_claim(actor: Actor) -> None:
    with pytest.raises(AssigneeUnavailableError):
        decide(ticket(), envelope(ClaimTicket(), actor=actor), NOW)


# Escalating.

LEVELS: list[tuple[int, int | None, int | None]] = [
    (0, None, 1),
    (1, None, 2),
    (2, None, 3),
    (3, None, None),
    (0, 1, 1),
    (0, 3, 3),
    (1, 3, 3),
    (1, 1, None),
    (2, 1, None),
    (3, 3, None),
]
"""The level before, the one asked for (None: the next), and the one after (None: refused)."""


@pytest.mark.parametrize(("before", "asked", "level"), LEVELS)
def test_escalating_only_ever_raises_the_level(before: int, asked: int | None, level: int | None) -> None:
    given = ticket(escalation_level=before)
    if level is None:
        with pytest.raises(EscalationLimitError, match=f"level {before} of {MAX_ESCALATION_LEVEL}"):
            decide(given, envelope(EscalateTicket(level=asked)), NOW)
    else:
        event = only(TicketEscalated, events_of(given, EscalateTicket(level=asked)))
        assert event.escalation_level == level
        assert after(given, EscalateTicket(level=asked)).escalation_level == level


def test_what_is_resolved_is_not_escalated() -> None:
    with pytest.raises(TicketResolvedError, match="cannot be escalated"):
        decide(ticket(status=Status.RESOLVED), envelope(EscalateTicket()), NOW)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_de_escalating_goes_back_to_level_0(level: int) -> None:
    assert after(ticket(escalation_level=level), DeescalateTicket()).escalation_level == 0


def test_de_escalating_what_is_not_escalated_changes_nothing() -> None:
    assert events_of(ticket(), DeescalateTicket()) == ()
