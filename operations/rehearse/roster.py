"""Who works when in a rehearsal: the agents of a roster with their skills and their weeks."""

import csv
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from domain.agent import MAX_LEVEL
from domain.business_calendar import BusinessCalendar, Interval, Span, open_intervals
from operations.rehearse.log import LogError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SECOND_LEVEL = 3
"""The first skill of an agent is their own, at the highest level; the others they can do, at this one."""
_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
_LENGTH = re.compile(r"(\d{1,2})h(\d{2})?")
_SKILL = re.compile(r"([a-z0-9][a-z0-9_-]{0,39})(?::([1-5]))?")
_WANTED = re.compile(r"(?P<skills>[^@]+)@(?P<days>\S+)\s+(?P<since>\S+)-(?P<until>\S+)")


class Agent:
    """An agent of the roster: the level of each skill, and the week in which they work."""

    def __init__(self, name: str, skills: Mapping[str, int], week: BusinessCalendar) -> None:
        self.name, self.skills, self.week = name, skills, week

    def shifts(self, since: datetime, until: datetime) -> "Shifts":
        return Shifts(list(open_intervals(self.week, since, until)))


class Shifts:
    """The shifts of an agent, earliest first."""

    def __init__(self, shifts: Sequence[Interval]) -> None:
        self.all = shifts
        self._starts = [shift.start for shift in shifts]

    def end_of(self, now: datetime) -> datetime | None:
        """When the shift ends that is on at this moment; None when none is."""
        at = bisect_right(self._starts, now) - 1
        return self.all[at].end if at >= 0 and now < self.all[at].end else None

    def next_start(self, now: datetime) -> datetime | None:
        """When the first shift after this moment begins."""
        at = bisect_right(self._starts, now)
        return self._starts[at] if at < len(self._starts) else None

    def within(self, since: datetime, until: datetime) -> timedelta:
        """How long they are on shift between two moments."""
        parts = (min(shift.end, until) - max(shift.start, since) for shift in self.all)
        return sum((part for part in parts if part > timedelta()), timedelta())


def read_roster(path: Path) -> list[Agent]:
    """The agents of a CSV file. Columns: `agent`, `skills` (`own|other|other:2`), `shift_start` (`08:00`),
    `shift_length` (`7h30`), `days` (`Mon-Fri`, `Mon,Wed`)."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return parse_roster(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"{path} cannot be read: {error}") from error


def parse_roster(rows: Iterable[Mapping[str, str]]) -> list[Agent]:
    """Each row as an agent; the first bad one is named by its line."""
    agents: list[Agent] = []
    for line, row in enumerate(rows, start=2):
        try:
            since = _minute(row["shift_start"])
            agent = _agent(row["agent"].strip(), row["skills"].split("|"), row["days"], since, _length(row))
        except (KeyError, ValueError, AttributeError) as error:
            raise LogError(f"roster, line {line}: {error}") from error
        if agent.name in {other.name for other in agents}:
            raise LogError(f"roster, line {line}: {agent.name} is there twice")
        agents.append(agent)
    if not agents:
        raise LogError("the roster has no agents")
    return agents


def wished(text: str, name: str) -> Agent:
    """One more agent: `vpn+mail@Mon 09:00-17:00`, `vpn@Mon-Fri 08:00-16:00`. Raises ValueError for anything else."""
    wish = _WANTED.fullmatch(text.strip())
    if wish is None:
        raise ValueError(f"{text!r} does not read as skill+skill@Mon-Fri 09:00-17:00")
    since, until = _minute(wish["since"]), _minute(wish["until"])
    return _agent(name, wish["skills"].split("+"), wish["days"], since, (until - since) % (24 * 60))


def _agent(name: str, skills: Sequence[str], days: str, since: int, minutes: int) -> Agent:
    if not 0 < minutes < 24 * 60:
        raise ValueError("a shift ends after it began, within a day")
    span = Span(since=since, until=(since + minutes) % (24 * 60) or 24 * 60)
    on = _days(days)
    week = BusinessCalendar(zone="UTC", week=tuple((span,) if day in on else () for day in range(7)))
    return Agent(name, dict(_levels(skills)), week)


def _levels(skills: Sequence[str]) -> Iterable[tuple[str, int]]:
    for place, text in enumerate(skills):
        skill = _SKILL.fullmatch(text.strip().lower())
        if skill is None:
            raise ValueError(f"{text!r} is no skill")
        yield skill[1], int(skill[2] or (MAX_LEVEL if place == 0 else SECOND_LEVEL))


def _days(text: str) -> set[int]:
    days: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.strip().partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise ValueError(f"{text!r} are no days: Mon-Fri, or Mon,Wed")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        days |= {day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)}
    return days


def _minute(text: str) -> int:
    clock = _CLOCK.fullmatch(text.strip())
    if clock is None:
        raise ValueError(f"{text!r} is no time of the day, such as 09:00")
    return (int(clock[1]) * 60 + int(clock[2])) % (24 * 60)


def _length(row: Mapping[str, str]) -> int:
    length = _LENGTH.fullmatch(row["shift_length"].strip())
    if length is None:
        raise ValueError(f"{row['shift_length']!r} is no length, such as 7h30")
    return int(length[1]) * 60 + int(length[2] or 0)
