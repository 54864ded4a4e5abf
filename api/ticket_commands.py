"""What one does to a ticket. Each route checks that the reader may, sends one command, and answers with the result."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Response, status

from api.http.area_router import AreaRouter
from api.http.problems import PendingCommand
from api.mentions import mentioned
from api.requests import Ask, Asked, AsReader, InDesk, Number
from api.state import Desk
from api.ticket_models import (
    Assignment,
    Claim,
    CommandOut,
    Escalation,
    NewRating,
    NewReply,
    Nothing,
    PersonRef,
    ReplyOut,
    Snooze,
    StatusChange,
    TicketOut,
)
from api.tickets import answer_again, changed, send, text_id_of, visible
from domain.access import check_command
from domain.errors import TicketNotFoundError
from domain.ids import CommandId, PersonId
from domain.ticket_commands import (
    AcceptOffer,
    AcknowledgeTicket,
    AddReply,
    AdvanceMoment,
    AssignTicket,
    CancelMoment,
    ChangeStatus,
    ClaimTicket,
    DeclineOffer,
    DeescalateTicket,
    EscalateTicket,
    MomentId,
    RateTicket,
    SnoozeTicket,
    TicketCommand,
    UnassignTicket,
    WakeTicket,
)

_PENDING: dict[int | str, dict[str, Any]] = {
    202: {"model": PendingCommand, "description": "The engine has not answered in time; see `location`."}
}
router = AreaRouter(prefix="/tickets/{number}", tags=["tickets"], responses=_PENDING)
Moment = Annotated[MomentId, Path(description="The id that `pending` names it by.")]


@router.post("/replies", status_code=status.HTTP_201_CREATED, response_model=ReplyOut)
async def add_reply(asked: Ask, body: NewReply, desk: InDesk) -> Response:
    """Add a public reply, or an internal note. Whom it mentions hears of it, and watches the ticket from then on."""
    reader, ticket, number = asked.reader, asked.ticket(), asked.number
    text = text_id_of(asked.key, number)
    command = AddReply(text_id=text, internal=body.internal)
    check_command(reader, command, asked.audience())
    people = await mentioned(desk, asked, body)
    command = command.model_copy(update={"mention_ids": tuple(person.id for person in people)})
    await desk.tickets.add_text(text, number, reader.id, None, body.body)
    receipt = await send(desk, reader, ticket, command, asked.key, asked.expected)
    reply = ReplyOut(
        id=text,
        ticket=number,
        revision=receipt.first_revision,
        author=PersonRef(id=reader.id, name=asked.signed.person.name),
        body=body.body,
        internal=body.internal,
        mentions=[PersonRef(id=person.id, name=person.name) for person in people],
        created_at=receipt.at,
    )
    return Response(
        reply.model_dump_json(),
        status_code=status.HTTP_201_CREATED,
        headers={"ETag": f'"{receipt.revision}"'},
        media_type="application/json",
    )


@router.post("/rating", response_model=TicketOut)
async def rate_ticket(asked: Ask, body: NewRating, desk: InDesk) -> Response:
    """Say how well your ticket was handled, once it is resolved and for 30 days. Another rating replaces the first."""
    text = None if body.comment is None else text_id_of(asked.key, asked.number)
    command = RateTicket(score=body.score, text_id=text)
    check_command(asked.reader, command, asked.audience())
    if text is not None and body.comment is not None:
        await desk.tickets.add_text(text, asked.number, asked.reader.id, None, body.comment)
    return await _do(command, asked, desk)


@router.post("/status", response_model=TicketOut)
async def change_status(asked: Ask, body: StatusChange, desk: InDesk) -> Response:
    """Set the status: resolve, reopen and close are among them. `allowed_transitions` lists what is legal."""
    return await _do(ChangeStatus(status=body.status), asked, desk)


@router.post("/assign", response_model=TicketOut)
async def assign_ticket(asked: Ask, body: Assignment, desk: InDesk) -> Response:
    """Give the ticket to somebody of its team. Who carries as much as they can gets more only with `override`."""
    command = AssignTicket(assignee_id=PersonId(body.assignee), override=body.override)
    return await _do(command, asked, desk)


@router.post("/unassign", response_model=TicketOut)
async def unassign_ticket(asked: Ask, desk: InDesk, body: Nothing | None = None) -> Response:
    """Return the ticket to its team's queue."""
    return await _do(UnassignTicket(), asked, desk)


@router.post("/claim", response_model=TicketOut)
async def claim_ticket(asked: Ask, desk: InDesk, body: Claim | None = None) -> Response:
    """Take the ticket oneself; refused when somebody else has it, or without `override` when one carries as much as one
    can."""
    return await _do(ClaimTicket(override=body is not None and body.override), asked, desk)


@router.post("/offer/accept", response_model=TicketOut)
async def accept_offer(asked: Ask, desk: InDesk, body: Nothing | None = None) -> Response:
    """Take what was offered to you. The first one gets it; whoever comes later is refused."""
    return await _do(AcceptOffer(), asked, desk)


@router.post("/offer/decline", response_model=TicketOut)
async def decline_offer(asked: Ask, desk: InDesk, body: Nothing | None = None) -> Response:
    """Leave to others what was offered to you."""
    return await _do(DeclineOffer(), asked, desk)


@router.post("/escalate", response_model=TicketOut)
async def escalate_ticket(asked: Ask, desk: InDesk, body: Escalation | None = None) -> Response:
    """Raise the escalation level, by one or to a level up to 3."""
    return await _do(EscalateTicket(level=body.level if body else None), asked, desk)


@router.post("/acknowledge", response_model=TicketOut)
async def acknowledge_ticket(asked: Ask, desk: InDesk, body: Nothing | None = None) -> Response:
    """Take an escalation on: its ladder goes no further. Without one under way nothing happens."""
    return await _do(AcknowledgeTicket(), asked, desk)


@router.post("/de-escalate", response_model=TicketOut)
async def de_escalate_ticket(asked: Ask, desk: InDesk, body: Nothing | None = None) -> Response:
    """Take the escalation back."""
    return await _do(DeescalateTicket(), asked, desk)


@router.post("/snooze", response_model=TicketOut)
async def snooze_ticket(asked: Ask, desk: InDesk, body: Snooze | None = None) -> Response:
    """Set the ticket aside until a moment or the requester's reply."""
    return await _do(SnoozeTicket(until=body.until if body else None), asked, desk)


@router.post("/wake", response_model=TicketOut)
async def wake_ticket(asked: Ask, desk: InDesk, body: Nothing | None = None) -> Response:
    """End the snooze now."""
    return await _do(WakeTicket(), asked, desk)


@router.post("/pending/{moment}/cancel", response_model=TicketOut)
async def cancel_moment(asked: Ask, moment: Moment, desk: InDesk, body: Nothing | None = None) -> Response:
    """Strike what would come by itself: a warning, a breach and with it its clock, a step of the escalation ladder, the
    waking, the closing. For supervisors."""
    return await _do(CancelMoment(moment=moment), asked, desk)


@router.post("/pending/{moment}/advance", response_model=TicketOut)
async def advance_moment(asked: Ask, moment: Moment, desk: InDesk, body: Nothing | None = None) -> Response:
    """Let come now what would come later by itself. For supervisors."""
    return await _do(AdvanceMoment(moment=moment), asked, desk)


@router.get("/commands/{command}")
async def get_command(number: Number, command: UUID, desk: InDesk, reader: AsReader) -> CommandOut:
    """What became of a command of yours that was answered with 202."""
    receipt = await desk.tickets.receipt(number, CommandId(command), reader.id)
    if receipt is None:
        await visible(desk, reader, number)
        return CommandOut(command_id=command, status="unknown", revision=None)
    return CommandOut(command_id=command, status="done", revision=receipt.revision)


async def _do(command: TicketCommand, asked: Asked, desk: Desk) -> Response:
    reader = asked.reader
    try:
        ticket = asked.ticket()
    except TicketNotFoundError:
        return await answer_again(desk, reader, asked.number, asked.key)
    check_command(reader, command, asked.audience())
    await send(desk, reader, ticket, command, asked.key, asked.expected)
    return await changed(desk, reader, asked.number)
