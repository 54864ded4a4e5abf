"""How clocks start, pause, resume and end: what each event of a ticket does to them.

`begin` winds the clocks of a new ticket, `follow` keeps them over one change. Both are pure: the policies, the
calendars and the version of the time-zone data come as arguments, and the outcome is recorded, so that nothing is
computed twice with another answer. A moment that is due by the time of a change must have come before it (see
`ticket_timers`).

The arithmetic: a clock has used the time of its calendar that passed while it ran. It is due when it will have used its
goal, if it keeps running. `docs/sla.md` shows it by examples.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar, after_working_time
from domain.lifecycle import evolve
from domain.sla_climbing import kept_ladder
from domain.sla_clock import (
    AUDIENCES,
    TARGETS,
    Audience,
    Clock,
    Phase,
    PlannedWarning,
    Segment,
    Target,
    TicketSla,
)
from domain.sla_counting import Calendars, calendar_of
from domain.sla_policy import Goal, Terms, first_match
from domain.ticket import Slug, Ticket
from domain.ticket_commands import BreachTarget, ClimbLadder, WarnOfTarget
from domain.ticket_events import (
    TicketEdited,
    TicketEvent,
    TicketLadderClimbed,
    TicketMomentCancelled,
    TicketMoved,
    TicketReplied,
    TicketSlaBreached,
    TicketStatusChanged,
    TicketTermsTaken,
    TicketTermsTakenBack,
)
from domain.working_time import working_time

_TOUCHING = (
    TicketReplied
    | TicketStatusChanged
    | TicketSlaBreached
    | TicketLadderClimbed
    | TicketMomentCancelled
    | TicketTermsTaken
    | TicketTermsTakenBack
)
_NO_TIME = timedelta()
_NEVER = datetime.max.replace(tzinfo=UTC)
"""Later than any due moment: of a calendar that has not enough working time ahead."""


class Kept(NamedTuple):
    """The clocks after a change, the segments that it ended, and the cycles that ended and began anew at once: how
    those ended is not in `sla`."""

    sla: TicketSla
    segments: tuple[Segment, ...]
    over: tuple[Clock, ...] = ()


def begin(ticket: Ticket, terms: Terms | None, zone_data: str) -> TicketSla:
    """The clocks of a ticket that was opened just now. Without terms it has none."""
    keeper = _Keeper(_unmatched(zone_data), terms, lambda _: ALWAYS_OPEN, ticket.created_at, zone_data)
    keeper.take_terms(ticket, "opened")
    return keeper.kept(ticket).sla


def concerns(events: Iterable[TicketEvent]) -> bool:
    """Whether clocks may have to be kept over these events."""
    return any(isinstance(event, _TOUCHING) for event in events) or asks_for_terms(events)


def asks_for_terms(events: Iterable[TicketEvent]) -> bool:
    """Whether the events touch what policies are matched by."""
    return any(
        isinstance(event, TicketMoved)
        or (isinstance(event, TicketEdited) and (event.priority or event.category or event.tags is not None))
        for event in events
    )


def terms_for(ticket: Ticket, tier: Slug, offered: Iterable[Terms], present: Terms | None) -> Terms | None:
    """The terms of a ticket whose priority, category, team or tags changed.

    Where the same policy fits as before, the ticket keeps the version that it runs on: a newer one reaches it only
    when it is applied.
    """
    found = first_match(offered, ticket, tier)
    return present if found and present and found.policy_id == present.policy_id else found


def follow(
    before: Ticket,
    events: Sequence[TicketEvent],
    at: datetime,
    terms: Terms | None,
    calendars: Calendars,
    zone_data: str,
    why: str = "",
) -> Kept | None:
    """The clocks after a change of the ticket, whose `sla` is from before it; None when they go on as they did.

    `terms` are those that it runs on from now on, `why` explains a change of terms that no event explains.
    """
    old = before.sla or _unmatched(zone_data)
    told = old
    keeper = _Keeper(old, terms, calendars, at, zone_data)
    ticket = before
    for event in events:
        was, ticket = ticket, evolve(ticket, event, at)
        if isinstance(event, TicketSlaBreached | TicketLadderClimbed):
            told = event.sla
            keeper.goes_on_with(told)
        if isinstance(event, TicketReplied):
            keeper.replied(ticket, event)
        if isinstance(event, TicketStatusChanged):
            keeper.status_changed(was, ticket)
        if isinstance(event, TicketMomentCancelled):
            keeper.moment_cancelled(event)
        if isinstance(event, TicketTermsTaken):
            keeper.moves_ladder = event.moves_ladder
    if ticket.team != before.team:
        keeper.team_changed(ticket)
    if _is_other(old, terms) or ticket.priority is not before.priority:
        reasons = [f"priority became {ticket.priority}"] if ticket.priority is not before.priority else []
        keeper.take_terms(ticket, why or ", ".join(reasons) or "another policy fits")
    kept = keeper.kept(ticket)
    is_same = kept.sla.model_copy(update={"zone_data": told.zone_data}) == told
    return None if is_same else kept


def segment_of(clock: Clock, since: datetime, until: datetime, used: timedelta, why: str, zone_data: str) -> Segment:
    """A stretch of a clock that is not over yet."""
    if clock.phase not in ("running", "paused"):
        raise ValueError(f"the clock of {clock.target} is over")
    return Segment(
        target=clock.target,
        audience=clock.audience,
        cycle=clock.cycle,
        phase=clock.phase,
        since=since,
        until=until,
        used=used,
        why=why,
        time=clock.time,
        policy_version=clock.policy_version,
        calendar_version=clock.calendar_version,
        zone_data=zone_data,
    )


def _is_other(sla: TicketSla, terms: Terms | None) -> bool:
    present = (sla.policy_version, sla.calendar_version)
    return present != ((None, None) if terms is None else (terms.policy_version, terms.calendar_version))


def promise_of(clock: Clock) -> tuple[timedelta, str, int | None]:
    """How long, counted how, by which calendar: what another version of a policy may leave as it was."""
    return clock.goal, clock.time, clock.calendar_version if clock.time == "business" else None


def _unmatched(zone_data: str) -> TicketSla:
    return TicketSla(policy_version=None, calendar_version=None, zone_data=zone_data)


class _Keeper:
    """The clocks of one ticket during one change, at one moment."""

    def __init__(self, sla: TicketSla, terms: Terms | None, calendars: Calendars, at: datetime, zone_data: str) -> None:
        self._sla = sla
        self._terms = terms
        self._calendars = calendars
        self._at = at
        self._zone_data = zone_data
        self._segments: list[Segment] = []
        self.moves_ladder = False
        """Whether a running ladder goes on as that of the present terms."""
        self._ended: list[Clock] = []

    def kept(self, ticket: Ticket) -> Kept:
        terms = self._terms
        names = {
            "policy_version": None if terms is None else terms.policy_version,
            "calendar_version": None if terms is None else terms.calendar_version,
            "zone_data": self._zone_data,
        }
        ladder = kept_ladder(self._sla, ticket, self._terms, self._at, self._business, moves=self.moves_ladder)
        over = tuple(clock for clock in self._ended if self._sla.at(clock.key) is None)
        return Kept(self._sla.model_copy(update={**names, "ladder": ladder}), tuple(self._segments), over)

    def goes_on_with(self, sla: TicketSla) -> None:
        """Take over what an event says of the clocks."""
        self._sla = sla

    # What happens.

    def replied(self, ticket: Ticket, event: TicketReplied) -> None:
        """An answer meets what waits for one; the requester's words begin the wait for the next."""
        if event.is_answer:
            for target in ("first_response", "next_response"):
                self._end(target, "met", "the desk answered")
        elif event.by_desk:
            return
        elif ticket.first_responded_at is not None:
            self._begin_all("next_response", ticket, "the requester wrote")
        else:
            self._begin_all("first_response", ticket, "the requester wrote")

    def status_changed(self, was: Ticket, ticket: Ticket) -> None:
        """The end of the work meets its target, a reopening begins it anew, and some statuses stand still."""
        if ticket.is_finished:
            self._end("resolution", "met", f"status became {ticket.status}")
            for target in ("first_response", "next_response"):
                self._end(target, "cancelled", "finished without an answer")
            return
        if was.is_finished:
            self._begin_all("resolution", ticket, "reopened")
            if ticket.first_responded_at is None:
                self._begin_all("first_response", ticket, "reopened")
        for clock in self._sla.clocks:
            if clock.is_open:
                self._in_phase(clock, ticket, f"status became {ticket.status}")

    def moment_cancelled(self, event: TicketMomentCancelled) -> None:
        """What was to come by itself does not: a warning, a step of the ladder, or a breach, and with it the clock."""
        brings, run = event.brings, self._sla.ladder
        if isinstance(brings, ClimbLadder) and run is not None:
            self._sla = self._sla.model_copy(update={"ladder": run.climbed(self._at)})
        if not isinstance(brings, WarnOfTarget | BreachTarget):
            return
        clock = self._sla.at(brings.clock)
        if clock is None or not clock.is_open:
            return
        if isinstance(brings, BreachTarget):
            waived = self._over(clock, "cancelled", "cancelled by hand")
            self._put(waived.model_copy(update={"is_waived": True}))
        else:
            left = tuple(one for one in clock.warnings if one.percent != brings.percent)
            self._put(clock.model_copy(update={"warnings": left, "muted": (*clock.muted, brings.percent)}))

    def team_changed(self, ticket: Ticket) -> None:
        """The teams' own clocks begin anew with the next team."""
        for target in TARGETS:
            clock = self._sla.clock("team", target)
            if clock is not None and clock.is_open:
                self._put(self._over(clock, "cancelled", "went to another team"))
                self._begin("team", target, ticket, "came to the team")

    def take_terms(self, ticket: Ticket, why: str) -> None:
        """Give each clock the goal that the present terms have for it."""
        for audience in AUDIENCES:
            for target in TARGETS:
                clock, goal = self._sla.clock(audience, target), self._goal(audience, target, ticket)
                if clock is None or not clock.is_open:
                    if self._may_begin(clock, target, ticket):
                        self._begin(audience, target, ticket, why)
                elif clock.breached_at is not None:  # what is broken stays broken
                    self._in_phase(clock, ticket, why)
                elif goal is None:
                    self._put(self._over(clock, "cancelled", why))
                else:
                    self._put(self._on_terms(clock, goal, ticket, why))

    # What that does to a clock.

    def _goal(self, audience: Audience, target: Target, ticket: Ticket) -> Goal | None:
        return None if self._terms is None else self._terms.policy.goals_for(audience, ticket.priority).of(target)

    def _phase(self, target: Target, ticket: Ticket) -> Phase:
        is_paused = self._terms is not None and self._terms.policy.pauses.include(target, ticket.status)
        return "paused" if is_paused else "running"

    def _in_phase(self, clock: Clock, ticket: Ticket, why: str) -> None:
        """Let the clock run or stand still as it should in the ticket's status."""
        phase = self._phase(clock.target, ticket)
        if clock.phase != phase:
            self._put(self._planned(self._cut(clock, phase, why)))

    @staticmethod
    def _may_begin(clock: Clock | None, target: Target, ticket: Ticket) -> bool:
        """Whether a target that had no goal so far is still to be met. The wait for a next answer begins only when the
        requester writes."""
        if ticket.is_finished or (clock is not None and clock.is_waived):
            return False
        return target == "resolution" or (target == "first_response" and ticket.first_responded_at is None)

    def _begin_all(self, target: Target, ticket: Ticket, why: str) -> None:
        for audience in AUDIENCES:
            present = self._sla.clock(audience, target)
            if present is None or not present.is_open:
                self._begin(audience, target, ticket, why)

    def _begin(self, audience: Audience, target: Target, ticket: Ticket, why: str) -> None:
        goal, terms, last = self._goal(audience, target, ticket), self._terms, self._sla.clock(audience, target)
        if goal is None or terms is None:
            return
        clock = Clock(
            target=target,
            audience=audience,
            cycle=1 if last is None else last.cycle + 1,
            goal=goal.duration,
            time=goal.time,
            policy_version=terms.policy_version,
            calendar_version=terms.calendar_version,
            phase=self._phase(target, ticket),
            started_at=self._at,
            since=self._at,
            why=why,
        )
        self._put(self._planned(clock))

    def _end(self, target: Target, phase: Phase, why: str) -> None:
        for audience in AUDIENCES:
            clock = self._sla.clock(audience, target)
            if clock is not None and clock.is_open:
                self._put(self._over(clock, phase, why))

    def _over(self, clock: Clock, phase: Phase, why: str) -> Clock:
        ended = self._cut(clock, phase, why).model_copy(update={"ended_at": self._at, "warnings": ()})
        self._ended.append(ended)
        return ended

    def _on_terms(self, clock: Clock, goal: Goal, ticket: Ticket, why: str) -> Clock:
        """The clock with another goal or another calendar, by the policy's rule for the time used."""
        terms = self._terms
        if terms is None:
            raise ValueError("there are no terms to take")
        changes = {
            "goal": goal.duration,
            "time": goal.time,
            "policy_version": terms.policy_version,
            "calendar_version": terms.calendar_version,
        }
        has_all = all(getattr(clock, name) == value for name, value in changes.items())
        if has_all and self._sla.policy_version == terms.policy_version:
            return clock
        cut = self._cut(clock, self._phase(clock.target, ticket), why)
        changed = cut.model_copy(update=changes)
        if promise_of(cut) == promise_of(changed):
            return self._planned(changed)
        if terms.policy.carry == "restart":
            changed = changed.model_copy(update={"used": _NO_TIME, "warned": 0})
        elif terms.policy.carry == "tighter_wins" and self._due(cut) <= self._due(changed):
            return self._planned(cut)
        return self._planned(changed)

    def _cut(self, clock: Clock, phase: Phase, why: str) -> Clock:
        """End the present segment and begin the next one, now."""
        used = _NO_TIME
        if clock.phase == "running":
            used = working_time(self._calendar(clock), clock.since, self._at)
        if clock.since < self._at and clock.is_open:
            self._segments.append(segment_of(clock, clock.since, self._at, used, clock.why, self._zone_data))
        return clock.model_copy(update={"phase": phase, "since": self._at, "used": clock.used + used, "why": why})

    def _planned(self, clock: Clock) -> Clock:
        """The clock with the moments that it waits for. Shares that it is past already are warned of as one, now."""
        if clock.breached_at is not None:
            return clock
        if clock.phase != "running":
            return clock.model_copy(update={"due_at": None, "warnings": ()})
        due, warnings = self._due(clock), list[PlannedWarning]()
        for percent in () if self._terms is None else self._terms.policy.warnings:
            left = clock.goal * percent / 100 - clock.used
            at = self._after(clock, left)
            if percent > clock.warned and percent not in clock.muted and at is not None:
                if left <= _NO_TIME:
                    warnings.clear()
                warnings.append(PlannedWarning(percent=percent, at=at))
        return clock.model_copy(update={"due_at": due if due != _NEVER else None, "warnings": tuple(warnings)})

    def _due(self, clock: Clock) -> datetime:
        """When the clock will have used its goal if it runs from now on."""
        return self._after(clock, clock.goal - clock.used) or _NEVER

    def _after(self, clock: Clock, left: timedelta) -> datetime | None:
        return after_working_time(self._calendar(clock), self._at, max(left, _NO_TIME))

    def _calendar(self, clock: Clock) -> BusinessCalendar:
        return calendar_of(clock.time, clock.calendar_version, self._business)

    def _business(self, version: int) -> BusinessCalendar:
        if self._terms is not None and version == self._terms.calendar_version:
            return self._terms.calendar
        return self._calendars(version)

    def _put(self, clock: Clock) -> None:
        self._sla = self._sla.replacing(clock)
