"""The ticket as the rules see it: everything that decides, and no text that names a person."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.ids import PersonId, TextId, TicketNumber
from domain.offer import Offer
from domain.skill import SkillNeed
from domain.sla_clock import TicketSla, sla_due_at

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
"""A short name made for machines: a team, category, skill or tag."""

MAX_TITLE = 200
MAX_BODY = 50_000
MAX_LABELS = 20
MAX_ESTIMATED_MINUTES = 60 * 24 * 30
MAX_ESCALATION_LEVEL = 3
MAX_RATING = 5


class Status(StrEnum):
    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    """Waits for the requester."""
    ON_HOLD = "on_hold"
    """Waits for a third party."""
    RESOLVED = "resolved"
    CLOSED = "closed"


_FINISHED = (Status.RESOLVED, Status.CLOSED)


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Ticket(BaseModel):
    """One ticket after `revision` events. `wording_id` names its current title and description.

    `auto_close_days` and `reopen_days` are the rules it was opened under: a setting changed later moves no promise.
    """

    model_config = ConfigDict(frozen=True)

    number: TicketNumber
    revision: int
    wording_id: TextId
    status: Status
    priority: Priority
    category: Slug
    team: Slug | None
    requester_id: PersonId
    assignee_id: PersonId | None = None
    required_skills: tuple[SkillNeed, ...] = ()
    estimated_minutes: int | None = None
    due_at: datetime | None = None
    tags: tuple[Slug, ...] = ()
    escalation_level: int = 0
    snoozed: bool = False
    snoozed_until: datetime | None = None
    auto_close_days: int
    reopen_days: int
    created_at: datetime
    updated_at: datetime
    first_responded_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    resolver_id: PersonId | None = None
    """Who had it when it was resolved, or else who resolved it; None while it is not."""
    held_open: bool = False
    """Whether it stays resolved instead of closing by itself: somebody cancelled that."""
    watcher_ids: tuple[PersonId, ...] = ()
    sla: TicketSla | None = None
    """Its clocks; None until it has been matched with the policies."""
    assigned_at: datetime | None = None
    offer: Offer | None = None
    passed_by: tuple[PersonId, ...] = ()
    """Who declined it, or let an offer pass, since somebody last had it."""
    rating: int | None = None
    """What its requester last thought of how it was handled, 1 to 5."""
    rated_at: datetime | None = None
    rating_text_id: TextId | None = None
    """The comment that came with the rating."""

    @property
    def is_finished(self) -> bool:
        """Whether the work is over (resolved or closed); it may still be reopened."""
        return self.status in _FINISHED

    @property
    def is_waiting(self) -> bool:
        """Whether it needs an owner now."""
        return self.assignee_id is None and self.status in (Status.NEW, Status.OPEN) and not self.snoozed

    @property
    def next_due_at(self) -> datetime | None:
        return next_due_at(self.status, self.due_at, self.sla)


def next_due_at(status: Status, due_at: datetime | None, sla: TicketSla | None) -> datetime | None:
    """By when something must happen next with a ticket: the earliest due moment of its clocks, or its own due date."""
    promised = sla_due_at(sla)
    own = None if status in _FINISHED else due_at
    if promised is None or own is None:
        return promised or own
    return min(promised, own)
