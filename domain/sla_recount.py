"""The clocks counted anew, to see that what is stored is what the events come to.

Of the events only facts are used: how the ticket opened, what was said, which statuses, priorities and teams it had,
at which moments it was warned or breached, and on which terms it ran from when on. What they say of the clocks is not
used; it is what the outcome is compared with. The escalation ladder is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.business_calendar import BusinessCalendar
from domain.ids import TicketNumber
from domain.lifecycle import evolve, opened
from domain.sla_clock import Clock, ClockKey, PlannedWarning, Segment, TicketSla, breached, warned
from domain.sla_keeping import Kept, begin, concerns, follow, promise_of
from domain.sla_ledger import name_of, recorded_slas
from domain.sla_policy import Terms
from domain.sla_rollout import restored
from domain.ticket import Ticket
from domain.ticket_events import (
    PastChange,
    TicketAcknowledged,
    TicketEvent,
    TicketLadderClimbed,
    TicketOpened,
    TicketSlaBreached,
    TicketSlaChanged,
    TicketSlaWarned,
    TicketTermsTaken,
    TicketTermsTakenBack,
)

MAX_DIFFERENCES = 100
_ALARM = TicketSlaWarned | TicketSlaBreached
_OF_LADDER = TicketLadderClimbed | TicketAcknowledged
_NO_TIME = timedelta()


class Versions(NamedTuple):
    """Which terms: the ids of a policy's version and of a calendar's."""

    policy: int
    calendar: int


class Recount(NamedTuple):
    """What the events come to, and where what is stored differs, in sentences (MAX_DIFFERENCES at most)."""

    sla: TicketSla | None
    differences: tuple[str, ...]


def versions_of(sla: TicketSla) -> Versions | None:
    """The terms that a ticket runs on; None when no policy fits."""
    if sla.policy_version is None or sla.calendar_version is None:
        return None
    return Versions(sla.policy_version, sla.calendar_version)


def terms_wanted(past: Sequence[PastChange]) -> dict[Versions, TicketSla]:
    """The terms that a recount needs to know, each with clocks that ran on them."""
    return {versions: sla for sla in recorded_slas(past) if (versions := versions_of(sla)) is not None}


def recounted(
    number: TicketNumber, past: Sequence[PastChange], terms: Mapping[Versions, Terms], stored: TicketSla | None
) -> Recount:
    """Keep the clocks anew over all that happened, and compare: with each event, with the segments, and with `stored`,
    what the ticket's row says."""
    recount = _Recounter(number, terms)
    for change in past:
        recount.add(change)
    sla = None if recount.ticket is None else recount.ticket.sla
    recount.compare("the ticket", stored, sla)
    differences = recount.differences[:MAX_DIFFERENCES]
    return Recount(sla, (*_explanation(past, terms), *differences) if differences else ())


def _explanation(past: Sequence[PastChange], terms: Mapping[Versions, Terms]) -> list[str]:
    """Governments change their clocks: what was right by older time-zone data may differ by newer."""
    now = {one.zone_data for one in terms.values()}
    then = {sla.zone_data for sla in recorded_slas(past) if sla.policy_version is not None} - now
    return [f"stored by time-zone data {', '.join(sorted(then))}, counted anew by {', '.join(now)}"] if then else []


class _Recounter:
    """Goes through a ticket's past, change by change."""

    def __init__(self, number: TicketNumber, terms: Mapping[Versions, Terms]) -> None:
        self.ticket: Ticket | None = None
        self.differences: list[str] = []
        self._number = number
        self._terms = terms
        self._calendars: dict[int, BusinessCalendar] = {one.calendar_version: one.calendar for one in terms.values()}
        self._sums = _Sums()
        self._before_rollouts: dict[int, tuple[TicketSla | None, int]] = {}

    def add(self, change: PastChange) -> None:
        first = change.events[0]
        if isinstance(first, TicketOpened):
            self.ticket = self._begun(first, change)
            self.compare(f"revision {change.first_revision}", first.sla, self.ticket.sla)
        elif self.ticket is not None:
            self.ticket = self._followed(self.ticket, change)
        for sla in recorded_slas([change]):
            last = change.events[-1]
            segments = last.segments if isinstance(last, TicketSlaChanged) and last.sla is sla else ()
            where = f"revision {change.first_revision + len(change.events) - 1}"
            if isinstance(first, TicketTermsTakenBack):
                self._sums.take_over(sla)
                continue
            self.differences += [f"{where}: {fault}" for fault in self._sums.add(sla, segments, self._terms_of(sla))]

    def compare(self, where: str, stored: TicketSla | None, own: TicketSla | None) -> None:
        """Put down where the clocks that are stored differ from our own."""
        theirs, ours = _clocks(stored), _clocks(own)
        for key in [*theirs, *(key for key in ours if key not in theirs)]:
            self.differences += [f"{where}: {text}" for text in _differences(key, theirs.get(key), ours.get(key))]

    def _begun(self, event: TicketOpened, change: PastChange) -> Ticket:
        ticket = opened(self._number, event.model_copy(update={"sla": None}), change.at)
        if event.sla is None:
            return ticket
        sla = begin(ticket, self._terms_of(event.sla), event.sla.zone_data)
        return ticket.model_copy(update={"sla": sla})

    def _followed(self, before: Ticket, change: PastChange) -> Ticket:
        ticket, happened = before, list[TicketEvent]()
        told: TicketSlaChanged | None = None
        for revision, event in enumerate(change.events, start=change.first_revision):
            if isinstance(event, TicketSlaChanged):
                told = event
                continue
            own = self._own(ticket, event, change)
            if isinstance(own, _ALARM) and isinstance(event, _ALARM):
                self.compare(f"revision {revision}", event.sla, own.sla)
            happened.append(own)
            ticket = evolve(ticket, own, change.at)
        if told is None and not concerns(happened):
            return ticket
        present = told.sla if told is not None else before.sla
        if present is None:
            return ticket
        kept = self._kept(before, happened, change.at, present)
        sla, segments = (ticket.sla, ()) if kept is None else (kept.sla, kept.segments)
        if told is not None:
            where = f"revision {change.first_revision + len(change.events) - 1}"
            self.compare(where, told.sla, sla)
            self._compare_segments(where, told.segments, segments)
        elif _clocks(sla) != _clocks(ticket.sla):
            self.differences.append(f"revision {change.first_revision}: the clocks changed and were not recorded")
        entailed = TicketSlaChanged(sla=sla or present)
        return evolve(ticket, entailed, change.at) if told is not None else ticket.model_copy(update={"sla": sla})

    def _kept(self, before: Ticket, happened: Sequence[TicketEvent], at: datetime, present: TicketSla) -> Kept | None:
        """The clocks over a change. A rollout's terms that nothing followed are taken back as if they had not been."""
        first = happened[0] if happened else None
        if isinstance(first, TicketTermsTaken):
            self._before_rollouts[first.rollout_id] = before.sla, before.revision + len(happened) + 1
        if isinstance(first, TicketTermsTakenBack) and before.sla is not None:
            former, revision = self._before_rollouts.get(first.rollout_id, (None, 0))
            if former is not None and revision == before.revision:
                return restored(former, before.sla, at, self._calendars.__getitem__, present.zone_data)
        return follow(before, happened, at, self._terms_of(present), self._calendars.__getitem__, present.zone_data)

    @staticmethod
    def _own(ticket: Ticket, event: TicketEvent, change: PastChange) -> TicketEvent:
        """The event with our own clocks in place of those that it tells."""
        if not isinstance(event, _ALARM | _OF_LADDER) or ticket.sla is None:
            return event
        if isinstance(event, _OF_LADDER):
            return event.model_copy(update={"sla": ticket.sla})
        key = ClockKey(event.audience, event.target, event.cycle)
        percent = event.percent if isinstance(event, TicketSlaWarned) else None
        before = ticket.sla if change.by_timer else _brought_forward(ticket.sla, key, percent, change.at)
        sla = breached(before, key, change.at) if percent is None else warned(before, key, percent, change.at)
        return event.model_copy(update={"sla": sla or ticket.sla})

    def _compare_segments(self, where: str, stored: Sequence[Segment], own: Sequence[Segment]) -> None:
        self.differences += [f"{where}: {_segment_words(one)} is stored only" for one in stored if one not in own]
        self.differences += [f"{where}: {_segment_words(one)} is not stored" for one in own if one not in stored]

    def _terms_of(self, sla: TicketSla) -> Terms | None:
        versions = versions_of(sla)
        return None if versions is None else self._terms[versions]


def _brought_forward(sla: TicketSla, key: ClockKey, percent: int | None, at: datetime) -> TicketSla:
    """The clocks with a moment come already, for somebody did not wait for it."""
    clock = sla.at(key)
    if clock is None:
        return sla
    if percent is None:
        return sla.replacing(clock.model_copy(update={"due_at": at}))
    later = (one for one in clock.warnings if one.percent > percent)
    warnings = (PlannedWarning(percent=percent, at=at), *later)
    return sla.replacing(clock.model_copy(update={"warnings": warnings}))


class _Sums:
    """Adds the stored segments up, to compare them with what the stored clocks say that they used."""

    def __init__(self) -> None:
        self._clocks: dict[ClockKey, Clock] = {}
        self._used: dict[ClockKey, timedelta] = {}

    def add(self, sla: TicketSla, segments: Iterable[Segment], terms: Terms | None) -> list[str]:
        """Go on to these clocks, which came with these segments; what does not add up."""
        faults = []
        ends = {key: clock.since for key, clock in self._clocks.items()}
        for segment in segments:
            key = ClockKey(segment.audience, segment.target, segment.cycle)
            if segment.since != ends.get(key):
                faults.append(f"{_segment_words(segment)} does not begin where the one before it ended")
            ends[key] = segment.until
            self._used[key] = self._used.get(key, _NO_TIME) + segment.used
        for clock in sla.clocks:
            before = self._clocks.get(clock.key)
            if before is not None and terms is not None and _restarted(before, clock, terms):
                self._used[clock.key] = _NO_TIME
            if self._used.get(clock.key, _NO_TIME) != clock.used:
                sums = self._used.get(clock.key, _NO_TIME)
                faults.append(f"the segments of {_name(clock.key)} add up to {sums}, the clock says {clock.used}")
            if clock.since != ends.get(clock.key, clock.started_at):
                faults.append(f"the present segment of {_name(clock.key)} does not begin where the last one ended")
            self._clocks[clock.key] = clock
        return faults

    def take_over(self, sla: TicketSla) -> None:
        """Go on from these clocks: what was taken back was compared as a whole."""
        for clock in sla.clocks:
            self._clocks[clock.key], self._used[clock.key] = clock, clock.used


def _restarted(before: Clock, after: Clock, terms: Terms) -> bool:
    """Whether other terms made it begin anew."""
    return terms.policy.carry == "restart" and promise_of(before) != promise_of(after)


def _clocks(sla: TicketSla | None) -> dict[ClockKey, Clock]:
    return {} if sla is None else {clock.key: clock for clock in sla.clocks}


def _differences(key: ClockKey, stored: Clock | None, own: Clock | None) -> list[str]:
    if stored is None:
        return [f"{_name(key)} is not stored"]
    if own is None:
        return [f"{_name(key)} is stored and should not be"]
    return [
        f"{_name(key)}: {name} is stored as {theirs}, counted anew it is {ours}"
        for name in Clock.model_fields
        if (theirs := getattr(stored, name)) != (ours := getattr(own, name))
    ]


def _segment_words(segment: Segment) -> str:
    key = ClockKey(segment.audience, segment.target, segment.cycle)
    stretch = f"{segment.phase} from {segment.since.isoformat()} to {segment.until.isoformat()}"
    return f"the segment of {_name(key)} {stretch} with {segment.used} used"


def _name(key: ClockKey) -> str:
    return name_of(key.audience, key.target, key.cycle)
