"""Agents' lives in the database: row, shifts, event, reminders and receipt of one change, together or not at all."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from database.agent_lives import AgentLifeStore
from database.events import EventLog, StreamCursor
from database.pool import Pool
from domain.agent import Presence
from domain.agent_commands import (
    AgentCommand,
    EndBreak,
    EndShift,
    RemindOfShiftEnd,
    SetPresence,
    StartBreak,
    StartShift,
    StreamsChanged,
)
from domain.agent_events import AgentChange
from domain.agent_life import apply
from domain.agent_rules import decide
from domain.errors import BreakNotFoundError, NotFoundError, RevisionMismatchError, ShiftNotFoundError
from domain.ids import BreakId, ShiftId
from domain.presence import AgentState, Plan
from domain.shift import Break, Shift
from domain.ticket_commands import Receipt
from tests.agent_factories import agent, envelope
from tests.factories import AGENT, NOW, OTHER_AGENT, REQUESTER, person_id

HOUR = timedelta(hours=1)


@pytest.fixture
def lives(pool: Pool) -> AgentLifeStore:
    return AgentLifeStore(pool)


@pytest.fixture
async def shift(pool: Pool) -> Shift:
    """The agent's shift that begins now, with a lunch in two hours."""
    id = await pool.fetchval(
        "insert into shifts (agent_id, starts_at, ends_at, status) values ($1, $2, $3, 'published') returning id",
        AGENT,
        NOW,
        NOW + 8 * HOUR,
    )
    lunch = await pool.fetchval(
        "insert into shift_breaks (shift_id, kind, starts_at, ends_at) values ($1, 'lunch', $2, $3) returning id",
        id,
        NOW + 2 * HOUR,
        NOW + 3 * HOUR,
    )
    planned = Break(id=BreakId(lunch), kind="lunch", starts_at=NOW + 2 * HOUR, ends_at=NOW + 3 * HOUR)  # type: ignore[arg-type]  # as it is stored
    return Shift(id=ShiftId(id), agent_id=AGENT, team=None, starts_at=NOW, ends_at=NOW + 8 * HOUR, breaks=(planned,))


async def state_of(lives: AgentLifeStore) -> AgentState:
    loaded = await lives.load(AGENT)
    assert loaded is not None
    return loaded[0]


def changed(state: AgentState, command: AgentCommand, plan: Plan | None = None, **changes: Any) -> AgentChange:
    return decide(state, plan or Plan(loaded_at=NOW), envelope(command, **changes), NOW)


async def recorded(
    lives: AgentLifeStore, command: AgentCommand, *shifts: Shift, **changes: Any
) -> tuple[AgentChange, Receipt]:
    """The change that the command makes of the agent as stored, and its receipt."""
    before = await state_of(lives)
    change = changed(before, command, Plan(loaded_at=NOW, shifts=shifts), **changes)
    return change, await lives.record(change, apply(before, change))


async def events_of(pool: Pool) -> list[dict[str, Any]]:
    rows = await pool.fetch("select topic, type, person_id, actor_id, internal, data from events order by id")
    return [{**row, "data": json.loads(row["data"])} for row in rows]


async def test_who_has_not_lived_yet_is_what_the_row_says(lives: AgentLifeStore) -> None:
    state = await state_of(lives)

    assert (state.id, state.revision, state.presence, state.chosen) == (AGENT, 0, Presence.OFFLINE, Presence.OFFLINE)
    assert state.since == state.updated_at


async def test_a_requester_has_no_life(lives: AgentLifeStore) -> None:
    assert await lives.load(REQUESTER) is None


async def test_a_change_is_in_the_row_and_told_of(pool: Pool, lives: AgentLifeStore) -> None:
    change, receipt = await recorded(lives, SetPresence(presence=Presence.BUSY))

    row = await pool.fetchrow("select presence, revision, presence_since from agents where person_id = $1", AGENT)
    assert row is not None
    assert (row["presence"], row["revision"]) == ("busy", 1)
    assert row["presence_since"] == (await state_of(lives)).since == change.at
    assert (receipt.revision, receipt.is_repeat) == (1, False)
    assert await events_of(pool) == [
        {
            "topic": "presence",
            "type": "agent.presence_changed",
            "person_id": AGENT,
            "actor_id": AGENT,
            "internal": True,
            "data": {
                "type": "agent.presence_changed", "presence": "busy", "previous": "offline", "cause": "by_hand"
            },
        }
    ]  # fmt: skip


async def test_the_log_names_the_agent(pool: Pool, lives: AgentLifeStore, log: EventLog) -> None:
    await recorded(lives, SetPresence(presence=Presence.BUSY))

    (event,) = await log.after(StreamCursor(1, 0, 0))

    assert (event.ticket, event.person, event.person_name) == (None, AGENT, "agent")


async def test_what_is_not_told_is_kept_all_the_same(pool: Pool, lives: AgentLifeStore) -> None:
    await recorded(lives, StreamsChanged(connected=True))

    assert (await state_of(lives)).is_connected
    assert await events_of(pool) == []


async def test_a_second_record_changes_nothing_and_returns_the_first_receipt(pool: Pool, lives: AgentLifeStore) -> None:
    before = await state_of(lives)
    change, first = await recorded(lives, SetPresence(presence=Presence.BUSY))
    await recorded(lives, SetPresence(presence=Presence.ONLINE))

    again = await lives.record(change, apply(before, change))

    assert again == first.model_copy(update={"is_repeat": True})
    assert (await state_of(lives)).presence is Presence.ONLINE
    assert len(await events_of(pool)) == 2


async def test_receipts_of_the_last_commands_are_loaded(lives: AgentLifeStore) -> None:
    made = [
        (await recorded(lives, SetPresence(presence=presence)))[1] for presence in (Presence.BUSY, Presence.ONLINE) * 11
    ]

    loaded = await lives.load(AGENT)

    assert loaded is not None
    assert list(loaded[1]) == made[-20:]


async def test_a_change_decided_on_another_revision_is_not_stored(pool: Pool, lives: AgentLifeStore) -> None:
    old = await state_of(lives)
    await recorded(lives, SetPresence(presence=Presence.BUSY))
    late = changed(old, SetPresence(presence=Presence.ONLINE))

    with pytest.raises(RevisionMismatchError):
        await lives.record(late, apply(old, late))

    assert (await state_of(lives)).presence is Presence.BUSY
    assert len(await events_of(pool)) == 1


async def test_of_two_who_decide_at_once_one_is_told_to_look_again(lives: AgentLifeStore) -> None:
    state = await state_of(lives)
    changes = [changed(state, SetPresence(presence=one)) for one in (Presence.BUSY, Presence.ONLINE)]

    answers = await asyncio.gather(
        *(lives.record(change, apply(state, change)) for change in changes), return_exceptions=True
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["Receipt", "RevisionMismatchError"]


async def test_who_is_gone_has_no_life_to_record(lives: AgentLifeStore) -> None:
    ghost = agent(id=person_id("ghost"))
    change = changed(ghost, SetPresence(presence=Presence.BUSY))

    with pytest.raises(NotFoundError):
        await lives.record(change, apply(ghost, change))


async def test_shifts_and_breaks_say_when_they_really_began_and_ended(
    pool: Pool, lives: AgentLifeStore, shift: Shift
) -> None:
    started, _ = await recorded(lives, StartShift(shift_id=shift.id), shift)
    on_break, _ = await recorded(lives, StartBreak(break_id=shift.breaks[0].id), shift)
    off_break, _ = await recorded(lives, EndBreak(), shift)
    ended, _ = await recorded(lives, EndShift(shift_id=shift.id), shift)

    row = await pool.fetchrow(
        "select s.started_at, s.ended_at, b.started_at as b_started_at, b.ended_at as b_ended_at "
        "from shifts s join shift_breaks b on b.shift_id = s.id"
    )
    assert row is not None
    assert list(row.values()) == [started.at, ended.at, on_break.at, off_break.at]


async def test_a_reminder_becomes_one_notification(pool: Pool, lives: AgentLifeStore, shift: Shift) -> None:
    await recorded(lives, StartShift(shift_id=shift.id), shift)
    change, _ = await recorded(lives, RemindOfShiftEnd(shift_id=shift.id), shift)
    before = await state_of(lives)
    forgetful = before.model_copy(update={"reminded": ()})
    again = changed(forgetful, RemindOfShiftEnd(shift_id=shift.id), Plan(loaded_at=NOW, shifts=(shift,)))
    await lives.record(again, apply(forgetful, again))

    rows = await pool.fetch("select person_id, kind, subject, at, ticket_number from notifications")

    assert [tuple(row) for row in rows] == [(AGENT, "shift.ending", f"shift:{shift.id}:ending", change.at, None)]


async def test_a_fault_in_the_middle_leaves_nothing(pool: Pool, lives: AgentLifeStore, shift: Shift) -> None:
    before = await state_of(lives)
    change = changed(before, StartShift(shift_id=shift.id), Plan(loaded_at=NOW, shifts=(shift,)))
    stranger = change.model_copy(update={"actor": change.actor.model_copy(update={"id": person_id("nobody")})})

    with pytest.raises(Exception, match="foreign key"):
        await lives.record(stranger, apply(before, change))

    assert await state_of(lives) == before
    assert await pool.fetchval("select started_at from shifts") is None


async def test_those_who_are_online_are_available(lives: AgentLifeStore) -> None:
    assert await lives.available() == []

    await recorded(lives, SetPresence(presence=Presence.ONLINE))

    (available,) = await lives.available()
    assert (available.id, available.name, available.teams) == (AGENT, "agent", ("support",))


async def test_an_agent_is_read_with_their_name(lives: AgentLifeStore) -> None:
    await recorded(lives, SetPresence(presence=Presence.BUSY))

    record = await lives.read(AGENT)

    assert (record.name, record.state.presence) == ("agent", Presence.BUSY)
    with pytest.raises(NotFoundError):
        await lives.read(REQUESTER)


async def test_a_shift_has_an_owner_and_its_own_breaks(pool: Pool, lives: AgentLifeStore, shift: Shift) -> None:
    lunch = shift.breaks[0].id

    assert await lives.agent_of_shift(shift.id) == AGENT
    assert await lives.agent_of_shift(shift.id, lunch) == AGENT
    with pytest.raises(ShiftNotFoundError):
        await lives.agent_of_shift(ShiftId(shift.id + 1))
    with pytest.raises(BreakNotFoundError):
        await lives.agent_of_shift(shift.id, BreakId(lunch + 1))
    await pool.execute("update shifts set status = 'draft'")
    with pytest.raises(ShiftNotFoundError):
        await lives.agent_of_shift(shift.id)


async def test_those_with_a_life_or_a_shift_to_come_are_on_the_roll(pool: Pool, lives: AgentLifeStore) -> None:
    assert await lives.revisions() == {}
    await recorded(lives, SetPresence(presence=Presence.BUSY))
    await pool.execute(
        "insert into shifts (agent_id, starts_at, ends_at, status) "
        "values ($1, now(), now() + interval '1 hour', 'published')",
        OTHER_AGENT,
    )

    assert await lives.revisions() == {AGENT: 1, OTHER_AGENT: 0}
