"""Figures of those who work, counted by hand: the slow and plain way, from raw events and the plan.

It walks from one moment at which anything happened to the next, and looks at each of them anew, in the whole lists,
how every agent stood. It shares no line with `database/staff_figures.py`.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from tests.counted_facts import CountedSpan

PRESENT = ("online", "busy")


class ToldPresence(NamedTuple):
    """A raw event; `at` is when it took effect: never before the one that went before."""

    agent: UUID
    at: datetime
    presence: str


class PlannedBreak(NamedTuple):
    since: datetime
    until: datetime
    is_cancelled: bool


class PlannedShift(NamedTuple):
    """A row of the plan, whatever its status."""

    agent: UUID
    team: str | None
    since: datetime
    until: datetime
    status: str
    started_at: datetime | None
    ended_at: datetime | None
    breaks: list[PlannedBreak]


class Resolved(NamedTuple):
    """A ticket that was resolved for good."""

    at: datetime
    agent: UUID
    team: str | None


class Desk(NamedTuple):
    """All that there is to count."""

    presences: Sequence[ToldPresence]
    shifts: Sequence[PlannedShift]
    spans: Sequence[CountedSpan]
    resolved: Sequence[Resolved]
    teams: Mapping[UUID, Collection[str]]
    """Whoever is of none is missing."""


class Time(NamedTuple):
    """Seconds that somebody was present, and had tickets: any, and all of them together."""

    present: float = 0
    busy: float = 0
    tickets: float = 0

    def plus(self, other: "Time", part: float = 1) -> "Time":
        return Time(*(one + another * part for one, another in zip(self, other, strict=True)))


class Work(NamedTuple):
    """Seconds of a shift."""

    planned: float = 0
    kept: float = 0
    worked: float = 0

    def plus(self, other: "Work", part: float = 1) -> "Work":
        return Work(*(one + another * part for one, another in zip(self, other, strict=True)))


class Counted(NamedTuple):
    """How the time of each agent went in a period, and that of each shift, in their order."""

    times: Mapping[UUID, Time]
    works: Sequence[Work]


def presence_at(desk: Desk, agent: UUID, at: datetime) -> str:
    """The last that was told by then."""
    told = [one.presence for one in desk.presences if one.agent == agent and one.at <= at]
    return told[-1] if told else "offline"


def carried_at(desk: Desk, agent: UUID, at: datetime) -> int:
    """Tickets that they had to work on."""
    return sum(
        1
        for span in desk.spans
        if span.assignee_id == agent
        and span.status in ("new", "open")
        and not span.snoozed
        and span.since <= at
        and (span.until is None or at < span.until)
    )


def is_planned(shift: PlannedShift, at: datetime) -> bool:
    """Whether its agent was to work: within it, and in no break of it."""
    on_break = any(one.since <= at < one.until for one in shift.breaks if not one.is_cancelled)
    return shift.status == "published" and shift.since <= at < shift.until and not on_break


def is_on(shift: PlannedShift, at: datetime) -> bool:
    if shift.started_at is None:
        return False
    return shift.started_at <= at and (shift.ended_at is None or at < shift.ended_at)


def counted(desk: Desk, agents: Collection[UUID], since: datetime, until: datetime) -> Counted:
    """From moment to moment."""
    moments = {since, until}
    moments |= {one.at for one in desk.presences}
    for span in desk.spans:
        moments |= {span.since, span.until or until}
    for shift in desk.shifts:
        moments |= {shift.since, shift.until, shift.started_at or since, shift.ended_at or until}
        for pause in shift.breaks:
            moments |= {pause.since, pause.until}
    walked = sorted(one for one in moments if since <= one <= until)
    times = dict.fromkeys(agents, Time())
    works = [Work() for _ in desk.shifts]
    for at, following in pairwise(walked):
        seconds = (following - at) / timedelta(seconds=1)
        presences = {agent: presence_at(desk, agent, at) for agent in agents}
        for agent, presence in presences.items():
            if presence in PRESENT:
                carried = carried_at(desk, agent, at)
                times[agent] = times[agent].plus(Time(1, carried > 0, carried), seconds)
        for place, shift in enumerate(desk.shifts):
            presence, planned = presences[shift.agent], is_planned(shift, at)
            worked = is_on(shift, at) and presence != "on_break"
            works[place] = works[place].plus(Work(planned, planned and presence in PRESENT, worked), seconds)
    return Counted(times, works)


def parts(desk: Desk, agent: UUID) -> dict[str | None, float]:
    """What part of their time is whose."""
    teams = desk.teams.get(agent, ())
    return {team: 1 / len(teams) for team in teams} if teams else {None: 1.0}


class Asked(NamedTuple):
    """Whom to count; empty means all."""

    agents: Collection[UUID] = ()
    teams: Collection[str] = ()

    def fits(self, agent: UUID, team: str | None) -> bool:
        return (not self.agents or agent in self.agents) and (not self.teams or team in self.teams)


def counted_figures(
    desk: Desk, done: Counted, asked: Asked, since: datetime, until: datetime, now: datetime
) -> dict[str, float | None]:
    """Every figure of time of those who were asked for; `until` is the end of the period, also when that is to come."""
    whole, work = Time(), Work()
    for agent, time in done.times.items():
        for team, part in parts(desk, agent).items():
            if asked.fits(agent, team):
                whole = whole.plus(time, part)
    for shift, one in zip(desk.shifts, done.works, strict=True):
        for team, part in ({shift.team: 1.0} if shift.team else parts(desk, shift.agent)).items():
            if asked.fits(shift.agent, team):
                work = work.plus(one, part)
    shifts = [
        shift
        for shift in desk.shifts
        if shift.status == "published"
        and since <= shift.since < min(until, now)
        and asked.fits(shift.agent, team_of(desk, shift))
    ]
    return {
        "present_seconds": whole.present,
        "occupancy": whole.busy / whole.present if whole.present else None,
        "load": whole.tickets / whole.present if whole.present else None,
        "planned_seconds": work.planned,
        "adherence": work.kept / work.planned if work.planned else None,
        "worked_seconds": work.worked,
        "shifts": len(shifts),
        "late_starts": sum(is_late(desk, shift, now) for shift in shifts),
        "fairness": fairness(paces(desk, done.times, asked, since, until)),
    }


def team_of(desk: Desk, shift: PlannedShift) -> str | None:
    """Its own, or its agent's only one."""
    teams = list(desk.teams.get(shift.agent, ()))
    return shift.team or (teams[0] if len(teams) == 1 else None)


def is_late(desk: Desk, shift: PlannedShift, now: datetime) -> bool:
    """Whether nobody was there at its beginning, nor came within five minutes, as far as that can be said."""
    grace = shift.since + timedelta(minutes=5)
    if now < grace:
        return False
    came = {one.at for one in desk.presences if shift.since < one.at < min(grace, shift.until)}
    return not any(presence_at(desk, shift.agent, at) in PRESENT for at in (shift.since, *came))


def paces(desk: Desk, times: Mapping[UUID, Time], asked: Asked, since: datetime, until: datetime) -> list[float]:
    """Tickets an hour, of each member of each team who was there for an hour."""
    handled = defaultdict[tuple[UUID, str | None], int](int)
    for one in desk.resolved:
        if since <= one.at < until:
            handled[one.agent, one.team] += 1
    return [
        handled[agent, team] / (time.present / 3600 * part)
        for agent, time in times.items()
        if time.present >= 3600
        for team, part in parts(desk, agent).items()
        if team is not None and asked.fits(agent, team)
    ]


def fairness(these: Sequence[float]) -> float | None:
    """Jain's index."""
    squares = sum(one**2 for one in these)
    return sum(these) ** 2 / (len(these) * squares) if squares else None
