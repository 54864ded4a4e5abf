"""Why a ticket has the assignee that it has, or waits for one."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk, Number
from api.state import Desk
from api.ticket_models import OfferOut, PersonRef, spoken_offer
from api.tickets import visible
from database.ticket_rows import TicketRecord
from domain.access import may_see_internal
from domain.assignment import exclusion
from domain.assignment_reasons import Decision, explain
from domain.dispatch import asked_candidates, waiting_ticket
from domain.errors import ForbiddenError
from domain.ids import PersonId

router = AreaRouter(prefix="/tickets/{number}/assignment", tags=["tickets"])


class WeighedOut(BaseModel):
    """Somebody who could have it, with what that was worth in points."""

    agent: PersonRef
    total: float
    parts: dict[str, float] = Field(description="What the points are for; they add up.")


class ExcludedOut(BaseModel):
    agent: PersonRef
    rule: str = Field(description="An open set: off_shift, offline, lacks_skill, at_capacity, ...")
    sentence: str


class DecisionOut(BaseModel):
    """What the dispatcher weighed when it gave or offered the ticket."""

    at: datetime
    sentence: str
    candidates: list[WeighedOut] = Field(description="The chosen one first, then the best; at most 50.")
    excluded: list[ExcludedOut] = Field(description="At most 50; `counts` has them all.")
    counts: dict[str, int]


class WaitingOut(BaseModel):
    """Why nobody has it at this moment."""

    since: datetime
    sentence: str
    excluded: list[ExcludedOut] = Field(description="At most 50; `counts` has them all.")
    counts: dict[str, int]


class TicketAssignmentOut(BaseModel):
    """Who has the ticket and why, or why nobody has it."""

    assignee: PersonRef | None
    assigned_at: datetime | None
    by: str | None = Field(description="hand, claim, dispatch, offer or ladder")
    override: bool = Field(description="Whether it was given over the assignee's capacity.")
    decision: DecisionOut | None = Field(description="None when a person decided, or nobody yet.")
    offer: OfferOut | None
    waiting: WaitingOut | None


@router.get("")
async def get_ticket_assignment(number: Number, desk: InDesk, reader: AsReader) -> TicketAssignmentOut:
    """Why the ticket has the assignee that it has: who could have it, what that was worth, and who was excluded by
    which rule; of a ticket that waits, why nobody takes it. For the desk."""
    record = await visible(desk, reader, number)
    if not may_see_internal(reader, record):
        raise ForbiddenError("Only the desk may see this.")
    last = await desk.dispatch.last_assignment(number) if record.assignee_id else None
    decision = await desk.dispatch.decision_of(number)
    assignee = None
    if record.assignee_id is not None:
        assignee = PersonRef(id=record.assignee_id, name=record.assignee_name or "")
    return TicketAssignmentOut(
        assignee=assignee,
        assigned_at=record.assigned_at,
        by=None if last is None else last.by,
        override=last is not None and last.override,
        decision=None if decision is None else await _spoken(desk, decision),
        offer=None if record.offer is None else OfferOut.model_validate(spoken_offer(record.offer)),
        waiting=await _waiting(desk, record),
    )


async def _waiting(desk: Desk, record: TicketRecord) -> WaitingOut | None:
    ticket = record.ticket
    if not ticket.is_waiting:
        return None
    now = datetime.now(UTC)
    queued = await desk.dispatch.queued(ticket.number)
    board = None if ticket.team is None else await desk.dispatch.board(ticket.team, now)
    if queued is None or board is None:
        sentence = "It is in no team's queue." if ticket.team is None else f"Team {ticket.team} is not at work."
        return WaitingOut(since=ticket.created_at, sentence=sentence, excluded=[], counts={})
    wanted, candidates = waiting_ticket(queued, board.rules, now), asked_candidates(board, now)
    why = explain(wanted, candidates, now, await _zone(desk, record))
    excluded = [(one.id, reason) for one in candidates if (reason := exclusion(wanted, one, now))][:50]
    names = await desk.dispatch.names(person for person, _ in excluded)
    sentence = why.sentence
    if board.rules.strategy == "manual":
        sentence = f"Team {ticket.team} claims its tickets by hand."
    elif record.offer is not None:
        sentence = f"It is offered to {len(record.offer.to)} until {record.offer.expires_at:%H:%M:%SZ}."
    return WaitingOut(
        since=ticket.created_at,
        sentence=sentence[0].upper() + sentence[1:],
        excluded=[
            ExcludedOut(agent=PersonRef(id=id, name=names[id]), rule=reason.rule, sentence=reason.sentence)
            for id, reason in excluded
        ],
        counts={str(rule): count for rule, count in why.counts.items()},
    )


async def _zone(desk: Desk, record: TicketRecord) -> ZoneInfo:
    """Moments are told in the zone of the ticket's calendar."""
    version = None if record.sla is None else record.sla.calendar_version
    if version is None:
        return ZoneInfo("UTC")
    return ZoneInfo((await desk.terms.calendars_by([version]))(version).zone)


async def _spoken(desk: Desk, decision: Decision) -> DecisionOut:
    people: list[PersonId] = [*(one.id for one in decision.candidates), *(one.id for one in decision.excluded)]
    names = await desk.dispatch.names(people)
    return DecisionOut(
        at=decision.at,
        sentence=decision.sentence[0].upper() + decision.sentence[1:],
        candidates=[
            WeighedOut(agent=PersonRef(id=one.id, name=names[one.id]), total=one.total, parts=one.parts)
            for one in decision.candidates
        ],
        excluded=[
            ExcludedOut(agent=PersonRef(id=one.id, name=names[one.id]), rule=one.rule, sentence=one.sentence)
            for one in decision.excluded
        ],
        counts={str(rule): count for rule, count in decision.counts.items()},
    )
