"""Events as clients read them: the flat envelope, and its bytes on the stream, made once per event."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.ticket_models import ActorRef, TimelineEntry, spoken_offer
from database.events import EventRecord, StreamCursor, TimelineRecord
from domain.ids import PersonId
from domain.offer import Offer
from domain.sla_clock import TicketSla, sla_state

REMEMBERED_FRAMES = 1024
_NOT_SPOKEN = (
    "type", "wording_id", "text_id", "auto_close_days", "reopen_days", "segments", "passed_by", "decision_id",
    "mention_ids", "resolver_id",
)  # fmt: skip

NOTIFIED = "notification.created"
RATED = "ticket.rated"
WITH_MENTIONS = ("ticket.replied", "ticket.noted")
"""The events that may mention people. Only the timeline says whom: a frame is the same for all its readers."""


class Event(BaseModel):
    """One event of the stream. `change` holds new values by the ticket's own field names, never a body. An event of the
    topic `presence` has no ticket; its `change` names the agent."""

    id: str = Field(description="The cursor; send the last one as `Last-Event-ID` to go on after it.")
    type: str = Field(description="An open set: ignore what you do not know.")
    at: datetime
    ticket: int | None
    revision: int | None = Field(description="The ticket's revision after the event; drop what you already have.")
    actor: ActorRef
    change: dict[str, Any]


def spoken_change(record: EventRecord | TimelineRecord) -> dict[str, Any]:
    """The stored event as clients see it: people as {id, name}, no ids of texts, no empty edits."""
    stored: dict[str, Any] = json.loads(record.data)
    if record.type == RATED:
        return _spoken_rating(stored)
    names = {"assignee_id": record.assignee_name, "requester_id": record.requester_name}
    change: dict[str, Any] = {}
    for field, value in stored.items():
        if field in _NOT_SPOKEN or (record.type == "ticket.edited" and value is None):
            continue
        if field == "sla":
            change |= _spoken_sla(value, internal=record.internal)
        elif field == "offer":
            change[field] = None if value is None else spoken_offer(Offer.model_validate(value))
        elif field in names:
            change[field.removesuffix("_id")] = None if value is None else {"id": value, "name": names[field]}
        elif field == "clear":
            change |= dict.fromkeys(value)
        else:
            change[field] = value
    return change


def _spoken_rating(stored: dict[str, Any]) -> dict[str, Any]:
    """The score without its comment, and without a word of whom it judges."""
    satisfaction = {"score": stored["rating"], "rated_at": stored["rated_at"]}
    return {"satisfaction": satisfaction, "previous_score": stored["previous_rating"]}


def _spoken_sla(stored: dict[str, Any] | None, *, internal: bool) -> dict[str, Any]:
    """What a list row needs of the clocks. Those of the desk's own are only in events that the desk alone may see."""
    if stored is None:
        return {}
    sla = TicketSla.model_validate(stored)
    clocks = [
        {
            "target": clock.target,
            "audience": clock.audience,
            "cycle": clock.cycle,
            "state": clock.state,
            "due_at": clock.due_at,
            "warn_at": clock.warnings[0].at if clock.warnings else None,
            "met_at": clock.met_at,
            "breached_at": clock.breached_at,
        }
        for clock in sla.clocks
        if internal or clock.audience == "customer"
    ]
    return {"sla_state": sla_state(sla), "sla": clocks}


def event_of(record: EventRecord) -> Event:
    change = spoken_change(record)
    if record.title is not None:
        change["title"] = record.title
    if record.ticket is None and record.person is not None and record.topic != "notifications":
        change["agent"] = {"id": record.person, "name": record.person_name}
    actor = _actor(record)
    if record.type == NOTIFIED:  # the inbox says who, to those who may see the ticket then
        actor = ActorRef(kind=record.actor_kind, id=None, name=None)
    return Event(
        id=str(record.cursor),
        type=record.type,
        at=record.at,
        ticket=record.ticket,
        revision=record.revision,
        actor=actor,
        change=change,
    )


def timeline_entry(record: TimelineRecord) -> TimelineEntry:
    return TimelineEntry(
        revision=record.revision,
        type=record.type,
        at=record.at,
        actor=_actor(record),
        internal=record.internal,
        change=spoken_change(record),
        title=record.title,
        body=record.body,
    )


def mention_ids(record: TimelineRecord) -> list[PersonId]:
    """Whom an event mentions."""
    if record.type not in WITH_MENTIONS:
        return []
    return [PersonId(UUID(id)) for id in json.loads(record.data).get("mention_ids", ())]


def _actor(record: EventRecord | TimelineRecord) -> ActorRef:
    return ActorRef(kind=record.actor_kind, id=record.actor_id, name=record.actor_name)


def frame(record: EventRecord) -> bytes:
    """The event's block on the wire. Made once for all who come back for it, as long as its words are the same."""
    return _frame(record._replace(team=None, requester_id=None, assignee_id=None, organisation=None, watcher_ids=None))


@lru_cache(maxsize=REMEMBERED_FRAMES)
def _frame(record: EventRecord) -> bytes:
    """Of a record without its audience, which is no part of it. JSON holds no raw line break, so one `data:` line is
    enough."""
    event = event_of(record)
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()


def rfc3339(moment: datetime) -> str:
    """A moment in UTC as the contract writes it."""
    return moment.isoformat().replace("+00:00", "Z")


def control_frame(kind: str, place: StreamCursor | None, **fields: Any) -> bytes:
    """A block about the stream itself: `hello`, `reset` or `bye`. `retry_ms` becomes the reconnection time."""
    retry = fields.pop("retry_ms", None)
    lines = [f"id: {place}"] if place is not None else []
    lines += [f"retry: {retry}"] if retry is not None else []
    at = rfc3339(datetime.now(UTC))
    body = json.dumps({"type": kind, "at": at, **fields})
    return "\n".join([*lines, f"event: {kind}", f"data: {body}", "", ""]).encode()
