"""What a ticket waits for by itself: its pending moments, computed from nothing but its state."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.lifecycle import auto_close_at, reopen_until
from domain.sla_clock import PlannedWarning, SlaMoment, sla_moments
from domain.sla_ladder import LadderRun
from domain.ticket import Status, Ticket
from domain.ticket_commands import (
    AutoCloseTicket,
    BreachTarget,
    ClimbLadder,
    ExpireOffer,
    TimerCommand,
    WakeTicket,
    WarnOfTarget,
)

TimerKind = Literal[
    "wake", "auto_close", "reopen_window_ends", "sla_warning", "sla_breach", "ladder_step", "offer_expires"
]


class PendingMoment(BaseModel):
    """A moment at which the ticket acts by itself, and the sentence that says why."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    kind: TimerKind
    cause: str
    command: TimerCommand | None = None
    """What the moment brings when it comes; None when the ticket's life simply ends there."""

    @property
    def id(self) -> str:
        """Tells it from every other moment that the ticket waits for: `sla_breach.customer.resolution.1`."""
        details = {} if self.command is None else self.command.model_dump(exclude={"type"})
        return ".".join([self.kind, *(str(value) for value in details.values())])


def next_moment(ticket: Ticket) -> PendingMoment | None:
    """The earliest of all moments that the ticket waits for."""
    return next(iter(pending_moments(ticket)), None)


def pending_moments(ticket: Ticket) -> list[PendingMoment]:
    """Every moment that the ticket waits for, earliest first."""
    moments = []
    if ticket.snoozed_until is not None:
        moments.append(
            PendingMoment(at=ticket.snoozed_until, kind="wake", cause="snoozed until then", command=WakeTicket())
        )
    if ticket.status is Status.RESOLVED and not ticket.held_open:
        days = ticket.auto_close_days
        cause = f"closes {days} days after it was resolved unless the requester writes"
        closing = AutoCloseTicket()
        moments.append(PendingMoment(at=auto_close_at(ticket), kind="auto_close", cause=cause, command=closing))
    if ticket.status is Status.CLOSED:
        cause = f"may be reopened for {ticket.reopen_days} days"
        moments.append(PendingMoment(at=reopen_until(ticket), kind="reopen_window_ends", cause=cause))
    if ticket.offer is not None:
        cause = f"offered to {len(ticket.offer.to)} until then"
        moments.append(
            PendingMoment(at=ticket.offer.expires_at, kind="offer_expires", cause=cause, command=ExpireOffer())
        )
    if ticket.sla is not None:
        moments += [_pending(moment) for moment in sla_moments(ticket.sla)]
        moments += _next_step(ticket.sla.ladder)
    return sorted(moments, key=lambda moment: moment.at)


def brought_forward(ticket: Ticket, command: TimerCommand, now: datetime) -> Ticket:
    """The ticket with the moment that brings this command come already."""
    if isinstance(command, WakeTicket):
        return ticket.model_copy(update={"snoozed_until": now})
    if isinstance(command, ExpireOffer):
        offer = None if ticket.offer is None else ticket.offer.model_copy(update={"expires_at": now})
        return ticket.model_copy(update={"offer": offer})
    sla = ticket.sla
    if sla is None or isinstance(command, AutoCloseTicket):
        return ticket
    if isinstance(command, ClimbLadder):
        ladder = None if sla.ladder is None else sla.ladder.model_copy(update={"next_at": now})
        return ticket.model_copy(update={"sla": sla.model_copy(update={"ladder": ladder})})
    clock = sla.at(command.clock)
    if clock is None:
        return ticket
    if isinstance(command, BreachTarget):
        clock = clock.model_copy(update={"due_at": now})
    else:
        come = PlannedWarning(percent=command.percent, at=now)
        later = tuple(one for one in clock.warnings if one.percent > command.percent)
        clock = clock.model_copy(update={"warnings": (come, *later)})
    return ticket.model_copy(update={"sla": sla.replacing(clock)})


def _next_step(run: LadderRun | None) -> list[PendingMoment]:
    if run is None or run.next_at is None:
        return []
    cause = f"step {run.step + 1} of the escalation ladder of {run.ladder.target}"
    climb = ClimbLadder(round=run.round, step=run.step)
    return [PendingMoment(at=run.next_at, kind="ladder_step", cause=cause, command=climb)]


def _pending(moment: SlaMoment) -> PendingMoment:
    clock, key = moment.clock, moment.clock.key._asdict()
    whose = "" if clock.audience == "customer" else "the team's "
    if moment.percent is None:
        cause = f"{whose}{clock.target} is due"
        return PendingMoment(at=moment.at, kind="sla_breach", cause=cause, command=BreachTarget(**key))
    cause = f"{moment.percent} % of {whose}{clock.target} will be used"
    warning = WarnOfTarget(**key, percent=moment.percent)
    return PendingMoment(at=moment.at, kind="sla_warning", cause=cause, command=warning)


def describe_wait(ticket: Ticket, following: PendingMoment | None) -> str:
    """One line for an operator: whom the ticket waits for, and `following`, what happens next by itself."""
    waits = {
        Status.NEW: "waiting for a first answer",
        Status.OPEN: "waiting for the desk",
        Status.PENDING: "waiting for the requester",
        Status.ON_HOLD: "waiting for a third party",
        Status.RESOLVED: "resolved, waiting to be closed",
        Status.CLOSED: "closed, may be reopened",
    }[ticket.status]
    if ticket.snoozed:
        waits = "snoozed" + ("" if ticket.snoozed_until else " until the requester replies")
    then = f", next: {following.kind} at {following.at:%Y-%m-%d %H:%M:%SZ}" if following else ""
    return f"{waits}{then} (revision {ticket.revision})"
