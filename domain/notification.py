"""What a person is told of: the types of notifications, the channels they come by, and what is told how by default."""

from enum import StrEnum
from typing import NamedTuple

from domain.people import Role


class NotificationType(StrEnum):
    """The types that people choose by. A notification also keeps the `kind` that caused it, which says more."""

    ASSIGNED = "assigned"
    OFFERED = "offered"
    """A ticket may be taken, or may not be any more."""
    REASSIGNED = "reassigned"
    """A ticket of theirs went to somebody else."""
    OPENED = "opened"
    """Somebody else opened a ticket for them."""
    MENTIONED = "mentioned"
    REPLIED = "replied"
    STATUS_CHANGED = "status_changed"
    SLA_WARNING = "sla_warning"
    SLA_BREACH = "sla_breach"
    ESCALATION = "escalation"
    SHIFT_ENDING = "shift_ending"
    BREAK_REMINDER = "break_reminder"
    HAND_OVER = "hand_over"
    """A ticket of theirs was handed over, for they are not there."""
    SWAP_REQUEST = "swap_request"
    """Of shifts that change hands: asked, taken, decided."""
    TIME_OFF = "time_off"
    RATED = "rated"
    """Their work was rated by whom it was done for."""
    DIGEST = "digest"


ALARMS = frozenset({NotificationType.SLA_BREACH, NotificationType.ESCALATION})
"""They come together when a ticket is late, and a storm of them is one storm."""


class Channel(StrEnum):
    IN_APP = "in_app"
    EMAIL = "email"
    PUSH = "push"


class Mode(StrEnum):
    """When a channel other than the inbox is used."""

    OFF = "off"
    NOW = "now"
    """At once by push; by mail when the time for bundling is over."""
    IF_UNREAD = "if_unread"
    """When it is still unread after a while: the channel to fall back to."""
    DAILY = "daily"
    """With the daily digest; by mail only."""


class Choice(NamedTuple):
    """How a person is told of one type."""

    in_app: bool = True
    email: Mode = Mode.OFF
    push: Mode = Mode.OFF


WHY = {
    "assignee": "You are the assignee.",
    "requester": "You asked for the ticket.",
    "watcher": "You watch the ticket.",
    "team": "You are in the ticket's team.",
    "role": "Your role hears of it.",
    "mentioned": "Somebody mentioned you.",
    "person": "It is about you.",
}
"""Why somebody hears, as it is stored, and as a sentence."""

_T = NotificationType
KIND_TYPES: dict[str, NotificationType] = {
    "shift.ending": _T.SHIFT_ENDING,
    "break.due": _T.BREAK_REMINDER,
    "digest": _T.DIGEST,
}


def type_of(kind: str) -> NotificationType:
    """The type of a notification that is about no ticket. Raises ValueError for a kind that is nobody's."""
    if kind.startswith("time_off."):
        return _T.TIME_OFF
    if kind.startswith("shift.") and kind not in KIND_TYPES:
        return _T.SWAP_REQUEST
    if kind not in KIND_TYPES:
        raise ValueError(f"nothing tells of {kind}")
    return KIND_TYPES[kind]


_DESK: dict[NotificationType, Choice] = {
    _T.ASSIGNED: Choice(push=Mode.NOW, email=Mode.IF_UNREAD),
    _T.OFFERED: Choice(push=Mode.NOW),
    _T.REASSIGNED: Choice(),
    _T.OPENED: Choice(email=Mode.IF_UNREAD),
    _T.MENTIONED: Choice(push=Mode.NOW, email=Mode.IF_UNREAD),
    _T.REPLIED: Choice(push=Mode.NOW, email=Mode.IF_UNREAD),
    _T.STATUS_CHANGED: Choice(email=Mode.OFF),
    _T.SLA_WARNING: Choice(push=Mode.NOW),
    _T.SLA_BREACH: Choice(push=Mode.NOW, email=Mode.NOW),
    _T.ESCALATION: Choice(push=Mode.NOW, email=Mode.NOW),
    _T.SHIFT_ENDING: Choice(push=Mode.NOW),
    _T.BREAK_REMINDER: Choice(push=Mode.NOW),
    _T.HAND_OVER: Choice(),
    _T.SWAP_REQUEST: Choice(push=Mode.NOW, email=Mode.IF_UNREAD),
    _T.TIME_OFF: Choice(push=Mode.NOW, email=Mode.IF_UNREAD),
    _T.RATED: Choice(),
    _T.DIGEST: Choice(),
}
_REQUESTER = _DESK | {
    _T.OPENED: Choice(push=Mode.NOW, email=Mode.NOW),
    _T.REPLIED: Choice(push=Mode.NOW, email=Mode.NOW),
    _T.STATUS_CHANGED: Choice(push=Mode.NOW, email=Mode.NOW),
}


def default_choices(role: Role) -> dict[NotificationType, Choice]:
    """What holds for whoever chose nothing, for every type: requesters live by mail, the desk by its screen."""
    return dict(_DESK if role.is_desk else _REQUESTER)
