"""Commands as they come in from outside: checked once, at the door."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from domain.people import INTEGRATION, TIMER
from domain.ticket import MAX_ESTIMATED_MINUTES, MAX_LABELS, Status
from domain.ticket_commands import (
    EARLIEST,
    LATEST,
    AddAttachment,
    AddReply,
    AssignTicket,
    AutoCloseTicket,
    ChangeStatus,
    ClaimTicket,
    CommandEnvelope,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    OpenTicket,
    Receipt,
    RemoveAttachment,
    SnoozeTicket,
    TicketCommand,
    UnassignTicket,
    WakeTicket,
)
from tests.factories import AGENT, BY_AGENT, NOW, REQUESTER, attachment_id, command_id, envelope, text_id

COMMAND: TypeAdapter[TicketCommand] = TypeAdapter(TicketCommand)

COMMANDS: dict[str, TicketCommand] = {
    "edit": EditTicket(wording_id=text_id("w"), due_at=NOW, tags=("vip",), clear=("team", "estimated_minutes")),
    "reply": AddReply(text_id=text_id("reply"), internal=True),
    "add_attachment": AddAttachment(attachment_id=attachment_id("log"), internal=True),
    "remove_attachment": RemoveAttachment(attachment_id=attachment_id("log")),
    "change_status": ChangeStatus(status=Status.ON_HOLD),
    "assign": AssignTicket(assignee_id=AGENT),
    "unassign": UnassignTicket(),
    "claim": ClaimTicket(),
    "escalate": EscalateTicket(level=2),
    "de_escalate": DeescalateTicket(),
    "snooze": SnoozeTicket(until=NOW),
    "wake": WakeTicket(),
    "auto_close": AutoCloseTicket(),
}


@pytest.mark.parametrize("type", COMMANDS)
def test_a_command_is_known_by_its_type_and_survives_the_wire(type: str) -> None:
    command = COMMANDS[type]

    assert command.type == type
    assert COMMAND.validate_json(COMMAND.dump_json(command)) == command


@pytest.mark.parametrize("actor", [BY_AGENT, TIMER, INTEGRATION], ids=lambda actor: str(actor.kind))
@pytest.mark.parametrize("type", COMMANDS)
def test_an_envelope_survives_the_wire(type: str, actor: Any) -> None:
    sent = envelope(COMMANDS[type], actor=actor, expected_revision=3, fingerprint="digest")

    assert CommandEnvelope.model_validate_json(sent.model_dump_json()) == sent


def test_a_receipt_survives_the_wire() -> None:
    receipt = Receipt(command_id=command_id("claim"), first_revision=3, revision=4, fingerprint="digest", at=NOW)

    assert Receipt.model_validate_json(receipt.model_dump_json()) == receipt


@pytest.mark.parametrize(
    "malformed",
    [
        {},
        {"type": "delete"},
        {"type": "reply"},
        {"type": "reply", "text_id": "no id"},
        {"type": "change_status", "status": "escalated"},
        {"type": "assign"},
        {"type": "escalate", "level": 0},
        {"type": "escalate", "level": 4},
        {"type": "snooze", "until": "2030-01-07T09:00:00"},
        {"type": "snooze", "until": "tomorrow"},
        {"type": "edit", "priority": "huge"},
        {"type": "edit", "category": "Not A Slug"},
        {"type": "edit", "category": "a" * 41},
        {"type": "edit", "team": ""},
        {"type": "edit", "tags": ["_vip"]},
        {"type": "edit", "tags": ["vip"] * (MAX_LABELS + 1)},
        {"type": "edit", "required_skills": ["vip"] * (MAX_LABELS + 1)},
        {"type": "edit", "estimated_minutes": 0},
        {"type": "edit", "estimated_minutes": MAX_ESTIMATED_MINUTES + 1},
        {"type": "edit", "clear": ["priority"]},
        "reply",
        None,
    ],
    ids=str,
)
def test_what_is_malformed_is_no_command(malformed: Any) -> None:
    with pytest.raises(ValidationError):
        COMMAND.validate_python(malformed)


@pytest.mark.parametrize(
    "slug", ["a", "0", "a-b", "a_b", "a" * 40, "2nd-line"], ids=lambda slug: str(slug) if len(slug) < 9 else "long"
)
def test_a_slug_is_short_and_made_for_machines(slug: str) -> None:
    assert EditTicket(category=slug).category == slug


@pytest.mark.parametrize("minutes", [1, MAX_ESTIMATED_MINUTES])
def test_an_estimate_reaches_from_a_minute_to_a_month(minutes: int) -> None:
    assert EditTicket(estimated_minutes=minutes).estimated_minutes == minutes


def test_a_moment_may_come_in_any_zone_and_is_utc_from_there_on() -> None:
    in_kathmandu = datetime(2030, 1, 7, 14, 45, tzinfo=timezone(timedelta(hours=5, minutes=45)))

    until = SnoozeTicket(until=in_kathmandu).until

    assert until == NOW
    assert until is not None
    assert until.tzinfo is UTC


@pytest.mark.parametrize("moment", [EARLIEST, LATEST])
def test_a_moment_that_every_clock_can_hold_is_taken(moment: datetime) -> None:
    assert EditTicket(due_at=moment).due_at == moment


@pytest.mark.parametrize("moment", [EARLIEST - timedelta(microseconds=1), LATEST + timedelta(microseconds=1)])
def test_a_moment_that_no_desk_plans_is_refused(moment: datetime) -> None:
    with pytest.raises(ValidationError, match="between 1970 and 2200"):
        OpenTicket(wording_id=text_id("w"), requester_id=REQUESTER, due_at=moment)


def test_a_command_cannot_be_changed_on_its_way() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        EscalateTicket(level=2).level = 3  # type: ignore[misc]


def test_an_edit_cannot_give_and_clear_the_same_field() -> None:
    with pytest.raises(ValidationError, match="due_at cannot be given and cleared at once"):
        EditTicket(due_at=NOW, clear=("due_at",))
