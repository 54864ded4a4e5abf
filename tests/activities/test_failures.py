"""How a refusal crosses the engine and comes out as what it was."""

import pytest
from temporalio import exceptions
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutType

from activities.failures import failure_of, refusal_of
from domain.errors import DomainError, TicketClosedError

EVERY_REFUSAL = [kind("The printer is on fire.") for kind in DomainError.by_code.values()]


def code_of(refusal: DomainError) -> str:
    return refusal.code


def activity_error() -> ActivityError:
    return ActivityError(
        "activity failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="worker",
        activity_type="record",
        activity_id="1",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )


async def over_the_wire(failure: BaseException) -> BaseException:
    """The failure as the other side gets it."""
    sent = Failure()
    await pydantic_data_converter.encode_failure(failure, sent)
    return await pydantic_data_converter.decode_failure(Failure.FromString(sent.SerializeToString()))


@pytest.mark.parametrize("refusal", EVERY_REFUSAL, ids=code_of)
async def test_every_refusal_comes_out_as_what_it_was(refusal: DomainError) -> None:
    received = await over_the_wire(failure_of(refusal))

    told = refusal_of(received)

    assert type(told) is type(refusal)
    assert told is not None
    assert told.detail == refusal.detail
    assert isinstance(received, ApplicationError)
    assert received.non_retryable


@pytest.mark.parametrize("refusal", EVERY_REFUSAL, ids=code_of)
async def test_a_refusal_is_found_under_what_the_engine_wrapped_around_it(refusal: DomainError) -> None:
    wrapped = activity_error()
    wrapped.__cause__ = failure_of(refusal)

    told = refusal_of(await over_the_wire(wrapped))

    assert type(told) is type(refusal)


async def test_a_refusal_that_nobody_turned_into_a_failure_has_lost_its_code() -> None:
    """The engine names a plain exception by its class. So workflows have a guard that turns refusals into failures."""
    received = await over_the_wire(TicketClosedError("Reopen it first."))

    assert refusal_of(received) is None
    assert refusal_of(await over_the_wire(failure_of(TicketClosedError("Reopen it first.")))) is not None


@pytest.mark.parametrize(
    "fault",
    [
        ApplicationError("a bug", type="ValueError"),
        ApplicationError("no type"),
        ApplicationError("the root of the tree is no refusal", type=DomainError.code),
        exceptions.TimeoutError("too late", type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=[]),
        ValueError("a bug"),
        activity_error(),
    ],
    ids=repr,
)
def test_a_fault_is_no_refusal(fault: BaseException) -> None:
    assert refusal_of(fault) is None


def test_what_did_not_fail_is_no_refusal() -> None:
    assert refusal_of(None) is None
