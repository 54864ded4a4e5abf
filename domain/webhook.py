"""Webhooks: who is told what of the event log, and what becomes of each telling.

A webhook is an address outside with a filter. Each event that it is to hear of is one delivery to it; a delivery is
tried until it ends for good, and every try is kept. Deliveries of one lane (a ticket, an agent, a team's queue) go out
one after the other, in the log's order; lanes do not wait for each other.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, get_args

from domain.agent_events import AgentPresenceChanged
from domain.ids import PersonId, TicketNumber
from domain.ticket import Slug
from domain.ticket_events import TicketEvent, TicketLadderClimbed

ALL_EVENTS = "*"
PING = "webhook.ping"
"""Sent when somebody tries a webhook out; it is about no event."""
LADDER = str(TicketLadderClimbed.model_fields["type"].default)
QUEUE_CHANGED = "queue.changed"
EVENT_TYPES = frozenset(
    [
        *(str(kind.model_fields["type"].default) for kind in get_args(get_args(TicketEvent)[0])),
        str(AgentPresenceChanged.model_fields["type"].default),
        QUEUE_CHANGED,
    ]
)
"""What a webhook can hear of: all that the stream tells of tickets, presence and queues, but for the overview's counts,
which are for screens."""
MAX_WEBHOOKS = 50
MAX_TEAMS = 50
USUAL_GRACE = timedelta(hours=24)
"""How long a secret stays good beside the one that takes over from it."""
LONGEST_GRACE = timedelta(days=7)
KEPT_ANSWER_BYTES = 2048

WebhookSource = Literal["desk", "sla_ladder"]
"""Who asked for it: an admin, or an escalation ladder that names its address."""
DisabledReason = Literal["by_hand", "gone", "failing"]


class DeliveryState(StrEnum):
    PENDING = "pending"
    """Waits for its first or next attempt, or for the one before it in its lane."""
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Its webhook was disabled by hand before it went out, or its event is not there any more."""


class Told(NamedTuple):
    """An event, as far as it matters who hears of it."""

    type: str
    internal: bool
    teams: frozenset[Slug]
    """Whose it is; of a ticket that moves, also whose it was."""


class WebhookFilter(NamedTuple):
    """What a webhook hears of."""

    events: frozenset[str] = frozenset({ALL_EVENTS})
    teams: frozenset[Slug] | None = None
    """None: of all teams, and of what is no team's."""
    include_internal: bool = False
    """Also of what the desk alone may see."""

    def takes(self, event: Told) -> bool:
        if event.type not in EVENT_TYPES or (event.internal and not self.include_internal):
            return False
        is_of_type = ALL_EVENTS in self.events or event.type in self.events
        return is_of_type and (self.teams is None or not self.teams.isdisjoint(event.teams))


def lane_of(ticket: TicketNumber | None, agent: PersonId | None, team: Slug | None) -> str:
    """Within what an event keeps its order."""
    if ticket is not None:
        return f"ticket:{ticket}"
    return f"queue:{team}" if agent is None else f"agent:{agent}"


class SendResult(NamedTuple):
    """How an attempt ended, as far as it matters what comes next."""

    error: str | None = None
    """None: the receiver took it. Otherwise a code: `status`, `gone`, `redirect`, `timeout`, `unreachable`, `broken`,
    `refused`, `unsigned`."""
    status: int | None = None
    retry_after: timedelta | None = None
    """How long the receiver asked to be left alone."""


class WebhookAttempt(NamedTuple):
    """One try to deliver: what was sent, what came back, how it ended."""

    at: datetime
    duration: timedelta
    result: SendResult
    request_headers: Mapping[str, str]
    request_sha256: bytes
    request_bytes: int
    answer_headers: Mapping[str, str] = {}
    answer_body: str | None = None
    """At most `KEPT_ANSWER_BYTES` of it, as far as they are text."""
    is_cut: bool = False
    """The answer had more than that."""
    is_probe: bool = False
    """It asked whether the receiver is back."""
