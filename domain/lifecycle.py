"""The life of a ticket: `decide` turns a command into events, `evolve` adds an event to the ticket.

Both are pure. `decide` refuses with a named error and changes nothing; an empty answer means there was nothing to do.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from domain import errors
from domain.ids import CommandId, TicketNumber
from domain.people import Actor
from domain.sla_clock import breached, warned
from domain.sla_ladder import AddWatcher, RaiseLevel, RaisePriority, StepAction
from domain.ticket import MAX_ESCALATION_LEVEL, Priority, Status, Ticket
from domain.ticket_commands import (
    AcknowledgeTicket,
    AddReply,
    AssignTicket,
    AutoCloseTicket,
    BreachTarget,
    ChangeStatus,
    ClaimTicket,
    ClimbLadder,
    CommandEnvelope,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    OpenTicket,
    SnoozeTicket,
    UnassignTicket,
    WakeTicket,
    WarnOfTarget,
)
from domain.ticket_events import (
    StatusReason,
    TicketAcknowledged,
    TicketAssigned,
    TicketChange,
    TicketDeescalated,
    TicketEdited,
    TicketEscalated,
    TicketEvent,
    TicketLadderClimbed,
    TicketMoved,
    TicketNoted,
    TicketOpened,
    TicketReplied,
    TicketSlaBreached,
    TicketSlaWarned,
    TicketSnoozed,
    TicketStatusChanged,
    TicketUnassigned,
    TicketWatched,
    TicketWoken,
)

S = Status
TRANSITIONS: dict[Status, tuple[Status, ...]] = {
    S.NEW: (S.OPEN, S.PENDING, S.ON_HOLD, S.RESOLVED),
    S.OPEN: (S.PENDING, S.ON_HOLD, S.RESOLVED),
    S.PENDING: (S.OPEN, S.ON_HOLD, S.RESOLVED),
    S.ON_HOLD: (S.OPEN, S.PENDING, S.RESOLVED),
    S.RESOLVED: (S.OPEN, S.CLOSED),
    S.CLOSED: (S.OPEN,),
}
"""The statuses that a person may set from each status. To `open` from the last two is a reopening."""


class LifecycleRules(BaseModel):
    """The desk's settings that a ticket is opened under."""

    model_config = ConfigDict(frozen=True)

    auto_close_days: int
    reopen_days: int


class HasStatus(Protocol):
    """What the transitions depend on: of a ticket, or of its record."""

    @property
    def number(self) -> TicketNumber: ...
    @property
    def status(self) -> Status: ...
    @property
    def closed_at(self) -> datetime | None: ...
    @property
    def reopen_days(self) -> int: ...


def open_ticket(command: OpenTicket, rules: LifecycleRules, now: datetime) -> TicketOpened:
    """The first event of a ticket.

    Raises MomentPassedError when the due date lies in the past.
    """
    if command.due_at is not None and command.due_at <= now:
        raise errors.MomentPassedError("The due date lies in the past.")
    return TicketOpened(
        wording_id=command.wording_id,
        requester_id=command.requester_id,
        priority=command.priority,
        category=command.category,
        team=command.team,
        due_at=command.due_at,
        required_skills=command.required_skills,
        estimated_minutes=command.estimated_minutes,
        tags=command.tags,
        auto_close_days=rules.auto_close_days,
        reopen_days=rules.reopen_days,
    )


def opening(
    number: TicketNumber, command_id: CommandId, fingerprint: str, actor: Actor, event: TicketOpened, now: datetime
) -> TicketChange:
    """The change that opens ticket `number`: its first revision."""
    return TicketChange(
        command_id=command_id,
        fingerprint=fingerprint,
        number=number,
        actor=actor,
        at=now,
        first_revision=1,
        events=(event,),
    )


def decide(ticket: Ticket, envelope: CommandEnvelope, now: datetime) -> TicketChange:
    """What the command does to the ticket, as a change that is not yet applied.

    Raises StaleRevisionError when the caller looked at an older revision, and the errors of the command's own rule.
    """
    expected = envelope.expected_revision
    if expected is not None and expected != ticket.revision:
        raise errors.StaleRevisionError(
            f"You changed revision {expected} of ticket {ticket.number}; it is at revision {ticket.revision} by now."
        )
    command = envelope.command
    if ticket.status is S.CLOSED and not isinstance(command, _ALLOWED_WHEN_CLOSED):
        raise errors.TicketClosedError(f"Ticket {ticket.number} is closed; reopen it first.")
    rule = _RULES[type(command)]
    events = rule(ticket, command, envelope.actor, now)
    return TicketChange(
        command_id=envelope.id,
        fingerprint=envelope.fingerprint,
        number=ticket.number,
        actor=envelope.actor,
        at=now,
        first_revision=ticket.revision + 1,
        events=tuple(events),
    )


def fields_set_by(event: TicketEvent) -> dict[str, Any]:
    """The ticket's fields that the event gives a new value, whatever they were before. Not for an opening."""
    if isinstance(event, TicketEdited):
        return event.model_dump(exclude_none=True, exclude={"type", "clear"}) | dict.fromkeys(event.clear)
    return {name: getattr(event, name) for name in event.sets}


def fields_changed_by(change: TicketChange) -> dict[str, Any]:
    """The same for a whole change: its events' fields, the revision and the moment."""
    changed: dict[str, Any] = {}
    for event in change.events:
        changed |= fields_set_by(event)
    return changed | {"revision": change.last_revision, "updated_at": change.at}


def evolve(ticket: Ticket, event: TicketEvent, at: datetime) -> Ticket:
    """The ticket after one more event."""
    return ticket.model_copy(update={**fields_set_by(event), "revision": ticket.revision + 1, "updated_at": at})


def apply(ticket: Ticket, change: TicketChange) -> Ticket:
    """The ticket after a whole change."""
    return reduce(lambda before, event: evolve(before, event, change.at), change.events, ticket)


def opened(number: TicketNumber, event: TicketOpened, at: datetime) -> Ticket:
    """The ticket after its first event."""
    fields = event.model_dump(exclude={"type"})
    return Ticket(number=number, revision=1, created_at=at, updated_at=at, **fields)


def rebuild(number: TicketNumber, history: Sequence[tuple[TicketEvent, datetime]]) -> Ticket:
    """The ticket that its events, with their moments, add up to. The first must be its opening."""
    (first, first_at), *rest = history
    if not isinstance(first, TicketOpened):
        raise ValueError(  # noqa: TRY004  the history is wrong, not a type
            f"ticket {number} does not begin with its opening but with {first.type}"
        )
    return reduce(lambda ticket, item: evolve(ticket, *item), rest, opened(number, first, first_at))


def allowed_transitions(ticket: HasStatus, now: datetime) -> tuple[Status, ...]:
    """The statuses that may be set now."""
    if ticket.status is S.CLOSED and now >= reopen_until(ticket):
        return ()
    return TRANSITIONS[ticket.status]


def auto_close_at(ticket: Ticket) -> datetime:
    """When a resolved ticket closes by itself."""
    if ticket.resolved_at is None:
        raise ValueError(f"ticket {ticket.number} is not resolved")
    return ticket.resolved_at + timedelta(days=ticket.auto_close_days)


def reopen_until(ticket: HasStatus) -> datetime:
    """When a closed ticket's reopen window ends; from then on it is history."""
    if ticket.closed_at is None:
        raise ValueError(f"ticket {ticket.number} is not closed")
    return ticket.closed_at + timedelta(days=ticket.reopen_days)


# One rule per command.


def _edit(ticket: Ticket, command: EditTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    if command.due_at is not None and command.due_at != ticket.due_at and command.due_at <= now:
        raise errors.MomentPassedError("The due date lies in the past.")
    if command.wording_id is not None and command.previous_wording_id not in (None, ticket.wording_id):
        raise errors.StaleRevisionError(f"Somebody else reworded ticket {ticket.number} meanwhile; look at it again.")
    events: list[TicketEvent] = []
    plain = {"wording_id", "priority", "category", "due_at", "required_skills", "estimated_minutes", "tags"}
    new = {
        name: getattr(command, name) for name in plain if getattr(command, name) not in (None, getattr(ticket, name))
    }
    clear = tuple(name for name in command.clear if name != "team" and getattr(ticket, name) is not None)
    if new or clear:
        events.append(TicketEdited(**new, clear=clear))
    team = None if "team" in command.clear else command.team or ticket.team
    if team != ticket.team:
        events.append(TicketMoved(team=team, previous=ticket.team))
        if ticket.assignee_id is not None:
            events.append(TicketUnassigned(previous_id=ticket.assignee_id))
    return events


def _reply(ticket: Ticket, command: AddReply, actor: Actor, now: datetime) -> list[TicketEvent]:
    if command.internal:
        return [TicketNoted(text_id=command.text_id)]
    by_desk = actor.is_desk and actor.id != ticket.requester_id
    first = now if by_desk and ticket.first_responded_at is None else ticket.first_responded_at
    events: list[TicketEvent] = [TicketReplied(text_id=command.text_id, by_desk=by_desk, first_responded_at=first)]
    if by_desk:
        return events + (_to_status(ticket, S.OPEN, "agent_replied", now) if ticket.status is S.NEW else [])
    if ticket.snoozed:
        events.append(TicketWoken(reason="requester_replied"))
    if ticket.status in (S.PENDING, S.RESOLVED):
        events += _to_status(ticket, S.OPEN, "requester_replied", now)
    return events


def _change_status(ticket: Ticket, command: ChangeStatus, actor: Actor, now: datetime) -> list[TicketEvent]:
    if command.status is ticket.status:
        return []
    if command.status not in TRANSITIONS[ticket.status]:
        legal = ", ".join(TRANSITIONS[ticket.status])
        raise errors.IllegalTransitionError(
            f"Ticket {ticket.number} is {ticket.status}; from there it may become {legal}, not {command.status}."
        )
    if ticket.status is S.CLOSED and now >= reopen_until(ticket):
        raise errors.ReopenWindowPassedError(
            f"Ticket {ticket.number} was closed more than {ticket.reopen_days} days ago; open a new one."
        )
    return _to_status(ticket, command.status, "by_hand", now)


def _assign(ticket: Ticket, command: AssignTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    if command.assignee_id == ticket.assignee_id:
        return []
    return [TicketAssigned(assignee_id=command.assignee_id, previous_id=ticket.assignee_id)]


def _unassign(ticket: Ticket, command: UnassignTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    return [] if ticket.assignee_id is None else [TicketUnassigned(previous_id=ticket.assignee_id)]


def _claim(ticket: Ticket, command: ClaimTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    if actor.id is None:
        raise errors.AssigneeUnavailableError("Only a person can claim a ticket.")
    if ticket.assignee_id not in (None, actor.id):
        raise errors.AlreadyAssignedError(f"Ticket {ticket.number} has an assignee already.")
    return _assign(ticket, AssignTicket(assignee_id=actor.id), actor, now)


def _escalate(ticket: Ticket, command: EscalateTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    _refuse_resolved(ticket, "escalated")
    level = command.level or ticket.escalation_level + 1
    if level > MAX_ESCALATION_LEVEL or level <= ticket.escalation_level:
        raise errors.EscalationLimitError(
            f"Ticket {ticket.number} is at escalation level {ticket.escalation_level} of {MAX_ESCALATION_LEVEL}."
        )
    return [TicketEscalated(escalation_level=level)]


def _de_escalate(ticket: Ticket, command: DeescalateTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    calm: list[TicketEvent] = [TicketDeescalated()] if ticket.escalation_level else []
    return calm + _acknowledge(ticket, AcknowledgeTicket(), actor, now)


def _acknowledge(ticket: Ticket, command: AcknowledgeTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    run = None if ticket.sla is None else ticket.sla.ladder
    if ticket.sla is None or run is None or run.ended:
        return []
    return [TicketAcknowledged(sla=ticket.sla.model_copy(update={"ladder": run.stopped("acknowledged")}))]


def _climb(ticket: Ticket, command: ClimbLadder, actor: Actor, now: datetime) -> list[TicketEvent]:
    run = None if ticket.sla is None else ticket.sla.ladder
    step = None if run is None else run.next_step
    if ticket.sla is None or run is None or step is None or run.next_at is None or run.next_at > now:
        return []
    if (run.round, run.step) != (command.round, command.step):
        return []
    sla = ticket.sla.model_copy(update={"ladder": run.climbed(now)})
    events: list[TicketEvent] = [TicketLadderClimbed(round=run.round, step=run.step, actions=step.actions, sla=sla)]
    return events + _acted(ticket, step.actions)


def _acted(ticket: Ticket, actions: Sequence[StepAction]) -> list[TicketEvent]:
    """What the actions of a step change of the ticket; never downwards."""
    levels = [action.level for action in actions if isinstance(action, RaiseLevel)]
    priorities = [Priority(action.priority) for action in actions if isinstance(action, RaisePriority)]
    watchers = [action.person_id for action in actions if isinstance(action, AddWatcher)]
    events: list[TicketEvent] = []
    if (level := max(levels, default=0)) > ticket.escalation_level:
        events.append(TicketEscalated(escalation_level=level))
    if new := [person for person in dict.fromkeys(watchers) if person not in ticket.watcher_ids]:
        events.append(TicketWatched(watcher_ids=(*ticket.watcher_ids, *new)))
    rank = list(Priority).index
    if (priority := max(priorities, key=rank, default=ticket.priority)) and rank(priority) > rank(ticket.priority):
        events.append(TicketEdited(priority=priority))
    return events


def _snooze(ticket: Ticket, command: SnoozeTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    _refuse_resolved(ticket, "snoozed")
    if command.until is not None and command.until <= now:
        raise errors.MomentPassedError("The moment to wake the ticket lies in the past.")
    if ticket.snoozed and ticket.snoozed_until == command.until:
        return []
    return [TicketSnoozed(snoozed_until=command.until)]


def _wake(ticket: Ticket, command: WakeTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    by_timer = actor.kind == "timer"
    if by_timer and (not ticket.snoozed or ticket.snoozed_until is None or now < ticket.snoozed_until):
        return []
    if not ticket.snoozed:
        raise errors.NotSnoozedError(f"Ticket {ticket.number} is not snoozed.")
    return [TicketWoken(reason="moment_came" if by_timer else "by_hand")]


def _auto_close(ticket: Ticket, command: AutoCloseTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    if ticket.status is not S.RESOLVED or now < auto_close_at(ticket):
        return []
    return _to_status(ticket, S.CLOSED, "auto_closed", now)


def _warn(ticket: Ticket, command: WarnOfTarget, actor: Actor, now: datetime) -> list[TicketEvent]:
    clock = None if ticket.sla is None else ticket.sla.at(command.clock)
    sla = None if ticket.sla is None else warned(ticket.sla, command.clock, command.percent, now)
    if clock is None or clock.due_at is None or sla is None:
        return []
    return [TicketSlaWarned(**command.clock._asdict(), percent=command.percent, clock_due_at=clock.due_at, sla=sla)]


def _breach(ticket: Ticket, command: BreachTarget, actor: Actor, now: datetime) -> list[TicketEvent]:
    clock = None if ticket.sla is None else ticket.sla.at(command.clock)
    sla = None if ticket.sla is None else breached(ticket.sla, command.clock, now)
    if clock is None or clock.due_at is None or sla is None:
        return []
    return [TicketSlaBreached(**command.clock._asdict(), clock_due_at=clock.due_at, sla=sla)]


_RULES: dict[type[BaseModel], Callable[[Ticket, Any, Actor, datetime], list[TicketEvent]]] = {
    EditTicket: _edit,
    AddReply: _reply,
    ChangeStatus: _change_status,
    AssignTicket: _assign,
    UnassignTicket: _unassign,
    ClaimTicket: _claim,
    EscalateTicket: _escalate,
    DeescalateTicket: _de_escalate,
    SnoozeTicket: _snooze,
    WakeTicket: _wake,
    AutoCloseTicket: _auto_close,
    WarnOfTarget: _warn,
    BreachTarget: _breach,
    AcknowledgeTicket: _acknowledge,
    ClimbLadder: _climb,
}
_ALLOWED_WHEN_CLOSED = (ChangeStatus, AutoCloseTicket, WarnOfTarget, BreachTarget, ClimbLadder)


def _to_status(ticket: Ticket, status: Status, reason: StatusReason, now: datetime) -> list[TicketEvent]:
    """The change of status with what comes along: the resolved and closed moments, and the end of a snooze."""
    resolved_at = None
    if status is S.RESOLVED:
        resolved_at = now
    elif status is S.CLOSED:
        resolved_at = ticket.resolved_at
    events: list[TicketEvent] = []
    if ticket.snoozed and status is S.RESOLVED:
        events.append(TicketWoken(reason="finished"))
    changed = TicketStatusChanged(
        status=status,
        previous=ticket.status,
        reason=reason,
        resolved_at=resolved_at,
        closed_at=now if status is S.CLOSED else None,
    )
    return [*events, changed]


def _refuse_resolved(ticket: Ticket, verb: str) -> None:
    if ticket.status is S.RESOLVED:
        raise errors.TicketResolvedError(f"Ticket {ticket.number} is resolved and cannot be {verb}.")
