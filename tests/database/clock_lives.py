"""Tickets that live with their clocks, as the worker keeps and stores them."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from activities.tickets import TicketActivities
from database.tickets import TicketStore
from domain.business_calendar import ALWAYS_OPEN, BusinessCalendar
from domain.ids import PersonId
from domain.lifecycle import opened
from domain.people import TIMER, Actor
from domain.sla_clock import ClockKey, TicketSla
from domain.sla_keeping import begin
from domain.sla_policy import Conditions, Goal, Goals, SlaPolicy, Terms
from domain.ticket import Priority, Slug, Ticket
from domain.ticket_commands import AddReply, BreachTarget, TicketCommand
from domain.ticket_events import TicketOpened
from domain.ticket_rules import decide
from tests.database.storing import state_of, stored_text
from tests.factories import BY_AGENT, NOW, envelope, opening_change, wording
from tests.workflows.records import NoRollouts, NoSeniors

GOALS = Goals(first_response=Goal(minutes=60), resolution=Goal(minutes=240))
GOAL_OF_ALL = dict.fromkeys(Priority, GOALS)
NETWORK = SlaPolicy(conditions=Conditions(teams=("network",)), goals=GOAL_OF_ALL)
TERMS = {
    1: Terms(1, 1, NETWORK, 1, ALWAYS_OPEN, "test"),
    2: Terms(2, 2, SlaPolicy(goals=GOAL_OF_ALL, team_goals=GOAL_OF_ALL), 1, ALWAYS_OPEN, "test"),
}


class FixedTerms:
    """A desk on which every ticket has an hour for its answer and four for its end, for the customer and, but for
    team `network`, for the team."""

    zone_data = "test"

    async def offer_to(self, requester: PersonId) -> tuple[Slug, tuple[Terms, ...]]:
        return "standard", tuple(TERMS.values())

    async def terms_of(self, sla: TicketSla | None) -> Terms | None:
        return None if sla is None or sla.policy_version is None else TERMS[sla.policy_version]

    async def terms_at(self, policy_version: int | None, calendar_version: int | None) -> Terms | None:
        return None if policy_version is None else TERMS[policy_version]

    async def calendars_of(self, slas: Iterable[TicketSla | None]) -> Callable[[int], BusinessCalendar]:
        return {1: ALWAYS_OPEN}.__getitem__


class Life:
    """A ticket whose clocks are kept and stored as the worker does."""

    def __init__(self, store: TicketStore, ticket: Ticket) -> None:
        self._store = store
        self._activities = TicketActivities(store, FixedTerms(), NoSeniors(), NoRollouts())
        self.ticket = ticket

    @classmethod
    async def begun(cls, store: TicketStore, *, at: datetime = NOW, **fields: Any) -> "Life":
        change = opening_change(await store.next_number(), at=at, **fields)
        event = change.events[0]
        assert isinstance(event, TicketOpened)
        sla = begin(opened(change.number, event, at), TERMS[2], "test")
        change = change.model_copy(update={"events": (event.model_copy(update={"sla": sla}),)})
        await store.open(change, wording(change))
        return cls(store, await state_of(store, change.number))

    async def does(self, command: TicketCommand, at: datetime, by: Actor = BY_AGENT) -> None:
        await self._activities.record(decide(self.ticket, envelope(command, actor=by), at), self.ticket)
        self.ticket = await state_of(self._store, self.ticket.number)

    async def answered(self, at: datetime) -> None:
        await self.does(AddReply(text_id=await stored_text(self._store, self.ticket.number)), at)

    async def breached(self, key: ClockKey) -> None:
        """The timer rings at the moment at which the clock is due."""
        assert self.ticket.sla is not None
        clock = self.ticket.sla.at(key)
        assert clock is not None
        assert clock.due_at is not None
        await self.does(BreachTarget(**key._asdict()), clock.due_at, TIMER)
