"""No message, however malformed, and no plain exception keeps a ticket from answering the next caller."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from domain.ticket import Ticket
from domain.ticket_commands import EscalateTicket
from tests import factories
from tests.workflows.engine_desk import EngineDesk, eventually, raw
from tests.workflows.faulty_workflow import FaultyWorkflow
from worker import sandbox
from workflows.guard import INTERNAL_ERROR, Guard

POISON_SIGNALS: dict[str, list[Any]] = {
    "no argument": [],
    "an argument too many": [{"type": "escalate"}, "extra"],
    "a number": [7],
    "nothing": [None],
    "a list": [[1, 2, 3]],
    "a text": ["escalate"],
    "a type that is no text": [{"type": {"deep": [1]}}],
    "an id that is no text": [{"type": "nonsense", "id": {"deep": 1}}],
    "no JSON": [raw(b"{not json")],
    "no known encoding": [raw(b"\xff\xfe", b"binary/riddle")],
    "invalid UTF-8": [raw(b'"\xff\xfe"')],
    "very deep JSON": [raw(b"[" * 5000 + b"]" * 5000)],
    "a number without end": [raw(b"9" * 6000)],
    "a lone surrogate": [raw(b'{"type": "\\ud800", "id": "\\udfff"}')],
}
POISON_UPDATES: dict[str, list[Any]] = {
    "no argument": [],
    "an argument too many": [{"id": str(uuid4()), "actor": {"kind": "timer"}, "command": {"type": "escalate"}}, 1],
    "a text": ["escalate"],
    "a number": [7],
    "nothing": [None],
    "half an envelope": [{"command": {"type": "escalate"}}],
    "an unknown command": [{"id": str(uuid4()), "actor": {"kind": "timer"}, "command": {"type": "explode"}}],
    "no JSON": [raw(b"{not json")],
    "no known encoding": [raw(b"\xff\xfe", b"binary/riddle")],
}


async def still_answers(desk: EngineDesk, ticket: Ticket) -> bool:
    return await desk.answers(ticket, factories.envelope(EscalateTicket()))


@pytest.mark.parametrize("poison", POISON_SIGNALS)
async def test_a_ticket_answers_after_a_poisonous_signal(desk: EngineDesk, ticket: Ticket, poison: str) -> None:
    await desk.handle(ticket).signal("submit", args=POISON_SIGNALS[poison])

    assert await still_answers(desk, ticket)


@pytest.mark.parametrize("signal", ["wake_up", "unheard_of"])
async def test_a_ticket_answers_after_every_poison_in_another_signal(
    desk: EngineDesk, ticket: Ticket, signal: str
) -> None:
    for poison in POISON_SIGNALS.values():
        await desk.handle(ticket).signal(signal, args=poison)

    assert await still_answers(desk, ticket)


@pytest.mark.parametrize("poison", POISON_UPDATES)
async def test_a_poisonous_update_is_refused_and_the_ticket_answers_the_next(
    desk: EngineDesk, ticket: Ticket, poison: str
) -> None:
    with pytest.raises(WorkflowUpdateFailedError):
        await desk.send_raw(ticket, "apply", *POISON_UPDATES[poison])

    assert await still_answers(desk, ticket)


async def test_every_poison_in_an_unknown_update_is_refused(desk: EngineDesk, ticket: Ticket) -> None:
    for poison in POISON_UPDATES.values():
        with pytest.raises(WorkflowUpdateFailedError):
            await desk.send_raw(ticket, "unheard_of", *poison)

    assert await still_answers(desk, ticket)


async def test_a_ticket_answers_after_a_reload_with_an_argument(desk: EngineDesk, ticket: Ticket) -> None:
    await desk.send_raw(ticket, "reload", "extra")

    assert await still_answers(desk, ticket)


async def test_what_is_unknown_is_answered_with_what_is_known(desk: EngineDesk, ticket: Ticket) -> None:
    assert "pending_timers" in await desk.handle(ticket).query("unheard_of")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await desk.send_raw(ticket, "unheard_of", {"any": "thing"})
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "invalid"


@pytest.fixture
async def faulty(engine: Client) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    queue = f"faulty-{uuid4()}"
    async with Worker(
        engine,
        task_queue=queue,
        workflows=[FaultyWorkflow],
        interceptors=[Guard()],
        workflow_runner=sandbox(),
    ):
        handle = await engine.start_workflow(FaultyWorkflow.run, id=queue, task_queue=queue)
        yield handle
        await handle.signal(FaultyWorkflow.finish)
        await handle.result()


@pytest.mark.parametrize("update", ["break_at_once", "break_later", "validated"])
async def test_a_plain_exception_fails_its_own_update_and_no_more(
    faulty: WorkflowHandle[Any, Any], update: str
) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await faulty.execute_update(update)

    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == INTERNAL_ERROR
    assert "nobody outside" not in failure.value.cause.message


async def test_a_refusal_keeps_its_code(faulty: WorkflowHandle[Any, Any]) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await faulty.execute_update("refuse")

    assert isinstance(failure.value.cause, ApplicationError)
    assert (failure.value.cause.type, failure.value.cause.non_retryable) == ("ticket_closed", True)


async def test_a_signal_that_breaks_is_dropped(faulty: WorkflowHandle[Any, Any]) -> None:
    await faulty.signal("break_signal")

    with pytest.raises(WorkflowUpdateFailedError):
        await faulty.execute_update("refuse")


async def test_a_wedged_ticket_would_be_reported(desk: EngineDesk, ticket: Ticket) -> None:
    assert ticket.number not in await desk.tickets.reported_problems()
    listed = await eventually(lambda: _running(desk), lambda numbers: ticket.number in numbers)
    assert ticket.number in listed


async def _running(desk: EngineDesk) -> set[int]:
    return {number async for number in desk.tickets.running()}
