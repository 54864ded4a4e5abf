"""What the ledger of a clock comes to, in a sentence for people: when it is due and why, or how it ended.

Moments are told by the wall clock of the clock's calendar, with UTC beside: two of them may look alike on the night on
which clocks are put back.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from domain.business_calendar import time_zone
from domain.sla_clock import Clock
from domain.sla_counting import Calendars
from domain.sla_ledger import ClockLedger, Ledger, Stretch, name_of
from domain.ticket import Status


class VersionName(NamedTuple):
    """What people call a version of a policy or a calendar: its name, and which version of it."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})"


class VersionNames(NamedTuple):
    """The names of versions, by their ids."""

    policies: Mapping[int, VersionName]
    calendars: Mapping[int, VersionName]


_PUBLIC_REASON = re.compile(
    r"opened|reopened|(status|priority) became \w+|the desk answered|the requester wrote|finished without an answer"
    r"|cancelled by hand"
    r"|the calendar (opened|closed)"
)
NOTHING = "nothing"
_OF_NO_CONCERN = "the terms changed"
_WAITS = {
    Status.NEW: "the ticket is new",
    Status.OPEN: "the ticket is open",
    Status.PENDING: "it waits for the requester",
    Status.ON_HOLD: "it waits for a third party",
}


def public_reason(why: str) -> str:
    """The reason as the requester may hear it: what the desk arranges within is not told."""
    return why if _PUBLIC_REASON.fullmatch(why) else _OF_NO_CONCERN


def ticket_sentence(told: Ledger, names: VersionNames | None) -> str:
    """What the ticket runs on. Without names: as the requester may hear it."""
    sla = told.sla
    if sla is None:
        return "This ticket was opened before there were SLA policies, so it has no clock."
    if sla.policy_version is None or sla.calendar_version is None:
        if told.clocks:
            return "No SLA policy fits this ticket any more, so no clock begins."
        return "No SLA policy fits this ticket, so it has no clock."
    if names is None:
        runs_on = "This ticket runs on an SLA policy"
    else:
        policy, calendar = names.policies[sla.policy_version], names.calendars[sla.calendar_version]
        runs_on = f"This ticket runs on policy {policy} with calendar {calendar}"
    return f"{runs_on}." if told.clocks else f"{runs_on}, which has no goal for it, so it has no clock."


def clock_sentence(page: ClockLedger, told: Ledger, calendars: Calendars, names: VersionNames | None) -> str:
    """How a clock stands or ended, and why. Without names: as the requester may hear it."""
    return _Speaker(page, told, calendars, names).sentence()


def duration_words(duration: timedelta) -> str:
    """A duration in hours, minutes and seconds ("1 h 15 min"), rounded down to seconds; "nothing" below one."""
    seconds = int(duration.total_seconds())
    parts = ((seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or NOTHING


def moment_words(at: datetime, zone: str) -> str:
    """A moment by a zone's wall clock, with UTC beside: "2030-01-07 14:07 Europe/Berlin (13:07Z)"."""
    local, utc = at.astimezone(time_zone(zone)), at.astimezone(UTC)
    if zone == "UTC":
        return f"{_day_and_time(utc)} UTC"
    beside = _time(utc) if local.date() == utc.date() else _day_and_time(utc)
    return f"{_day_and_time(local)} {zone} ({beside}Z)"


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _day_and_time(at: datetime) -> str:
    return f"{at:%Y-%m-%d} {_time(at)}"


class _Speaker:
    """Speaks about one clock."""

    def __init__(self, page: ClockLedger, told: Ledger, calendars: Calendars, names: VersionNames | None) -> None:
        self._page = page
        self._clock = page.clock
        self._status = told.status
        self._names = names
        self._zone = calendars(page.clock.calendar_version).zone

    def sentence(self) -> str:
        clock = self._clock
        name = name_of(clock.audience, clock.target, clock.cycle)
        return f"{name[0].upper()}{name[1:]} {self._state()}."

    def _state(self) -> str:
        clock = self._clock
        if clock.phase == "met":
            return self._met(clock)
        if clock.phase == "cancelled":
            return self._cancelled(clock)
        if clock.breached_at is not None:
            return self._breached(clock, clock.breached_at)
        if clock.phase == "paused":
            wait = f"while {_WAITS.get(self._status, 'it waits')} ({self._why(clock.why)})"
            return f"is paused and has no due time {wait}; {self._share('is', 'are')} used"
        if clock.due_at is None:
            return (
                f"has no due time, for there is not enough {self._time_words()} ahead; {self._share('is', 'are')} used"
            )
        return f"is due {self._moment(clock.due_at)} because {self._because(clock.due_at)}"

    def _met(self, clock: Clock) -> str:
        end = f"at {self._moment(clock.ended_at)} ({self._why(clock.why)})"
        if clock.breached_at is None:
            return f"was met in time {end}; {self._share()} used"
        return f"was met late {end}; it was due {self._moment(clock.breached_at)}, and {self._share()} used"

    def _cancelled(self, clock: Clock) -> str:
        late = "" if clock.breached_at is None else f"; it was due {self._moment(clock.breached_at)} and breached"
        return f"was cancelled at {self._moment(clock.ended_at)} ({self._why(clock.why)}); {self._share()} used{late}"

    def _breached(self, clock: Clock, breached_at: datetime) -> str:
        state = f"was due {self._moment(breached_at)} and is breached; {self._share('is', 'are')} used by now"
        if clock.phase == "paused":
            return f"{state}, and it is paused while {_WAITS.get(self._status, 'it waits')} ({self._why(clock.why)})"
        return f"{state}, and it runs on until it is met late"

    def _because(self, due: datetime) -> str:
        """How the due moment comes about: when the goal began to be used, and what came between."""
        stretches = self._page.stretches
        goal = f"{duration_words(self._clock.goal)} of {self._time_words()}"
        first = max(place for place, one in enumerate(stretches) if place == 0 or _begins_anew(stretches, place))
        present = stretches[-1]
        began = f"{goal} began {self._short(stretches[first].since, due)}"
        if first:
            began = f"{goal} began anew {self._short(stretches[first].since, due)} ({self._why(stretches[first].why)})"
        if len(stretches) - 1 == first:
            return began
        amount = duration_words(present.used_before)
        used = f"{amount} {'was' if _is_one(amount) else 'were'} used"
        pause = self._pause_before_present(first)
        since = self._short(present.since, due)
        if pause is None:
            return f"{began}; {used} before {since} ({self._why(present.why)}), and that counts"
        return f"{began}; {used} before it paused ({self._why(pause.why)}), and it goes on since {since}"

    def _pause_before_present(self, first: int) -> Stretch | None:
        """The beginning of the pause that the present stretch ended."""
        begin = None
        for stretch in reversed(self._page.stretches[first:-1]):
            if stretch.is_running:
                break
            begin = stretch
        return begin

    def _time_words(self) -> str:
        clock = self._clock
        if clock.time == "wall":
            return "wall-clock time"
        return "working time" + (f" of calendar {self._names.calendars[clock.calendar_version]}" if self._names else "")

    def _share(self, one: str = "was", many: str = "were") -> str:
        """How much of the goal, with its verb."""
        used = duration_words(self._page.used)
        return f"{used} of its {duration_words(self._clock.goal)} {one if _is_one(used) else many}"

    def _why(self, why: str) -> str:
        return why if self._names else public_reason(why)

    def _moment(self, at: datetime | None) -> str:
        return "an unknown moment" if at is None else moment_words(at, self._zone)

    def _short(self, at: datetime, other: datetime) -> str:
        """A moment beside another one: without the day when that is the same."""
        local = at.astimezone(time_zone(self._zone))
        is_same_day = local.date() == other.astimezone(time_zone(self._zone)).date()
        return _time(local) if is_same_day else _day_and_time(local)


def _begins_anew(stretches: tuple[Stretch, ...], place: int) -> bool:
    return stretches[place].used_before < stretches[place - 1].used_after


def _is_one(words: str) -> bool:
    """Whether the duration is one of something, or nothing."""
    return words == NOTHING or (words.startswith("1 ") and words.count(" ") == 1)
