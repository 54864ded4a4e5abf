"""What a schedule runs so that rotas without an end stay laid out: one activity, until it succeeds."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.rotas import RotaActivities

TAKES = timedelta(minutes=10)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))


@workflow.defn(name="RotaWorkflow")
class RotaWorkflow:
    """Lays the rotas out until the horizon of this moment."""

    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity_method(
            RotaActivities.lay_out,
            start_to_close_timeout=TAKES,
            retry_policy=PATIENT,
            summary="lay out the shifts of rotas",
        )
