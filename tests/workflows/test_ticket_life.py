"""What a whole life leaves in the engine: what operators see, no personal text, and a history that replays."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory

from database.pool import Pool
from domain.ticket import Status, Ticket
from tests.factories import AGENT
from tests.workflows.engine_desk import EngineDesk
from tests.workflows.recorded_histories import ABOUT_MACHINES, HISTORIES, readable, record, recorded, replayer, summary
from tests.workflows.ticket_life import PLANTED, forgetful_desk, last_days, live


class Life(NamedTuple):
    desk: EngineDesk
    ticket: Ticket
    history: WorkflowHistory
    end: WorkflowHistory


@pytest.fixture(scope="module")
async def life(engine: Client, pool: Pool) -> AsyncIterator[Life]:
    async with forgetful_desk(engine, pool) as (desk, records):
        ticket = await live(desk, records)
        end = await last_days(desk)
        yield Life(desk, ticket, await desk.handle(ticket).fetch_history(), await desk.handle(end).fetch_history())


async def test_the_life_ended_as_told(life: Life) -> None:
    row = await life.desk.row(life.ticket.number)
    types = [type for _, type in await life.desk.timeline(life.ticket)]

    assert (row.status, row.escalation_level) == (Status.CLOSED, 2)
    assert await life.desk.state(life.ticket) == row
    assert types.count("ticket.snoozed") == 3
    assert types.count("ticket.woken") == 2
    assert types.count("ticket.command_refused") == 3
    assert types[-5:] == [*["ticket.status_changed"] * 4, "ticket.rated"]
    assert (row.rating, row.resolver_id) == (2, AGENT)


def test_no_payload_of_the_history_holds_a_personal_text(life: Life) -> None:
    for event in [*life.history.events, *life.end.events]:
        written = event.SerializeToString()
        found = [word for word in PLANTED if word.encode() in written]
        assert not found, f"{found} in {EventType.Name(event.event_type)}"


async def test_what_operators_see_holds_no_personal_text(life: Life) -> None:
    description = await life.desk.handle(life.ticket).describe()
    metadata = await life.desk.handle(life.ticket).query("__temporal_workflow_metadata")

    for shown in (description.raw_description.SerializeToString(), str(metadata).encode()):
        assert not [word for word in PLANTED if word.encode() in shown]


def test_every_timer_and_activity_says_what_it_is_for(life: Life) -> None:
    said = {
        "timer": [summary(event) for event in of_type(life, EventType.EVENT_TYPE_TIMER_STARTED)],
        "marker": [
            summary(event)
            for event in of_type(life, EventType.EVENT_TYPE_MARKER_RECORDED)
            if event.marker_recorded_event_attributes.marker_name == "core_local_activity"
        ],
        "activity": [summary(event) for event in of_type(life, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)],
    }

    assert all(all(lines) and lines for lines in said.values()), said
    assert any(line.startswith("wake at ") for line in said["timer"])
    assert any(line.startswith("auto_close at ") for line in said["timer"])
    assert "load the ticket" in said["marker"]
    assert any(line.endswith(": ticket.escalated") for line in said["activity"])


async def test_the_life_replays(life: Life) -> None:
    for history in (life.history, life.end):
        await replayer().replay_workflow(history)


@pytest.mark.parametrize("name", ["whole_life", "whole_life_before_signals_asked", "last_days"])
async def test_the_recorded_history_replays_in_todays_code(name: str, request: pytest.FixtureRequest) -> None:
    file = HISTORIES / f"{name}.json"
    if not file.exists():
        life: Life = request.getfixturevalue("life")
        record(life.end if name == "last_days" else life.history, file)
        pytest.fail(f"{file.name} was recorded: look at it, commit it, run again")
    assert not [word for word in (*PLANTED, *ABOUT_MACHINES) if word in readable(recorded(file))]

    await replayer().replay_workflow(recorded(file))


def of_type(life: Life, kind: int) -> list[HistoryEvent]:
    return [event for event in [*life.history.events, *life.end.events] if event.event_type == kind]
