"""Which events a webhook hears of, and within what they keep their order."""

from typing import Any

import pytest

from domain.ids import TicketNumber
from domain.webhook import EVENT_TYPES, LADDER, PING, Told, WebhookFilter, lane_of
from tests.factories import AGENT


def told(type: str = "ticket.opened", *teams: str, internal: bool = False) -> Told:
    return Told(type, internal, frozenset(teams))


@pytest.mark.parametrize(
    ("wanted", "event", "is_taken"),
    [
        ({}, told(), True),
        ({}, told("ticket.opened", "support"), True),
        ({}, told("ticket.noted", internal=True), False),
        ({"include_internal": True}, told("ticket.noted", internal=True), True),
        ({}, told("person.changed"), False),
        ({"include_internal": True}, told("shift.changed", internal=True), False),
        ({}, told(PING), False),
        ({"events": frozenset({"ticket.opened"})}, told(), True),
        ({"events": frozenset({"ticket.opened"})}, told("ticket.replied"), False),
        ({"events": frozenset({"ticket.opened", "*"})}, told("ticket.replied"), True),
        ({"events": frozenset({"ticket.noted"})}, told("ticket.noted", internal=True), False),
        ({"teams": frozenset({"support"})}, told("ticket.opened", "support"), True),
        ({"teams": frozenset({"support"})}, told("ticket.opened", "billing"), False),
        ({"teams": frozenset({"support"})}, told("ticket.moved", "billing", "support"), True),
        ({"teams": frozenset({"support"})}, told(), False),
    ],
)
def test_a_filter_takes_what_it_names(wanted: dict[str, Any], event: Told, is_taken: bool) -> None:
    assert WebhookFilter(**wanted).takes(event) is is_taken


def test_the_words_are_those_of_the_log() -> None:
    assert {"ticket.opened", "ticket.sla_breached", "agent.presence_changed", "queue.changed", LADDER} <= EVENT_TYPES
    assert PING not in EVENT_TYPES


def test_a_lane_is_a_ticket_or_else_an_agent_or_else_a_queue() -> None:
    assert lane_of(TicketNumber(7), AGENT, "support") == "ticket:7"
    assert lane_of(None, AGENT, None) == f"agent:{AGENT}"
    assert lane_of(None, None, "support") == "queue:support"
