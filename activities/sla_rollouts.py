"""The steps of a rollout: previewed, applied and undone a page of tickets at a time."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.alive import alive
from activities.failures import failure_of
from domain.business_calendar import BusinessCalendar
from domain.errors import DomainError
from domain.ids import PersonId, TicketNumber, command_id_for_rollout
from domain.people import Actor, Role
from domain.sla_clock import TicketSla
from domain.sla_policy import Terms
from domain.sla_rollout import OpenTicket, Outcome, PlannedTicket, Rollout, UndoOutcome, planned
from domain.ticket import Ticket
from domain.ticket_commands import CommandEnvelope, Receipt, TakeBackTerms, TakeTerms, TicketCommand

PREVIEWED_AT_ONCE = 500
CHANGED_AT_ONCE = 50
LANES = 4


class Planned(Protocol):
    """A ticket of a rollout, and what became of it."""

    @property
    def planned(self) -> PlannedTicket: ...
    @property
    def applied_revision(self) -> int | None: ...


class Rollouts(Protocol):
    """Where rollouts are remembered."""

    async def rollout(self, id: int) -> Rollout: ...
    async def open_tickets(self, after: TicketNumber, limit: int) -> list[OpenTicket]: ...
    async def plan(self, id: int, tickets: Sequence[PlannedTicket]) -> None: ...
    async def set_status(self, id: int, status: str, before: str) -> None: ...
    async def is_service(self, by: PersonId) -> bool: ...
    async def begin_applying(self, id: int, by: PersonId) -> None: ...
    async def begin_undoing(self, id: int, by: PersonId) -> None: ...
    async def to_apply(self, id: int, after: TicketNumber, limit: int) -> Sequence[Planned]: ...
    async def to_undo(self, id: int, after: TicketNumber, limit: int) -> Sequence[Planned]: ...
    async def clocks_at(self, number: TicketNumber, first_revision: int) -> tuple[str, TicketSla | None]: ...
    async def set_outcome(self, id: int, number: TicketNumber, outcome: Outcome, revision: int) -> None: ...
    async def set_undo_outcome(self, id: int, number: TicketNumber, outcome: UndoOutcome) -> None: ...


class RolloutTerms(Protocol):
    """Where policies and calendars are remembered."""

    @property
    def zone_data(self) -> str: ...
    async def offer_with(self, policy_version: int | None, calendar_version: int | None) -> tuple[Terms, ...]: ...
    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]: ...


class TicketStates(Protocol):
    """Where tickets are remembered."""

    async def state(self, number: TicketNumber) -> Ticket | None: ...


class TicketCommands(Protocol):
    """How tickets are told."""

    async def apply(self, ticket: Ticket, envelope: CommandEnvelope) -> Receipt: ...


class Step(BaseModel):
    """A step of a rollout: behind which ticket it begins, or who asked for it."""

    model_config = ConfigDict(frozen=True)

    rollout_id: int
    after: TicketNumber = TicketNumber(0)
    by: PersonId | None = None


class RolloutActivities:
    """All are harmless to retry: a ticket is planned once, takes the terms by a command that the rollout names, and
    what became of it is what its own events say."""

    def __init__(
        self, rollouts: Rollouts, terms: RolloutTerms, tickets: TicketStates, commands: TicketCommands
    ) -> None:
        self._rollouts = rollouts
        self._terms = terms
        self._tickets = tickets
        self._commands = commands

    @property
    def steps(self) -> list[Callable[[Step], Coroutine[Any, Any, Any]]]:
        """All of them, for the worker."""
        return [
            self.preview_page, self.end_preview, self.begin_applying, self.apply_page, self.end_applying,
            self.begin_undoing, self.undo_page, self.end_undoing,
        ]  # fmt: skip

    @activity.defn
    @alive()
    async def preview_page(self, step: Step) -> TicketNumber | None:
        """Plan a page of tickets. Returns the last one's number; None when there was none."""
        rollout = await self._rollouts.rollout(step.rollout_id)
        offered = await self._terms.offer_with(rollout.policy_version, rollout.calendar_version)
        page = await self._rollouts.open_tickets(step.after, PREVIEWED_AT_ONCE)
        calendars = await self._terms.calendars_of([one.ticket.sla for one in page])
        plans = [planned(one, rollout, offered, calendars, self._terms.zone_data) for one in page]
        await self._rollouts.plan(rollout.id, [plan for plan in plans if plan is not None])
        return page[-1].ticket.number if page else None

    @activity.defn
    @alive()
    async def end_preview(self, step: Step) -> None:
        """Every ticket is planned."""
        await self._rollouts.set_status(step.rollout_id, "previewed", "previewing")

    @activity.defn
    @alive()
    async def begin_applying(self, step: Step) -> None:
        """Put the version on offer. A refusal comes back by its code."""
        assert step.by is not None
        try:
            await self._rollouts.begin_applying(step.rollout_id, step.by)
        except DomainError as error:
            raise failure_of(error) from error

    @activity.defn
    @alive()
    async def apply_page(self, step: Step) -> TicketNumber | None:
        """Have a page of tickets take the terms. Returns the last one's number; None when there was none."""
        rollout = await self._rollouts.rollout(step.rollout_id)
        actor = await self._actor(step)
        page = await self._rollouts.to_apply(rollout.id, step.after, CHANGED_AT_ONCE)

        async def take(one: Planned) -> None:
            plan, number = one.planned, TicketNumber(one.planned.number)
            command = TakeTerms(
                rollout_id=rollout.id,
                policy_version=plan.policy_version,
                calendar_version=plan.calendar_version,
                moves_ladder=rollout.moves_ladders,
            )
            receipt = await self._send(number, command, rollout, actor, "apply")
            if receipt is None:
                await self._rollouts.set_outcome(rollout.id, number, "finished", plan.revision)
                return
            type, clocks = await self._rollouts.clocks_at(number, receipt.first_revision)
            outcome: Outcome = "applied" if clocks == plan.after else "changed"
            if type != "ticket.terms_taken":
                outcome = "finished"
            await self._rollouts.set_outcome(rollout.id, number, outcome, receipt.revision)

        return await _each(page, take)

    @activity.defn
    @alive()
    async def end_applying(self, step: Step) -> None:
        """Every ticket took the terms."""
        await self._rollouts.set_status(step.rollout_id, "applied", "applying")

    @activity.defn
    @alive()
    async def begin_undoing(self, step: Step) -> None:
        """Take the version off offer. A refusal comes back by its code."""
        assert step.by is not None
        try:
            await self._rollouts.begin_undoing(step.rollout_id, step.by)
        except DomainError as error:
            raise failure_of(error) from error

    @activity.defn
    @alive()
    async def undo_page(self, step: Step) -> TicketNumber | None:
        """Have a page of tickets take the terms back. Returns the last one's number; None when there was none."""
        rollout = await self._rollouts.rollout(step.rollout_id)
        actor = await self._actor(step)
        page = await self._rollouts.to_undo(rollout.id, step.after, CHANGED_AT_ONCE)

        async def take_back(one: Planned) -> None:
            number = TicketNumber(one.planned.number)
            receipt = await self._send(number, TakeBackTerms(rollout_id=rollout.id), rollout, actor, "undo")
            outcome: UndoOutcome = "finished"
            if receipt is not None:
                type, _ = await self._rollouts.clocks_at(number, receipt.first_revision)
                if type == "ticket.terms_taken_back":
                    was_next = one.applied_revision == receipt.first_revision - 1
                    outcome = "restored" if was_next else "carried"
            await self._rollouts.set_undo_outcome(rollout.id, number, outcome)

        return await _each(page, take_back)

    @activity.defn
    @alive()
    async def end_undoing(self, step: Step) -> None:
        """Every ticket took the terms back."""
        await self._rollouts.set_status(step.rollout_id, "undone", "undoing")

    async def _actor(self, step: Step) -> Actor:
        """Who asked for the rollout: an admin, or the account of a service with an admin's rights."""
        assert step.by is not None
        is_service = await self._rollouts.is_service(step.by)
        return Actor.service(step.by, Role.ADMIN) if is_service else Actor.person(step.by, Role.ADMIN)

    async def _send(
        self, number: TicketNumber, command: TicketCommand, rollout: Rollout, actor: Actor, direction: str
    ) -> Receipt | None:
        """What the ticket made of the command; None when there is no ticket any more."""
        ticket = await self._tickets.state(number)
        if ticket is None:
            return None
        envelope = CommandEnvelope(
            id=command_id_for_rollout(number, rollout.id, direction),
            actor=actor,
            command=command,
            at=rollout.at if isinstance(command, TakeTerms) else datetime.now(UTC),
            row_revision=ticket.revision,
        )
        return await self._commands.apply(ticket, envelope)


async def _each(page: Sequence[Planned], change: Callable[[Planned], Coroutine[Any, Any, None]]) -> TicketNumber | None:
    """Do this to a few tickets at a time. The last one's number; None when there was none."""
    places = asyncio.Semaphore(LANES)

    async def in_turn(one: Planned) -> None:
        async with places:
            await change(one)

    async with asyncio.TaskGroup() as lanes:
        for one in page:
            lanes.create_task(in_turn(one))
    return TicketNumber(page[-1].planned.number) if page else None
