"""The schedule that has rotas laid out further, kept by the engine."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from workflows.rotas import RotaWorkflow

SCHEDULE = "rotas"
EVERY = timedelta(hours=6)
"""Shifts are laid out weeks ahead: a run that comes late, or not at all, is noticed by nobody."""


async def ensure_rota_schedule(client: Client, task_queue: str, id: str = SCHEDULE) -> None:
    """Have the engine run it from now on, and a first time at once. Harmless when it does already. Raises RPCError."""
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(RotaWorkflow.run, id=id, task_queue=task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )
    try:
        await client.create_schedule(id, schedule, trigger_immediately=True)
    except ScheduleAlreadyRunningError:
        return
