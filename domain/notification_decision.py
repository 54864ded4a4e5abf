"""What is decided of a notification, by channel, and the words for why. Every decision is kept: it answers "why did I
(not) hear of this?"."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """`sends` and `skips` are final: a channel has one of them for a notification, and it never changes."""

    SENDS = "sends"
    WAITS = "waits"
    SKIPS = "skips"


class Reason(StrEnum):
    """Why. The same word may wait first and send later: `daily`."""

    NOW = "now"
    URGENT = "urgent"
    STILL_UNREAD = "still_unread"
    DAILY = "daily"
    BUNDLING = "bundling"
    IF_UNREAD = "if_unread"
    QUIET_HOURS = "quiet_hours"
    OFF = "off"
    READ_IN_TIME = "read_in_time"
    NO_LONGER_VISIBLE = "no_longer_visible"
    NO_DEVICE = "no_device"
    ADDRESS_NOT_VERIFIED = "address_not_verified"
    INACTIVE = "inactive"
    FOLDED = "folded"
    MUTED = "muted"


SENTENCES = {
    Reason.NOW: "It was to come as soon as possible.",
    Reason.URGENT: "It was urgent, so quiet hours did not hold it.",
    Reason.STILL_UNREAD: "It was still unread after the time for that.",
    Reason.DAILY: "It comes with the daily digest.",
    Reason.BUNDLING: "It is collected with others of the same minutes.",
    Reason.IF_UNREAD: "It comes if it stays unread.",
    Reason.QUIET_HOURS: "There are quiet hours.",
    Reason.OFF: "This channel is off for notifications of this type.",
    Reason.READ_IN_TIME: "It was read in the inbox before.",
    Reason.NO_LONGER_VISIBLE: "The ticket could not be seen any more.",
    Reason.NO_DEVICE: "No device was registered.",
    Reason.ADDRESS_NOT_VERIFIED: "The e-mail address was not confirmed.",
    Reason.INACTIVE: "The account was not active.",
    Reason.FOLDED: "The mail of the same minutes told of it.",
    Reason.MUTED: "Notifications of this type are kept out of the inbox.",
}
"""Each reason as a sentence for the person whose notification it is."""


class Decision(NamedTuple):
    """What holds of one notification by one channel. `until`: when it is looked at again; of what waits only."""

    outcome: Outcome
    reason: Reason
    until: datetime | None = None

    @property
    def is_final(self) -> bool:
        return self.outcome is not Outcome.WAITS
