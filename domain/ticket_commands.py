"""What one may ask of a ticket. Imperative, without texts: those are stored first and named by id."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from domain.ids import AttachmentId, CommandId, DecisionId, PersonId, TextId
from domain.mention import MOST_MENTIONS
from domain.offer import Offer
from domain.people import Actor
from domain.skill import SkillNeed
from domain.sla_clock import Audience, ClockKey, Target
from domain.ticket import (
    MAX_ESCALATION_LEVEL,
    MAX_ESTIMATED_MINUTES,
    MAX_LABELS,
    MAX_RATING,
    Priority,
    Slug,
    Status,
)

Labels = Annotated[tuple[Slug, ...], Field(max_length=MAX_LABELS)]
Skills = Annotated[tuple[SkillNeed, ...], Field(max_length=MAX_LABELS)]
Minutes = Annotated[int, Field(ge=1, le=MAX_ESTIMATED_MINUTES)]
Score = Annotated[int, Field(ge=1, le=MAX_RATING)]
"""How well a ticket was handled: 1 is badly."""
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""No desk plans outside these, and every clock and database can hold what lies between."""


def _in_utc(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("a moment lies between 1970 and 2200")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with its zone as given, in UTC from here on."""
MomentId = Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z0-9_]+){0,4}$", max_length=100)]
"""Names a pending moment, as `sla_breach.customer.resolution.1`."""
Clearable = Literal["team", "due_at", "estimated_minutes"]


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True)


class OpenTicket(_Command):
    """Open a ticket; `requester_id` is the person it is for. Decided by the API itself, never sent to a workflow."""

    wording_id: TextId
    requester_id: PersonId
    priority: Priority = Priority.NORMAL
    category: Slug = "general"
    team: Slug | None = None
    due_at: Moment | None = None
    required_skills: Skills = ()
    estimated_minutes: Minutes | None = None
    tags: Labels = ()


class EditTicket(_Command):
    """Change what is given; `clear` names what shall become empty.

    A wording is title and description together: `previous_wording_id` names the one that the writer had before them,
    so that two who change one half each do not undo each other.
    """

    type: Literal["edit"] = "edit"
    wording_id: TextId | None = None
    previous_wording_id: TextId | None = None
    priority: Priority | None = None
    category: Slug | None = None
    team: Slug | None = None
    due_at: Moment | None = None
    required_skills: Skills | None = None
    estimated_minutes: Minutes | None = None
    tags: Labels | None = None
    clear: tuple[Clearable, ...] = ()

    @model_validator(mode="after")
    def _not_both(self) -> "EditTicket":
        if both := [name for name in self.clear if getattr(self, name) is not None]:
            raise ValueError(f"{', '.join(both)} cannot be given and cleared at once")
        return self


class AddReply(_Command):
    """Add a public reply, or an internal note that only the desk sees.

    Those whom it mentions watch the ticket from then on; whether they may was checked by whoever sends it.
    """

    type: Literal["reply"] = "reply"
    text_id: TextId
    internal: bool = False
    mention_ids: Annotated[tuple[PersonId, ...], Field(max_length=MOST_MENTIONS)] = ()


class AddAttachment(_Command):
    """Attach a file that is stored already, for everybody who sees the ticket or for the desk alone."""

    type: Literal["add_attachment"] = "add_attachment"
    attachment_id: AttachmentId
    internal: bool = False


class RemoveAttachment(_Command):
    """Take a file away. `internal` says again which side it is on, so that the event is on the same."""

    type: Literal["remove_attachment"] = "remove_attachment"
    attachment_id: AttachmentId
    internal: bool = False


class ChangeStatus(_Command):
    type: Literal["change_status"] = "change_status"
    status: Status


UnassignReason = Literal["by_hand", "shift_ended", "away", "silent", "deactivated"]


class AssignTicket(_Command):
    """Give to a person. `override`: although they carry as much as they can. `decision_id` names the dispatcher's
    reasons."""

    type: Literal["assign"] = "assign"
    assignee_id: PersonId
    override: bool = False
    decision_id: DecisionId | None = None


class UnassignTicket(_Command):
    """Return to the team's queue, at the old place."""

    type: Literal["unassign"] = "unassign"
    reason: UnassignReason = "by_hand"


class ClaimTicket(_Command):
    """Assign to oneself, if nobody else has it. `override`: although one carries as much as one can."""

    type: Literal["claim"] = "claim"
    override: bool = False


class OfferTicket(_Command):
    """Ask these whether they take it, until a moment. `is_hand_over`: its owner keeps it until somebody does."""

    type: Literal["offer"] = "offer"
    to: Annotated[tuple[PersonId, ...], Field(min_length=1, max_length=50)]
    expires_at: Moment
    decision_id: DecisionId | None = None
    is_hand_over: bool = False

    @property
    def offer(self) -> Offer:
        return Offer(**self.model_dump(exclude={"type"}))


class AcceptOffer(_Command):
    """Take what was offered to oneself."""

    type: Literal["accept_offer"] = "accept_offer"


class DeclineOffer(_Command):
    """Leave to others what was offered to oneself."""

    type: Literal["decline_offer"] = "decline_offer"


class ExpireOffer(_Command):
    """The time of an offer is over. A timer's command: without effect when overtaken."""

    type: Literal["expire_offer"] = "expire_offer"


class EscalateTicket(_Command):
    """Raise the escalation level: to `level`, or by one."""

    type: Literal["escalate"] = "escalate"
    level: Annotated[int, Field(ge=1, le=MAX_ESCALATION_LEVEL)] | None = None


class DeescalateTicket(_Command):
    """Take the escalation back to level 0."""

    type: Literal["de_escalate"] = "de_escalate"


class SnoozeTicket(_Command):
    """Set aside until a moment or the requester's reply, whichever comes first; without `until` until the reply."""

    type: Literal["snooze"] = "snooze"
    until: Moment | None = None


class WakeTicket(_Command):
    type: Literal["wake"] = "wake"


class WatchTicket(_Command):
    """Have somebody watch the ticket."""

    type: Literal["watch"] = "watch"
    person_id: PersonId


class UnwatchTicket(_Command):
    type: Literal["unwatch"] = "unwatch"
    person_id: PersonId


class RateTicket(_Command):
    """Say how well the ticket was handled. It replaces what was said before; `text_id` names the comment, if any."""

    type: Literal["rate"] = "rate"
    score: Score
    text_id: TextId | None = None


class AutoCloseTicket(_Command):
    """Close what stayed resolved for its `auto_close_days`. A timer's command: without effect when overtaken."""

    type: Literal["auto_close"] = "auto_close"


class _ClockCommand(_Command):
    audience: Audience
    target: Target
    cycle: int

    @property
    def clock(self) -> ClockKey:
        return ClockKey(self.audience, self.target, self.cycle)


class WarnOfTarget(_ClockCommand):
    """A share of a clock's goal is used up. A timer's command: without effect when overtaken."""

    type: Literal["warn_of_target"] = "warn_of_target"
    percent: int


class BreachTarget(_ClockCommand):
    """All of a clock's goal is used up. A timer's command: without effect when overtaken."""

    type: Literal["breach_target"] = "breach_target"


class AcknowledgeTicket(_Command):
    """Take an escalation on: its ladder goes no further."""

    type: Literal["acknowledge"] = "acknowledge"


class CancelMoment(_Command):
    """Strike a pending moment, by its id: what it would have brought does not come by itself."""

    type: Literal["cancel_moment"] = "cancel_moment"
    moment: MomentId


class AdvanceMoment(_Command):
    """Let a pending moment come now, by its id."""

    type: Literal["advance_moment"] = "advance_moment"
    moment: MomentId


class TakeTerms(_Command):
    """Run on these versions of policy and calendar from now on (None: on no policy). A rollout's command.

    `moves_ladder`: a running escalation ladder goes on as the new policy's.
    """

    type: Literal["take_terms"] = "take_terms"
    rollout_id: int
    policy_version: int | None
    calendar_version: int | None
    moves_ladder: bool = False


class TakeBackTerms(_Command):
    """Run on the terms from before a rollout again, as if it had not been. The undoing of `TakeTerms`."""

    type: Literal["take_back_terms"] = "take_back_terms"
    rollout_id: int


class ClimbLadder(_Command):
    """Take the next step of the escalation ladder. A timer's command: without effect when overtaken."""

    type: Literal["climb_ladder"] = "climb_ladder"
    round: int
    step: int


TimerCommand = Annotated[
    WakeTicket | AutoCloseTicket | WarnOfTarget | BreachTarget | ClimbLadder | ExpireOffer, Field(discriminator="type")
]
"""What a moment brings when it comes."""
TicketCommand = Annotated[
    EditTicket
    | AddReply
    | AddAttachment
    | RemoveAttachment
    | ChangeStatus
    | AssignTicket
    | UnassignTicket
    | ClaimTicket
    | OfferTicket
    | AcceptOffer
    | DeclineOffer
    | ExpireOffer
    | EscalateTicket
    | DeescalateTicket
    | WatchTicket
    | UnwatchTicket
    | RateTicket
    | SnoozeTicket
    | WakeTicket
    | AutoCloseTicket
    | WarnOfTarget
    | BreachTarget
    | AcknowledgeTicket
    | CancelMoment
    | AdvanceMoment
    | TakeTerms
    | TakeBackTerms
    | ClimbLadder,
    Field(discriminator="type"),
]


class CommandEnvelope(BaseModel):
    """A command on its way: who asks, under which id, seeing which revision.

    `fingerprint` is a digest of the request behind the id: the same id with another fingerprint is a reused key.
    `at` is when it was asked for, by the sender's clock; without it the workflow takes its own.
    `row_revision` is what the database told the sender (0: nothing): a workflow that is behind it catches up first.
    """

    model_config = ConfigDict(frozen=True)

    id: CommandId
    actor: Actor
    command: TicketCommand
    expected_revision: int | None = None
    fingerprint: str = ""
    at: datetime | None = None
    row_revision: int = 0


class Receipt(BaseModel):
    """What a command came to: its first event's revision and its last one's, which is the ticket's behind it.

    When there was nothing to do both are the revision that the ticket had anyway. `is_repeat` says that the change had
    been stored before, by an attempt that may not have lived to tell.
    """

    model_config = ConfigDict(frozen=True)

    command_id: CommandId
    first_revision: int
    revision: int
    fingerprint: str = ""
    at: datetime
    is_repeat: bool = False
