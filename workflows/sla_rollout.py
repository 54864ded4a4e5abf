"""A rollout, as a durable workflow: its preview, then if somebody wants its application, then if somebody wants its
undoing. Each goes page by page and survives whatever dies."""

import asyncio
from datetime import timedelta
from typing import Any, Literal

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ConfigDict

    from activities.failures import refusal_of
    from activities.sla_rollouts import RolloutActivities, Step
    from domain.ids import PersonId, TicketNumber

PREVIEW_LASTS = timedelta(hours=1)
UNDOABLE_FOR = timedelta(days=30)
PAGE_TAKES = timedelta(minutes=2)
SILENT_FOR = timedelta(seconds=30)
"""A page of which nothing is heard for so long is lost with its worker, and begun anew."""
PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5))
Phase = Literal["preview", "previewed", "apply", "applied", "undo", "undone"]

_DONE: dict[Phase, Phase] = {"preview": "previewed", "apply": "applied", "undo": "undone"}


class RolloutStart(BaseModel):
    """What a run begins with: the rollout's id, and from the run before how far it is."""

    model_config = ConfigDict(frozen=True)

    id: int
    phase: Phase = "preview"
    after: TicketNumber = TicketNumber(0)
    by: PersonId | None = None


@workflow.defn(name="RolloutWorkflow")
class RolloutWorkflow:
    """One rollout of a version of a policy or a calendar."""

    @workflow.init
    def __init__(self, start: RolloutStart) -> None:
        self._id = start.id
        self._phase: Phase = start.phase
        self._after = start.after
        self._by = start.by
        self._lock = asyncio.Lock()

    @workflow.run
    async def run(self, start: RolloutStart) -> str:
        if self._phase == "preview":
            await self._all_pages(RolloutActivities.preview_page)
            await self._do(RolloutActivities.end_preview)
            self._end("preview")
        if self._phase == "previewed" and not await self._wait_for("apply", PREVIEW_LASTS):
            return "not applied"
        if self._phase == "apply":
            await self._all_pages(RolloutActivities.apply_page)
            await self._do(RolloutActivities.end_applying)
            self._end("apply")
        if self._phase == "applied" and not await self._wait_for("undo", UNDOABLE_FOR):
            return "applied"
        await self._all_pages(RolloutActivities.undo_page)
        await self._do(RolloutActivities.end_undoing)
        self._end("undo")
        await workflow.wait_condition(workflow.all_handlers_finished)
        return "undone"

    @workflow.update(name="apply", description="Apply what the preview showed; for an admin, by id.")
    async def apply(self, by: PersonId) -> None:
        await self._begin("apply", RolloutActivities.begin_applying, by)

    @workflow.update(name="undo", description="Take everything back; for an admin, by id.")
    async def undo(self, by: PersonId) -> None:
        await self._begin("undo", RolloutActivities.begin_undoing, by)

    @workflow.query(name="phase", description="How far the rollout is.")
    def phase(self) -> str:
        return f"{self._phase}, up to ticket {self._after}" if self._after else self._phase

    async def _begin(self, phase: Phase, activity: Any, by: PersonId) -> None:
        """Begin a phase, if the database lets it: that knows first when the one before it is over. Asking twice is
        harmless."""
        async with self._lock:
            if self._phase in (phase, _DONE[phase]):
                return
            await self._do(activity, by=by)
            self._by = by
            self._enter(phase)

    def _end(self, phase: Phase) -> None:
        """A phase is over, unless the next one has begun already."""
        if self._phase == phase:
            self._enter(_DONE[phase])

    def _enter(self, phase: Phase) -> None:
        self._phase, self._after = phase, TicketNumber(0)
        workflow.set_current_details(f"rollout {self._id}: {phase}")

    async def _wait_for(self, phase: Phase, time: timedelta) -> bool:
        """Whether somebody asked for it in time."""
        try:
            await workflow.wait_condition(
                lambda: self._phase == phase, timeout=time, timeout_summary=f"until then: {phase}"
            )
        except TimeoutError:
            await workflow.wait_condition(workflow.all_handlers_finished)
        return self._phase == phase

    async def _all_pages(self, activity: Any) -> None:
        """Page after page, until there is none; a long way goes on in a fresh history."""
        while (last := await self._do(activity)) is not None:
            self._after = last
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(RolloutStart(id=self._id, phase=self._phase, after=self._after, by=self._by))

    async def _do(self, activity: Any, by: PersonId | None = None) -> Any:
        step = Step(rollout_id=self._id, after=self._after, by=by or self._by)
        try:
            return await workflow.execute_activity_method(
                activity,
                step,
                start_to_close_timeout=PAGE_TAKES,
                heartbeat_timeout=SILENT_FOR,
                retry_policy=PATIENT,
                summary=f"{self._phase}, after ticket {self._after}",
            )
        except FailureError as failure:
            refusal = refusal_of(failure)
            if refusal is not None:
                raise refusal from failure
            raise
