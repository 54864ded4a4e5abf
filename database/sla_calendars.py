"""Business calendars, each in versions that never change."""

from datetime import datetime
from typing import Any, NamedTuple, NoReturn

import asyncpg
from pydantic import BaseModel, ConfigDict, TypeAdapter

from database.audit import authored
from database.idempotency import RequestKey, create_once
from database.pool import Connection, Pool
from database.sla_edition import check_expected, raise_edition
from domain.audit import Author
from domain.business_calendar import BusinessCalendar
from domain.errors import AlreadyExistsError, CalendarInUseError, LimitReachedError, NotFoundError
from domain.holiday import Holiday, HolidayCountry
from domain.ids import PersonId, SlaCalendarId

MAX_CALENDARS = 200
_HOLIDAYS = TypeAdapter(tuple[Holiday, ...])
_COUNTRIES = TypeAdapter(tuple[HolidayCountry, ...])


class CalendarDraft(NamedTuple):
    """A calendar as it is to be stored. `holidays` are the dates of `calendar.holidays` by name, `countries` says which
    of them were taken over."""

    calendar: BusinessCalendar
    holidays: tuple[Holiday, ...] = ()
    countries: tuple[HolidayCountry, ...] = ()


class CalendarRecord(BaseModel):
    """A calendar in its latest version. `version` counts from 1; `version_id` is what clocks name."""

    model_config = ConfigDict(frozen=True)

    id: SlaCalendarId
    name: str
    version: int
    version_id: int
    calendar: BusinessCalendar
    holidays: tuple[Holiday, ...]
    countries: tuple[HolidayCountry, ...]
    created_at: datetime
    updated_at: datetime


_SELECT = """
select c.id, c.name, v.version, v.id as version_id, v.calendar, v.holidays, v.holiday_countries,
    c.created_at, v.created_at as updated_at
from sla_calendars c
join lateral (
    select * from sla_calendar_versions where calendar_id = c.id and is_offered order by version desc limit 1) v on true
where not c.is_deleted
"""
_USES = """
select
    array(select p.name from sla_policies p
        join lateral (select calendar_id from sla_policy_versions where policy_id = p.id and is_offered
            order by version desc limit 1) v on v.calendar_id = $1
        where not p.is_deleted order by p.place, p.id) as policies,
    (select count(distinct k.ticket_number) from sla_clocks k join sla_calendar_versions v on v.id = k.calendar_version
        where v.calendar_id = $1 and k.ended_at is null) as tickets
"""


class SlaCalendarStore:
    """Calendars in PostgreSQL. Every change raises the edition; one at a time is made."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> list[CalendarRecord]:
        """The calendars by name."""
        return [_record(row) for row in await self._pool.fetch(f"{_SELECT} order by lower(c.name), c.id")]

    async def read(self, id: SlaCalendarId) -> CalendarRecord:
        """Raises NotFoundError."""
        return await _read(self._pool, id)

    async def add(self, name: str, draft: CalendarDraft, by: Author, key: RequestKey | None = None) -> CalendarRecord:
        """Add a calendar in its first version. Raises AlreadyExistsError for a name in use, LimitReachedError.

        Harmless to repeat under a key: the first one's answer is kept.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            await raise_edition(connection)
            count = await connection.fetchval("select count(*) from sla_calendars where not is_deleted")
            if count >= MAX_CALENDARS:
                raise LimitReachedError(f"There may be {MAX_CALENDARS} calendars.")
            id = await connection.fetchval("insert into sla_calendars (name) values ($1) returning id", name)
            await _add_version(connection, id, draft, by.id)
            return (await _read(connection, id)).model_dump(mode="json")

        try:
            return CalendarRecord.model_validate(await create_once(self._pool, key, create, by))
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExistsError(f"A calendar “{name}” exists already.") from error

    async def change(
        self, id: SlaCalendarId, name: str, draft: CalendarDraft, by: Author, expected: int | None
    ) -> CalendarRecord:
        """Make a new version, which new tickets take; `expected` is the version that it follows, None for any.

        Raises NotFoundError, StaleRevisionError, and AlreadyExistsError for a name in use.
        """
        try:
            async with authored(self._pool, by) as connection:
                await raise_edition(connection)
                present = await _read(connection, id)
                check_expected(present.version, expected)
                await connection.execute("update sla_calendars set name = $2 where id = $1", id, name)
                await _add_version(connection, id, draft, by.id)
                return await _read(connection, id)
        except asyncpg.UniqueViolationError as error:
            raise AlreadyExistsError(f"A calendar “{name}” exists already.") from error

    async def add_draft(self, id: SlaCalendarId, draft: CalendarDraft, by: Author) -> int:
        """Make a new version that no ticket takes until it is rolled out; the calendar keeps its name. Returns the
        version's id. Raises NotFoundError."""
        async with authored(self._pool, by) as connection:
            await _read(connection, id)
            return await _add_version(connection, id, draft, by.id, is_offered=False)

    async def delete(self, id: SlaCalendarId, by: Author, expected: int | None) -> None:
        """Take a calendar off the list; its versions stay for the tickets of the past.

        Raises NotFoundError, StaleRevisionError, and CalendarInUseError when a policy or an open clock counts by it.
        """
        async with authored(self._pool, by) as connection:
            await raise_edition(connection)
            check_expected((await _read(connection, id)).version, expected)
            uses = await connection.fetchrow(_USES, id)
            if uses is not None and (uses["policies"] or uses["tickets"]):
                _raise_in_use(uses["policies"], uses["tickets"])
            await connection.execute("update sla_calendars set is_deleted = true where id = $1", id)


async def _read(connection: "Connection | Pool", id: SlaCalendarId) -> CalendarRecord:
    row = await connection.fetchrow(f"{_SELECT} and c.id = $1", id)
    if row is None:
        raise NotFoundError("There is no such calendar.")
    return _record(row)


async def _add_version(
    connection: Connection, id: SlaCalendarId, draft: CalendarDraft, by: PersonId | None, *, is_offered: bool = True
) -> int:
    version: int = await connection.fetchval(
        "insert into sla_calendar_versions (calendar_id, version, calendar, holidays, holiday_countries, created_by, "
        "is_offered) select $1, coalesce(max(version), 0) + 1, $2::jsonb, $3::jsonb, $4::jsonb, $5, $6 "
        "from sla_calendar_versions where calendar_id = $1 returning id",
        id,
        draft.calendar.model_dump_json(),
        _HOLIDAYS.dump_json(draft.holidays).decode(),
        _COUNTRIES.dump_json(draft.countries).decode(),
        by,
        is_offered,
    )
    return version


def _record(row: asyncpg.Record) -> CalendarRecord:
    return CalendarRecord(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        version_id=row["version_id"],
        calendar=BusinessCalendar.model_validate_json(row["calendar"]),
        holidays=_HOLIDAYS.validate_json(row["holidays"]),
        countries=_COUNTRIES.validate_json(row["holiday_countries"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _raise_in_use(policies: list[str], tickets: int) -> NoReturn:
    users = [f"the policy “{name}”" for name in policies]
    if tickets:
        users.append("the clocks of an open ticket" if tickets == 1 else f"the clocks of {tickets} open tickets")
    raise CalendarInUseError(f"This calendar is in use by {', '.join(users)}.")
