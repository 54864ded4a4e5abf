"""A person who is told of things, step by step: the facts are kept as the database keeps them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from domain.ids import NotificationId, TicketNumber
from domain.notification import Channel, Choice, NotificationType
from domain.notification_decision import Decision, Outcome
from domain.notification_plan import Facts, NewMessage, Plan, Unsettled, plan
from domain.notification_settings import NotificationSettings, Preferences
from domain.people import Role
from domain.ticket import Priority

NOON = datetime(2030, 1, 7, 12, 0, tzinfo=UTC)
"""A Monday."""
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Sent(NamedTuple):
    """A message, when it was made, and what it tells."""

    at: datetime
    message: NewMessage
    tells: tuple[NotificationId, ...]


class Told:
    """One person. `looks` makes a plan and keeps it; `goes_on_until` makes one whenever something comes."""

    def __init__(
        self,
        role: Role = Role.AGENT,
        choices: Mapping[NotificationType, Choice] | None = None,
        **settings: Any,
    ) -> None:
        self.now = NOON
        self.preferences = Preferences.of(role, NotificationSettings(**settings), choices or {})
        self.person: dict[str, bool] = {}
        self.notifications: dict[NotificationId, Unsettled] = {}
        self.settled: set[NotificationId] = set()
        self.decisions: list[tuple[datetime, NotificationId, Channel, Decision]] = []
        self.sent: list[Sent] = []
        self.digests: list[str] = []
        self.next_at: datetime | None = None

    def hears(self, type: NotificationType, ticket: int | None = 7, **fields: Any) -> NotificationId:
        """Something is told to them now, and looked at."""
        id = self.is_told(type, ticket, **fields)
        self.looks()
        return id

    def is_told(self, type: NotificationType, ticket: int | None = 7, **fields: Any) -> NotificationId:
        """Something is told to them now; nobody looks yet."""
        id = NotificationId(len(self.notifications) + 1)
        number = None if ticket is None else TicketNumber(ticket)
        defaults = {"at": self.now, "priority": None if ticket is None else Priority.NORMAL}
        self.notifications[id] = Unsettled(id, type, ticket=number, **(defaults | fields))
        return id

    def change(self, id: NotificationId, **fields: Any) -> None:
        self.notifications[id] = self.notifications[id]._replace(**fields)

    def reads(self, id: NotificationId) -> None:
        self.change(id, read_at=self.now)

    def passes(self, time: timedelta) -> None:
        """The time passes, and whatever comes meanwhile comes."""
        self.goes_on_until(self.now + time)

    def goes_on_until(self, end: datetime) -> None:
        while self.next_at is not None and self.next_at <= end:
            self.now = max(self.now, self.next_at)
            self.looks()
        self.now = end

    @property
    def facts(self) -> Facts:
        pushed: dict[NotificationType, datetime] = {}
        for sent in self.sent:
            if sent.message.channel is Channel.PUSH:
                pushed |= {self.notifications[id].type: sent.at for id in sent.tells}
        unsettled = [one for id, one in self.notifications.items() if id not in self.settled]
        return Facts(self.preferences, unsettled, pushed, **self.person)

    def looks(self) -> Plan:
        planned = plan(self.facts, self.now)
        tells: dict[int, list[NotificationId]] = {place: [] for place in range(len(planned.messages))}
        for new in planned.decisions:
            before = self.notifications[new.notification]
            self.change(new.notification, decided={**before.decided, new.channel: new.decision})
            self.decisions.append((self.now, new.notification, new.channel, new.decision))
            if new.message is not None:
                tells[new.message].append(new.notification)
        self.sent += [Sent(self.now, one, tuple(tells[place])) for place, one in enumerate(planned.messages)]
        self.settled |= set(planned.settled)
        self.digests += [f"{planned.digest_of}"] if planned.digest_of else []
        self.next_at = planned.next_at
        return planned

    # What a test asks.

    def came(self, channel: Channel) -> list[tuple[timedelta, str, tuple[int, ...]]]:
        """The messages of a channel: how long after noon, of which kind, and what they tell."""
        return [(one.at - NOON, one.message.kind, one.tells) for one in self.sent if one.message.channel is channel]

    @property
    def mails(self) -> list[tuple[timedelta, str, tuple[int, ...]]]:
        return self.came(Channel.EMAIL)

    @property
    def pushes(self) -> list[tuple[timedelta, str, tuple[int, ...]]]:
        return self.came(Channel.PUSH)

    def trace(self, id: NotificationId, channel: Channel) -> list[str]:
        """What was decided of one by a channel, in order."""
        return [
            f"{one.outcome} {one.reason}" + (f" until {one.until - NOON}" if one.until else "")
            for _, about, by, one in self.decisions
            if about == id and by is channel
        ]

    def final(self, id: NotificationId, channel: Channel) -> str:
        """The last word on one."""
        decision = self.notifications[id].decided[channel]
        assert decision.outcome is not Outcome.WAITS
        return f"{decision.outcome} {decision.reason}"
