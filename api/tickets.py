"""Tickets: open, list, read, edit."""

from datetime import UTC, datetime
from typing import Annotated, Literal, NoReturn, get_args
from uuid import UUID, uuid5

from fastapi import Query, Response, status

from api.http.area_router import AreaRouter
from api.http.plain_json import PlainJsonResponse
from api.http.texts import Text
from api.report_questions import AsOf
from api.requests import AsReader, CommandKey, Expected, InDesk, Key, Number, Signed
from api.state import Desk
from api.ticket_models import NewTicket, TicketEdit, TicketOut, TicketPageOut, spoken_ticket
from database.sla_terms import Offer
from database.ticket_lists import Sort, TicketFilter
from database.ticket_rows import NewWording, TicketRecord, opened_record
from domain.access import Reader, check_command, check_open, ticket_scope
from domain.errors import DomainError, IdempotencyKeyReusedError, TicketNotFoundError
from domain.ids import PersonId, TextId, TicketNumber
from domain.lifecycle import open_ticket as decide_opening
from domain.lifecycle import opened, opening
from domain.period import past_moment
from domain.sla_keeping import begin
from domain.sla_policy import first_match
from domain.ticket import Priority, Slug, Status, Ticket
from domain.ticket_commands import Clearable, CommandEnvelope, EditTicket, OpenTicket, Receipt, TicketCommand
from domain.ticket_events import TicketOpened

router = AreaRouter(prefix="/tickets", tags=["tickets"])
_TEXTS = UUID("0b7c64b7-4f0e-4a55-9f1d-6f6f0f5a7d21")
MAX_SEARCH = 200
CLEARABLE: tuple[Clearable, ...] = get_args(Clearable)


def text_id_of(key: CommandKey, number: TicketNumber | None = None) -> TextId:
    """The id of the text that a request brings: sent again, it is the same text.

    The whole request names it, not its key alone: a refused request leaves its text behind, and the key may come again
    with another text.
    """
    return TextId(uuid5(_TEXTS, f"{key.id}:{key.fingerprint}:{number}"))


async def visible(desk: Desk, reader: Reader, number: TicketNumber) -> TicketRecord:
    """The ticket, if this reader may see it. Raises TicketNotFoundError otherwise."""
    record = await desk.tickets.read(number)
    if record is None or not ticket_scope(reader).includes(record):
        _raise_not_found(number)
    return record


async def answer_again(desk: Desk, reader: Reader, number: TicketNumber, key: CommandKey) -> Response:
    """The answer to a command that the reader sent before, and that took the ticket out of their sight.

    Raises TicketNotFoundError when there was no such command, IdempotencyKeyReusedError when it was another one.
    """
    receipt = await _done(desk, reader, number, key)
    record = None if receipt is None else await desk.tickets.read_as_of(number, receipt.revision)
    then = record or _raise_not_found(number)
    return await answer(desk, then, reader, at=then.updated_at)


async def send(
    desk: Desk, reader: Reader, ticket: Ticket, command: TicketCommand, key: CommandKey, expected: int | None
) -> Receipt:
    """Have the ticket's workflow do the command. The caller has checked that the reader may.

    A command that was done before is answered with its receipt, also when the engine has forgotten it and the rules
    would refuse it by now.
    """
    envelope = CommandEnvelope(
        id=key.id,
        actor=reader.actor,
        command=command,
        expected_revision=expected,
        fingerprint=key.fingerprint,
        at=datetime.now(UTC),
        row_revision=ticket.revision,
    )
    try:
        return await desk.workflows.apply(ticket, envelope)
    except DomainError:
        done = await _done(desk, reader, ticket.number, key)
        if done is None:
            raise
        await desk.workflows.reload(ticket)  # whoever forgot it is behind
        return done


async def _done(desk: Desk, reader: Reader, number: TicketNumber, key: CommandKey) -> Receipt | None:
    """What the command came to, if the reader sent it before under a key of their own.

    Raises IdempotencyKeyReusedError when the key came with another request.
    """
    receipt = await desk.tickets.receipt(number, key.id, reader.id) if key.is_given else None
    if receipt is not None and receipt.fingerprint != key.fingerprint:
        raise IdempotencyKeyReusedError("This Idempotency-Key came with another request before.")
    return receipt


async def changed(desk: Desk, reader: Reader, number: TicketNumber) -> Response:
    """The ticket after a change."""
    record = await desk.tickets.read(number)
    return await answer(desk, record or _raise_not_found(number), reader)


def _raise_not_found(number: TicketNumber) -> NoReturn:
    raise TicketNotFoundError(f"There is no ticket {number}.")


async def answer(
    desk: Desk,
    record: TicketRecord,
    reader: Reader,
    status_code: int = 200,
    at: datetime | None = None,
    present: TicketRecord | None = None,
    **headers: str,
) -> Response:
    """A TicketOut with its ETag, as it is now or as it was at a moment; what is shown of it follows from whom it
    concerns at `present`, if that is given."""
    calendars = await desk.terms.calendars_of([record.sla])
    return PlainJsonResponse(
        spoken_ticket(record, reader, at or datetime.now(UTC), calendars, present),
        status_code=status_code,
        headers={"ETag": f'"{record.revision}"', **headers},
    )


def with_clocks(event: TicketOpened, number: TicketNumber, offer: Offer, zone_data: str, now: datetime) -> TicketOpened:
    """The opening with the clocks that begin with it."""
    ticket = opened(number, event, now)
    sla = begin(ticket, first_match(offer.terms, ticket, offer.tier), zone_data)
    return event.model_copy(update={"sla": sla})


@router.post("", status_code=status.HTTP_201_CREATED, response_model=TicketOut)
async def open_ticket(body: NewTicket, desk: InDesk, signed: Signed, key: Key) -> Response:
    """Open a ticket. It is accepted at once, also while the workflow engine is down."""
    reader = signed.reader
    wording = text_id_of(key)
    command = OpenTicket(
        wording_id=wording,
        requester_id=PersonId(body.requester) if body.requester else reader.id,
        priority=body.priority,
        category=body.category,
        team=body.team,
        due_at=body.due_at,
        required_skills=body.required_skills,
        estimated_minutes=body.estimated_minutes,
        tags=body.tags,
    )
    check_open(reader, command)
    now = datetime.now(UTC)
    event = decide_opening(command, desk.rules, now)
    number, offer = await desk.terms.offer_with_number(command.requester_id)
    event = with_clocks(event, number, offer, desk.terms.zone_data, now)
    change = opening(number, key.id, key.fingerprint, reader.actor, event, now)
    made = await desk.tickets.open(change, NewWording(wording, reader.id, body.title, body.description))
    if made.fingerprint != key.fingerprint:
        raise IdempotencyKeyReusedError("This Idempotency-Key came with another request before.")
    if made.is_new and command.requester_id == reader.id:
        record = opened_record(change, body.title, body.description, signed.person.name, signed.person.organisation)
    else:
        record = await desk.tickets.read_as_of(made.number, 1) or _raise_not_found(made.number)
    location = f"/api/tickets/{made.number}"
    return await answer(desk, record, reader, status.HTTP_201_CREATED, record.created_at, Location=location)


@router.get("", response_model=TicketPageOut)
async def list_tickets(
    desk: InDesk,
    reader: AsReader,
    status: Annotated[list[Status], Query()] = [],
    priority: Annotated[list[Priority], Query()] = [],
    category: Annotated[list[Slug], Query()] = [],
    team: Annotated[list[Slug], Query()] = [],
    assignee: Annotated[list[UUID | Literal["me", "none"]], Query(description="Ids, `me` or `none`.")] = [],
    requester: Annotated[UUID | Literal["me"] | None, Query()] = None,
    tag: Annotated[list[Slug], Query(description="All of them.")] = [],
    snoozed: Annotated[bool | None, Query()] = None,
    q: Annotated[Text | None, Query(max_length=MAX_SEARCH, description="Words of title and description.")] = None,
    sort: Annotated[Sort, Query()] = "-created_at",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """The tickets that you may see, a page at a time. `stream_cursor` joins the page to the event stream."""
    people = [reader.id if one == "me" else PersonId(one) for one in assignee if isinstance(one, UUID) or one == "me"]
    wanted = TicketFilter(
        status=status,
        priority=priority,
        category=category,
        team=team,
        assignee=people,
        unassigned="none" in assignee,
        requester=reader.id if requester == "me" else PersonId(requester) if isinstance(requester, UUID) else None,
        tag=tag,
        snoozed=snoozed,
        text=q.strip() or None if q else None,
    )
    page = await desk.lists.page(ticket_scope(reader), wanted, sort, limit, cursor)
    now, calendars = datetime.now(UTC), await desk.terms.calendars_of(record.sla for record in page.items)
    body = {
        "items": [spoken_ticket(record, reader, now, calendars) for record in page.items],
        "next_cursor": page.next_cursor,
        "stream_cursor": str(page.stream_cursor),
    }
    return PlainJsonResponse(body)


@router.get("/{number}", response_model=TicketOut)
async def get_ticket(number: Number, desk: InDesk, reader: AsReader, as_of: AsOf = None) -> Response:
    """One ticket, now or as it was at a past moment. Who sees what of it is decided as of now."""
    record = await visible(desk, reader, number)
    if as_of is None:
        return await answer(desk, record, reader)
    moment = past_moment(as_of, datetime.now(UTC))
    then = await desk.past.ticket_at(number, moment)
    if then is None:
        raise TicketNotFoundError(f"Ticket {number} was opened later, at {record.created_at.isoformat()}.")
    return await answer(desk, then, reader, at=moment, present=record)


@router.patch("/{number}", response_model=TicketOut)
async def edit_ticket(
    number: Number, body: TicketEdit, desk: InDesk, reader: AsReader, key: Key, expected: Expected
) -> Response:
    """Change what is named. Another team returns the ticket to that team's queue, unassigned."""
    try:
        record = await visible(desk, reader, number)
    except TicketNotFoundError:
        return await answer_again(desk, reader, number, key)
    clear = tuple(name for name in CLEARABLE if name in body.model_fields_set and getattr(body, name) is None)
    plain = body.model_dump(exclude={"title", "description"}, exclude_none=True)
    title = record.title if body.title is None else body.title
    description = record.description if body.description is None else body.description
    is_reworded = (title, description) != (record.title, record.description)
    command = EditTicket(
        **plain,
        clear=clear,
        wording_id=text_id_of(key, number) if is_reworded else None,
        previous_wording_id=record.wording_id if is_reworded else None,
    )
    check_command(reader, command, record)
    if is_reworded:
        await desk.tickets.add_text(text_id_of(key, number), number, reader.id, title, description)
    await send(desk, reader, record.ticket, command, key, expected)
    return await changed(desk, reader, number)
