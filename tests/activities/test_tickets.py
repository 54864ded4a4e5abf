"""The ticket's two activities: they ask the records, and a refusal comes back as a failure that is not retried."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.failures import refusal_of
from activities.tickets import Loaded, Recorded, TicketActivities
from domain.errors import AssigneeUnavailableError, DomainError, RevisionMismatchError, UnknownReferenceError
from domain.ids import TicketNumber
from domain.ticket import Ticket
from domain.ticket_commands import Receipt
from domain.ticket_events import TicketAssigned, TicketChange
from tests.factories import AGENT, NOW, NUMBER, change, ticket
from tests.workflows.records import NoRollouts, NoSeniors, NoTerms

ASSIGNED = change(ticket(), TicketAssigned(assignee_id=AGENT, previous_id=None), fingerprint="digest")
RECEIPT = Receipt(command_id=ASSIGNED.command_id, first_revision=2, revision=2, fingerprint="digest", at=NOW)


class FakeRecords:
    """Keeps what it was asked, and answers with what it was given."""

    def __init__(self, answer: Ticket | Receipt | Exception | None) -> None:
        self.asked: list[TicketNumber | TicketChange] = []
        self._answer = answer

    async def load(self, number: TicketNumber) -> tuple[Ticket, Sequence[Receipt]] | None:
        self.asked.append(number)
        assert self._answer is None or isinstance(self._answer, Ticket)
        return None if self._answer is None else (self._answer, [RECEIPT])

    async def record(self, change: TicketChange) -> Receipt:
        self.asked.append(change)
        if isinstance(self._answer, Exception):
            raise self._answer
        assert isinstance(self._answer, Receipt)
        return self._answer


async def run(activity: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
    return await ActivityEnvironment().run(activity, *arguments)


@pytest.mark.parametrize("found", [ticket(), None], ids=["there", "not there"])
async def test_a_ticket_is_loaded_as_the_records_have_it(found: Ticket | None) -> None:
    records = FakeRecords(found)

    loaded = await run(TicketActivities(records, NoTerms(), NoSeniors(), NoRollouts()).load_ticket, NUMBER)

    assert loaded == (None if found is None else Loaded(ticket=found, receipts=(RECEIPT,)))
    assert records.asked == [NUMBER]


async def test_a_change_is_recorded_and_answered_with_its_receipt() -> None:
    records = FakeRecords(RECEIPT)

    assert await run(
        TicketActivities(records, NoTerms(), NoSeniors(), NoRollouts()).record, ASSIGNED, ticket()
    ) == Recorded(receipt=RECEIPT)
    assert records.asked == [ASSIGNED]


@pytest.mark.parametrize(
    "refusal",
    [
        AssigneeUnavailableError("They left."),
        UnknownReferenceError("No such team."),
        RevisionMismatchError("Look again."),
    ],
    ids=lambda refusal: str(refusal.code),
)
async def test_a_refusal_is_a_failure_with_its_code_that_is_never_retried(refusal: DomainError) -> None:
    with pytest.raises(ApplicationError) as failure:
        await run(
            TicketActivities(FakeRecords(refusal), NoTerms(), NoSeniors(), NoRollouts()).record, ASSIGNED, ticket()
        )

    assert (failure.value.type, failure.value.message) == (refusal.code, refusal.detail)
    assert failure.value.non_retryable
    told = refusal_of(failure.value)
    assert type(told) is type(refusal)


@pytest.mark.parametrize("fault", [ConnectionError("the database is away"), ValueError("a bug")], ids=repr)
async def test_a_fault_stays_a_fault_and_is_retried(fault: Exception) -> None:
    with pytest.raises(type(fault)) as raised:
        await run(TicketActivities(FakeRecords(fault), NoTerms(), NoSeniors(), NoRollouts()).record, ASSIGNED, ticket())

    assert raised.value is fault
    assert refusal_of(raised.value) is None
