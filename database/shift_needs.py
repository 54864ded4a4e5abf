"""How many agents teams need, hour by hour of the week."""

from typing import NamedTuple

import asyncpg

from database.pool import Pool
from domain.coverage import WeekNeed
from domain.errors import NotFoundError, UnknownReferenceError
from domain.ids import PersonId
from domain.ticket import Slug


class NeedRecord(NamedTuple):
    """A team's need as it is stored."""

    team: Slug
    need: WeekNeed
    version: int


class ShiftNeedStore:
    """One need for each team, or none."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, team: Slug) -> NeedRecord | None:
        row = await self._pool.fetchrow(
            "select team, jsonb_build_object('zone', zone, 'week', week) as need, version from shift_needs "
            "where team = $1",
            team,
        )
        return (
            None if row is None else NeedRecord(row["team"], WeekNeed.model_validate_json(row["need"]), row["version"])
        )

    async def read(self, team: Slug) -> NeedRecord:
        """Raises NotFoundError."""
        found = await self.find(team)
        if found is None:
            raise NotFoundError("Nobody has said yet how many agents this team needs.")
        return found

    async def set(self, team: Slug, need: WeekNeed, by: PersonId) -> NeedRecord:
        """Make this the team's need. Raises UnknownReferenceError."""
        try:
            await self._pool.execute(
                "insert into shift_needs (team, zone, week, updated_by) values ($1, $2, $3::jsonb, $4) "
                "on conflict (team) do update set zone = excluded.zone, week = excluded.week, "
                "updated_by = excluded.updated_by, updated_at = now(), version = shift_needs.version + 1",
                team,
                need.zone,
                need.model_dump_json(include={"week"}).removeprefix('{"week":').removesuffix("}"),
                by,
            )
        except asyncpg.ForeignKeyViolationError as error:
            raise UnknownReferenceError("There is no such team.") from error
        return await self.read(team)
