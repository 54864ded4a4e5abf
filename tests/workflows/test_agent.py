"""What an agent's workflow does by itself and when asked, on a server whose clock can be moved."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.testing import WorkflowEnvironment

from domain.agent import Presence
from domain.agent_commands import EndBreak, EndShift, SetPresence, StartShift
from domain.errors import NotFoundError, ShiftNotFoundError, ShiftNotOnError
from domain.ids import PersonId, ShiftId
from tests import agent_factories, factories
from tests.agent_factories import LUNCH, SHIFT
from tests.workflows.agent_desk import AgentDesk, agent_desk
from tests.workflows.engine_desk import eventually
from workflows.agent import AgentStart, AgentWorkflow
from workflows.agent_client import AgentClient
from workflows.client import EngineUnavailableError
from workflows.plan_relay import PlanRelay

ONLINE, BUSY, BREAK, AWAY, OFFLINE = Presence
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def desk(time_skipping_env: WorkflowEnvironment) -> AsyncIterator[AgentDesk]:
    async with agent_desk(time_skipping_env) as desk:
        yield desk


async def test_a_command_is_done_and_answered(desk: AgentDesk) -> None:
    agent = await desk.running()

    receipt = await desk.send(agent, SetPresence(presence=BUSY))

    assert receipt.revision == desk.memory.states[agent].revision == 1
    assert await desk.agents.state(agent) == desk.memory.states[agent]
    assert desk.told(agent) == [(BUSY, "by_hand")]


async def test_the_same_command_is_done_once(desk: AgentDesk) -> None:
    agent = await desk.running()
    command = factories.command_id(f"once for {agent}")

    first = await desk.send(agent, SetPresence(presence=BUSY), id=command)
    await desk.send(agent, SetPresence(presence=ONLINE))
    again = await desk.send(agent, SetPresence(presence=BUSY), id=command)

    assert first == again
    assert desk.memory.states[agent].presence is ONLINE


async def test_a_refusal_leaves_no_trace(desk: AgentDesk) -> None:
    agent = await desk.running()

    with pytest.raises(ShiftNotOnError):
        await desk.send(agent, EndShift(shift_id=SHIFT))

    history = await desk.handle(agent).fetch_history()
    accepted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    assert accepted not in {event.event_type for event in history.events}


async def test_nobody_is_no_agent(desk: AgentDesk) -> None:
    with pytest.raises(NotFoundError):
        await desk.send(factories.person_id("nobody"), SetPresence(presence=BUSY))


async def test_an_agent_whose_app_is_gone_becomes_away_after_the_grace_time(desk: AgentDesk) -> None:
    agent = await desk.running(ONLINE)
    await desk.agents.streams_changed(agent, connected=True)
    await desk.agents.streams_changed(agent, connected=False)

    await desk.passes(58 * SECOND)
    assert (await desk.settled(agent)).presence is ONLINE
    await desk.passes(4 * SECOND)

    state = await desk.becomes(agent, AWAY)
    assert state.cause == "disconnected"
    await desk.agents.streams_changed(agent, connected=True)
    assert (await desk.becomes(agent, ONLINE)).cause == "reconnected"


async def test_an_absence_counts_from_when_it_began(desk: AgentDesk) -> None:
    """The app of a process that was killed is found gone some time later."""
    agent = await desk.running(ONLINE, is_connected=True)
    await desk.passes(5 * MINUTE)

    await desk.agents.streams_changed(agent, connected=False, at=await desk.now() - 50 * SECOND)
    await desk.passes(12 * SECOND)

    assert (await desk.settled(agent)).presence is AWAY


async def test_a_short_absence_is_not_told(desk: AgentDesk) -> None:
    agent = await desk.running(ONLINE, is_connected=True)
    await desk.agents.streams_changed(agent, connected=False)
    await desk.passes(30 * SECOND)
    await desk.agents.streams_changed(agent, connected=True)

    await desk.passes(DAY)

    assert (await desk.settled(agent)).presence is ONLINE
    assert desk.told(agent) == []


async def test_a_day_goes_by_plan(desk: AgentDesk) -> None:
    shift = await desk.shift(HOUR, 8 * HOUR)
    begin = shift.starts_at
    lunch = agent_factories.lunch(starts_at=begin + 3 * HOUR, ends_at=begin + 4 * HOUR)
    agent = await desk.running(OFFLINE, shift.model_copy(update={"breaks": (lunch,)}), is_connected=True)

    await desk.passes(10 * HOUR)

    assert (await desk.settled(agent)).presence is OFFLINE
    assert desk.told(agent) == [
        (ONLINE, "shift_started"), (BREAK, "break_started"), (ONLINE, "break_ended"), (OFFLINE, "shift_ended")
    ]  # fmt: skip
    assert desk.types(agent) == [
        "shift.started", "agent.presence_changed", "agent.reminded", "break.started", "agent.presence_changed",
        "break.ended", "agent.presence_changed", "agent.reminded", "shift.ended", "agent.presence_changed",
    ]  # fmt: skip
    assert [change.at - begin for change in desk.memory.changes[agent]] == [
        timedelta(), 3 * HOUR - 5 * MINUTE, 3 * HOUR, 4 * HOUR, 8 * HOUR - 15 * MINUTE, 8 * HOUR
    ]  # fmt: skip


async def test_the_next_days_shifts_come_too_without_anybody_saying_so(desk: AgentDesk) -> None:
    """Beyond the first plan's reach: it is looked at each day."""
    far = await desk.shift(20 * DAY, HOUR)
    agent = await desk.running(OFFLINE, far)

    await desk.passes(21 * DAY)

    await desk.becomes(agent, OFFLINE)
    assert (await desk.settled(agent)).presence is OFFLINE
    assert desk.told(agent) == [(AWAY, "shift_started"), (OFFLINE, "shift_ended")]


async def test_a_plan_that_was_changed_counts_at_once(desk: AgentDesk) -> None:
    agent = await desk.running(OFFLINE, await desk.shift(5 * HOUR, HOUR), is_connected=True)

    desk.memory.shifts[agent] = [await desk.shift(HOUR, 8 * HOUR, agent_id=agent)]
    await desk.agents.plan_changed(agent)
    await desk.settled(agent)
    await desk.passes(2 * HOUR)

    assert (await desk.settled(agent)).presence is ONLINE


async def test_a_cancelled_shift_ends_when_the_plan_is_changed(desk: AgentDesk) -> None:
    agent = await desk.running(OFFLINE, await desk.shift(HOUR, 8 * HOUR), is_connected=True)
    await desk.passes(2 * HOUR)
    await desk.becomes(agent, ONLINE)

    desk.memory.shifts[agent] = []
    await desk.agents.plan_changed(agent)

    assert (await desk.becomes(agent, OFFLINE)).shift is None


async def test_a_shift_published_just_now_can_be_started_before_the_workflow_heard_of_it(desk: AgentDesk) -> None:
    agent = await desk.running()
    desk.memory.shifts[agent] = [await desk.shift(30 * MINUTE, HOUR, agent_id=agent)]

    await desk.send(agent, StartShift(shift_id=SHIFT))

    assert desk.told(agent) == [(ONLINE, "shift_started")]
    with pytest.raises(ShiftNotFoundError):
        await desk.send(agent, StartShift(shift_id=ShiftId(99)))


async def test_a_command_after_a_boundary_comes_after_it(desk: AgentDesk) -> None:
    """Also when the engine has not rung for the boundary yet."""
    agent = await desk.running(OFFLINE, await desk.shift(HOUR, HOUR), is_connected=True)

    await desk.send(agent, SetPresence(presence=BUSY), at=await desk.now() + 90 * MINUTE)

    assert desk.told(agent) == [(ONLINE, "shift_started"), (BUSY, "by_hand")]


async def test_a_break_by_hand_ends_by_hand(desk: AgentDesk) -> None:
    agent = await desk.running(ONLINE)

    await desk.send(agent, SetPresence(presence=BREAK))
    await desk.passes(HOUR)
    await desk.send(agent, EndBreak())

    assert desk.told(agent) == [(BREAK, "break_started"), (ONLINE, "break_ended")]


async def test_a_boundary_that_comes_while_the_database_is_away_counts_when_it_is_back(desk: AgentDesk) -> None:
    shift = await desk.shift(HOUR, 8 * HOUR)
    agent = await desk.running(OFFLINE, shift, is_connected=True)
    desk.memory.is_down = True

    await desk.passes(HOUR + SECOND)
    desk.memory.is_down = False
    await desk.passes(MINUTE)

    state = await desk.becomes(agent, ONLINE)
    assert state.since == shift.starts_at


async def test_a_change_stored_by_an_attempt_that_did_not_live_to_tell_is_taken_over(desk: AgentDesk) -> None:
    agent = await desk.running()
    row = desk.memory.states[agent]
    desk.memory.states[agent] = row.model_copy(update={"revision": 5, "presence": AWAY, "chosen": AWAY})

    await desk.send(agent, SetPresence(presence=BUSY))

    assert desk.memory.states[agent].revision == 6
    assert desk.memory.changes[agent][-1].events[-1].type == "agent.presence_changed"
    assert await desk.agents.state(agent) == desk.memory.states[agent]


async def test_a_long_life_goes_on_in_a_fresh_history(desk: AgentDesk) -> None:
    agent = await desk.running(OFFLINE, await desk.shift(30 * DAY, HOUR))
    run = (await desk.handle(agent).describe()).run_id

    for presence in (ONLINE, BUSY) * 90:
        await desk.send(agent, SetPresence(presence=presence))

    await eventually(lambda: run_of(desk, agent), lambda now: now != run)
    await desk.send(agent, SetPresence(presence=AWAY))
    assert (await desk.settled(agent)).revision == 181


async def run_of(desk: AgentDesk, agent: PersonId) -> str | None:
    return (await desk.handle(agent).describe()).run_id


async def test_operators_read_what_timers_are_for(desk: AgentDesk) -> None:
    shift = await desk.shift(HOUR, HOUR, breaks=[agent_factories.lunch(id=LUNCH)])
    agent = await desk.running(OFFLINE, shift)

    await eventually(lambda: desk.timers(agent), bool)
    moments = await desk.handle(agent).query(AgentWorkflow.pending_timers)

    assert await desk.timers(agent) == [f"shift_starts at {shift.starts_at:%Y-%m-%d %H:%M:%SZ}"]
    assert [moment.kind for moment in moments] == ["shift_starts", "reload"]
    description = await desk.handle(agent).describe()
    assert await description.static_summary() == "an agent: presence, shifts and breaks"


async def test_who_is_no_agent_any_more_has_no_workflow(desk: AgentDesk) -> None:
    agent = factories.person_id("nobody at all")
    await desk.agents.start(agent)

    assert await desk.handle(agent).result() == "no such agent"
    assert AgentStart(agent_id=agent).state is None


class PlansThatChange:
    """The log of changed plans, in memory: places are numbers."""

    def __init__(self, *people: PersonId) -> None:
        self.log = list(people)

    async def after(self, place: str | None) -> "PlansChanged":
        return PlansChanged(self.log[int(place or 0) :], str(len(self.log)))


class PlansChanged(NamedTuple):
    people: list[PersonId]
    place: str


async def test_the_relay_tells_of_each_changed_plan_once(desk: AgentDesk) -> None:
    agent = await desk.running()
    changes = PlansThatChange(agent)
    relay = PlanRelay(changes, desk.agents)
    desk.memory.shifts[agent] = [await desk.shift(HOUR, HOUR, agent_id=agent)]

    told = [await relay.look(), await relay.look()]
    changes.log.append(agent)
    told.append(await relay.look())
    await desk.passes(90 * MINUTE)

    assert told == [1, 0, 1]
    assert (await desk.settled(agent)).presence is AWAY


async def test_a_relay_that_was_not_heard_stays_where_it_is(desk: AgentDesk) -> None:
    agent = await desk.running()
    silent = SilentAtFirst(desk)
    relay = PlanRelay(PlansThatChange(agent), silent)

    with pytest.raises(EngineUnavailableError):
        await relay.look()

    assert [await relay.look(), await relay.look()] == [1, 0]


class SilentAtFirst(AgentClient):
    """An engine that does not answer once."""

    def __init__(self, desk: AgentDesk) -> None:
        self._desk = desk
        self._is_silent = True

    async def plan_changed(self, agent: PersonId) -> None:
        if self._is_silent:
            self._is_silent = False
            raise EngineUnavailableError("no answer")
        await self._desk.agents.plan_changed(agent)
