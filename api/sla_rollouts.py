"""Rollouts: what another version of a policy or a calendar would do to open tickets, applying it, and undoing that."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from api.http.area_router import AreaRouter
from api.requests import AsAuthor, AsReader, InDesk, Key
from api.sla_calendar_models import SlaCalendarBody, calendar_draft
from api.sla_calendars import CalendarNumber
from api.sla_policies import PolicyNumber
from api.sla_policy_models import SlaPolicyBody, policy_draft
from api.state import Desk
from database.idempotency import RequestKey
from database.sla_rollouts import RolloutRecord, RolloutTicket
from domain.access import check_admin
from domain.audit import Author
from domain.errors import ConflictError
from domain.ids import TicketNumber
from domain.sla_clock import Audience, Target
from domain.sla_rollout import Outcome, UndoOutcome, due_moves, is_overdue

router = AreaRouter(prefix="/sla", tags=["sla"])
RolloutNumber = Annotated[int, Path(ge=1, le=2**31 - 1, description="The rollout's id.")]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SlaPolicyPreview(_Input):
    """What to preview: the policy as it would be, or, without a draft, as it is on offer."""

    draft: SlaPolicyBody | None = None
    moves_ladders: bool = Field(default=False, description="Running escalation ladders go on as the new version's.")


class SlaCalendarPreview(_Input):
    """What to preview: the calendar as it would be, or, without a draft, as it is on offer."""

    draft: SlaCalendarBody | None = None


class SlaApplication(_Input):
    """Which preview to apply."""

    rollout: Annotated[int, Field(ge=1, le=2**31 - 1)]


class SlaRolloutOut(BaseModel):
    """A rollout. It goes through the statuses in their order, each in its own time: ask again until it is there."""

    id: int
    status: str = Field(description="previewing, previewed, applying, applied, undoing, undone")
    policy: int | None = Field(description="Whose version is rolled out; or else a calendar's.")
    calendar: int | None
    name: str
    version: int
    moves_ladders: bool
    at: datetime = Field(description="From this moment on the version counts for the tickets.")
    created_at: datetime
    applied_at: datetime | None
    undone_at: datetime | None
    tickets: int = Field(description="Open tickets that would take the version.")
    moved: int = Field(description="Of these, how many have a clock that would be due at another moment.")
    overdue: int = Field(description="Of these, how many would be breached at once.")
    applied: int = Field(description="How many took it exactly as the preview showed.")
    changed: int = Field(description="How many took it otherwise, because they were changed since the preview.")
    finished: int = Field(description="How many were over by then.")
    restored: int = Field(description="How many were undone as if nothing had been.")
    carried: int = Field(description="How many took the former terms with the time used, for they were changed since.")


class SlaClockMove(BaseModel):
    """A clock that is due at another moment. None: it is paused, or there is none."""

    target: Target
    audience: Audience
    due_before: datetime | None
    due_after: datetime | None
    is_overdue: bool


class SlaRolloutTicketOut(BaseModel):
    """A ticket of a rollout."""

    ticket: TicketNumber
    revision: int = Field(description="The ticket's, when it was previewed.")
    moves: list[SlaClockMove]
    outcome: Outcome | None
    undo_outcome: UndoOutcome | None


class SlaRolloutTicketsOut(BaseModel):
    items: list[SlaRolloutTicketOut]
    next_cursor: str | None


@router.post("/policies/{policy}/preview", status_code=status.HTTP_202_ACCEPTED)
async def preview_sla_policy(
    policy: PolicyNumber,
    body: SlaPolicyPreview,
    desk: InDesk,
    reader: AsReader,
    author: AsAuthor,
    key: Key,
    response: Response,
) -> SlaRolloutOut:
    """Show what a policy would do to the open tickets; nothing is changed. For admins."""
    check_admin(reader)
    request = RequestKey(key.id, key.fingerprint)
    id = await desk.rollouts.of_request(request)
    if id is None:
        version = (await desk.sla_policies.read(policy)).version_id
        if body.draft is not None:
            version = await desk.sla_policies.add_draft(policy, policy_draft(body.draft), author)
        id = await desk.rollouts.add(
            author, datetime.now(UTC), request, policy_version=version, is_draft=body.draft is not None,
            moves_ladders=body.moves_ladders,
        )  # fmt: skip
    return await _begun(id, desk, response)


@router.post("/calendars/{calendar}/preview", status_code=status.HTTP_202_ACCEPTED)
async def preview_sla_calendar(
    calendar: CalendarNumber,
    body: SlaCalendarPreview,
    desk: InDesk,
    reader: AsReader,
    author: AsAuthor,
    key: Key,
    response: Response,
) -> SlaRolloutOut:
    """Show what a calendar would do to the open tickets; nothing is changed. For admins."""
    check_admin(reader)
    request, now = RequestKey(key.id, key.fingerprint), datetime.now(UTC)
    id = await desk.rollouts.of_request(request)
    if id is None:
        version = (await desk.sla_calendars.read(calendar)).version_id
        if body.draft is not None:
            draft = calendar_draft(body.draft, now.date())
            version = await desk.sla_calendars.add_draft(calendar, draft, author)
        id = await desk.rollouts.add(author, now, request, calendar_version=version, is_draft=body.draft is not None)
    return await _begun(id, desk, response)


@router.post("/policies/{policy}/apply", status_code=status.HTTP_202_ACCEPTED)
async def apply_sla_policy(
    policy: PolicyNumber, body: SlaApplication, desk: InDesk, reader: AsReader, author: AsAuthor, response: Response
) -> SlaRolloutOut:
    """Apply a preview: a draft comes on offer, and the open tickets take it as was shown. For admins."""
    check_admin(reader)
    if (await desk.rollouts.rollout(body.rollout)).policy_id != policy:
        raise ConflictError("This rollout is not of this policy.")
    return await _told(body.rollout, desk, author, "apply", response)


@router.post("/calendars/{calendar}/apply", status_code=status.HTTP_202_ACCEPTED)
async def apply_sla_calendar(
    calendar: CalendarNumber, body: SlaApplication, desk: InDesk, reader: AsReader, author: AsAuthor, response: Response
) -> SlaRolloutOut:
    """Apply a preview: a draft comes on offer, and the open tickets take it as was shown. For admins."""
    check_admin(reader)
    if (await desk.rollouts.rollout(body.rollout)).calendar_id != calendar:
        raise ConflictError("This rollout is not of this calendar.")
    return await _told(body.rollout, desk, author, "apply", response)


@router.get("/rollouts/{rollout}")
async def get_sla_rollout(rollout: RolloutNumber, desk: InDesk, reader: AsReader) -> SlaRolloutOut:
    """How far a rollout is. For admins."""
    check_admin(reader)
    return _spoken(await desk.rollouts.read(rollout))


@router.get("/rollouts/{rollout}/tickets")
async def list_sla_rollout_tickets(
    rollout: RolloutNumber,
    desk: InDesk,
    reader: AsReader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int | None, Query(ge=0, le=2**53)] = None,
) -> SlaRolloutTicketsOut:
    """The tickets of a rollout: what moves, and what became of it. For admins."""
    check_admin(reader)
    at = (await desk.rollouts.rollout(rollout)).at
    found = await desk.rollouts.tickets(rollout, TicketNumber(cursor or 0), limit + 1)
    items = [_spoken_ticket(one, at) for one in found[:limit]]
    return SlaRolloutTicketsOut(items=items, next_cursor=str(items[-1].ticket) if len(found) > limit else None)


@router.post("/rollouts/{rollout}/undo", status_code=status.HTTP_202_ACCEPTED)
async def undo_sla_rollout(
    rollout: RolloutNumber, desk: InDesk, reader: AsReader, author: AsAuthor, response: Response
) -> SlaRolloutOut:
    """Take an application back: what was a draft goes off offer, and tickets return to the former terms. For admins."""
    check_admin(reader)
    await desk.rollouts.rollout(rollout)
    return await _told(rollout, desk, author, "undo", response)


async def _begun(id: int, desk: Desk, response: Response) -> SlaRolloutOut:
    await desk.rolling.start(id)
    return _located(await desk.rollouts.read(id), response)


async def _told(
    id: int, desk: Desk, author: Author, direction: Literal["apply", "undo"], response: Response
) -> SlaRolloutOut:
    """From where an admin says so is written down here: no address goes into a workflow's history."""
    assert author.id is not None
    await desk.audit.note(author, f"sla_rollout.{direction}_asked", "sla_rollout", str(id))
    await desk.rolling.tell(id, direction, author.id)
    return _located(await desk.rollouts.read(id), response)


def _located(record: RolloutRecord, response: Response) -> SlaRolloutOut:
    response.headers["Location"] = f"/api/sla/rollouts/{record.rollout.id}"
    return _spoken(record)


def _spoken(record: RolloutRecord) -> SlaRolloutOut:
    rollout = record.rollout
    return SlaRolloutOut(
        id=rollout.id,
        status=record.status,
        policy=rollout.policy_id,
        calendar=rollout.calendar_id,
        name=record.name,
        version=record.version,
        moves_ladders=rollout.moves_ladders,
        at=rollout.at,
        created_at=record.created_at,
        applied_at=record.applied_at,
        undone_at=record.undone_at,
        **record.counts,
    )


def _spoken_ticket(one: RolloutTicket, at: datetime) -> SlaRolloutTicketOut:
    plan = one.planned
    return SlaRolloutTicketOut(
        ticket=TicketNumber(plan.number),
        revision=plan.revision,
        moves=[
            SlaClockMove(
                target=new.target,
                audience=new.audience,
                due_before=None if old is None else old.due_at,
                due_after=new.due_at,
                is_overdue=is_overdue(new, at),
            )
            for old, new in due_moves(plan.before, plan.after)
        ],
        outcome=one.outcome,
        undo_outcome=one.undo_outcome,
    )
