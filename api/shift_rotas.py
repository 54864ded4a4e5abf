"""Rotas: shifts that come again by a rule."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path, Response, status
from pydantic import AfterValidator, BaseModel, Field

from api.auth import Name
from api.http.area_router import AreaRouter
from api.requests import AsReader, Expected, InDesk, Key
from api.shift_models import MAX_ID, Input, ShiftAgent, Team
from api.sla_calendar_models import Date
from database.rotas import RotaDraft, RotaRecord, RotaStatus
from domain.access import check_supervisor
from domain.business_calendar import Zone
from domain.ids import PersonId, RotaId
from domain.rota import MAX_EXDATES, MAX_RULE, BreakPattern, Rota, ends_of, minutes_between
from domain.shift import ShiftKind
from domain.shift_rules import MAX_BREAKS
from domain.ticket import Slug

router = AreaRouter(prefix="/shifts/rotas", tags=["shifts"])
RotaNumber = Annotated[RotaId, Path(ge=1, le=MAX_ID, description="The rota's id.")]
_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _printable(rule: str) -> str:
    if not rule.isascii() or not rule.isprintable():
        raise ValueError("a rule is written in plain letters, as FREQ=WEEKLY;BYDAY=MO")
    return rule


WallTime = Annotated[str, Field(pattern=_TIME, description="Of the zone's wall clock, as 08:30.")]
Rule = Annotated[
    str,
    Field(min_length=1, max_length=MAX_RULE, description="A recurrence rule of RFC 5545, as FREQ=WEEKLY;BYDAY=MO,TU."),
    AfterValidator(_printable),
]
Exdates = Annotated[tuple[Date, ...], Field(max_length=MAX_EXDATES, description="Dates that are left out.")]
Patterns = Annotated[tuple[BreakPattern, ...], Field(max_length=MAX_BREAKS)]


class RotaBody(Input):
    """A rota that is to be. A shift ends when the clock shows `ends`, on the next day when that is not after `starts`.
    A rule without COUNT and UNTIL has no end."""

    agent: UUID
    team: Slug | None = None
    name: Name
    rule: Rule
    zone: Zone
    begins_on: Date
    starts: WallTime
    ends: WallTime
    breaks: Patterns = ()
    exdates: Exdates = ()
    kind: ShiftKind = "regular"
    publish: bool = Field(default=False, description="Whether its shifts are published as they are laid out.")


class RotaEditBody(Input):
    """What to change from now on; what is not named stays. `publish` publishes its drafts, and what follows them."""

    team: Slug | None = Field(default=None, description="Null, when it is named: for all of the agent's teams.")
    name: Name | None = None
    rule: Rule | None = None
    zone: Zone | None = None
    begins_on: Date | None = None
    starts: WallTime | None = None
    ends: WallTime | None = None
    breaks: Patterns | None = None
    exdates: Exdates | None = None
    kind: ShiftKind | None = None
    publish: Literal[True] | None = None


class RotaOut(BaseModel):
    """A rota. `version` is its ETag."""

    id: int
    agent: ShiftAgent
    team: Slug | None
    name: str
    rule: str
    zone: str
    begins_on: date
    starts: str
    ends: str
    breaks: list[BreakPattern]
    exdates: list[date]
    kind: ShiftKind
    status: RotaStatus
    laid_until: date = Field(description="Its shifts are laid out on all dates before this one.")
    version: int
    created_at: datetime


class RotasOut(BaseModel):
    items: list[RotaOut]


@router.get("")
async def list_rotas(desk: InDesk, reader: AsReader, agent: UUID | None = None, team: Team = None) -> RotasOut:
    """The rotas that have not ended, by agent and name; for supervisors."""
    check_supervisor(reader)
    records = await desk.rotas.all(None if agent is None else PersonId(agent), team)
    return RotasOut(items=[rota_out(record) for record in records])


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_rota(body: RotaBody, desk: InDesk, reader: AsReader, key: Key, response: Response) -> RotaOut:
    """Add a rota; its shifts of the next eight weeks are laid out at once, the later ones day by day. For
    supervisors."""
    check_supervisor(reader)
    record = await desk.rotas.add(rota_draft(body), reader, datetime.now(UTC), key.request_key)
    response.headers["Location"] = f"/api/shifts/rotas/{record.id}"
    return _answer(record, response)


@router.get("/{rota}")
async def get_rota(rota: RotaNumber, desk: InDesk, reader: AsReader, response: Response) -> RotaOut:
    """A rota; for supervisors."""
    check_supervisor(reader)
    return _answer(await desk.rotas.read(rota), response)


@router.patch("/{rota}")
async def edit_rota(
    rota: RotaNumber, body: RotaEditBody, desk: InDesk, reader: AsReader, expected: Expected, response: Response
) -> RotaOut:
    """Change a rota from now on. Its shifts that have not begun follow it, but for those that were changed or cancelled
    by themselves. For supervisors."""
    check_supervisor(reader)
    present = await desk.rotas.read(rota)
    draft = changed_draft(present, body)
    # What was not named is taken from what was read: so it must still be so.
    seen = present.version if expected is None else expected
    record = await desk.rotas.change(rota, draft, reader, datetime.now(UTC), seen)
    return _answer(record, response)


@router.delete("/{rota}", status_code=status.HTTP_204_NO_CONTENT)
async def end_rota(rota: RotaNumber, desk: InDesk, reader: AsReader, expected: Expected) -> None:
    """End a rota: its shifts that have not begun are cancelled. For supervisors."""
    check_supervisor(reader)
    await desk.rotas.end(rota, reader, datetime.now(UTC), expected)


def rota_draft(body: RotaBody) -> RotaDraft:
    starts, ends = time.fromisoformat(body.starts), time.fromisoformat(body.ends)
    rota = Rota(
        agent_id=PersonId(body.agent),
        team=body.team,
        rule=body.rule,
        zone=body.zone,
        begins_on=body.begins_on,
        starts=starts,
        minutes=minutes_between(starts, ends),
        breaks=body.breaks,
        exdates=frozenset(body.exdates),
        kind=body.kind,
    )
    return RotaDraft(body.name, rota, "published" if body.publish else "draft")


def changed_draft(present: RotaRecord, body: RotaEditBody) -> RotaDraft:
    """The rota as it is to be from now on."""
    rota = present.rota
    starts = rota.starts if body.starts is None else time.fromisoformat(body.starts)
    ends = ends_of(rota.starts, rota.minutes) if body.ends is None else time.fromisoformat(body.ends)
    named = {
        name: value
        for name in ("rule", "zone", "begins_on", "breaks", "kind")
        if (value := getattr(body, name)) is not None
    }
    if body.exdates is not None:
        named["exdates"] = frozenset(body.exdates)
    if "team" in body.model_fields_set:
        named["team"] = body.team
    named |= {"starts": starts, "minutes": minutes_between(starts, ends)}
    status = "published" if body.publish else present.status
    return RotaDraft(body.name or present.name, rota.model_copy(update=named), status)


def rota_out(record: RotaRecord) -> RotaOut:
    rota = record.rota
    return RotaOut(
        id=record.id,
        agent=ShiftAgent(id=rota.agent_id, name=record.agent_name),
        team=rota.team,
        name=record.name,
        rule=rota.rule,
        zone=rota.zone,
        begins_on=rota.begins_on,
        starts=f"{rota.starts:%H:%M}",
        ends=f"{ends_of(rota.starts, rota.minutes):%H:%M}",
        breaks=list(rota.breaks),
        exdates=sorted(rota.exdates),
        kind=rota.kind,
        status=record.status,
        laid_until=record.laid_until,
        version=record.version,
        created_at=record.created_at,
    )


def _answer(record: RotaRecord, response: Response) -> RotaOut:
    response.headers["ETag"] = f'"{record.version}"'
    return rota_out(record)
