"""Sends one mail about an account: tried for a day, ever less often, then given up. Its history knows the mail's id and
what became of it, and nobody's name or address."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.account_mails import AccountMailActivities, MailReport
    from domain.account_mail import GIVE_UP_AFTER
    from domain.ids import AccountMailId
    from domain.mail import MailOutcome

SENDING_TAKES = timedelta(minutes=1)
NOTING_TAKES = timedelta(seconds=10)
LESS_AND_LESS_OFTEN = RetryPolicy(
    initial_interval=timedelta(seconds=2), backoff_coefficient=2, maximum_interval=timedelta(minutes=15)
)
"""A server that greylists wants about five minutes; one that is away for a night costs a hundred attempts."""
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))


class AccountMailStart(BaseModel):
    """Which mail."""

    model_config = ConfigDict(frozen=True)

    mail: AccountMailId


@workflow.defn(name="AccountMailWorkflow")
class AccountMailWorkflow:
    """One mail, `account-mail-<id>`."""

    @workflow.run
    async def run(self, start: AccountMailStart) -> MailOutcome | None:
        """What became of the mail; None when there was nothing to send any more."""
        report = await self._sent(start.mail)
        if report is None:
            return None
        await workflow.execute_activity_method(
            AccountMailActivities.note_account_mail,
            report,
            start_to_close_timeout=NOTING_TAKES,
            retry_policy=PATIENT,
            summary="note what became of the mail",
        )
        return report.outcome

    async def _sent(self, mail: AccountMailId) -> MailReport | None:
        try:
            return await workflow.execute_activity_method(
                AccountMailActivities.send_account_mail,
                mail,
                schedule_to_close_timeout=GIVE_UP_AFTER,
                start_to_close_timeout=SENDING_TAKES,
                retry_policy=LESS_AND_LESS_OFTEN,
                summary="hand the mail to the server",
            )
        except ActivityError:
            return MailReport(mail=mail, outcome=MailOutcome.GIVEN_UP)
