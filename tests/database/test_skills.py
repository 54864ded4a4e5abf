"""What agents can do."""

import pytest

from database.events import EventLog
from database.pool import Pool
from database.skills import SkillStore
from domain.errors import NotFoundError
from tests.factories import AGENT, REQUESTER, SUPERVISOR, author, person_id

BY_SUPERVISOR = author(SUPERVISOR)


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
