"""What a command that was sent comes to, when the run that took it is gone before it answered."""

from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from domain.errors import TicketClosedError
from domain.ids import CommandId
from domain.ticket_commands import Receipt
from tests.workflows.engine_desk import EngineDesk
from workflows.client import EngineUnavailableError
from workflows.guard import INTERNAL_ERROR
from workflows.sending import answered

COMMAND = CommandId(uuid4())


async def failed(cause: ApplicationError) -> Receipt:
    raise WorkflowUpdateFailedError(cause)


async def told(client: Client, cause: ApplicationError) -> Any:
    return await answered(client, failed(cause), COMMAND, "digest")


async def test_a_run_that_ended_with_the_command_has_refused_nothing(desk: EngineDesk) -> None:
    with pytest.raises(EngineUnavailableError):
        await told(desk.client, ApplicationError("the workflow completed", type="AcceptedUpdateCompletedWorkflow"))


async def test_a_refusal_is_a_refusal_and_a_fault_a_fault(desk: EngineDesk) -> None:
    with pytest.raises(TicketClosedError):
        await told(desk.client, ApplicationError("It is closed.", type="ticket_closed"))
    with pytest.raises(WorkflowUpdateFailedError):
        await told(desk.client, ApplicationError("KeyError in the ticket's workflow", type=INTERNAL_ERROR))


async def test_what_the_engine_gave_up_by_itself_may_come_again(desk: EngineDesk) -> None:
    with pytest.raises(EngineUnavailableError):
        await told(desk.client, ApplicationError("given up", type="OfTheEngine"))
