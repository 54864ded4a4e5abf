"""Who hears of what: the notices that a change brings, before anybody's name is known."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from domain.sla_ladder import CallWebhook, NotifyPerson, NotifyRole, NotifyTeam, StepAction
from domain.ticket_events import (
    TicketAssigned,
    TicketChange,
    TicketEscalated,
    TicketEvent,
    TicketLadderClimbed,
    TicketOffered,
    TicketOfferWithdrawn,
    TicketSeniorMissing,
    TicketSlaBreached,
    TicketSlaWarned,
    TicketUnassigned,
)

Hearers = Literal["owner", "watchers", "team", "role", "role_there", "person", "webhook"]
"""`owner`: the ticket's assignee, or everybody of its team while it has none; `role_there`: of the role only who is
there, or all when nobody is."""


class Notice(NamedTuple):
    """That somebody is to hear of an event: `who` of them where `to` needs one (a team, a role, a person, an address;
    None: the ticket's own team). Whoever caused the event does not hear of it."""

    revision: int
    kind: str
    to: Hearers
    who: str | None = None


def notices_of(change: TicketChange) -> list[Notice]:
    """The notices of a change, event by event."""
    return [
        Notice(revision, event.type, to, who)
        for revision, event in enumerate(change.events, start=change.first_revision)
        for to, who in _hearers(event, by_person=change.actor.id is not None)
    ]


def _hearers(event: TicketEvent, *, by_person: bool) -> Iterator[tuple[Hearers, str | None]]:
    match event:
        case TicketSlaWarned():
            yield "owner", None
        case TicketSlaBreached():
            yield from (("owner", None), ("watchers", None), ("role", "supervisor"))
        case TicketAssigned():
            yield "person", str(event.assignee_id)
        case TicketUnassigned() if event.reason != "by_hand":
            yield "person", str(event.previous_id)
        case TicketOffered():
            yield from (("person", str(person)) for person in event.offer.to)
        case TicketOfferWithdrawn():
            yield from (("person", str(person)) for person in event.withdrawn_from)
        case TicketEscalated() if by_person:
            yield from (("owner", None), ("role", "supervisor"))
        case TicketSeniorMissing():
            yield "role", "supervisor"
        case TicketLadderClimbed():
            yield from (hearers for action in event.actions if (hearers := _called(action)) is not None)


def _called(action: StepAction) -> tuple[Hearers, str | None] | None:
    match action:
        case NotifyRole():
            return "role_there" if action.on_shift else "role", action.role
        case NotifyPerson():
            return "person", str(action.person_id)
        case NotifyTeam():
            return "team", action.team
        case CallWebhook():
            return "webhook", action.url
    return None
