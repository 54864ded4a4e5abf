"""Records that the tests hold in their hands: in memory, or in front of the real ones and faulty on demand."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from activities.tickets import TicketRecords
from domain.business_calendar import BusinessCalendar
from domain.errors import RevisionMismatchError
from domain.ids import CommandId, PersonId, TicketNumber
from domain.lifecycle import apply
from domain.sla_clock import TicketSla
from domain.sla_policy import Terms
from domain.sla_rollout import FormerClocks
from domain.ticket import Slug, Ticket
from domain.ticket_commands import Receipt
from domain.ticket_events import TicketChange, TicketEvent


class RecordsInMemory:
    """Keeps tickets and their events as the database does: each command once, each change on its own revision."""

    def __init__(self) -> None:
        self.tickets: dict[TicketNumber, Ticket] = {}
        self.events: dict[TicketNumber, list[TicketEvent]] = {}
        self.changes: dict[TicketNumber, list[TicketChange]] = {}
        self._receipts: dict[CommandId, Receipt] = {}

    def put(self, ticket: Ticket) -> Ticket:
        self.tickets[ticket.number] = ticket
        self.events[ticket.number] = []
        self.changes[ticket.number] = []
        return ticket

    async def load(self, number: TicketNumber) -> tuple[Ticket, Sequence[Receipt]] | None:
        ticket = self.tickets.get(number)
        done = {change.command_id for change in self.changes.get(number, [])}
        return None if ticket is None else (ticket, [one for id, one in self._receipts.items() if id in done])

    async def state(self, number: TicketNumber) -> Ticket | None:
        return self.tickets.get(number)

    async def record(self, change: TicketChange) -> Receipt:
        if change.command_id in self._receipts:
            return self._receipts[change.command_id].model_copy(update={"is_repeat": True})
        before = self.tickets[change.number]
        if before.revision != change.first_revision - 1:
            raise RevisionMismatchError(f"at revision {before.revision}")
        after = apply(before, change)
        receipt = Receipt(
            command_id=change.command_id,
            first_revision=change.first_revision,
            revision=after.revision,
            fingerprint=change.fingerprint,
            at=change.at,
        )
        self.tickets[change.number] = after
        self.events[change.number] += change.events
        self.changes[change.number].append(change)
        self._receipts[change.command_id] = receipt
        return receipt


class FaultyRecords:
    """Records that are away while `is_down`, and that can do a change and then lose the answer."""

    def __init__(self, records: TicketRecords) -> None:
        self._records = records
        self.is_down = False
        self.answers_to_lose = 0
        self.attempts = 0
        self._attempted = asyncio.Condition()

    async def load(self, number: TicketNumber) -> tuple[Ticket, Sequence[Receipt]] | None:
        await self._fail()
        return await self._records.load(number)

    async def record(self, change: TicketChange) -> Receipt:
        await self._fail()
        receipt = await self._records.record(change)
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise ConnectionError("the answer was lost")
        return receipt

    async def attempted(self, times: int) -> None:
        """Wait until that many attempts were made."""
        async with self._attempted:
            await self._attempted.wait_for(lambda: self.attempts >= times)

    async def _fail(self) -> None:
        async with self._attempted:
            self.attempts += 1
            self._attempted.notify_all()
        if self.is_down:
            raise ConnectionError("the database is away")


class NoTerms:
    """A desk without policies: its tickets have no clocks."""

    zone_data = "none"

    async def offer_to(self, requester: PersonId) -> tuple[Slug, tuple[Terms, ...]]:
        return "standard", ()

    async def terms_of(self, sla: TicketSla | None) -> Terms | None:
        return None

    async def terms_at(self, policy_version: int | None, calendar_version: int | None) -> Terms | None:
        return None

    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]:
        return dict[int, BusinessCalendar]().__getitem__


class NoSeniors:
    """A desk without senior agents, where somebody of each team is always there."""

    async def staffed_at(self, team: Slug, at: datetime) -> datetime:
        return at

    async def senior_for(self, ticket: Ticket, skill: Slug | None, min_level: int) -> PersonId | None:
        return None


class NoRollouts:
    """A desk whose policies were never rolled out."""

    async def former_clocks(self, rollout_id: int, ticket: Ticket) -> FormerClocks:
        raise LookupError(f"there is no rollout {rollout_id}")
