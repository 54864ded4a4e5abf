"""The notifier of one person, as a durable workflow: the only one who decides what goes out to them, and when.

It looks whenever it is called, and when something that waits comes; each look is one activity, which decides everything
in one transaction. Each message that came of it is sent by a workflow of its own, so that a mail server that is away
holds back no push. The notifier ends when nothing waits; the next call begins it anew.
"""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel, ConfigDict

    from activities.notifications import NotificationActivities, NotifierReport
    from domain.ids import MessageId, PersonId
    from domain.message import MessageStart

SENDING = "MessageWorkflow"
LOOK_TAKES = timedelta(minutes=2)
SILENT_FOR = timedelta(seconds=30)
"""A look whose worker does not say for so long that it lives is begun anew elsewhere: an alarm is not to wait for a
worker that left."""
PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5))
REST = timedelta(seconds=1)
"""After each look: what comes in a storm is looked at together, by one run."""
LONGEST_WAIT = timedelta(days=1)
"""Without any call it looks again after so long, whatever the last look said."""
MAX_HISTORY_EVENTS = 2_000


class NotifierStart(BaseModel):
    """What a run begins with, and what it carries over."""

    model_config = ConfigDict(frozen=True)

    person: PersonId
    looks: int = 0
    started: tuple[MessageId, ...] = ()


def message_workflow_id(message: MessageId) -> str:
    return f"message-{message}"


@workflow.defn(name="NotifierWorkflow")
class NotifierWorkflow:
    """One person's notifier, `notify-<person>`."""

    @workflow.init
    def __init__(self, start: NotifierStart) -> None:
        self._person = start.person
        self._looks = start.looks
        self._started = frozenset(start.started)
        self._report: NotifierReport | None = None
        self._is_called = True

    @workflow.run
    async def run(self, start: NotifierStart) -> str:
        while True:
            self._is_called = False
            report = await self._look()
            await self._start(report)
            await workflow.sleep(REST, summary="rest")
            if report.is_over and not self._is_called:
                return "nothing waits"
            await self._wait(report)
            if self._is_long:
                workflow.continue_as_new(
                    NotifierStart(person=self._person, looks=self._looks, started=tuple(sorted(self._started))),
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

    @workflow.query(name="last_look", description="What the last look came to.")
    def last_look(self) -> NotifierReport | None:
        return self._report

    async def _look(self) -> NotifierReport:
        report = await workflow.execute_activity_method(
            NotificationActivities.decide_notifications,
            self._person,
            start_to_close_timeout=LOOK_TAKES,
            heartbeat_timeout=SILENT_FOR,
            retry_policy=PATIENT,
            summary=f"look {self._looks + 1}",
        )
        self._looks += 1
        self._report = report
        workflow.set_current_details(_spoken(self._looks, report))
        return report

    async def _start(self, report: NotifierReport) -> None:
        """Have every unsent message sent that this notifier has not started. One that another run has started goes on:
        they are known by their ids."""
        await asyncio.gather(*(_send(message) for message in report.unsent if message not in self._started))
        self._started = frozenset(report.unsent)

    async def _wait(self, report: NotifierReport) -> None:
        """Until it is called or the next moment comes. Whichever it is, a look follows: so nothing hangs on a clock
        that a replay may see otherwise."""
        moment = report.next_at
        until = LONGEST_WAIT if moment is None else min(moment - workflow.now(), LONGEST_WAIT)
        if until <= timedelta():
            return
        try:
            await workflow.wait_condition(
                lambda: self._is_called, timeout=until, timeout_summary=f"next look at {_at(moment)}"
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


async def _send(message: MessageId) -> None:
    try:
        await workflow.start_child_workflow(
            SENDING,
            MessageStart(message=message),
            id=message_workflow_id(message),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary="sends a message to one person",
        )
    except WorkflowAlreadyStartedError:
        return


def _at(moment: datetime | None) -> str:
    return "the latest" if moment is None else f"{moment:%Y-%m-%d %H:%M:%SZ}"


def _spoken(looks: int, report: NotifierReport) -> str:
    """One line for operators."""
    done = f"{report.decisions} decisions, {len(report.unsent)} messages not sent yet"
    return f"look {looks}: {done}; next look {'when called' if report.is_over else _at(report.next_at)}"
