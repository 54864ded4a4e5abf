"""The ledger of a ticket's clocks: every stretch of their lives, what it counted, and why it began.

It is read from the ticket's events alone: what each change recorded of the clocks (`TicketSla`) and what it ended
(`Segment`). Here a running stretch of working time is split at the closing times of its calendar, so that the entries
of a clock tile its life from its start to its end, or to now, and add up to what it has used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal, NamedTuple

from domain.business_calendar import open_intervals
from domain.sla_clock import Audience, Clock, ClockKey, Segment, Target, TicketSla
from domain.sla_counting import Calendars, calendar_of, used_by
from domain.ticket import Status
from domain.ticket_events import (
    PastChange,
    TicketOpened,
    TicketSlaBreached,
    TicketSlaChanged,
    TicketSlaWarned,
    TicketStatusChanged,
)

MAX_ENTRIES = 5_000
"""Of one ledger. A year of a clock in office hours has about 700."""
EntryKind = Literal["running", "paused", "closed"]
"""`closed`: the clock runs in working time, and there was none."""


class LedgerEntry(NamedTuple):
    """From one moment to another a clock ran, stood still, or ran while the desk was closed.

    `counted` is the time that this added, `used` what the clock had used when it was over. After a change of terms
    under the rule `restart`, `used` begins at nothing again.
    """

    since: datetime
    until: datetime
    kind: EntryKind
    counted: timedelta
    used: timedelta
    why: str
    policy_version: int
    calendar_version: int
    zone_data: str


class GivenWarning(NamedTuple):
    """That `percent` of the goal were used up."""

    percent: int
    at: datetime


class Stretch(NamedTuple):
    """A segment of a clock's life, or the one that is not over yet; `used_before` had been used when it began."""

    since: datetime
    until: datetime
    is_running: bool
    used_before: timedelta
    used_after: timedelta
    why: str


class ClockLedger(NamedTuple):
    """One cycle of one clock: how it stands or ended, and how that came about."""

    clock: Clock
    used: timedelta
    """By its end, or by now."""
    stretches: tuple[Stretch, ...]
    entries: tuple[LedgerEntry, ...]
    warnings: tuple[GivenWarning, ...]


class Ledger(NamedTuple):
    """Every cycle of every clock of a ticket at a moment, by their beginnings. `is_cut`: entries beyond the limit
    were left out, those of the clocks that began last."""

    at: datetime
    sla: TicketSla | None
    status: Status
    clocks: tuple[ClockLedger, ...]
    is_cut: bool


def ledger(past: Sequence[PastChange], calendars: Calendars, now: datetime, limit: int = MAX_ENTRIES) -> Ledger:
    """The ledger that a ticket's past adds up to, with so many entries at most."""
    book = _Book()
    for change in past:
        book.add(change)
    at = max([now, *(change.at for change in past)])
    clocks: list[ClockLedger] = []
    left, is_cut = limit, False
    for page in book.pages.values():
        told, is_whole = page.told(at, calendars, left)
        left, is_cut = left - len(told.entries), is_cut or not is_whole
        clocks.append(told)
    return Ledger(at, book.sla, book.status, tuple(clocks), is_cut)


def calendar_versions(past: Sequence[PastChange]) -> set[int]:
    """The versions of calendars that a ticket and its clocks ran on."""
    slas = list(recorded_slas(past))
    clocks = {clock.calendar_version for sla in slas for clock in sla.clocks}
    return clocks | {sla.calendar_version for sla in slas if sla.calendar_version is not None}


def policy_versions(past: Sequence[PastChange]) -> set[int]:
    """The versions of policies that a ticket and its clocks ran on."""
    slas = list(recorded_slas(past))
    clocks = {clock.policy_version for sla in slas for clock in sla.clocks}
    return clocks | {sla.policy_version for sla in slas if sla.policy_version is not None}


def recorded_slas(past: Sequence[PastChange]) -> Iterator[TicketSla]:
    """How the clocks stood after each event that tells it."""
    for change in past:
        for event in change.events:
            sla = getattr(event, "sla", None)
            if isinstance(sla, TicketSla):
                yield sla


@dataclass
class _Page:
    """What is known of one cycle of a clock so far."""

    clock: Clock
    zone_data: str
    segments: list[tuple[Segment, timedelta]] = field(default_factory=list)
    """With what had been used before each."""
    warnings: list[GivenWarning] = field(default_factory=list)

    def told(self, at: datetime, calendars: Calendars, limit: int) -> tuple[ClockLedger, bool]:
        """The page as it reads at a moment, with so many entries at most; whether these are all."""
        segments = [*self.segments, *self._present_segment(at, calendars)]
        stretches = [
            Stretch(one.since, one.until, one.phase == "running", before, before + one.used, one.why)
            for one, before in segments
        ]
        entries = list(islice(_entries(segments, calendars), limit + 1))
        used = stretches[-1].used_after if self.clock.is_open else self.clock.used
        page = ClockLedger(self.clock, used, tuple(stretches), tuple(entries[:limit]), tuple(self.warnings))
        return page, len(entries) <= limit

    def _present_segment(self, at: datetime, calendars: Calendars) -> Iterator[tuple[Segment, timedelta]]:
        """The one that is not over."""
        clock = self.clock
        if clock.is_open:
            counted = used_by(clock, at, calendars) - clock.used
            fields = {name: getattr(clock, name) for name in _SHARED}
            yield Segment(until=at, used=counted, zone_data=self.zone_data, **fields), clock.used


_SHARED = ("target", "audience", "cycle", "phase", "since", "why", "time", "policy_version", "calendar_version")


class _Book:
    """Takes up a ticket's changes, one after the other."""

    def __init__(self) -> None:
        self.pages: dict[ClockKey, _Page] = {}
        self.sla: TicketSla | None = None
        self.status = Status.NEW

    def add(self, change: PastChange) -> None:
        for event in change.events:
            if isinstance(event, TicketOpened | TicketStatusChanged):
                self.status = event.status
            if isinstance(event, TicketSlaWarned):
                key = ClockKey(event.audience, event.target, event.cycle)
                self.pages[key].warnings.append(GivenWarning(event.percent, change.at))
            segments = event.segments if isinstance(event, TicketSlaChanged) else ()
            over = event.over if isinstance(event, TicketSlaChanged) else ()
            if isinstance(event, TicketOpened | TicketSlaWarned | TicketSlaBreached | TicketSlaChanged):
                self._take(event.sla, segments, over)

    def _take(self, sla: TicketSla | None, segments: Sequence[Segment], over: Sequence[Clock]) -> None:
        if sla is None:
            return
        self.sla = sla
        after = {clock.key: clock for clock in (*over, *sla.clocks)}
        for segment in segments:
            key = ClockKey(segment.audience, segment.target, segment.cycle)
            page = self.pages[key]
            page.segments.append((segment, _used_before(segment, page.clock, after.get(key))))
        for key, clock in after.items():
            page = self.pages.setdefault(key, _Page(clock, sla.zone_data))
            page.clock, page.zone_data = clock, sla.zone_data


def _used_before(segment: Segment, before: Clock, after: Clock | None) -> timedelta:
    """What the clock had used when the segment began: what it said then, or, when that was taken back since, what it
    says now without the segment."""
    adds_up = after is None or after.used in (before.used + segment.used, timedelta())
    return before.used if adds_up or after is None else after.used - segment.used


def _entries(segments: list[tuple[Segment, timedelta]], calendars: Calendars) -> Iterator[LedgerEntry]:
    for segment, used_before in segments:
        if segment.since < segment.until:
            yield from _split(segment, used_before, calendars)


def _split(segment: Segment, used: timedelta, calendars: Calendars) -> Iterator[LedgerEntry]:
    """The segment in the parts in which its calendar is open or closed."""
    versions = segment.policy_version, segment.calendar_version, segment.zone_data
    if segment.phase == "paused":
        yield LedgerEntry(segment.since, segment.until, "paused", timedelta(), used, segment.why, *versions)
        return
    moment, why = segment.since, segment.why
    for part in open_intervals(
        calendar_of(segment.time, segment.calendar_version, calendars), segment.since, segment.until
    ):
        if moment < part.start:
            yield LedgerEntry(moment, part.start, "closed", timedelta(), used, why, *versions)
            why = "the calendar opened"
        counted = part.end - part.start
        used += counted
        yield LedgerEntry(part.start, part.end, "running", counted, used, why, *versions)
        moment, why = part.end, "the calendar closed"
    if moment < segment.until:
        yield LedgerEntry(moment, segment.until, "closed", timedelta(), used, why, *versions)


def name_of(audience: Audience, target: Target, cycle: int) -> str:
    """What people call a clock: "the team's first response (cycle 2)"."""
    whose = "" if audience == "customer" else "the team's "
    return f"{whose}{target.replace('_', ' ')}" + (f" (cycle {cycle})" if cycle > 1 else "")
