"""What stands for sending a message, in a file of its own: the sandbox loads the whole file of a workflow."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.message import MessageStart

SEND = "send_message_of_a_test"


@workflow.defn(name="MessageWorkflow")
class SendingWorkflow:
    """One message."""

    @workflow.run
    async def run(self, start: MessageStart) -> None:
        await workflow.execute_activity(
            SEND,
            start.message,
            start_to_close_timeout=timedelta(minutes=1),
            heartbeat_timeout=timedelta(seconds=20),  # handed to a worker that left, it is begun anew
        )
