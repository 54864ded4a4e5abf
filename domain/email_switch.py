"""One click in a mail ends mails like it; another one brings them back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from domain.ids import PersonId
from domain.notification import Mode, NotificationType, default_choices
from domain.people import Role

SWITCH_LIFETIME = timedelta(days=30)
"""How long the link of a mail is good for: laws ask for 30 days at least, and no key verifies for longer."""

ABOUT: dict[NotificationType, str] = {
    NotificationType.ASSIGNED: "tickets that you are given",
    NotificationType.OFFERED: "tickets that you may take",
    NotificationType.REASSIGNED: "tickets of yours that go to somebody else",
    NotificationType.OPENED: "tickets that others open for you",
    NotificationType.MENTIONED: "mentions of you",
    NotificationType.REPLIED: "replies",
    NotificationType.STATUS_CHANGED: "new statuses of tickets",
    NotificationType.SLA_WARNING: "tickets that are due soon",
    NotificationType.SLA_BREACH: "tickets that are overdue",
    NotificationType.ESCALATION: "escalations",
    NotificationType.SHIFT_ENDING: "the end of your shift",
    NotificationType.BREAK_REMINDER: "your breaks",
    NotificationType.HAND_OVER: "tickets that are handed over for you",
    NotificationType.SWAP_REQUEST: "requests about shifts",
    NotificationType.TIME_OFF: "time off",
    NotificationType.RATED: "ratings of tickets",
    NotificationType.DIGEST: "your day, once a day",
}
"""What mails of each type are about, to their reader."""


class EmailSwitch(NamedTuple):
    """What a link does once its button is pressed: whose mails of these types come how from then on."""

    person: PersonId
    modes: Mapping[NotificationType, Mode]

    @property
    def is_off(self) -> bool:
        """Whether it ends mails, rather than bringing them back."""
        return all(mode is Mode.OFF for mode in self.modes.values())


def switched_off(person: PersonId, types: tuple[NotificationType, ...]) -> EmailSwitch:
    """What the link of a mail about these types does."""
    return EmailSwitch(person, dict.fromkeys(types, Mode.OFF))


def way_back(switch: EmailSwitch, before: Mapping[NotificationType, Mode], role: Role) -> EmailSwitch:
    """What brings mails back as they came before. A type of which none came (the link was used twice, say) comes as
    by default; where the default is none, at once, and the digest daily."""
    defaults = default_choices(role)

    def mode(type: NotificationType) -> Mode:
        known = (before.get(type, Mode.OFF), defaults[type].email)
        last = Mode.DAILY if type is NotificationType.DIGEST else Mode.NOW
        return next((one for one in known if one is not Mode.OFF), last)

    return EmailSwitch(switch.person, {type: mode(type) for type in switch.modes})
