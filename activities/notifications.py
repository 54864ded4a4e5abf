"""Decides what goes out to a person, with the facts of the moment, and says what is left to do."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.alive import alive
from domain.ids import MessageId, PersonId
from domain.notification_plan import Facts, Plan, plan


class Planned(Protocol):
    """What is left to do for a person after a plan."""

    @property
    def unsent(self) -> Sequence[MessageId]: ...
    @property
    def next_at(self) -> datetime | None: ...
    @property
    def is_over(self) -> bool: ...
    @property
    def decisions(self) -> int: ...


class NotificationPlans(Protocol):
    """Where facts are found and decisions are kept: both in one transaction."""

    async def carry_out(self, person: PersonId, now: datetime, plan: Callable[[Facts, datetime], Plan]) -> Planned: ...


class NotifierReport(BaseModel):
    """What a look came to, for the notifier and for operators. It stays in the workflow's history, so it names nobody.

    `unsent`: messages that are neither sent nor failed, also of earlier looks. `next_at`: when something that waits
    comes. `is_over`: nothing waits for a decision.
    """

    model_config = ConfigDict(frozen=True)

    unsent: tuple[MessageId, ...] = ()
    next_at: datetime | None = None
    is_over: bool = False
    decisions: int = 0


class NotificationActivities:
    """A look is harmless to repeat: what was decided is among the facts, and a message that was made stays unsent until
    somebody has sent it."""

    def __init__(self, plans: NotificationPlans, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._plans = plans
        self._clock = clock

    @activity.defn
    async def decide_notifications(self, person: PersonId) -> NotifierReport:
        """One look at everything that waits for this person."""
        async with alive():
            planned = await self._plans.carry_out(person, self._clock(), plan)
        return NotifierReport(
            unsent=tuple(planned.unsent),
            next_at=planned.next_at,
            is_over=planned.is_over,
            decisions=planned.decisions,
        )
