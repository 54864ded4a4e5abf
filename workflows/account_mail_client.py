"""How the workflows that send mails about accounts are started."""

from datetime import timedelta

from temporalio.client import Client

from domain.ids import AccountMailId
from workflows.account_mail import AccountMailStart, AccountMailWorkflow
from workflows.client import TASK_QUEUE, start_or_join


def account_mail_workflow_id(mail: AccountMailId) -> str:
    return f"account-mail-{mail}"


class AccountMailClient:
    """Starts them."""

    def __init__(self, client: Client, timeout_seconds: float, task_queue: str = TASK_QUEUE) -> None:
        self._client = client
        self._timeout = timedelta(seconds=timeout_seconds)
        self.task_queue = task_queue

    async def send(self, mail: AccountMailId) -> None:
        """Have the mail sent. Harmless to repeat: one that is being sent goes on, one that was sent is not sent again.
        Raises EngineUnavailableError."""
        await start_or_join(
            self._client,
            AccountMailWorkflow.run,
            AccountMailStart(mail=mail),
            id=account_mail_workflow_id(mail),
            task_queue=self.task_queue,
            timeout=self._timeout,
            static_summary="sends a mail about an account",
        )
