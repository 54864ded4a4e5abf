"""A desk with the real engine and the real database: what the workflow tests open, send and look at."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.tickets import SlaTerms, Staff, TicketActivities, TicketRecords
from database.pool import Pool, open_pool
from database.tickets import TicketStore
from domain.ids import TextId, TicketNumber
from domain.people import Actor
from domain.ticket import Ticket
from domain.ticket_commands import CommandEnvelope, Receipt, TicketCommand
from tests import factories
from tests.workflows.records import NoRollouts, NoSeniors, NoTerms
from worker import sandbox
from workflows.guard import Guard
from workflows.ticket import TicketWorkflow
from workflows.ticket_client import TicketClient, workflow_id

T = TypeVar("T")
PATIENCE_SECONDS = 60
"""How long a command may take before its caller gives up; only a fault takes that long."""
UNTIL_IT_WAITS = 5
"""Events of a workflow that has started its first timer."""


async def eventually(ask: Callable[[], Awaitable[T]], is_right: Callable[[T], bool]) -> T:
    """Ask until the answer is right, and return it. A test that waits in vain is ended by pytest's own timeout."""
    while not is_right(answer := await ask()):
        await asyncio.sleep(0.02)
    return answer


async def add_text(pool: Pool, ticket: Ticket, body: str = "It burns.", title: str | None = None) -> TextId:
    """Store a text that a command may name."""
    id = TextId(uuid4())
    await TicketStore(pool).add_text(id, ticket.number, factories.REQUESTER, title, body)
    return id


class EngineDesk:
    """One database, one task queue, and the client through which the API would reach them."""

    def __init__(self, client: Client, pool: Pool, task_queue: str) -> None:
        self.client = client
        self.pool = pool
        self.store = TicketStore(pool)
        self.task_queue = task_queue
        self.tickets = TicketClient(client, PATIENCE_SECONDS, task_queue)

    async def open(self, *, at: datetime | None = None, **changes: Any) -> Ticket:
        """A ticket in the database whose workflow does not run yet."""
        number = await self.store.next_number()
        opening = factories.opening_change(number, at=at or datetime.now(UTC), **changes)
        await self.store.open(opening, factories.wording(opening))
        return await self.row(number)

    async def running(self, **changes: Any) -> Ticket:
        """A ticket whose workflow runs and has loaded it."""
        ticket = await self.open(**changes)
        await self.tickets.start(ticket)
        await eventually(lambda: self.state(ticket), lambda state: state is not None)
        return ticket

    async def row(self, number: TicketNumber) -> Ticket:
        """The ticket as the database has it."""
        record = await self.store.read(number)
        assert record is not None
        return record.ticket

    async def state(self, ticket: Ticket) -> Ticket | None:
        """The ticket as its workflow holds it."""
        return await self.tickets.state(ticket.number)

    async def send(
        self, ticket: Ticket, command: TicketCommand, actor: Actor = factories.BY_AGENT, **changes: Any
    ) -> Receipt:
        envelope = factories.envelope(command, actor=actor, **changes)
        return await self.tickets.apply(ticket, envelope)

    async def send_raw(self, ticket: Ticket, update: str, *args: Any) -> Any:
        """Any update with any arguments, as a careless integration would send it."""
        return await self.handle(ticket).execute_update(update, args=list(args))

    def handle(self, ticket: Ticket) -> WorkflowHandle[Any, Any]:
        """The ticket's workflow, whichever of its runs is the present one."""
        return self.client.get_workflow_handle(workflow_id(ticket.number))

    async def status(self, ticket: Ticket) -> WorkflowExecutionStatus | None:
        return (await self.handle(ticket).describe()).status

    async def history_length(self, ticket: Ticket) -> int:
        return (await self.handle(ticket).describe()).history_length

    async def timeline(self, ticket: Ticket) -> list[tuple[int, str]]:
        """Revision and type of every event of the ticket, in order."""
        rows = await self.pool.fetch(
            "select revision, type from events where ticket_number = $1 order by revision", ticket.number
        )
        return [(row["revision"], row["type"]) for row in rows]

    async def answers(self, ticket: Ticket, command: CommandEnvelope) -> bool:
        """Whether the ticket still does what it is told, in the workflow and in the database alike."""
        receipt = await self.tickets.apply(ticket, command)
        row, state = await self.row(ticket.number), await self.state(ticket)
        return state == row and row.revision == receipt.revision


@asynccontextmanager
async def tickets_worker(
    client: Client,
    records: TicketRecords,
    task_queue: str,
    terms: SlaTerms | None = None,
    seniors: Staff | None = None,
    **options: Any,
) -> AsyncIterator[None]:
    """A worker whose tickets are remembered elsewhere than in the database."""
    activities = TicketActivities(records, terms or NoTerms(), seniors or NoSeniors(), NoRollouts())
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[TicketWorkflow],
        activities=[activities.load_ticket, activities.record, activities.escalate],
        interceptors=[Guard()],
        workflow_runner=sandbox(),
        **options,
    ):
        yield


@workflow.defn(name="TicketWorkflow")
class _ForgottenWorkflow:
    """What no present code does: it waits before it loads its ticket."""

    @workflow.run
    async def run(self, start: Any) -> str:
        await workflow.sleep(3600)
        return "over"


@asynccontextmanager
async def wedged(desk: EngineDesk) -> AsyncIterator[tuple[Ticket, TicketClient]]:
    """A ticket whose workflow's history the present code cannot replay, and the client whose worker would have to."""
    ticket, queue = await desk.open(), f"wedged-{uuid4().hex}"
    tickets = TicketClient(desk.client, PATIENCE_SECONDS, queue)
    async with Worker(
        desk.client, task_queue=queue, workflows=[_ForgottenWorkflow], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        await tickets.start(ticket)
        await eventually(lambda: desk.history_length(ticket), lambda length: length >= UNTIL_IT_WAITS)
    async with tickets_worker(desk.client, desk.store, queue):
        yield ticket, tickets


@asynccontextmanager
async def desk_pool(dsn: str) -> AsyncIterator[Pool]:
    """Connections to a database with the tests' people in it. Its tickets have numbers of their own, because the
    engine is shared by all tests."""
    pool = await open_pool(dsn, 8)
    await pool.execute(f"alter sequence ticket_numbers restart with {uuid4().int % 2**40 + 2**20}")
    await factories.store_desk(pool)
    yield pool
    await pool.close()


@asynccontextmanager
async def own_database(server_dsn: str, template: str, dsn_of: Callable[[str], str]) -> AsyncIterator[str]:
    """A copy of the migrated database that lives longer than one test."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(server_dsn)
    try:
        await connection.execute(f'create database "{name}" template "{template}"')
        yield dsn_of(name)
        await connection.execute(f'drop database "{name}" with (force)')
    finally:
        await connection.close()


def raw(data: bytes, encoding: bytes = b"json/plain") -> Payload:
    """A payload as it comes over the wire."""
    return Payload(metadata={"encoding": encoding}, data=data)
