"""How everyone outside reaches the engine: what the clients of all workflows have in common."""

import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import (
    Client,
    RPCError,
    RPCStatusCode,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import QueryRejectCondition, WorkflowIDConflictPolicy
from temporalio.converter import PayloadCodec
from temporalio.runtime import Runtime
from temporalio.service import GrpcCompression, RetryConfig, TLSConfig

from domain.ids import CommandId
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
