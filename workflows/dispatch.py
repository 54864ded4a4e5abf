"""A team's dispatcher, as a durable workflow: the only one who gives the team's tickets by itself.

It looks whenever it is called, and when the last round said that something would change by itself; each look is one
activity. What people do by hand goes to the ticket's own workflow, which refuses whatever came too late.
"""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ConfigDict

    from activities.dispatch import DispatchActivities, RoundReport
    from domain.ticket import Slug

ROUND_TAKES = timedelta(minutes=5)
SILENT_FOR = timedelta(seconds=30)
"""A round whose worker does not say for so long that it lives is begun anew elsewhere."""
PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5))
AFTER_REFUSALS = timedelta(seconds=1)
"""What was refused was overtaken, and whatever overtook it calls as well; this is for the case that it does not."""
SHORTEST_WAIT = timedelta(milliseconds=50)
LONGEST_WAIT = timedelta(hours=6)
"""Without any call it looks again after so long, whatever the last round said."""
MAX_HISTORY_EVENTS = 2_000


class DispatchStart(BaseModel):
    """What a run begins with, and what it carries over."""

    model_config = ConfigDict(frozen=True)

    team: Slug
    rounds: int = 0
    report: RoundReport | None = None


@workflow.defn(name="DispatchWorkflow")
class DispatchWorkflow:
    """The dispatcher of one team, for as long as the team is at work."""

    @workflow.init
    def __init__(self, start: DispatchStart) -> None:
        self._team = start.team
        self._rounds = start.rounds
        self._report = start.report
        self._is_called = True

    @workflow.run
    async def run(self, start: DispatchStart) -> str:
        while True:
            self._is_called = False
            report = await self._look()
            if report.is_over and not self._is_called:
                return f"team {self._team} is not at work"
            if report.given + report.offered + report.taken_back == 0:
                await self._wait(report)
            if self._is_long:
                workflow.continue_as_new(
                    DispatchStart(team=self._team, rounds=self._rounds, report=self._report),
                    initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
                    if workflow.info().is_target_worker_deployment_version_changed()
                    else None,
                )

    @workflow.signal(name="look", description="Something may have changed: look again.")
    def look(self) -> None:
        self._is_called = True

    @workflow.signal(name="wake_up", description="Look around, e.g. after a deploy.")
    def wake_up(self) -> None:
        self._is_called = True

    @workflow.query(name="last_round", description="What the last round came to.")
    def last_round(self) -> RoundReport | None:
        return self._report

    async def _look(self) -> RoundReport:
        report = await workflow.execute_activity_method(
            DispatchActivities.dispatch_round,
            self._team,
            start_to_close_timeout=ROUND_TAKES,
            heartbeat_timeout=SILENT_FOR,
            retry_policy=PATIENT,
            summary=f"round {self._rounds + 1}",
        )
        self._rounds += 1
        self._report = report
        workflow.set_current_details(_spoken(self._rounds, report))
        return report

    async def _wait(self, report: RoundReport) -> None:
        """Until it is called or the next moment comes. Whichever it is, a round follows: so nothing hangs on a clock
        that a replay may see otherwise."""
        moment = report.next_at
        until = LONGEST_WAIT if moment is None else min(moment - workflow.now(), LONGEST_WAIT)
        if report.refused:
            until = min(until, AFTER_REFUSALS)
        try:
            await workflow.wait_condition(
                lambda: self._is_called,
                timeout=max(until, SHORTEST_WAIT),
                timeout_summary="refused orders" if report.refused else f"next look at {_at(moment)}",
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


def _at(moment: datetime | None) -> str:
    return "the latest" if moment is None else f"{moment:%Y-%m-%d %H:%M:%SZ}"


def _spoken(rounds: int, report: RoundReport) -> str:
    """One line for operators."""
    done = f"{report.given} given, {report.offered} offered, {report.taken_back} taken back, {report.refused} refused"
    return f"round {rounds}: {report.waiting} waiting, {report.members} agents; {done}; next look {_at(report.next_at)}"
