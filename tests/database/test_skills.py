"""What agents can do, and who is senior in it."""

import pytest

from database.events import EventLog
from database.pool import Pool
from database.skills import SkillStore
from database.tickets import TicketStore
from domain.errors import NotFoundError
from domain.ticket_commands import AssignTicket, ChangeStatus
from tests.database.storing import recorded, stored_ticket
from tests.factories import (
    AGENT,
    BILLING_AGENT,
    INACTIVE_AGENT,
    OTHER_AGENT,
    REQUESTER,
    SUPERVISOR,
    person_id,
    reader,
    ticket,
)

BY_SUPERVISOR = reader(SUPERVISOR)


@pytest.fixture
def skills(pool: Pool) -> SkillStore:
    return SkillStore(pool)


async def test_a_change_of_skills_is_an_event(skills: SkillStore, log: EventLog) -> None:
    now = await log.now()

    await skills.set(AGENT, {"network": 4}, BY_SUPERVISOR)

    assert [(event.type, event.person, event.actor_id) for event in await log.after(now)] == [
        ("person.changed", AGENT, SUPERVISOR)
    ]


async def test_skills_are_set_as_a_whole(skills: SkillStore) -> None:
    await skills.set(AGENT, {"network": 4, "printers": 2}, BY_SUPERVISOR)
    await skills.set(AGENT, {"printers": 3}, BY_SUPERVISOR)

    assert await skills.of(AGENT) == {"printers": 3}
    assert await skills.of(SUPERVISOR) == {}


@pytest.mark.parametrize("person", [REQUESTER, person_id("nobody")])
async def test_only_people_of_the_desk_have_skills(skills: SkillStore, person: object) -> None:
    with pytest.raises(NotFoundError):
        await skills.set(person, {"network": 4}, BY_SUPERVISOR)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        await skills.of(person)  # type: ignore[arg-type]


async def test_the_senior_is_of_the_team_active_and_at_the_level(skills: SkillStore) -> None:
    for person, level in ((AGENT, 3), (OTHER_AGENT, 4), (BILLING_AGENT, 5)):
        await skills.set(person, {"network": level}, BY_SUPERVISOR)
    await skills.set(INACTIVE_AGENT, {"network": 5}, BY_SUPERVISOR)
    given = ticket(team="support")

    assert await skills.senior_for(given, "network", 4) == OTHER_AGENT
    assert await skills.senior_for(given, "network", 5) is None
    assert await skills.senior_for(given.model_copy(update={"team": None}), "network", 5) == BILLING_AGENT
    assert await skills.senior_for(given.model_copy(update={"assignee_id": OTHER_AGENT}), "network", 4) is None


async def test_without_a_named_skill_all_that_the_ticket_requires_are_wanted_or_else_any(skills: SkillStore) -> None:
    await skills.set(AGENT, {"network": 4}, BY_SUPERVISOR)
    await skills.set(OTHER_AGENT, {"network": 4, "printers": 4}, BY_SUPERVISOR)

    assert await skills.senior_for(ticket(team="support", required_skills=("network", "printers")), None, 4) == (
        OTHER_AGENT
    )
    assert await skills.senior_for(ticket(team="support", required_skills=("fax",)), None, 4) is None
    assert await skills.senior_for(ticket(team="support"), None, 4) in (AGENT, OTHER_AGENT)


async def test_of_two_the_one_with_fewer_open_tickets(skills: SkillStore, store: TicketStore) -> None:
    for person in (AGENT, OTHER_AGENT):
        await skills.set(person, {"network": 4}, BY_SUPERVISOR)
    busy = await stored_ticket(store, team="support")
    await recorded(store, busy, AssignTicket(assignee_id=AGENT))
    assert await skills.senior_for(ticket(team="support"), "network", 4) == OTHER_AGENT

    other = await stored_ticket(store, team="support")
    for _ in range(2):
        other = await recorded(store, await stored_ticket(store, team="support"), AssignTicket(assignee_id=OTHER_AGENT))
    await recorded(store, other, ChangeStatus(status="resolved"))  # type: ignore[arg-type]
    done = await skills.senior_for(ticket(team="support"), "network", 4)
    assert done in (AGENT, OTHER_AGENT), "one open ticket each"
