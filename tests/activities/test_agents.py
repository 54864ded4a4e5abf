"""The agent's activities: they ask records and plans, and a refusal comes back as a failure that is not retried."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.agents import AgentActivities, LoadedAgent
from activities.failures import refusal_of
from domain.agent import Presence
from domain.agent_commands import SetPresence
from domain.agent_events import AgentChange
from domain.agent_rules import decide
from domain.errors import RevisionMismatchError
from domain.ids import PersonId
from domain.presence import AgentState, PresenceRules
from domain.shift import Shift
from domain.ticket_commands import Receipt
from tests.agent_factories import agent, at, envelope, plan, shift
from tests.factories import AGENT, NOW

RULES = PresenceRules(grace=timedelta(seconds=7))
CHANGE = decide(agent(), plan(), envelope(SetPresence(presence=Presence.BUSY)), at("9:00"))
RECEIPT = Receipt(command_id=CHANGE.command_id, first_revision=1, revision=1, at=NOW)


class FakeDesk:
    """Keeps what it was asked, and answers with what it was given."""

    def __init__(self, state: AgentState | None = None, refusal: Exception | None = None) -> None:
        self._state = state
        self._refusal = refusal
        self.recorded: list[tuple[AgentChange, AgentState]] = []
        self.asked: list[tuple[PersonId, datetime, datetime]] = []

    async def load(self, agent: PersonId) -> tuple[AgentState, Sequence[Receipt]] | None:
        return None if self._state is None else (self._state, [RECEIPT])

    async def record(self, change: AgentChange, after: AgentState) -> Receipt:
        if self._refusal is not None:
            raise self._refusal
        self.recorded.append((change, after))
        return RECEIPT

    async def of(self, agent: PersonId, since: datetime, until: datetime) -> Sequence[Shift]:
        self.asked.append((agent, since, until))
        return [shift()]


def activities(desk: FakeDesk) -> AgentActivities:
    return AgentActivities(desk, desk, RULES)


async def test_an_agent_is_loaded_with_the_plan_of_fourteen_days_and_the_rules() -> None:
    desk = FakeDesk(agent())

    loaded = await ActivityEnvironment().run(activities(desk).load_agent, AGENT, NOW)

    assert loaded == LoadedAgent(
        state=agent(), receipts=(RECEIPT,), plan=plan(shift(), rules=RULES).model_copy(update={"loaded_at": NOW})
    )
    assert desk.asked == [(AGENT, NOW, NOW + timedelta(days=14))]


async def test_nobody_is_loaded_as_nobody() -> None:
    assert await ActivityEnvironment().run(activities(FakeDesk()).load_agent, AGENT, NOW) is None


async def test_a_change_is_recorded_with_what_the_agent_is_after_it() -> None:
    desk = FakeDesk()

    receipt = await ActivityEnvironment().run(activities(desk).record_agent, CHANGE, agent())

    ((change, after),) = desk.recorded
    assert (receipt, change) == (RECEIPT, CHANGE)
    assert (after.presence, after.revision, after.since) == (Presence.BUSY, 1, at("9:00"))


async def test_a_refusal_is_not_retried() -> None:
    desk = FakeDesk(refusal=RevisionMismatchError("it moved on"))

    with pytest.raises(ApplicationError) as raised:
        await ActivityEnvironment().run(activities(desk).record_agent, CHANGE, agent())

    assert raised.value.non_retryable
    assert isinstance(refusal_of(raised.value), RevisionMismatchError)


async def test_a_fault_is_left_to_be_retried() -> None:
    desk = FakeDesk(refusal=ConnectionError("the database is away"))

    with pytest.raises(ConnectionError):
        await ActivityEnvironment().run(activities(desk).record_agent, CHANGE, agent())
