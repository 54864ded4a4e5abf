"""Tickets as they are spoken: the bodies that come in and the resources that go out."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.http.texts import Line, Text
from database.ticket_rows import TicketRecord
from domain.access import HasAudience, Reader, allowed_statuses, may_see_internal, may_see_rating_comment
from domain.ids import PersonId, TicketNumber
from domain.mention import MOST_MENTIONS
from domain.offer import Offer
from domain.skill import SkillNeed
from domain.sla_clock import Audience, Clock, ClockState, SlaState, Target, sla_state
from domain.sla_counting import Calendars, used_by
from domain.ticket import MAX_BODY, MAX_RATING, MAX_TITLE, Priority, Slug, Status, next_due_at
from domain.ticket_commands import Labels, Minutes, Moment, Skills

Title = Annotated[Line, Field(max_length=MAX_TITLE)]
Body = Annotated[Text, Field(max_length=MAX_BODY)]
WrittenBody = Annotated[Line, Field(max_length=MAX_BODY)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewTicket(_Input):
    """A ticket to open."""

    title: Title
    description: Body = ""
    priority: Priority = Priority.NORMAL
    category: Slug = "general"
    team: Slug | None = None
    due_at: Moment | None = None
    required_skills: Skills = Field(default=(), description="`vpn`, or `vpn:3` for at least level 3.")
    estimated_minutes: Minutes | None = None
    tags: Labels = ()
    requester: UUID | None = Field(default=None, description="Whom it is for; the desk may open for others.")


class TicketEdit(_Input):
    """What to change; what is not named stays. `null` empties team, due date and estimate."""

    title: Title | None = None
    description: Body | None = None
    priority: Priority | None = None
    category: Slug | None = None
    team: Slug | None = None
    due_at: Moment | None = None
    required_skills: Skills | None = None
    estimated_minutes: Minutes | None = None
    tags: Labels | None = None

    @model_validator(mode="after")
    def _only_some_may_be_empty(self) -> "TicketEdit":
        emptied = {name for name in self.model_fields_set if getattr(self, name) is None}
        if forbidden := sorted(emptied - {"team", "due_at", "estimated_minutes"}):
            raise ValueError(f"{', '.join(forbidden)} cannot be null")
        return self


class NewReply(_Input):
    body: WrittenBody
    internal: bool = Field(default=False, description="A note that only the desk sees.")
    mentions: Annotated[tuple[UUID, ...], Field(max_length=MOST_MENTIONS)] = Field(
        default=(),
        description="Ids of people who are to hear of it; `@` and an e-mail address in the body is the same.",
    )


class NewRating(_Input):
    """How the ticket was handled. It replaces what was said before, the comment too."""

    score: Annotated[int, Field(ge=1, le=MAX_RATING, strict=True)] = Field(description="From 1, badly, to 5.")
    comment: WrittenBody | None = Field(default=None, description="For the desk; others who see the ticket do not.")


class StatusChange(_Input):
    status: Status


OVERRIDE = "Also when they carry as much as they can; it is noted on the timeline."


class Assignment(_Input):
    assignee: UUID
    override: bool = Field(default=False, description=OVERRIDE)


class Claim(_Input):
    override: bool = Field(default=False, description=OVERRIDE)


class Escalation(_Input):
    level: Annotated[int, Field(ge=1, le=3)] | None = Field(default=None, description="One more when not given.")


class Snooze(_Input):
    until: Moment | None = Field(default=None, description="Without a moment: until the requester replies.")


class Nothing(_Input):
    """An empty body."""


class PersonRef(BaseModel):
    id: PersonId
    name: str


class SlaClock(BaseModel):
    """One clock of the ticket. Seconds are those that count: of working time, where the policy says so."""

    target: Target
    audience: Audience
    cycle: int = Field(description="How often this clock began: anew with each reopening, or each wait for an answer.")
    state: ClockState
    goal_seconds: int
    due_at: datetime | None = Field(description="None while it is paused.")
    warn_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None
    elapsed_seconds: int
    remaining_seconds: int | None = Field(description="Below zero when it is late; None when it is over.")


class OfferOut(BaseModel):
    """Who may take the ticket; the first one gets it."""

    to: tuple[PersonId, ...]
    expires_at: datetime
    hand_over: bool = Field(description="Its owner has it until somebody takes it.")


class Satisfaction(BaseModel):
    """What the requester last said of how the ticket was handled."""

    score: int = Field(description="From 1, badly, to 5.")
    comment: str | None = Field(description="For its requester and the desk; None for others, or when there is none.")
    rated_at: datetime


class TicketOut(BaseModel):
    """A ticket."""

    number: TicketNumber
    title: str
    description: str
    status: Status
    priority: Priority
    category: Slug
    team: Slug | None
    organisation: Slug | None = Field(description="The requester's, as of today.")
    requester: PersonRef
    assignee: PersonRef | None
    assigned_at: datetime | None
    offer: OfferOut | None = Field(description="For the desk alone.")
    required_skills: tuple[SkillNeed, ...]
    estimated_minutes: int | None
    due_at: datetime | None
    tags: tuple[Slug, ...]
    escalation_level: int
    snoozed: bool
    snoozed_until: datetime | None
    sla_state: SlaState
    next_due_at: datetime | None
    sla: tuple[SlaClock, ...]
    allowed_transitions: tuple[Status, ...]
    revision: int
    created_at: datetime
    updated_at: datetime
    first_responded_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    satisfaction: Satisfaction | None = Field(description="None until its requester has rated it.")


class TicketPageOut(BaseModel):
    items: list[TicketOut]
    next_cursor: str | None
    stream_cursor: str


class ActorRef(BaseModel):
    kind: str = Field(description="person, timer, integration or dispatcher")
    id: PersonId | None
    name: str | None


class ReplyOut(BaseModel):
    """A public reply or an internal note."""

    id: UUID
    ticket: TicketNumber
    revision: int
    author: PersonRef
    body: str
    internal: bool
    mentions: list[PersonRef] = Field(description="Whom it mentions: they hear of it, and watch the ticket.")
    created_at: datetime


class TimelineEntry(BaseModel):
    """One event of the ticket. `change` holds the new values by the ticket's own field names."""

    revision: int
    type: str
    at: datetime
    actor: ActorRef
    internal: bool
    change: dict[str, Any]
    title: str | None = Field(description="The wording that it opened with or was given.")
    body: str | None = Field(description="The text of a reply, note or description.")


class TimelinePageOut(BaseModel):
    items: list[TimelineEntry]
    next_cursor: str | None
    stream_cursor: str


class PendingMomentOut(BaseModel):
    id: str = Field(description="Names the moment, to cancel it or to bring it forward.")
    at: datetime
    kind: str
    cause: str


class PendingMomentsOut(BaseModel):
    items: list[PendingMomentOut]


class CommandOut(BaseModel):
    """What became of a command: `done` with the revision it led to, or `unknown` (still under way, refused, or never
    arrived: send it again under the same key)."""

    command_id: UUID
    status: Literal["done", "unknown"]
    revision: int | None


def spoken_clocks(
    record: TicketRecord, reader: Reader, now: datetime, calendars: Calendars, concerns: HasAudience | None = None
) -> list[dict[str, Any]]:
    """The ticket's clocks as they stand: to the requester those of the promise to them, to the desk its own too."""
    internal = may_see_internal(reader, concerns or record)
    clocks = () if record.sla is None else record.sla.clocks
    return [_spoken_clock(clock, now, calendars) for clock in clocks if internal or clock.audience == "customer"]


def _spoken_clock(clock: Clock, now: datetime, calendars: Calendars) -> dict[str, Any]:
    used = used_by(clock, now, calendars)
    return {
        "target": clock.target,
        "audience": clock.audience,
        "cycle": clock.cycle,
        "state": clock.state,
        "goal_seconds": int(clock.goal.total_seconds()),
        "due_at": clock.due_at,
        "warn_at": clock.warnings[0].at if clock.warnings else None,
        "met_at": clock.met_at,
        "breached_at": clock.breached_at,
        "elapsed_seconds": int(used.total_seconds()),
        "remaining_seconds": int((clock.goal - used).total_seconds()) if clock.is_open else None,
    }


def spoken_offer(offer: Offer) -> dict[str, Any]:
    """The offer as the desk sees it: an OfferOut."""
    return {"to": offer.to, "expires_at": offer.expires_at, "hand_over": offer.is_hand_over}


def spoken_satisfaction(record: TicketRecord, reader: Reader, audience: HasAudience) -> dict[str, Any] | None:
    """The rating as this reader sees it: a Satisfaction."""
    if record.rating is None:
        return None
    comment = record.rating_comment if may_see_rating_comment(reader, audience) else None
    return {"score": record.rating, "comment": comment, "rated_at": record.rated_at}


def spoken_ticket(
    record: TicketRecord, reader: Reader, now: datetime, calendars: Calendars, concerns: HasAudience | None = None
) -> dict[str, Any]:
    """The ticket as this reader sees it: a TicketOut, not yet JSON. A test holds that the model takes it as it is.

    `concerns`: whom it concerns now, when the record is one of the past.
    """
    audience: HasAudience = concerns or record
    assignee = None if record.assignee_id is None else {"id": record.assignee_id, "name": record.assignee_name}
    return {
        "number": record.number,
        "title": record.title,
        "description": record.description,
        "status": record.status,
        "priority": record.priority,
        "category": record.category,
        "team": record.team,
        "organisation": record.organisation,
        "requester": {"id": record.requester_id, "name": record.requester_name},
        "assignee": assignee,
        "assigned_at": record.assigned_at,
        "offer": spoken_offer(record.offer) if record.offer and may_see_internal(reader, audience) else None,
        "required_skills": record.required_skills,
        "estimated_minutes": record.estimated_minutes,
        "due_at": record.due_at,
        "tags": record.tags,
        "escalation_level": record.escalation_level,
        "snoozed": record.snoozed,
        "snoozed_until": record.snoozed_until,
        "sla_state": sla_state(record.sla),
        "next_due_at": next_due_at(record.status, record.due_at, record.sla),
        "sla": spoken_clocks(record, reader, now, calendars, audience),
        "allowed_transitions": allowed_statuses(reader, record, audience, now),
        "revision": record.revision,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "first_responded_at": record.first_responded_at,
        "resolved_at": record.resolved_at,
        "closed_at": record.closed_at,
        "satisfaction": spoken_satisfaction(record, reader, audience),
    }
