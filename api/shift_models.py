"""Shifts as they are spoken: what comes in, and the resources that go out."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.http.texts import Text
from database.shift_plans import ShiftEdit
from database.shifts import ShiftPlace, ShiftRecord
from domain.agent import BreakKind
from domain.errors import InvalidError
from domain.ids import BreakId, PersonId, RotaId, ShiftId
from domain.period import Period
from domain.shift import Break, Shift, ShiftKind, ShiftStatus
from domain.shift_rules import MAX_BREAKS, PlannedBreak, ShiftPlan
from domain.ticket import Slug
from domain.ticket_commands import Moment

MAX_ID = 2**53
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"(\d{1,16})_(\d{1,15})")
USUAL_WINDOW = timedelta(days=7)
MAX_WINDOW = timedelta(days=100)
ShiftNumber = Annotated[ShiftId, Path(ge=1, le=MAX_ID, description="The shift's id.")]
BreakNumber = Annotated[BreakId, Path(ge=1, le=MAX_ID, description="The break's id.")]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Note = Annotated[Text, Field(max_length=500)]
Team = Annotated[Slug | None, Query(description="Of this team; without it, of all.")]


class Input(BaseModel):
    """Nothing else than what is named."""

    model_config = ConfigDict(extra="forbid")


class BreakBody(Input):
    """A break that is to be."""

    kind: BreakKind
    starts_at: Moment
    ends_at: Moment


class ShiftBody(Input):
    """A shift that is to be; without a team it is for all of the agent's."""

    agent: UUID
    team: Slug | None = None
    starts_at: Moment
    ends_at: Moment
    kind: ShiftKind = "regular"
    publish: bool = Field(default=False, description="A draft does not count, and only supervisors see it.")
    note: Note = ""
    breaks: Annotated[tuple[BreakBody, ...], Field(max_length=MAX_BREAKS)] = ()


class ShiftEditBody(Input):
    """What to change; what is not named stays. Breaks go along with a shift that keeps its length."""

    team: Slug | None = Field(default=None, description="Null, when it is named: for all of the agent's teams.")
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    kind: ShiftKind | None = None
    note: Note | None = None


class ShiftPublication(Input):
    """Which drafts to publish: those that begin in this time, of a team, of an agent, or all."""

    starts_at: Moment
    ends_at: Moment
    team: Slug | None = None
    agent: UUID | None = None


class ShiftPublished(BaseModel):
    shifts: list[int] = Field(description="The shifts that were drafts and are published now.")
    agents: list[PersonId] = Field(description="Whose they are.")


class ShiftAgent(BaseModel):
    id: PersonId
    name: str


class ShiftBreakOut(BaseModel):
    """A break, as it is planned, and when it really began and ended."""

    id: int
    kind: BreakKind
    starts_at: datetime
    ends_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ShiftOut(BaseModel):
    """A shift. `version` is its ETag."""

    id: int
    agent: ShiftAgent
    team: Slug | None = Field(description="Null: for all of the agent's teams.")
    starts_at: datetime
    ends_at: datetime
    kind: ShiftKind
    status: ShiftStatus
    started_at: datetime | None = Field(description="When it really began, by hand or by plan.")
    ended_at: datetime | None
    breaks: list[ShiftBreakOut]
    rota: int | None = Field(description="The rota that laid it out.")
    rota_on: str | None = Field(description="On which date of the rota's zone it was to begin.")
    is_override: bool = Field(description="It was changed by itself: its rota lets it be.")
    note: str
    version: int
    updated_at: datetime


class ShiftPageOut(BaseModel):
    items: list[ShiftOut]
    next_cursor: str | None


def shift_plan(body: ShiftBody) -> ShiftPlan:
    return ShiftPlan(
        agent_id=PersonId(body.agent),
        team=body.team,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        kind=body.kind,
        status="published" if body.publish else "draft",
        note=body.note,
        breaks=tuple(planned_break(one) for one in body.breaks),
    )


def shift_edit(body: ShiftEditBody) -> ShiftEdit:
    return ShiftEdit(
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        team=body.team,
        for_all_teams="team" in body.model_fields_set and body.team is None,
        kind=body.kind,
        note=body.note,
    )


def planned_break(body: BreakBody) -> PlannedBreak:
    return PlannedBreak(kind=body.kind, starts_at=body.starts_at, ends_at=body.ends_at)


def shift_out(record: ShiftRecord) -> ShiftOut:
    shift = record.shift
    return ShiftOut(
        id=shift.id,
        agent=ShiftAgent(id=shift.agent_id, name=record.agent_name),
        team=shift.team,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        kind=shift.kind,
        status=shift.status,
        started_at=shift.started_at,
        ended_at=shift.ended_at,
        breaks=breaks_out(shift),
        rota=None if record.rota_id is None else RotaId(record.rota_id),
        rota_on=None if record.rota_on is None else record.rota_on.isoformat(),
        is_override=record.is_override,
        note=record.note,
        version=record.version,
        updated_at=record.updated_at,
    )


def breaks_out(shift: Shift) -> list[ShiftBreakOut]:
    return [_break_out(one) for one in shift.breaks]


def _break_out(taken: Break) -> ShiftBreakOut:
    return ShiftBreakOut(**taken.model_dump())


def shift_page(records: list[ShiftRecord], limit: int) -> ShiftPageOut:
    """The page of `limit` shifts, of which one more was read to see whether there are more."""
    last = records[limit - 1].shift if len(records) > limit else None
    cursor = None if last is None else f"{(last.starts_at - EPOCH) // timedelta(microseconds=1)}_{last.id}"
    return ShiftPageOut(items=[shift_out(record) for record in records[:limit]], next_cursor=cursor)


async def shift_place(cursor: Annotated[str | None, Query(max_length=60)] = None) -> ShiftPlace | None:
    """Raises InvalidError for a cursor that this list did not make."""
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidError("This cursor was not made by this list.")
    return ShiftPlace(EPOCH + timedelta(microseconds=int(match[1])), ShiftId(int(match[2])))


def window(since: datetime | None, until: datetime | None, now: datetime) -> Period:
    """The time that is asked for: without an end a week, without a beginning from now on.

    Raises InvalidError when it does not go forward or is longer than MAX_WINDOW.
    """
    start = now if since is None else since
    end = start + USUAL_WINDOW if until is None else until
    if end <= start:
        raise InvalidError("A time ends after it begins.")
    if end - start > MAX_WINDOW:
        raise InvalidError(f"Ask for at most {MAX_WINDOW.days} days at once.")
    return Period(start, end)


class Asked(BaseModel):
    """The query of a time."""

    since: datetime | None
    until: datetime | None


async def asked_time(
    since: Annotated[Moment | None, Query(alias="from", description="Without it, from now on.")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Without it, a week after `from`.")] = None,
) -> Asked:
    return Asked(since=since, until=until)


AskedTime = Annotated[Asked, Depends(asked_time)]
After = Annotated[ShiftPlace | None, Depends(shift_place)]
