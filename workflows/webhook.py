"""Delivers what waits for one webhook, for as long as something does. What waits and what became of it is in the
database; the workflow knows when to look again, and its history knows numbers only."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.webhooks import WebhookActivities, WebhookReport
    from domain.ids import WebhookId

ROUND_TAKES = timedelta(seconds=90)
SILENT_FOR = timedelta(seconds=30)
"""A round whose worker does not say for so long that it lives is begun anew elsewhere. No call takes as long."""
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
SHORTEST_WAIT = timedelta(milliseconds=50)
LONGEST_WAIT = timedelta(hours=6)
MAX_HISTORY_EVENTS = 2_000


class WebhookStart(BaseModel):
    """Which webhook, and on which task queue its calls are made."""

    model_config = ConfigDict(frozen=True)

    webhook: WebhookId
    calls: str
    rounds: int = 0


@workflow.defn(name="WebhookWorkflow")
class WebhookWorkflow:
    """One webhook, `webhook-<id>`."""

    @workflow.init
    def __init__(self, start: WebhookStart) -> None:
        self._start = start
        self._rounds = start.rounds
        self._is_called = True

    @workflow.run
    async def run(self, start: WebhookStart) -> int:
        """How many rounds it took until nothing waited any more."""
        while True:
            self._is_called = False
            report = await self._round()
            if report.next_at is None and not self._is_called:
                return self._rounds
            await self._wait(report.next_at)
            if self._is_long:
                workflow.continue_as_new(
                    start.model_copy(update={"rounds": self._rounds}),
                    initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
                    if workflow.info().is_target_worker_deployment_version_changed()
                    else None,
                )

    @workflow.signal(name="look", description="Something waits: look now.")
    def look(self) -> None:
        self._is_called = True

    @workflow.signal(name="wake_up", description="Look around, e.g. after a deploy.")
    def wake_up(self) -> None:
        self._is_called = True

    async def _round(self) -> WebhookReport:
        report = await workflow.execute_activity_method(
            WebhookActivities.deliver_round,
            self._start.webhook,
            task_queue=self._start.calls,
            start_to_close_timeout=ROUND_TAKES,
            heartbeat_timeout=SILENT_FOR,
            retry_policy=PATIENT,
            summary=f"round {self._rounds + 1}",
        )
        self._rounds += 1
        workflow.set_current_details(_spoken(self._rounds, report))
        return report

    async def _wait(self, moment: datetime | None) -> None:
        """Until it is called or the next moment comes. Whichever it is, a round follows."""
        until = timedelta() if moment is None else min(moment - workflow.now(), LONGEST_WAIT)
        try:
            await workflow.wait_condition(
                lambda: self._is_called,
                timeout=max(until, SHORTEST_WAIT),
                timeout_summary="the next look",
            )
        except TimeoutError:
            return

    @property
    def _is_long(self) -> bool:
        info = workflow.info()
        return (
            info.is_continue_as_new_suggested()
            or info.get_current_history_length() > MAX_HISTORY_EVENTS
            or info.is_target_worker_deployment_version_changed()
        )


def _spoken(rounds: int, report: WebhookReport) -> str:
    """One line for operators."""
    then = "nothing waits" if report.next_at is None else f"next look {report.next_at:%Y-%m-%d %H:%M:%SZ}"
    return f"round {rounds}: {report.delivered} delivered, {report.failed} attempts failed; {then}"
