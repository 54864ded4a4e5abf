"""Who watches a ticket."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel

from api.http.area_router import AreaRouter
from api.http.problems import PendingCommand
from api.requests import Ask, Asked, AsReader, InDesk, Number
from api.state import Desk
from api.ticket_models import PersonRef
from api.tickets import send, visible
from database.people import PersonRecord
from database.ticket_rows import TicketRecord
from domain.access import Reader, check_command, check_watch, may_see_internal
from domain.errors import TicketNotFoundError, UnknownReferenceError
from domain.ids import PersonId
from domain.ticket_commands import UnwatchTicket, WatchTicket

router = AreaRouter(
    prefix="/tickets/{number}/watchers",
    tags=["tickets"],
    responses={202: {"model": PendingCommand, "description": "The engine has not answered in time; see `location`."}},
)
NOBODY = "There is no such person, or not any more."
Watcher = Annotated[UUID | Literal["me"], Path(description="A person's id, or `me`.")]


class WatchersOut(BaseModel):
    """Who watches the ticket; for those who see it from outside, the requesters among them."""

    items: list[PersonRef]


@router.get("")
async def list_watchers(number: Number, desk: InDesk, reader: AsReader) -> WatchersOut:
    """Who sees the ticket and hears of it without having it."""
    return await _watchers(desk, reader, await visible(desk, reader, number))


@router.put("/{person}")
async def watch_ticket(asked: Ask, person: Watcher, desk: InDesk) -> WatchersOut:
    """Have somebody watch the ticket: they see it and hear of it. Nothing happens when they do already."""
    watcher = await _watcher(asked, person, desk)
    check_watch(asked.reader, asked.audience(), watcher.reader, watcher.organisation)
    if not watcher.is_active or watcher.kind != "person":
        raise UnknownReferenceError(NOBODY)
    return await _do(WatchTicket(person_id=watcher.id), asked, desk)


@router.delete("/{person}")
async def unwatch_ticket(asked: Ask, person: Watcher, desk: InDesk) -> WatchersOut:
    """Have somebody stop watching the ticket; oneself one always may. Nothing happens when they do not watch it."""
    watcher = await _watcher(asked, person, desk)
    if watcher.id != asked.reader.id:
        check_watch(asked.reader, asked.audience(), watcher.reader, watcher.organisation)
    return await _do(UnwatchTicket(person_id=watcher.id), asked, desk)


async def _watcher(asked: Asked, person: UUID | Literal["me"], desk: Desk) -> PersonRecord:
    """Whom it is about. Raises TicketNotFoundError, UnknownReferenceError."""
    asked.ticket()
    found = asked.signed.person if person == "me" else await desk.people.read(PersonId(person))
    if found is None:
        raise UnknownReferenceError(NOBODY)
    return found


async def _do(command: WatchTicket | UnwatchTicket, asked: Asked, desk: Desk) -> WatchersOut:
    check_command(asked.reader, command, asked.audience())
    await send(desk, asked.reader, asked.ticket(), command, asked.key, asked.expected)
    record = await desk.tickets.read(asked.number)
    if record is None:
        raise TicketNotFoundError(f"There is no ticket {asked.number}.")
    return await _watchers(desk, asked.reader, record)


async def _watchers(desk: Desk, reader: Reader, record: TicketRecord) -> WatchersOut:
    internal = may_see_internal(reader, record)
    people = await desk.people.read_all(record.watcher_ids)
    seen = [one for one in people if internal or not one.role.is_desk]
    return WatchersOut(items=[PersonRef(id=one.id, name=one.name) for one in seen])
