"""The log to be played: one incident per row, as a service desk exported it (read) or of the same shape (made)."""

import csv
import gzip
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

UNKNOWN_GROUP = "unknown"
"""The group of an incident whose row names none."""


class LogError(Exception):
    """The log cannot be read; the message says where and why."""


def _whole(text: str) -> str:
    """`70.0` -> `70`: ids that went through a spreadsheet come out as decimals."""
    return text.removesuffix(".0")


def _group(text: str) -> str:
    return _whole(text) or UNKNOWN_GROUP


Code = Annotated[str, BeforeValidator(_whole)]
Group = Annotated[str, BeforeValidator(_group), Field(pattern=r"^[a-z0-9][a-z0-9-]{0,29}$")]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MaybeSeconds = Annotated[Seconds | None, BeforeValidator(lambda text: None if text == "" else text)]


class Incident(BaseModel):
    """What the replay needs of a row; all `_s` but the arrival count from the incident's own arrival.

    `priority` is 1 (critical) to 4 (low). `resolution_s` is None where the log knows only the closing.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    ticket: Annotated[str, Field(min_length=1, max_length=40)]
    arrival_offset_s: Seconds
    priority: Annotated[int, Field(ge=1, le=4)]
    category: Code
    subcategory: Code
    contact_type: str
    first_group: Group
    final_group: Group
    resolver: Code
    reassignments: Annotated[int, Field(ge=0, le=1000)]
    reopens: Annotated[int, Field(ge=0, le=1000)]
    log_steps: Annotated[int, Field(ge=0)]
    pending_s: Seconds
    first_assigned_s: Seconds
    resolution_s: MaybeSeconds
    closed_s: Seconds


def read_log(path: Path) -> list[Incident]:
    """The incidents of a CSV file (plain or gzip), in the order of their arrival; each ticket once."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
                return in_order(parse(csv.DictReader(lines)))
        with path.open(encoding="utf-8", newline="") as lines:
            return in_order(parse(csv.DictReader(lines)))
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
        raise LogError(f"{path} cannot be read: {error}") from error


def parse(rows: Iterable[Mapping[str, str]]) -> Iterator[Incident]:
    """Each row as an incident; the first bad one is named by its line."""
    for line, row in enumerate(rows, start=2):
        try:
            yield Incident.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            column = ".".join(str(part) for part in first["loc"])
            raise LogError(f"line {line}, column {column}: {first['msg']}") from error


def in_order(incidents: Iterable[Incident]) -> list[Incident]:
    """By arrival, rows of the same moment as the log has them; a ticket that comes twice is refused."""
    ordered = sorted(incidents, key=lambda incident: incident.arrival_offset_s)
    seen: set[str] = set()
    for incident in ordered:
        if incident.ticket in seen:
            raise LogError(f"ticket {incident.ticket} is in the log twice")
        seen.add(incident.ticket)
    return ordered
