"""What agents can do."""

from collections.abc import Mapping

from database.agent_rows import IS_DESK
from database.audit import authored
from database.people import lock_agent, tell_person_changed
from database.pool import Connection, Pool
from domain.audit import Author
from domain.errors import NotFoundError
from domain.ids import PersonId
from domain.ticket import Slug


class SkillStore:
    """The skills of the desk's people, each at a level of 1 to 5."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, person: PersonId) -> dict[Slug, int]:
        """Skill -> level. Raises NotFoundError when the person is nobody of the desk."""
        rows = await self._pool.fetch(
            "select s.skill, s.level from people p left join agent_skills s on s.person_id = p.id "
            f"where p.id = $1 and {IS_DESK} order by s.skill",
            person,
        )
        if not rows:
            raise NotFoundError("There is no such agent.")
        return {row["skill"]: row["level"] for row in rows if row["skill"] is not None}

    async def set(self, person: PersonId, levels: Mapping[Slug, int], by: Author) -> None:
        """Make these all of the person's skills. Raises NotFoundError when the person is nobody of the desk."""
        async with authored(self._pool, by) as connection:
            await lock_agent(connection, person)
            is_desk = await connection.fetchval(f"select true from people p where p.id = $1 and {IS_DESK}", person)
            if not is_desk:
                raise NotFoundError("There is no such agent.")
            await replace_skills(connection, person, levels)
            await tell_person_changed(connection, person, by)


async def replace_skills(connection: Connection, person: PersonId, levels: Mapping[Slug, int]) -> None:
    """Make these all of the person's skills, within the caller's transaction."""
    await connection.execute(
        "delete from agent_skills where person_id = $1 and skill <> all($2::text[])", person, list(levels)
    )
    await connection.executemany(
        "insert into agent_skills (person_id, skill, level) values ($1, $2, $3) "
        "on conflict (person_id, skill) do update set level = excluded.level",
        [(person, skill, level) for skill, level in levels.items()],
    )
