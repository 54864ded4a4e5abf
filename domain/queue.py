"""How a team's queue stands, as its dispatcher tells it."""

from collections.abc import Collection
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from domain.assignment import absence
from domain.dispatch import Board
from domain.ids import TicketNumber
from domain.ticket import Slug


class QueueState(BaseModel):
    """`waiting` tickets need an owner, `offered` ones of them are offered to somebody, `there` is how many of the team
    take tickets now. `oldest_waiting_at` is when the first of the waiting ones was opened."""

    model_config = ConfigDict(frozen=True)

    team: Slug
    waiting: int
    offered: int
    there: int
    oldest_waiting_at: datetime | None


def queue_after(board: Board, given: Collection[TicketNumber], offered: Collection[TicketNumber]) -> QueueState:
    """The queue after a round that gave and offered these. What the round took back waits in the next one, which
    follows at once."""
    waiting = [one.ticket for one in board.queued if one.ticket.number not in given]
    return QueueState(
        team=board.rules.team,
        waiting=len(waiting),
        offered=sum(1 for ticket in waiting if ticket.offer is not None or ticket.number in offered),
        there=sum(1 for member in board.members if absence(member.candidate) is None),
        oldest_waiting_at=min((ticket.created_at for ticket in waiting), default=None),
    )
