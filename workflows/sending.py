"""How a command reaches a workflow: as an update, sent with start-if-missing, and what its failures mean."""

import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Protocol

from temporalio.client import (
    Client,
    RPCError,
    RPCStatusCode,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from activities.failures import refusal_of
from domain.errors import IdempotencyKeyReusedError
from domain.ids import CommandId
from domain.ticket_commands import Receipt
from workflows.client import CommandPendingError, EngineUnavailableError, is_available
from workflows.guard import INTERNAL_ERROR

APPLY = "apply"
"""The update's name: the SDK's types do not carry the answer of a named update."""
Start = Callable[[], WithStartWorkflowOperation[Any, Any]]
"""What starts the workflow together with the command."""
Mend = Callable[[], Awaitable[bool]]
"""Begins a workflow anew whose tasks keep failing, and says whether they did."""
log = logging.getLogger(__name__)


class Envelope(Protocol):
    """A command with its id, and the digest of the request that it came with."""

    @property
    def id(self) -> CommandId: ...
    @property
    def fingerprint(self) -> str: ...


async def send(
    client: Client, workflow: str, envelope: Envelope, *, start: Start, mend: Mend, timeout: timedelta
) -> Receipt:
    """Have a workflow do a command; it is started if it does not run.

    Harmless to repeat: the command's id names the update.
    Raises the refusal of the rules, IdempotencyKeyReusedError when the id came with another request before,
    EngineUnavailableError and CommandPendingError.
    """
    sent = _sent(client, workflow, envelope, start, mend, timeout)
    return await answered(client, sent, envelope.id, envelope.fingerprint)


async def answered(client: Client, sent: Awaitable[Receipt], id: CommandId, fingerprint: str) -> Receipt:
    """The receipt of a command that was sent. Raises what `send` raises."""
    try:
        receipt = await sent
    except WorkflowUpdateFailedError as failure:
        if _has_outlived_its_run(failure):
            raise EngineUnavailableError("The workflow began anew meanwhile; the command may come again.") from failure
        refusal = refusal_of(failure.cause)
        if refusal is None and not _is_fault_of_ours(failure):
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


async def _sent(
    client: Client, workflow: str, envelope: Envelope, start: Start, mend: Mend, timeout: timedelta
) -> Receipt:
    """Update the workflow that nearly always runs; where it does not, start it with the update.

    Asking for both each time would cost a fifth more of the engine's time.
    """
    handle = client.get_workflow_handle(workflow)
    try:
        receipt: Receipt = await handle.execute_update(
            APPLY, envelope, id=str(envelope.id), result_type=Receipt, rpc_timeout=timeout
        )
    except RPCError as error:
        is_wedged = error.status is RPCStatusCode.FAILED_PRECONDITION and await mend()
        if not is_wedged and error.status is not RPCStatusCode.NOT_FOUND:
            raise
    else:
        return receipt
    return await _start_and_apply(client, start(), envelope, timeout)


async def _start_and_apply(
    client: Client, start: WithStartWorkflowOperation[Any, Any], envelope: Envelope, timeout: timedelta
) -> Receipt:
    """Start a workflow, unless it runs by now, and have it do a command."""
    try:
        receipt: Receipt = await client.execute_update_with_start_workflow(
            APPLY,
            envelope,
            start_workflow_operation=start,
            id=str(envelope.id),
            result_type=Receipt,
            rpc_timeout=timeout,
        )
    except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
        with contextlib.suppress(RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
            await start.workflow_handle()  # it failed likewise, and wants somebody to look
        raise
    return receipt


def _has_outlived_its_run(failure: WorkflowUpdateFailedError) -> bool:
    """Whether the run that had taken the command ended before it answered, as when a ticket begins anew (decision 11).

    Nobody has refused: the same command, sent again, is done once. The name is the server's own.
    """
    return isinstance(failure.cause, ApplicationError) and failure.cause.type == "AcceptedUpdateCompletedWorkflow"


def _is_fault_of_ours(failure: WorkflowUpdateFailedError) -> bool:
    """Whether the workflow's own code failed, and would fail again. What else is no refusal is the engine's: it went
    away in the middle, say, and gave the command up when it was back."""
    return isinstance(failure.cause, ApplicationError) and failure.cause.type == INTERNAL_ERROR
