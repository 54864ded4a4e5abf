"""Who hears of what: the notices that a change brings, before anybody's name is known."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from domain.notification import NotificationType
from domain.people import Actor
from domain.rating import LOW_RATING
from domain.sla_ladder import NotifyPerson, NotifyRole, NotifyTeam, StepAction
from domain.ticket_events import (
    TicketAssigned,
    TicketChange,
    TicketEscalated,
    TicketEvent,
    TicketLadderClimbed,
    TicketNoted,
    TicketOffered,
    TicketOfferWithdrawn,
    TicketOpened,
    TicketRated,
    TicketReplied,
    TicketSeniorMissing,
    TicketSlaBreached,
    TicketSlaWarned,
    TicketStatusChanged,
    TicketUnassigned,
)

Hearers = Literal["owner", "assignee", "requester", "watchers", "mentioned", "team", "role", "role_there", "person"]
"""`owner`: the ticket's assignee, or everybody of its team while it has none; `role_there`: of the role only who is
there, or all when nobody is."""
T = NotificationType
Hearing = tuple[NotificationType, Hearers, str | None]
_ALWAYS: dict[type[TicketEvent], tuple[Hearing, ...]] = {
    TicketOpened: ((T.OPENED, "requester", None),),
    TicketReplied: tuple((T.REPLIED, to, None) for to in ("requester", "assignee", "watchers")),
    TicketNoted: tuple((T.REPLIED, to, None) for to in ("assignee", "watchers")),
    TicketStatusChanged: tuple((T.STATUS_CHANGED, to, None) for to in ("requester", "assignee", "watchers")),
    TicketSlaWarned: ((T.SLA_WARNING, "owner", None),),
    TicketSlaBreached: (
        (T.SLA_BREACH, "owner", None),
        (T.SLA_BREACH, "watchers", None),
        (T.SLA_BREACH, "role", "supervisor"),
    ),
    TicketEscalated: ((T.ESCALATION, "owner", None), (T.ESCALATION, "role", "supervisor")),
    TicketSeniorMissing: ((T.ESCALATION, "role", "supervisor"),),
}
"""Who hears of an event whatever it says. Of those that are not here nobody does, but as `_hearers` adds."""
_HANDED_OVER = ("shift_ended", "away", "silent", "deactivated")
_BY_ITSELF = ("by_hand", "auto_closed")
"""The reasons of a status that nobody was told of by a reply."""


class Notice(NamedTuple):
    """That somebody is to hear of an event: `who` of them where `to` needs one (a team, a role, a person; None: the
    ticket's own team). Whoever caused the event does not hear of it, and of an internal one only the desk."""

    revision: int
    kind: str
    type: NotificationType
    internal: bool
    to: Hearers
    who: str | None = None


def notices_of(change: TicketChange) -> list[Notice]:
    """The notices of a change, event by event. Of several that reach one person by the same event the first counts."""
    return [
        notice
        for revision, event in enumerate(change.events, start=change.first_revision)
        for notice in notices_of_event(revision, event, change.actor)
    ]


def notices_of_opening(change: TicketChange) -> list[Notice]:
    """Those notices of an opening that anybody can hear: whoever opens a ticket for themselves needs none to them."""
    (event, *_) = change.events
    is_their_own = isinstance(event, TicketOpened) and event.requester_id == change.actor.id
    return [notice for notice in notices_of(change) if not (is_their_own and notice.to == "requester")]


def notices_of_event(revision: int, event: TicketEvent, actor: Actor) -> list[Notice]:
    """The notices of one event."""
    return [
        Notice(revision, event.type, type, event.for_desk_only, to, who)
        for type, to, who in _hearers(event, by_person=actor.id is not None)
    ]


def _is_told(event: TicketEvent, *, by_person: bool) -> bool:
    """A status that a reply brought is told by the reply, and a level that the ladder raised by the ladder."""
    match event:
        case TicketStatusChanged():
            return event.reason in _BY_ITSELF
        case TicketEscalated():
            return by_person
    return True


def _hearers(event: TicketEvent, *, by_person: bool) -> Iterator[Hearing]:
    if isinstance(event, TicketReplied | TicketNoted):
        yield from ((T.MENTIONED, "mentioned", str(person)) for person in event.mention_ids)
    if _is_told(event, by_person=by_person):
        yield from _ALWAYS.get(type(event), ())
    match event:
        case TicketAssigned():
            yield T.ASSIGNED, "person", str(event.assignee_id)
            if event.previous_id is not None:
                yield T.REASSIGNED, "person", str(event.previous_id)
        case TicketUnassigned():
            yield T.HAND_OVER if event.reason in _HANDED_OVER else T.REASSIGNED, "person", str(event.previous_id)
        case TicketOffered():
            yield from ((T.OFFERED, "person", str(person)) for person in event.offer.to)
        case TicketOfferWithdrawn():
            yield from ((T.OFFERED, "person", str(person)) for person in event.withdrawn_from)
        case TicketRated():
            yield from _of_rating(event)
        case TicketLadderClimbed():
            yield from ((T.ESCALATION, *called) for action in event.actions if (called := _called(action)) is not None)


def _of_rating(event: TicketRated) -> Iterator[Hearing]:
    if event.resolver_id is not None:
        yield T.RATED, "person", str(event.resolver_id)
    if event.rating <= LOW_RATING:
        yield T.RATED, "role", "supervisor"


def _called(action: StepAction) -> tuple[Hearers, str | None] | None:
    match action:
        case NotifyRole():
            return "role_there" if action.on_shift else "role", action.role
        case NotifyPerson():
            return "person", str(action.person_id)
        case NotifyTeam():
            return "team", action.team
    return None
