"""How everyone outside reaches the workflows: commands as updates, sent with start-if-missing."""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import (
    Client,
    RPCError,
    RPCStatusCode,
    WithStartWorkflowOperation,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import QueryRejectCondition, WorkflowIDConflictPolicy
from temporalio.converter import PayloadCodec
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.runtime import Runtime
from temporalio.service import GrpcCompression, RetryConfig, TLSConfig

from activities.failures import refusal_of
from domain.errors import IdempotencyKeyReusedError, PreviewOutdatedError
from domain.ids import CommandId, PersonId, TicketNumber
from domain.ticket import Slug, Ticket
from domain.ticket_commands import CommandEnvelope, Receipt
from workflows.daily_report import DailyReportStart, DailyReportWorkflow
from workflows.forecast import ForecastStart, ForecastWorkflow
from workflows.guard import INTERNAL_ERROR
from workflows.payloads import data_converter
from workflows.search_attributes import SEARCH_ATTRIBUTES, search_attributes
from workflows.sla_rollout import RolloutStart, RolloutWorkflow
from workflows.ticket import TicketStart, TicketWorkflow

TASK_QUEUE = "tickets"
DEPLOYMENT = "smart-ticketing"
"""What the builds of the worker are builds of."""
TASK_TIMEOUT = timedelta(seconds=5)
"""How long a worker may take over one task. A ticket whose worker dies in the middle of one waits as long for the next
worker; its longest work, a local activity, ends within two seconds."""
FAILED_ATTEMPTS = 2
"""At the second attempt of a task the first has failed, and a fault of the moment has had its chance."""
_PREFIX = "ticket-"
log = logging.getLogger(__name__)
APPLY = "apply"
"""The update's name: the SDK's types do not carry the answer of a named update."""


class EngineUnavailableError(Exception):
    """The engine does not answer; nothing is known to have happened. The same command may be sent again."""


class WedgedWorkflowError(Exception):
    """The ticket's workflow cannot be replayed, so it answers nobody (decision 11); it must begin anew."""


class CommandPendingError(Exception):
    """The engine is there but has not answered in time; the command may still take effect under its id."""

    def __init__(self, command: CommandId) -> None:
        super().__init__(f"command {command} is still under way")
        self.command = command


async def connect(
    target: str,
    namespace: str,
    *,
    api_key: str | None = None,
    tls: TLSConfig | None = None,
    encryption: PayloadCodec | None = None,
    lazy: bool = False,
    runtime: Runtime | None = None,
) -> Client:
    """A client of the engine. A lazy one connects at its first call, so that the API starts while the engine is down.

    Refused connections are retried for a second and a half: long enough for a hiccup, short enough for a caller.
    """
    return await Client.connect(
        target,
        namespace=namespace,
        api_key=api_key,
        tls=tls or bool(api_key),
        data_converter=data_converter(encryption),
        grpc_compression=GrpcCompression.NONE,
        retry_config=RetryConfig(max_elapsed_time_millis=1500, max_retries=5),
        lazy=lazy,
        runtime=runtime,
    )


def tls_config(ca: Path | None, cert: Path | None, key: Path | None) -> TLSConfig | None:
    """TLS from the files that the settings name; None when they name none."""
    if ca is None and cert is None:
        return None
    return TLSConfig(
        server_root_ca_cert=ca.read_bytes() if ca else None,
        client_cert=cert.read_bytes() if cert else None,
        client_private_key=key.read_bytes() if key else None,
    )


def workflow_id(number: TicketNumber) -> str:
    return f"{_PREFIX}{number}"


class TicketClient:
    """Starts tickets' workflows and sends them commands."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def apply(self, ticket: Ticket, envelope: CommandEnvelope) -> Receipt:
        """Have the ticket's workflow do a command; it is started if it does not run.

        Harmless to repeat: the command's id names the update.
        Raises the refusal of the rules, IdempotencyKeyReusedError when the id came with another request before,
        EngineUnavailableError and CommandPendingError.
        """
        return await answered(self._client, self._apply(ticket, envelope), envelope.id, envelope.fingerprint)

    async def _apply(self, ticket: Ticket, envelope: CommandEnvelope) -> Receipt:
        """Update the workflow that nearly always runs; where it does not, start it with the update.

        Asking for both each time would cost a fifth more of the engine's time.
        """
        handle = self._client.get_workflow_handle(workflow_id(ticket.number))
        try:
            receipt: Receipt = await handle.execute_update(
                APPLY, envelope, id=str(envelope.id), result_type=Receipt, rpc_timeout=self._timeout
            )
        except RPCError as error:
            is_wedged = error.status is RPCStatusCode.FAILED_PRECONDITION and await self.mend(ticket)
            if not is_wedged and error.status is not RPCStatusCode.NOT_FOUND:
                raise
        else:
            return receipt
        start = WithStartWorkflowOperation(
            TicketWorkflow.run,
            TicketStart(number=ticket.number),
            id=workflow_id(ticket.number),
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=TASK_TIMEOUT,
            static_summary=_summary(ticket),
            search_attributes=search_attributes(ticket),
        )
        return await start_and_apply(self._client, start, envelope, envelope.id, self._timeout)

    async def start(self, ticket: Ticket) -> None:
        """Start the ticket's workflow if it does not run. Raises EngineUnavailableError."""
        try:
            await self._client.start_workflow(
                TicketWorkflow.run,
                TicketStart(number=ticket.number),
                id=workflow_id(ticket.number),
                task_queue=self.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=TASK_TIMEOUT,
                static_summary=_summary(ticket),
                search_attributes=search_attributes(ticket),
                rpc_timeout=timedelta(seconds=10),
            )
        except (RPCError, RuntimeError) as error:  # the latter from a lazy client that never connected
            raise EngineUnavailableError(str(error)) from error

    async def state(self, number: TicketNumber) -> Ticket | None:
        """The ticket as its workflow holds it; None when none runs.

        Raises WedgedWorkflowError and EngineUnavailableError.
        """
        handle = self._client.get_workflow_handle(workflow_id(number))
        try:
            state: Ticket | None = await handle.query(
                "state",
                result_type=Ticket,
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=timedelta(seconds=10),
            )
        except WorkflowQueryRejectedError:
            return None
        except WorkflowQueryFailedError as error:  # the query itself cannot fail, but the replay before it can
            raise WedgedWorkflowError(f"ticket {number}: {error}") from error
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise EngineUnavailableError(str(error)) from error
        return state

    async def reload(self, ticket: Ticket) -> int:
        """Make the ticket's workflow take over what the database says. Returns the revision it then has.

        Raises EngineUnavailableError.
        """
        handle = self._client.get_workflow_handle(workflow_id(ticket.number))
        try:
            return int(await handle.execute_update("reload", result_type=int, rpc_timeout=timedelta(seconds=10)))
        except (RPCError, RuntimeError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise EngineUnavailableError(str(error)) from error

    async def running(self) -> AsyncIterator[TicketNumber]:
        """The numbers of all tickets whose workflow runs, as far as the engine's index has caught up."""
        query = "WorkflowType = 'TicketWorkflow' AND ExecutionStatus = 'Running'"
        async for execution in self._client.list_workflows(query, page_size=1000):
            yield TicketNumber(int(execution.id.removeprefix(_PREFIX)))

    async def reported_problems(self) -> list[TicketNumber]:
        """Tickets whose workflow tasks keep failing: none, unless a release is broken."""
        query = (
            "WorkflowType = 'TicketWorkflow' AND ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
        )
        found = [execution.id async for execution in self._client.list_workflows(query)]
        return [TicketNumber(int(id.removeprefix(_PREFIX))) for id in found]

    async def mend(self, ticket: Ticket) -> bool:
        """Begin the ticket's workflow anew if its tasks keep failing. Returns whether they did.

        Raises RPCError and EngineUnavailableError.
        """
        handle = self._client.get_workflow_handle(workflow_id(ticket.number))
        described = await handle.describe(rpc_timeout=self._timeout)
        if described.raw_description.pending_workflow_task.attempt < FAILED_ATTEMPTS:
            return False
        await self.begin_anew(ticket)
        return True

    async def begin_anew(self, ticket: Ticket) -> None:
        """End the ticket's workflow and start it anew from the database.

        Nothing is lost with it: state, commands and what the ticket waits for are all in the database. That is the way
        out of a history that cannot be replayed, through a release or, rarely, through the SDK itself. Raises RPCError
        and EngineUnavailableError.
        """
        log.error("the workflow of ticket %s cannot go on; it begins anew from the database", ticket.number)
        await self.terminate(ticket.number, "could not go on; begun anew from the database")
        await self.start(ticket)

    async def terminate(self, number: TicketNumber, reason: str) -> None:
        """End a workflow: one without a ticket, or one that cannot go on."""
        await self._client.get_workflow_handle(workflow_id(number)).terminate(reason=reason)

    async def is_available(self) -> bool:
        """Whether the engine answers within a second."""
        return await is_available(self._client)


async def is_available(client: Client) -> bool:
    """Whether the engine answers within a second."""
    try:
        return await client.service_client.check_health(timeout=timedelta(seconds=1), retry=False)
    except (RPCError, RuntimeError):
        return False


async def start_and_apply(
    client: Client, start: WithStartWorkflowOperation[Any, Any], envelope: object, id: CommandId, timeout: timedelta
) -> Receipt:
    """Start a workflow, unless it runs by now, and have it do a command."""
    try:
        receipt: Receipt = await client.execute_update_with_start_workflow(
            APPLY, envelope, start_workflow_operation=start, id=str(id), result_type=Receipt, rpc_timeout=timeout
        )
    except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
        with contextlib.suppress(RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
            await start.workflow_handle()  # it failed likewise, and wants somebody to look
        raise
    return receipt


def has_outlived_its_run(failure: WorkflowUpdateFailedError) -> bool:
    """Whether the run that had taken the command ended before it answered, as when a ticket begins anew (decision 11).

    Nobody has refused: the same command, sent again, is done once. The name is the server's own.
    """
    return isinstance(failure.cause, ApplicationError) and failure.cause.type == "AcceptedUpdateCompletedWorkflow"


def is_fault_of_ours(failure: WorkflowUpdateFailedError) -> bool:
    """Whether the workflow's own code failed, and would fail again. What else is no refusal is the engine's: it went
    away in the middle, say, and gave the command up when it was back."""
    return isinstance(failure.cause, ApplicationError) and failure.cause.type == INTERNAL_ERROR


async def answered(client: Client, sent: Awaitable[Receipt], id: CommandId, fingerprint: str) -> Receipt:
    """The receipt of a command that was sent.

    Raises the refusal of the rules, IdempotencyKeyReusedError when the id came with another request before,
    EngineUnavailableError and CommandPendingError.
    """
    try:
        receipt = await sent
    except WorkflowUpdateFailedError as failure:
        if has_outlived_its_run(failure):
            raise EngineUnavailableError("The workflow began anew meanwhile; the command may come again.") from failure
        refusal = refusal_of(failure.cause)
        if refusal is None and not is_fault_of_ours(failure):
            log.warning("command %s failed in the engine: %r", id, failure.cause)
            raise EngineUnavailableError("The engine lost the command; it may come again.") from failure
        raise refusal or failure from failure
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        if await is_available(client):
            raise CommandPendingError(id) from error
        raise EngineUnavailableError("The engine does not answer.") from error
    except WorkflowAlreadyStartedError as error:  # the engine went away in the middle and took a repetition for another
        raise EngineUnavailableError("The engine lost track of the command; it may come again.") from error
    except (RPCError, RuntimeError) as error:  # the latter from a lazy client that never connected
        raise EngineUnavailableError(str(error)) from error
    if receipt.fingerprint != fingerprint:
        raise IdempotencyKeyReusedError("This Idempotency-Key came with another request before.")
    return receipt


class RolloutClient:
    """Starts rollouts and tells them how to go on."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def start(self, id: int) -> None:
        """Begin the preview. Harmless to repeat. Raises EngineUnavailableError."""
        try:
            await self._client.start_workflow(
                RolloutWorkflow.run,
                RolloutStart(id=id),
                id=f"rollout-{id}",
                task_queue=self.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=self._timeout,
            )
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailableError(str(error)) from error

    async def tell(self, id: int, what: Literal["apply", "undo"], by: PersonId) -> None:
        """Have a rollout go on. Harmless to repeat.

        Raises RolloutStateError, PreviewOutdatedError and EngineUnavailableError.
        """
        handle = self._client.get_workflow_handle(f"rollout-{id}")
        try:
            await handle.execute_update(what, by, rpc_timeout=self._timeout)
        except WorkflowUpdateFailedError as failure:
            raise refusal_of(failure.cause) or failure from failure
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise PreviewOutdatedError("It is too late for that; make a new preview.") from error
            raise EngineUnavailableError(str(error)) from error
        except (RuntimeError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise EngineUnavailableError(str(error)) from error


class ForecastClient:
    """Starts forecasts."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def start(self, team: Slug | None) -> None:
        """Forecast a team now, or all of them. One that is under way is joined. Raises EngineUnavailableError."""
        try:
            await self._client.start_workflow(
                ForecastWorkflow.run,
                ForecastStart(team=team),
                id="forecast-by-hand" if team is None else f"forecast-by-hand-{team}",
                task_queue=self.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=self._timeout,
            )
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailableError(str(error)) from error


class DailyReportClient:
    """Has days told."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def start(self, day: date) -> None:
        """Tell a day now, or again. A run that is under way is joined. Raises EngineUnavailableError."""
        try:
            await self._client.start_workflow(
                DailyReportWorkflow.run,
                DailyReportStart(day=day),
                id=f"daily-report-{day}",
                task_queue=self.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=self._timeout,
            )
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailableError(str(error)) from error


async def ensure_search_attributes(client: Client) -> None:
    """Register the search attributes that the namespace lacks. Harmless to repeat.

    Raises RPCError where clients may not (a managed service): then its operator registers them.
    """
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={
                name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{type.upper()}")
                for name, type in SEARCH_ATTRIBUTES.items()
            },
        )
    )


def _summary(ticket: Ticket) -> str:
    return f"{ticket.priority} {ticket.category}, opened {ticket.created_at:%Y-%m-%d %H:%MZ}"
