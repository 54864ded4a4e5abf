"""The figures of workload, and what the stream is told of a queue, as they lie in the database."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from database.dispatch import DispatchStore
from database.pool import Pool
from database.shifts import ShiftStore
from database.sla_terms import SlaTermsStore
from database.tickets import TicketStore
from database.workload import AgentLoad, Queue, WorkloadStore
from domain.errors import ConflictError, UnknownReferenceError
from domain.ids import PersonId
from domain.people import Actor, Role
from domain.queue import QueueState
from domain.ticket import Priority, Status, Ticket
from domain.ticket_commands import AddReply, AssignTicket, ChangeStatus, SnoozeTicket, TicketCommand
from tests.database.storing import recorded, stored_text, stored_ticket
from tests.factories import ADMIN, AGENT, BILLING_AGENT, BY_SUPERVISOR, NOW, OTHER_AGENT, SUPERVISOR

HOUR = timedelta(hours=1)


@pytest.fixture
def dispatch(pool: Pool) -> DispatchStore:
    return DispatchStore(pool, ShiftStore(pool), SlaTermsStore(pool))


@pytest.fixture
def workload(pool: Pool, dispatch: DispatchStore) -> WorkloadStore:
    return WorkloadStore(pool, dispatch, ShiftStore(pool))


async def given(store: TicketStore, *, to: PersonId = AGENT, at: datetime = NOW, **changes: Any) -> Ticket:
    ticket = await stored_ticket(store, **{"team": "support", **changes})
    return await recorded(store, ticket, AssignTicket(assignee_id=to), by=BY_SUPERVISOR, at=at)


async def is_there(pool: Pool, *people: PersonId, tickets: float = 20) -> None:
    await pool.execute(
        "update agents set presence = 'online', capacity_tickets = $2 where person_id = any($1::uuid[])",
        list(people),
        tickets,
    )


async def loads(workload: WorkloadStore, now: datetime = NOW) -> dict[PersonId, AgentLoad]:
    return {one.id: one for one in await workload.agents(None, None, 100, now)}


async def test_a_team_counts_what_waits_and_what_is_owned(
    pool: Pool, store: TicketStore, workload: WorkloadStore
) -> None:
    await pool.execute("update teams set usual_minutes = 25 where slug = 'support'")
    await stored_ticket(store, team="support", at=NOW - HOUR)
    await stored_ticket(store, team="support", estimated_minutes=40)
    await given(store)
    await recorded(store, await given(store), ChangeStatus(status=Status.PENDING))
    await recorded(store, await given(store), SnoozeTicket())
    await recorded(store, await given(store), ChangeStatus(status=Status.RESOLVED))
    await stored_ticket(store)

    found = await workload.teams(["support"], NOW)

    (team,) = found.teams
    assert team.queue == Queue(
        waiting=2, oldest_waiting_at=NOW - HOUR, waiting_minutes=65, owned=3, snoozed=1, new=2, pending=1
    )  # fmt: skip
    assert {one.id for one in team.members} == {AGENT, OTHER_AGENT}
    assert found.unrouted.waiting == 1


async def test_what_is_pressing_is_counted_by_when_it_is_due(
    pool: Pool, store: TicketStore, workload: WorkloadStore
) -> None:
    for hours in (1, 3, 5):
        await given(store, due_at=NOW + hours * HOUR)
    broken = await given(store)
    await pool.execute("update tickets set sla_state = 'breached' where number = $1", broken.number)
    warned = await stored_ticket(store, team="support", due_at=NOW + 2 * HOUR)
    await pool.execute("update tickets set sla_state = 'at_risk' where number = $1", warned.number)

    now = NOW + 1.5 * HOUR
    queue = (await workload.teams(["support"], now)).teams[0].queue
    assert (queue.overdue, queue.due_soon, queue.at_risk, queue.breached) == (2, 3, 1, 1)
    held = (await loads(workload, now))[AGENT].held
    assert (held.overdue, held.due_soon, held.at_risk, held.breached) == (2, 2, 0, 1)
    assert (held.owned, held.by_status) == (4, {"new": 4})


async def test_an_offered_ticket_waits_and_is_counted_as_offered(
    pool: Pool, store: TicketStore, workload: WorkloadStore
) -> None:
    ticket = await stored_ticket(store, team="support")
    offer = {"to": [str(AGENT)], "expires_at": (NOW + HOUR).isoformat()}
    await pool.execute("update tickets set offer = $2 where number = $1", ticket.number, json.dumps(offer))

    queue = (await workload.teams(["support"], NOW)).teams[0].queue
    assert (queue.waiting, queue.offered) == (1, 1)


async def test_an_agent_shows_load_skills_free_slot_and_what_comes(
    pool: Pool, store: TicketStore, workload: WorkloadStore
) -> None:
    await is_there(pool, AGENT, tickets=2)
    await pool.execute("insert into agent_skills (person_id, skill, level) values ($1, 'vpn', 4)", AGENT)
    for begins, ends in ((-1, 7), (23, 31), (47, 55)):
        await pool.execute(
            "insert into shifts (agent_id, team, starts_at, ends_at, status) "
            "values ($1, 'support', $2, $3, 'published')",
            AGENT,
            NOW + begins * HOUR,
            NOW + ends * HOUR,
        )
    first = await given(store, estimated_minutes=90, due_at=NOW + 5 * HOUR)
    await given(store, estimated_minutes=30, due_at=NOW + 40 * HOUR, at=NOW + HOUR / 4)

    one = (await loads(workload, NOW + HOUR / 2))[AGENT]

    assert (one.name, one.agent.teams) == ("agent", ("support",))
    candidate = one.agent.member.candidate
    assert (candidate.load, candidate.load_minutes, candidate.skills) == (2, 120, {"vpn": 4})
    assert one.free_at == NOW + HOUR * 3 / 4
    assert one.due == ((first.number, NOW + 5 * HOUR),)
    assert [shift.starts_at for shift in one.shifts] == [NOW - HOUR, NOW + 23 * HOUR]
    assert (await loads(workload, NOW + 8 * HOUR))[OTHER_AGENT].free_at is None


async def test_who_is_on_a_break_is_free_at_its_end(pool: Pool, workload: WorkloadStore) -> None:
    shift = await pool.fetchval(
        "insert into shifts (agent_id, starts_at, ends_at, status) values ($1, $2, $3, 'published') returning id",
        AGENT,
        NOW - HOUR,
        NOW + 7 * HOUR,
    )
    await pool.execute(
        "insert into shift_breaks (shift_id, kind, starts_at, ends_at) values ($1, 'lunch', $2, $3)",
        shift,
        NOW - HOUR / 4,
        NOW + HOUR / 2,
    )
    await pool.execute("update agents set presence = 'on_break' where person_id = $1", AGENT)

    assert (await loads(workload))[AGENT].free_at == NOW + HOUR / 2


async def test_an_agent_of_two_teams_counts_in_both_with_all_that_they_carry(
    pool: Pool, store: TicketStore, workload: WorkloadStore
) -> None:
    await pool.execute("insert into team_members (team, person_id) values ('billing', $1)", AGENT)
    await given(store)
    await given(store, team="billing", priority=Priority.URGENT)

    found = await workload.teams(None, NOW)

    teams = {team.slug: {one.id: one.agent.member.candidate.load for one in team.members} for team in found.teams}
    assert teams["support"] == {AGENT: 2, OTHER_AGENT: 0}
    assert teams["billing"] == {AGENT: 2, BILLING_AGENT: 0}


async def test_agents_are_read_a_page_at_a_time_each_once(workload: WorkloadStore) -> None:
    everybody = {AGENT, OTHER_AGENT, BILLING_AGENT, SUPERVISOR, ADMIN}
    seen: list[PersonId] = []
    while page := await workload.agents(None, seen[-1] if seen else None, 2, NOW):
        seen += [one.id for one in page]

    assert seen == sorted(everybody)
    assert [one.id for one in await workload.agents(["billing"], None, 10, NOW)] == [BILLING_AGENT]


async def _told(store: TicketStore, ticket: Ticket, command: TicketCommand) -> None:
    await recorded(store, ticket, command, by=Actor.person(AGENT, Role.AGENT), at=NOW + HOUR)


async def test_a_plan_knows_what_an_owner_has_begun_and_what_a_ladder_gave_them(
    pool: Pool, store: TicketStore, workload: WorkloadStore
) -> None:
    fresh, begun, climbed = await given(store), await given(store), await given(store)
    await _told(store, begun, AddReply(text_id=await stored_text(store, begun.number), internal=True))
    await pool.execute(
        "update events set data = data || '{\"by\": \"ladder\"}' where ticket_number = $1 and type = 'ticket.assigned'",
        climbed.number,
    )
    await recorded(store, await given(store), ChangeStatus(status=Status.ON_HOLD))

    board, held = await workload.standing("support", NOW)

    assert [(one.ticket.number, one.is_begun, one.is_seniors) for one in held] == [
        (fresh.number, False, False),
        (begun.number, True, False),
        (climbed.number, False, True),
    ]
    assert {one.id for one in board.members} == {AGENT, OTHER_AGENT}


async def test_a_plan_needs_a_team_that_is_at_work(pool: Pool, workload: WorkloadStore) -> None:
    with pytest.raises(UnknownReferenceError):
        await workload.standing("nowhere", NOW)
    await pool.execute("update teams set is_active = false where slug = 'network'")
    with pytest.raises(ConflictError, match="not at work"):
        await workload.standing("network", NOW)


# What the stream is told of a queue.


async def told(pool: Pool) -> list[dict[str, Any]]:
    rows = await pool.fetch("select data from events where topic = 'queue' order by id")
    return [json.loads(row["data"]) for row in rows]


async def test_a_queue_is_told_only_when_it_changed(pool: Pool, dispatch: DispatchStore) -> None:
    state = QueueState(team="support", waiting=1, offered=0, there=2, oldest_waiting_at=NOW)

    for one in (
        state,
        state,
        state.model_copy(update={"oldest_waiting_at": NOW + HOUR}),
        state.model_copy(update={"there": 1}),
        state.model_copy(update={"team": "billing"}),
        state,
    ):
        await dispatch.tell_queue(one)

    assert [(one["team"], one["waiting"], one["there"]) for one in await told(pool)] == [
        ("support", 1, 2),
        ("support", 1, 1),
        ("billing", 1, 2),
        ("support", 1, 2),
    ]


async def test_a_team_that_is_gone_is_told_nothing_of(pool: Pool, dispatch: DispatchStore) -> None:
    await dispatch.tell_queue(QueueState(team="gone", waiting=1, offered=0, there=2, oldest_waiting_at=NOW))

    assert await told(pool) == []
