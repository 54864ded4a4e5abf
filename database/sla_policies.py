"""SLA policies, each in versions that never change, and their order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
from pydantic import BaseModel, ConfigDict

from database.agent_rows import IS_DESK
from database.audit import authored
from database.idempotency import RequestKey, create_once
from database.pool import Connection, Pool
from database.sla_edition import check_expected, raise_edition
from domain.audit import Author
from domain.errors import AlreadyExistsError, ConflictError, LimitReachedError, NotFoundError, UnknownReferenceError
from domain.ids import PersonId, SlaCalendarId, SlaPolicyId
from domain.sla_order import Ranked, check_reachable, lowest_place
from domain.sla_policy import SlaPolicy

MAX_POLICIES = 100


class PolicyRecord(BaseModel):
    """A policy in its latest version. `place` counts from the top, `version` from 1; `version_id` is what tickets
    name."""

    model_config = ConfigDict(frozen=True)

    id: SlaPolicyId
    name: str
    place: int
    version: int
    version_id: int
    calendar_id: SlaCalendarId
    policy: SlaPolicy
    created_at: datetime
    updated_at: datetime

    @property
    def ranked(self) -> Ranked:
        return Ranked(self.name, self.policy.conditions)


class PolicyOrder(NamedTuple):
    """The policies from the top, and the edition in which they stand so. A later edition may be of calendars alone."""

    edition: int
    items: list[PolicyRecord]


class PolicyDraft(NamedTuple):
    """A policy as it is to be stored."""

    name: str
    calendar_id: SlaCalendarId
    policy: SlaPolicy


_SELECT = """
select * from (
    select p.id, p.name, row_number() over (order by p.place, p.id) as place, v.version, v.id as version_id,
        v.calendar_id, v.policy, p.created_at, v.created_at as updated_at
    from sla_policies p
    join lateral (
        select * from sla_policy_versions where policy_id = p.id and is_offered order by version desc limit 1) v on true
    where not p.is_deleted
) as offered
"""
_UNKNOWN = f"""
select
    array(select one from unnest($1::text[]) one where not exists (select from teams where slug = one)) as teams,
    array(select one from unnest($2::text[]) one where not exists (select from categories where slug = one))
        as categories,
    array(select one from unnest($3::uuid[]) one where not exists
        (select from people p where p.id = one and p.is_active and {IS_DESK})) as people,
    not exists (select from sla_calendars where id = $4 and not is_deleted) as is_without_calendar
"""


class SlaPolicyStore:
    """Policies in PostgreSQL. Every change raises the edition; one at a time is made, and each leaves every policy
    within reach of some ticket."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> PolicyOrder:
        """The policies from the top."""
        edition = await self._pool.fetchval("select number from sla_edition")  # first: never newer than the order
        return PolicyOrder(edition, await _all(self._pool))

    async def read(self, id: SlaPolicyId) -> PolicyRecord:
        """Raises NotFoundError."""
        return await _read(self._pool, id)

    async def check_named(self, draft: PolicyDraft) -> None:
        """Raises UnknownReferenceError when the policy names what is not there: its calendar, a team, a category, or an
        active person of the desk."""
        await _check_named(self._pool, draft)

    async def add(
        self, draft: PolicyDraft, place: int | None, by: Author, key: RequestKey | None = None
    ) -> PolicyRecord:
        """Add a policy at this place, from 1; without one as far down as some ticket reaches it.

        Harmless to repeat under a key: the first one's answer is kept. Raises UnknownReferenceError,
        PolicyUnreachableError, AlreadyExistsError for a name in use, and LimitReachedError.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            await raise_edition(connection)
            standing = await _all(connection)
            if len(standing) >= MAX_POLICIES:
                raise LimitReachedError(f"There may be {MAX_POLICIES} policies.")
            await _check_named(connection, draft)
            ranked, conditions = [one.ranked for one in standing], draft.policy.conditions
            above = lowest_place(ranked, conditions) if place is None else min(place - 1, len(ranked))
            check_reachable([*ranked[:above], Ranked(draft.name, conditions), *ranked[above:]])
            id = await connection.fetchval(
                "insert into sla_policies (name, place) values ($1, 0) returning id", draft.name
            )
            await _add_version(connection, id, draft, by.id)
            ids = [one.id for one in standing]
            await _put_in_order(connection, [*ids[:above], id, *ids[above:]])
            return (await _read(connection, id)).model_dump(mode="json")

        try:
            return PolicyRecord.model_validate(await create_once(self._pool, key, create, by))
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExistsError(f"A policy “{draft.name}” exists already.") from error

    async def change(self, id: SlaPolicyId, draft: PolicyDraft, by: Author, expected: int | None) -> PolicyRecord:
        """Make a new version, which new tickets take; `expected` is the version that it follows, None for any.

        Raises NotFoundError, StaleRevisionError, UnknownReferenceError, PolicyUnreachableError, and AlreadyExistsError
        for a name in use.
        """
        try:
            async with authored(self._pool, by) as connection:
                await raise_edition(connection)
                present = await _read(connection, id)
                check_expected(present.version, expected)
                await _check_named(connection, draft)
                changed = Ranked(draft.name, draft.policy.conditions)
                check_reachable([changed if one.id == id else one.ranked for one in await _all(connection)])
                await connection.execute("update sla_policies set name = $2 where id = $1", id, draft.name)
                await _add_version(connection, id, draft, by.id)
                return await _read(connection, id)
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExistsError(f"A policy “{draft.name}” exists already.") from error

    async def add_draft(self, id: SlaPolicyId, draft: PolicyDraft, by: Author) -> int:
        """Make a new version that no ticket takes until it is rolled out; the policy keeps its name. Returns the
        version's id.

        Raises NotFoundError, UnknownReferenceError, PolicyUnreachableError.
        """
        async with authored(self._pool, by) as connection:
            present = await _read(connection, id)
            await _check_named(connection, draft)
            changed = Ranked(present.name, draft.policy.conditions)
            check_reachable([changed if one.id == id else one.ranked for one in await _all(connection)])
            return await _add_version(connection, id, draft, by.id, is_offered=False)

    async def delete(self, id: SlaPolicyId, by: Author, expected: int | None) -> None:
        """Take a policy off the list; the tickets that run on it go on. Raises NotFoundError, StaleRevisionError."""
        async with authored(self._pool, by) as connection:
            await raise_edition(connection)
            check_expected((await _read(connection, id)).version, expected)
            await connection.execute("update sla_policies set is_deleted = true where id = $1", id)

    async def reorder(self, ids: Sequence[SlaPolicyId], by: Author, expected: int | None) -> PolicyOrder:
        """Put the policies into this order; `expected` is the edition of the present one, None for any.

        Raises StaleRevisionError, PolicyUnreachableError, and ConflictError when it does not name every policy once.
        """
        async with authored(self._pool, by) as connection:
            edition = await raise_edition(connection)
            check_expected(edition - 1, expected)
            standing = {one.id: one for one in await _all(connection)}
            if sorted(ids) != sorted(standing):
                raise ConflictError("An order names every policy once; read them again.")
            check_reachable([standing[id].ranked for id in ids])
            await _put_in_order(connection, ids)
            return PolicyOrder(edition, await _all(connection))


async def _all(connection: "Connection | Pool") -> list[PolicyRecord]:
    return [_record(row) for row in await connection.fetch(f"{_SELECT} order by place")]


async def _read(connection: "Connection | Pool", id: SlaPolicyId) -> PolicyRecord:
    row = await connection.fetchrow(f"{_SELECT} where id = $1", id)
    if row is None:
        raise NotFoundError("There is no such policy.")
    return _record(row)


async def _check_named(connection: "Connection | Pool", draft: PolicyDraft) -> None:
    conditions, ladders = draft.policy.conditions, draft.policy.ladders.values()
    actions = [action for ladder in ladders for step in ladder.steps for action in step.actions]
    teams = {getattr(action, "team", None) for action in actions} - {None} | set(conditions.teams)
    people = {getattr(action, "person_id", None) for action in actions} - {None}
    unknown = await connection.fetchrow(
        _UNKNOWN, list(teams), list(conditions.categories), list(people), draft.calendar_id
    )
    if unknown is None:
        raise RuntimeError("a select without a table gave no row")
    if unknown["is_without_calendar"]:
        raise UnknownReferenceError(f"There is no calendar {draft.calendar_id}.")
    for what, names in (("team", unknown["teams"]), ("category", unknown["categories"])):
        if names:
            raise UnknownReferenceError(f"There is no {what} {', '.join(sorted(names))}.")
    if unknown["people"]:
        raise UnknownReferenceError(f"Nobody at the desk has the id {', '.join(sorted(map(str, unknown['people'])))}.")


async def _add_version(
    connection: Connection, id: SlaPolicyId, draft: PolicyDraft, by: PersonId | None, *, is_offered: bool = True
) -> int:
    version: int = await connection.fetchval(
        "insert into sla_policy_versions (policy_id, version, calendar_id, policy, created_by, is_offered) "
        "select $1, coalesce(max(version), 0) + 1, $2, $3::jsonb, $4, $5 from sla_policy_versions where policy_id = $1 "
        "returning id",
        id,
        draft.calendar_id,
        draft.policy.model_dump_json(),
        by,
        is_offered,
    )
    return version


async def _put_in_order(connection: Connection, ids: Sequence[SlaPolicyId]) -> None:
    await connection.execute(
        "update sla_policies p set place = o.place from unnest($1::int[]) with ordinality as o (id, place) "
        "where p.id = o.id",
        list(ids),
    )


def _record(row: asyncpg.Record) -> PolicyRecord:
    return PolicyRecord(**{**row, "policy": SlaPolicy.model_validate_json(row["policy"])})
