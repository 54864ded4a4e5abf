"""A push to a browser (Web Push, RFC 8030): what it says, how long it is worth something, and how urgent it is."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from domain.ids import PushSubscriptionId
from domain.message import Message, MessageItem
from domain.message_sentences import counts, cut, sentence
from domain.notification import WHY, NotificationType
from domain.ticket import Priority

Urgency = Literal["normal", "high"]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LONGEST_PAYLOAD = 3000
"""Bytes. Every push service takes 3,993 in the clear (RFC 8291 section 4)."""
LONGEST_TITLE, LONGEST_BODY = 100, 300
"""Characters; what is longer is cut."""
MOST_IDS = 50
MOST_SUBSCRIPTIONS = 10
"""How many devices a person has; the oldest goes."""
T = NotificationType
UNTIL_DUE = frozenset({T.SLA_WARNING, T.OFFERED})
"""What is worth nothing once its moment has come."""
LIFE: dict[T, timedelta] = {T.SHIFT_ENDING: HOUR, T.BREAK_REMINDER: HOUR}
"""How long others are worth something; a day, when not here."""
HIGH = frozenset({T.SLA_BREACH, T.ESCALATION})


class PushKeys(NamedTuple):
    """Where a browser is reached, and what encrypts for it (RFC 8291): nobody between can read what it is told."""

    id: PushSubscriptionId
    endpoint: str
    p256dh: bytes
    """A point on P-256, uncompressed."""
    auth: bytes


class Push(NamedTuple):
    """What goes to a device."""

    payload: bytes
    seconds_to_live: int
    """How long the push service keeps it for a device that is off."""
    urgency: Urgency
    topic: str
    """Of two with one topic that wait for a device, the later takes the earlier's place. At most 32 characters of
    base64url."""


class PushNotSentError(Exception):
    """The push was not taken. The reason is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PushGoneError(PushNotSentError):
    """The subscription has ended: nothing is ever sent to it again."""


class PushRefusedError(PushNotSentError):
    """This push will never be taken."""


class PushDelayedError(PushNotSentError):
    """It may be taken later: after so long, if the service says so."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def push_of(message: Message, now: datetime) -> Push:
    """The push for a message. Raises PushRefusedError when it is over what it tells of."""
    seconds = int((max(_good_until(item, message.created_at) for item in message.items) - now).total_seconds())
    if seconds <= 0:
        raise PushRefusedError("too_late")
    topic = _topic(message)
    return Push(_payload(message, topic), seconds, _urgency(message.items), topic)


def trial_push() -> Push:
    """What shows somebody that pushes reach their device."""
    payload: dict[str, Any] = {
        "title": "Notifications work",
        "body": "This device gets them from now on.",
        "url": "/",
        "tag": "test",
        "type": "test",
        "notifications": [],
        "unread": None,
    }
    return Push(_json(payload), 60, "high", "test")


def _good_until(item: MessageItem, since: datetime) -> datetime:
    if item.type in UNTIL_DUE and item.ticket is not None:
        due_at = item.ticket.offered_until if item.type is T.OFFERED else item.ticket.sla_due_at
        if due_at is not None:
            return due_at
    return since + LIFE.get(item.type, DAY)


def _urgency(items: Sequence[MessageItem]) -> Urgency:
    is_urgent = any(
        item.type in HIGH or (item.ticket is not None and item.ticket.priority is Priority.URGENT) for item in items
    )
    return "high" if is_urgent else "normal"


def _topic(message: Message) -> str:
    if message.ticket is not None:
        return f"ticket-{message.ticket.number}"
    types = {item.type for item in message.items}
    return message.kind if len(types) > 1 or message.items[0].ticket is not None else types.pop().value


def _payload(message: Message, topic: str) -> bytes:
    """Titles and names, no words of replies: it is shown on locked screens."""
    title, body, url = _words(message)
    return _json(
        {
            "title": cut(title, LONGEST_TITLE),
            "body": cut(body, LONGEST_BODY),
            "url": url,
            "tag": topic,
            "type": message.types[0] if len(message.types) == 1 else message.kind,
            "notifications": [item.notification for item in message.items[-MOST_IDS:]],
            "unread": message.unread,
        }
    )


def _words(message: Message) -> tuple[str, str, str]:
    last, ticket = message.items[-1], message.ticket
    if ticket is not None:
        said = " ".join(dict.fromkeys(sentence(item) for item in message.items))
        return (
            f"#{ticket.number} {ticket.title}",
            f"{said} {WHY.get(last.why, '')}".strip(),
            f"/tickets/{ticket.number}",
        )
    if len(message.items) == 1:
        return sentence(last), WHY.get(last.why, ""), "/"
    return f"{len(message.items)} notifications", counts(message.items), "/"


def _json(payload: dict[str, Any]) -> bytes:
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) > LONGEST_PAYLOAD:
        raise AssertionError(f"a push of {len(text)} bytes")  # title, body and ids are cut far below
    return text
