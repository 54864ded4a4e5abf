"""Rollouts: what another version of a policy or a calendar does to the open tickets, page by page, and back."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from database.audit import authored
from database.idempotency import RequestKey
from database.pool import PATIENT_SECONDS, Connection, Pool
from database.sla_edition import raise_edition
from database.ticket_rows import SELECT, ticket_of
from domain.audit import Author
from domain.errors import IdempotencyKeyReusedError, NotFoundError, PreviewOutdatedError, RolloutStateError
from domain.ids import PersonId, TicketNumber
from domain.sla_clock import TicketSla
from domain.sla_rollout import FormerClocks, OpenTicket, Outcome, PlannedTicket, Rollout, UndoOutcome
from domain.ticket import Ticket

ROLLING = "program:rollout"
"""By what an admin acts whom a rollout's workflow obeys."""
PREVIEW_HOURS = 1
"""How long a preview may be applied."""

_ROLLOUT = """
select r.*, pv.policy_id, cv.calendar_id, coalesce(p.name, c.name) as name,
    coalesce(pv.version, cv.version) as version
from sla_rollouts r
left join sla_policy_versions pv on pv.id = r.policy_version left join sla_policies p on p.id = pv.policy_id
left join sla_calendar_versions cv on cv.id = r.calendar_version left join sla_calendars c on c.id = cv.calendar_id
where r.id = $1
"""
_COUNTS = """
select count(*) as tickets, count(*) filter (where is_moved) as moved, count(*) filter (where is_overdue) as overdue,
    count(*) filter (where outcome = 'applied') as applied, count(*) filter (where outcome = 'changed') as changed,
    count(*) filter (where outcome = 'finished') as finished,
    count(*) filter (where undo_outcome = 'restored') as restored,
    count(*) filter (where undo_outcome = 'carried') as carried
from sla_rollout_tickets where rollout_id = $1
"""
_OPEN = f"""
select {SELECT}, r.tier, pv.policy_id, cv.calendar_id
from tickets t join people r on r.id = t.requester_id
left join sla_policy_versions pv on pv.id = (t.sla ->> 'policy_version')::int
left join sla_calendar_versions cv on cv.id = (t.sla ->> 'calendar_version')::int
where t.status not in ('resolved', 'closed') and t.sla is not null and t.number > $1
order by t.number limit $2
"""
_ADD = """
insert into sla_rollout_tickets (rollout_id, ticket_number, revision, policy_version, calendar_version, before, after,
    is_moved, is_overdue)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing
"""
_PLANNED = """
select ticket_number, revision, policy_version, calendar_version, before, after, is_moved, is_overdue, outcome,
    applied_revision, undo_outcome
from sla_rollout_tickets where rollout_id = $1
"""
_FORMER = """
select c.revision, (
    select e.data -> 'sla' from events e where e.ticket_number = t.ticket_number and e.revision < t.revision
        and jsonb_typeof(e.data -> 'sla') = 'object' order by e.revision desc limit 1) as sla
from events t join ticket_commands c on c.ticket_number = t.ticket_number and c.first_revision = t.revision
where t.ticket_number = $1 and t.type = 'ticket.terms_taken' and (t.data ->> 'rollout_id')::int = $2
"""
_NEXT = {"previewed": "applying", "applied": "undoing"}


class RolloutRecord(NamedTuple):
    """A rollout, how far it is, and what it concerns."""

    rollout: Rollout
    name: str
    """Of the policy or calendar."""
    version: int
    status: str
    created_at: datetime
    applied_at: datetime | None
    undone_at: datetime | None
    counts: dict[str, int]


class RolloutTicket(NamedTuple):
    """A ticket of a rollout: what was planned for it, and what became of it."""

    planned: PlannedTicket
    outcome: Outcome | None
    applied_revision: int | None
    undo_outcome: UndoOutcome | None


class RolloutStore:
    """Rollouts in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of_request(self, key: RequestKey) -> int | None:
        """The rollout that a request made before. Raises IdempotencyKeyReusedError when it was another request."""
        row = await self._pool.fetchrow("select id, fingerprint from sla_rollouts where request_id = $1", key.id)
        if row is None:
            return None
        if row["fingerprint"] != key.fingerprint:
            raise IdempotencyKeyReusedError("This Idempotency-Key came with another request before.")
        return int(row["id"])

    async def add(
        self, by: Author, at: datetime, key: RequestKey, *, policy_version: int | None = None,
        calendar_version: int | None = None, is_draft: bool, moves_ladders: bool = False,
    ) -> int:  # fmt: skip
        """A new rollout, whose preview is still to be made. Returns its id. Harmless to repeat under a key."""
        async with authored(self._pool, by) as connection:
            id: int = await connection.fetchval(
                "insert into sla_rollouts (policy_version, calendar_version, is_draft, moves_ladders, at, created_by, "
                "request_id, fingerprint, edition) select $1, $2, $3, $4, $5, $6, $7, $8, number from sla_edition "
                "on conflict (request_id) do update set request_id = excluded.request_id returning id",
                policy_version,
                calendar_version,
                is_draft,
                moves_ladders,
                at,
                by.id,
                key.id,
                key.fingerprint,
            )
        return id

    async def read(self, id: int) -> RolloutRecord:
        """A rollout with its counts. Raises NotFoundError."""
        row = await self._pool.fetchrow(_ROLLOUT, id)
        if row is None:
            raise NotFoundError("There is no such rollout.")
        counts = await self._pool.fetchrow(_COUNTS, id)
        assert counts is not None
        return RolloutRecord(
            _rollout(row), row["name"], row["version"], row["status"], row["created_at"], row["applied_at"],
            row["undone_at"], dict(counts),
        )  # fmt: skip

    async def rollout(self, id: int) -> Rollout:
        """What is rolled out. Raises NotFoundError."""
        row = await self._pool.fetchrow(_ROLLOUT, id)
        if row is None:
            raise NotFoundError("There is no such rollout.")
        return _rollout(row)

    async def open_tickets(self, after: TicketNumber, limit: int) -> list[OpenTicket]:
        """The unfinished tickets behind a number, in order."""
        rows = await self._pool.fetch(_OPEN, after, limit, timeout=PATIENT_SECONDS)
        return [OpenTicket(ticket_of(row), row["tier"], row["policy_id"], row["calendar_id"]) for row in rows]

    async def plan(self, id: int, tickets: Sequence[PlannedTicket]) -> None:
        """Store what would become of tickets. Harmless to repeat: the first plan of a ticket stands."""
        await self._pool.executemany(
            _ADD,
            [
                (id, one.number, one.revision, one.policy_version, one.calendar_version, one.before.model_dump_json(),
                 one.after.model_dump_json(), one.is_moved, one.is_overdue)
                for one in tickets
            ],
        )  # fmt: skip

    async def set_status(self, id: int, status: str, before: str) -> None:
        """Go on to a status from the one before it. Harmless to repeat."""
        await self._pool.execute(
            "update sla_rollouts set status = $2 where id = $1 and status = $3", id, status, before
        )

    async def is_service(self, by: PersonId) -> bool:
        """Whether whoever asks for a rollout is a service."""
        return bool(await self._pool.fetchval("select kind = 'service' from people where id = $1", by))

    async def begin_applying(self, id: int, by: PersonId) -> None:
        """Put the version on offer if it was a draft, and begin. Harmless to repeat.

        Raises RolloutStateError when the preview is not made yet or another rollout is under way, and
        PreviewOutdatedError when it is too old or a policy or calendar was changed since.
        """
        async with authored(self._pool, Author(by, credential=ROLLING)) as connection:
            edition = await raise_edition(connection)
            row = await self._at(connection, id, "previewed")
            if row["status"] == "applying":
                return
            if row["is_too_old"] or row["edition"] != edition - 1:
                raise PreviewOutdatedError("A policy or calendar was changed since this preview; make a new one.")
            if row["is_draft"]:
                await _offer(connection, row, is_offered=True)
            await connection.execute(
                "update sla_rollouts set status = 'applying', applied_by = $2, applied_at = now() where id = $1", id, by
            )

    async def begin_undoing(self, id: int, by: PersonId) -> None:
        """Take what was a draft off offer again, and begin. Harmless to repeat.

        Raises RolloutStateError when it is not applied or another rollout is under way.
        """
        async with authored(self._pool, Author(by, credential=ROLLING)) as connection:
            await raise_edition(connection)
            row = await self._at(connection, id, "applied")
            if row["status"] == "undoing":
                return
            if row["is_draft"]:
                await _offer(connection, row, is_offered=False)
            await connection.execute(
                "update sla_rollouts set status = 'undoing', undone_by = $2, undone_at = now() where id = $1", id, by
            )

    @staticmethod
    async def _at(connection: Connection, id: int, status: str) -> asyncpg.Record:
        """The rollout, if it is at this status or at the one that follows."""
        row = await connection.fetchrow(
            "select *, created_at < now() - make_interval(hours => $2) as is_too_old from sla_rollouts where id = $1",
            id,
            PREVIEW_HOURS,
        )
        if row is None:
            raise NotFoundError("There is no such rollout.")
        if row["status"] not in (status, _NEXT[status]):
            raise RolloutStateError(f"The rollout is {row['status']}.")
        if await connection.fetchval(
            "select exists (select from sla_rollouts where status in ('applying', 'undoing') and id <> $1)", id
        ):
            raise RolloutStateError("Another rollout is under way; wait for its end.")
        return row

    async def to_apply(self, id: int, after: TicketNumber, limit: int) -> list[RolloutTicket]:
        """Planned tickets behind a number that nothing became of yet."""
        rows = await self._pool.fetch(
            f"{_PLANNED} and ticket_number > $2 and outcome is null order by ticket_number limit $3", id, after, limit
        )
        return [_ticket(row) for row in rows]

    async def to_undo(self, id: int, after: TicketNumber, limit: int) -> list[RolloutTicket]:
        """Tickets behind a number that took the terms and have not taken them back."""
        rows = await self._pool.fetch(
            f"{_PLANNED} and ticket_number > $2 and outcome in ('applied', 'changed') and undo_outcome is null "
            "order by ticket_number limit $3",
            id,
            after,
            limit,
        )
        return [_ticket(row) for row in rows]

    async def tickets(self, id: int, after: TicketNumber, limit: int) -> list[RolloutTicket]:
        """The tickets of a rollout behind a number, for readers."""
        rows = await self._pool.fetch(
            f"{_PLANNED} and ticket_number > $2 order by ticket_number limit $3", id, after, limit
        )
        return [_ticket(row) for row in rows]

    async def clocks_at(self, number: TicketNumber, first_revision: int) -> tuple[str, TicketSla | None]:
        """The type of the event at a revision, and the clocks that the change behind it led to, if it has any."""
        rows = await self._pool.fetch(
            "select type, data -> 'sla' as sla from events where ticket_number = $1 and revision in ($2, $2 + 1) "
            "order by revision",
            number,
            first_revision,
        )
        sla = rows[1]["sla"] if len(rows) > 1 and rows[1]["type"] == "ticket.sla_changed" else None
        return rows[0]["type"], None if sla is None else TicketSla.model_validate_json(sla)

    async def set_outcome(self, id: int, number: TicketNumber, outcome: Outcome, revision: int) -> None:
        await self._pool.execute(
            "update sla_rollout_tickets set outcome = $3, applied_revision = $4 "
            "where rollout_id = $1 and ticket_number = $2",
            id,
            number,
            outcome,
            revision,
        )

    async def set_undo_outcome(self, id: int, number: TicketNumber, outcome: UndoOutcome) -> None:
        await self._pool.execute(
            "update sla_rollout_tickets set undo_outcome = $3 where rollout_id = $1 and ticket_number = $2",
            id,
            number,
            outcome,
        )

    async def former_clocks(self, rollout_id: int, ticket: Ticket) -> FormerClocks:
        """The ticket's clocks from before it took the rollout's terms, as its events have them. Raises NotFoundError
        when it did not."""
        row = await self._pool.fetchrow(_FORMER, ticket.number, rollout_id)
        if row is None or row["sla"] is None:
            raise NotFoundError(f"Ticket {ticket.number} was not part of rollout {rollout_id}.")
        return FormerClocks(TicketSla.model_validate_json(row["sla"]), row["revision"] == ticket.revision)


async def _offer(connection: Connection, row: asyncpg.Record, *, is_offered: bool) -> None:
    await connection.execute(
        "update sla_policy_versions set is_offered = $2 where id = $1", row["policy_version"], is_offered
    )
    await connection.execute(
        "update sla_calendar_versions set is_offered = $2 where id = $1", row["calendar_version"], is_offered
    )


def _rollout(row: asyncpg.Record) -> Rollout:
    return Rollout(
        id=row["id"],
        at=row["at"],
        policy_version=row["policy_version"],
        calendar_version=row["calendar_version"],
        policy_id=row["policy_id"],
        calendar_id=row["calendar_id"],
        moves_ladders=row["moves_ladders"],
    )


def _ticket(row: asyncpg.Record) -> RolloutTicket:
    planned = PlannedTicket(
        row["ticket_number"],
        row["revision"],
        row["policy_version"],
        row["calendar_version"],
        TicketSla.model_validate_json(row["before"]),
        TicketSla.model_validate_json(row["after"]),
        row["is_moved"],
        row["is_overdue"],
    )
    return RolloutTicket(planned, row["outcome"], row["applied_revision"], row["undo_outcome"])
