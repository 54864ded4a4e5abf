"""Who can be given what needs a senior, and when somebody of a team is there."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from database.pool import Pool
from database.shifts import ShiftStore
from database.staff import LOOK_AGAIN_AFTER, StaffStore
from database.tickets import TicketStore
from domain.ids import PersonId
from domain.ticket_commands import AssignTicket, ChangeStatus
from tests.database.storing import recorded, stored_ticket
from tests.factories import AGENT, BILLING_AGENT, INACTIVE_AGENT, NOW, OTHER_AGENT, ticket


@pytest.fixture
def staff(pool: Pool) -> StaffStore:
    return StaffStore(pool, ShiftStore(pool))


async def can(pool: Pool, person: PersonId, levels: Mapping[str, int]) -> None:
    await pool.executemany(
        "insert into agent_skills (person_id, skill, level) values ($1, $2, $3)",
        [(person, skill, level) for skill, level in levels.items()],
    )


async def is_there(pool: Pool, person: PersonId, presence: str = "online") -> None:
    await pool.execute("update agents set presence = $2 where person_id = $1", person, presence)


async def test_the_senior_is_of_the_team_active_and_at_the_level(pool: Pool, staff: StaffStore) -> None:
    for person, level in ((AGENT, 3), (OTHER_AGENT, 4), (BILLING_AGENT, 5)):
        await can(pool, person, {"network": level})
    await can(pool, INACTIVE_AGENT, {"network": 5})
    given = ticket(team="support")

    assert await staff.senior_for(given, "network", 4) == OTHER_AGENT
    assert await staff.senior_for(given, "network", 5) is None
    assert await staff.senior_for(given.model_copy(update={"team": None}), "network", 5) == BILLING_AGENT
    assert await staff.senior_for(given.model_copy(update={"assignee_id": OTHER_AGENT}), "network", 4) is None


async def test_without_a_named_skill_all_that_the_ticket_requires_are_wanted_or_else_any(
    pool: Pool, staff: StaffStore
) -> None:
    await can(pool, AGENT, {"network": 4})
    await can(pool, OTHER_AGENT, {"network": 4, "printers": 4})

    assert await staff.senior_for(ticket(team="support", required_skills=("network", "printers")), None, 4) == (
        OTHER_AGENT
    )
    assert await staff.senior_for(ticket(team="support", required_skills=("fax",)), None, 4) is None
    assert await staff.senior_for(ticket(team="support"), None, 4) in (AGENT, OTHER_AGENT)


async def test_of_two_the_one_with_fewer_open_tickets(pool: Pool, staff: StaffStore, store: TicketStore) -> None:
    for person in (AGENT, OTHER_AGENT):
        await can(pool, person, {"network": 4})
    busy = await stored_ticket(store, team="support")
    await recorded(store, busy, AssignTicket(assignee_id=AGENT))
    assert await staff.senior_for(ticket(team="support"), "network", 4) == OTHER_AGENT

    other = await stored_ticket(store, team="support")
    for _ in range(2):
        other = await recorded(store, await stored_ticket(store, team="support"), AssignTicket(assignee_id=OTHER_AGENT))
    await recorded(store, other, ChangeStatus(status="resolved"))  # type: ignore[arg-type]
    done = await staff.senior_for(ticket(team="support"), "network", 4)
    assert done in (AGENT, OTHER_AGENT), "one open ticket each"


async def test_who_is_there_comes_before_who_is_not_and_who_has_room_before_who_has_none(
    pool: Pool, staff: StaffStore, store: TicketStore
) -> None:
    for person in (AGENT, OTHER_AGENT):
        await can(pool, person, {"network": 4})
    for _ in range(2):
        await recorded(store, await stored_ticket(store, team="support"), AssignTicket(assignee_id=AGENT))
    await is_there(pool, AGENT)
    assert await staff.senior_for(ticket(team="support"), "network", 4) == AGENT

    await is_there(pool, OTHER_AGENT)
    await pool.execute("update agents set capacity_tickets = 0 where person_id = $1", OTHER_AGENT)
    assert await staff.senior_for(ticket(team="support"), "network", 4) == AGENT


async def test_a_team_is_staffed_while_somebody_is_there(pool: Pool, staff: StaffStore) -> None:
    await is_there(pool, AGENT, "busy")

    assert await staff.staffed_at("support", NOW) == NOW


async def test_else_when_the_first_one_is_planned_to_come(pool: Pool, staff: StaffStore) -> None:
    comes = NOW + timedelta(minutes=10)
    for person, at in ((AGENT, comes), (OTHER_AGENT, comes + timedelta(hours=1))):
        await pool.execute(
            "insert into shifts (agent_id, team, starts_at, ends_at, status) "
            "values ($1, 'support', $2, $3, 'published')",
            person,
            at,
            at + timedelta(hours=8),
        )

    assert await staff.staffed_at("support", NOW) == comes
    assert (
        await staff.staffed_at("support", comes - timedelta(hours=2)) == comes - timedelta(hours=2) + LOOK_AGAIN_AFTER
    )
    assert await staff.staffed_at("billing", NOW) == NOW + LOOK_AGAIN_AFTER, "for those who come without a shift"
