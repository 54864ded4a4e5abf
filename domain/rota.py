"""Rotas: shifts that come again by a rule of RFC 5545, at a wall-clock time of a zone.

A shift of a rota begins and ends when the zone's clock shows the rota's times. So it begins at the same time of the
day in summer and winter, and a night in which the clocks change is an hour longer or shorter. A beginning or end that
the clocks skip is moved on to the moment of the skip, and one that they show twice is the first of the two, as
`domain/business_calendar.py` has it.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Annotated, NamedTuple

from dateutil.rrule import rrule, rrulestr
from pydantic import BaseModel, ConfigDict, Field

from domain.agent import BreakKind
from domain.business_calendar import Zone, instant_of, time_zone
from domain.errors import InvalidError, RotaRuleError
from domain.ids import PersonId
from domain.shift import ShiftKind
from domain.shift_rules import MAX_BREAKS, MAX_SHIFT, PlannedBreak, check_breaks
from domain.ticket import Slug

HORIZON = timedelta(weeks=8)
"""How far ahead shifts are laid out from a rota."""
MAX_OCCURRENCES = 1_000
"""Of a rota that ends by itself."""
MAX_RULE = 500
MAX_EXDATES = 500
MAX_INTERVAL = 366
FIRST_YEAR, LAST_YEAR = 2000, 2200
_PARTS = frozenset(
    (
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "BYDAY",
        "BYMONTHDAY",
        "BYYEARDAY",
        "BYWEEKNO",
        "BYMONTH",
        "BYSETPOS",
        "WKST",
    )
)
_NUMBERS = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
"""Parts that list numbers from 1 on, or (but months) from the end, and how far each goes."""
_WEEKDAY = re.compile(r"(?P<place>[+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_TIMES = frozenset(("BYHOUR", "BYMINUTE", "BYSECOND"))
_FREQUENCIES = frozenset(("DAILY", "WEEKLY", "MONTHLY", "YEARLY"))
_OFTENER = frozenset(("SECONDLY", "MINUTELY", "HOURLY"))
_CYCLES = 7_600
"""A rule that fits no date is tried by dateutil until the year 9999. Dates repeat every 400 years, with weekdays and
leap years, so rules are reckoned 19 such cycles later, where that year is near."""


class BreakPattern(BaseModel):
    """A break in every shift of a rota, so many minutes after its beginning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: BreakKind
    after_minutes: Annotated[int, Field(ge=0, le=16 * 60)]
    minutes: Annotated[int, Field(ge=1, le=8 * 60)]


class Rota(BaseModel):
    """An agent's rota. `starts` is a wall-clock time of the zone, and the shift ends `minutes` later on that clock.

    `check_rota` says whether it makes sense.
    """

    model_config = ConfigDict(frozen=True)

    agent_id: PersonId
    team: Slug | None
    rule: str
    zone: Zone
    begins_on: date
    starts: time
    minutes: int
    breaks: tuple[BreakPattern, ...] = ()
    exdates: frozenset[date] = frozenset()
    kind: ShiftKind = "regular"


class Occurrence(NamedTuple):
    """One shift of a rota: the date on which it begins there, and when that is."""

    on: date
    starts_at: datetime
    ends_at: datetime
    breaks: tuple[PlannedBreak, ...]


def minutes_between(starts: time, ends: time) -> int:
    """From one wall-clock time to the other, which is the next day's when it is not later."""
    minutes = (ends.hour - starts.hour) * 60 + ends.minute - starts.minute
    return minutes if minutes > 0 else minutes + 24 * 60


def ends_of(starts: time, minutes: int) -> time:
    """The wall-clock time so many minutes later."""
    return (datetime.combine(date(2000, 1, 1), starts) + timedelta(minutes=minutes)).time()


def check_rota(rota: Rota) -> None:
    """Raises RotaRuleError for a rule that no rota can follow, InvalidError and its kin for times that cannot be."""
    if not FIRST_YEAR <= rota.begins_on.year < LAST_YEAR:
        raise InvalidError(f"A rota begins between {FIRST_YEAR} and {LAST_YEAR}.")
    if rota.minutes > MAX_SHIFT // timedelta(minutes=1):
        raise InvalidError(f"A shift has at most {MAX_SHIFT // timedelta(hours=1)} hours.")
    if len(rota.breaks) > MAX_BREAKS or len(rota.exdates) > MAX_EXDATES:
        raise InvalidError(f"A rota has at most {MAX_BREAKS} breaks and leaves out at most {MAX_EXDATES} dates.")
    some_day = datetime(2000, 1, 1, tzinfo=UTC)
    check_breaks(some_day, some_day + timedelta(minutes=rota.minutes), _breaks(rota, some_day))
    first = list(islice(_dates(rota), MAX_OCCURRENCES + 1))
    if not first:
        raise RotaRuleError("This rule fits no date.")
    if len(first) > MAX_OCCURRENCES and not _is_endless(rota.rule):
        raise RotaRuleError(f"This rule makes more than {MAX_OCCURRENCES} shifts; leave COUNT or UNTIL out instead.")


def occurrences(rota: Rota, since: date, until: date) -> Iterator[Occurrence]:
    """The shifts that begin on dates from `since` on and before `until`, earliest first, without those left out."""
    for on in _dates(rota):
        if on >= until:
            return
        if on < since or on in rota.exdates:
            continue
        begin = datetime.combine(on, rota.starts)
        starts_at = instant_of(begin, rota.zone)
        ends_at = instant_of(begin + timedelta(minutes=rota.minutes), rota.zone)
        if starts_at < ends_at:
            breaks = tuple(one for one in _breaks(rota, starts_at) if one.ends_at <= ends_at)
            yield Occurrence(on, starts_at, ends_at, breaks)


def _breaks(rota: Rota, starts_at: datetime) -> tuple[PlannedBreak, ...]:
    begins = [(one, starts_at + timedelta(minutes=one.after_minutes)) for one in rota.breaks]
    return tuple(
        PlannedBreak(kind=one.kind, starts_at=begin, ends_at=begin + timedelta(minutes=one.minutes))
        for one, begin in sorted(begins, key=lambda pair: pair[1])
    )


def _dates(rota: Rota) -> Iterator[date]:
    """All dates of the rule, those left out as well: they count towards its COUNT."""
    begin = rota.begins_on.replace(year=rota.begins_on.year + _CYCLES)
    for found in _rule(rota, datetime.combine(begin, time())):
        yield found.date().replace(year=found.year - _CYCLES)


def _rule(rota: Rota, begin: datetime) -> rrule:
    parts = _parts_of(rota.rule)
    until = parts.pop("UNTIL", None)
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    if until is not None:
        last = _last_date(until, rota)
        text += f";UNTIL={last.replace(year=min(last.year, LAST_YEAR) + _CYCLES):%Y%m%d}"
    found = rrulestr(text, dtstart=begin)
    assert isinstance(found, rrule)
    return found


def _is_endless(rule: str) -> bool:
    return not {"COUNT", "UNTIL"} & _parts_of(rule).keys()


def _parts_of(rule: str) -> dict[str, str]:
    """Name -> value, in capitals. Raises RotaRuleError with what is wrong."""
    text = rule.strip().upper().removeprefix("RRULE:")
    parts = dict[str, str]()
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name in _TIMES:
            raise RotaRuleError(f"A rota has one shift a day, at its time `starts`: leave {name} out.")
        if name not in _PARTS or not value:
            raise RotaRuleError(f"A rule has parts as FREQ=WEEKLY;BYDAY=MO,TU; this is none: {part[:40] or 'nothing'}")
        if name in parts:
            raise RotaRuleError(f"A rule has each part once: {name} came twice.")
        parts[name] = value
    frequency = parts.get("FREQ", "")
    if frequency in _OFTENER:
        raise RotaRuleError(f"A rota has at most one shift a day; {frequency} is more often than DAILY.")
    if frequency not in _FREQUENCIES:
        raise RotaRuleError("A rule says how often: FREQ=DAILY, WEEKLY, MONTHLY or YEARLY.")
    if "COUNT" in parts and "UNTIL" in parts:
        raise RotaRuleError("A rule ends by COUNT or by UNTIL, not by both.")
    _check_number(parts, "COUNT", MAX_OCCURRENCES)
    _check_number(parts, "INTERVAL", MAX_INTERVAL)
    for name, most in _NUMBERS.items():
        _check_numbers(parts, name, most)
    _check_weekdays(parts)
    return parts


def _check_numbers(parts: dict[str, str], name: str, most: int) -> None:
    pattern = r"\d{1,3}" if name == "BYMONTH" else r"[+-]?\d{1,3}"
    for value in parts[name].split(",") if name in parts else ():
        if not re.fullmatch(pattern, value, re.ASCII) or not 1 <= abs(int(value)) <= most:
            raise RotaRuleError(f"{name} lists numbers from 1 to {most}; this is none: {value[:40] or 'nothing'}")
    if name == "BYSETPOS" and name in parts and not parts.keys() & {"BYDAY", *_NUMBERS} - {name}:
        raise RotaRuleError("BYSETPOS picks from what another part as BYDAY gives.")


def _check_weekdays(parts: dict[str, str]) -> None:
    most = 53 if parts["FREQ"] == "YEARLY" and "BYMONTH" not in parts else 5  # of a year, or of a month
    for value in parts["BYDAY"].split(",") if "BYDAY" in parts else ():
        match = _WEEKDAY.fullmatch(value)
        if match is None or (match["place"] and not 1 <= abs(int(match["place"])) <= most):
            raise RotaRuleError(f"BYDAY lists weekdays as MO, or 1MO and -1FR of a month; this is none: {value[:40]}")
        if match["place"] and (parts["FREQ"] not in {"MONTHLY", "YEARLY"} or "BYWEEKNO" in parts):
            raise RotaRuleError(f"{value} is a weekday of a month or a year: FREQ=MONTHLY or YEARLY, without BYWEEKNO.")
    if not re.fullmatch("MO|TU|WE|TH|FR|SA|SU", parts.get("WKST", "MO")):
        raise RotaRuleError("WKST is the weekday that weeks begin with, as MO.")


def _check_number(parts: dict[str, str], name: str, most: int) -> None:
    value = parts.get(name, "1")
    if not (value.isascii() and value.isdecimal() and len(value) <= 9 and 1 <= int(value) <= most):
        raise RotaRuleError(f"{name} is a number from 1 to {most}.")


def _last_date(until: str, rota: Rota) -> date:
    """The last date that UNTIL lets through: a date, or a moment in UTC or of the zone's clock."""
    for form in ("%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"):
        try:
            moment = datetime.strptime(until, form)  # noqa: DTZ007  the zone is given below
        except ValueError:
            continue
        if form == "%Y%m%d" or not FIRST_YEAR <= moment.year < LAST_YEAR:
            return moment.date()
        if form.endswith("Z"):
            moment = moment.replace(tzinfo=UTC).astimezone(time_zone(rota.zone)).replace(tzinfo=None)
        return moment.date() if rota.starts <= moment.time() else moment.date() - timedelta(days=1)
    raise RotaRuleError("UNTIL is a date as 20301231, or a moment as 20301231T220000Z.")
