"""Teams: their members, and how their tickets are dispatched."""

from typing import Any, NamedTuple, NoReturn

import asyncpg
from pydantic import TypeAdapter

from database.agent_rows import IS_DESK
from database.audit import authored
from database.bell import BELL, DISPATCH_BELL
from database.idempotency import RequestKey, create_once
from database.people import lock_agent, tell_person_changed
from database.pool import Connection, Pool
from domain.assignment_score import ScoreWeights
from domain.audit import Author
from domain.errors import AlreadyExistsError, NotFoundError, TeamInUseError, UnknownReferenceError
from domain.ids import PersonId
from domain.people import Role
from domain.team import TeamSettings
from domain.ticket import Slug

SETTINGS = tuple(TeamSettings.model_fields)
"""A column for each setting, by the same name."""
_SELECT = f"select slug, name, is_active, {', '.join(SETTINGS)} from teams"
_MEMBERS = f"""
select p.id, p.name, p.role, p.is_active from team_members m join people p on p.id = m.person_id
where m.team = $1 and {IS_DESK} order by p.name, p.id
"""
_CHANGED = f"""
with event as (
    insert into events (topic, type, at, actor_kind, actor_id, actor_role, internal, data)
    values ('teams', 'team.changed', now(), coalesce(
        (select case kind when 'service' then 'integration' else 'person' end from people where id = $2),
        'integration'), $2, $3, true, jsonb_build_object('team', $1::text))
)
select pg_notify('{BELL}', ''), pg_notify('{DISPATCH_BELL}', $1)
"""
_SCORE = TypeAdapter(ScoreWeights)
_USES = """
select
    (select count(*) from tickets where team = $1 and status not in ('resolved', 'closed')) as tickets,
    array(select p.name from sla_policies p
        join lateral (select policy from sla_policy_versions where policy_id = p.id and is_offered
            order by version desc limit 1) v on v.policy -> 'conditions' -> 'teams' ? $1
                or jsonb_path_exists(v.policy, '$.ladders.*.steps[*].actions[*].team ? (@ == $team)',
                    jsonb_build_object('team', $1::text))
        where not p.is_deleted order by p.place, p.id) as policies
"""


class TeamRecord(NamedTuple):
    slug: Slug
    name: str
    is_active: bool
    settings: TeamSettings


class Member(NamedTuple):
    """Somebody of the desk who is in a team."""

    id: PersonId
    name: str
    role: Role
    is_active: bool


class TeamChange(NamedTuple):
    """What is to be changed of a team; None stays as it is."""

    name: str | None = None
    is_active: bool | None = None
    settings: dict[str, Any] | None = None
    """Settings by their names, with values that TeamSettings takes."""


class TeamStore:
    """Teams in PostgreSQL. A change is an event, and rings the bell, so that whoever dispatches looks again."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> list[TeamRecord]:
        """The teams by slug, the inactive ones too."""
        return [_team(row) for row in await self._pool.fetch(f"{_SELECT} order by slug")]

    async def read(self, team: Slug) -> TeamRecord:
        """Raises NotFoundError."""
        return await _read(self._pool, team)

    async def members(self, team: Slug) -> list[Member]:
        """The team's people of the desk by name, the inactive ones too. Nobody for a team that does not exist."""
        rows = await self._pool.fetch(_MEMBERS, team)
        return [Member(row["id"], row["name"], Role(row["role"]), row["is_active"]) for row in rows]

    async def add(self, slug: Slug, name: str, by: Author, key: RequestKey | None = None) -> TeamRecord:
        """Add a team with the usual settings. Raises AlreadyExistsError for a known slug.

        Harmless to repeat under a key: the team is added once.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            await connection.execute("insert into teams (slug, name) values ($1, $2)", slug, name)
            await connection.execute(_CHANGED, slug, by.id, by.role)
            return {"slug": slug}

        try:
            await create_once(self._pool, key, create, by)
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExistsError(f"{slug} exists already.") from error
        return await self.read(slug)

    async def change(self, team: Slug, change: TeamChange, by: Author) -> TeamRecord:
        """Change what is given, all or nothing.

        Raises NotFoundError, and TeamInUseError when a team with open tickets, or one that a policy names, is to be
        deactivated.
        """
        async with authored(self._pool, by) as connection:
            # Whoever puts a ticket into the team now waits until this is over, and then sees what became of it.
            await connection.execute("select from teams where slug = $1 for update", team)
            present = await _read(connection, team)
            if present.is_active and change.is_active is False:
                await _check_unused(connection, team)
            settings = present.settings.model_copy(update=change.settings or {})
            await connection.execute(
                "update teams set name = coalesce($2, name), is_active = coalesce($3, is_active), "
                f"{', '.join(f'{name} = ${place}' for place, name in enumerate(SETTINGS, start=4))} where slug = $1",
                team,
                change.name,
                change.is_active,
                *(
                    settings.score.model_dump_json() if name == "score" else getattr(settings, name)
                    for name in SETTINGS
                ),
            )
            await connection.execute(_CHANGED, team, by.id, by.role)
            return await _read(connection, team)

    async def join(self, team: Slug, person: PersonId, by: Author) -> None:
        """Make somebody of the desk a member. Harmless to repeat. Raises NotFoundError for an unknown team or agent."""
        await self._move(
            team, person, by, "insert into team_members (team, person_id) values ($1, $2) on conflict do nothing"
        )

    async def leave(self, team: Slug, person: PersonId, by: Author) -> None:
        """End a membership; they keep the tickets that they have. Harmless to repeat. Raises NotFoundError for an
        unknown team or agent."""
        await self._move(team, person, by, "delete from team_members where team = $1 and person_id = $2")

    async def _move(self, team: Slug, person: PersonId, by: Author, statement: str) -> None:
        async with authored(self._pool, by) as connection:
            await lock_agent(connection, person)
            await _read(connection, team)
            is_desk = await connection.fetchval(f"select true from people p where p.id = $1 and {IS_DESK}", person)
            if not is_desk:
                raise NotFoundError("There is no such agent.")
            moved = await connection.execute(statement, team, person)
            if not moved.endswith(" 0"):
                await tell_person_changed(connection, person, by)
                await connection.execute(_CHANGED, team, by.id, by.role)


async def check_team(connection: "Connection | Pool", team: Slug) -> None:
    """Raises UnknownReferenceError for a team that does not exist."""
    if not await connection.fetchval("select true from teams where slug = $1", team):
        raise UnknownReferenceError(f"There is no team {team}.")


async def _read(connection: "Connection | Pool", team: Slug) -> TeamRecord:
    row = await connection.fetchrow(f"{_SELECT} where slug = $1", team)
    if row is None:
        raise NotFoundError(f"There is no team {team}.")
    return _team(row)


async def _check_unused(connection: Connection, team: Slug) -> None:
    uses = await connection.fetchrow(_USES, team)
    if uses is not None and (uses["tickets"] or uses["policies"]):
        _raise_in_use(team, uses["tickets"], uses["policies"])


def _raise_in_use(team: Slug, tickets: int, policies: list[str]) -> NoReturn:
    uses = [f"it has {tickets} open ticket{'s' if tickets > 1 else ''}"] if tickets else []
    if policies:
        named = ", ".join(f"“{name}”" for name in policies)
        uses.append(f"{len(policies)} SLA polic{'ies name' if len(policies) > 1 else 'y names'} it: {named}")
    raise TeamInUseError(f"Team {team} cannot be deactivated: {'; '.join(uses)}.")


def _team(row: asyncpg.Record) -> TeamRecord:
    return TeamRecord(row["slug"], row["name"], row["is_active"], settings_of(row))


def _columns_of(settings: TeamSettings) -> list[Any]:
    """The values of SETTINGS."""
    return [settings.score.model_dump_json() if name == "score" else getattr(settings, name) for name in SETTINGS]


def settings_of(row: asyncpg.Record) -> TeamSettings:
    """The settings from a row that has them all."""
    return TeamSettings(**{name: row[name] for name in SETTINGS} | {"score": _SCORE.validate_json(row["score"])})
