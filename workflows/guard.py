"""Keeps a ticket from being wedged.

A plain exception in a handler would fail the workflow task, which Temporal retries for ever while the ticket answers
nobody. The guard turns a refusal into a failure of that one update, any other exception into an `internal_error` of
that one update, and drops a signal that cannot be handled, with a log entry. It adds no commands, so it may be added
to running workflows. Handlers compute first and assign last, so an exception leaves no half change.
"""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import (
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure_of
    from domain.errors import DomainError

INTERNAL_ERROR = "internal_error"


class _GuardedInbound(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:
        try:
            await super().handle_signal(input)
        except FailureError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it must not wedge the ticket
            workflow.logger.error("signal dropped", extra={"signal": input.signal, "fault": type(error).__name__})

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        try:
            super().handle_update_validator(input)
        except Exception as error:
            raise _failure(error) from error

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        try:
            return await super().handle_update_handler(input)
        except Exception as error:
            raise _failure(error) from error


class Guard(Interceptor):
    """The worker interceptor."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return _GuardedInbound


def _failure(error: Exception) -> FailureError:
    if isinstance(error, FailureError):
        return error
    if isinstance(error, DomainError):
        return failure_of(error)
    workflow.logger.error("update failed", extra={"fault": type(error).__name__})
    return ApplicationError(f"{type(error).__name__} in the ticket's workflow", type=INTERNAL_ERROR, non_retryable=True)
