"""Which ladder a ticket is on, and when its next step is to be taken: kept with the clocks over each change."""

from datetime import datetime, timedelta

from domain.business_calendar import after_working_time, next_opening
from domain.sla_clock import Clock, ClockKey, TicketSla
from domain.sla_counting import Calendars, calendar_of, used_by
from domain.sla_ladder import LadderRun
from domain.sla_policy import Terms
from domain.ticket import Ticket


def kept_ladder(
    sla: TicketSla, ticket: Ticket, terms: Terms | None, at: datetime, calendars: Calendars, *, moves: bool
) -> LadderRun | None:
    """The ladder of an open clock. It begins with the clock, and goes on as it began once a step was taken; before that
    other terms or another priority bring another ladder, and after it when a rollout asks for that (`moves`)."""
    run = sla.ladder
    clock = None if run is None else sla.at(ClockKey("customer", run.ladder.target, run.cycle))
    if run is None or clock is None or not clock.is_open or _begins_anew(run, ticket, terms):
        run = _new_ladder(sla, ticket, terms)
        clock = None if run is None else sla.clock("customer", run.ladder.target)
    elif moves and (other := _new_ladder(sla, ticket, terms)) is not None:
        run = run.on(other.ladder, other.policy_version, other.priority)
    if run is None or clock is None:
        return None
    return run.model_copy(update={"next_at": _step_at(run, clock, at, calendars)})


def _begins_anew(run: LadderRun, ticket: Ticket, terms: Terms | None) -> bool:
    """Whether it is still to take its first step, and there is another one for what the ticket is now."""
    version = None if terms is None else terms.policy_version
    is_other = run.priority != ticket.priority or run.policy_version != version
    return run.last_at is None and run.ended is None and is_other


def _new_ladder(sla: TicketSla, ticket: Ticket, terms: Terms | None) -> LadderRun | None:
    ladder = None if terms is None else terms.policy.ladders.get(ticket.priority)
    clock = None if ladder is None else sla.clock("customer", ladder.target)
    if terms is None or ladder is None or clock is None or not clock.is_open:
        return None
    return LadderRun(
        ladder=ladder, policy_version=terms.policy_version, priority=ticket.priority.value, cycle=clock.cycle
    )


def _step_at(run: LadderRun, clock: Clock, at: datetime, calendars: Calendars) -> datetime | None:
    """When the next step is to be taken, as far as that is known."""
    step, counts_from = run.next_step, run.counts_from()
    if step is None:
        return None
    moment = None
    if counts_from == "start":
        left = max(step.after - used_by(clock, at, calendars), timedelta())
        calendar = calendar_of(clock.time, clock.calendar_version, calendars)
        moment = after_working_time(calendar, at, left) if clock.phase == "running" else None
    else:
        begin = run.last_at if counts_from == "last_step" else clock.breached_at
        calendar = calendar_of(step.time, clock.calendar_version, calendars)
        moment = None if begin is None else after_working_time(calendar, begin, step.after)
    if moment is None or not run.ladder.hold_until_open:
        return moment
    return next_opening(calendars(clock.calendar_version), moment)
