"""The proof of a run: it sees two owners and too much load in a log, and nothing where nothing is."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from domain.agent import Capacity
from domain.ids import TicketNumber
from domain.ticket import Status
from domain.ticket_events import TicketAssigned, TicketEvent, TicketStatusChanged
from operations.bench_dispatch.carried import OVERLAP, Account, Told, account_of
from tests.factories import AGENT, NOW, OTHER_AGENT, opening_change

SECOND = timedelta(seconds=1)


class Log:
    """An event log that grows; every change is a transaction of its own, a second after the last one."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._seconds = 0.0

    def has(self, number: int, *events: TicketEvent, after: float = 10) -> "Log":
        self._seconds += after
        moment = NOW + self._seconds * SECOND
        transaction = len(self._told) + 1
        for event in events:
            self._told.append(Told(len(self._told) + 1, transaction, TicketNumber(number), NOW, moment, event))
        return self

    def opens(self, *numbers: int) -> "Log":
        for number in numbers:
            self.has(number, *opening_change(number, team="support").events)
        return self

    def account(self, **capacity: Any) -> Account:
        agents = dict.fromkeys([AGENT, OTHER_AGENT], Capacity(**capacity))
        return account_of(self._told, agents, {"support": 15})


def given(to: Any = AGENT, previous: Any = None, **changes: Any) -> TicketAssigned:
    return TicketAssigned(assignee_id=to, previous_id=previous, **{"by": "dispatch", **changes})


def became(status: Status, previous: Status) -> TicketStatusChanged:
    return TicketStatusChanged(
        status=status, previous=previous, reason="by_hand", resolved_at=NOW if status is Status.RESOLVED else None,
        closed_at=None,
    )  # fmt: skip


def over(account: Account) -> Sequence[str]:
    return [fault.split("carried ")[1] for fault in account.faults]


def test_a_full_place_that_is_freed_and_filled_again_is_no_fault() -> None:
    log = Log().opens(1, 2).has(1, given())
    account = log.has(1, became(Status.RESOLVED, Status.NEW)).has(2, given()).account(tickets=1)

    assert account.faults == []
    assert account.most == 1
    assert set(account.assigned) == {1, 2}


def test_too_many_tickets_or_minutes_are_a_fault() -> None:
    log = Log().opens(1, 2).has(1, given()).has(2, given())

    assert over(log.account(tickets=1)) == ["2 then"]
    assert over(log.account(minutes=20)) == ["30 minutes then"]


def test_an_override_is_none_but_it_counts_for_the_next() -> None:
    log = Log().opens(1, 2, 3).has(1, given()).has(2, given(override=True))
    assert log.account(tickets=1).faults == []

    assert over(log.has(3, given()).account(tickets=2)) == ["3 then"]


def test_what_was_reopened_counts_unless_it_was_so_at_the_same_time() -> None:
    reopened = became(Status.OPEN, Status.RESOLVED)
    early, late = Log(), Log()
    for log, after in ((early, OVERLAP.total_seconds() / 2), (late, 2 * OVERLAP.total_seconds())):
        log.opens(1, 2).has(1, given()).has(1, became(Status.RESOLVED, Status.NEW)).has(1, reopened)
        log.has(2, given(), after=after)

    assert early.account(tickets=1).faults == []
    assert over(late.account(tickets=1)) == ["2 then"]


def test_two_owners_are_a_fault() -> None:
    account = Log().opens(1).has(1, given()).has(1, given(OTHER_AGENT)).account()

    assert len(account.faults) == 2
    assert "was taken from None" in account.faults[0]
    assert "was given by dispatch although" in account.faults[1]


def test_who_reassigns_by_hand_names_the_owner_and_is_no_fault() -> None:
    assert Log().opens(1).has(1, given()).has(1, given(OTHER_AGENT, AGENT, by="hand")).account().faults == []


def test_waiting_is_told_in_the_order_of_the_first_owners() -> None:
    account = Log().opens(1, 2).has(2, given()).has(1, given(OTHER_AGENT)).account()

    assert account.waited_s() == [10, 30]
