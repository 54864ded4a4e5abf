"""A message: what goes out to one person by one channel, for one notification or for many."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from domain.ids import MessageId, NotificationId, PersonId, PushSubscriptionId, TicketNumber
from domain.notification import Channel, NotificationType
from domain.ticket import Priority, Status

MessageKind = Literal["ticket", "bundle", "digest"]
"""About one ticket, about several, or the daily one."""
GIVE_UP_AFTER = timedelta(days=1)
"""How long sending is tried."""
LONGEST_QUOTE = 10_000
"""Characters of a reply that a mail repeats; the rest is at the ticket."""


class MessageStart(BaseModel):
    """Which message a workflow `message-<id>` sends. Its history knows the id and what became of it, nobody's name."""

    model_config = ConfigDict(frozen=True)

    message: MessageId


class Device(BaseModel):
    """A message, and a push subscription of its receiver that is to have it."""

    model_config = ConfigDict(frozen=True)

    message: MessageId
    subscription: PushSubscriptionId


class Route(BaseModel):
    """By which way a message goes. By push it goes to each of these subscriptions."""

    model_config = ConfigDict(frozen=True)

    channel: Channel
    subscriptions: tuple[PushSubscriptionId, ...] = ()


class MessageReport(BaseModel):
    """What became of a message, or of its way to one device."""

    model_config = ConfigDict(frozen=True)

    message: MessageId
    failure: str | None = None
    """A code; None: it was sent."""


class Receiver(NamedTuple):
    """Whom a message is for, as they are now."""

    id: PersonId
    name: str
    email: str
    zone: str
    """The name of the time zone in which they are told of moments."""


class TicketGlance(NamedTuple):
    """What a message says of a ticket, as it is now."""

    number: TicketNumber
    title: str
    status: Status
    priority: Priority
    sla_due_at: datetime | None
    """When the next of its clocks is due."""
    offered_until: datetime | None


class MessageItem(NamedTuple):
    """One of the notifications that a message tells of."""

    notification: NotificationId
    type: NotificationType
    kind: str
    why: str
    at: datetime
    ticket: TicketGlance | None
    actor: str | None
    """The name of whoever caused it; None: nobody, or nobody with a name."""
    text: str | None = None
    """The words of the reply or note that it tells of."""
    status: Status | None = None
    """The status that it tells of."""


class Message(NamedTuple):
    """A message with all that it says: only what its receiver may see at the moment of sending."""

    id: MessageId
    channel: Channel
    kind: MessageKind
    created_at: datetime
    receiver: Receiver
    items: tuple[MessageItem, ...]
    """In the order in which they happened; never empty."""
    previous: MessageId | None = None
    """The mail to this person about this ticket that came before."""
    unread: int = 0
    """How many notifications the receiver has not read, those of the message included."""

    @property
    def ticket(self) -> TicketGlance | None:
        """The ticket that all of it is about; None: about several, or about none."""
        tickets = {None if item.ticket is None else item.ticket.number for item in self.items}
        return self.items[0].ticket if len(tickets) == 1 else None

    @property
    def types(self) -> tuple[NotificationType, ...]:
        """What it tells of; of a digest also that it is one. Turning these off ends messages like it."""
        types = {item.type for item in self.items}
        if self.kind == "digest":
            types.add(NotificationType.DIGEST)
        return tuple(type for type in NotificationType if type in types)


class MessageNotSentError(Exception):
    """It cannot be sent, now or ever. `failure` is a code that names nobody."""

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


NOTHING_LEFT = "nothing_left"
"""The receiver may not see any of it any more, or it is gone."""
NO_ADDRESS = "no_address"
"""The receiver's address is not confirmed, or they were erased."""
INACTIVE = "inactive"
"""The receiver's account is closed."""
NO_DEVICE = "no_device"
"""The receiver has no push subscription, or none any more."""
TOO_LATE = "too_late"
"""What it tells of is over."""
GIVEN_UP = "given_up"
"""Nobody took it for a day."""
GONE = "gone"
"""The device's subscription has ended."""
