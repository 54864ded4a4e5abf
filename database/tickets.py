"""The ticket store: opens, records and reads tickets. `open` and `record` are the only writers of a ticket row."""

from collections.abc import Sequence
from typing import Any, NoReturn, cast

import asyncpg
from pydantic import TypeAdapter
from pydantic_core import to_json

from database.attachments import settle_attachments
from database.capacity import lease
from database.people import lock_agent
from database.pool import PATIENT_SECONDS, Connection, Pool
from database.ticket_rows import (
    COLUMNS,
    RECORD_FROM,
    RECORD_SELECT,
    SELECT,
    NewWording,
    Opening,
    TicketRecord,
    as_columns,
    clock_rows,
    fields_of,
    record_from,
    record_of,
    ticket_of,
)
from database.ticket_statements import ASSIGNABLE, DONE, LOAD, OPENED_ROW, open_statement, record_statement
from domain.access import Audience
from domain.dispatch_calls import calls_dispatcher, freed_by
from domain.errors import (
    AssigneeUnavailableError,
    IdempotencyKeyReusedError,
    RevisionMismatchError,
    TeamInactiveError,
    UnfitChangeError,
    UnknownReferenceError,
)
from domain.ids import CommandId, PersonId, TextId, TicketNumber
from domain.lifecycle import fields_changed_by, opened, rebuild
from domain.notices import Notice, notices_of, notices_of_opening
from domain.ticket import Slug, Ticket
from domain.ticket_commands import Receipt
from domain.ticket_events import (
    TICKET_EVENT,
    AttachmentAdded,
    AttachmentRemoved,
    TicketAssigned,
    TicketChange,
    TicketEdited,
    TicketMoved,
    TicketOpened,
    TicketSlaChanged,
)

_RECEIPTS: TypeAdapter[list[Receipt]] = TypeAdapter(list[Receipt])


class TicketStore:
    """Tickets in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def next_number(self) -> TicketNumber:
        """A number that no other ticket has; unused ones leave gaps."""
        return TicketNumber(await self._pool.fetchval("select nextval('ticket_numbers')"))

    async def open(self, change: TicketChange, wording: NewWording) -> Opening:
        """Store a new ticket with its first event and the request to start its workflow, in one transaction.

        Harmless to repeat: the command's id names the opening, and a second one returns the first one's ticket.
        Raises UnknownReferenceError for a category, team or requester that does not exist, TeamInactiveError.
        """
        event = cast(TicketOpened, change.events[0])
        ticket = opened(change.number, event, change.at)
        row = {"sla_state": "none", "sla_due_at": None} | as_columns(dict(zip(COLUMNS, fields_of(ticket), strict=True)))
        actor = change.actor
        notices = notices_of_opening(change)
        try:
            made = await self._pool.fetchrow(
                open_statement(tells=bool(notices)),
                change.command_id,
                change.number,
                change.fingerprint,
                change.at,
                wording.id,
                wording.author,
                wording.title,
                wording.description,
                event.type,
                actor.kind,
                actor.id,
                actor.role,
                event.model_dump_json(),
                clock_rows(ticket.sla),
                *[row[name] for name in OPENED_ROW],
                *([_notice_rows(notices)] if notices else []),
            )
        except asyncpg.ForeignKeyViolationError as error:
            raise _unknown_reference(error) from error
        if made is not None:
            return Opening(change.number, change.fingerprint, is_new=True)
        known = await self._pool.fetchrow(
            "select ticket_number, fingerprint from ticket_commands where id = $1", change.command_id
        )
        if known is None and event.team is not None:
            async with self._pool.acquire() as connection:
                await _check_team(connection, event.team)
            raise UnknownReferenceError(_REFERENCES["tickets_team_fkey"])
        if known is None:  # only if it was removed between the two statements
            raise RuntimeError(f"command {change.command_id} vanished")
        return Opening(known["ticket_number"], known["fingerprint"], is_new=False)

    async def record(self, change: TicketChange) -> Receipt:
        """Store a change: row, events, command id and bell in one transaction.

        Harmless to repeat: a command id is stored once, and its second record returns the first one's receipt.
        Raises RevisionMismatchError when the row is at another revision than the change was decided on,
        AssigneeUnavailableError, OverCapacityError, AttachmentNotFoundError and UnknownReferenceError when it names
        someone or something unfit.
        """
        try:
            async with self._pool.acquire() as connection:
                return await self._record(connection, change)
        except asyncpg.ForeignKeyViolationError as error:
            raise _unknown_reference(error) from error
        except asyncpg.UniqueViolationError as error:  # another ticket's command has this id
            raise IdempotencyKeyReusedError("This Idempotency-Key came with another request before.") from error
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            # It would be the same the next time, and the ticket would wait for it for ever.
            raise UnfitChangeError(f"The database refuses this change: {error}") from error

    async def _record(self, connection: Connection, change: TicketChange) -> Receipt:
        if any(isinstance(event, TicketAssigned | TicketEdited | TicketMoved) for event in change.events):
            # What these name is checked, but not again once they are stored: by then it may have become unfit.
            async with connection.transaction():
                done = await _done(connection, change)
                if done is not None:
                    return done
                await _check_named(connection, change)
                return await _write(connection, change)
        if any(isinstance(event, AttachmentAdded | AttachmentRemoved) for event in change.events):
            async with connection.transaction():
                receipt = await _write(connection, change)
                if not receipt.is_repeat:
                    await settle_attachments(connection, change)
                return receipt
        return await _write(connection, change)

    async def load(self, number: TicketNumber) -> tuple[Ticket, list[Receipt]] | None:
        """The ticket's state for its workflow with the receipts of its last commands, oldest first, and the end of its
        start request: from now on it runs."""
        row = await self._pool.fetchrow(LOAD, number)
        if row is None:
            return None
        receipts = _RECEIPTS.validate_json(row["receipts"]) if row["receipts"] else []
        return ticket_of(row), receipts

    async def add_text(self, id: TextId, number: TicketNumber, author: PersonId, title: str | None, body: str) -> None:
        """Store a text before the command that names it. Harmless to repeat: an id is stored once."""
        await self._pool.execute(
            "insert into ticket_texts (id, ticket_number, author_id, title, body) values ($1, $2, $3, $4, $5) "
            "on conflict do nothing",
            id,
            number,
            author,
            title,
            body,
        )

    async def read(self, number: TicketNumber) -> TicketRecord | None:
        """One ticket as readers see it."""
        row = await self._pool.fetchrow(f"select {RECORD_SELECT} {RECORD_FROM} where t.number = $1", number)
        return None if row is None else record_of(row)

    async def read_some(self, numbers: Sequence[TicketNumber]) -> list[TicketRecord]:
        """These tickets, as far as there are any, in no order."""
        rows = await self._pool.fetch(f"select {RECORD_SELECT} {RECORD_FROM} where t.number = any($1)", numbers)
        return [record_of(row) for row in rows]

    async def standing(self, number: TicketNumber) -> tuple[Ticket, Audience] | None:
        """How a ticket stands and whom it concerns, without wording and names: what a command is checked by."""
        row = await self._pool.fetchrow(
            f"select {SELECT}, r.organisation from tickets t join people r on r.id = t.requester_id "
            "where t.number = $1",
            number,
        )
        if row is None:
            return None
        ticket = ticket_of(row)
        return ticket, Audience.of(ticket, row["organisation"])

    async def read_as_of(self, number: TicketNumber, revision: int) -> TicketRecord | None:
        """One ticket as it was after `revision` events, rebuilt from them."""
        rows = await self._pool.fetch(
            "select data, at from events where ticket_number = $1 and revision <= $2 order by revision",
            number,
            revision,
        )
        if not rows:
            return None
        ticket = rebuild(number, [(TICKET_EVENT.validate_json(row["data"]), row["at"]) for row in rows])
        names = await self._pool.fetchrow(
            "select w.title, w.body as description, r.name as requester_name, a.name as assignee_name, r.organisation, "
            "c.body as rating_comment from ticket_texts w join people r on r.id = $2 left join people a on a.id = $3 "
            "left join ticket_texts c on c.id = $4 where w.id = $1",
            ticket.wording_id,
            ticket.requester_id,
            ticket.assignee_id,
            ticket.rating_text_id,
        )
        return None if names is None else record_from(ticket, names)

    async def receipt(self, number: TicketNumber, command: CommandId, person: PersonId) -> Receipt | None:
        """What a person's own command came to, if it changed the ticket."""
        row = await self._pool.fetchrow(
            "select c.first_revision, c.revision, c.fingerprint, c.at from ticket_commands c "
            "join events e on e.ticket_number = c.ticket_number and e.revision = c.first_revision "
            "where c.id = $1 and c.ticket_number = $2 and e.actor_id = $3",
            command,
            number,
            person,
        )
        if row is None:
            return None
        return Receipt(command_id=command, **row)

    async def running(self) -> dict[TicketNumber, Ticket]:
        """Every ticket whose workflow ought to run: those not closed past their reopen window."""
        rows = await self._pool.fetch(
            f"select {SELECT} from tickets t where status <> 'closed' "
            "or closed_at + make_interval(days => reopen_days) > now() order by number",
            timeout=PATIENT_SECONDS,
        )
        return {row["number"]: ticket_of(row) for row in rows}

    async def changed_lately(self, seconds: int) -> list[Ticket]:
        """The tickets whose workflows had something recorded up to `seconds` before the last such record."""
        rows = await self._pool.fetch(
            f"select {SELECT} from tickets t where number in (select ticket_number from events where revision > 1 "
            "and recorded_at >= (select max(recorded_at) from events where revision > 1) - make_interval(secs => $1)) "
            "order by number",
            seconds,
            timeout=PATIENT_SECONDS,
        )
        return [ticket_of(row) for row in rows]

    async def state(self, number: TicketNumber) -> Ticket | None:
        """The ticket's state as the row has it."""
        row = await self._pool.fetchrow(f"select {SELECT} from tickets t where number = $1", number)
        return None if row is None else ticket_of(row)

    async def forget_unused_texts(self) -> int:
        """Remove texts whose command never came to be, a day after they were stored. Returns how many."""
        answer: str = await self._pool.execute(
            "delete from ticket_texts x where created_at < now() - interval '1 day' "
            "and not exists (select from events e where e.ticket_number = x.ticket_number and e.text_id = x.id)",
            timeout=PATIENT_SECONDS,
        )
        return int(answer.rsplit(maxsplit=1)[-1])


async def _write(connection: Connection, change: TicketChange) -> Receipt:
    """Write first and look only when nothing was written: nearly always the row stands where it should."""
    fields = fields_changed_by(change)
    changed = as_columns(fields)
    over = [clock for event in change.events if isinstance(event, TicketSlaChanged) for clock in event.over]
    clocks = [clock_rows(fields["sla"], over)] if "sla" in fields else []
    notices, calls = notices_of(change), calls_dispatcher(change)
    is_written = await connection.fetchrow(
        record_statement(tuple(changed), tells=bool(notices), calls=calls),
        change.command_id,
        change.number,
        change.fingerprint,
        change.last_revision,
        change.at,
        change.actor.kind,
        change.actor.id,
        change.actor.role,
        [event.type for event in change.events],
        list(range(change.first_revision, change.last_revision + 1)),
        [event.for_desk_only for event in change.events],
        [event.brings_text for event in change.events],
        [event.model_dump_json() for event in change.events],
        *changed.values(),
        *clocks,
        *([_notice_rows(notices)] if notices else []),
        *([freed_by(change)] if calls else []),
    )
    if is_written is None:
        # Somebody wrote before us: another change, or this very one.
        return await _done(connection, change) or _raise_mismatch(change)
    return Receipt(
        command_id=change.command_id,
        first_revision=change.first_revision,
        revision=change.last_revision,
        fingerprint=change.fingerprint,
        at=change.at,
    )


def _notice_rows(notices: list[Notice]) -> str:
    rows = [
        {
            "place": place,
            "at_revision": one.revision,
            "kind": one.kind,
            "type": one.type,
            "internal": one.internal,
            "hearers": one.to,
            "who": one.who,
        }
        for place, one in enumerate(notices)
    ]
    return to_json(rows).decode()


def _raise_mismatch(change: TicketChange) -> NoReturn:
    raise RevisionMismatchError(f"ticket {change.number} is not at revision {change.first_revision - 1} any more")


async def _done(connection: Connection, change: TicketChange) -> Receipt | None:
    """The receipt of a change that is stored already; None when it may be stored.

    Raises RevisionMismatchError when the row is at another revision than the change was decided on.
    """
    row = await connection.fetchrow(DONE, change.number, change.command_id)
    if row is None:
        raise RevisionMismatchError(f"ticket {change.number} is not in the database")
    if row["done_revision"] is None:
        if row["revision"] != change.first_revision - 1:
            _raise_mismatch(change)
        return None
    return Receipt(
        command_id=change.command_id,
        first_revision=row["done_first_revision"],
        revision=row["done_revision"],
        fingerprint=row["done_fingerprint"],
        at=row["done_at"],
        is_repeat=True,
    )


async def _check_named(connection: Connection, change: TicketChange) -> None:
    """Whom and what the change names must be fit for it."""
    for event in change.events:
        if isinstance(event, TicketMoved) and event.team is not None:
            await _check_team(connection, event.team)
        if isinstance(event, TicketAssigned):
            await lock_agent(connection, event.assignee_id)
            await _check_assignable(connection, event.assignee_id, change)
            if not event.override:
                await lease(connection, event.assignee_id, change.number, fields_changed_by(change))
        if isinstance(event, TicketEdited) and event.wording_id is not None:
            await _check_wording(connection, event.wording_id)


async def _check_team(connection: Connection, team: Slug) -> None:
    """Whoever ends the team's work waits until the ticket is in it, and then sees it."""
    is_active = await connection.fetchval("select is_active from teams where slug = $1 for key share", team)
    if is_active is False:
        raise TeamInactiveError(f"Team {team} is not at work any more.")


async def _check_assignable(connection: Connection, person: PersonId, change: TicketChange) -> None:
    changed = fields_changed_by(change)
    row = await connection.fetchrow(ASSIGNABLE, person, change.number, "team" in changed, changed.get("team"))
    if row is None:
        raise AssigneeUnavailableError(f"{person} is no active agent.")
    if not row["in_team"]:
        raise AssigneeUnavailableError(f"{person} is not in team {row['team']}.")


async def _check_wording(connection: Connection, text: TextId) -> None:
    """A reply or a note is no wording: it has no title, and may not be for everybody's eyes."""
    if not await connection.fetchval("select title is not null from ticket_texts where id = $1", text):
        raise UnknownReferenceError("There is no such text of this ticket that could be its wording.")


_REFERENCES: dict[str, str] = {
    "tickets_category_fkey": "There is no such category.",
    "tickets_team_fkey": "There is no such team.",
    "tickets_requester_id_fkey": "There is no such requester.",
    "tickets_wording": "There is no such text of this ticket.",
    "events_ticket_number_text_id_fkey": "There is no such text of this ticket.",
}


def _unknown_reference(error: asyncpg.ForeignKeyViolationError) -> Exception:
    sentence = _REFERENCES.get(cast(Any, error).constraint_name)
    return UnknownReferenceError(sentence) if sentence else error
