"""The inbox: what you were told of, read and unread, and why you were told or were not. Nobody reads another's."""

from typing import Annotated

from fastapi import Depends, Path, Query

from api.http.area_router import AreaRouter
from api.notification_models import (
    EventWhyOut,
    NotificationCountsOut,
    NotificationGroupPageOut,
    NotificationPageOut,
    NotificationsMarkedOut,
    NotificationsRead,
    NotificationWhyOut,
    spoken_counts,
    spoken_decision,
    spoken_group,
    spoken_marking,
    spoken_notification,
    spoken_why,
)
from api.requests import AsReader, InDesk, Number
from api.ticket_models import Nothing
from api.tickets import visible
from database.inbox import InboxFilter
from domain.access import Reader, check_inbox, may_see_internal
from domain.errors import NotFoundError
from domain.hearing import heard, not_heard, told_to
from domain.ids import NotificationId, TicketNumber
from domain.notices import notices_of_event
from domain.notification import NotificationType

router = AreaRouter(tags=["notifications"])


async def receiver(reader: AsReader) -> Reader:
    """Whoever asks, if they are somebody who is told of things. Raises ForbiddenError."""
    check_inbox(reader)
    return reader


AsReceiver = Annotated[Reader, Depends(receiver)]
Id = Annotated[NotificationId, Path(ge=1, lt=2**63, description="A notification's id.")]
Types = Annotated[list[NotificationType], Query(max_length=20, description="Any of these; all when not given.")]
Unread = Annotated[bool | None, Query(description="`true`: unread ones only; `false`: read ones only.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=300)]


@router.get("/notifications")
async def list_notifications(
    desk: InDesk,
    reader: AsReceiver,
    unread: Unread = None,
    type: Types = [],
    ticket: Annotated[int | None, Query(ge=1, le=2**53, description="Only what is about this ticket.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> NotificationPageOut:
    """Your inbox: unread ones first, then the newest first. What you read while you turn the pages stays where it was.
    `stream_cursor` joins it to the event stream."""
    wanted = InboxFilter(unread, type, None if ticket is None else TicketNumber(ticket))
    page = await desk.inbox.page(reader.id, wanted, limit, cursor)
    return NotificationPageOut(
        items=[spoken_notification(record, reader) for record in page.items],
        next_cursor=page.next_cursor,
        stream_cursor=str(page.stream_cursor),
    )


@router.get("/notifications/groups")
async def list_notification_groups(
    desk: InDesk,
    reader: AsReceiver,
    unread: Annotated[bool | None, Query(description="`true`: with unread ones; `false`: all read.")] = None,
    type: Types = [],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> NotificationGroupPageOut:
    """Your inbox by ticket, and by type what is about no ticket; whatever you were told of last comes first."""
    page = await desk.inbox.groups(reader.id, InboxFilter(unread, type), limit, cursor)
    return NotificationGroupPageOut(
        items=[spoken_group(group, reader) for group in page.items],
        next_cursor=page.next_cursor,
        stream_cursor=str(page.stream_cursor),
    )


@router.get("/notifications/counts")
async def count_notifications(desk: InDesk, reader: AsReceiver) -> NotificationCountsOut:
    """How many are unread, all in all and by type."""
    return spoken_counts(await desk.inbox.counts(reader.id))


@router.post("/notifications/read")
async def read_notifications(desk: InDesk, reader: AsReceiver, body: NotificationsRead) -> NotificationsMarkedOut:
    """Mark as read what was seen: by ids, ticket, type, or all up to one. Your other devices hear of it by
    `notification.read`."""
    return spoken_marking(*await desk.inbox.mark(reader.actor, body.marking, is_read=True))


@router.post("/notifications/{id}/read")
async def read_notification(
    id: Id, desk: InDesk, reader: AsReceiver, body: Nothing | None = None
) -> NotificationsMarkedOut:
    """Mark one as read."""
    return spoken_marking(*await desk.inbox.mark_one(reader.actor, id, is_read=True))


@router.post("/notifications/{id}/unread")
async def unread_notification(
    id: Id, desk: InDesk, reader: AsReceiver, body: Nothing | None = None
) -> NotificationsMarkedOut:
    """Mark one as unread again."""
    return spoken_marking(*await desk.inbox.mark_one(reader.actor, id, is_read=False))


@router.get("/notifications/{id}/why")
async def explain_notification(id: Id, desk: InDesk, reader: AsReceiver) -> NotificationWhyOut:
    """Why you were told, and what was decided by each channel; also of one that you keep out of your inbox."""
    explained = await desk.inbox.explain(reader.id, id)
    record = explained.record
    return spoken_why(explained, heard(record.why, in_app=record.in_app), reader)


@router.get("/tickets/{number}/notifications/why")
async def explain_ticket_event(
    number: Number,
    desk: InDesk,
    reader: AsReader,
    revision: Annotated[int | None, Query(ge=1, lt=2**31, description="Its revision; else the last one.")] = None,
) -> EventWhyOut:
    """Why you were told of an event of a ticket, or were not."""
    seen = await visible(desk, reader, number)
    event = await desk.inbox.event(number, revision, with_internal=may_see_internal(reader, seen))
    then = None if event is None else await desk.tickets.read_as_of(number, event.change_revision)
    if event is None or then is None:
        raise NotFoundError(f"Ticket {number} has no such event.")
    notices = notices_of_event(event.revision, event.event, event.actor)
    explained = await desk.inbox.explain_event(reader.id, number, event.revision)
    hearing = (
        not_heard(notices, then.ticket, event.actor.id, reader)
        if explained is None
        else heard(explained.record.why, in_app=explained.record.in_app)
    )
    return EventWhyOut(
        ticket=number,
        revision=event.revision,
        type=event.event.type,
        cause=hearing.cause,
        text=hearing.text,
        told_to=told_to(notices),
        notification=None if explained is None else spoken_notification(explained.record, reader),
        decisions=[] if explained is None else [spoken_decision(one) for one in explained.decisions],
    )
