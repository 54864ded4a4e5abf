"""What agents can do."""

import pytest

from database.pool import Pool
from database.skills import SkillStore
from domain.errors import NotFoundError
from tests.factories import AGENT, REQUESTER, SUPERVISOR, person_id


@pytest.fixture
def skills(pool: Pool) -> SkillStore:
    return SkillStore(pool)


async def test_skills_are_set_as_a_whole(skills: SkillStore) -> None:
    await skills.set(AGENT, {"network": 4, "printers": 2})
    await skills.set(AGENT, {"printers": 3})

    assert await skills.of(AGENT) == {"printers": 3}
    assert await skills.of(SUPERVISOR) == {}


@pytest.mark.parametrize("person", [REQUESTER, person_id("nobody")])
async def test_only_people_of_the_desk_have_skills(skills: SkillStore, person: object) -> None:
    with pytest.raises(NotFoundError):
        await skills.set(person, {"network": 4})  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        await skills.of(person)  # type: ignore[arg-type]
