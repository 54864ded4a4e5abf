"""How a team's queue stands after a round."""

from datetime import timedelta
from typing import Any

from domain.agent import Capacity, Presence
from domain.assignment import Candidate
from domain.dispatch import Board, Member, Queued, TeamRules
from domain.duty import Duty
from domain.ids import TicketNumber
from domain.offer import Offer
from domain.queue import QueueState, queue_after
from tests.factories import AGENT, NOW, OTHER_AGENT, ticket

HOUR = timedelta(hours=1)


def queued(number: int, **changes: Any) -> Queued:
    return Queued(ticket(number=number, team="support", created_at=NOW + number * HOUR, **changes))


def board(*waiting: Queued) -> Board:
    members = [
        Member(Candidate(id=id, presence=presence, skills={}, capacity=Capacity()), Duty(is_planned=False), NOW)
        for id, presence in ((AGENT, Presence.ONLINE), (OTHER_AGENT, Presence.ON_BREAK))
    ]
    return Board(TeamRules(team="support"), waiting, (), members)


def test_what_was_given_waits_no_more_and_what_was_offered_does() -> None:
    offered = queued(2, offer=Offer(to=(AGENT,), expires_at=NOW + HOUR))
    before = board(queued(1), offered, queued(3), queued(4))

    assert queue_after(before, {TicketNumber(1)}, {TicketNumber(3)}) == QueueState(
        team="support", waiting=3, offered=2, there=1, oldest_waiting_at=NOW + 2 * HOUR
    )


def test_an_empty_queue_has_no_oldest() -> None:
    assert queue_after(board(), (), ()) == QueueState(
        team="support", waiting=0, offered=0, there=1, oldest_waiting_at=None
    )
