"""Sends one message: tried for a day, ever less often, then given up. A push goes to each device on its own, so that
one that fails holds no other up. Its history knows ids and what became of it, and nobody's name, address or words."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.messages import MessageActivities
    from domain.ids import MessageId, PushSubscriptionId
    from domain.message import GIVE_UP_AFTER, GIVEN_UP, GONE, NO_DEVICE, Device, MessageReport, MessageStart, Route
    from domain.notification import Channel

SENDING_TAKES = timedelta(minutes=1)
READING_TAKES = timedelta(seconds=10)
LESS_AND_LESS_OFTEN = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_interval=timedelta(minutes=15)
)
"""A server that greylists wants about five minutes; one that is away for a night costs a hundred attempts."""
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
SENT = "sent"


@workflow.defn(name="MessageWorkflow")
class MessageWorkflow:
    """One message, `message-<id>`."""

    @workflow.run
    async def run(self, start: MessageStart) -> str | None:
        """`sent`, or the code of what kept it from being sent; None when there was nothing to send any more."""
        route = await self._route(start.message)
        if route is None:
            return None
        if route.channel is Channel.PUSH:
            return await self._push(start.message, route)
        return await self._note(await self._mail(start.message))

    async def _route(self, message: MessageId) -> Route | None:
        return await workflow.execute_activity_method(
            MessageActivities.route_message,
            message,
            start_to_close_timeout=READING_TAKES,
            retry_policy=PATIENT,
            summary="see which way it goes",
        )

    async def _mail(self, message: MessageId) -> MessageReport:
        try:
            return await workflow.execute_activity_method(
                MessageActivities.send_message,
                message,
                schedule_to_close_timeout=GIVE_UP_AFTER,
                start_to_close_timeout=SENDING_TAKES,
                retry_policy=LESS_AND_LESS_OFTEN,
                summary="hand the mail to the server",
            )
        except ActivityError:
            return MessageReport(message=message, failure=GIVEN_UP)

    async def _push(self, message: MessageId, route: Route) -> str:
        """The message counts as sent with the first device that has it."""
        ways = [asyncio.create_task(self._push_to(message, one)) for one in route.subscriptions]
        failures: list[str] = []
        is_sent = False
        for way in workflow.as_completed(ways):
            report = await way
            if report.failure is not None:
                failures.append(report.failure)
            elif not is_sent:
                is_sent = True
                await self._note(report)
        if is_sent:
            return SENT
        failure = next((one for one in failures if one != GONE), NO_DEVICE)
        return await self._note(MessageReport(message=message, failure=failure))

    async def _push_to(self, message: MessageId, subscription: PushSubscriptionId) -> MessageReport:
        try:
            return await workflow.execute_activity_method(
                MessageActivities.push_message,
                Device(message=message, subscription=subscription),
                schedule_to_close_timeout=GIVE_UP_AFTER,
                start_to_close_timeout=SENDING_TAKES,
                retry_policy=LESS_AND_LESS_OFTEN,
                summary="hand the push to its service",
            )
        except ActivityError:
            return MessageReport(message=message, failure=GIVEN_UP)

    async def _note(self, report: MessageReport) -> str:
        await workflow.execute_activity_method(
            MessageActivities.note_message,
            report,
            start_to_close_timeout=READING_TAKES,
            retry_policy=PATIENT,
            summary="note what became of the message",
        )
        return report.failure or SENT
