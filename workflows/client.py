"""How everyone outside reaches the engine: what the clients of all workflows have in common."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

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
from domain.errors import IdempotencyKeyReusedError
from domain.ids import CommandId
from domain.ticket_commands import Receipt
from workflows.guard import INTERNAL_ERROR
from workflows.payloads import data_converter
from workflows.search_attributes import SEARCH_ATTRIBUTES

TASK_QUEUE = "tickets"
DEPLOYMENT = "smart-ticketing"
"""What the builds of the worker are builds of."""
TASK_TIMEOUT = timedelta(seconds=5)
"""How long a worker may take over one task. A ticket whose worker dies in the middle of one waits as long for the next
worker; its longest work, a local activity, ends within two seconds."""
FAILED_ATTEMPTS = 2
"""At the second attempt of a task the first has failed, and a fault of the moment has had its chance."""
log = logging.getLogger(__name__)
StartT = TypeVar("StartT")
StateT = TypeVar("StateT")
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


async def is_available(client: Client) -> bool:
    """Whether the engine answers within a second."""
    try:
        return await client.service_client.check_health(timeout=timedelta(seconds=1), retry=False)
    except (RPCError, RuntimeError):
        return False


async def start_or_join(
    client: Client,
    run: Callable[[Any, StartT], Coroutine[Any, Any, Any]],
    start: StartT,
    *,
    id: str,
    task_queue: str,
    timeout: timedelta,
    **options: Any,
) -> None:
    """Start a workflow, unless the one of this id runs already. Harmless to repeat. Raises EngineUnavailableError."""
    try:
        await client.start_workflow(
            run,
            start,
            id=id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            rpc_timeout=timeout,
            **options,
        )
    except (RPCError, RuntimeError) as error:  # the latter from a lazy client that never connected
        raise EngineUnavailableError(str(error)) from error


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


async def state_of(client: Client, id: str, kind: type[StateT], timeout: timedelta) -> StateT | None:
    """What the workflow of this id holds; None when none runs.

    Raises WedgedWorkflowError and EngineUnavailableError.
    """
    try:
        state: StateT = await client.get_workflow_handle(id).query(
            "state", result_type=kind, reject_condition=QueryRejectCondition.NOT_OPEN, rpc_timeout=timeout
        )
    except WorkflowQueryRejectedError:
        return None
    except WorkflowQueryFailedError as error:  # the query itself cannot fail, but the replay before it can
        raise WedgedWorkflowError(f"{id}: {error}") from error
    except (RPCError, RuntimeError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise EngineUnavailableError(str(error)) from error
    return state


async def last_look(client: Client, id: str, query: str, kind: type[StateT], timeout: timedelta) -> StateT | None:
    """What a workflow that looks around says of its last look; None when there was none.

    Raises EngineUnavailableError.
    """
    try:
        found: StateT | None = await client.get_workflow_handle(id).query(query, result_type=kind, rpc_timeout=timeout)
    except (RPCError, RuntimeError, WorkflowQueryFailedError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise EngineUnavailableError(str(error)) from error
    return found


async def reload(client: Client, id: str, timeout: timedelta) -> int:
    """Make a workflow take over what the database says. Returns the revision it then has.

    Raises EngineUnavailableError.
    """
    try:
        return int(await client.get_workflow_handle(id).execute_update("reload", result_type=int, rpc_timeout=timeout))
    except (RPCError, RuntimeError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        raise EngineUnavailableError(str(error)) from error


async def is_failing(client: Client, id: str, timeout: timedelta) -> bool:
    """Whether the tasks of a workflow keep failing. Raises RPCError."""
    described = await client.get_workflow_handle(id).describe(rpc_timeout=timeout)
    return bool(described.raw_description.pending_workflow_task.attempt >= FAILED_ATTEMPTS)


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
