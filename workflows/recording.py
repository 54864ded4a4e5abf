"""How a workflow has something loaded or recorded: at once, or else as soon as the database is back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import refusal_of

QUICK_SECONDS = 2
QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=3)
"""A local activity answers in a few milliseconds, but holds the workflow task: three attempts, two seconds."""
PATIENT_SECONDS = 10
PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5))
"""Behind it a regular activity tries for as long as the database is away."""


async def quickly_or_patiently(activity: Any, arguments: Sequence[Any], summary: str) -> Any:
    """Try as a local activity, which costs no trip through the task queue; then as a regular one.

    Raises the refusal that the activity came to.
    """
    try:
        return await workflow.execute_local_activity_method(
            activity,
            args=arguments,
            schedule_to_close_timeout=timedelta(seconds=QUICK_SECONDS),
            retry_policy=QUICK,
            summary=summary,
        )
    except FailureError as failure:
        _raise_refusal(failure)
        workflow.logger.warning("the database did not answer at once; trying patiently")
    try:
        return await workflow.execute_activity_method(
            activity,
            args=arguments,
            start_to_close_timeout=timedelta(seconds=PATIENT_SECONDS),
            retry_policy=PATIENT,
            summary=summary,
        )
    except FailureError as failure:
        _raise_refusal(failure)
        raise


def _raise_refusal(failure: FailureError) -> None:
    refusal = refusal_of(failure)
    if refusal is not None:
        raise refusal from failure
