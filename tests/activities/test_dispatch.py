"""A round's orders on their way to the tickets."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from temporalio.testing import ActivityEnvironment

from activities.dispatch import DispatchActivities, RoundReport
from domain.agent import Capacity, Presence
from domain.assignment import Candidate
from domain.assignment_reasons import Decision
from domain.dispatch import Board, Member, Queued, TeamRules
from domain.duty import Duty
from domain.errors import DomainError, OverCapacityError
from domain.ids import CommandId, DecisionId
from domain.queue import QueueState
from domain.ticket import Slug, Ticket
from domain.ticket_commands import AssignTicket, CommandEnvelope, Receipt
from tests.factories import AGENT, NOW, ticket


class OneTicket:
    """A board on which one ticket waits for one agent who seems to have room."""

    def __init__(self) -> None:
        self.kept: list[tuple[DecisionId, Decision]] = []
        self.told: QueueState | None = None

    async def board(self, team: Slug, now: datetime) -> Board | None:
        someone = Candidate(AGENT, Presence.ONLINE, {}, Capacity(tickets=5))
        member = Member(someone, Duty(is_planned=False), NOW - timedelta(hours=1))
        return Board(TeamRules(team=team), [Queued(ticket(team=team))], [], [member])

    async def keep(self, decisions: Sequence[tuple[DecisionId, Decision]], team: Slug) -> None:
        self.kept += decisions

    async def tell_queue(self, state: QueueState) -> None:
        self.told = state


class Engine:
    """Answers as the engine does: to a command that it knows always the same. `is_full`: who is to have the ticket."""

    def __init__(self) -> None:
        self.is_full = True
        self.told: list[CommandEnvelope] = []
        self._answers: dict[CommandId, DomainError | Receipt] = {}

    async def apply(self, ticket: Ticket, envelope: CommandEnvelope) -> Receipt:
        self.told.append(envelope)
        done = Receipt(command_id=envelope.id, first_revision=2, revision=2, fingerprint="", at=NOW)
        now = OverCapacityError("Alex carries 5 of 5 tickets already.") if self.is_full else done
        answer = self._answers.setdefault(envelope.id, now)
        if isinstance(answer, DomainError):
            raise answer
        return answer


async def a_round(dispatching: OneTicket, engine: Engine) -> RoundReport:
    return await ActivityEnvironment().run(DispatchActivities(dispatching, engine).dispatch_round, "support")


async def test_what_was_refused_for_want_of_room_is_given_when_there_is_room() -> None:
    engine, dispatching = Engine(), OneTicket()

    refused = await a_round(dispatching, engine)
    engine.is_full = False
    given = await a_round(dispatching, engine)

    assert (refused.given, refused.refused) == (0, 1)
    assert (given.given, given.refused) == (1, 0)


async def test_an_order_names_the_revision_that_it_was_decided_on_and_its_reasons() -> None:
    engine, dispatching = Engine(), OneTicket()

    await a_round(dispatching, engine)

    (told,), ((reasons, decided),) = engine.told, dispatching.kept
    assert told.expected_revision == 1
    assert told.command == AssignTicket(assignee_id=AGENT, decision_id=reasons)
    assert decided.chosen_id == AGENT
