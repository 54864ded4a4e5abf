"""The SLA rules a second time, as slow and plain as can be: every clock looks at every second and adds one or none.

Nothing here knows of segments, of due moments or of `sla_keeping`, nor of the arithmetic of calendars: whether a desk
works is asked of the wall clock, minute by minute. Moments are whole seconds since 1970; those of warnings, which may
fall between two of them, tenths of a second.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.business_calendar import BusinessCalendar
from domain.sla_clock import AUDIENCES, TARGETS, Audience, ClockKey, Phase, Target, TimeKind
from domain.sla_policy import Terms
from domain.ticket import Slug, Ticket
from domain.ticket_commands import AddReply
from tests.domain.sla_desk import Alarm, Happened

MINUTE = 60
LONGEST = 60 * 24 * 60 * MINUTE
"""How many seconds ahead is looked for a due moment."""


def seconds(at: datetime) -> int:
    """A moment, which must be a whole second."""
    assert at.microsecond == 0
    return int(at.timestamp())


def moment(at: int, tenths: int = 0) -> datetime:
    """The moment that so many seconds are."""
    return datetime.fromtimestamp(at, UTC) + timedelta(milliseconds=100 * tenths)


class Tape:
    """One byte for every second: 1 when the wall clock of the calendar's zone shows a time within its hours."""

    def __init__(self, calendar: BusinessCalendar, start: int) -> None:
        self._first = start - start % MINUTE
        self._seconds = bytearray()
        self._calendar = calendar
        self._zone = ZoneInfo(calendar.zone)
        self._special = {day.on: day.spans for day in calendar.special_days}

    def between(self, start: int, until: int) -> bytearray:
        """The seconds from one to before another."""
        while (end := self._first + len(self._seconds)) < until:
            self._seconds += bytes([self._works(end)]) * MINUTE
        return self._seconds[start - self._first : until - self._first]

    def _works(self, at: int) -> bool:
        if self._calendar.always_open:
            return True
        wall = datetime.fromtimestamp(at, self._zone)
        assert wall.second == 0, "this zone's clock does not count in whole minutes"
        shown = wall.hour * 60 + wall.minute
        for day, minute in ((wall.date(), shown), (wall.date() - timedelta(days=1), shown + 24 * 60)):
            usual = () if day in self._calendar.holidays else self._calendar.week[day.weekday()]
            if any(span.since <= minute < span.end for span in self._special.get(day, usual)):
                return True
        return False

    def reach(self, start: int, count: int) -> int | None:
        """The first second by which so many open ones have passed."""
        at = start
        while count > 0:
            if at - start > LONGEST:
                return None
            step = MINUTE - at % MINUTE
            if self.between(at, at + 1)[0]:
                step = min(step, count)
                count -= step
            at += step
        return at


@dataclass
class Count:
    """What one cycle of a clock has counted by the second `at`."""

    key: ClockKey
    goal: int
    time: TimeKind
    calendar: int
    """Its version; that of a wall-clock goal is no matter."""
    started: int
    at: int
    counts_since: int
    """When it began from nothing: at its start, or at the last restart."""
    counted: int = 0
    is_paused: bool = False
    warned: int = 0
    breached_at: int | None = None
    ended_at: int | None = None
    end: Phase | None = None

    @property
    def is_open(self) -> bool:
        return self.end is None

    @property
    def phase(self) -> Phase:
        return self.end or ("paused" if self.is_paused else "running")

    @property
    def promise(self) -> tuple[int, TimeKind, int]:
        """What a change of terms may change: how long, counted how, by which calendar."""
        return self.goal, self.time, self.calendar if self.time == "business" else 0


_NO_CALENDAR = BusinessCalendar(zone="UTC", always_open=True)


class Oracle:
    """What the clocks of a ticket must show, told only what happened to the ticket."""

    def __init__(
        self, opened: Ticket, offers: Sequence[Terms], calendars: Callable[[int], BusinessCalendar], tier: Slug
    ) -> None:
        self.offers = list(offers)
        self.alarms: list[Alarm] = []
        self.counts: dict[tuple[Audience, Target], Count] = {}
        self.ended: dict[ClockKey, Count] = {}
        """The cycles that were followed by another one."""
        self._calendars = calendars
        self._tier = tier
        self._start = seconds(opened.created_at)
        self._tapes: dict[int, Tape] = {}
        self._ticket = opened
        self._answered = False
        self.terms: Terms | None = None
        self.terms = self._match(opened)
        self._begin_missing(self._start)
        self._pause_or_resume()

    # What it is told.

    def passes(self, until: int) -> None:
        """Count up to this second."""
        for one in self.counts.values():
            if one.is_open:
                self._count(one, until)

    def hears(self, what: Happened) -> None:
        """Count up to it, then do what it means. Clocks go before what else the ticket does by itself at a moment."""
        at, was, self._ticket = seconds(what.at), self._ticket, what.ticket
        self.passes(at)
        if what.command is not None and what.by.kind == "timer":
            self._ring_all(at)
        previous = self.terms
        if what.command is None:
            self.terms = what.applied
        elif self._properties(was) != self._properties(self._ticket):
            self.terms = self._match(self._ticket)
        self._reply(what, at)
        self._finish_or_reopen(was, at)
        if was.team != self._ticket.team:
            self._change_team(at)
        if self.terms is not previous or was.priority is not self._ticket.priority:
            self._take_terms(at)
        self._pause_or_resume()

    def due(self, one: Count, at: int) -> int | None:
        """The first second from `at` on by which a clock will have counted its goal if nothing else happens."""
        return self._tape(one).reach(at, one.goal - one.counted)

    # Counting.

    def _count(self, one: Count, until: int) -> None:
        if not one.is_paused and one.at < until:
            counted, next_ring = one.counted, self._next_ring(one)
            for second, works in enumerate(self._tape(one).between(one.at, until), start=one.at):
                if counted + works > next_ring or counted >= next_ring:
                    one.counted = counted
                    self._ring(one, second, works)
                    next_ring = self._next_ring(one)
                counted += works
            one.counted = counted
        one.at = until

    def _next_ring(self, one: Count) -> float:
        """The seconds that will have been counted when something is to be said next."""
        if one.breached_at is not None:
            return float("inf")
        return min(self._tenths(one, percent) for percent in self._shares(one)) / 10

    def _ring(self, one: Count, second: int, works: int) -> None:
        """Say what is reached within this second; of the shares reached before it only the highest."""
        now = one.counted * 10
        over = [share for share in self._shares(one) if share < 100 and self._tenths(one, share) <= now]
        if over:
            self._say(one, max(over), second, 0)
        for share in self._shares(one):
            if share < 100 and now < self._tenths(one, share) < now + 10 * works:
                self._say(one, share, second, self._tenths(one, share) - now)
        if now >= self._tenths(one, 100):
            self._say(one, 100, second, 0)
            one.breached_at = second

    def _ring_all(self, second: int) -> None:
        for one in self.counts.values():
            if one.is_open and not one.is_paused and one.breached_at is None:
                self._ring(one, second, 0)

    def _say(self, one: Count, percent: int, second: int, tenths: int) -> None:
        if percent < 100:
            one.warned = percent
        self.alarms.append(Alarm(one.key, percent, moment(second, tenths)))

    def _shares(self, one: Count) -> list[int]:
        warnings = () if self.terms is None else self.terms.policy.warnings
        return [*(percent for percent in warnings if percent > one.warned), 100]

    @staticmethod
    def _tenths(one: Count, percent: int) -> int:
        return one.goal * percent // 10  # goals are whole minutes, so nothing is lost here

    def _tape(self, one: Count) -> Tape:
        version = one.calendar if one.time == "business" else 0
        if version not in self._tapes:
            calendar = self._calendars(version) if version else _NO_CALENDAR
            self._tapes[version] = Tape(calendar, self._start)
        return self._tapes[version]

    # The rules.

    def _match(self, ticket: Ticket) -> Terms | None:
        """The first policy that fits; the version that the ticket has of it already stays."""
        found = next((terms for terms in self.offers if _fits(terms, ticket, self._tier)), None)
        present = self.terms
        return present if found and present and present.policy_id == found.policy_id else found

    @staticmethod
    def _properties(ticket: Ticket) -> tuple[object, ...]:
        return ticket.priority, ticket.category, ticket.team, ticket.tags

    def _reply(self, what: Happened, at: int) -> None:
        """What a person of the desk who is not the requester says in public is an answer; all else asks for one."""
        if not isinstance(what.command, AddReply) or what.command.internal:
            return
        is_answer = what.by.role is not None and what.by.role.is_desk and what.by.id != self._ticket.requester_id
        if is_answer:
            self._answered = True
            self._end("first_response", "met", at)
            self._end("next_response", "met", at)
        else:
            target: Target = "next_response" if self._answered else "first_response"
            for audience in AUDIENCES:
                self._begin(audience, target, at)

    def _finish_or_reopen(self, was: Ticket, at: int) -> None:
        if self._ticket.is_finished and not was.is_finished:
            self._end("resolution", "met", at)
            self._end("first_response", "cancelled", at)
            self._end("next_response", "cancelled", at)
        if was.is_finished and not self._ticket.is_finished:
            self._begin_missing(at)

    def _begin_missing(self, at: int) -> None:
        """An unfinished ticket is to be resolved, and answered if it never was."""
        if not self._ticket.is_finished:
            for audience in AUDIENCES:
                self._begin(audience, "resolution", at)
                if not self._answered:
                    self._begin(audience, "first_response", at)

    def _change_team(self, at: int) -> None:
        """What the team itself had promised begins anew with the next team."""
        for target in TARGETS:
            one = self.counts.get(("team", target))
            if one is not None and one.is_open:
                one.end, one.ended_at = "cancelled", at
                self._begin("team", target, at)

    def _take_terms(self, at: int) -> None:
        """Time used is carried by the rule of the new policy, if the promise is another one. What is broken stays so.

        A target that had no clock begins one, and one without a goal has none any more.
        """
        for one in self.counts.values():
            if one.is_open and one.breached_at is None:
                self._take_promise(one, at)
        self._begin_missing(at)

    def _take_promise(self, one: Count, at: int) -> None:
        goal = self._goal(one.key.audience, one.key.target)
        if self.terms is None or goal is None:
            one.end, one.ended_at = "cancelled", at
            return
        asked = replace(one, goal=goal[0], time=goal[1], calendar=self.terms.calendar_version)
        if asked.promise == one.promise:
            return
        rule = self.terms.policy.carry
        if rule == "tighter_wins":
            old, new = self.due(one, at), self.due(asked, at)
            if new is None or (old is not None and old <= new):
                return
        one.goal, one.time, one.calendar = asked.goal, asked.time, asked.calendar
        if rule == "restart":
            one.counted, one.warned, one.counts_since = 0, 0, at

    def _pause_or_resume(self) -> None:
        """The statuses that the present terms name pause, whatever else is."""
        for one in self.counts.values():
            if one.is_open:
                one.is_paused = self.terms is not None and self._ticket.status in getattr(
                    self.terms.policy.pauses, one.key.target
                )

    def _goal(self, audience: Audience, target: Target) -> tuple[int, TimeKind] | None:
        if self.terms is None:
            return None
        table = self.terms.policy.goals if audience == "customer" else self.terms.policy.team_goals
        goals = table.get(self._ticket.priority)
        goal = None if goals is None else getattr(goals, target)
        return None if goal is None else (goal.minutes * MINUTE, goal.time)

    def _begin(self, audience: Audience, target: Target, at: int) -> None:
        """Unless it is open already, or nothing is promised."""
        last, goal = self.counts.get((audience, target)), self._goal(audience, target)
        if self.terms is None or goal is None or (last is not None and last.is_open):
            return
        if last is not None:
            self.ended[last.key] = last
        key = ClockKey(audience, target, 1 if last is None else last.key.cycle + 1)
        self.counts[audience, target] = Count(key, *goal, self.terms.calendar_version, at, at, at)

    def _end(self, target: Target, end: Phase, at: int) -> None:
        for audience in AUDIENCES:
            one = self.counts.get((audience, target))
            if one is not None and one.is_open:
                one.end, one.ended_at = end, at


def _fits(terms: Terms, ticket: Ticket, tier: Slug) -> bool:
    wanted = terms.policy.conditions
    asked: Iterator[tuple[Sequence[object], Sequence[object]]] = iter(
        (
            (wanted.priorities, [ticket.priority]),
            (wanted.categories, [ticket.category]),
            (wanted.teams, [ticket.team]),
            (wanted.tiers, [tier]),
            (wanted.tags, ticket.tags),
        )
    )
    return all(not any_of or any(value in any_of for value in has) for any_of, has in asked)
