"""What a notification says, and what became of it: in sentences."""

from datetime import timedelta
from typing import Any

import pytest

from domain.ids import TicketNumber
from domain.inbox import OF_STAFF, OF_TICKETS, Decision, TicketName, sentence
from domain.notices import _ALWAYS, T
from domain.notification import type_of
from tests.factories import NOW

TICKET = TicketName(TicketNumber(1042), "Printer on fire")


@pytest.mark.parametrize(
    ("type", "kind", "details", "text"),
    [
        (T.REPLIED, "ticket.replied", {}, "Ada Agent replied to #1042 Printer on fire"),
        (T.REPLIED, "ticket.noted", {}, "Ada Agent added a note to #1042 Printer on fire"),
        (T.MENTIONED, "ticket.noted", {}, "Ada Agent mentioned you in a note on #1042 Printer on fire"),
        (T.STATUS_CHANGED, "ticket.status_changed", {"status": "on_hold"},
         "Ada Agent set #1042 Printer on fire to on hold"),
        (T.ASSIGNED, "ticket.assigned", {}, "Ada Agent gave you #1042 Printer on fire"),
        (T.SLA_WARNING, "ticket.sla_warning", {"percent": 75, "target": "first_response"},
         "75 % of the time for the first response of #1042 Printer on fire is used up"),
        (T.SLA_BREACH, "ticket.sla_breached", {"target": "resolution"}, "#1042 Printer on fire missed its resolution"),
        (T.ESCALATION, "ticket.escalated", {"escalation_level": 2},
         "Ada Agent escalated #1042 Printer on fire to level 2"),
        (T.ESCALATION, "ticket.ladder_climbed", {"step": 0},
         "#1042 Printer on fire came to step 1 of its escalation ladder"),
    ],
)  # fmt: skip
def test_a_sentence_says_who_did_what_to_which_ticket(type: str, kind: str, details: Any, text: str) -> None:
    assert sentence(type, kind, TICKET, "person", "Ada Agent", details) == text


def test_what_comes_by_itself_names_nobody() -> None:
    details = {"status": "closed"}

    assert sentence(T.STATUS_CHANGED, "ticket.status_changed", TICKET, "timer", None, details) == (
        "#1042 Printer on fire became closed"
    )
    assert sentence(T.ASSIGNED, "ticket.assigned", TICKET, "dispatcher", None, {}) == (
        "The dispatcher gave you #1042 Printer on fire"
    )


def test_who_and_what_may_not_be_told_is_left_out() -> None:
    hidden = TicketName(TicketNumber(1042), None)

    assert sentence(T.REPLIED, "ticket.replied", hidden, "person", None, {}) == "Somebody replied to #1042"


def test_a_title_or_a_name_with_braces_is_only_a_title_or_a_name() -> None:
    odd = TicketName(TicketNumber(1), "{who} {0} %s")

    assert sentence(T.REPLIED, "ticket.replied", odd, "person", "{ticket}", {}) == "{ticket} replied to #1 {who} {0} %s"


def test_what_nobody_tells_of_any_more_still_says_something() -> None:
    assert sentence(T.ESCALATION, "ticket.snow_fell", TICKET, "timer", None, {}) == "#1042 Printer on fire: Snow fell"
    assert sentence(T.SWAP_REQUEST, "shift.snow_fell", None, "timer", None, {}) == "Snow fell"
    assert (
        sentence(T.SLA_BREACH, "ticket.sla_breached", TICKET, "timer", None, {}) == "#1042 Printer on fire missed its ?"
    )


def test_every_notice_has_its_sentence() -> None:
    told = {
        (type, str(event.model_fields["type"].default)) for event, hearings in _ALWAYS.items() for type, *_ in hearings
    }

    assert told <= OF_TICKETS.keys()
    assert all(sentence(type, kind, TICKET, "person", "Ada", {}) for type, kind in OF_TICKETS)


@pytest.mark.parametrize("kind", OF_STAFF)
def test_what_is_about_no_ticket_has_a_type_and_a_sentence(kind: str) -> None:
    assert sentence(type_of(kind), kind, None, "timer", None, {}) == OF_STAFF[kind]


@pytest.mark.parametrize(
    ("channel", "outcome", "fields", "text"),
    [
        ("email", "sends", {}, "By e-mail it is on its way (unread after a while)."),
        ("email", "sends", {"sent_at": NOW}, "By e-mail it was sent at 2030-01-07 09:00 UTC (unread after a while)."),
        ("push", "sends", {"failed_at": NOW, "failure": "no device"},
         "By push it could not be sent: no device (unread after a while)."),
        ("push", "waits", {"until": NOW + timedelta(hours=1)},
         "By push it waits until 2030-01-07 10:00 UTC (unread after a while)."),
        ("email", "skips", {}, "By e-mail it does not come (unread after a while)."),
        ("in_app", "sends", {}, "In the inbox it is shown (unread after a while)."),
        ("in_app", "skips", {}, "In the inbox it does not come (unread after a while)."),
    ],
)  # fmt: skip
def test_a_decision_is_a_sentence(channel: str, outcome: str, fields: Any, text: str) -> None:
    empty = {"until": None, "sent_at": None, "failed_at": None, "failure": None}
    decision = Decision(channel, NOW, outcome, "unread_after_a_while", **(empty | fields))

    assert decision.text == text
