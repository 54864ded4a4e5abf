"""Makers of messages, as they are read when they are to be sent."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.ids import MessageId, NotificationId, TicketNumber
from domain.message import Message, MessageItem, Receiver, TicketGlance
from domain.notification import Channel, NotificationType
from domain.ticket import Priority, Status
from tests.factories import REQUESTER

AT = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
RITA = Receiver(REQUESTER, "Rita", "rita@example.com", "UTC")


def glance(number: int = 1042, title: str = "The printer is on fire", **changes: Any) -> TicketGlance:
    made = TicketGlance(TicketNumber(number), title, Status.OPEN, Priority.NORMAL, None, None)
    return made._replace(**changes)


def item(
    type: NotificationType = NotificationType.REPLIED, kind: str = "", number: int = 1, **changes: Any
) -> MessageItem:
    """The `number`th notification, so many minutes after nine."""
    at = AT + timedelta(minutes=number % 1000)
    return MessageItem(NotificationId(number), type, kind, "assignee", at, glance(), "Anna")._replace(**changes)


def message(*items: MessageItem, **changes: Any) -> Message:
    made = Message(MessageId(UUID(int=7)), Channel.PUSH, "ticket", AT, RITA, items or (item(),))
    return made._replace(**changes)
