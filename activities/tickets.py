"""Loads and records tickets for their workflows."""

from collections.abc import Callable, Iterable
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.failures import failure_of
from domain.business_calendar import BusinessCalendar
from domain.errors import DomainError
from domain.ids import PersonId, TicketNumber
from domain.lifecycle import apply
from domain.sla_clock import TicketSla
from domain.sla_keeping import asks_for_terms, concerns, follow, terms_for
from domain.sla_policy import Terms
from domain.ticket import Slug, Ticket
from domain.ticket_commands import Receipt
from domain.ticket_events import TicketChange, TicketEvent, TicketSlaChanged


class TicketRecords(Protocol):
    """Where tickets are remembered."""

    async def load(self, number: TicketNumber) -> Ticket | None: ...
    async def state(self, number: TicketNumber) -> Ticket | None: ...
    async def record(self, change: TicketChange) -> Receipt: ...


class SlaTerms(Protocol):
    """Where policies and calendars are remembered."""

    @property
    def zone_data(self) -> str: ...
    async def offer_to(self, requester: PersonId) -> tuple[Slug, tuple[Terms, ...]]: ...
    async def terms_of(self, sla: TicketSla | None) -> Terms | None: ...
    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]: ...


class Recorded(BaseModel):
    """What a change came to, and the events that it entailed beyond those that were decided."""

    model_config = ConfigDict(frozen=True)

    receipt: Receipt
    entailed: tuple[TicketEvent, ...] = ()


class TicketActivities:
    """Both activities are harmless to retry: loading changes nothing that loading again would, and a change is stored
    once under its command's id."""

    def __init__(self, records: TicketRecords, terms: SlaTerms) -> None:
        self._records = records
        self._terms = terms

    @activity.defn
    async def load_ticket(self, number: TicketNumber) -> Ticket | None:
        """The ticket as the database has it; None when there is none."""
        return await self._records.load(number)

    @activity.defn
    async def record(self, change: TicketChange) -> Recorded:
        """Keep the ticket's clocks over a change, and store it with what that entails.

        A refusal (someone or something it names is unfit) comes back by its code.
        """
        try:
            entailed = await self._entailed(change) if concerns(change.events) else ()
            return Recorded(receipt=await self._records.record(change.followed_by(*entailed)), entailed=entailed)
        except DomainError as error:
            raise failure_of(error) from error

    async def _entailed(self, change: TicketChange) -> tuple[TicketEvent, ...]:
        before = await self._records.state(change.number)
        if before is None or before.revision != change.first_revision - 1:
            return ()  # it was stored before, or must be decided anew: `record` tells
        terms = await self._terms.terms_of(before.sla)
        if asks_for_terms(change.events):
            offer = await self._terms.offer_to(before.requester_id)
            terms = terms_for(apply(before, change), *offer, terms)
        calendars = await self._terms.calendars_of([before.sla])
        kept = follow(before, change.events, change.at, terms, calendars, self._terms.zone_data)
        return () if kept is None else (TicketSlaChanged(sla=kept.sla, segments=kept.segments, over=kept.over),)
