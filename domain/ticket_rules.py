"""What a command does to a ticket: one rule for each, and `decide`, which asks it.

All pure. A refusal is a named error and changes nothing; no events mean that there was nothing to do.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from domain import errors, offer_rules, rating, sla_rules, watching
from domain.ids import PersonId
from domain.lifecycle import TRANSITIONS, auto_close_at, reopen_until
from domain.people import TIMER, Actor
from domain.ticket import MAX_ESCALATION_LEVEL, Status, Ticket
from domain.ticket_commands import (
    AcceptOffer,
    AcknowledgeTicket,
    AddAttachment,
    AddReply,
    AdvanceMoment,
    AssignTicket,
    AutoCloseTicket,
    BreachTarget,
    CancelMoment,
    ChangeStatus,
    ClaimTicket,
    ClimbLadder,
    CommandEnvelope,
    DeclineOffer,
    DeescalateTicket,
    EditTicket,
    EscalateTicket,
    ExpireOffer,
    OfferTicket,
    RateTicket,
    RemoveAttachment,
    SnoozeTicket,
    TakeBackTerms,
    TakeTerms,
    UnassignTicket,
    UnwatchTicket,
    WakeTicket,
    WarnOfTarget,
    WatchTicket,
)
from domain.ticket_events import (
    AssignedBy,
    AttachmentAdded,
    AttachmentRemoved,
    StatusReason,
    TicketAssigned,
    TicketChange,
    TicketDeescalated,
    TicketEdited,
    TicketEscalated,
    TicketEvent,
    TicketMomentCancelled,
    TicketMoved,
    TicketNoted,
    TicketReplied,
    TicketSnoozed,
    TicketStatusChanged,
    TicketUnassigned,
    TicketWoken,
)
from domain.ticket_timers import PendingMoment, brought_forward, pending_moments

S = Status


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
        events += offer_rules.withdrawn(ticket)
    return events


def _reply(ticket: Ticket, command: AddReply, actor: Actor, now: datetime) -> list[TicketEvent]:
    mentions = tuple(dict.fromkeys(one for one in command.mention_ids if one != actor.id))
    joined = watching.mentioned(ticket, mentions)
    if command.internal:
        return [TicketNoted(text_id=command.text_id, mention_ids=mentions), *joined]
    by_desk = actor.is_desk and actor.id != ticket.requester_id
    is_answer = by_desk and actor.kind == "person"
    first = now if is_answer and ticket.first_responded_at is None else ticket.first_responded_at
    replied = TicketReplied(
        text_id=command.text_id, by_desk=by_desk, is_answer=is_answer, first_responded_at=first, mention_ids=mentions
    )
    if not by_desk:
        return [replied, *joined, *_heard_from_requester(ticket, now)]
    is_first_word = is_answer and ticket.status is S.NEW
    return [replied, *joined, *(_to_status(ticket, S.OPEN, "agent_replied", now) if is_first_word else [])]


def _attach(ticket: Ticket, command: AddAttachment, actor: Actor, now: datetime) -> list[TicketEvent]:
    """What the desk waited for may come as a file: a requester's wakes and reopens as their words do."""
    by_desk = actor.is_desk and actor.id != ticket.requester_id
    return [
        AttachmentAdded(attachment_id=command.attachment_id, internal=command.internal),
        *([] if by_desk or command.internal else _heard_from_requester(ticket, now)),
    ]


def _detach(ticket: Ticket, command: RemoveAttachment, actor: Actor, now: datetime) -> list[TicketEvent]:
    return [AttachmentRemoved(attachment_id=command.attachment_id, internal=command.internal)]


def _heard_from_requester(ticket: Ticket, now: datetime) -> list[TicketEvent]:
    woken: list[TicketEvent] = [TicketWoken(reason="requester_replied")] if ticket.snoozed else []
    if ticket.status in (S.PENDING, S.RESOLVED):
        return woken + _to_status(ticket, S.OPEN, "requester_replied", now)
    return woken


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
    return _to_status(ticket, command.status, "by_hand", now, rating.resolver_of(ticket, actor))


def _assign(ticket: Ticket, command: AssignTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    by: AssignedBy = "dispatch" if actor.kind == "dispatcher" else "hand"
    return _given(ticket, command, by, now)


def _unassign(ticket: Ticket, command: UnassignTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    if ticket.assignee_id is None:
        return []
    is_passed = command.reason in ("by_hand", "silent")  # it shall not come back to them at once
    passed_by = (ticket.assignee_id,) if is_passed else ()
    return [TicketUnassigned(previous_id=ticket.assignee_id, reason=command.reason, passed_by=passed_by)]


def _claim(ticket: Ticket, command: ClaimTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    if actor.kind != "person" or actor.id is None:
        raise errors.AssigneeUnavailableError("Only a person can claim a ticket.")
    if ticket.assignee_id not in (None, actor.id):
        raise errors.AlreadyAssignedError(f"Ticket {ticket.number} has an assignee already.")
    return _given(ticket, AssignTicket(assignee_id=actor.id, override=command.override), "claim", now)


def _given(ticket: Ticket, command: AssignTicket, by: AssignedBy, now: datetime) -> list[TicketEvent]:
    if command.assignee_id == ticket.assignee_id:
        return []
    assigned = TicketAssigned(
        assignee_id=command.assignee_id,
        previous_id=ticket.assignee_id,
        assigned_at=now,
        by=by,
        override=command.override,
        decision_id=command.decision_id,
    )
    return [*offer_rules.withdrawn(ticket, keeps=(command.assignee_id,)), assigned]


def _offer(ticket: Ticket, command: OfferTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    _refuse_resolved(ticket, "offered")
    return offer_rules.offer(ticket, command, now)


def _accept(ticket: Ticket, command: AcceptOffer, actor: Actor, now: datetime) -> list[TicketEvent]:
    return offer_rules.accept(ticket, actor, now)


def _decline(ticket: Ticket, command: DeclineOffer, actor: Actor, now: datetime) -> list[TicketEvent]:
    return offer_rules.decline(ticket, actor, now)


def _expire(ticket: Ticket, command: ExpireOffer, actor: Actor, now: datetime) -> list[TicketEvent]:
    return offer_rules.expire(ticket, now)


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
    return calm + (sla_rules.acknowledge(ticket) if sla_rules.has_climbed(ticket) else [])


def _acknowledge(ticket: Ticket, command: AcknowledgeTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    return sla_rules.acknowledge(ticket) if ticket.escalation_level or sla_rules.has_climbed(ticket) else []


def _snooze(ticket: Ticket, command: SnoozeTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    _refuse_resolved(ticket, "snoozed")
    if command.until is not None and command.until <= now:
        raise errors.MomentPassedError("The moment to wake the ticket lies in the past.")
    if ticket.snoozed and ticket.snoozed_until == command.until:
        return []
    return [*offer_rules.withdrawn(ticket), TicketSnoozed(snoozed_until=command.until)]


def _wake(ticket: Ticket, command: WakeTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    by_timer = actor.kind == "timer"
    if by_timer and (not ticket.snoozed or ticket.snoozed_until is None or now < ticket.snoozed_until):
        return []
    if not ticket.snoozed:
        raise errors.NotSnoozedError(f"Ticket {ticket.number} is not snoozed.")
    return [TicketWoken(reason="moment_came" if by_timer else "by_hand")]


def _auto_close(ticket: Ticket, command: AutoCloseTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    if ticket.status is not S.RESOLVED or ticket.held_open or now < auto_close_at(ticket):
        return []
    return _to_status(ticket, S.CLOSED, "auto_closed", now)


def _warn(ticket: Ticket, command: WarnOfTarget, actor: Actor, now: datetime) -> list[TicketEvent]:
    return sla_rules.warn(ticket, command, now)


def _breach(ticket: Ticket, command: BreachTarget, actor: Actor, now: datetime) -> list[TicketEvent]:
    return sla_rules.breach(ticket, command, now)


def _climb(ticket: Ticket, command: ClimbLadder, actor: Actor, now: datetime) -> list[TicketEvent]:
    return sla_rules.climb(ticket, command, now)


def _take_terms(ticket: Ticket, command: TakeTerms, actor: Actor, now: datetime) -> list[TicketEvent]:
    return sla_rules.take_terms(ticket, command)


def _take_back_terms(ticket: Ticket, command: TakeBackTerms, actor: Actor, now: datetime) -> list[TicketEvent]:
    return sla_rules.take_back_terms(ticket, command)


def _cancel_moment(ticket: Ticket, command: CancelMoment, actor: Actor, now: datetime) -> list[TicketEvent]:
    moment = _pending(ticket, command.moment)
    brings = moment.command
    if brings is None:
        raise errors.MomentFixedError("The end of the reopen window is fixed.")
    if isinstance(brings, ExpireOffer):
        raise errors.MomentFixedError("An offer ends in its time: assign the ticket, or let the end come now.")
    struck = TicketMomentCancelled(
        moment=moment.id, moment_at=moment.at, brings=brings, held_open=isinstance(brings, AutoCloseTicket)
    )
    return [struck, TicketSnoozed(snoozed_until=None)] if isinstance(brings, WakeTicket) else [struck]


def _advance_moment(ticket: Ticket, command: AdvanceMoment, actor: Actor, now: datetime) -> list[TicketEvent]:
    moment = _pending(ticket, command.moment)
    if moment.command is None:
        raise errors.MomentFixedError("The end of the reopen window is fixed.")
    if isinstance(moment.command, AutoCloseTicket):
        return _to_status(ticket, S.CLOSED, "by_hand", now)
    return _RULES[type(moment.command)](brought_forward(ticket, moment.command, now), moment.command, TIMER, now)


def _watch(ticket: Ticket, command: WatchTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    return watching.watch(ticket, command)


def _unwatch(ticket: Ticket, command: UnwatchTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    return watching.unwatch(ticket, command)


def _rate(ticket: Ticket, command: RateTicket, actor: Actor, now: datetime) -> list[TicketEvent]:
    return rating.rate(ticket, command, now)


def _pending(ticket: Ticket, id: str) -> PendingMoment:
    found = next((moment for moment in pending_moments(ticket) if moment.id == id), None)
    if found is None:
        raise errors.NoSuchMomentError(f"Ticket {ticket.number} does not wait for {id} (any more).")
    return found


_RULES: dict[type[BaseModel], Callable[[Ticket, Any, Actor, datetime], list[TicketEvent]]] = {
    EditTicket: _edit,
    AddReply: _reply,
    AddAttachment: _attach,
    RemoveAttachment: _detach,
    ChangeStatus: _change_status,
    AssignTicket: _assign,
    UnassignTicket: _unassign,
    ClaimTicket: _claim,
    OfferTicket: _offer,
    AcceptOffer: _accept,
    DeclineOffer: _decline,
    ExpireOffer: _expire,
    EscalateTicket: _escalate,
    DeescalateTicket: _de_escalate,
    WatchTicket: _watch,
    UnwatchTicket: _unwatch,
    RateTicket: _rate,
    SnoozeTicket: _snooze,
    WakeTicket: _wake,
    AutoCloseTicket: _auto_close,
    WarnOfTarget: _warn,
    BreachTarget: _breach,
    AcknowledgeTicket: _acknowledge,
    ClimbLadder: _climb,
    CancelMoment: _cancel_moment,
    AdvanceMoment: _advance_moment,
    TakeTerms: _take_terms,
    TakeBackTerms: _take_back_terms,
}
_ALLOWED_WHEN_CLOSED = (
    ChangeStatus, RemoveAttachment, AutoCloseTicket, WarnOfTarget, BreachTarget, ClimbLadder, TakeTerms, TakeBackTerms,
    CancelMoment, AdvanceMoment, WatchTicket, UnwatchTicket, RateTicket,
)  # fmt: skip


def _to_status(
    ticket: Ticket, status: Status, reason: StatusReason, now: datetime, resolver: PersonId | None = None
) -> list[TicketEvent]:
    """The change of status with what comes along: the resolved and closed moments, whose work it was (`resolver`, when
    it is resolved now), and the end of a snooze."""
    resolved_at, resolver_id = None, None
    if status is S.RESOLVED:
        resolved_at, resolver_id = now, resolver
    elif status is S.CLOSED:
        resolved_at, resolver_id = ticket.resolved_at, ticket.resolver_id
    events: list[TicketEvent] = []
    if ticket.snoozed and status is S.RESOLVED:
        events.append(TicketWoken(reason="finished"))
    if status in (S.RESOLVED, S.CLOSED):
        events += offer_rules.withdrawn(ticket)
    changed = TicketStatusChanged(
        status=status,
        previous=ticket.status,
        reason=reason,
        resolved_at=resolved_at,
        closed_at=now if status is S.CLOSED else None,
        resolver_id=resolver_id,
    )
    return [*events, changed]


def _refuse_resolved(ticket: Ticket, verb: str) -> None:
    if ticket.status is S.RESOLVED:
        raise errors.TicketResolvedError(f"Ticket {ticket.number} is resolved and cannot be {verb}.")
