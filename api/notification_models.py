"""Notifications as they are spoken: the bodies that come in and the resources that go out."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.ticket_models import ActorRef
from database.inbox import Explained, InboxCounts, InboxGroup, InboxRecord, Marking
from domain.access import Reader, may_see_internal, ticket_scope
from domain.hearing import Hearing
from domain.ids import NotificationId, PersonId, TicketNumber
from domain.inbox import Decision, TicketName, sentence
from domain.notification import NotificationType
from domain.ticket import Priority, Status
from domain.ticket_commands import Moment

Id = Annotated[int, Field(ge=1, lt=2**63)]


class TicketRef(BaseModel):
    """The ticket as it is now."""

    number: TicketNumber
    title: str
    priority: Priority
    status: Status


class NotificationOut(BaseModel):
    """What you were told of."""

    id: NotificationId
    type: str = Field(description="What preferences go by; an open set.")
    kind: str = Field(description="What happened: the event's type, or of what else it tells. An open set.")
    at: datetime
    read_at: datetime | None = Field(description="None: unread.")
    why: str = Field(description="As what you hear of it: assignee, requester, watcher, team, role, mentioned, person.")
    actor: ActorRef
    ticket: TicketRef | None = Field(description="None: it is about none, or you may not see that any more.")
    revision: int | None = Field(description="The ticket's, after the event.")
    subject: str | None = Field(description="What it is about when that is no ticket: `shift:12:ending`.")
    text: str = Field(description="One sentence, ready to be shown, and nothing of what was written.")


class NotificationPageOut(BaseModel):
    items: list[NotificationOut]
    next_cursor: str | None
    stream_cursor: str


class NotificationGroupOut(BaseModel):
    """What you were told of one ticket; or, without a ticket, of one type or of one that you may not see any more."""

    ticket: TicketRef | None
    count: int
    unread: int
    types: list[str]
    last: NotificationOut


class NotificationGroupPageOut(BaseModel):
    items: list[NotificationGroupOut]
    next_cursor: str | None
    stream_cursor: str


class NotificationCountsOut(BaseModel):
    """How many are unread."""

    unread: int
    by_type: dict[str, int] = Field(description="Every type, also those of which none is unread.")
    stream_cursor: str


class NotificationsRead(BaseModel):
    """Which to mark as read: those to which all applies that is given. Something has to be."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[Id], Field(min_length=1, max_length=200)] | None = None
    ticket: Annotated[int, Field(ge=1, le=2**53)] | None = None
    type: Annotated[list[NotificationType], Field(max_length=20)] = []
    before: Id | None = Field(default=None, description="The newest one that was seen: it, and all from before it.")
    before_at: Moment | None = Field(default=None, description="All from up to this moment.")

    @model_validator(mode="after")
    def _something(self) -> "NotificationsRead":
        if not any((self.ids, self.ticket, self.type, self.before, self.before_at)):
            raise ValueError("say which: ids, ticket, type, before or before_at")
        return self

    @property
    def marking(self) -> Marking:
        return Marking(
            ids=None if self.ids is None else [NotificationId(id) for id in self.ids],
            ticket=None if self.ticket is None else TicketNumber(self.ticket),
            types=self.type,
            up_to=None if self.before is None else NotificationId(self.before),
            up_to_at=self.before_at,
        )


class NotificationsMarkedOut(BaseModel):
    changed: int = Field(description="How many were not so before.")
    unread: int
    by_type: dict[str, int]
    stream_cursor: str


class DecisionOut(BaseModel):
    """What was decided for one channel; of several for the same one the last one holds."""

    channel: str
    at: datetime
    outcome: str = Field(description="sends, waits or skips")
    reason: str
    until: datetime | None
    sent_at: datetime | None
    failed_at: datetime | None
    failure: str | None
    text: str


class NotificationWhyOut(BaseModel):
    """Why you were told, and what became of it by each channel."""

    cause: str = Field(description="`told`, or `muted`: you chose not to have its type in the inbox.")
    text: str
    notification: NotificationOut
    decisions: list[DecisionOut]


class EventWhyOut(BaseModel):
    """Why you were told of an event of a ticket, or were not."""

    ticket: TicketNumber
    revision: int
    type: str
    cause: str = Field(description="told, muted, nobody_is_told, by_yourself, none_of_them, not_then")
    text: str
    told_to: list[str] = Field(description="Who is told of such an event, by what they are to the ticket.")
    notification: NotificationOut | None
    decisions: list[DecisionOut]


class _Concerned:
    """A notification's ticket as `domain.access` asks for it."""

    def __init__(self, record: InboxRecord) -> None:
        self.organisation = record.organisation
        self.watcher_ids = record.watcher_ids
        self.team = record.team
        self.requester_id: PersonId = record.requester_id
        self.assignee_id = record.assignee_id


def may_see(reader: Reader, record: InboxRecord) -> bool:
    """Whether a GET of the ticket, and for an internal event of the desk's side of it, would not be refused."""
    concerned = _Concerned(record)
    return ticket_scope(reader).includes(concerned) and (not record.internal or may_see_internal(reader, concerned))


def spoken_notification(record: InboxRecord, reader: Reader) -> NotificationOut:
    """A notification; of a ticket out of its reader's sight only the number and what happened."""
    is_seen = record.ticket is None or may_see(reader, record)
    ticket = None
    if record.ticket is not None and is_seen:
        ticket = TicketRef.model_validate(
            {"number": record.ticket, "title": record.title, "priority": record.priority, "status": record.status}
        )
    actor_id, actor_name = (record.actor_id, record.actor_name) if is_seen else (None, None)
    name = None if record.ticket is None else TicketName(record.ticket, record.title if is_seen else None)
    return NotificationOut(
        id=record.id,
        type=record.type,
        kind=record.kind,
        at=record.at,
        read_at=record.read_at,
        why=record.why,
        actor=ActorRef(kind=record.actor_kind, id=actor_id, name=actor_name),
        ticket=ticket,
        revision=record.revision,
        subject=record.subject,
        text=sentence(record.type, record.kind, name, record.actor_kind, actor_name, record.details),
    )


def spoken_group(group: InboxGroup, reader: Reader) -> NotificationGroupOut:
    last = spoken_notification(group.last, reader)
    return NotificationGroupOut(ticket=last.ticket, count=group.size, unread=group.unread, types=group.types, last=last)


def spoken_counts(counts: InboxCounts) -> NotificationCountsOut:
    return NotificationCountsOut(
        unread=counts.unread, by_type=all_types(counts), stream_cursor=str(counts.stream_cursor)
    )


def spoken_marking(changed: int, counts: InboxCounts) -> NotificationsMarkedOut:
    return NotificationsMarkedOut(
        changed=changed,
        unread=counts.unread,
        by_type=all_types(counts),
        stream_cursor=str(counts.stream_cursor),
    )


def all_types(counts: InboxCounts) -> dict[str, int]:
    return {type.value: counts.by_type.get(type, 0) for type in NotificationType}


def spoken_decision(decision: Decision) -> DecisionOut:
    return DecisionOut(**decision._asdict(), text=decision.text)


def spoken_why(explained: Explained, hearing: Hearing, reader: Reader) -> NotificationWhyOut:
    return NotificationWhyOut(
        cause=hearing.cause,
        text=hearing.text,
        notification=spoken_notification(explained.record, reader),
        decisions=[spoken_decision(one) for one in explained.decisions],
    )
