"""Applies the rules of retention one after the other, every night."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.retention import RetentionActivities, RetentionRun

TAKES = timedelta(hours=2)
MOMENT = timedelta(seconds=30)
BEAT = timedelta(minutes=3)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))


@workflow.defn(name="RetentionWorkflow")
class RetentionWorkflow:
    """What is kept for too long goes, kind by kind; what one kind meets does not hold the others up for ever."""

    @workflow.run
    async def run(self) -> dict[str, int]:
        """How many were removed, by kind."""
        now = workflow.now()
        removed = {}
        kinds = await workflow.execute_activity_method(
            RetentionActivities.kinds,
            start_to_close_timeout=MOMENT,
            retry_policy=PATIENT,
            summary="what has a rule of retention",
        )
        for kind in kinds:
            removed[kind.value] = await workflow.execute_activity_method(
                RetentionActivities.apply,
                RetentionRun(kind=kind, at=now),
                start_to_close_timeout=TAKES,
                heartbeat_timeout=BEAT,
                retry_policy=PATIENT,
                summary=f"remove old {kind.value.replace('_', ' ')}",
            )
        return removed
