"""What one does to a ticket. Each route checks that the reader may, sends one command, and answers with the result."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response, status

from api.problems import PendingCommand
from api.requests import AsReader, Expected, InDesk, Key, Number, Signed
from api.ticket_models import (
    Assignment,
    CommandOut,
    Escalation,
    NewReply,
    Nothing,
    PersonRef,
    ReplyOut,
    Snooze,
    StatusChange,
    TicketOut,
)
from api.tickets import answer_again, changed, send, standing, text_id_of
from domain.access import check_command
from domain.errors import TicketNotFoundError
from domain.ids import CommandId, PersonId
from domain.ticket_commands import (
    AcknowledgeTicket,
    AddReply,
    AdvanceMoment,
    AssignTicket,
    CancelMoment,
    ChangeStatus,
    ClaimTicket,
    DeescalateTicket,
    EscalateTicket,
    MomentId,
    SnoozeTicket,
    TicketCommand,
    UnassignTicket,
    WakeTicket,
)

_PENDING: dict[int | str, dict[str, Any]] = {
    202: {"model": PendingCommand, "description": "The engine has not answered in time; see `location`."}
}
router = APIRouter(prefix="/tickets/{number}", tags=["tickets"], responses=_PENDING)
Moment = Annotated[MomentId, Path(description="The id that `pending` names it by.")]


@router.post("/replies", status_code=status.HTTP_201_CREATED)
async def add_reply(
    number: Number, body: NewReply, desk: InDesk, signed: Signed, key: Key, expected: Expected, response: Response
) -> ReplyOut:
    """Add a public reply, or an internal note."""
    reader = signed.reader
    ticket = await standing(desk, reader, number)
    text = text_id_of(key, number)
    command = AddReply(text_id=text, internal=body.internal)
    check_command(reader, command, ticket)
    await desk.tickets.add_text(text, number, reader.id, None, body.body)
    receipt = await send(desk, reader, ticket, command, key, expected)
    response.headers["ETag"] = f'"{receipt.revision}"'
    return ReplyOut(
        id=text,
        ticket=number,
        revision=receipt.first_revision,
        author=PersonRef(id=reader.id, name=signed.person.name),
        body=body.body,
        internal=body.internal,
        created_at=receipt.at,
    )


@router.post("/status", response_model=TicketOut)
async def change_status(
    number: Number, body: StatusChange, desk: InDesk, reader: AsReader, key: Key, expected: Expected
) -> Response:
    """Set the status: resolve, reopen and close are among them. `allowed_transitions` lists what is legal."""
    return await _do(ChangeStatus(status=body.status), number, desk, reader, key, expected)


@router.post("/assign", response_model=TicketOut)
async def assign_ticket(
    number: Number, body: Assignment, desk: InDesk, reader: AsReader, key: Key, expected: Expected
) -> Response:
    """Give the ticket to somebody of its team."""
    command = AssignTicket(assignee_id=PersonId(body.assignee))
    return await _do(command, number, desk, reader, key, expected)


@router.post("/unassign", response_model=TicketOut)
async def unassign_ticket(
    number: Number, desk: InDesk, reader: AsReader, key: Key, expected: Expected,
    body: Nothing | None = None,
) -> Response:  # fmt: skip
    """Return the ticket to its team's queue."""
    return await _do(UnassignTicket(), number, desk, reader, key, expected)


@router.post("/claim", response_model=TicketOut)
async def claim_ticket(
    number: Number, desk: InDesk, reader: AsReader, key: Key, expected: Expected,
    body: Nothing | None = None,
) -> Response:  # fmt: skip
    """Take the ticket oneself; refused when somebody else has it."""
    return await _do(ClaimTicket(), number, desk, reader, key, expected)


@router.post("/escalate", response_model=TicketOut)
async def escalate_ticket(
    number: Number, desk: InDesk, reader: AsReader, key: Key, expected: Expected,
    body: Escalation | None = None,
) -> Response:  # fmt: skip
    """Raise the escalation level, by one or to a level up to 3."""
    return await _do(EscalateTicket(level=body.level if body else None), number, desk, reader, key, expected)


@router.post("/acknowledge", response_model=TicketOut)
async def acknowledge_ticket(
    number: Number, desk: InDesk, reader: AsReader, key: Key, expected: Expected,
    body: Nothing | None = None,
) -> Response:  # fmt: skip
    """Take an escalation on: its ladder goes no further. Without one under way nothing happens."""
    return await _do(AcknowledgeTicket(), number, desk, reader, key, expected)


@router.post("/de-escalate", response_model=TicketOut)
async def de_escalate_ticket(
    number: Number, desk: InDesk, reader: AsReader, key: Key, expected: Expected,
    body: Nothing | None = None,
) -> Response:  # fmt: skip
    """Take the escalation back."""
    return await _do(DeescalateTicket(), number, desk, reader, key, expected)


@router.post("/snooze", response_model=TicketOut)
async def snooze_ticket(
    number: Number, desk: InDesk, reader: AsReader, key: Key, expected: Expected,
    body: Snooze | None = None,
) -> Response:  # fmt: skip
    """Set the ticket aside until a moment or the requester's reply."""
    return await _do(SnoozeTicket(until=body.until if body else None), number, desk, reader, key, expected)


@router.post("/wake", response_model=TicketOut)
async def wake_ticket(
    number: Number, desk: InDesk, reader: AsReader, key: Key, expected: Expected,
    body: Nothing | None = None,
) -> Response:  # fmt: skip
    """End the snooze now."""
    return await _do(WakeTicket(), number, desk, reader, key, expected)


@router.post("/pending/{moment}/cancel", response_model=TicketOut)
async def cancel_moment(
    number: Number, moment: Moment, desk: InDesk, reader: AsReader, key: Key, expected: Expected,
    body: Nothing | None = None,
) -> Response:  # fmt: skip
    """Strike what would come by itself: a warning, a breach and with it its clock, a step of the escalation ladder, the
    waking, the closing. For supervisors."""
    return await _do(CancelMoment(moment=moment), number, desk, reader, key, expected)


@router.post("/pending/{moment}/advance", response_model=TicketOut)
async def advance_moment(
    number: Number, moment: Moment, desk: InDesk, reader: AsReader, key: Key, expected: Expected,
    body: Nothing | None = None,
) -> Response:  # fmt: skip
    """Let come now what would come later by itself. For supervisors."""
    return await _do(AdvanceMoment(moment=moment), number, desk, reader, key, expected)


@router.get("/commands/{command}")
async def get_command(number: Number, command: UUID, desk: InDesk, reader: AsReader) -> CommandOut:
    """What became of a command of yours that was answered with 202."""
    receipt = await desk.tickets.receipt(number, CommandId(command), reader.id)
    if receipt is None:
        await standing(desk, reader, number)
        return CommandOut(command_id=command, status="unknown", revision=None)
    return CommandOut(command_id=command, status="done", revision=receipt.revision)


async def _do(
    command: TicketCommand,
    number: Number,
    desk: InDesk,
    reader: AsReader,
    key: Key,
    expected: Expected,
) -> Response:
    try:
        ticket = await standing(desk, reader, number)
    except TicketNotFoundError:
        return await answer_again(desk, reader, number, key)
    check_command(reader, command, ticket)
    await send(desk, reader, ticket, command, key, expected)
    return await changed(desk, reader, number)
