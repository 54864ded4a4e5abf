"""What a push says, for how long, how urgently, and in whose place."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from domain.message import Message, MessageItem
from domain.notification import NotificationType
from domain.push import LONGEST_PAYLOAD, MOST_IDS, Push, PushRefusedError, push_of, trial_push
from domain.ticket import Priority
from tests.told import AT, glance, item, message

T = NotificationType
DAY, HOUR = 86_400, 3_600


def payload(push: Push) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(push.payload)
    return shown


def test_it_names_ticket_and_reason_and_none_of_the_words() -> None:
    push = push_of(message(item(kind="ticket.replied", text="The password is sesame.", why="watcher"), unread=3), AT)
    assert payload(push) == {
        "title": "#1042 The printer is on fire",
        "body": "Anna replied. You watch the ticket.",
        "url": "/tickets/1042",
        "tag": "ticket-1042",
        "type": "replied",
        "notifications": [1],
        "unread": 3,
    }


def test_several_of_one_ticket_are_told_once_each() -> None:
    push = push_of(message(item(number=1), item(number=2), item(T.SLA_BREACH, number=3)), AT)
    shown = payload(push)
    assert shown["body"] == "Anna replied. The ticket is overdue. You are the assignee."
    assert (shown["type"], shown["notifications"], push.topic) == ("ticket", [1, 2, 3], "ticket-1042")


def test_those_of_several_tickets_are_counted() -> None:
    several = message(item(), item(T.SLA_BREACH, ticket=glance(7)), item(T.SLA_BREACH, ticket=glance(8)), kind="bundle")
    shown = payload(push_of(several, AT))
    assert (shown["title"], shown["body"]) == ("3 notifications", "2 overdue, 1 reply")
    assert (shown["url"], shown["tag"], shown["type"]) == ("/", "bundle", "bundle")


@pytest.mark.parametrize(
    ("told", "topic"),
    [
        (message(item(ticket=glance(2**53))), f"ticket-{2**53}"),
        (message(item(T.SHIFT_ENDING, ticket=None, why="person")), "shift_ending"),
        (message(item(T.SHIFT_ENDING, ticket=None), item(T.TIME_OFF, ticket=None), kind="bundle"), "bundle"),
        (message(item(), item(ticket=glance(7)), kind="digest"), "digest"),
    ],
)
def test_what_is_about_one_thing_takes_the_earlier_ones_place(told: Message, topic: str) -> None:
    push = push_of(told, AT)
    assert push.topic == payload(push)["tag"] == topic
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", push.topic)


def test_what_is_about_no_ticket_says_what_it_is() -> None:
    shown = payload(push_of(message(item(T.SHIFT_ENDING, ticket=None, why="person")), AT))
    assert (shown["title"], shown["body"], shown["url"]) == ("Your shift ends soon.", "It is about you.", "/")
    assert payload(push_of(message(item(T.TIME_OFF, ticket=None, why="new")), AT))["body"] == ""


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (item(T.REPLIED), DAY),
        (item(T.SLA_BREACH, ticket=glance(sla_due_at=AT - timedelta(hours=1))), DAY),
        (item(T.SLA_WARNING, ticket=glance(sla_due_at=AT + timedelta(minutes=20))), 1200),
        (item(T.SLA_WARNING), DAY),
        (item(T.OFFERED, ticket=glance(offered_until=AT + timedelta(seconds=90))), 90),
        (item(T.SHIFT_ENDING, ticket=None), HOUR),
        (item(T.BREAK_REMINDER, ticket=None), HOUR),
    ],
)
def test_it_lives_until_it_is_due_or_for_a_day(told: MessageItem, seconds: int) -> None:
    assert push_of(message(told), AT).seconds_to_live == seconds


def test_of_several_the_longest_life_counts() -> None:
    soon = item(T.SLA_WARNING, ticket=glance(sla_due_at=AT + timedelta(minutes=20)))
    assert push_of(message(soon, item(T.REPLIED)), AT).seconds_to_live == DAY


@pytest.mark.parametrize(
    ("told", "late"),
    [
        (item(T.SLA_WARNING, ticket=glance(sla_due_at=AT)), timedelta(0)),
        (item(T.OFFERED, ticket=glance(offered_until=AT)), timedelta(seconds=1)),
        (item(T.SHIFT_ENDING, ticket=None), timedelta(hours=1)),
        (item(T.REPLIED), timedelta(days=1)),
    ],
)
def test_what_is_over_is_not_sent(told: MessageItem, late: timedelta) -> None:
    with pytest.raises(PushRefusedError, match="too_late"):
        push_of(message(told), AT + late)


@pytest.mark.parametrize(
    ("told", "urgency"),
    [
        (item(T.REPLIED), "normal"),
        (item(T.SLA_BREACH), "high"),
        (item(T.ESCALATION), "high"),
        (item(T.REPLIED, ticket=glance(priority=Priority.URGENT)), "high"),
        (item(T.TIME_OFF, ticket=None), "normal"),
    ],
)
def test_a_device_is_woken_for_what_is_urgent(told: MessageItem, urgency: str) -> None:
    assert push_of(message(told), AT).urgency == urgency


@pytest.mark.parametrize("letter", ["x", "😀", '"', "\\", "\x00", "ü"])
def test_it_is_never_longer_than_a_service_takes(letter: str) -> None:
    """The longest of everything that may come: titles, names, ids of five hundred."""
    many = [
        item(number=2**53 + number, at=AT, actor=letter * 300, ticket=glance(2**53, letter * 300))
        for number in range(500)
    ]
    for told in (message(*many), message(*many, item(T.SLA_BREACH, ticket=None), kind="bundle")):
        push = push_of(told, AT)
        assert len(push.payload) <= LONGEST_PAYLOAD
        assert payload(push)["notifications"] == [one.notification for one in told.items[-MOST_IDS:]]


def test_a_trial_is_short_lived_and_wakes_the_device() -> None:
    push = trial_push()
    assert (push.seconds_to_live, push.urgency, payload(push)["type"]) == (60, "high", "test")
