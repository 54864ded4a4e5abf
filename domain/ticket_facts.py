"""The facts of a ticket that figures are made of: how it came, how it stands, when it was answered and resolved, by
whom, and how often it went from hand to hand. One row a ticket, folded from its events in their order.

`fold` adds one event. It looks at nothing but the facts so far and the event, so the same events always give the same
facts, in whatever portions they come. `docs/metrics.md` defines every fact.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

from pydantic import BaseModel

from domain.ids import PersonId, TicketNumber
from domain.people import Actor
from domain.sla_clock import SlaState, sla_state
from domain.sla_counting import Calendars
from domain.ticket import Priority, Slug, Status
from domain.ticket_events import (
    TicketAcknowledged,
    TicketAssigned,
    TicketDeescalated,
    TicketEdited,
    TicketEscalated,
    TicketEvent,
    TicketLadderClimbed,
    TicketLadderHeld,
    TicketMoved,
    TicketNoted,
    TicketOpened,
    TicketRated,
    TicketReplied,
    TicketSlaBreached,
    TicketSlaChanged,
    TicketSlaWarned,
    TicketSnoozed,
    TicketStatusChanged,
    TicketUnassigned,
    TicketWoken,
)
from domain.working_time import working_time

Channel = Literal["self_service", "desk", "integration"]
"""Who brought the ticket: its requester, somebody of the desk for them, or a machine (a service account, a signal)."""
_FINISHED = (Status.RESOLVED, Status.CLOSED)


class LoggedEvent(NamedTuple):
    """An event of a ticket as the log tells it. `event` may be None when its type is none of `TELLING`."""

    number: TicketNumber
    revision: int
    at: datetime
    actor: Actor
    event: TicketEvent | None


class TicketState(NamedTuple):
    """How a ticket stands, as far as figures ask: when any of it changes, a new span begins."""

    status: Status
    team: Slug | None
    priority: Priority
    category: Slug
    assignee_id: PersonId | None
    sla_state: SlaState
    snoozed: bool
    escalation_level: int


class TicketFacts(NamedTuple):
    """The facts after `revision` events. Seconds are wall-clock time, but for `*_business_seconds`.

    Those are working time of the calendar that the ticket ran on at that moment, whose version is in `*_calendar`; when
    it ran on none they are wall-clock time too, and `*_calendar` is None.
    """

    number: TicketNumber
    revision: int
    updated_at: datetime
    status: Status
    team: Slug | None
    priority: Priority
    category: Slug
    assignee_id: PersonId | None
    sla_state: SlaState
    snoozed: bool
    escalation_level: int
    spans: int
    """How many spans it has had; the last one is open."""
    span_since: datetime
    previous_status: Status | None
    """The status of the span before the open one; None in the first."""
    requester_id: PersonId
    channel: Channel
    opened_at: datetime
    opened_team: Slug | None
    opened_priority: Priority
    opened_category: Slug
    policy_version: int | None
    calendar_version: int | None
    first_responded_at: datetime | None = None
    responder_id: PersonId | None = None
    responded_team: Slug | None = None
    response_seconds: float | None = None
    response_business_seconds: float | None = None
    response_calendar: int | None = None
    first_resolved_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    resolver_id: PersonId | None = None
    resolved_team: Slug | None = None
    resolution_seconds: float | None = None
    resolution_business_seconds: float | None = None
    resolution_calendar: int | None = None
    status_since: datetime | None = None
    pending_seconds: float = 0.0
    """In all stays in `pending` that are over: the time that the requester let pass."""
    on_hold_seconds: float = 0.0
    reopenings: int = 0
    desk_replies: int = 0
    requester_replies: int = 0
    notes: int = 0
    assignments: int = 0
    reassignments: int = 0
    last_assignee_id: PersonId | None = None
    """Who had it last, also while it waits in its queue again."""
    moves: int = 0
    escalations: int = 0
    highest_level: int = 0
    one_touch: bool = False
    rating: int | None = None
    """The last one, 1 to 5. It stays when the ticket is reopened, until it is rated again."""
    rated_at: datetime | None = None
    rated_resolver_id: PersonId | None = None
    """Whose work was rated, whoever has the ticket or resolves it later."""
    rated_team: Slug | None = None

    @property
    def state(self) -> TicketState:
        """What its present span tells."""
        return TicketState._make(cast(Any, self[_STATE]))

    @property
    def is_finished(self) -> bool:
        return self.status in _FINISHED


_FIRST = TicketFacts._fields.index("status")
_STATE = slice(_FIRST, _FIRST + len(TicketState._fields))
Changes = dict[str, Any]


def fold(facts: TicketFacts | None, logged: LoggedEvent, calendars: Calendars) -> TicketFacts:
    """The facts after one more event; the first one must be the opening.

    Raises ValueError when the event is not the one that follows: what is folded already or lacks one before it.
    """
    revision = 0 if facts is None else facts.revision
    if logged.revision != revision + 1:
        raise ValueError(f"event {logged.revision} of ticket {logged.number} does not follow event {revision}")
    event = logged.event
    if facts is None:
        if not isinstance(event, TicketOpened):
            raise ValueError(f"ticket {logged.number} does not begin with its opening")
        return _opened(event, logged)
    at = max(logged.at, facts.updated_at)
    rule = _RULES.get(type(event))
    changes = {} if rule is None else rule(facts, event, logged.actor, at, calendars)
    after = facts._replace(revision=logged.revision, updated_at=at, **changes)
    return _settled(facts, after, at) if changes else after


def _opened(event: TicketOpened, logged: LoggedEvent) -> TicketFacts:
    sla = event.sla
    return TicketFacts(
        number=logged.number,
        revision=1,
        updated_at=logged.at,
        status=event.status,
        team=event.team,
        priority=event.priority,
        category=event.category,
        assignee_id=None,
        sla_state=sla_state(sla),
        snoozed=False,
        escalation_level=0,
        spans=1,
        span_since=logged.at,
        previous_status=None,
        requester_id=event.requester_id,
        channel=channel_of(logged.actor, event.requester_id),
        opened_at=logged.at,
        opened_team=event.team,
        opened_priority=event.priority,
        opened_category=event.category,
        policy_version=None if sla is None else sla.policy_version,
        calendar_version=None if sla is None else sla.calendar_version,
        status_since=logged.at,
    )


def channel_of(actor: Actor, requester: PersonId) -> Channel:
    """How a ticket came that this actor opened."""
    if actor.kind != "person":
        return "integration"
    return "self_service" if actor.id == requester else "desk"


def _settled(before: TicketFacts, after: TicketFacts, at: datetime) -> TicketFacts:
    """With what follows from the rest. What changes at the very moment at which a span began changes that span, unless
    it is the status: no status is ever skipped."""
    one_touch = after.is_finished and (after.desk_replies, after.reopenings, after.reassignments) == (1, 0, 0)
    if before[_STATE] == after[_STATE] or (at == before.span_since and before.status == after.status):
        return after if one_touch == after.one_touch else after._replace(one_touch=one_touch)
    return after._replace(
        one_touch=one_touch, spans=before.spans + 1, span_since=at, previous_status=before.status
    )  # fmt: skip


def _status_changed(
    facts: TicketFacts, event: TicketStatusChanged, actor: Actor, at: datetime, calendars: Calendars
) -> Changes:
    stayed = (at - (facts.status_since or at)).total_seconds()
    changes: Changes = {"status": event.status, "status_since": at, "closed_at": event.closed_at}
    if facts.status is Status.PENDING:
        changes["pending_seconds"] = facts.pending_seconds + stayed
    elif facts.status is Status.ON_HOLD:
        changes["on_hold_seconds"] = facts.on_hold_seconds + stayed
    if event.status is Status.RESOLVED:
        return changes | _resolved(facts, actor, at, calendars)
    if facts.is_finished and event.status not in _FINISHED:
        return changes | dict.fromkeys(_OF_RESOLUTION) | {"reopenings": facts.reopenings + 1}
    return changes


_OF_RESOLUTION = (
    "resolved_at", "resolver_id", "resolved_team",
    "resolution_seconds", "resolution_business_seconds", "resolution_calendar",
)  # fmt: skip
"""What a reopening takes back."""


def _resolved(facts: TicketFacts, actor: Actor, at: datetime, calendars: Calendars) -> Changes:
    return {
        "first_resolved_at": facts.first_resolved_at or at,
        "resolved_at": at,
        "resolver_id": facts.assignee_id or actor.id,
        "resolved_team": facts.team,
        "resolution_seconds": (at - facts.opened_at).total_seconds(),
        "resolution_business_seconds": _business_seconds(facts, at, calendars),
        "resolution_calendar": facts.calendar_version,
    }


def _replied(facts: TicketFacts, event: TicketReplied, actor: Actor, at: datetime, calendars: Calendars) -> Changes:
    if not event.by_desk:
        return {"requester_replies": facts.requester_replies + 1}
    if not event.is_answer:
        return {}
    changes: Changes = {"desk_replies": facts.desk_replies + 1}
    if facts.first_responded_at is not None:
        return changes
    return changes | {
        "first_responded_at": at,
        "responder_id": actor.id,
        "responded_team": facts.team,
        "response_seconds": (at - facts.opened_at).total_seconds(),
        "response_business_seconds": _business_seconds(facts, at, calendars),
        "response_calendar": facts.calendar_version,
    }


def _business_seconds(facts: TicketFacts, at: datetime, calendars: Calendars) -> float:
    """From the opening on."""
    if facts.calendar_version is None:
        return (at - facts.opened_at).total_seconds()
    return working_time(calendars(facts.calendar_version), facts.opened_at, at).total_seconds()


def _assigned(facts: TicketFacts, event: TicketAssigned, *_: Any) -> Changes:
    is_another = facts.last_assignee_id not in (None, event.assignee_id)
    return {
        "assignee_id": event.assignee_id,
        "last_assignee_id": event.assignee_id,
        "assignments": facts.assignments + 1,
        "reassignments": facts.reassignments + is_another,
    }


def _unassigned(*_: Any) -> Changes:
    return {"assignee_id": None}


def _moved(facts: TicketFacts, event: TicketMoved, *_: Any) -> Changes:
    return {"team": event.team, "moves": facts.moves + (event.previous is not None)}


def _edited(_: TicketFacts, event: TicketEdited, *__: Any) -> Changes:
    new = {"priority": event.priority, "category": event.category}
    return {name: value for name, value in new.items() if value is not None}


def _noted(facts: TicketFacts, *_: Any) -> Changes:
    return {"notes": facts.notes + 1}


def _escalated(facts: TicketFacts, event: TicketEscalated, *_: Any) -> Changes:
    return {
        "escalation_level": event.escalation_level,
        "escalations": facts.escalations + 1,
        "highest_level": max(facts.highest_level, event.escalation_level),
    }


def _calmed(_: TicketFacts, event: TicketDeescalated, *__: Any) -> Changes:
    return {"escalation_level": event.escalation_level}


def _rated(facts: TicketFacts, event: TicketRated, _: Actor, at: datetime, __: Calendars) -> Changes:
    return {
        "rating": event.rating,
        "rated_at": at,
        "rated_resolver_id": facts.resolver_id,  # as in the event, and known of tickets from before ratings too
        "rated_team": facts.resolved_team,
    }


def _snoozed(_: TicketFacts, event: TicketSnoozed | TicketWoken, *__: Any) -> Changes:
    return {"snoozed": event.snoozed}


def _clocks_changed(
    _: TicketFacts,
    event: TicketSlaChanged
    | TicketSlaWarned
    | TicketSlaBreached
    | TicketLadderClimbed
    | TicketLadderHeld
    | TicketAcknowledged,
    *__: Any,
) -> Changes:
    sla = event.sla
    return {
        "sla_state": sla_state(sla),
        "policy_version": sla.policy_version,
        "calendar_version": sla.calendar_version,
    }


_RULES: dict[type[Any], Callable[..., Changes]] = {
    TicketEdited: _edited,
    TicketMoved: _moved,
    TicketReplied: _replied,
    TicketNoted: _noted,
    TicketStatusChanged: _status_changed,
    TicketAssigned: _assigned,
    TicketUnassigned: _unassigned,
    TicketEscalated: _escalated,
    TicketDeescalated: _calmed,
    TicketSnoozed: _snoozed,
    TicketWoken: _snoozed,
    TicketSlaChanged: _clocks_changed,
    TicketSlaWarned: _clocks_changed,
    TicketSlaBreached: _clocks_changed,
    TicketLadderClimbed: _clocks_changed,
    TicketLadderHeld: _clocks_changed,
    TicketAcknowledged: _clocks_changed,
    TicketRated: _rated,
}
_KINDS: tuple[type[BaseModel], ...] = (TicketOpened, *_RULES)
TELLING: frozenset[str] = frozenset(kind.model_fields["type"].default for kind in _KINDS)
"""The types of the events that change facts beside their revision and moment."""
