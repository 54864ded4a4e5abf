"""What happened to a ticket. Past tense, one revision each; a field named like one of the ticket's is its new value.

The events of a ticket, applied in order (`lifecycle.evolve`), give the ticket: the row is only their sum.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from domain.ids import AttachmentId, CommandId, DecisionId, PersonId, TextId, TicketNumber
from domain.offer import Offer
from domain.people import Actor
from domain.skill import SkillNeed
from domain.sla_clock import Audience, Clock, Segment, Target, TicketSla
from domain.sla_ladder import StepAction
from domain.ticket import Priority, Slug, Status
from domain.ticket_commands import Clearable, MomentId, TimerCommand, UnassignReason

StatusReason = Literal["by_hand", "requester_replied", "agent_replied", "auto_closed"]
AssignedBy = Literal["hand", "claim", "dispatch", "offer", "ladder"]
WakeReason = Literal["by_hand", "moment_came", "requester_replied", "finished"]
_TEXTS = ("text_id", "wording_id", "rating_text_id")


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)

    sets: ClassVar[tuple[str, ...]] = ()
    """The fields whose values `evolve` copies onto the ticket."""
    is_internal: ClassVar[bool] = False
    """Whether only the desk may see any event of the kind."""

    @property
    def for_desk_only(self) -> bool:
        """Whether only the desk may see the event."""
        return self.is_internal

    @property
    def brings_text(self) -> TextId | None:
        """The text that came with it: a wording, a reply, a note, a comment."""
        return next((text for name in _TEXTS if (text := getattr(self, name, None)) is not None), None)


class TicketOpened(_Event):
    type: Literal["ticket.opened"] = "ticket.opened"
    wording_id: TextId
    requester_id: PersonId
    status: Status = Status.NEW
    priority: Priority
    category: Slug
    team: Slug | None
    due_at: datetime | None
    required_skills: tuple[SkillNeed, ...]
    estimated_minutes: int | None
    tags: tuple[Slug, ...]
    auto_close_days: int
    reopen_days: int
    sla: TicketSla | None = None


class TicketEdited(_Event):
    """Fields that are None are unchanged; `clear` names those that became empty."""

    type: Literal["ticket.edited"] = "ticket.edited"
    wording_id: TextId | None = None
    priority: Priority | None = None
    category: Slug | None = None
    due_at: datetime | None = None
    required_skills: tuple[SkillNeed, ...] | None = None
    estimated_minutes: int | None = None
    tags: tuple[Slug, ...] | None = None
    clear: tuple[Clearable, ...] = ()


class TicketMoved(_Event):
    """The ticket went to another team's queue (or to none)."""

    type: Literal["ticket.moved"] = "ticket.moved"
    sets = ("team",)
    team: Slug | None
    previous: Slug | None


class TicketReplied(_Event):
    """A public reply. `by_desk` tells the desk's words from the requester's, `is_answer` whether a person of the desk
    spoke: a robot's receipt answers nobody."""

    type: Literal["ticket.replied"] = "ticket.replied"
    sets = ("first_responded_at",)
    text_id: TextId
    by_desk: bool
    is_answer: bool
    first_responded_at: datetime | None
    mention_ids: tuple[PersonId, ...] = ()


class TicketNoted(_Event):
    """An internal note."""

    type: Literal["ticket.noted"] = "ticket.noted"
    is_internal = True
    text_id: TextId
    mention_ids: tuple[PersonId, ...] = ()


class _AttachmentEvent(_Event):
    attachment_id: AttachmentId
    internal: bool

    @property
    def for_desk_only(self) -> bool:
        return self.internal


class AttachmentAdded(_AttachmentEvent):
    type: Literal["ticket.attachment_added"] = "ticket.attachment_added"


class AttachmentRemoved(_AttachmentEvent):
    """The file is gone for good, with its name; only that there was one is still told."""

    type: Literal["ticket.attachment_removed"] = "ticket.attachment_removed"


class TicketStatusChanged(_Event):
    type: Literal["ticket.status_changed"] = "ticket.status_changed"
    sets = ("status", "resolved_at", "closed_at", "resolver_id", "held_open")
    status: Status
    previous: Status
    reason: StatusReason
    resolved_at: datetime | None
    closed_at: datetime | None
    resolver_id: PersonId | None = None
    held_open: Literal[False] = False


class TicketAssigned(_Event):
    """Somebody has the ticket from now on. `override`: whatever they carried already."""

    type: Literal["ticket.assigned"] = "ticket.assigned"
    sets = ("assignee_id", "assigned_at", "offer", "passed_by")
    assignee_id: PersonId
    previous_id: PersonId | None
    assigned_at: datetime | None = None
    by: AssignedBy = "hand"
    override: bool = False
    decision_id: DecisionId | None = None
    offer: None = None
    passed_by: tuple[PersonId, ...] = ()


class TicketUnassigned(_Event):
    """The ticket waits in its team's queue again, at its old place."""

    type: Literal["ticket.unassigned"] = "ticket.unassigned"
    sets = ("assignee_id", "assigned_at", "passed_by")
    assignee_id: None = None
    assigned_at: None = None
    previous_id: PersonId
    reason: UnassignReason = "by_hand"
    passed_by: tuple[PersonId, ...] = ()


class TicketOffered(_Event):
    """Some may take the ticket until a moment; the first one gets it."""

    type: Literal["ticket.offered"] = "ticket.offered"
    sets = ("offer",)
    is_internal = True
    offer: Offer


class TicketOfferDeclined(_Event):
    type: Literal["ticket.offer_declined"] = "ticket.offer_declined"
    sets = ("offer", "passed_by")
    is_internal = True
    declined_by: PersonId
    offer: Offer | None
    passed_by: tuple[PersonId, ...]


class TicketOfferExpired(_Event):
    """Nobody took the ticket in time."""

    type: Literal["ticket.offer_expired"] = "ticket.offer_expired"
    sets = ("offer", "passed_by")
    is_internal = True
    offered_to: tuple[PersonId, ...]
    offer: None = None
    passed_by: tuple[PersonId, ...]


class TicketOfferWithdrawn(_Event):
    """Those who were asked need not answer any more: somebody was quicker, or the ticket does not wait any more."""

    type: Literal["ticket.offer_withdrawn"] = "ticket.offer_withdrawn"
    sets = ("offer",)
    is_internal = True
    withdrawn_from: tuple[PersonId, ...]
    offer: None = None


class TicketEscalated(_Event):
    type: Literal["ticket.escalated"] = "ticket.escalated"
    sets = ("escalation_level",)
    escalation_level: int


class TicketDeescalated(_Event):
    type: Literal["ticket.de_escalated"] = "ticket.de_escalated"
    sets = ("escalation_level",)
    escalation_level: int = 0


class TicketSnoozed(_Event):
    type: Literal["ticket.snoozed"] = "ticket.snoozed"
    sets = ("snoozed", "snoozed_until")
    snoozed: Literal[True] = True
    snoozed_until: datetime | None


class TicketWoken(_Event):
    type: Literal["ticket.woken"] = "ticket.woken"
    sets = ("snoozed", "snoozed_until")
    snoozed: Literal[False] = False
    snoozed_until: None = None
    reason: WakeReason


class TicketSlaChanged(_Event):
    """The clocks were kept over the events before it: here is how they stand, and what they counted until then.

    `over` are the cycles that ended and were followed by the next one at once.
    """

    type: Literal["ticket.sla_changed"] = "ticket.sla_changed"
    sets = ("sla",)
    is_internal = True
    sla: TicketSla
    segments: tuple[Segment, ...] = ()
    over: tuple[Clock, ...] = ()


class TicketSlaWarned(_Event):
    """A share of a clock's goal is used up."""

    type: Literal["ticket.sla_warning"] = "ticket.sla_warning"
    sets = ("sla",)
    is_internal = True
    audience: Audience
    target: Target
    cycle: int
    percent: int
    clock_due_at: datetime
    sla: TicketSla


class TicketSlaBreached(_Event):
    """All of a clock's goal is used up, and the target is not met."""

    type: Literal["ticket.sla_breached"] = "ticket.sla_breached"
    sets = ("sla",)
    is_internal = True
    audience: Audience
    target: Target
    cycle: int
    clock_due_at: datetime
    sla: TicketSla


class TicketLadderClimbed(_Event):
    """A step of the escalation ladder was taken: who hears and what else is done is in its actions."""

    type: Literal["ticket.ladder_climbed"] = "ticket.ladder_climbed"
    sets = ("sla",)
    is_internal = True
    round: int
    step: int
    actions: tuple[StepAction, ...]
    sla: TicketSla


class TicketLadderHeld(_Event):
    """The next step of the escalation ladder was put off: nobody of the team was there to hear of it."""

    type: Literal["ticket.ladder_held"] = "ticket.ladder_held"
    sets = ("sla",)
    is_internal = True
    until: datetime
    sla: TicketSla


class TicketAcknowledged(_Event):
    """Somebody took the escalation on: its ladder goes no further."""

    type: Literal["ticket.acknowledged"] = "ticket.acknowledged"
    sets = ("sla",)
    is_internal = True
    sla: TicketSla


class TicketWatched(_Event):
    """Somebody watches the ticket from now on."""

    type: Literal["ticket.watched"] = "ticket.watched"
    sets = ("watcher_ids",)
    is_internal = True
    watcher_ids: tuple[PersonId, ...]


class TicketUnwatched(_Event):
    """Somebody does not watch the ticket any more."""

    type: Literal["ticket.unwatched"] = "ticket.unwatched"
    sets = ("watcher_ids",)
    is_internal = True
    watcher_ids: tuple[PersonId, ...]


class TicketRated(_Event):
    """The requester said how the ticket was handled. `resolver_id` is whom that judges, whoever has the ticket
    later."""

    type: Literal["ticket.rated"] = "ticket.rated"
    sets = ("rating", "rated_at", "rating_text_id", "resolver_id")
    rating: int
    previous_rating: int | None
    rated_at: datetime
    rating_text_id: TextId | None
    resolver_id: PersonId | None


class TicketSeniorMissing(_Event):
    """A step of the ladder was to give the ticket to a senior agent, and there is none for it."""

    type: Literal["ticket.senior_missing"] = "ticket.senior_missing"
    is_internal = True
    skill: Slug | None
    min_level: int


class TicketMomentCancelled(_Event):
    """Somebody struck a pending moment: what it would have brought at `moment_at` does not come by itself."""

    type: Literal["ticket.moment_cancelled"] = "ticket.moment_cancelled"
    sets = ("held_open",)
    is_internal = True
    moment: MomentId
    moment_at: datetime
    brings: TimerCommand
    held_open: bool


class TicketTermsTaken(_Event):
    """A rollout gave the ticket these versions of policy and calendar (None: no policy fits any more)."""

    type: Literal["ticket.terms_taken"] = "ticket.terms_taken"
    is_internal = True
    rollout_id: int
    policy_version: int | None
    calendar_version: int | None
    moves_ladder: bool


class TicketTermsTakenBack(_Event):
    """A rollout was undone: the ticket runs on the terms from before it."""

    type: Literal["ticket.terms_taken_back"] = "ticket.terms_taken_back"
    is_internal = True
    rollout_id: int


class CommandRefused(_Event):
    """A signal asked for something illegal; nothing else changed. `command` is its type as far as it could be read."""

    type: Literal["ticket.command_refused"] = "ticket.command_refused"
    is_internal = True
    command: str
    code: str


TicketEvent = Annotated[
    TicketOpened
    | TicketEdited
    | TicketMoved
    | TicketReplied
    | TicketNoted
    | AttachmentAdded
    | AttachmentRemoved
    | TicketStatusChanged
    | TicketAssigned
    | TicketUnassigned
    | TicketOffered
    | TicketOfferDeclined
    | TicketOfferExpired
    | TicketOfferWithdrawn
    | TicketEscalated
    | TicketDeescalated
    | TicketSnoozed
    | TicketWoken
    | TicketSlaChanged
    | TicketSlaWarned
    | TicketSlaBreached
    | TicketLadderClimbed
    | TicketLadderHeld
    | TicketAcknowledged
    | TicketWatched
    | TicketUnwatched
    | TicketRated
    | TicketSeniorMissing
    | TicketMomentCancelled
    | TicketTermsTaken
    | TicketTermsTakenBack
    | CommandRefused,
    Field(discriminator="type"),
]

TICKET_EVENT: TypeAdapter[TicketEvent] = TypeAdapter(TicketEvent)


class TicketChange(BaseModel):
    """Everything that one command did: the unit of `record`, one database transaction.

    `events` take the revisions `first_revision`, `first_revision + 1`, ... of ticket `number`.
    """

    model_config = ConfigDict(frozen=True)

    command_id: CommandId
    fingerprint: str = ""
    number: TicketNumber
    actor: Actor
    at: datetime
    first_revision: int
    events: tuple[TicketEvent, ...]

    def followed_by(self, *events: TicketEvent) -> "TicketChange":
        """The same change with what it entails."""
        return self.model_copy(update={"events": (*self.events, *events)})

    @property
    def last_revision(self) -> int:
        return self.first_revision + len(self.events) - 1


class PastChange(NamedTuple):
    """A change as the event log tells it later: what happened at one moment, by one command, a timer's or another."""

    at: datetime
    first_revision: int
    events: tuple[TicketEvent, ...]
    by_timer: bool = False
