"""What the moments of clocks and ladders bring, and what people say to an escalation: rules of `ticket_rules`.

A timer's command that was overtaken has no effect.
"""

from collections.abc import Sequence
from datetime import datetime

from domain.sla_clock import breached, warned
from domain.sla_ladder import AddWatcher, RaiseLevel, RaisePriority, StepAction
from domain.ticket import Priority, Ticket
from domain.ticket_commands import BreachTarget, ClimbLadder, TakeBackTerms, TakeTerms, WarnOfTarget
from domain.ticket_events import (
    TicketAcknowledged,
    TicketEdited,
    TicketEscalated,
    TicketEvent,
    TicketLadderClimbed,
    TicketLadderHeld,
    TicketSlaBreached,
    TicketSlaWarned,
    TicketTermsTaken,
    TicketTermsTakenBack,
    TicketWatched,
)


def warn(ticket: Ticket, command: WarnOfTarget, now: datetime) -> list[TicketEvent]:
    """A share of a clock's goal is used up."""
    clock = None if ticket.sla is None else ticket.sla.at(command.clock)
    sla = None if ticket.sla is None else warned(ticket.sla, command.clock, command.percent, now)
    if clock is None or clock.due_at is None or sla is None:
        return []
    return [TicketSlaWarned(**command.clock._asdict(), percent=command.percent, clock_due_at=clock.due_at, sla=sla)]


def breach(ticket: Ticket, command: BreachTarget, now: datetime) -> list[TicketEvent]:
    """All of a clock's goal is used up."""
    clock = None if ticket.sla is None else ticket.sla.at(command.clock)
    sla = None if ticket.sla is None else breached(ticket.sla, command.clock, now)
    if clock is None or clock.due_at is None or sla is None:
        return []
    return [TicketSlaBreached(**command.clock._asdict(), clock_due_at=clock.due_at, sla=sla)]


def climb(ticket: Ticket, command: ClimbLadder, now: datetime) -> list[TicketEvent]:
    """The next step of the ladder is taken, with what its actions change of the ticket."""
    run = None if ticket.sla is None else ticket.sla.ladder
    step = None if run is None else run.next_step
    if ticket.sla is None or run is None or step is None or run.next_at is None or run.next_at > now:
        return []
    if (run.round, run.step) != (command.round, command.step):
        return []
    sla = ticket.sla.model_copy(update={"ladder": run.climbed(now)})
    events: list[TicketEvent] = [TicketLadderClimbed(round=run.round, step=run.step, actions=step.actions, sla=sla)]
    return events + _acted(ticket, step.actions)


def hold(ticket: Ticket, until: datetime) -> list[TicketEvent]:
    """The next step of the ladder is put off; nothing when there is none."""
    run = None if ticket.sla is None else ticket.sla.ladder
    if ticket.sla is None or run is None or run.next_at is None:
        return []
    return [TicketLadderHeld(until=until, sla=ticket.sla.model_copy(update={"ladder": run.held(until)}))]


def has_climbed(ticket: Ticket) -> bool:
    """Whether a step of the ladder has been taken."""
    run = None if ticket.sla is None else ticket.sla.ladder
    return run is not None and run.last_at is not None


def acknowledge(ticket: Ticket) -> list[TicketEvent]:
    """The ladder goes no further; nothing when it does not anyway."""
    run = None if ticket.sla is None else ticket.sla.ladder
    if ticket.sla is None or run is None or run.ended:
        return []
    return [TicketAcknowledged(sla=ticket.sla.model_copy(update={"ladder": run.stopped("acknowledged")}))]


def take_terms(ticket: Ticket, command: TakeTerms) -> list[TicketEvent]:
    """Other versions of policy and calendar; nothing when the work is over or they are those it runs on."""
    present = (None, None) if ticket.sla is None else (ticket.sla.policy_version, ticket.sla.calendar_version)
    if ticket.is_finished or present == (command.policy_version, command.calendar_version):
        return []
    return [TicketTermsTaken(**command.model_dump(exclude={"type"}))]


def take_back_terms(ticket: Ticket, command: TakeBackTerms) -> list[TicketEvent]:
    """The terms from before a rollout; nothing when the work is over."""
    return [] if ticket.is_finished else [TicketTermsTakenBack(rollout_id=command.rollout_id)]


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
