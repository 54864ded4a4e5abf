"""A round of a team's dispatcher: looks, decides, keeps its reasons, and has the tickets' workflows do it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.alive import alive
from activities.matching import solve
from domain.assignment_reasons import Decision
from domain.dispatch import Ask, Board, Give, Order, TakeBack, plan
from domain.errors import DomainError
from domain.ids import CommandId, DecisionId, TicketNumber
from domain.people import DISPATCHER
from domain.queue import QueueState, queue_after
from domain.ticket import Slug, Ticket
from domain.ticket_commands import AssignTicket, CommandEnvelope, OfferTicket, Receipt, TicketCommand, UnassignTicket

LANES = 8
"""How many tickets are told at once."""


class Dispatching(Protocol):
    """Where a round finds what it looks at, and leaves its reasons."""

    async def board(self, team: Slug, now: datetime) -> Board | None: ...
    async def keep(self, decisions: Sequence[tuple[DecisionId, Decision]], team: Slug) -> None: ...
    async def tell_queue(self, queue: QueueState) -> None: ...


class TicketCommands(Protocol):
    """How tickets are told."""

    async def apply(self, ticket: Ticket, envelope: CommandEnvelope) -> Receipt: ...


class RoundReport(BaseModel):
    """What a round came to, for the dispatcher and for operators.

    `refused` orders were overtaken: the ticket had changed, or its taker had. `next_at`: when to look again at the
    latest; None when only a call changes something. `is_over`: there is no such team at work any more.
    """

    model_config = ConfigDict(frozen=True)

    waiting: int = 0
    members: int = 0
    given: int = 0
    offered: int = 0
    taken_back: int = 0
    refused: int = 0
    next_at: datetime | None = None
    is_over: bool = False


class DispatchActivities:
    """A round is harmless to repeat: each order names the revision that it was decided on, and a ticket that has moved
    on refuses it. Every order is a command of its own: the engine remembers an answer by the command's id, so one that
    was refused for want of room would be refused with the same words when there is room again."""

    def __init__(self, dispatching: Dispatching, tickets: TicketCommands) -> None:
        self._dispatching = dispatching
        self._tickets = tickets

    @activity.defn
    async def dispatch_round(self, team: Slug) -> RoundReport:
        """One round of the team. It beats, for a huge one is planned for longer than silence is borne."""
        async with alive():
            return await self._round(team)

    async def _round(self, team: Slug) -> RoundReport:
        now = datetime.now(UTC)
        board = await self._dispatching.board(team, now)
        if board is None:
            return RoundReport(is_over=True)
        planned = await asyncio.to_thread(plan, board, now, solve)
        reasoned = [order for order in planned.orders if not isinstance(order, TakeBack)]
        reasons = {order.ticket.number: DecisionId(uuid4()) for order in reasoned}
        await self._dispatching.keep([(reasons[order.ticket.number], order.decision) for order in reasoned], team)
        places = asyncio.Semaphore(LANES)

        async def do(order: Order) -> str:
            async with places:
                return await self._do(order, reasons.get(order.ticket.number))

        outcomes = await asyncio.gather(*(do(order) for order in planned.orders))
        done = {"Give": set[TicketNumber](), "Ask": set[TicketNumber]()}
        for order, outcome in zip(planned.orders, outcomes, strict=True):
            done.get(outcome, set()).add(order.ticket.number)
        await self._dispatching.tell_queue(queue_after(board, done["Give"], done["Ask"]))
        return RoundReport(
            waiting=len(board.queued),
            members=len(board.members),
            given=outcomes.count("Give"),
            offered=outcomes.count("Ask"),
            taken_back=outcomes.count("TakeBack"),
            refused=outcomes.count("refused"),
            next_at=planned.next_at,
        )

    async def _do(self, order: Order, decision: DecisionId | None) -> str:
        """Have the ticket's workflow do it. Returns the order's name, or `refused`."""
        ticket = order.ticket
        command = _command(order, decision)
        envelope = CommandEnvelope(
            id=CommandId(uuid4()),
            actor=DISPATCHER,
            command=command,
            expected_revision=ticket.revision,
            at=datetime.now(UTC),
            row_revision=ticket.revision,
        )
        try:
            await self._tickets.apply(ticket, envelope)
        except DomainError as refusal:
            activity.logger.info("ticket %s: %s refused: %s", ticket.number, command.type, refusal.code)
            return "refused"
        return type(order).__name__


def _command(order: Order, decision: DecisionId | None) -> TicketCommand:
    match order:
        case TakeBack():
            return UnassignTicket(reason=order.reason)
        case Give():
            return AssignTicket(assignee_id=order.to, decision_id=decision)
        case Ask():
            return OfferTicket(
                to=order.to, expires_at=order.expires_at, decision_id=decision, is_hand_over=order.is_hand_over
            )
