"""Loads and records tickets for their workflows."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.failures import failure_of
from domain.business_calendar import BusinessCalendar
from domain.errors import DomainError
from domain.ids import PersonId, TicketNumber
from domain.lifecycle import apply
from domain.offer_rules import withdrawn
from domain.sla_clock import TicketSla
from domain.sla_keeping import Kept, asks_for_terms, concerns, follow, terms_for
from domain.sla_ladder import ReassignToSenior
from domain.sla_policy import Terms
from domain.sla_rollout import FormerClocks, restored
from domain.sla_rules import hold
from domain.ticket import Slug, Ticket
from domain.ticket_commands import Receipt
from domain.ticket_events import (
    TicketAssigned,
    TicketChange,
    TicketEvent,
    TicketLadderClimbed,
    TicketSeniorMissing,
    TicketSlaChanged,
    TicketTermsTaken,
    TicketTermsTakenBack,
)


class TicketRecords(Protocol):
    """Where tickets are remembered."""

    async def load(self, number: TicketNumber) -> tuple[Ticket, Sequence[Receipt]] | None: ...
    async def record(self, change: TicketChange) -> Receipt: ...


class SlaTerms(Protocol):
    """Where policies and calendars are remembered."""

    @property
    def zone_data(self) -> str: ...
    async def offer_to(self, requester: PersonId) -> tuple[Slug, tuple[Terms, ...]]: ...
    async def terms_of(self, sla: TicketSla | None) -> Terms | None: ...
    async def terms_at(self, policy_version: int | None, calendar_version: int | None) -> Terms | None: ...
    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]: ...


class Staff(Protocol):
    """Who can be given what needs a senior agent, and when somebody of a team is there."""

    async def staffed_at(self, team: Slug, at: datetime) -> datetime: ...
    async def senior_for(self, ticket: Ticket, skill: Slug | None, min_level: int) -> PersonId | None: ...


class FormerTerms(Protocol):
    """What tickets ran on before a rollout."""

    async def former_clocks(self, rollout_id: int, ticket: Ticket) -> FormerClocks: ...


class Loaded(BaseModel):
    """A ticket, and the receipts of its last commands, oldest first: those that its workflow may have done without
    living to know it."""

    model_config = ConfigDict(frozen=True)

    ticket: Ticket
    receipts: tuple[Receipt, ...]


class Recorded(BaseModel):
    """What a change came to: the events that it entailed beyond those that were decided, or what came instead."""

    model_config = ConfigDict(frozen=True)

    receipt: Receipt
    entailed: tuple[TicketEvent, ...] = ()
    instead: tuple[TicketEvent, ...] | None = None
    """What was stored instead of what was decided, if something else was."""


class TicketActivities:
    """All are harmless to retry: loading changes nothing that loading again would, and a change is stored once under
    its command's id."""

    def __init__(self, records: TicketRecords, terms: SlaTerms, staff: Staff, former: FormerTerms) -> None:
        self._records = records
        self._terms = terms
        self._staff = staff
        self._former = former

    @activity.defn
    async def load_ticket(self, number: TicketNumber) -> Loaded | None:
        """The ticket as the database has it; None when there is none."""
        found = await self._records.load(number)
        return None if found is None else Loaded(ticket=found[0], receipts=tuple(found[1]))

    @activity.defn
    async def record(self, change: TicketChange, before: Ticket) -> Recorded:
        """Keep the ticket's clocks over a change, and store it with what that entails.

        `before` is the ticket that the change was decided on. Where the row has moved on from it nothing is written:
        the change was stored before, or must be decided anew. A refusal (someone or something it names is unfit) comes
        back by its code.
        """
        try:
            entailed = await self._kept(before, change) if concerns(change.events) else ()
            return Recorded(receipt=await self._records.record(change.followed_by(*entailed)), entailed=entailed)
        except DomainError as error:
            raise failure_of(error) from error

    @activity.defn
    async def escalate(self, change: TicketChange, before: Ticket) -> Recorded:
        """Take a step of the escalation ladder: like `record`, but first give the ticket to whom the step asks for, or
        put the step off when the ladder holds until somebody of the team is there."""
        try:
            held = await self._held(before, change)
            if held is not None:
                return Recorded(receipt=await self._records.record(held), instead=held.events)
            given = await self._reassigned(apply(before, change), change)
            kept = await self._kept(before, change.followed_by(*given))
            entailed = (*given, *kept)
            return Recorded(receipt=await self._records.record(change.followed_by(*entailed)), entailed=entailed)
        except DomainError as error:
            raise failure_of(error) from error

    async def _held(self, before: Ticket, change: TicketChange) -> TicketChange | None:
        """The change that puts the step off; None when it is to be taken. What a person lets come now is taken."""
        run = None if before.sla is None else before.sla.ladder
        if run is None or not run.ladder.hold_until_staffed or before.team is None or change.actor.kind != "timer":
            return None
        until = await self._staff.staffed_at(before.team, change.at)
        if until <= change.at:
            return None
        return change.model_copy(update={"events": tuple(hold(before, until))})

    async def _reassigned(self, ticket: Ticket, change: TicketChange) -> tuple[TicketEvent, ...]:
        wanted = [
            action
            for event in change.events
            if isinstance(event, TicketLadderClimbed)
            for action in event.actions
            if isinstance(action, ReassignToSenior)
        ]
        if not wanted:
            return ()
        (first, *_) = wanted
        senior = await self._staff.senior_for(ticket, first.skill, first.min_level)
        if senior is None:
            return (TicketSeniorMissing(skill=first.skill, min_level=first.min_level),)
        given = TicketAssigned(
            assignee_id=senior, previous_id=ticket.assignee_id, assigned_at=change.at, by="ladder", override=True
        )
        return (*withdrawn(ticket, keeps=(senior,)), given)

    async def _kept(self, before: Ticket, change: TicketChange) -> tuple[TicketEvent, ...]:
        terms = await self._terms.terms_of(before.sla)
        (first, *_) = change.events
        if isinstance(first, TicketTermsTakenBack):
            return _as_event(await self._taken_back(first.rollout_id, before, change))
        if isinstance(first, TicketTermsTaken):
            terms = await self._terms.terms_at(first.policy_version, first.calendar_version)
        elif asks_for_terms(change.events):
            offer = await self._terms.offer_to(before.requester_id)
            terms = terms_for(apply(before, change), *offer, terms)
        calendars = await self._terms.calendars_of([before.sla])
        return _as_event(follow(before, change.events, change.at, terms, calendars, self._terms.zone_data))

    async def _taken_back(self, rollout_id: int, before: Ticket, change: TicketChange) -> Kept | None:
        """Exactly the former clocks, or, when the ticket has changed since, the former terms with the time used."""
        former = await self._former.former_clocks(rollout_id, before)
        calendars = await self._terms.calendars_of([former.sla, before.sla])
        if former.is_untouched and before.sla is not None:
            return restored(former.sla, before.sla, change.at, calendars, self._terms.zone_data)
        terms = await self._terms.terms_of(former.sla)
        return follow(before, change.events, change.at, terms, calendars, self._terms.zone_data)


def _as_event(kept: Kept | None) -> tuple[TicketEvent, ...]:
    return () if kept is None else (TicketSlaChanged(sla=kept.sla, segments=kept.segments, over=kept.over),)
