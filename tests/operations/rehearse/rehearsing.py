"""Small rehearsals for tests: one agent or two, a few tickets, a desk that is open from 08:00 to 18:00."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.ticket import Priority
from operations.rehearse.__main__ import HOURS, TARGETS
from operations.rehearse.log import DEFAULT_START, Arrival
from operations.rehearse.roster import Agent, parse_roster
from operations.rehearse.simulation import Run, rehearse
from operations.rehearse.strategies import Strategy

MONDAY = DEFAULT_START
MINUTE = timedelta(minutes=1)


def at(clock: str, day: int = 0) -> datetime:
    """A time of the day, on Monday or so many days after."""
    hour, minute = clock.split(":")
    return MONDAY + timedelta(days=day, hours=int(hour), minutes=int(minute))


def arrivals(*rows: tuple[str, int] | tuple[str, int, str] | tuple[str, int, str, Priority]) -> list[Arrival]:
    """Tickets of (time on Monday, minutes of work, skill, priority)."""
    usual: tuple[Any, ...] = ("09:00", 10, "vpn", Priority.NORMAL)
    whole = [(*row, *usual[len(row) :]) for row in rows]
    return [
        Arrival(number, at(clock), priority, skill, minutes * MINUTE)
        for number, (clock, minutes, skill, priority) in enumerate(whole, start=1)
    ]


def row(agent: str, skills: str = "vpn", start: str = "08:00", length: str = "8h00", days: str = "Mon-Fri") -> Any:
    return {"agent": agent, "skills": skills, "shift_start": start, "shift_length": length, "days": days}


def roster(*rows: Mapping[str, str]) -> list[Agent]:
    return parse_roster(rows)


def run(strategy: Strategy, coming: Sequence[Arrival], agents: Sequence[Agent]) -> Run:
    return rehearse(coming, agents, TARGETS, HOURS, strategy)


def told(run: Run) -> list[tuple[int, str, str]]:
    """Number, agent and begin of what was done, by its begin."""
    ordered = sorted(run.done, key=lambda done: (done.begun_at, done.arrival.number))
    return [(done.arrival.number, done.worker.name, f"{done.begun_at:%a %H:%M}") for done in ordered]
