"""What a day of an agent leaves in engine and database: the same in both, no personal text, a history that replays."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory

from database.agent_lives import AgentLifeStore
from database.pool import Pool
from database.shifts import ShiftStore
from domain.agent import Presence
from domain.agent_commands import AgentCommand, EndShift, SetPresence, StartShift
from domain.errors import DomainError
from domain.ids import PersonId, ShiftId
from domain.people import Actor, Role
from domain.presence import PresenceRules
from tests import agent_factories
from tests.workflows.agent_desk import agents_worker
from tests.workflows.engine_desk import eventually
from tests.workflows.recorded_histories import ABOUT_MACHINES, HISTORIES, readable, record, recorded, replayer, summary
from workflows.agent_client import AgentClient, agent_workflow_id

PLANTED = ("Plantedname", "planted.person")
SECOND = timedelta(seconds=1)
RULES = PresenceRules(grace=SECOND / 2, shift_reminder=SECOND, break_reminder=SECOND / 2)


class Life(NamedTuple):
    agent: PersonId
    lives: AgentLifeStore
    agents: AgentClient
    pool: Pool
    history: WorkflowHistory


@pytest.fixture(scope="module")
async def life(engine: Client, pool: Pool) -> AsyncIterator[Life]:
    """A worker that keeps no workflow in memory: every task replays the whole history."""
    queue = f"agent-life-{uuid4()}"
    lives, agents = AgentLifeStore(pool), AgentClient(engine, 30, queue)
    async with agents_worker(engine, lives, ShiftStore(pool), queue, RULES, max_cached_workflows=0):
        agent = await live(pool, lives, agents)
        history = await engine.get_workflow_handle(agent_workflow_id(agent)).fetch_history()
        yield Life(agent, lives, agents, pool, history)
        await engine.get_workflow_handle(agent_workflow_id(agent)).terminate("the test is over")


async def live(pool: Pool, lives: AgentLifeStore, agents: AgentClient) -> PersonId:
    """Lead an agent through a shift of some seconds, and return who it is."""
    agent = PersonId(uuid4())
    await pool.execute(
        "insert into people (id, email, name, role, password_hash) values ($1, $2, 'Plantedname', 'agent', '')",
        agent,
        f"planted.person.{agent}@example.com",
    )

    async def send(command: AgentCommand) -> None:
        await agents.apply(agent, agent_factories.envelope(command, actor=Actor.person(agent, Role.AGENT)))

    async def becomes(presence: Presence) -> None:
        await eventually(lambda: lives.read(agent), lambda record: record.state.presence is presence)

    await send(SetPresence(presence=Presence.BUSY))
    await send(SetPresence(presence=Presence.ON_BREAK))
    await send(SetPresence(presence=Presence.ONLINE))
    with pytest.raises(DomainError):
        await send(EndShift(shift_id=ShiftId(1)))
    with pytest.raises(DomainError):
        await send(StartShift(shift_id=ShiftId(10**9)))
    await agents.streams_changed(agent, connected=True)
    await agents.streams_changed(agent, connected=False)
    await becomes(Presence.AWAY)
    await agents.streams_changed(agent, connected=True)
    await becomes(Presence.ONLINE)
    await send(SetPresence(presence=Presence.OFFLINE))
    await plan(pool, agent)
    await agents.plan_changed(agent)
    for presence in (Presence.ONLINE, Presence.ON_BREAK, Presence.ONLINE, Presence.OFFLINE):
        await becomes(presence)
    await agents.reload(agent)
    return agent


async def plan(pool: Pool, agent: PersonId) -> None:
    """A shift of four seconds that begins in one, with a break of one second in it."""
    starts_at = datetime.now(UTC) + SECOND
    shift = await pool.fetchval(
        "insert into shifts (agent_id, starts_at, ends_at, status) values ($1, $2, $3, 'published') returning id",
        agent,
        starts_at,
        starts_at + 4 * SECOND,
    )
    await pool.execute(
        "insert into shift_breaks (shift_id, kind, starts_at, ends_at) values ($1, 'short_break', $2, $3)",
        shift,
        starts_at + SECOND,
        starts_at + 2 * SECOND,
    )


async def test_the_day_is_told_as_it_was(life: Life) -> None:
    rows = await life.pool.fetch(
        "select data ->> 'presence' as presence, data ->> 'cause' as cause from events "
        "where person_id = $1 and type = 'agent.presence_changed' order by id",
        life.agent,
    )

    assert [tuple(row) for row in rows] == [
        ("busy", "by_hand"),
        ("on_break", "break_started"),
        ("online", "by_hand"),
        ("away", "disconnected"),
        ("online", "reconnected"),
        ("offline", "by_hand"),
        ("online", "shift_started"),
        ("on_break", "break_started"),
        ("online", "break_ended"),
        ("offline", "shift_ended"),
    ]


async def test_engine_and_database_hold_the_same(life: Life) -> None:
    row = await life.pool.fetchrow(
        "select a.presence, a.presence_since, a.revision, s.started_at, s.ended_at, s.starts_at, s.ends_at, "
        "b.started_at = b.starts_at and b.ended_at = b.ends_at as break_went_by_plan "
        "from agents a join shifts s on s.agent_id = a.person_id join shift_breaks b on b.shift_id = s.id "
        "where a.person_id = $1",
        life.agent,
    )
    state = await life.agents.state(life.agent)

    assert row is not None
    assert state == (await life.lives.read(life.agent)).state
    assert (state.presence, state.since, state.revision) == (row["presence"], row["presence_since"], row["revision"])
    assert (row["started_at"], row["ended_at"]) == (row["starts_at"], row["ends_at"])
    assert row["break_went_by_plan"]


async def test_the_agent_was_reminded_of_both(life: Life) -> None:
    rows = await life.pool.fetch("select kind from notifications where person_id = $1 order by id", life.agent)

    assert [row["kind"] for row in rows] == ["break.due", "shift.ending"]


def test_no_payload_of_the_history_holds_a_personal_text(life: Life) -> None:
    for event in life.history.events:
        written = event.SerializeToString()
        found = [word for word in PLANTED if word.encode() in written]
        assert not found, f"{found} in {EventType.Name(event.event_type)}"


def test_every_timer_and_activity_says_what_it_is_for(life: Life) -> None:
    timers = [summary(event) for event in of_type(life, EventType.EVENT_TYPE_TIMER_STARTED)]
    activities = [
        summary(event)
        for event in of_type(life, EventType.EVENT_TYPE_MARKER_RECORDED)
        if event.marker_recorded_event_attributes.marker_name == "core_local_activity"
    ]

    assert all(timers)
    assert all(activities)
    assert {"load the agent", "load the plan"} <= set(activities)
    assert any(line.startswith("break_reminder at ") for line in timers)
    assert any(line.endswith(": agent.presence_changed") for line in activities)


async def test_the_life_replays(life: Life) -> None:
    await replayer().replay_workflow(life.history)


async def test_the_recorded_history_replays_in_todays_code(request: pytest.FixtureRequest) -> None:
    file = HISTORIES / "agent_day.json"
    if not file.exists():
        record(request.getfixturevalue("life").history, file)
        pytest.fail(f"{file.name} was recorded: look at it, commit it, run again")
    assert not [word for word in (*PLANTED, *ABOUT_MACHINES) if word in readable(recorded(file))]

    await replayer().replay_workflow(recorded(file))


def of_type(life: Life, kind: int) -> list[HistoryEvent]:
    return [event for event in life.history.events if event.event_type == kind]
