"""What a clock has counted: the time of its calendar that passed while it ran."""

from collections.abc import Callable
from datetime import datetime, timedelta

from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar
from domain.sla_clock import Clock, TimeKind
from domain.working_time import working_time

Calendars = Callable[[int], BusinessCalendar]
"""A version of a calendar -> the calendar."""


def calendar_of(time: TimeKind, version: int, calendars: Calendars) -> BusinessCalendar:
    """What this kind of time is counted by."""
    return ALWAYS_OPEN if time == "wall" else calendars(version)


def used_by(clock: Clock, at: datetime, calendars: Calendars) -> timedelta:
    """What a clock has counted by a moment that is not before its present segment."""
    if clock.phase != "running":
        return clock.used
    calendar = calendar_of(clock.time, clock.calendar_version, calendars)
    return clock.used + working_time(calendar, clock.since, at)
