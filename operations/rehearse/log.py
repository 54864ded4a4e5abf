"""The arrivals to be rehearsed: what comes when, how important it is, what it needs and how long the work takes."""

import csv
import gzip
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from domain.ticket import Priority

DEFAULT_START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday: where a log begins that does not say when it was."""
PRIORITIES = {1: Priority.URGENT, 2: Priority.HIGH, 3: Priority.NORMAL, 4: Priority.LOW}
_MIDNIGHT = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}


class LogError(Exception):
    """The log or the roster cannot be read; the message says where and why."""


class Arrival(NamedTuple):
    """A ticket of the log. Moments are the log's wall clock, called UTC."""

    number: int
    at: datetime
    priority: Priority
    skill: str
    work: timedelta
    """How long it really takes; nobody knows that before."""


def _skill(text: str) -> str:
    return text.strip().lower().removesuffix(".0")


Skill = Annotated[str, BeforeValidator(_skill), Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
_MaybePriority = Annotated[
    Annotated[int, Field(ge=1, le=4)] | None, BeforeValidator(lambda text: None if text == "" else text)
]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    arrival_offset_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    priority: Annotated[int, Field(ge=1, le=4)]
    sim_priority: _MaybePriority = None
    skill: Skill
    handling_s: Annotated[float, Field(ge=0, le=86_400 * 30, allow_inf_nan=False)]
    opened_at: str | None = None


def read_arrivals(path: Path) -> list[Arrival]:
    """The arrivals of a CSV file (plain or gzip), earliest first.

    Columns: `arrival_offset_s`, `priority` (1 critical to 4 low; `sim_priority` goes before it), `skill`, `handling_s`
    (the work), and `opened_at`, by whose first row the log's dates are known.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
                return parse(csv.DictReader(lines))
        with path.open(encoding="utf-8", newline="") as lines:
            return parse(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
        raise LogError(f"{path} cannot be read: {error}") from error


def parse(rows: Iterable[Mapping[str, str]]) -> list[Arrival]:
    """Each row as an arrival; the first bad one is named by its line."""
    read = []
    for line, row in enumerate(rows, start=2):
        try:
            read.append(_Row.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            column = ".".join(str(part) for part in first["loc"])
            raise LogError(f"line {line}, column {column}: {first['msg']}") from error
    if not read:
        raise LogError("the log has no arrivals")
    start = _start(read[0])
    arrivals = [
        Arrival(
            number,
            start + timedelta(seconds=row.arrival_offset_s),
            PRIORITIES[row.sim_priority or row.priority],
            row.skill,
            timedelta(seconds=row.handling_s),
        )
        for number, row in enumerate(read, start=1)
    ]
    return sorted(arrivals, key=lambda arrival: arrival.at)


def _start(first: _Row) -> datetime:
    if not first.opened_at:
        return DEFAULT_START
    try:
        opened = datetime.fromisoformat(first.opened_at).replace(tzinfo=UTC)
    except ValueError as error:
        raise LogError(f"line 2, column opened_at: {error}") from error
    start = opened - timedelta(seconds=first.arrival_offset_s)
    return (start + timedelta(hours=12)).replace(**_MIDNIGHT)  # type: ignore[arg-type]  # a mapping of ints


def within(arrivals: Sequence[Arrival], since: datetime | None, days: float | None) -> list[Arrival]:
    """What came from `since` on (a midnight; None: the log's first day), for so many days."""
    begin = since or arrivals[0].at.replace(**_MIDNIGHT)  # type: ignore[arg-type]  # a mapping of ints
    end = None if days is None else begin + timedelta(days=days)
    chosen = [arrival for arrival in arrivals if begin <= arrival.at and (end is None or arrival.at < end)]
    if not chosen:
        raise LogError("nothing came in this period")
    return chosen


def scaled(arrivals: Sequence[Arrival], factor: float, seed: int) -> list[Arrival]:
    """The same in a busier or a calmer time: 1.3 gives 30 % more.

    Each arrival comes `factor` times on average; a copy has another's priority and comes within half an hour of it.
    """
    random = Random(f"scale:{seed}")
    taken: list[Arrival] = []
    for arrival in arrivals:
        copies = int(factor) + (random.random() < factor % 1)
        for copy in range(copies):
            if copy == 0:
                taken.append(arrival)
            else:
                moved = timedelta(seconds=random.randint(-1800, 1800))
                priority = random.choice(arrivals).priority
                taken.append(arrival._replace(at=max(arrival.at + moved, arrivals[0].at), priority=priority))
    taken.sort(key=lambda arrival: arrival.at)
    return [arrival._replace(number=number) for number, arrival in enumerate(taken, start=1)]
