"""Tickets of a team that had better change hands: proposed, and carried out move by move."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from activities.matching import solve
from api.http.area_router import AreaRouter
from api.requests import AsReader, CommandKey, InDesk, Key
from api.state import Desk
from api.ticket_models import PersonRef
from api.tickets import send
from api.workload import names_of
from database.idempotency import create_once
from domain.access import Reader, check_command, check_supervisor
from domain.balance import MOST_MOVES, USUAL_MOVES, Balance, Move, Totals, rebalance
from domain.balance_optimum import SWITCHING_COST, optimise
from domain.errors import DomainError
from domain.ids import PersonId, TicketNumber, command_id_for_move
from domain.ticket import Slug
from domain.ticket_commands import AssignTicket
from workflows.client import CommandPendingError, EngineUnavailableError

router = AreaRouter(prefix="/workload", tags=["workload"])
Measure = Literal["spread", "score"]


class RebalanceAsked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    team: Slug
    dry_run: bool = Field(default=True, description="Only propose.")
    include_begun: bool = Field(default=False, description="Also tickets that their owner has begun.")
    most: Annotated[int, Field(ge=1, le=MOST_MOVES, description="At most so many moves.")] = USUAL_MOVES


class OptimizeAsked(RebalanceAsked):
    switching_cost: Annotated[
        float, Field(ge=0, le=1_000, description="What the change of an owner must gain at least, in points.")
    ] = SWITCHING_COST


class BalanceTotalsOut(BaseModel):
    """How the team stands."""

    measure: float
    greatest_utilisation: float
    least_utilisation: float
    over_capacity: float = Field(description="Carried beyond capacities, in tickets weighed by priority.")


class MoveOut(BaseModel):
    """A ticket that had better have another owner, and what became of that."""

    model_config = ConfigDict(serialize_by_alias=True)
    ticket: int
    since: PersonRef | None = Field(alias="from", description="Null: it waits.")
    to: PersonRef
    gain: float = Field(description="How much better the measure is after this move, in its unit.")
    sentence: str
    revision: int = Field(description="The ticket's when this was decided; a ticket that went on refuses.")
    outcome: Literal["proposed", "done", "refused", "pending"]
    code: str | None = Field(default=None, description="Of a refused move: why, for machines.")
    detail: str | None = Field(default=None, description="The same for people.")


class WorkloadPlanOut(BaseModel):
    """The moves in the order in which they are made. `after` is how the team stands if all of them are."""

    team: Slug
    dry_run: bool
    as_of: datetime
    measure: Measure = Field(description="`spread`: less is better; `score`: more is better.")
    before: BalanceTotalsOut
    after: BalanceTotalsOut
    moves: list[MoveOut]


@router.post("/rebalance")
async def rebalance_workload(desk: InDesk, reader: AsReader, key: Key, body: RebalanceAsked) -> WorkloadPlanOut:
    """Moves tickets from the most to the least utilised of a team, while that evens out their load. For supervisors.

    With `dry_run` (the default) nothing changes. Each move is done or refused by itself; the same key repeats the same
    moves, and none is made twice."""
    check_supervisor(reader)
    now = datetime.now(UTC)
    board, held = await desk.workload.standing(body.team, now)
    found = await asyncio.to_thread(rebalance, board, held, now, with_begun=body.include_begun, most=body.most)
    return await _answer(desk, reader, key, await _plan(desk, body, "spread", found, now))


@router.post("/optimize")
async def optimize_workload(desk: InDesk, reader: AsReader, key: Key, body: OptimizeAsked) -> WorkloadPlanOut:
    """Gives a team's waiting tickets, and those that may move, as its dispatcher would if all waited: only moves
    that gain more than `switching_cost` points. For supervisors. Otherwise like rebalance."""
    check_supervisor(reader)
    now = datetime.now(UTC)
    board, held = await desk.workload.standing(body.team, now)
    found = await asyncio.to_thread(
        optimise,
        board,
        held,
        now,
        solve,
        with_begun=body.include_begun,
        switching_cost=body.switching_cost,
        most=body.most,
    )
    return await _answer(desk, reader, key, await _plan(desk, body, "score", found, now))


async def _plan(desk: Desk, body: RebalanceAsked, measure: Measure, found: Balance, now: datetime) -> WorkloadPlanOut:
    names = await names_of(desk, _people(found.moves))
    return WorkloadPlanOut(
        team=body.team,
        dry_run=body.dry_run,
        as_of=now,
        measure=measure,
        before=_totals(found.before),
        after=_totals(found.after),
        moves=[
            MoveOut.model_validate(
                {
                    "ticket": move.ticket.number,
                    "from": None if move.from_id is None else names[move.from_id],
                    "to": names[move.to_id],
                    "gain": round(move.gain, 6),
                    "sentence": move.sentence,
                    "revision": move.ticket.revision,
                    "outcome": "proposed",
                }
            )
            for move in found.moves
        ],
    )


async def _answer(desk: Desk, reader: Reader, key: CommandKey, plan: WorkloadPlanOut) -> WorkloadPlanOut:
    """The plan, carried out unless it is a dry run. The plan of a key is kept: a repeat carries out that one."""
    if plan.dry_run:
        return plan

    async def create(_: object) -> dict[str, Any]:
        kept: dict[str, Any] = plan.model_dump(mode="json", by_alias=True)
        return kept

    plan = WorkloadPlanOut.model_validate(await create_once(desk.pool, key.request_key, create))
    return plan.model_copy(update={"moves": await _carried_out(desk, reader, key, plan.moves)})


async def _carried_out(desk: Desk, reader: Reader, key: CommandKey, moves: Sequence[MoveOut]) -> list[MoveOut]:
    """One after the other, for a later one may need the room that an earlier one makes. When the engine does not answer
    the rest is left."""
    told: list[MoveOut] = []
    is_down = False
    for move in moves:
        try:
            made = None if is_down else await _made(desk, reader, key, move)
        except EngineUnavailableError:
            is_down, made = True, None
        told.append(made or _with(move, "refused", "engine_unavailable", "The workflow engine does not answer."))
    return told


async def _made(desk: Desk, reader: Reader, key: CommandKey, move: MoveOut) -> MoveOut:
    """Have the ticket's workflow do the move. Harmless to repeat: the request's key and the ticket name the command.

    Raises EngineUnavailableError.
    """
    number = TicketNumber(move.ticket)
    standing = await desk.tickets.standing(number)
    if standing is None:
        return _with(move, "refused", "ticket_not_found", f"There is no ticket {number}.")
    ticket, audience = standing
    command = AssignTicket(assignee_id=PersonId(move.to.id))
    own_key = key._replace(id=command_id_for_move(key.id, ticket.number))
    try:
        check_command(reader, command, audience)
        await send(desk, reader, ticket, command, own_key, move.revision)
    except CommandPendingError as error:
        location = f"/api/tickets/{number}/commands/{error.command}"
        return _with(move, "pending", "command_pending", f"The engine has not answered in time; see {location}.")
    except DomainError as refusal:
        return _with(move, "refused", refusal.code, refusal.detail)
    return _with(move, "done")


def _with(
    move: MoveOut, outcome: Literal["done", "refused", "pending"], code: str | None = None, detail: str | None = None
) -> MoveOut:
    return move.model_copy(update={"outcome": outcome, "code": code, "detail": detail})


def _people(moves: Iterable[Move]) -> set[PersonId]:
    return {id for move in moves for id in (move.from_id, move.to_id) if id is not None}


def _totals(totals: Totals) -> BalanceTotalsOut:
    return BalanceTotalsOut(
        measure=totals.measure,
        greatest_utilisation=totals.greatest,
        least_utilisation=totals.least,
        over_capacity=totals.over_capacity,
    )
